"""Run cards, units and questions of one night at the dyke, for every test that needs some."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.dispatch.domain.recommendation import decider, engine
from services.dispatch.domain.recommendation import inputs as facts_of
from services.dispatch.domain.recommendation.inputs import (
    Area,
    Candidate,
    Coverage,
    Inputs,
    Pace,
    Rest,
    Rules,
    Verdict,
)
from services.dispatch.domain.run_card import decider as cards
from services.dispatch.domain.run_card.content import (
    AlarmLevel,
    Conditions,
    Content,
    Grade,
    Hours,
    Override,
    ResponseLevel,
    Want,
)
from tests.dispatch.facts import DYKE, NOW, minute

BOATS = Want(kinds=("boat",), capabilities=("water_rescue",), number=2)
MEDICAL = Want(kinds=("medical",), number=1)
CARD = Content(
    title="洪水（样本）",
    sample=True,
    source="演练用，自编",
    conditions=Conditions(
        type_codes=("11A",),
        minimum_grade=Grade.LARGER,
        minimum_response_level=ResponseLevel.III,
        adcodes=("431281102",),
        hours=Hours(start=22, end=6),
        months=(4, 5, 6, 7, 8, 9),
        address="大堤",
        latitude=27.3,
        longitude=110.1,
        within_m=2000,
        risk_site_id="dyke-1",
        starts_at=minute(-60),
        ends_at=minute(600),
    ),
    levels=(
        AlarmLevel(alarm_level=1, wants=(BOATS,)),
        AlarmLevel(alarm_level=2, wants=(MEDICAL,)),
    ),
    overrides=(Override(adcode="431281102", alarm_level=2, wants=(MEDICAL, BOATS), reason="沿江"),),
    radius_m=50_000,
    planned_start_at=minute(30),
    instructions="先通知堤防值守",
)
ABOUT: Any = {"run_card_id": "flood", "adcode": "431281"}
drafted = cards.RunCardDrafted(
    **ABOUT, version=1, content=CARD, recorded_by="planner.he", occurred_at=NOW
)
revised = cards.RunCardRevised(
    **ABOUT, version=2, content=CARD, reason="加医疗", recorded_by="planner.he", occurred_at=NOW
)
published = cards.RunCardPublished(
    **ABOUT,
    version=1,
    supersedes=0,
    title=CARD.title,
    sample=True,
    body="市防汛抗旱指挥部",
    reference="演练〔2026〕1号",
    recorded_by="mayor.chen",
    occurred_at=NOW,
)
retired = cards.RunCardRetired(
    **ABOUT, title=CARD.title, reason="改用新卡", recorded_by="mayor.chen", occurred_at=NOW
)
RULES = Rules(
    version="t1",
    source="tests",
    road_factor=1.4,
    pace=Pace(speed_kmh=40.0, turnout_s=100.0),
    kinds={"boat": Pace(speed_kmh=30.0, turnout_s=180.0)},
    approval_s=600.0,
    radius_m=80_000,
    position_max_age_s=1800.0,
    routed=25,
    routing_timeout_s=1.0,
    listed=40,
    next_best=10,
    stale_after_s=10.0,
    move_ups=3,
)
AREA = Area(
    adcode="431281102",
    name="安江镇",
    latitude=27.32,
    longitude=110.1,
    kinds=("boat",),
    minimum=1,
    within_s=1800.0,
)
COVERAGE = Coverage(version="c1", source="tests", areas=(AREA,))


def boat(unit_id: str, km: float = 1.0, **changes: Any) -> Candidate:
    """Return a boat that lies so many kilometres north of the dyke."""
    facts: dict[str, Any] = {
        "unit_id": unit_id,
        "name": f"{unit_id}号艇",
        "kind": "boat",
        "capabilities": ("water_rescue",),
        "adcode": "431281102",
        "latitude": 27.3 + km / 111.195,
        "longitude": 110.1,
        "crew": 3,
        "minimum_crew": 2,
        "position": 7,
    }
    return Candidate(**{**facts, **changes})


def asked(*candidates: Candidate, **changes: Any) -> Inputs:
    facts: dict[str, Any] = {
        "at": NOW,
        "incident_id": "i1",
        "type_code": "11A01",
        "place": DYKE,
        "wants": (BOATS,),
        "radius_m": 80_000,
        "candidates": candidates,
        "rules": RULES,
        "coverage_version": "c1",
        "fleet": facts_of.Fleet(position=41, age_s=0.4),
    }
    return Inputs(**{**facts, **changes})


NIGHT = asked(
    boat("b1", 1),
    boat("b2", 3, mobilisation_class="social"),
    boat("b3", 6, positioned_at=minute(-5), routed_s=412.5),
    boat("b4", 2, holder="a9", held_for="i9"),
    boat("b5", 2, holder="a8", held_for="i1"),
    boat("b6", 2, holder="console", held_for="", held_until=NOW + timedelta(seconds=30)),
    boat("b7", 4, rest_until=minute(60)),
    boat("b8", 5, crew=1),
    boat("b9", 300),
    boat("e1", 1, kind="engine", capabilities=("rescue",)),
    wants=(BOATS, MEDICAL),
    rest=(
        Rest(wants=(0,), verdict=Verdict.HELD, count=4),
        Rest(wants=(), verdict=Verdict.LACKS_CAPABILITY, count=90),
    ),
    areas=(AREA,),
    approval_classes=("social",),
    card=facts_of.Card(
        run_card_id="flood",
        version=1,
        alarm_level=2,
        reasons=("type 11A",),
        tied=("flood-2",),
        planned_start_at=minute(30),
        instructions="先通知堤防值守",
    ),
)
NIGHT_RESULT = engine.recommend(NIGHT)
made = decider.RecommendationMade(
    recommendation_id="r1",
    incident_id="i1",
    adcode=DYKE.adcode,
    picked=tuple(one.unit_id for one in NIGHT_RESULT.picks),
    missing=sum(one.missing for one in NIGHT_RESULT.shortfalls),
    inputs=NIGHT,
    result=NIGHT_RESULT,
    requested_by="diao.lin",
    occurred_at=NOW,
)
RUN_CARD_FACTS = [drafted, revised, published, retired]
