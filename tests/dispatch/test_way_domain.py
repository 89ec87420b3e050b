"""Ways by incident type, what sets them aside, and what becomes of a crew and its unit on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.dispatch.domain import assignment, events
from services.dispatch.domain.assignment import INITIAL, Over, Underway, decide, evolve
from services.dispatch.domain.assignment.ways import ORDER, Ways
from services.dispatch.domain.events import Source, Stage
from services.runtime.rejection import Rejection
from tests.dispatch.facts import (
    WAYS,
    acknowledged,
    acted,
    answered,
    arrive,
    at_destination,
    came_to_nothing,
    cancelled,
    clear,
    cleared,
    dispatched,
    diverted,
    en_route,
    give_up,
    handed_over,
    held_by_another,
    mayday,
    minute,
    moved,
    on_scene,
    overdue,
    overridden,
    preplanned,
    request,
    requested,
    rung,
    saved,
    send,
    staged,
    transporting,
    withdrawn,
)
from tests.dispatch.test_refusals import (
    act_first,
    answer,
    call_mayday,
    carry,
    divert,
    go_now,
    hand_over,
    plan,
    pull_out,
    rescue,
    set_back,
)
from tests.spec import spec

given = spec(decide, evolve, INITIAL)
OUT = (requested, dispatched)
THERE = (*OUT, acknowledged, en_route, on_scene)
SAID: dict[Stage, Any] = {
    Stage.DISPATCHED: dispatched,
    Stage.ACKNOWLEDGED: acknowledged,
    Stage.EN_ROUTE: en_route,
    Stage.STAGED: staged,
    Stage.ON_SCENE: on_scene,
    Stage.TRANSPORTING: transporting,
    Stage.AT_DESTINATION: at_destination,
}
COMMANDS: dict[Stage, Any] = {
    Stage.ACKNOWLEDGED: assignment.AcknowledgeAssignment,
    Stage.EN_ROUTE: assignment.RecordEnRoute,
    Stage.STAGED: assignment.RecordStaged,
    Stage.ON_SCENE: assignment.RecordOnScene,
    Stage.TRANSPORTING: assignment.RecordTransporting,
    Stage.AT_DESTINATION: assignment.RecordAtDestination,
    Stage.CLEARED: assignment.ClearAssignment,
}


def reached(stage: Stage, type_code: str = "11A01") -> tuple[events.Event, ...]:
    """Return how a unit came to a state, at minute 60 and by no station in between."""
    asked = replace(requested, incident_type=type_code)
    if stage is Stage.DISPATCHED:
        return (asked, dispatched)
    return (asked, dispatched, replace(SAID[stage], occurred_at=minute(60)))


def go_to(stage: Stage, type_code: str, at: float) -> assignment.Command:
    more: dict[str, Any] = {}
    if stage is Stage.CLEARED:
        more = {"disposition": "完成"}
    elif stage is Stage.TRANSPORTING:
        more = {"to": "市人民医院"}
    command: assignment.Command = COMMANDS[stage](
        by=request().by,
        assignment_id="a1",
        said=True,
        source=Source.CREW,
        way=WAYS.of(type_code),
        occurred_at=minute(at),
        **more,
    )
    return command


# Ways.


@pytest.mark.parametrize("type_code", ["11A01", "11A51", "12T01", "13E01", ""])
@pytest.mark.parametrize("here", ORDER)
def test_a_way_lets_through_what_its_table_says_and_nothing_else(
    here: Stage, type_code: str
) -> None:
    way = WAYS.of(type_code)
    for to in COMMANDS:
        ahead = to is Stage.CLEARED or ORDER.index(to) > ORDER.index(here)
        when = given(*reached(here, type_code)).when(go_to(to, type_code, 61))
        if way.leads(here, to):
            [fact] = when.outcome()
            assert getattr(fact, "late", None) is False, (here, to)
        elif ahead:
            when.then_refused("TRANSITION_NOT_ALLOWED")
        else:
            assert [getattr(fact, "late", None) for fact in when.outcome()] in ([], [True])


def test_a_refused_step_says_what_is_allowed_by_which_table() -> None:
    with pytest.raises(Rejection) as refused:
        given(*reached(Stage.ON_SCENE, "13E01")).when(carry).outcome()

    assert refused.value.context["allowed"] == "STAGED, CLEARED, DIVERTED, WITHDRAWN"
    assert refused.value.context["way"] == "no_transport"
    assert refused.value.context["ways_version"] == WAYS.version


def test_the_way_of_the_longest_beginning_counts() -> None:
    assert WAYS.of("11A51").name == "no_transport"
    assert WAYS.of("11A01").name == "rescue"
    assert WAYS.of("12T01").name == "staged_entry"
    assert WAYS.of("").name == "rescue"


@pytest.mark.parametrize(
    ("types", "ways", "wrong"),
    [
        ({"11A": "rescue"}, WAYS.ways, "no way for an unknown type"),
        ({"": "nowhere"}, WAYS.ways, "which is not there"),
        ({"": "stuck"}, {"stuck": {Stage.DISPATCHED: (Stage.ON_SCENE,)}}, "does not lead"),
    ],
)
def test_a_table_that_would_strand_a_unit_is_not_taken(types: Any, ways: Any, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        Ways(version="t", source="t", ways=ways, types=types).check()


def test_who_is_called_forward_again_goes_there_again() -> None:
    back = replace(staged, occurred_at=minute(61))
    again = replace(on_scene, occurred_at=minute(62), source=Source.CREW)
    given(*reached(Stage.ON_SCENE)).when(go_to(Stage.STAGED, "11A01", 61)).then(back)
    given(*reached(Stage.ON_SCENE), back).when(go_to(Stage.ON_SCENE, "11A01", 62)).then(again)


def test_the_first_action_is_kept_once_and_corrected_as_said() -> None:
    earlier = replace(act_first, occurred_at=minute(21))
    given(*THERE).when(act_first).then(acted)
    given(*THERE, acted).when(act_first).then()
    given(*THERE, acted).when(earlier).then(replace(acted, late=True, occurred_at=minute(21)))
    given(*THERE, cleared).when(act_first).then(replace(acted, late=True))


# Overrides.


def test_an_override_says_who_set_what_aside_and_then_sets_it() -> None:
    set_to = replace(en_route, occurred_at=overridden.occurred_at, source=Source.CONSOLE)
    given(*THERE).when(set_back).then(overridden, set_to)


@pytest.mark.parametrize("to", [*ORDER[1:], Stage.CLEARED])
def test_an_override_leads_to_every_state_that_a_unit_may_be_in(to: Stage) -> None:
    past = OUT if to is not Stage.ACKNOWLEDGED else (*OUT, en_route)
    [_, fact] = given(*past).when(replace(set_back, to=to)).outcome()
    state = evolve(given(*past).state, fact)

    if to is Stage.CLEARED:
        assert isinstance(state, Over)
    else:
        assert isinstance(state, Underway)


def test_an_override_to_where_it_is_says_nothing() -> None:
    given(*OUT, en_route).when(set_back).then()


def test_what_was_set_back_may_be_reached_again_at_whatever_time() -> None:
    back = replace(en_route, occurred_at=minute(25), source=Source.CONSOLE)
    state = given(*THERE, acted, overridden, back).state
    assert isinstance(state, Underway)
    assert state.stage is Stage.EN_ROUTE
    assert state.known.acted_at is None
    given(*THERE, acted, overridden, back).when(arrive(minute(24))).then(
        replace(on_scene, occurred_at=minute(24))
    )


# Crews.


def test_only_the_shift_that_has_it_hands_it_on() -> None:
    third = replace(hand_over, outgoing="班长李", incoming="班长王", occurred_at=minute(60))
    given(*THERE).when(hand_over).then(handed_over)
    given(*THERE, handed_over).when(hand_over).then()
    given(*THERE, handed_over).when(third).then(
        replace(handed_over, outgoing="班长李", incoming="班长王", occurred_at=minute(60))
    )


def test_a_mayday_stands_until_it_is_said_what_became_of_them() -> None:
    given(*THERE).when(call_mayday).then(mayday)
    given(*THERE, mayday).when(call_mayday).then()
    given(*THERE, mayday).when(rescue).then(saved)
    given(*THERE, mayday, saved).when(rescue).then()
    given(*THERE).when(rescue).then()
    given(requested).when(rescue).then()
    given(*THERE, mayday, saved).when(clear()).then(cleared)


def test_people_may_call_from_a_unit_that_looks_free() -> None:
    given(*THERE, cleared).when(call_mayday).then(mayday)
    given(*OUT, cancelled).when(call_mayday).then(mayday)


# Diversion and withdrawal.


def test_a_unit_is_diverted_once() -> None:
    given(*THERE).when(divert).then(diverted)
    given(*THERE, diverted).when(divert).then()


def test_a_unit_is_withdrawn_and_one_that_is_not_had_is_called_off() -> None:
    called_off = replace(cancelled, reason=withdrawn.reason, occurred_at=withdrawn.occurred_at)
    given(*THERE).when(pull_out).then(withdrawn)
    given(*THERE, withdrawn).when(pull_out).then()
    given(requested).when(pull_out).then(called_off)
    given(preplanned).when(pull_out).then(called_off)


# Plans.


def test_a_plan_asks_for_its_unit_when_its_time_has_come_and_once() -> None:
    due = replace(go_now, by_clock=True, occurred_at=preplanned.dispatch_at)
    given().when(plan).then(preplanned)
    given(preplanned).when(due).then(rung)
    for past in ((rung,), (rung, dispatched), (rung, dispatched, cleared), (cancelled,)):
        given(preplanned, *past).when(due).then()


def test_somebody_may_send_it_before() -> None:
    asked = replace(rung, by_clock=False, occurred_at=go_now.occurred_at)
    given(preplanned).when(go_now).then(asked)
    given(preplanned, asked).when(replace(go_now, by_clock=True)).then()


def test_only_a_plan_that_nobody_waits_for_asks_when_it_came_to_nothing() -> None:
    late = replace(give_up, occurred_at=came_to_nothing.occurred_at)
    given(preplanned, rung).when(late).then(came_to_nothing)
    given(preplanned, replace(rung, by_clock=False)).when(late).then(
        replace(came_to_nothing, asks=False)
    )
    given(preplanned).when(late).then(replace(came_to_nothing, asks=False))
    given(requested).when(give_up).then(held_by_another)


def test_what_asks_is_answered_once_and_sends_nobody() -> None:
    asking = (preplanned, rung, came_to_nothing)
    given(*asking).when(answer).then(answered)
    given(*asking, answered).when(replace(answer, answer="另一说法")).then()
    given(*asking).when(send).then()
    given(*asking, answered).when(send).then()


def test_a_plan_follows_its_incident() -> None:
    command = assignment.MoveAssignment(
        assignment_id="a1", sources=frozenset({"i1"}), incident_id="i2", occurred_at=minute(5)
    )
    given(preplanned).when(command).then(moved)
    given(preplanned, moved).when(replace(go_now, by_clock=True, occurred_at=minute(60))).then(
        replace(rung, incident_id="i2")
    )


def test_silence_is_rung_for_what_a_plan_sent_as_well() -> None:
    ringing = assignment.RaiseOverdue(assignment_id="a1", due_at=dispatched.acknowledge_due_at)
    given(preplanned, rung, dispatched).when(ringing).then(overdue)
