"""What people see: times in Beijing, how old the answer is, the overdue first in red."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console, RenderableType

from services.cli import stock, views
from services.cli.rpc import find, plain

NOW = datetime(2026, 6, 17, 18, 0, tzinfo=UTC)
FRESH = {"position": "42", "event_time": "2026-06-17T17:10:00Z"}


def text(view: RenderableType) -> str:
    console = Console(width=240, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(view)
    return capture.get()


def answer(rpc: str, **fields: Any) -> dict[str, Any]:
    return plain(find(rpc).response(**fields))


def test_a_timeline_has_both_clocks_and_who() -> None:
    entry = {
        "position": 7,
        "type": "UnitDispatched.v1",
        "actor": "dispatcher.wang",
        "role": "dispatcher",
        "summary": "派出 [一号艇]",
        "exercise": "flood-2026",
        "occur_time": NOW,
        "record_time": NOW,
    }
    told = text(views.timeline(answer("GetTimeline", entries=[entry]), NOW))
    assert "2026-06-18 02:00:00" in told
    assert "dispatcher.wang (dispatcher)" in told
    assert "派出 [一号艇]" in told, "brackets are not markup"
    assert "drill flood-2026" in told


def test_a_board_says_how_old_it_is_even_when_it_is_empty() -> None:
    empty = {"incidents": [], "assignments": [], "freshness": {"command": FRESH, "dispatch": FRESH}}
    told = text(views.board(empty, NOW))
    assert "0 open incidents" in told
    assert "position 42, 2026-06-18 01:10:00; read at 02:00:00" in told


def test_a_board_names_who_does_not_answer() -> None:
    assignments = answer(
        "ListAssignments",
        assignments=[
            {"unit_id": "boat-1", "state": "ASSIGNMENT_STATE_DISPATCHED", "incident_id": "i"},
            {"unit_id": "boat-2", "acknowledgement_overdue": True},
            {"unit_id": "boat-3", "asks": True, "close_reason": "UNIT_HELD: boat-3 is held"},
        ],
    )
    incidents = answer(
        "ListIncidents",
        incidents=[
            {
                "incident_id": "i",
                "title": "滑坡",
                "response_level": "RESPONSE_LEVEL_III",
                "commander": "head",
                "pending_transfer": {"to": "li"},
                "exercise": "flood",
            }
        ],
    )
    told = text(
        views.board(
            {**incidents, **assignments, "freshness": {"command": FRESH, "dispatch": FRESH}}, NOW
        )
    )
    assert "head → li?" in told
    assert "Ⅲ" in told
    assert "演练" in told
    [overdue] = [line for line in told.splitlines() if "boat-2" in line]
    assert "NO ANSWER" in overdue
    assert "UNIT_HELD" in told


def test_a_board_says_how_long_each_has_been_so_and_where() -> None:
    assignments = answer(
        "ListAssignments",
        assignments=[
            {
                "unit_id": "boat-1",
                "state": "ASSIGNMENT_STATE_EN_ROUTE",
                "destination": {"adcode": "431281102", "address": "安江镇大堤"},
                "dispatch_time": NOW - timedelta(minutes=20),
                "en_route_time": NOW - timedelta(minutes=15),
            }
        ],
    )
    whole = {"incidents": [], **assignments, "freshness": {"command": FRESH, "dispatch": FRESH}}
    [line] = [line for line in text(views.board(whole, NOW)).splitlines() if "boat-1" in line]
    assert "15:00" in line
    assert "安江镇大堤" in line
    then = views.board(whole, NOW, NOW - timedelta(minutes=5))
    [line] = [line for line in text(then).splitlines() if "boat-1" in line]
    assert "10:00" in line, "of the past, the age that it had"


@pytest.mark.parametrize(
    ("ago", "told"),
    [
        (timedelta(seconds=70), "01:10"),
        (timedelta(hours=2, minutes=5), "2 h 05"),
        (timedelta(days=3, hours=4), "3 d 04 h"),
        (timedelta(seconds=-5), "00:00"),
    ],
)
def test_ages_are_short(ago: timedelta, told: str) -> None:
    assert views.age((NOW - ago).isoformat(), NOW) == told


def test_clocks_show_what_is_owed_and_what_came_late() -> None:
    deadline = {
        "name": "事故快报",
        "recipient_name": "湖南省应急管理厅",
        "due_time": NOW,
        "percent": 100,
        "state": "DEADLINE_STATE_OVERDUE",
        "owed_by": "REPORTING_PARTY_COUNTY",
        "incident_title": "爆炸",
        "exercise": "drill",
    }
    late = {"kind": "FINDING_KIND_LATE", "deadline": deadline, "incident_title": "爆炸"}
    told = text(
        views.clocks(
            {
                **answer("ListDeadlines", deadlines=[deadline]),
                "findings": answer("ListFindings", findings=[late])["findings"],
                "freshness": FRESH,
            },
            NOW,
        )
    )
    assert "2026-06-18 02:00:00  100 %  overdue" in told
    assert "爆炸  演练" in told
    assert "迟报" in told
    assert "事故快报 → 湖南省应急管理厅" in told
    assert "1 clocks, 1 findings" in told
    assert "position 42" in told


def test_units_name_their_holder() -> None:
    unit = {
        "unit_id": "boat-1",
        "status": "UNIT_STATUS_ASSIGNED",
        "holds": [{"holder": "a7", "incident_id": "flood"}],
    }
    told = text(views.units(answer("ListUnits", units=[unit]), NOW))
    assert "assigned" in told
    assert "flood (a7)" in told


def test_the_keeper_sees_first_what_is_wrong_and_where_the_rest_is() -> None:
    legs = [
        {"stop": {"name": "洗马渡口"}, "carrier": "湘N12345"},
        {"stop": {"depot_id": "tuokou"}, "carrier": "冲锋舟"},
    ]
    of = {"depot_id": "city", "item": "water"}
    road = {
        "transfer_id": "t1",
        "item": "water",
        "from_depot_id": "city",
        "to_depot_id": "tuokou",
        "quantity": 380,
        "damaged": 2,
        "legs": legs,
        "current_leg": 2,
        "incident_id": "flood",
    }
    items = answer(
        "resources.StockService/ListItems",
        items=[{"item": "water", "name": "饮用水", "unit": "箱"}],
    )
    told = text(
        stock.view(
            {
                "stocks": answer(stock.STOCKS, stocks=[{**of, "on_hand": 617, "minimum": 700}])[
                    "stocks"
                ],
                "transfers": answer(stock.ROADS, transfers=[road])["transfers"],
                "expiring": answer(
                    stock.EXPIRING, lots=[{**of, "expire_date": "2026-06-01", "expired": True}]
                )["lots"],
                "alarms": answer(
                    stock.ALARMS, alarms=[{**of, "depot_name": "市库", "usable": 617}]
                )["alarms"],
                "items": {one["item"]: one for one in items["items"]},
                "freshness": FRESH,
            },
            NOW,
        )
    )

    assert told.index("1 below minimum") < told.index("1 lots expired") < told.index("1 stocks")
    assert "2026-06-01 EXPIRED" in told
    assert "378 of 380" in told
    assert "at 洗马渡口" in told, "it waits for its second leg"
    assert "饮用水 water（箱）" in told
    assert "position 42" in told


@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        ({"count": 3, "median_s": 61.6, "p90_s": 120.2}, "62 / 120 (3)"),
        ({"count": 0, "median_s": 0.0, "p90_s": 0.0}, "—"),
        (None, "—"),
    ],
)
def test_an_interval_without_measurements_is_no_zero(interval: Any, shown: str) -> None:
    assert views.interval(interval) == shown
