"""Between tasks and objectives as values or rows, and their messages."""

from __future__ import annotations

from typing import Any

import msgspec

from anlan.command.v1 import objective_service_pb2 as objective_pb
from anlan.command.v1 import task_service_pb2 as pb
from services.command.domain.incident.objectives import ObjectiveOutcome, ObjectiveState
from services.command.domain.incident.tasks import Assignee, Outcome, TaskState
from services.runtime.times import stamp

TASK_STATES = {
    TaskState.ASSIGNED: pb.TASK_STATE_ASSIGNED,
    TaskState.ACCEPTED: pb.TASK_STATE_ACCEPTED,
    TaskState.IN_PROGRESS: pb.TASK_STATE_IN_PROGRESS,
    TaskState.COMPLETED: pb.TASK_STATE_COMPLETED,
    TaskState.CANCELLED: pb.TASK_STATE_CANCELLED,
}
ASSIGNEES = {
    Assignee.PERSON: pb.ASSIGNEE_KIND_PERSON,
    Assignee.DEPARTMENT: pb.ASSIGNEE_KIND_DEPARTMENT,
}
OUTCOMES = {
    Outcome.DONE: pb.TASK_OUTCOME_DONE,
    Outcome.PARTLY_DONE: pb.TASK_OUTCOME_PARTLY_DONE,
    Outcome.NOT_DONE: pb.TASK_OUTCOME_NOT_DONE,
}
OBJECTIVE_STATES = {
    ObjectiveState.OPEN: objective_pb.OBJECTIVE_STATE_OPEN,
    ObjectiveState.ACHIEVED: objective_pb.OBJECTIVE_STATE_ACHIEVED,
    ObjectiveState.ABANDONED: objective_pb.OBJECTIVE_STATE_ABANDONED,
}
OBJECTIVE_OUTCOMES = {
    ObjectiveOutcome.ACHIEVED: objective_pb.OBJECTIVE_OUTCOME_ACHIEVED,
    ObjectiveOutcome.ABANDONED: objective_pb.OBJECTIVE_OUTCOME_ABANDONED,
}

TASK_STATE_OF = {number: state for state, number in TASK_STATES.items()}
ASSIGNEE_OF = {number: kind for kind, number in ASSIGNEES.items()}
OUTCOME_OF = {number: outcome for outcome, number in OUTCOMES.items()}
OBJECTIVE_STATE_OF = {number: state for state, number in OBJECTIVE_STATES.items()}
OBJECTIVE_OUTCOME_OF = {number: outcome for outcome, number in OBJECTIVE_OUTCOMES.items()}


def task(row: Any) -> pb.Task:
    """Return the message of a row of ``TASKS`` with ``overdue``."""
    return pb.Task(
        incident_id=row.incident_id,
        task_id=row.task_id,
        title=row.title,
        instructions=row.instructions,
        state=TASK_STATES[TaskState(row.state)],
        assignee=row.assignee,
        assignee_kind=ASSIGNEES[Assignee(row.assignee_kind)],
        accepted_by=row.accepted_by,
        percent=row.percent,
        progress_note=row.note,
        due_time=stamp(row.due_at),
        overdue=bool(row.overdue),
        objective_id=row.objective_id,
        plan_step=row.plan_step,
        assigned_by=row.assigned_by,
        assign_time=stamp(row.assigned_at),
        accept_time=stamp(row.accepted_at),
        start_time=stamp(row.started_at),
        report_time=stamp(row.reported_at),
        complete_time=stamp(row.completed_at),
        cancel_time=stamp(row.cancelled_at),
        outcome=OUTCOMES[Outcome(row.outcome)] if row.outcome else pb.TASK_OUTCOME_UNSPECIFIED,
        outcome_note=row.outcome_note,
        evidence=msgspec.json.decode(row.evidence),
        ended_by=row.ended_by,
        cancel_reason=row.cancel_reason,
        exercise=row.exercise,
        position=row.position,
    )


def objective(row: Any) -> objective_pb.Objective:
    return objective_pb.Objective(
        incident_id=row.incident_id,
        objective_id=row.objective_id,
        kind=row.kind,
        text=row.text,
        measure=row.measure,
        due_time=stamp(row.due_at),
        state=OBJECTIVE_STATES[ObjectiveState(row.state)],
        percent=row.percent,
        progress_note=row.note,
        report_time=stamp(row.reported_at),
        set_by=row.set_by,
        set_time=stamp(row.set_at),
        closed_by=row.closed_by,
        close_time=stamp(row.closed_at),
        close_note=row.close_note,
        position=row.position,
    )
