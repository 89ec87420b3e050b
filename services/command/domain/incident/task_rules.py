"""What may be done with a task, by whom, and what it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from services.command.domain.incident import due, objectives
from services.command.domain.incident.tasks import (
    ENDED,
    AcceptTask,
    Assignee,
    AssignTask,
    CancelTask,
    Command,
    CompleteTask,
    Event,
    OfOne,
    ReassignTask,
    ReportTaskProgress,
    RingTask,
    Task,
    TaskAccepted,
    TaskAssigned,
    TaskCancelled,
    TaskCompleted,
    TaskOverdue,
    TaskProgressReported,
    TaskReassigned,
    TaskState,
    Work,
)
from services.runtime.rejection import AlreadyExists, Forbidden, NotFound, Rejection


def decide(
    command: Command, adcode: str, work: Work, aims: objectives.Objectives
) -> Sequence[Event]:
    if isinstance(command, AssignTask):
        return assign(command, adcode, work, aims)
    task = _known(command, work)
    match command:
        case AcceptTask():
            return accept(command, adcode, task)
        case ReportTaskProgress():
            return report(command, adcode, task, work)
        case CompleteTask():
            return complete(command, adcode, task)
        case CancelTask():
            return cancel(command, adcode, task)
        case ReassignTask():
            return reassign(command, adcode, task)
        case RingTask():
            return ring(command, adcode, task)
        case _:
            assert_never(command)


def assign(
    command: AssignTask, adcode: str, work: Work, aims: objectives.Objectives
) -> list[TaskAssigned]:
    due.require_ahead("due_time", command.due_at, command.occurred_at)
    known = work.tasks.get(command.task_id)
    asked = TaskAssigned(
        incident_id=command.incident_id,
        adcode=adcode,
        task_id=command.task_id,
        title=command.title,
        instructions=command.instructions,
        assignee=command.assignee,
        assignee_kind=command.assignee_kind,
        due_at=command.due_at,
        objective_id=command.objective_id,
        plan_step="",
        assigned_by=command.by.subject,
        occurred_at=command.occurred_at,
    )
    if known is None:
        objectives.require_open(command.incident_id, command.objective_id, aims)
        return [asked]
    if replace(known.asked, assigned_by=asked.assigned_by, occurred_at=asked.occurred_at) == asked:
        return []
    raise AlreadyExists(
        "TASK_EXISTS",
        f"task {command.task_id} is {known.asked.assignee}'s already: {known.asked.title}",
        task_id=command.task_id,
        assignee=known.asked.assignee,
    )


def accept(command: AcceptTask, adcode: str, task: Task) -> list[Event]:
    """Let a person answer for a task; for a department's, until another one accepts it."""
    asked = task.asked
    mine = asked.assignee_kind is Assignee.DEPARTMENT or asked.assignee == command.by.subject
    if not mine and not command.in_charge:
        raise _not_assignee(command, asked.assignee)
    _require_open(command, task)
    answerable = command.by.subject if mine else asked.assignee
    if task.answerable == answerable:
        return []
    return [
        TaskAccepted(
            incident_id=command.incident_id,
            adcode=adcode,
            task_id=command.task_id,
            accepted_by=answerable,
            occurred_at=command.occurred_at,
        )
    ]


