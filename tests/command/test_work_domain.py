"""Tasks, objectives and needs, rule by rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from services.command.domain.incident import task_rules, tasks
from services.command.domain.incident.decider import Act, Event
from services.command.domain.incident.objectives import ObjectiveOutcome
from services.command.domain.incident.tasks import Assignee, PlannedTask, Work, planned
from tests.command import work
from tests.command.incidents import CHEN, LI, NOW, ZHANG, close, closed, given, opened
from tests.command.work import (
    IN_AN_HOUR,
    LATER,
    accept,
    accepted,
    achieve,
    achieved,
    aimed,
    ask,
    asked,
    assign,
    assigned,
    bring,
    brought,
    cancel,
    cancelled,
    complete,
    completed,
    drop,
    dropped,
    hand_over,
    handed_over,
    overdue,
    progress,
    progressed,
    promise,
    promised,
    report,
    reported,
    ring,
    set_,
    take_back,
    taken_back,
)

departments = replace(assigned, assignee="安江镇人民政府", assignee_kind=Assignee.DEPARTMENT)
DONE: list[tuple[Sequence[Event], Act, Event]] = [
    ((), set_, aimed),
    ((aimed,), progress, progressed),
    ((aimed,), achieve, achieved),
    ((), assign, assigned),
    ((assigned,), accept, accepted),
    ((assigned,), report, reported),
    ((assigned, accepted), complete, completed),
    ((assigned,), cancel, cancelled),
    ((assigned, accepted), hand_over, handed_over),
    ((assigned,), ring, overdue),
    ((), ask, asked),
    ((asked,), promise, promised),
    ((asked, promised), take_back, taken_back),
    ((asked, promised), bring, brought),
    ((asked,), drop, dropped),
]


def name(value: object) -> str:
    return "" if isinstance(value, tuple) else type(value).__name__


@pytest.mark.parametrize(("history", "command", "event"), DONE, ids=name)
def test_what_is_asked_is_done_once(history: tuple[Event, ...], command: Act, event: Event) -> None:
    given(opened, *history).when(command).then(event)
    given(opened, *history, event).when(command).then()


REFUSED: dict[str, tuple[Sequence[Event], Act, str]] = {
    "a task nobody gave": ((), accept, "NO_SUCH_TASK"),
    "a task id that is taken": ((assigned,), replace(assign, title="巡堤"), "TASK_EXISTS"),
    "a time limit that has passed": ((), replace(assign, due_at=NOW), "DUE_TIME_PAST"),
    "a task for no objective": (
        (),
        replace(assign, objective_id="o1"),
        "NO_SUCH_OBJECTIVE",
    ),
    "a task for a closed objective": (
        (aimed, achieved),
        replace(assign, objective_id="o1"),
        "OBJECTIVE_CLOSED",
    ),
    "somebody else's task": ((assigned,), replace(accept, by=ZHANG), "NOT_ASSIGNEE"),
    "progress of somebody else's task": (
        (assigned, accepted),
        replace(report, by=ZHANG),
        "NOT_ASSIGNEE",
    ),
    "a department's task that nobody accepted": (
        (departments,),
        report,
        "NOT_ASSIGNEE",
    ),
    "the outcome of a task that was taken away": (
        (assigned, accepted, handed_over),
        complete,
        "NOT_ASSIGNEE",
    ),
    "progress after the end": ((assigned, completed), report, "TASK_ENDED"),
    "a completed task called off": ((assigned, completed), cancel, "TASK_ENDED"),
    "a cancelled task completed": ((assigned, cancelled), complete, "TASK_ENDED"),
    "a cancelled task handed over": ((assigned, cancelled), hand_over, "TASK_ENDED"),
    "an objective nobody set": ((), progress, "NO_SUCH_OBJECTIVE"),
    "an objective id that is taken": (
        (aimed,),
        replace(set_, text="保堤"),
        "OBJECTIVE_EXISTS",
    ),
    "progress of a closed objective": ((aimed, achieved), progress, "OBJECTIVE_CLOSED"),
    "another ending of a closed objective": (
        (aimed, achieved),
        replace(achieve, outcome=ObjectiveOutcome.ABANDONED),
        "OBJECTIVE_CLOSED",
    ),
    "a need nobody raised": ((), bring, "NO_SUCH_NEED"),
    "a need id that is taken": ((asked,), replace(ask, item="铁锹"), "NEED_EXISTS"),
    "a promise beyond the need": ((asked,), replace(promise, quantity=2001), "NEED_EXCEEDED"),
    "a promise of what was promised": (
        (asked, promised),
        replace(promise, commitment_id="c2", quantity=1),
        "NEED_EXCEEDED",
    ),
    "a commitment id that is taken": (
        (asked, promised),
        replace(promise, quantity=5),
        "COMMITMENT_EXISTS",
    ),
    "a promise nobody made": ((asked,), take_back, "NO_SUCH_COMMITMENT"),
    "a part of a promise nobody made": ((asked,), bring, "NO_SUCH_COMMITMENT"),
    "more than was asked for": (
        (asked, promised),
        replace(bring, quantity=2001),
        "NEED_EXCEEDED",
    ),
    "a receipt with another number": (
        (asked, promised, brought),
        replace(bring, quantity=60),
        "FULFILMENT_EXISTS",
    ),
    "a part of a cancelled need": ((asked, promised, dropped), bring, "NEED_ENDED"),
    "somebody else's need called off": ((asked,), replace(drop, by=CHEN), "NOT_RAISER"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_breaks_a_rule_is_refused(case: str) -> None:
    history, command, reason = REFUSED[case]

    given(opened, *history).when(command).then_refused(reason)


def test_whoever_is_in_charge_speaks_for_an_assignee_on_the_radio() -> None:
    for_chen = replace(accept, by=LI, in_charge=True)

    given(opened, assigned).when(for_chen).then(accepted)
    given(opened, assigned).when(replace(report, by=LI, in_charge=True)).then(
        replace(reported, reported_by="commander.li")
    )


def test_a_departments_task_is_answered_for_by_who_accepted_it_last() -> None:
    by_zhang = replace(accepted, accepted_by="mayor.zhang")

    given(opened, departments).when(accept).then(accepted)
    given(opened, departments, accepted).when(replace(accept, by=ZHANG)).then(by_zhang)
    given(opened, departments, accepted, by_zhang).when(report).then_refused("NOT_ASSIGNEE")
    given(opened, departments, accepted, by_zhang).when(replace(report, by=ZHANG)).then(
        replace(reported, reported_by="mayor.zhang")
    )


def test_progress_that_was_said_earlier_does_not_replace_what_stands() -> None:
    early = replace(reported, percent=20, occurred_at=NOW)
    work_now = Work()
    for event in (assigned, reported, early):
        work_now = task_rules.evolve(work_now, event)

    assert work_now.tasks["t1"].percent == 60


def test_belated_progress_is_recorded_once_however_often_it_comes() -> None:
    early = replace(report, percent=20, note="出发", occurred_at=NOW)
    was = replace(reported, percent=20, note="出发", occurred_at=NOW)
    aim = replace(progress, percent=20, occurred_at=NOW - timedelta(minutes=5))
    then = replace(progressed, percent=20, occurred_at=aim.occurred_at)

    given(opened, assigned, reported).when(early).then(was)
    given(opened, assigned, reported, was).when(early).then()
    given(opened, aimed, progressed).when(aim).then(then)
    given(opened, aimed, progressed, then).when(aim).then()


def test_a_time_limit_that_was_moved_rings_at_its_new_time_only() -> None:
    later = IN_AN_HOUR + timedelta(hours=1)
    extend = replace(hand_over, assignee="chen", due_at=later)
    extended = replace(handed_over, assignee="chen", due_at=later)

    given(opened, assigned, overdue).when(extend).then(extended)
    given(opened, assigned, extended).when(ring).then()
    given(opened, assigned, overdue, extended).when(replace(ring, occurred_at=later)).then(
        replace(overdue, due_at=later, occurred_at=later)
    )
    given(opened, assigned, accepted, extended).when(report).then(reported)


def test_a_task_that_ended_in_time_does_not_ring() -> None:
    given(opened, assigned, completed).when(ring).then()
    given(opened, assigned, cancelled).when(ring).then()


def test_the_last_part_meets_a_need_and_nothing_can_be_added() -> None:
    rest = replace(bring, fulfilment_id="f2", quantity=60)
    last = replace(brought, fulfilment_id="f2", quantity=60, committed=0, remaining=0)

    given(opened, asked, promised, brought).when(rest).then(last)
    met = given(opened, asked, promised, brought, last)
    met.when(replace(bring, fulfilment_id="f3", quantity=1)).then_refused("NEED_ENDED")
    met.when(drop).then_refused("NEED_ENDED")
    met.when(bring).then()


def test_what_a_withdrawn_promise_did_not_bring_can_be_promised_again() -> None:
    half = replace(brought, quantity=1000, committed=1000, remaining=1000)
    back = replace(taken_back, committed=0, remaining=1000)
    again = replace(promise, commitment_id="c2", quantity=1000)

    given(opened, asked, promised, half).when(take_back).then(back)
    given(opened, asked, promised, half, back).when(again).then(
        replace(promised, commitment_id="c2", quantity=1000, committed=1000, remaining=1000)
    )


def test_closing_calls_off_what_others_still_do_or_send() -> None:
    off = replace(cancelled, reason="INCIDENT_CLOSED", occurred_at=NOW)
    unwanted = replace(dropped, reason="INCIDENT_CLOSED", occurred_at=NOW)

    given(opened, aimed, assigned, asked, brought).when(close).then(off, unwanted, closed)
    given(opened, assigned, completed, asked, dropped).when(close).then(closed)


def step(step_id: str, within_h: int | None = 1) -> PlannedTask:
    return PlannedTask(
        plan_id="flood",
        plan_version="2",
        step_id=step_id,
        title=f"做 {step_id}",
        instructions="",
        department="水利局",
        within=None if within_h is None else timedelta(hours=within_h),
    )


def plan(work_now: Work, *steps: PlannedTask) -> list[tasks.TaskAssigned]:
    return planned(
        steps,
        incident_id="i1",
        adcode=work.ADCODE,
        work=work_now,
        since=NOW,
        assigned_by="commander.li",
        occurred_at=LATER,
    )


def after(*events: tasks.Event) -> Work:
    state = Work()
    for event in events:
        state = task_rules.evolve(state, event)
    return state


def test_a_plan_asks_each_step_once() -> None:
    patrol, evacuate = plan(Work(), step("patrol"), step("evacuate", None))

    assert (patrol.task_id, patrol.plan_step) == ("flood.patrol", "flood/2/patrol")
    assert (patrol.assignee_kind, patrol.assignee) == (Assignee.DEPARTMENT, "水利局")
    assert patrol.due_at == LATER + timedelta(hours=1)
    assert evacuate.due_at is None
    assert plan(after(patrol), step("patrol"), step("evacuate", None)) == [evacuate]


def test_a_step_is_asked_again_when_it_was_called_off_or_done_in_an_earlier_activation() -> None:
    [patrol] = plan(Work(), step("patrol"))
    done = replace(completed, task_id="flood.patrol")
    off = replace(cancelled, task_id="flood.patrol")
    earlier = replace(patrol, occurred_at=NOW - timedelta(days=1))

    [again] = plan(after(patrol, off), step("patrol"))
    [anew] = plan(after(earlier, done), step("patrol"))

    assert again.task_id == anew.task_id == "flood.patrol.2"
    assert plan(after(patrol, done), step("patrol")) == []
