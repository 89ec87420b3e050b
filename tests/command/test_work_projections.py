"""Tasks, objectives and needs as rows: what each fact changes, and which time limit rings next."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, create_engine, select
from sqlalchemy.pool import StaticPool

from services.command.domain import exercise
from services.command.domain.incident import decider, tasks
from services.command.domain.incident.decider import Open
from services.command.policies.clocks import next_task_due
from services.command.projections import COMMAND, exercises
from services.command.projections.needs import NEEDS, parts, promises
from services.command.projections.objectives import OBJECTIVES
from services.command.projections.shared import METADATA
from services.command.projections.tasks import TASKS
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection
from services.runtime.times import micros
from tests.command import incidents as known
from tests.command import work
from tests.command.incidents import NOW
from tests.command.rows import recorded
from tests.command.test_work_machine import acts
from tests.command.work import IN_AN_HOUR, LATER

ENGINE = create_engine("sqlite://", poolclass=StaticPool)
METADATA.create_all(ENGINE)


def all_rows(*events: decider.Event) -> dict[Table, list[Any]]:
    with ENGINE.connect() as connection:  # nothing is committed
        for event in recorded([known.opened, *events]):
            COMMAND.apply(connection, event)
        return {
            table: list(connection.execute(select(table))) for table in (TASKS, NEEDS, OBJECTIVES)
        }


def rows(*events: decider.Event, of: Table = TASKS) -> list[Any]:
    return all_rows(*events)[of]


def test_a_task_row_tells_how_far_it_came() -> None:
    [row] = rows(work.assigned, work.accepted, work.reported, work.completed)

    assert (row.state, row.accepted_by, row.percent) == ("completed", "chen", 60)
    assert row.started_at == row.completed_at == micros(LATER)
    assert (row.outcome, row.ended_by, row.alarm_at) == ("done", "chen", None)
    assert row.due_at == micros(IN_AN_HOUR)


def test_belated_progress_moves_the_start_and_not_what_stands() -> None:
    early = replace(work.reported, percent=20, note="出发", occurred_at=NOW)
    [row] = rows(work.assigned, work.reported, early)

    assert (row.percent, row.note) == (60, "已转移 26 户")
    assert (row.started_at, row.reported_at) == (micros(NOW), micros(LATER))


def test_a_task_that_was_handed_over_waits_for_its_new_assignee() -> None:
    [row] = rows(work.assigned, work.accepted, work.handed_over)

    assert (row.state, row.assignee, row.accepted_by) == ("assigned", "mayor.zhang", "")
    assert row.alarm_at == micros(IN_AN_HOUR)


def test_a_time_limit_that_rang_rings_again_only_when_it_is_moved() -> None:
    later = IN_AN_HOUR + timedelta(hours=1)
    [rung] = rows(work.assigned, work.overdue)
    [same] = rows(work.assigned, work.overdue, work.handed_over)
    [moved] = rows(work.assigned, work.overdue, replace(work.handed_over, due_at=later))

    assert rung.alarm_at is same.alarm_at is None
    assert (moved.due_at, moved.alarm_at) == (micros(later), micros(later))
    assert moved.cause_id != rung.cause_id


def test_an_objective_row_tells_how_it_ended() -> None:
    [row] = rows(work.aimed, work.progressed, work.achieved, of=OBJECTIVES)

    assert (row.state, row.percent, row.note) == ("achieved", 60, "26/43 户")
    assert (row.closed_by, row.close_note) == ("commander.li", "43 户全部转移")


def test_a_need_row_keeps_each_promise_and_each_part() -> None:
    rest = replace(
        work.brought, fulfilment_id="f2", quantity=60, commitment_id="", remaining=0, committed=60
    )
    [row] = rows(work.asked, work.promised, work.brought, of=NEEDS)
    [met] = rows(work.asked, work.promised, work.brought, rest, of=NEEDS)
    [off] = rows(work.asked, work.promised, work.taken_back, work.dropped, of=NEEDS)

    assert (row.state, row.committed, row.remaining) == ("partially_met", 60, 60)
    assert [(p.commitment_id, p.outstanding) for p in promises(row)] == [("c1", 60)]
    assert [(p.fulfilment_id, p.quantity) for p in parts(row)] == [("f1", 1940)]
    assert (met.state, met.remaining, met.ended_at) == ("met", 0, micros(LATER))
    assert (off.state, off.committed, off.cancel_reason) == ("cancelled", 0, "已够用")
    assert promises(off)[0].withdraw_reason == "车辆改道"


@settings(max_examples=60, deadline=None)
@given(st.lists(acts, min_size=5, max_size=30))
def test_rows_and_rules_never_tell_different_things(wishes: list[decider.Act]) -> None:
    state: decider.State = decider.evolve(None, known.opened)
    log: list[decider.Event] = []
    for wish in wishes:
        with suppress(Rejection):
            for event in known.decide(wish, state):
                state = decider.evolve(state, event)
                log.append(event)
    assert isinstance(state, Open)

    told = all_rows(*log)
    assert len(told[TASKS]) == len(state.work.tasks)
    for row in told[TASKS]:
        task = state.work.tasks[row.task_id]
        assert (row.state, row.accepted_by) == (task.state, task.answerable)
        assert (row.percent, row.note) == (task.percent, task.note)
        assert (row.assignee, row.assignee_kind) == (task.asked.assignee, task.asked.assignee_kind)
        ringing = task.state not in tasks.ENDED and not task.overdue
        assert (row.alarm_at is not None) == (ringing and task.asked.due_at is not None)
    assert len(told[NEEDS]) == len(state.needs.needs)
    for row in told[NEEDS]:
        need = state.needs.needs[row.need_id]
        assert (row.state, row.remaining) == (need.state, need.remaining)
        assert row.committed == need.committed
        assert {p.commitment_id: p.outstanding for p in promises(row)} == {
            key: promise.outstanding for key, promise in need.commitments.items()
        }
        assert sum(part.quantity for part in parts(row)) == need.fulfilled
    assert len(told[OBJECTIVES]) == len(state.objectives.objectives)
    for row in told[OBJECTIVES]:
        aim = state.objectives.objectives[row.objective_id]
        assert (row.state, row.percent, row.note) == (aim.state, aim.percent, aim.note)


def test_the_earliest_time_limit_rings_first_and_a_scripted_one_by_its_own_clock(
    tmp_path: Any,
) -> None:
    soon = replace(work.assigned, task_id="soon", due_at=NOW + timedelta(minutes=5))
    never = replace(work.assigned, task_id="never", due_at=None)
    earnest = recorded([known.opened, work.assigned, soon, never])
    played = recorded(
        [
            replace(known.opened, incident_id="x1"),
            replace(work.assigned, incident_id="x1", task_id="played"),
        ],
        exercise="drill",
    )
    played = [replace(event, position=event.position + 1000) for event in played]

    def shown(clock: datetime) -> exercise.ExerciseClockAdvanced:
        return exercise.ExerciseClockAdvanced(
            exercise_id="drill", advanced_by="director.wu", occurred_at=clock
        )

    assert first_due(tmp_path / "1", earnest) == (soon.due_at, "soon")
    assert first_due(tmp_path / "2", played) == (IN_AN_HOUR, "played")
    assert first_due(tmp_path / "3", played, shown(NOW)) is None
    assert first_due(tmp_path / "4", [*earnest, *played], shown(NOW)) == (
        soon.due_at,
        "soon",
    )
    due = first_due(tmp_path / "5", [*earnest, *played], shown(IN_AN_HOUR))
    assert due is not None
    assert due[1] == "played"
    assert due[0] < NOW


def first_due(
    folder: Any,
    log: Sequence[Recorded],
    clock: exercise.ExerciseClockAdvanced | None = None,
) -> tuple[datetime, str] | None:
    engine = create_engine(f"sqlite:///{folder}")
    METADATA.create_all(engine)
    with engine.begin() as connection:
        for event in log:
            COMMAND.apply(connection, event)
        if clock is not None:
            about = Recorded(
                id=log[0].id,
                type="",
                stream="exercise-drill",
                revision=0,
                position=1,
                created_at=NOW,
                data=b"",
                metadata={},
            )
            exercises.apply(connection, about, clock)
        found = next_task_due(connection)
    engine.dispose()
    return None if found is None else (found[0], found[1].split("/")[1])
