"""Response times equal those that somebody else would compute, and a replay gives the same rows."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from services.dispatch.projections import DISPATCH
from services.dispatch.projections.tables import ASSIGNMENTS, INCIDENTS
from services.dispatch.servicer.response_groups import Targets, grouped
from services.dispatch.servicer.response_times import percentile
from services.runtime.readmodel import ReadModel
from services.runtime.store import EventStore
from tests.dispatch.conftest import Dispatch
from tests.service import refusal

DRILL = "drill-times"
# 2013 begins in Hongjiang 16 hours before it does in San Francisco.
NEW_YEAR = datetime(2012, 12, 31, 20, tzinfo=UTC)


def stamp(moment: datetime) -> Timestamp:
    written = Timestamp()
    written.FromDatetime(moment)
    return written


async def test_response_times_are_what_anybody_would_compute(
    dispatch: Dispatch, store: EventStore
) -> None:
    caller = dispatch.tokens.caller("bo.xin", "dispatcher", exercise=DRILL)
    incident, random = dispatch.incident(DRILL), Random(7)
    told: list[tuple[str, datetime, datetime, datetime | None, datetime | None]] = []
    position = 0
    for number in range(40):
        kind = random.choice(["engine", "boat"])
        sent = NEW_YEAR + timedelta(hours=random.randrange(-30, 30), milliseconds=number)
        called = sent - timedelta(seconds=random.randrange(-5, 120))
        left = sent + timedelta(seconds=random.randrange(-10, 200)) if number % 5 else None
        there = sent + timedelta(seconds=random.randrange(0, 900)) if number % 7 else None
        told.append((kind, called, sent, left, there))
        made = await dispatch.create(
            caller,
            incident_id=incident,
            unit_id=dispatch.unit(kind),
            call_time=stamp(called),
            occur_time=stamp(sent),
        )
        position = made.position
        if there is not None:  # the radio brings the later news first
            arrived = pb.RecordOnSceneRequest(
                assignment_id=made.assignment_id, occur_time=stamp(there)
            )
            position = (await dispatch.ask("RecordOnScene", arrived, caller)).position
        if left is not None:
            set_out = pb.RecordEnRouteRequest(
                assignment_id=made.assignment_id, occur_time=stamp(left)
            )
            position = (await dispatch.ask("RecordEnRoute", set_out, caller)).position

    for zone in ("", "America/Los_Angeles"):
        request = pb.GetResponseTimesRequest(time_zone=zone, exercise=DRILL)
        request.read.min_position = position
        answer = await dispatch.ask("GetResponseTimes", request)
        expected = _computed(told, ZoneInfo(zone or "Asia/Shanghai"))
        assert {(row.unit_kind, row.year) for row in answer.rows} == set(expected)
        assert len({row.year for row in answer.rows}) == 2
        for row in answer.rows:
            intervals, backwards = expected[row.unit_kind, row.year]
            assert row.reversed == backwards
            for name, seconds in intervals.items():
                interval = getattr(row, name)
                assert interval.count == len(seconds)
                assert interval.median_s == pytest.approx(_quantile(seconds, 50))
                assert interval.p90_s == pytest.approx(_quantile(seconds, 90))

    only = pb.GetResponseTimesRequest(
        exercise=DRILL, start_time=stamp(NEW_YEAR), end_time=stamp(NEW_YEAR + timedelta(hours=5))
    )
    counted = sum(row.call_processing.count for row in await _rows(dispatch, only))
    within = [t for t in told if NEW_YEAR <= t[2] < NEW_YEAR + timedelta(hours=5)]
    assert counted == len([t for t in within if t[1] <= t[2]])

    await _a_replay_gives_the_same_rows(dispatch, store)


async def test_drills_are_not_counted_in_earnest(dispatch: Dispatch) -> None:
    caller = dispatch.tokens.caller("bo.xin", "dispatcher", exercise="drill-other")
    kind = "excavator"
    made = await dispatch.create(
        caller, incident_id=dispatch.incident("drill-other"), unit_id=dispatch.unit(kind)
    )
    earnest, drill = (
        pb.GetResponseTimesRequest(),
        pb.GetResponseTimesRequest(exercise="drill-other"),
    )
    earnest.read.min_position = drill.read.min_position = made.position

    assert kind not in {row.unit_kind for row in await _rows(dispatch, earnest)}
    assert [row.unit_kind for row in await _rows(dispatch, drill)] == [kind]


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "America", "x\0y"])
async def test_an_unknown_zone_is_refused(dispatch: Dispatch, zone: str) -> None:
    said = await refusal(
        dispatch.ask("GetResponseTimes", pb.GetResponseTimesRequest(time_zone=zone))
    )

    assert (said.reason, said.fields) == ("TIME_ZONE_UNKNOWN", ("time_zone",))


async def test_groups_are_what_numpy_would_compute(dispatch: Dispatch) -> None:
    drill = "drill-groups"
    caller = dispatch.tokens.caller("bo.xin", "dispatcher", exercise=drill)
    incident, random = dispatch.incident(drill), Random(11)
    told: dict[int, list[float]] = defaultdict(list)
    position = missing = 0
    for number in range(24):
        sent = NEW_YEAR + timedelta(hours=number % 3, seconds=random.randrange(60))
        left = sent + timedelta(seconds=random.randrange(-5, 200)) if number % 4 else None
        made = await dispatch.create(
            caller,
            incident_id=incident,
            unit_id=dispatch.unit("engine"),
            call_time=stamp(sent - timedelta(seconds=50)),
            first_answer_time=stamp(sent - timedelta(seconds=80)),
            ring_time=stamp(sent - timedelta(seconds=70)),
            answer_time=stamp(sent - timedelta(seconds=58)),
            occur_time=stamp(sent),
        )
        position = made.position
        if left is None:
            missing += 1
            continue
        set_out = pb.RecordEnRouteRequest(assignment_id=made.assignment_id, occur_time=stamp(left))
        position = (await dispatch.ask("RecordEnRoute", set_out, caller)).position
        told[sent.astimezone(ZoneInfo("Asia/Shanghai")).hour].append((left - sent).total_seconds())
    percents = [12.5, 50, 90, 99.9]
    request = pb.GetResponseTimesRequest(
        exercise=drill, group_by=[pb.RESPONSE_DIMENSION_HOUR], percents=percents
    )
    request.read.min_position = position
    answer = await dispatch.ask("GetResponseTimes", request)

    assert {group.hour for group in answer.groups} == set(told)
    for group in answer.groups:
        [turnout] = [o for o in group.intervals if o.interval == pb.RESPONSE_INTERVAL_TURNOUT]
        good = [one for one in told[group.hour] if one >= 0]
        assert (turnout.count, turnout.reversed) == (len(good), len(told[group.hour]) - len(good))
        assert {p.percent: pytest.approx(p.seconds) for p in turnout.percentiles} == {
            percent: np.percentile(good, percent, method="linear") for percent in percents
        }
        [target] = turnout.targets
        assert target.target_id == "nfpa1710-turnout-fire-90"
        assert target.share_within == sum(one <= 80 for one in good) / len(good)
    assert missing == sum(
        one.missing
        for group in answer.groups
        for one in group.intervals
        if one.interval == pb.RESPONSE_INTERVAL_TURNOUT
    )
    whole = pb.GetResponseTimesRequest(exercise=drill)
    [everything] = (await dispatch.ask("GetResponseTimes", whole)).groups
    measured = {one.interval: one for one in everything.intervals}
    at_half = {name: one.percentiles[0].seconds for name, one in measured.items() if one.count}
    assert at_half[pb.RESPONSE_INTERVAL_TRANSFER] == 10
    assert at_half[pb.RESPONSE_INTERVAL_ANSWER] == 12
    assert at_half[pb.RESPONSE_INTERVAL_PROCESSING] == 58, "from the answer, where it is known"
    assert measured[pb.RESPONSE_INTERVAL_INITIATING_ACTION].missing == 24


TARGETS = Targets(version="1", source="", targets=())


def test_a_call_counts_once_however_many_units_it_was_answered_with() -> None:
    row = SimpleNamespace(
        incident_id="i1",
        unit_kind="engine",
        call_at=None,
        first_answered_at=None,
        rang_at=0,
        answered_at=5_000_000,
        dispatched_at=9_000_000,
        en_route_at=None,
        on_scene_at=None,
        initiating_action_at=None,
    )
    [group] = grouped([row, row], [], [50], ZoneInfo("Asia/Shanghai"), TARGETS)

    counts = {one.interval: (one.count, one.missing) for one in group.intervals}
    assert group.assignments == 2
    assert counts[pb.RESPONSE_INTERVAL_ANSWER] == (1, 0)
    assert counts[pb.RESPONSE_INTERVAL_TRANSFER] == (0, 1)
    assert counts[pb.RESPONSE_INTERVAL_PROCESSING] == (2, 0)


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=50),
    st.floats(0.1, 99.9),
)
def test_percentiles_are_numpy_s(seconds: list[float], q: float) -> None:
    expected = np.percentile(seconds, q, method="linear")
    assert percentile(sorted(seconds), q / 100) == pytest.approx(expected, abs=1e-6)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.sampled_from([50, 90]))
def test_percentiles_interpolate_between_the_closest_ranks(seconds: list[float], q: int) -> None:
    assert percentile(sorted(seconds), q / 100) == pytest.approx(_quantile(seconds, q))


async def _rows(
    dispatch: Dispatch, request: pb.GetResponseTimesRequest
) -> list[pb.GetResponseTimesResponse.Row]:
    return list((await dispatch.ask("GetResponseTimes", request)).rows)


async def _a_replay_gives_the_same_rows(dispatch: Dispatch, store: EventStore) -> None:
    async def rows(model: ReadModel) -> list[Any]:
        async with model.read(min_position=dispatch.model.seen.position) as (connection, _):
            found: list[Any] = []
            for table in (ASSIGNMENTS, INCIDENTS):
                found += (await connection.execute(select(table).order_by(table.c[0]))).all()
            return found

    again = ReadModel(DISPATCH, store, "sqlite+aiosqlite://")
    await again.open()
    try:
        following = asyncio.create_task(again.run())
        assert await rows(again) == await rows(dispatch.model)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    finally:
        await again.close()


def _computed(told: list[Any], zone: ZoneInfo) -> dict[Any, tuple[dict[str, list[float]], int]]:
    found: dict[Any, tuple[dict[str, list[float]], int]] = {}
    groups: dict[Any, list[Any]] = defaultdict(list)
    for kind, *times in told:
        groups[kind, times[1].astimezone(zone).year].append(times)
    for group, members in groups.items():
        pairs = {
            "call_processing": [(called, sent) for called, sent, _, _ in members],
            "turnout": [(sent, left) for _, sent, left, _ in members],
            "travel": [(left, there) for _, _, left, there in members],
        }
        lasted = {
            name: [(end - start).total_seconds() for start, end in both if start and end]
            for name, both in pairs.items()
        }
        backwards = sum(s < 0 for seconds in lasted.values() for s in seconds)
        found[group] = ({n: [s for s in ss if s >= 0] for n, ss in lasted.items()}, backwards)
    return found


def _quantile(values: list[float], q: int) -> float:
    """Return numpy's default percentile, spelled out another way."""
    if not values:
        return 0.0
    ranked = sorted(values)
    whole, rest = divmod(q * (len(ranked) - 1), 100)
    if not rest:
        return ranked[whole]
    return ranked[whole] * (1 - rest / 100) + ranked[whole + 1] * rest / 100
