"""A hazard area that was declared until a time is lifted when that has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection, select

from services.resources.domain import hazard_area
from services.resources.projections.tables import exercise_times, hazard_areas
from services.runtime.actor import Actor
from services.runtime.alarm import Due, first_due
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler, Written
from services.runtime.readmodel import ReadModel
from services.runtime.times import of_micros

HazardAreas = CommandHandler[hazard_area.Command, hazard_area.State, hazard_area.Event]


@dataclass(frozen=True, slots=True)
class Ending:
    areas: HazardAreas
    model: ReadModel

    def next_due(self, connection: Connection) -> Due | None:
        """Return the next area to lift; in an exercise its own time says which have ended."""
        column = hazard_areas.c
        return first_due(
            connection,
            exercise_times,
            column.ends_at,
            column.exercise,
            column.hazard_area_id,
            column.ends_at,
            where=column.in_force,
        )

    async def ring(self, key: str, _due: datetime) -> Written:
        """Lift the area as of its end, unless it was redrawn to end later."""
        hazard_area_id, _, ends = key.rpartition("/")
        ends_at = of_micros(int(ends))
        assert ends_at is not None
        column = hazard_areas.c
        statement = select(column.adcode, column.exercise, column.incident_id).where(
            column.hazard_area_id == hazard_area_id
        )
        async with self.model.read() as (connection, _seen):
            row = (await connection.execute(statement)).one()
        about = f"/anlan/resources/hazard_area/{hazard_area_id}/{ends_at.isoformat()}"
        command_id = uuid5(NAMESPACE_URL, about)
        cause = Cause(
            command_id=command_id,
            causation_id=str(command_id),
            correlation_id=row.incident_id or hazard_area_id,
            actor=Actor(subject="resources", roles=("service",), jurisdiction=row.adcode),
            exercise=row.exercise,
        )
        command = hazard_area.ExpireHazardArea(hazard_area_id=hazard_area_id, now=ends_at)
        return await self.areas.handle(hazard_area_id, command, cause)