def report(command: ReportTaskProgress, adcode: str, task: Task, work: Work) -> list[Event]:
    _require_own(command, task)
    _require_open(command, task)
    said = (command.percent, command.note)
    stands = task.state is TaskState.IN_PROGRESS and said == (task.percent, task.note)
    if stands or (command.task_id, command.occurred_at, *said) in work.heard:
        return []
    return [
        TaskProgressReported(
            incident_id=command.incident_id,
            adcode=adcode,
            task_id=command.task_id,
            percent=command.percent,
            note=command.note,
            reported_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def complete(command: CompleteTask, adcode: str, task: Task) -> list[Event]:
    _require_own(command, task)
    if task.state is TaskState.COMPLETED:
        return []
    _require_open(command, task)
    return [
        TaskCompleted(
            incident_id=command.incident_id,
            adcode=adcode,
            task_id=command.task_id,
            outcome=command.outcome,
            note=command.note,
            evidence=command.evidence,
            completed_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def cancel(command: CancelTask, adcode: str, task: Task) -> list[Event]:
    if task.state is TaskState.CANCELLED:
        return []
    _require_open(command, task)
    return [
        TaskCancelled(
            incident_id=command.incident_id,
            adcode=adcode,
            task_id=command.task_id,
            reason=command.reason,
            cancelled_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def reassign(command: ReassignTask, adcode: str, task: Task) -> list[Event]:
    due.require_ahead("due_time", command.due_at, command.occurred_at)
    _require_open(command, task)
    asked = task.asked
    due_at = command.due_at or asked.due_at
    wanted = (command.assignee, command.assignee_kind, due_at)
    if wanted == (asked.assignee, asked.assignee_kind, asked.due_at):
        return []
    return [
        TaskReassigned(
            incident_id=command.incident_id,
            adcode=adcode,
            task_id=command.task_id,
            previous_assignee=asked.assignee,
            assignee=command.assignee,
            assignee_kind=command.assignee_kind,
            due_at=due_at,
            reason=command.reason,
            reassigned_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def ring(command: RingTask, adcode: str, task: Task) -> list[Event]:
    """Tell once that a time limit has passed; one that was moved meanwhile has not."""
    if task.state in ENDED or task.overdue or task.asked.due_at != command.occurred_at:
        return []
    return [
        TaskOverdue(
            incident_id=command.incident_id,
            adcode=adcode,
            task_id=command.task_id,
            title=task.asked.title,
            assignee=task.asked.assignee,
            due_at=command.occurred_at,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(work: Work, event: Event) -> Work:
    if isinstance(event, TaskAssigned):
        return replace(work, tasks={**work.tasks, event.task_id: Task(asked=event)})
    task = work.tasks.get(event.task_id)
    if task is None:
        return work
    heard = work.heard
    if isinstance(event, TaskProgressReported):
        heard |= {(event.task_id, event.occurred_at, event.percent, event.note)}
    now = {**work.tasks, event.task_id: _advance(task, event)}
    return replace(work, tasks=now, heard=heard)


def _advance(task: Task, event: Event) -> Task:
    match event:
        case TaskAssigned():
            return Task(asked=event)
        case TaskAccepted():
            state = task.state if task.state is TaskState.IN_PROGRESS else TaskState.ACCEPTED
            return replace(task, state=state, answerable=event.accepted_by)
        case TaskProgressReported():
            begun = replace(task, state=TaskState.IN_PROGRESS)
            if task.reported_at is not None and event.occurred_at < task.reported_at:
                return begun
            return replace(
                begun, percent=event.percent, note=event.note, reported_at=event.occurred_at
            )
        case TaskCompleted():
            return replace(task, state=TaskState.COMPLETED)
        case TaskCancelled():
            return replace(task, state=TaskState.CANCELLED)
        case TaskReassigned():
            asked = replace(
                task.asked,
                assignee=event.assignee,
                assignee_kind=event.assignee_kind,
                due_at=event.due_at,
            )
            handed = event.assignee != task.asked.assignee
            return replace(
                task,
                asked=asked,
                state=TaskState.ASSIGNED if handed else task.state,
                answerable="" if handed else task.answerable,
                overdue=task.overdue and event.due_at == task.asked.due_at,
            )
        case TaskOverdue():
            return replace(task, overdue=True)
        case _:
            assert_never(event)


def _known(command: OfOne, work: Work) -> Task:
    task = work.tasks.get(command.task_id)
    if task is None:
        raise NotFound(
            "NO_SUCH_TASK",
            f"incident {command.incident_id} has no task {command.task_id}",
            incident_id=command.incident_id,
            task_id=command.task_id,
        )
    return task


def _require_open(command: OfOne, task: Task) -> None:
    if task.state in ENDED:
        raise Rejection(
            "TASK_ENDED",
            f"task {command.task_id} is {task.state}: assign a new one",
            task_id=command.task_id,
            state=task.state,
        )


def _require_own(command: ReportTaskProgress | CompleteTask, task: Task) -> None:
    """Only who answers for a task speaks of it, or who is in charge."""
    if command.in_charge:
        return
    asked = task.asked
    if asked.assignee_kind is Assignee.PERSON and asked.assignee == command.by.subject:
        return
    if task.answerable != command.by.subject:
        raise _not_assignee(command, task.answerable or asked.assignee)


def _not_assignee(command: OfOne, assignee: str) -> Forbidden:
    return Forbidden(
        "NOT_ASSIGNEE",
        f"task {command.task_id} is {assignee}'s; {command.by.subject} must accept it first, "
        "or be in charge of tasks",
        task_id=command.task_id,
        assignee=assignee,
        subject=command.by.subject,
    )
