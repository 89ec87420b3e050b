"""Ordering a response: under which plan, by whose word, as which decision, with which tasks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.command.domain.grades import Grade
from services.command.domain.incident import decider, response, tasks
from services.command.domain.incident.decider import Event, Open
from services.command.domain.incident.decisions import Basis, BasisKind, DecisionRecorded
from services.command.domain.incident.facts import Metric
from services.command.domain.incident.response import Approval, Level
from services.command.domain.plan.content import InForce
from services.runtime.actor import Actor
from tests.command.incidents import (
    LI,
    NOW,
    STRANGER,
    ZHANG,
    activate,
    activated,
    activation_decided,
    close,
    closed,
    decide,
    given,
    graded,
    opened,
    person,
    raise_,
    raised,
    raising_decided,
    terminate,
    terminated,
    termination_decided,
)
from tests.command.plans import under

HEAD = person("head.anjiang", "431281102")
MAYOR = replace(ZHANG, roles=("leader",))
OFFICER = replace(person("duty.wang"), roles=("duty_officer",))

start = replace(activate, under=under, plan="", approver=LI.subject)
started = replace(
    activated,
    plan=under.content.title,
    plan_id="p1",
    plan_version=1,
    clauses=("4.1",),
    approver=LI.subject,
    approval=Approval.OWN,
)
lift = replace(raise_, under=under, approver=LI.subject, clauses=("5.2",))
lifted = replace(
    raised,
    plan=under.content.title,
    plan_id="p1",
    plan_version=1,
    clauses=("5.2",),
    approver=LI.subject,
    approval=Approval.OWN,
)
end = replace(terminate, under=under, approver=LI.subject)
ended = replace(
    terminated,
    plan=under.content.title,
    plan_id="p1",
    plan_version=1,
    approver=LI.subject,
    approval=Approval.OWN,
)
approve = response.ApproveResponse(
    by=MAYOR, incident_id="i1", under=under, level=Level.II, note="同意", occurred_at=NOW
)
approved = response.ResponseApproved(
    incident_id="i1",
    adcode="431281102",
    plan_id="p1",
    plan_version=1,
    level=Level.II,
    title="指挥长",
    note="同意",
    approved_by=MAYOR.subject,
    occurred_at=NOW,
)


def outcome(history: tuple[Event, ...], command: decider.Act) -> list[Event]:
    return decide(command, _fold(history))


def assigned(events: list[Event]) -> list[str]:
    return [one.plan_step for one in events if isinstance(one, tasks.TaskAssigned)]


# Without a plan: as free words, flagged.


def test_without_a_plan_it_is_a_decision_and_stands_flagged() -> None:
    given(opened).when(activate).then(activation_decided, activated)
    given(opened, activated).when(raise_).then(raising_decided, raised)
    given(opened, activated).when(terminate).then(termination_decided, terminated)
    assert activated.plan_id == ""
    assert activated.approval is Approval.STATED


def test_what_was_ordered_is_not_ordered_again() -> None:
    given(opened, activated).when(activate).then()
    given(opened, activated, raised).when(raise_).then()
    given(opened, activated, terminated).when(terminate).then_refused("NO_RESPONSE_ACTIVE")
    given(opened, started).when(start).then()


def test_a_response_is_active_once_and_changes_only_while_it_is() -> None:
    given(opened, activated).when(replace(activate, level=Level.III)).then_refused(
        "RESPONSE_ACTIVE"
    )
    given(opened, activated).when(start).then_refused("RESPONSE_ACTIVE")
    given(opened, started).when(activate).then_refused("RESPONSE_ACTIVE")
    given(opened).when(raise_).then_refused("NO_RESPONSE_ACTIVE")
    given(opened).when(lift).then_refused("NO_RESPONSE_ACTIVE")
    given(opened).when(terminate).then_refused("NO_RESPONSE_ACTIVE")


def test_it_may_be_activated_again_after_it_ended() -> None:
    again = replace(activate, decision_id="d-again")
    given(opened, activated, terminated).when(again).then(
        replace(activation_decided, decision_id="d-again"),
        replace(activated, decision_id="d-again"),
    )


def test_clauses_are_those_of_a_plan() -> None:
    given(opened).when(replace(activate, clauses=("4.1",))).then_refused("PLAN_CLAUSE_UNKNOWN")


# Under a plan.


def test_an_activation_is_decided_ordered_and_set_to_work_in_one_append() -> None:
    decided, ordered, *made = outcome((opened,), start)

    assert isinstance(decided, DecisionRecorded)
    assert (decided.decision_id, decided.decision_class) == ("d-activate", "response_level")
    assert decided.basis == (
        Basis(kind=BasisKind.PLAN_CLAUSE, reference="p1/1/4.1", text="条件4.1"),
        Basis(kind=BasisKind.FACT, reference="r1.trapped", text="trapped 2"),
    )
    assert decided.authority == under.name
    assert ordered == started
    assert [type(one) for one in made] == [tasks.TaskAssigned] * 3
    verify, _, relief = made
    assert isinstance(verify, tasks.TaskAssigned)
    assert (verify.plan_step, verify.assignee) == ("p1/1/verify", "市应急管理局")
    assert verify.due_at == NOW + timedelta(minutes=15)
    assert isinstance(relief, tasks.TaskAssigned)
    assert relief.due_at is None


def test_a_higher_level_has_the_tasks_of_the_lower_ones() -> None:
    third = replace(start, level=Level.III, clauses=("5.2",))

    assert assigned(outcome((opened,), third)) == [
        f"p1/1/{name}" for name in ("verify", "move", "relief", "post", "count")
    ]


def test_raising_makes_only_the_new_tasks_counted_from_then() -> None:
    history = (opened, *outcome((opened,), start))
    hour = NOW + timedelta(hours=1)
    events = outcome(history, replace(lift, occurred_at=hour))

    assert events[1] == replace(lifted, occurred_at=hour)
    assert assigned(events) == ["p1/1/post", "p1/1/count"]
    first = next(one for one in events if isinstance(one, tasks.TaskAssigned))
    assert first.due_at == hour + timedelta(hours=1)


def test_lowering_makes_no_task_and_cancels_none() -> None:
    history: tuple[Event, ...] = (opened, *outcome((opened,), start))
    history += tuple(outcome(history, lift))
    lower = replace(lift, level=Level.IV, clauses=(), decision_id="d-lower")
    events = outcome(history, lower)

    assert [type(one) for one in events] == [DecisionRecorded, response.ResponseLevelChanged]
    again = replace(lift, decision_id="d-again")
    assert assigned(outcome((*history, *events), again)) == []


def test_a_plan_for_another_type_or_place_is_not_applicable() -> None:
    fire = replace(under, content=replace(under.content, types=("11G",)))
    elsewhere = replace(under, adcode="431271")

    given(opened).when(replace(start, under=fire)).then_refused("PLAN_NOT_APPLICABLE")
    given(opened).when(replace(start, under=elsewhere)).then_refused("PLAN_NOT_APPLICABLE")
    given(opened).when(replace(approve, under=fire)).then_refused("PLAN_NOT_APPLICABLE")


def test_a_level_that_the_plan_does_not_know_is_refused() -> None:
    given(opened).when(replace(start, level=Level.I)).then_refused("PLAN_LEVEL_UNKNOWN")


# Start conditions.


def test_what_holds_by_the_figures_needs_no_clause_and_what_people_judge_does() -> None:
    calm = replace(opened, casualties=replace(opened.casualties, trapped=0))

    given(calm).when(start).then_refused("START_CONDITION_REQUIRED")
    judged = outcome((calm,), replace(start, clauses=("4.2",)))
    assert judged[1] == replace(started, clauses=("4.2",))


def test_a_condition_of_a_higher_level_starts_a_lower_one_too() -> None:
    grave = replace(opened, casualties=replace(opened.casualties, trapped=0, dead=2, missing=1))

    assert outcome((grave,), start)[1] == replace(started, clauses=("5.1",))
    given(grave).when(replace(start, level=Level.II, by=MAYOR)).then_refused(
        "START_CONDITION_REQUIRED"
    )


def test_the_confirmed_grade_starts_a_level() -> None:
    grave = replace(graded, grade=Grade.MAJOR)
    high = replace(start, level=Level.II, by=MAYOR)
    [_, ordered, *_] = outcome((opened, grave), high)

    assert isinstance(ordered, response.ResponseActivated)
    assert ordered.clauses == ("6.1",)


@pytest.mark.parametrize(
    ("clause", "reason"),
    [
        ("5.1", "START_CONDITION_NOT_MET"),  # the record does not say so
        ("4.2", "START_CONDITION_NOT_MET"),  # it starts a lower level
        ("9.9", "PLAN_CLAUSE_UNKNOWN"),
    ],
)
def test_a_clause_must_be_the_levels_own_and_true(clause: str, reason: str) -> None:
    third = replace(start, level=Level.III, clauses=(clause,))

    given(opened).when(third).then_refused(reason)


# Approval.


def test_the_approver_depends_on_the_level() -> None:
    low = replace(start, by=HEAD, approver=HEAD.subject)
    assert outcome((opened,), low)[1] == replace(started, approver=HEAD.subject)

    third = replace(low, level=Level.III, clauses=("5.2",))
    given(opened).when(third).then_refused("APPROVAL_REQUIRED")
    second = replace(start, level=Level.II, clauses=("6.2",))
    given(opened).when(second).then_refused("APPROVAL_REQUIRED")
    high = outcome((opened,), replace(second, by=MAYOR, approver=MAYOR.subject))
    assert isinstance(high[1], response.ResponseActivated)
    assert high[1].approval is Approval.OWN


def test_the_refusal_says_whose_approval_it_takes() -> None:
    with pytest.raises(Exception, match="指挥长") as refused:
        outcome((opened,), replace(start, level=Level.II, clauses=("6.2",)))
    context: dict[str, str] = refused.value.context  # type: ignore[attr-defined]
    assert context["roles"] == "leader"
    assert context["adcode"] == "431281"


def test_an_approval_under_an_own_token_lets_another_order_the_level() -> None:
    given(opened).when(approve).then(approved)
    given(opened, approved).when(approve).then()
    order = replace(start, by=OFFICER, level=Level.II, clauses=("6.2",), approver=MAYOR.subject)
    [_, ordered, *_] = outcome((opened, approved), order)
    assert isinstance(ordered, response.ResponseActivated)
    assert ordered.approval is Approval.RECORDED

    given(opened, approved).when(replace(order, approver="somebody")).then_refused(
        "APPROVAL_REQUIRED"
    )
    third = replace(order, level=Level.III)  # the approval was of level II
    given(opened, approved).when(third).then_refused("APPROVAL_REQUIRED")


def test_an_approval_is_used_once() -> None:
    order = replace(start, by=OFFICER, level=Level.II, clauses=("6.2",), approver=MAYOR.subject)
    history: tuple[Event, ...] = (opened, approved)
    history += tuple(outcome(history, order))
    over = replace(end, by=MAYOR, approver=MAYOR.subject)
    history += tuple(outcome(history, over))

    given(*history).when(replace(order, decision_id="d-again")).then_refused("APPROVAL_REQUIRED")


def test_an_approval_does_not_outlive_the_next_order() -> None:
    history: tuple[Event, ...] = (opened, *outcome((opened,), start), approved)
    history += tuple(outcome(history, lift))
    second = replace(
        lift, level=Level.II, clauses=("6.2",), approver=MAYOR.subject, decision_id="d-second"
    )

    given(*history).when(second).then_refused("APPROVAL_REQUIRED")


@pytest.mark.parametrize("by", [HEAD, LI, OFFICER])
def test_a_subordinate_does_not_approve(by: Actor) -> None:
    given(opened).when(replace(approve, by=by)).then_refused("NOT_APPROVER")


def test_haste_is_flagged_until_the_approval_is_recorded() -> None:
    hasty = replace(
        start,
        by=OFFICER,
        level=Level.II,
        clauses=("6.2",),
        approver=MAYOR.subject,
        urgent="市长电话同意，正在途中",
    )
    history: tuple[Event, ...] = (opened, *outcome((opened,), hasty))
    assert _response(history).awaits is Level.II
    over = replace(end, by=MAYOR, approver=MAYOR.subject)
    given(*history, *outcome(history, over)).when(close).then_refused("APPROVAL_AWAITED")

    given(*history).when(approve).then(approved)
    assert _response((*history, approved)).awaits is None
    given(*history, approved).when(approve).then()


def test_ending_and_lowering_are_never_so_urgent() -> None:
    high: tuple[Event, ...] = (
        opened,
        *outcome(
            (opened,),
            replace(start, by=MAYOR, level=Level.II, clauses=("6.2",), approver=MAYOR.subject),
        ),
    )
    given(*high).when(end).then_refused("APPROVAL_REQUIRED")
    lower = replace(lift, level=Level.III, clauses=(), decision_id="d-lower")
    given(*high).when(lower).then_refused("APPROVAL_REQUIRED")

    word = replace(approve, level=None)
    [heard] = outcome(high, word)
    assert heard == replace(approved, level=None)
    approved_end = replace(end, approver=MAYOR.subject)
    [_, over] = outcome((*high, heard), approved_end)
    assert isinstance(over, response.ResponseTerminated)
    assert (over.approval, over.previous_level) == (Approval.RECORDED, Level.II)


def test_a_termination_rests_on_the_plans_own_words() -> None:
    [decided, over] = outcome((opened, started), end)

    assert over == ended
    assert isinstance(decided, DecisionRecorded)
    assert decided.basis == (
        Basis(kind=BasisKind.PLAN_CLAUSE, reference="p1/1/termination", text="险情排除"),
    )


def test_what_was_made_for_another_response_is_refused() -> None:
    other: InForce = replace(under, version=2)

    given(opened, started).when(replace(lift, under=other)).then_refused("RESPONSE_PLAN_CHANGED")
    given(opened, started).when(replace(end, under=None)).then_refused("RESPONSE_PLAN_CHANGED")
    given(opened, activated).when(lift).then_refused("RESPONSE_PLAN_CHANGED")


def test_an_incident_does_not_close_over_an_active_response() -> None:
    given(opened, activated).when(close).then_refused("RESPONSE_ACTIVE")
    given(opened, activated, terminated).when(close).then(closed)


@pytest.mark.parametrize("command", [start, lift, end, approve])
def test_nothing_is_ordered_from_outside_the_region(command: Any) -> None:
    given(opened).when(replace(command, by=STRANGER)).then_refused("OUTSIDE_JURISDICTION")


def test_a_threshold_is_reached_by_what_stands_not_by_what_was_said_first() -> None:
    third = replace(start, level=Level.III)
    more = replace(opened, casualties=replace(opened.casualties, dead=3))

    given(opened).when(third).then_refused("START_CONDITION_REQUIRED")
    [_, ordered, *_] = outcome((more,), third)
    assert isinstance(ordered, response.ResponseActivated)
    assert ordered.clauses == ("5.1",)
    state = decide(third, _fold((more,)))[0]
    assert isinstance(state, DecisionRecorded)
    assert {one.reference for one in state.basis} >= {f"r1.{Metric.DEAD}", "p1/1/5.1"}


def _fold(events: tuple[Event, ...]) -> decider.State:
    return decider.fold(events, decider.INITIAL)


def _response(events: tuple[Event, ...]) -> response.Response:
    state = _fold(events)
    assert isinstance(state, Open)
    return state.response
