"""Who holds a unit, and whether it can be sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.resources.domain.unit import (
    INITIAL,
    ConfirmReservation,
    ExpireReservation,
    MoveHold,
    PutUnitInService,
    PutUnitOutOfService,
    RegisterUnit,
    ReleaseUnit,
    ReserveUnit,
    UnitHoldMoved,
    UnitPutInService,
    UnitPutOutOfService,
    UnitRegistered,
    UnitReleased,
    UnitReservationConfirmed,
    UnitReservationExpired,
    UnitReserved,
)
from services.resources.domain.unit_rules import decide, evolve
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import AlreadyExists, Forbidden, NotFound, Rejection
from tests.spec import spec

given = spec(decide, evolve, INITIAL)

NOW = datetime(2026, 6, 1, 4, 15, tzinfo=UTC)
YEARS_AGO = datetime(2009, 7, 3, 22, 1, tzinfo=UTC)
TTL = timedelta(seconds=90)
LATER = NOW + TTL
ZHAO = Actor(subject="dispatcher.zhao", roles=("dispatcher",), jurisdiction="431281")
QIAN = Actor(subject="dispatcher.qian", roles=("dispatcher",), jurisdiction="431281")
ELSEWHERE = Actor(subject="dispatcher.xu", roles=("dispatcher",), jurisdiction="431202")

register = RegisterUnit(
    by=ZHAO,
    unit_id="boat-1",
    name="冲锋舟一号",
    kind="boat",
    capabilities=("swift_water",),
    home=Place(adcode="431281102", latitude=27.3, longitude=110.1),
    staffing=4,
    contact="13800000000",
    occurred_at=NOW,
)
registered = UnitRegistered(
    unit_id="boat-1",
    name="冲锋舟一号",
    kind="boat",
    capabilities=("swift_water",),
    home=Place(adcode="431281102", latitude=27.3, longitude=110.1),
    staffing=4,
    contact="13800000000",
    occurred_at=NOW,
)
reserve = ReserveUnit(
    by=ZHAO,
    unit_id="boat-1",
    holder="assignment-1",
    incident_id="incident-1",
    ttl=TTL,
    override_reason="",
    occurred_at=NOW,
    now=NOW,
)
reserved = UnitReserved(
    unit_id="boat-1",
    adcode="431281102",
    holder="assignment-1",
    incident_id="incident-1",
    held_by="dispatcher.zhao",
    expires_at=LATER,
    override_reason="",
    occurred_at=NOW,
)
confirm = ConfirmReservation(
    by=ZHAO, unit_id="boat-1", holder="assignment-1", occurred_at=NOW, now=NOW
)
confirmed = UnitReservationConfirmed(
    unit_id="boat-1", adcode="431281102", holder="assignment-1", occurred_at=NOW
)
expired = UnitReservationExpired(
    unit_id="boat-1",
    adcode="431281102",
    holder="assignment-1",
    incident_id="incident-1",
    occurred_at=LATER,
)
release = ReleaseUnit(
    by=ZHAO, unit_id="boat-1", holder="assignment-1", reason="cleared", occurred_at=NOW
)
released = UnitReleased(
    unit_id="boat-1",
    adcode="431281102",
    holder="assignment-1",
    incident_id="incident-1",
    reason="cleared",
    occurred_at=NOW,
)
break_down = PutUnitOutOfService(
    by=ZHAO, unit_id="boat-1", reason="发动机故障", expected_back_at=LATER, occurred_at=NOW
)
broken_down = UnitPutOutOfService(
    unit_id="boat-1",
    adcode="431281102",
    reason="发动机故障",
    expected_back_at=LATER,
    occurred_at=NOW,
)
repair = PutUnitInService(by=ZHAO, unit_id="boat-1", occurred_at=NOW)
repaired = UnitPutInService(unit_id="boat-1", adcode="431281102", occurred_at=NOW)

follow = MoveHold(
    unit_id="boat-1", holder="assignment-1", incident_id="incident-3", occurred_at=NOW
)
followed = UnitHoldMoved(
    unit_id="boat-1",
    adcode="431281102",
    holder="assignment-1",
    incident_id="incident-3",
    from_incident_id="incident-1",
    occurred_at=NOW,
)

another = replace(reserve, by=QIAN, holder="assignment-2", incident_id="incident-2")
another_reserved = replace(
    reserved,
    holder="assignment-2",
    incident_id="incident-2",
    held_by="dispatcher.qian",
)
overriding = replace(another, override_reason="堤坝将溃")
overridden = replace(another_reserved, override_reason="堤坝将溃")


def test_a_unit_is_registered() -> None:
    given().when(register).then(registered)


def test_registering_the_same_unit_again_changes_nothing() -> None:
    given(registered).when(replace(register, occurred_at=LATER)).then()


def test_another_unit_cannot_take_a_registered_id() -> None:
    with pytest.raises(AlreadyExists) as refusal:
        given(registered).when(replace(register, name="别的船")).outcome()

    assert refusal.value.context == {"unit_id": "boat-1", "name": "冲锋舟一号"}


@pytest.mark.parametrize("command", [repair, break_down, reserve, confirm, release])
def test_an_unknown_unit_can_do_nothing(command: ReserveUnit) -> None:
    with pytest.raises(NotFound, match="boat-1"):
        given().when(command).outcome()


@pytest.mark.parametrize("command", [register, repair, break_down, reserve, confirm, release])
def test_a_unit_of_another_region_is_out_of_reach(command: ReserveUnit) -> None:
    with pytest.raises(Forbidden):
        given(registered).when(replace(command, by=ELSEWHERE)).outcome()


def test_a_free_unit_is_reserved_until_a_time_limit() -> None:
    given(registered).when(reserve).then(reserved)


def test_a_reservation_of_the_past_runs_out_by_the_servers_clock() -> None:
    given(registered).when(replace(reserve, occurred_at=YEARS_AGO)).then(
        replace(reserved, occurred_at=YEARS_AGO, expires_at=LATER)
    )


def test_its_holder_may_ask_again() -> None:
    given(registered, reserved).when(reserve).then()
    given(registered, reserved, confirmed).when(reserve).then()


def test_the_loser_is_told_who_holds_it() -> None:
    with pytest.raises(Rejection) as refusal:
        given(registered, reserved).when(another).outcome()

    assert refusal.value.reason == "UNIT_HELD"
    assert refusal.value.context == {
        "unit_id": "boat-1",
        "holder": "assignment-1",
        "held_by": "dispatcher.zhao",
        "incident_id": "incident-1",
        "expires_at": LATER.isoformat(),
    }
    assert "dispatcher.zhao" in refusal.value.message


def test_a_confirmed_hold_is_refused_without_a_time_limit() -> None:
    with pytest.raises(Rejection) as refusal:
        given(registered, reserved, confirmed).when(replace(another, now=LATER)).outcome()

    assert refusal.value.context["expires_at"] == ""


def test_a_hold_that_has_run_out_is_free_at_once() -> None:
    given(registered, reserved).when(replace(another, now=LATER)).then(
        expired, replace(another_reserved, expires_at=LATER + TTL)
    )


def test_its_own_holder_reserves_it_anew_after_it_has_run_out() -> None:
    given(registered, reserved).when(replace(reserve, now=LATER)).then(
        expired, replace(reserved, expires_at=LATER + TTL)
    )


def test_a_hold_stands_until_the_last_instant() -> None:
    just_before = LATER - timedelta(microseconds=1)

    given(registered, reserved).when(replace(another, now=just_before)).then_refused("UNIT_HELD")


def test_an_override_adds_a_hold_beside_the_exclusive_one() -> None:
    given(registered, reserved).when(overriding).then(overridden)


def test_an_override_of_a_free_unit_is_a_plain_hold() -> None:
    given(registered).when(overriding).then(another_reserved)


def test_the_exclusive_hold_comes_first_in_what_a_loser_is_told() -> None:
    third = replace(
        reserve,
        holder="assignment-3",
        by=Actor(subject="dispatcher.sun", roles=("dispatcher",), jurisdiction="431281"),
    )
    with pytest.raises(Rejection) as refusal:
        given(registered, reserved, confirmed, overridden).when(third).outcome()

    assert refusal.value.context["holder"] == "assignment-1"


def test_a_unit_held_by_an_override_alone_is_not_free() -> None:
    given(registered, reserved, overridden, released).when(
        replace(reserve, holder="assignment-3")
    ).then_refused("UNIT_HELD")


def test_an_assignment_takes_up_the_hold_of_its_own_dispatcher() -> None:
    given(registered, reserved).when(replace(another, by=ZHAO)).then(
        replace(released, reason="taken up"),
        replace(another_reserved, held_by="dispatcher.zhao"),
    )


def test_a_confirmed_hold_is_not_taken_up() -> None:
    given(registered, reserved, confirmed).when(replace(another, by=ZHAO)).then_refused("UNIT_HELD")


def test_a_hold_is_confirmed_once() -> None:
    given(registered, reserved).when(confirm).then(confirmed)
    given(registered, reserved, confirmed).when(confirm).then()


def test_a_confirmed_hold_never_runs_out() -> None:
    given(registered, reserved, confirmed).when(
        ExpireReservation(unit_id="boat-1", now=LATER + TTL)
    ).then()


def test_a_hold_that_has_run_out_is_not_confirmed() -> None:
    given(registered, reserved).when(replace(confirm, now=LATER)).then_refused("RESERVATION_LAPSED")


def test_who_lost_the_unit_is_told_who_has_it_now() -> None:
    with pytest.raises(Rejection) as refusal:
        given(registered, reserved, expired, another_reserved).when(confirm).outcome()

    assert refusal.value.reason == "UNIT_NOT_HELD"
    assert refusal.value.context["holder"] == "assignment-2"
    assert refusal.value.context["requested"] == "assignment-1"


def test_what_nobody_holds_is_not_confirmed() -> None:
    given(registered).when(confirm).then_refused("UNIT_NOT_HELD")


def test_a_unit_is_released_once() -> None:
    given(registered, reserved, confirmed).when(release).then(released)
    given(registered, reserved, confirmed, released).when(release).then()


def test_only_the_named_holder_is_released() -> None:
    given(registered, reserved, overridden).when(replace(release, holder="assignment-2")).then(
        replace(released, holder="assignment-2", incident_id="incident-2")
    )


def test_time_frees_a_unit() -> None:
    given(registered, reserved).when(ExpireReservation(unit_id="boat-1", now=NOW)).then()
    given(registered, reserved).when(ExpireReservation(unit_id="boat-1", now=LATER)).then(expired)


def test_what_is_out_of_service_cannot_be_reserved() -> None:
    with pytest.raises(Rejection) as refusal:
        given(registered, broken_down).when(reserve).outcome()

    assert refusal.value.reason == "UNIT_OUT_OF_SERVICE"
    assert refusal.value.context["out_of_service_reason"] == "发动机故障"
    assert refusal.value.context["expected_back_at"] == LATER.isoformat()


def test_a_unit_that_breaks_down_on_the_road_stays_held() -> None:
    given(registered, reserved, confirmed).when(break_down).then(broken_down)
    given(registered, reserved, confirmed, broken_down, repaired).when(another).then_refused(
        "UNIT_HELD"
    )


def test_a_repaired_unit_can_be_sent_again() -> None:
    given(registered, broken_down).when(repair).then(repaired)
    given(registered, broken_down, repaired).when(reserve).then(reserved)


def test_service_asked_for_twice_changes_nothing() -> None:
    given(registered).when(repair).then()
    given(registered, broken_down).when(break_down).then()


def test_another_reason_is_another_fact() -> None:
    given(registered, broken_down).when(replace(break_down, reason="待修")).then(
        replace(broken_down, reason="待修")
    )


def test_a_unit_is_not_expected_back_before_it_left() -> None:
    back_at_once = replace(break_down, expected_back_at=NOW)
    given(registered).when(back_at_once).then_refused("EXPECTED_BACK_TOO_EARLY")


def test_a_hold_follows_its_assignment_to_another_incident() -> None:
    given(registered, reserved, confirmed).when(follow).then(followed)
    given(registered, reserved, confirmed, followed).when(follow).then()
    given(registered, reserved, released).when(follow).then()
    given(registered).when(follow).then()


def test_who_holds_a_unit_is_said_with_the_incident_that_goes_on() -> None:
    with pytest.raises(Rejection) as refused:
        given(registered, reserved, confirmed, followed).when(another).outcome()
    assert refused.value.context["incident_id"] == "incident-3"
    given(registered, reserved, confirmed, followed).when(release).then(
        replace(released, incident_id="incident-3")
    )
