"""What a dispatcher sees of a point and of the expert pool."""

from __future__ import annotations

from typing import Any

from services.cli import site_views
from services.cli.rpc import find, plain
from tests.cli.test_views import FRESH, NOW, text

HOME = {"adcode": "431200", "address": "怀化市"}


def answered(rpc: str, **fields: Any) -> dict[str, Any]:
    return plain(find(rpc).response(**fields))


def test_what_is_near_says_whom_to_call_and_what_is_closed() -> None:
    sites = answered(
        "FindNearestRiskSites",
        candidates=[
            {
                "distance_m": 412,
                "site": {
                    "site_id": "slope",
                    "name": "屋背滑坡",
                    "state": 3,
                    "threatened_people": 43,
                    "threatened_households": 12,
                    "responsible": "村主任",
                    "responsible_phone": "139",
                    "instructions": "向东撤",
                },
            }
        ],
    )
    points = answered(
        "FindNearestLandingPoints",
        candidates=[
            {
                "distance_m": 2340,
                "landing_point": {
                    "landing_point_id": "pad",
                    "name": "停机坪",
                    "length_m": 30,
                    "width_m": 25.5,
                    "surface": "concrete",
                    "night_lighting": True,
                    "closed_reason": "积水",
                    "exercise": "d1",
                },
            }
        ],
    )
    shown = text(
        site_views.near(
            {
                "risk_sites": sites["candidates"],
                "landing_points": points["candidates"],
                "freshness": FRESH,
            },
            NOW,
        )
    )
    for said in ("412 m", "danger", "43 人 12 户", "村主任 139", "向东撤", "2.3 km", "30 × 25.5 m"):
        assert said in shown
    assert "closed: 积水" in shown
    assert "演练" in shown
    nothing = {"risk_sites": [], "landing_points": [], "freshness": FRESH}
    assert "0 risk sites" in text(site_views.near(nothing, NOW))


def test_an_expert_shows_who_has_them_or_why_they_cannot_come() -> None:
    found = answered(
        "ListExperts",
        experts=[
            {
                "expert_id": "shi",
                "name": "石工",
                "types": [2, 3],
                "fields": ["geology"],
                "phone": "139",
                "home": HOME,
                "state": 4,
                "call_ups": [
                    {"incident_id": "old", "release_time": NOW},
                    {"incident_id": "flood", "ordered_by": "陈市长"},
                ],
            },
            {
                "expert_id": "tang",
                "name": "唐教授",
                "types": [1],
                "fields": ["law", "new_field"],
                "state": 2,
                "unavailable_reason": "出差",
                "expected_back_time": NOW,
            },
        ],
    )
    answer = {**found, "fields": {"geology": "地质灾害", "law": "应急法律"}, "freshness": FRESH}
    shown = text(site_views.experts(answer, NOW))
    for said in ("地质灾害", "on scene, technical", "arrived flood (陈市长)", "139", "怀化市"):
        assert said in shown
    assert "应急法律、new_field" in shown
    assert "unavailable 出差, 2026-06-18 02:00:00" in shown
    assert "2 experts" in shown
