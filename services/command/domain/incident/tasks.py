"""任务: what was asked of whom until when, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from services.runtime.actor import Actor


class Assignee(StrEnum):
    """Who is asked: a person by subject, or a department (or group) by name."""

    PERSON = "person"
    DEPARTMENT = "department"


class TaskState(StrEnum):
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


ENDED = frozenset({TaskState.COMPLETED, TaskState.CANCELLED})


class Outcome(StrEnum):
    DONE = "done"
    PARTLY_DONE = "partly_done"
    NOT_DONE = "not_done"


# Commands.  ``in_charge`` says that the caller may assign tasks, and so may speak for an assignee
# who reports by radio or telephone.


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignTask:
    by: Actor
    incident_id: str
    task_id: str
    title: str
    instructions: str
    assignee: str
    assignee_kind: Assignee
    due_at: datetime | None
    objective_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptTask:
    by: Actor
    incident_id: str
    task_id: str
    in_charge: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTaskProgress:
    by: Actor
    incident_id: str
    task_id: str
    percent: int
    note: str
    in_charge: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteTask:
    by: Actor
    incident_id: str
    task_id: str
    outcome: Outcome
    note: str
    evidence: tuple[str, ...]
    in_charge: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTask:
    by: Actor
    incident_id: str
    task_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReassignTask:
    """Also how the time limit is moved: ``due_at`` None leaves it as it is."""

    by: Actor
    incident_id: str
    task_id: str
    assignee: str
    assignee_kind: Assignee
    due_at: datetime | None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RingTask:
    """The clock says that the time limit ``occurred_at`` has come."""

    by: Actor
    incident_id: str
    task_id: str
    occurred_at: datetime


OfOne = AcceptTask | ReportTaskProgress | CompleteTask | CancelTask | ReassignTask | RingTask
Command = AssignTask | OfOne


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAssigned:
    """``plan_step`` names ``{plan_id}/{plan_version}/{step_id}``; empty without a plan."""

    incident_id: str
    adcode: str
    task_id: str
    title: str
    instructions: str
    assignee: str
    assignee_kind: Assignee
    due_at: datetime | None
    objective_id: str
    plan_step: str
    assigned_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAccepted:
    """``accepted_by`` answers for it from here on, for a department too."""

    incident_id: str
    adcode: str
    task_id: str
    accepted_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskProgressReported:
    incident_id: str
    adcode: str
    task_id: str
    percent: int
    note: str
    reported_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCompleted:
    incident_id: str
    adcode: str
    task_id: str
    outcome: Outcome
    note: str
    evidence: tuple[str, ...]
    completed_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCancelled:
    incident_id: str
    adcode: str
    task_id: str
    reason: str
    cancelled_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReassigned:
    incident_id: str
    adcode: str
    task_id: str
    previous_assignee: str
    assignee: str
    assignee_kind: Assignee
    due_at: datetime | None
    reason: str
    reassigned_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOverdue:
    """Its time limit passed while it was open; ``occurred_at`` is that time limit."""

    incident_id: str
    adcode: str
    task_id: str
    title: str
    assignee: str
    due_at: datetime
    occurred_at: datetime


Event = (
    TaskAssigned
    | TaskAccepted
    | TaskProgressReported
    | TaskCompleted
    | TaskCancelled
    | TaskReassigned
    | TaskOverdue
)


# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """``asked`` is the assignment as it stands; ``answerable`` who accepted it."""

    asked: TaskAssigned
    state: TaskState = TaskState.ASSIGNED
    answerable: str = ""
    percent: int = 0
    note: str = ""
    reported_at: datetime | None = None
    overdue: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """``heard`` is every progress report: one may come again when it stands no more."""

    tasks: Mapping[str, Task] = field(default_factory=dict)
    heard: frozenset[tuple[str, datetime, int, str]] = frozenset()

    def open(self) -> tuple[Task, ...]:
        return tuple(task for task in self.tasks.values() if task.state not in ENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTask:
    """What a plan asks of a department; ``within`` counts from the activation."""

    plan_id: str
    plan_version: str
    step_id: str
    title: str
    instructions: str
    department: str
    within: timedelta | None


def planned(
    steps: Iterable[PlannedTask],
    *,
    incident_id: str,
    adcode: str,
    work: Work,
    since: datetime,
    assigned_by: str,
    occurred_at: datetime,
) -> list[TaskAssigned]:
    """Return the assignments of a plan's steps that are not yet given.

    ``since`` is when the present activation began: what an earlier one completed is asked again,
    what is open never twice.
    """
    given = {
        task.asked.plan_step
        for task in work.tasks.values()
        if task.state not in ENDED
        or (task.state is TaskState.COMPLETED and task.asked.occurred_at >= since)
    }
    taken = set(work.tasks)
    events = []
    for step in steps:
        plan_step = f"{step.plan_id}/{step.plan_version}/{step.step_id}"
        if plan_step in given:
            continue
        task_id = _free(f"{step.plan_id}.{step.step_id}", taken)
        given.add(plan_step)
        taken.add(task_id)
        events.append(
            TaskAssigned(
                incident_id=incident_id,
                adcode=adcode,
                task_id=task_id,
                title=step.title,
                instructions=step.instructions,
                assignee=step.department,
                assignee_kind=Assignee.DEPARTMENT,
                due_at=None if step.within is None else occurred_at + step.within,
                objective_id="",
                plan_step=plan_step,
                assigned_by=assigned_by,
                occurred_at=occurred_at,
            )
        )
    return events


def call_off(
    work: Work, *, adcode: str, reason: str, by: str, occurred_at: datetime
) -> list[TaskCancelled]:
    """Cancel whatever is open, so that nobody works on for an incident that is over."""
    return [
        TaskCancelled(
            incident_id=task.asked.incident_id,
            adcode=adcode,
            task_id=task.asked.task_id,
            reason=reason,
            cancelled_by=by,
            occurred_at=occurred_at,
        )
        for task in work.open()
    ]


def _free(wanted: str, taken: set[str]) -> str:
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted}.{number}"
    return name
