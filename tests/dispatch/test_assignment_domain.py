"""What may happen to an assignment, in which order, and what is kept of late news."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import pytest

from services.dispatch.domain import assignment, events, refusals
from services.dispatch.domain.assignment import INITIAL, Over, Underway, decide, evolve
from services.dispatch.domain.events import Stage
from services.runtime.rejection import AlreadyExists, Forbidden, Invalid, NotFound, Rejection
from tests.dispatch.facts import (
    DISPATCHER,
    NEIGHBOUR,
    acknowledge,
    acknowledged,
    arrive,
    cancel,
    cancelled,
    clear,
    cleared,
    decline,
    declined,
    dispatched,
    en_route,
    follow,
    give_up,
    held_by_another,
    minute,
    moved,
    on_scene,
    overdue,
    request,
    requested,
    ring,
    send,
    set_out,
)
from tests.spec import spec

given = spec(decide, evolve, INITIAL)


def folded(*past: events.Event) -> assignment.State:
    return reduce(evolve, past, INITIAL)


def test_the_intent_comes_first() -> None:
    given().when(request()).then(requested)


def test_an_id_that_is_taken_is_refused() -> None:
    given(requested).when(request(unit_id="boat-2")).then_refused("ASSIGNMENT_EXISTS")
    given(requested, dispatched, cleared).when(request()).then_refused("ASSIGNMENT_EXISTS")


def test_nobody_sends_units_outside_their_jurisdiction() -> None:
    given().when(request(by=NEIGHBOUR)).then_refused("OUTSIDE_JURISDICTION")


def test_a_unit_that_is_had_is_dispatched() -> None:
    given(requested).when(send).then(dispatched)


def test_a_unit_goes_when_somebody_says_it_went_however_late_it_is_entered() -> None:
    told = replace(requested, said=True)
    given(told).when(send).then(replace(dispatched, occurred_at=requested.occurred_at))


def test_a_unit_is_dispatched_once() -> None:
    given(requested, dispatched).when(send).then()
    given(requested, dispatched, cleared).when(send).then()


def test_a_refusal_is_recorded_whole_and_once() -> None:
    given(requested).when(give_up).then(held_by_another)
    given(requested, held_by_another).when(give_up).then()


def test_what_was_dispatched_refused_or_cancelled_stays_so() -> None:
    given(requested, dispatched).when(give_up).then()
    given(requested, held_by_another).when(send).then()
    given(requested, cancelled).when(send).then()
    given(requested, cancelled).when(give_up).then()


def test_the_way_of_a_unit() -> None:
    given(requested, dispatched).when(acknowledge()).then(acknowledged)
    given(requested, dispatched, acknowledged).when(set_out()).then(en_route)
    given(requested, dispatched, acknowledged, en_route).when(arrive()).then(on_scene)
    given(requested, dispatched, acknowledged, en_route, on_scene).when(clear()).then(cleared)


@pytest.mark.parametrize(
    ("command", "event"),
    [(set_out(), en_route), (arrive(), on_scene), (clear(), cleared)],
    ids=["en_route", "on_scene", "cleared"],
)
def test_stations_may_be_skipped(command: assignment.Command, event: events.Event) -> None:
    given(requested, dispatched).when(command).then(event)


@pytest.mark.parametrize(
    ("past", "command", "fact"),
    [
        ((dispatched, en_route), acknowledge(), acknowledged),
        ((dispatched, on_scene), acknowledge(), acknowledged),
        ((dispatched, on_scene), set_out(), en_route),
        ((dispatched, cleared), acknowledge(), acknowledged),
        ((dispatched, cleared), set_out(), en_route),
        ((dispatched, cleared), arrive(), on_scene),
        ((dispatched, declined), arrive(), on_scene),
        ((dispatched, cancelled), arrive(), on_scene),
        ((dispatched, cancelled), clear(), cleared),
        ((dispatched, declined), clear(), cleared),
    ],
)
def test_late_news_is_kept_as_said_and_undoes_nothing(
    past: tuple[events.Event, ...],
    command: assignment.Command,
    fact: events.Milestone,
) -> None:
    late = replace(fact, late=True)
    given(requested, *past).when(command).then(late)

    before, after = folded(requested, *past), folded(requested, *past, late)

    assert _place_in_life(before) == _place_in_life(after)
    assert isinstance(after, Underway | Over)
    assert fact.occurred_at in after.known.times.values()


def test_times_are_kept_as_said_even_when_they_run_backwards() -> None:
    before_the_call = minute(-30)
    given(requested, dispatched, en_route).when(arrive(before_the_call)).then(
        replace(on_scene, occurred_at=before_the_call)
    )


def test_the_same_thing_said_twice_is_said_once() -> None:
    given(requested, dispatched, acknowledged).when(acknowledge()).then()
    given(requested, dispatched, on_scene).when(arrive()).then()
    given(requested, dispatched, cleared).when(clear()).then()


def test_a_key_pressed_twice_moves_no_time() -> None:
    given(requested, dispatched, en_route).when(set_out(minute(2.02), said=False)).then()
    given(requested, dispatched, cleared).when(clear(minute(91), said=False)).then()


def test_another_time_for_the_same_thing_is_a_correction() -> None:
    given(requested, dispatched, on_scene).when(arrive(minute(18))).then(
        replace(on_scene, occurred_at=minute(18), late=True)
    )
    given(requested, dispatched, cleared).when(clear(minute(80))).then(
        replace(cleared, occurred_at=minute(80), late=True)
    )


def test_going_back_to_a_time_that_was_corrected_is_a_correction_too() -> None:
    corrected = replace(on_scene, occurred_at=minute(18), late=True)
    given(requested, dispatched, on_scene, corrected).when(arrive(minute(18))).then()
    given(requested, dispatched, on_scene, corrected).when(arrive(minute(20))).then(
        replace(on_scene, late=True)
    )


def test_another_disposition_is_a_correction_that_moves_no_time_unless_one_is_said() -> None:
    other = replace(cleared, disposition="误报", late=True)
    given(requested, dispatched, cleared).when(
        clear(minute(95), disposition="误报", said=False)
    ).then(other)
    given(requested, dispatched, cleared, other).when(clear(disposition="误报")).then()


@pytest.mark.parametrize("command", [acknowledge(), set_out(), arrive(), clear(), decline])
def test_nothing_happens_on_the_road_before_the_unit_is_had(command: assignment.Command) -> None:
    given(requested).when(command).then_refused("ASSIGNMENT_NOT_DISPATCHED")


@pytest.mark.parametrize("command", [acknowledge(), set_out(), arrive(), clear(), decline, cancel])
def test_nothing_happens_to_a_refused_assignment(command: assignment.Command) -> None:
    given(requested, held_by_another).when(command).then_refused("ASSIGNMENT_CLOSED")


def test_a_crew_may_decline_until_it_sets_out() -> None:
    given(requested, dispatched).when(decline).then(declined)
    given(requested, dispatched, acknowledged).when(decline).then(declined)
    given(requested, dispatched, declined).when(decline).then()
    given(requested, dispatched, en_route).when(decline).then_refused("UNIT_UNDER_WAY")
    given(requested, dispatched, on_scene).when(decline).then_refused("UNIT_UNDER_WAY")
    given(requested, dispatched, cleared).when(decline).then_refused("ASSIGNMENT_CLOSED")
    given(requested, dispatched, cancelled).when(decline).then_refused("ASSIGNMENT_CLOSED")


@pytest.mark.parametrize(
    "past",
    [
        (),
        (dispatched,),
        (dispatched, acknowledged),
        (dispatched, en_route),
        (dispatched, en_route, on_scene),
    ],
)
def test_a_unit_may_be_called_off_at_any_time(past: tuple[events.Event, ...]) -> None:
    given(requested, *past).when(cancel).then(cancelled)


def test_what_is_over_is_not_called_off() -> None:
    given(requested, dispatched, cancelled).when(cancel).then()
    given(requested, dispatched, cleared).when(cancel).then_refused("ASSIGNMENT_CLOSED")
    given(requested, dispatched, declined).when(cancel).then_refused("ASSIGNMENT_CLOSED")


def test_silence_is_overdue_once() -> None:
    given(requested, dispatched).when(ring).then(overdue)
    given(requested, dispatched, overdue).when(ring).then()


@pytest.mark.parametrize("fact", [acknowledged, en_route, on_scene, cleared, declined, cancelled])
def test_whoever_moves_has_heard(fact: events.Event) -> None:
    given(requested, dispatched, fact).when(ring).then()


def test_an_overdue_crew_may_still_acknowledge() -> None:
    given(requested, dispatched, overdue).when(acknowledge(minute(5))).then(
        replace(acknowledged, occurred_at=minute(5))
    )
    assert folded(requested, dispatched, overdue, acknowledged) == folded(
        requested, dispatched, acknowledged
    )


def test_an_unknown_assignment_is_refused() -> None:
    for command in (acknowledge(), set_out(), arrive(), clear(), decline, cancel, send, ring):
        given().when(command).then_refused("NO_SUCH_ASSIGNMENT")


def test_another_county_has_no_say() -> None:
    foreign = acknowledge(by=NEIGHBOUR)
    given(requested, dispatched).when(foreign).then_refused("OUTSIDE_JURISDICTION")
    given(requested, dispatched).when(replace(cancel, by=NEIGHBOUR)).then_refused(
        "OUTSIDE_JURISDICTION"
    )
    assert DISPATCHER.covers(requested.adcode)


@pytest.mark.parametrize(
    "refusal",
    [
        Rejection("UNIT_HELD", "held by a0", holder="a0"),
        NotFound("NO_SUCH_UNIT", "no boat-9", unit_id="boat-9"),
        Forbidden("CAPABILITY_REQUIRED", "lacks unit.override", capability="unit.override"),
        AlreadyExists("X_EXISTS", "there"),
        Invalid("TIME_OUT_OF_RANGE", field="occur_time", got="1900", allowed="since 1976"),
    ],
    ids=lambda refusal: type(refusal).__name__,
)
def test_a_recorded_refusal_is_said_again_word_for_word(refusal: Rejection) -> None:
    recorded = replace(
        held_by_another,
        kind=refusals.kind_of(refusal),
        reason=refusal.reason,
        message=refusal.message,
        context=refusal.context,
    )

    again = refusals.said_again(recorded.kind, recorded.reason, recorded.message, recorded.context)

    assert type(again) is type(refusal)
    assert (again.reason, again.message, again.context) == (
        refusal.reason,
        refusal.message,
        refusal.context,
    )


def test_folding_never_fails_whatever_the_history() -> None:
    for first in (dispatched, acknowledged, cleared, overdue, held_by_another):
        assert folded(first) is None
    assert folded(requested, acknowledged) == folded(requested)
    assert folded(requested, overdue) == folded(requested)


@pytest.mark.parametrize("past", [(), (dispatched,), (dispatched, acknowledged, en_route)])
def test_what_is_not_over_follows_its_incident_and_goes_on(past: tuple[events.Event, ...]) -> None:
    given(requested, *past).when(follow).then(moved)
    given(requested, *past, moved).when(follow).then()
    state = folded(requested, *past, moved)
    assert state is not None
    assert state.order.incident_id == "i2"
    assert _place_in_life(state) == _place_in_life(folded(requested, *past))


@pytest.mark.parametrize("ending", [cleared, declined, cancelled, held_by_another])
def test_what_is_over_stays_with_its_incident(ending: events.Event) -> None:
    given(requested, dispatched, ending).when(follow).then()


def test_what_belongs_elsewhere_or_does_not_exist_does_not_follow() -> None:
    given(requested, dispatched).when(replace(follow, sources=frozenset({"i9"}))).then()
    given().when(follow).then_refused("NO_SUCH_ASSIGNMENT")


def test_what_happens_after_it_followed_happens_at_the_other_incident() -> None:
    [told] = decide(arrive(), folded(requested, dispatched, moved))
    assert told.incident_id == "i2"
    [sent] = decide(send, folded(requested, moved))
    assert sent.incident_id == "i2"


def _place_in_life(state: assignment.State) -> tuple[type, Stage] | None:
    match state:
        case Underway(stage=stage):
            return Underway, stage
        case Over(ending=ending):
            return Over, ending
        case _:
            return None
