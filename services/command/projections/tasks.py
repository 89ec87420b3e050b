"""Tasks as rows."""

from __future__ import annotations

from typing import Any, assert_never

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    and_,
    bindparam,
    select,
    update,
)

from services.command.domain.incident import decider, merge, split, tasks
from services.command.domain.incident.tasks import TaskState
from services.command.projections.shared import METADATA, json
from services.runtime.recorded import Recorded
from services.runtime.times import micros

TASKS = Table(
    "task",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("task_id", String, primary_key=True),
    Column("title", Text, nullable=False),
    Column("instructions", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("assignee", String, nullable=False, index=True),
    Column("assignee_kind", String, nullable=False),
    Column("accepted_by", String, nullable=False, default="", index=True),
    Column("percent", Integer, nullable=False, default=0),
    Column("note", Text, nullable=False, default=""),
    Column("due_at", BigInteger),
    Column("alarm_at", BigInteger, index=True),  # the time limit, until it is rung or met
    Column("cause_id", String, nullable=False),  # the event that set the time limit
    Column("held", Boolean, nullable=False, default=False),  # on its way to another incident
    Column("objective_id", String, nullable=False),
    Column("plan_step", String, nullable=False, index=True),
    Column("assigned_by", String, nullable=False),
    Column("assigned_at", BigInteger, nullable=False),
    Column("accepted_at", BigInteger),
    Column("started_at", BigInteger),
    Column("reported_at", BigInteger),
    Column("completed_at", BigInteger),
    Column("cancelled_at", BigInteger),
    Column("outcome", String),
    Column("outcome_note", Text, nullable=False, default=""),
    Column("evidence", Text, nullable=False, default="[]"),
    Column("ended_by", String, nullable=False, default=""),
    Column("cancel_reason", Text, nullable=False, default=""),
    Column("exercise", String, nullable=False),
    Column("opened_position", BigInteger, nullable=False, index=True),
    Column("position", BigInteger, nullable=False, index=True),
)
OPEN = tuple(state for state in TaskState if state not in tasks.ENDED)
Index("task_waiting", TASKS.c.state, TASKS.c.due_at)
Index(  # all that a page counts and sorts by, so that it opens the rows that it shows only
    "task_of_incident",
    TASKS.c.incident_id,
    TASKS.c.state,
    TASKS.c.opened_position,
    TASKS.c.task_id,
    TASKS.c.due_at,
    TASKS.c.exercise,
)


# Built once: building a statement costs more than running it.
MINE = and_(TASKS.c.incident_id == bindparam("about"), TASKS.c.task_id == bindparam("task"))
ROW, CHANGE = select(TASKS).where(MINE), update(TASKS).where(MINE)


def apply(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    if isinstance(event, tasks.TaskAssigned):
        connection.execute(TASKS.insert(), _assigned(recorded, event))
    elif isinstance(event, tasks.Event):
        mine = {"about": event.incident_id, "task": event.task_id}
        row = connection.execute(ROW, mine).one()
        changed = {**_changed(row, recorded, event), "position": recorded.position}
        connection.execute(CHANGE, mine | changed)
    else:
        _hold(connection, event)


def _hold(connection: Connection, event: decider.Event) -> None:
    """Let no time limit ring at an incident that the task is leaving, until it is at the other."""
    column = TASKS.c
    match event:
        case merge.MergeBegun() | merge.MergeAbandoned():
            leaving = column.incident_id == event.incident_id
        case split.SplitBegun():
            leaving = and_(
                column.incident_id == event.incident_id, column.task_id.in_([*event.tasks])
            )
        case merge.IncidentAbsorbed() | split.IncidentSplitOff():  # before the rows move
            leaving = and_(
                column.incident_id == event.source_id, column.task_id.in_([*event.tasks])
            )
        case _:
            return
    begun = isinstance(event, merge.MergeBegun | split.SplitBegun)
    connection.execute(update(TASKS).where(leaving).values(held=begun))


def _changed(row: Any, recorded: Recorded, event: tasks.Event) -> dict[str, object]:
    at = micros(event.occurred_at)
    match event:
        case tasks.TaskAssigned():
            return {}
        case tasks.TaskAccepted():
            begun = row.state == TaskState.IN_PROGRESS
            return {
                "state": TaskState.IN_PROGRESS if begun else TaskState.ACCEPTED,
                "accepted_by": event.accepted_by,
                "accepted_at": at,
            }
        case tasks.TaskProgressReported():
            started = {
                "state": TaskState.IN_PROGRESS,
                "started_at": at if row.started_at is None else min(at, row.started_at),
            }
            if row.reported_at is not None and at < row.reported_at:  # said before what stands
                return started
            said = {"percent": event.percent, "note": event.note, "reported_at": at}
            return {**started, **said}
        case tasks.TaskCompleted():
            return {
                "state": TaskState.COMPLETED,
                "completed_at": at,
                "alarm_at": None,
                "outcome": event.outcome,
                "outcome_note": event.note,
                "evidence": json(event.evidence),
                "ended_by": event.completed_by,
            }
        case tasks.TaskCancelled():
            return {
                "state": TaskState.CANCELLED,
                "cancelled_at": at,
                "alarm_at": None,
                "cancel_reason": event.reason,
                "ended_by": event.cancelled_by,
            }
        case tasks.TaskReassigned():
            return _reassigned(row, recorded, event)
        case tasks.TaskOverdue():
            return {"alarm_at": None}
        case _:
            assert_never(event)


def _reassigned(row: Any, recorded: Recorded, event: tasks.TaskReassigned) -> dict[str, object]:
    due_at = None if event.due_at is None else micros(event.due_at)
    changed: dict[str, object] = {
        "assignee_kind": event.assignee_kind,
        "due_at": due_at,
        "alarm_at": row.alarm_at if row.due_at == due_at else due_at,
        "cause_id": str(recorded.id),
    }
    if event.assignee == event.previous_assignee:
        return changed
    handed = {"assignee": event.assignee, "state": TaskState.ASSIGNED}
    return {**changed, **handed, "accepted_by": "", "accepted_at": None}


def _assigned(recorded: Recorded, event: tasks.TaskAssigned) -> dict[str, object]:
    due_at = None if event.due_at is None else micros(event.due_at)
    return {
        "incident_id": event.incident_id,
        "task_id": event.task_id,
        "title": event.title,
        "instructions": event.instructions,
        "state": TaskState.ASSIGNED,
        "assignee": event.assignee,
        "assignee_kind": event.assignee_kind,
        "due_at": due_at,
        "alarm_at": due_at,
        "cause_id": str(recorded.id),
        "objective_id": event.objective_id,
        "plan_step": event.plan_step,
        "assigned_by": event.assigned_by,
        "assigned_at": micros(event.occurred_at),
        "exercise": recorded.metadata.get("exercise", ""),
        "opened_position": recorded.position,
        "position": recorded.position,
    }
