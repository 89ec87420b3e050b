"""A hazard area that was declared until a time is lifted when that has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection, select

from services.resources.domain import hazard_area
from services.resources.projections.tables import hazard_areas
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler, Written
from services.runtime.readmodel import ReadModel
from services.runtime.times import of_micros

HazardAreas = CommandHandler[hazard_area.Command, hazard_area.State, hazard_area.Event]


@dataclass(frozen=True, slots=True)
class Ending:
    areas: HazardAreas
    model: ReadModel
    now: Callable[[], datetime]

    def next_due(self, connection: Connection) -> tuple[datetime, str] | None:
        column = hazard_areas.c
        statement = (
            select(column.ends_at, column.hazard_area_id)
            .where(column.in_force, column.ends_at.is_not(None))
            .order_by(column.ends_at, column.hazard_area_id)
            .limit(1)
        )
        row = connection.execute(statement).first()
        due = None if row is None else of_micros(row.ends_at)
        return None if row is None or due is None else (due, row.hazard_area_id)

    async def ring(self, hazard_area_id: str, due: datetime) -> Written:
        column = hazard_areas.c
        statement = select(column.adcode, column.exercise, column.incident_id).where(
            column.hazard_area_id == hazard_area_id
        )
        async with self.model.read() as (connection, _):
            row = (await connection.execute(statement)).one()
        about = f"/anlan/resources/hazard_area/{hazard_area_id}/{due.isoformat()}"
        command_id = uuid5(NAMESPACE_URL, about)
        cause = Cause(
            command_id=command_id,
            causation_id=str(command_id),
            correlation_id=row.incident_id or hazard_area_id,
            actor=Actor(subject="resources", roles=("service",), jurisdiction=row.adcode),
            exercise=row.exercise,
        )
        command = hazard_area.ExpireHazardArea(hazard_area_id=hazard_area_id, now=self.now())
        return await self.areas.handle(hazard_area_id, command, cause)
