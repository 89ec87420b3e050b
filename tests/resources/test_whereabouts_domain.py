"""What is believed of a fix, when a danger is in force, and what is written of who is where."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.resources.domain import device, hazard_area, plot
from services.resources.domain.fix import Fix, Limits, judge
from services.resources.domain.hazard_area import (
    DeclareHazardArea,
    ExpireHazardArea,
    HazardAreaDeclared,
    HazardAreaLifted,
    HazardAreaRedrawn,
    LiftHazardArea,
    RedrawHazardArea,
)
from services.resources.domain.plot import Aspect, ChangePlot, IncidentPlotChanged
from services.resources.domain.unit import INITIAL, UnitRegistered
from services.resources.domain.unit_rules import decide, evolve
from services.resources.domain.whereabouts import (
    EnterHazardArea,
    LeaveHazardArea,
    Left,
    NotePosition,
    UnitEnteredHazardArea,
    UnitLeftHazardArea,
    UnitPositionNoted,
)
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import AlreadyExists, Forbidden, Invalid, NotFound
from tests.spec import spec

NOW = datetime(2026, 6, 1, 4, 15, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
LI = Actor(subject="commander.li", roles=("commander",), jurisdiction="431281")
ELSEWHERE = Actor(subject="commander.far", roles=("commander",), jurisdiction="431271")
LIMITS = Limits(
    version="1",
    source="",
    stale_after_s=1800,
    ahead_at_most_s=60,
    leave_margin_m=30,
    share_every_s=1,
)
FIX = Fix(
    unit_id="boat",
    latitude=27.3,
    longitude=110.1,
    fixed_at=NOW,
    received_at=NOW,
    source="phone",
)


# A fix.


@pytest.mark.parametrize(
    ("wrong", "reason", "field"),
    [
        ({"latitude": 0.0, "longitude": 0.0}, "NO_FIX", "latitude, longitude"),
        ({"latitude": 90.1}, "OUT_OF_RANGE", "latitude"),
        ({"latitude": float("nan")}, "OUT_OF_RANGE", "latitude"),
        ({"longitude": -180.5}, "OUT_OF_RANGE", "longitude"),
        ({"longitude": float("inf")}, "OUT_OF_RANGE", "longitude"),
        ({"fixed_at": NOW + timedelta(seconds=61)}, "CLOCK_AHEAD", "fix_time"),
        ({"accuracy_m": -1.0}, "OUT_OF_RANGE", "accuracy_m"),
        ({"speed_mps": float("nan")}, "OUT_OF_RANGE", "speed_mps"),
        ({"heading_deg": 361.0}, "OUT_OF_RANGE", "heading_deg"),
    ],
)
def test_what_no_working_device_says_is_refused(
    wrong: dict[str, Any], reason: str, field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        judge(replace(FIX, **wrong), LIMITS)
    assert (refusal.value.reason, refusal.value.context["field"]) == (reason, field)


@pytest.mark.parametrize(
    "right",
    [
        {"latitude": 0.0},
        {"fixed_at": NOW + timedelta(seconds=60)},
        {"fixed_at": NOW - timedelta(days=400)},
        {"accuracy_m": 0.0, "speed_mps": 0.0, "heading_deg": 360.0},
    ],
)
def test_what_a_device_may_say_is_believed(right: dict[str, Any]) -> None:
    judge(replace(FIX, **right), LIMITS)


def test_a_fix_grows_stale_and_is_never_younger_than_now() -> None:
    assert not FIX.is_stale(NOW + timedelta(seconds=1800), LIMITS)
    assert FIX.is_stale(NOW + timedelta(seconds=1801), LIMITS)
    assert replace(FIX, fixed_at=LATER).age(NOW) == timedelta()


# What the unit's own stream says.

given = spec(decide, evolve, INITIAL)
registered = UnitRegistered(
    unit_id="boat",
    name="冲锋舟",
    kind="boat",
    capabilities=(),
    home=Place(adcode="431281102"),
    staffing=4,
    contact="",
    occurred_at=NOW,
)
THERE: dict[str, Any] = {"latitude": 27.3, "longitude": 110.1, "source": "phone"}
ABOUT: dict[str, Any] = {"unit_id": "boat", "incident_id": "flood", "occurred_at": NOW}
SEEN: dict[str, Any] = {
    **ABOUT,
    **THERE,
    "accuracy_m": 8.0,
    "fixed_at": NOW,
    "because": "UnitReserved",
}
CROSSED: dict[str, Any] = {**ABOUT, **THERE, "hazard_area_id": "dyke"}
HOME: dict[str, Any] = {"adcode": "431281102"}

noted = UnitPositionNoted(**SEEN, **HOME)
entered = UnitEnteredHazardArea(**CROSSED, **HOME, accuracy_m=None)
left = UnitLeftHazardArea(**CROSSED, **HOME, why=Left.MOVED)


def test_a_position_is_noted_once_and_an_older_one_never() -> None:
    note = NotePosition(**SEEN)
    earlier = replace(note, fixed_at=NOW - timedelta(seconds=1))

    given(registered).when(note).then(noted)
    given(registered, noted).when(note).then()
    given(registered, noted).when(earlier).then()
    given().when(note).then_refused("NO_SUCH_UNIT")


def test_an_entry_is_written_once_until_the_unit_has_left() -> None:
    enter = EnterHazardArea(**CROSSED, accuracy_m=None)
    leave = LeaveHazardArea(**CROSSED, why=Left.MOVED)

    given(registered).when(enter).then(entered)
    given(registered, entered).when(enter).then()
    given(registered, entered).when(leave).then(left)
    given(registered, entered, left).when(leave).then()
    given(registered, entered, left).when(enter).then(entered)
    given(registered).when(leave).then()


# Hazard areas.

area = spec(hazard_area.decide, hazard_area.evolve, hazard_area.INITIAL)
RING = ((110.0, 27.2), (110.2, 27.2), (110.2, 27.4), (110.0, 27.4), (110.0, 27.2))
WIDER = ((109.9, 27.2), (110.2, 27.2), (110.2, 27.4), (109.9, 27.4), (109.9, 27.2))
DYKE: dict[str, Any] = {"hazard_area_id": "dyke", "occurred_at": NOW}
TOLD: dict[str, Any] = {
    **DYKE,
    "name": "大堤",
    "kind": "flood",
    "reason": "管涌",
    "adcode": "431281102",
    "incident_id": "flood",
    "rings": (RING,),
    "ends_at": LATER,
}
declare = DeclareHazardArea(by=LI, **TOLD)
declared = HazardAreaDeclared(**TOLD, declared_by=LI.subject)
OF_IT: dict[str, Any] = {**DYKE, "adcode": "431281102", "incident_id": "flood"}
redraw = RedrawHazardArea(by=LI, **DYKE, reason="涨水", rings=(WIDER,), ends_at=None)
redrawn = HazardAreaRedrawn(
    **OF_IT, reason="涨水", rings=(WIDER,), ends_at=None, redrawn_by=LI.subject
)
lift = LiftHazardArea(by=LI, **DYKE, reason="排除")
lifted = HazardAreaLifted(**OF_IT, reason="排除", lifted_by=LI.subject)


def test_an_area_is_declared_redrawn_and_lifted() -> None:
    area().when(declare).then(declared)
    area(declared).when(declare).then()
    area(declared).when(redraw).then(redrawn)
    area(declared, redrawn).when(redraw).then()
    area(declared).when(lift).then(lifted)
    area(declared, lifted).when(lift).then()


def test_an_id_is_not_used_twice_and_nothing_is_redrawn_that_is_not_in_force() -> None:
    area(declared).when(replace(declare, name="别处")).then_refused("HAZARD_AREA_EXISTS")
    area(declared, lifted).when(declare).then_refused("HAZARD_AREA_EXISTS")
    area(declared, lifted).when(redraw).then_refused("HAZARD_AREA_LIFTED")
    area().when(redraw).then_refused("NO_SUCH_HAZARD_AREA")
    area().when(lift).then_refused("NO_SUCH_HAZARD_AREA")


def test_an_area_runs_out_when_its_time_has_come_and_not_before() -> None:
    def expire(now: datetime) -> ExpireHazardArea:
        return ExpireHazardArea(hazard_area_id="dyke", now=now)

    ran_out = replace(lifted, reason="expired", lifted_by="", occurred_at=LATER)
    area(declared).when(expire(LATER)).then(ran_out)
    area(declared).when(expire(LATER - timedelta(seconds=1))).then()
    area(declared, redrawn).when(expire(LATER)).then()
    area(declared, lifted).when(expire(LATER)).then()


@pytest.mark.parametrize(
    ("rings", "reason"),
    [
        ((), "POLYGON_EMPTY"),
        ((RING[:-1],), "RING_OPEN"),
        ((RING[:2],), "RING_OPEN"),
        (((*RING[:2], RING[3], RING[2], RING[0]),), "POLYGON_INVALID"),
        ((((110.0, 27.0), (110.1, 27.1), (110.2, 27.2), (110.0, 27.0)),), "POLYGON_INVALID"),
        ((RING, WIDER), "POLYGON_INVALID"),
    ],
)
def test_what_encloses_nothing_is_no_area(rings: Any, reason: str) -> None:
    area().when(replace(declare, rings=rings)).then_refused(reason)
    area(declared).when(replace(redraw, rings=rings)).then_refused(reason)


def test_an_area_ends_after_it_began_and_is_the_business_of_its_region() -> None:
    area().when(replace(declare, ends_at=NOW)).then_refused("END_TOO_EARLY")
    for command in (replace(declare, by=ELSEWHERE), replace(lift, by=ELSEWHERE)):
        with pytest.raises(Forbidden):
            hazard_area.decide(command, hazard_area.evolve(None, declared))


# Devices.


def test_a_device_speaks_for_one_unit_until_it_is_revoked() -> None:
    phone: dict[str, Any] = {"device_id": "phone", "occurred_at": NOW}
    register = device.RegisterDevice(
        by=LI, **phone, unit_id="boat", adcode="431281102", secret_digest="d", description=""
    )
    revoke = device.RevokeDevice(by=LI, **phone, reason="遗失")

    [trusted] = device.decide(register, None)
    state = device.evolve(None, trusted)
    assert device.decide(register, state) == []
    with pytest.raises(AlreadyExists, match="speaks for boat"):
        device.decide(replace(register, unit_id="truck"), state)
    with pytest.raises(AlreadyExists):
        device.decide(replace(register, secret_digest="e"), state)
    [revoked] = device.decide(revoke, state)
    state = device.evolve(state, revoked)
    assert device.decide(revoke, state) == []
    assert device.decide(replace(register, unit_id="truck"), state) != []
    with pytest.raises(NotFound):
        device.decide(revoke, None)


# Incidents on the map.


def test_of_each_aspect_of_an_incident_the_newest_counts_in_any_order() -> None:
    told: dict[str, Any] = {"incident_id": "flood", "occurred_at": NOW}
    graded = ChangePlot(**told, aspect=Aspect.GRADE, value="major", version=5)
    older = replace(graded, value="ordinary", version=4)
    closed = ChangePlot(**told, aspect=Aspect.STATE, value="closed", version=3)

    [happened] = plot.decide(graded, plot.INITIAL)
    assert isinstance(happened, IncidentPlotChanged)
    state = plot.evolve(plot.INITIAL, happened)
    assert plot.decide(older, state) == []
    assert plot.decide(graded, state) == []
    assert len(plot.decide(closed, state)) == 1
