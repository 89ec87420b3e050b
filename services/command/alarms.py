"""Whenever a task's time limit passes while it is open, that is recorded: once, whoever runs."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import case, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.command.domain.incident import tasks
from services.command.policies.merging import Incidents
from services.command.projections.exercises import EXERCISES
from services.command.projections.tasks import TASKS
from services.runtime.actor import NATION, Actor
from services.runtime.cause import Cause
from services.runtime.handle import Written
from services.runtime.readmodel import ReadModel
from services.runtime.times import of_micros

CLOCK = Actor(subject="service:command", roles=("service",), jurisdiction=NATION)
DUE_AT_ONCE = 0


class TaskClock:
    def __init__(self, model: ReadModel, incidents: Incidents) -> None:
        self._model = model
        self._incidents = incidents

    async def ring(self, key: str, _: datetime) -> Written:
        """Tell that a task is overdue, in the story and the exercise of its incident."""
        incident_id, task_id = key.split("/")
        row_of = select(TASKS.c.alarm_at, TASKS.c.cause_id, TASKS.c.exercise).where(
            TASKS.c.incident_id == incident_id, TASKS.c.task_id == task_id
        )
        async with self._model.read() as (connection, _seen):
            row = (await connection.execute(row_of)).one()
        due_at = of_micros(row.alarm_at)
        assert due_at is not None
        command = tasks.RingTask(
            by=CLOCK, incident_id=incident_id, task_id=task_id, occurred_at=due_at
        )
        cause = Cause(
            command_id=uuid5(UUID(row.cause_id), "command.on_task_due"),
            causation_id=row.cause_id,
            correlation_id=incident_id,
            actor=CLOCK,
            exercise=row.exercise,
        )
        return await self._incidents.handle(incident_id, command, cause)


async def next_task_due(connection: AsyncConnection) -> tuple[datetime, str] | None:
    """Return the next time limit to ring; in a scripted exercise its own clock says which came."""
    column, clock = TASKS.c, EXERCISES.c
    at = case((clock.time.is_not(None), DUE_AT_ONCE), else_=column.alarm_at).label("at")
    statement = (
        select(at, column.incident_id, column.task_id)
        .outerjoin(EXERCISES, clock.exercise == column.exercise)
        .where(column.alarm_at.is_not(None), ~column.held)
        .where(or_(clock.time.is_(None), column.alarm_at <= clock.time))
        .order_by(at, column.alarm_at)
        .limit(1)
    )
    row = (await connection.execute(statement)).first()
    if row is None:
        return None
    moment = of_micros(row.at)
    assert moment is not None
    return moment, f"{row.incident_id}/{row.task_id}"
