"""Whenever a time limit passes that is still open, that is recorded: once, whoever runs.

The limits are those that people set to tasks, and the law's with its warnings before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, Select, select

from services.command.domain.incident import deadlines, tasks
from services.command.policies.merging import Incidents
from services.command.projections.deadlines import DEADLINES
from services.command.projections.exercises import EXERCISES
from services.command.projections.tasks import TASKS
from services.runtime.actor import NATION, Actor
from services.runtime.alarm import Due, first_due
from services.runtime.cause import Cause
from services.runtime.handle import Written
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import Rejection
from services.runtime.times import of_micros

CLOCK = Actor(subject="service:command", roles=("service",), jurisdiction=NATION)


@dataclass(frozen=True, slots=True)
class TaskClock:
    model: ReadModel
    incidents: Incidents

    async def ring(self, key: str, _: datetime) -> Written:
        """Tell that a task is overdue, in the story and the exercise of its incident."""
        incident_id, task_id, alarm_at = key.split("/")
        column = TASKS.c
        row, due_at = await _row(
            self.model,
            select(column.alarm_at, column.cause_id, column.exercise).where(
                column.incident_id == incident_id, column.task_id == task_id
            ),
            int(alarm_at),
        )
        command = tasks.RingTask(
            by=CLOCK, incident_id=incident_id, task_id=task_id, occurred_at=due_at
        )
        cause = _by_clock(row, incident_id, "command.on_task_due")
        return await self.incidents.handle(incident_id, command, cause)


@dataclass(frozen=True, slots=True)
class DeadlineClock:
    model: ReadModel
    incidents: Incidents

    async def ring(self, key: str, _: datetime) -> Written:
        """Ring the next mark of a statutory clock; each of its marks is another command."""
        incident_id, deadline_id, alarm_at = key.split("/")
        column = DEADLINES.c
        row, mark_at = await _row(
            self.model,
            select(column.mark_at, column.mark, column.cause_id, column.exercise).where(
                column.incident_id == incident_id, column.deadline_id == deadline_id
            ),
            int(alarm_at),
        )
        command = deadlines.RingDeadline(
            by=CLOCK,
            incident_id=incident_id,
            deadline_id=deadline_id,
            percent=row.mark,
            occurred_at=mark_at,
        )
        cause = _by_clock(row, incident_id, f"command.on_deadline_mark.{row.mark}")
        return await self.incidents.handle(incident_id, command, cause)


def next_task_due(connection: Connection) -> Due | None:
    """Return the next time limit of a task to ring; in an exercise its own clock says which."""
    column = TASKS.c
    return first_due(
        connection,
        EXERCISES,
        column.alarm_at,
        column.exercise,
        column.incident_id,
        column.task_id,
        column.alarm_at,
        where=~column.held,
    )


def next_deadline_mark(connection: Connection) -> Due | None:
    """Return the next mark of a statutory clock to ring; in an exercise its own says which."""
    column = DEADLINES.c
    return first_due(
        connection,
        EXERCISES,
        column.mark_at,
        column.exercise,
        column.incident_id,
        column.deadline_id,
        column.mark_at,
    )


async def _row(model: ReadModel, statement: Select[Any], alarm_at: int) -> tuple[Any, datetime]:
    """Return the row to ring, and the instant of its alarm, which stands first in it.

    Raises Rejection where the alarm was answered or moved since it was found.
    """
    async with model.read() as (connection, _seen):
        row = (await connection.execute(statement)).first()
    moment = of_micros(alarm_at)
    if row is None or row[0] != alarm_at or moment is None:
        raise Rejection("ALARM_ANSWERED", "there is no such alarm any more")
    return row, moment


def _by_clock(row: Any, incident_id: str, policy: str) -> Cause:
    return Cause(
        command_id=uuid5(UUID(row.cause_id), policy),
        causation_id=row.cause_id,
        correlation_id=incident_id,
        actor=CLOCK,
        exercise=row.exercise,
    )
