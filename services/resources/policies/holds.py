"""What follows by itself: holds of units that run out, or move with their assignment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection, select

from anlan.events.v1 import assignment_events_pb2 as assignment_pb
from services.resources.domain import unit
from services.resources.projections.tables import units
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler, Written
from services.runtime.readmodel import ReadModel
from services.runtime.settlement import Delivered
from services.runtime.times import from_proto, of_micros

MOVE_HOLD = "resources.move_hold"
SUBJECTS = ["anlan.*.assignment.AssignmentMoved.>"]

Units = CommandHandler[unit.Command, unit.State, unit.Event]


@dataclass(frozen=True, slots=True)
class Following:
    """Lets the hold of a unit follow its assignment, whose incident was merged or split."""

    units: Units

    async def react(self, delivered: Delivered) -> None:
        event = delivered.event
        moved = assignment_pb.AssignmentMoved.FromString(event.data)
        command = unit.MoveHold(
            unit_id=moved.unit_id,
            holder=moved.assignment_id,
            incident_id=moved.incident_id,
            occurred_at=from_proto(moved.occur_time),
        )
        cause = Cause.reaction(event, MOVE_HOLD)
        await self.units.handle(moved.unit_id, command, cause)


@dataclass(frozen=True, slots=True)
class Expiry:
    """Frees units whose holder never confirmed."""

    units: Units
    model: ReadModel
    now: Callable[[], datetime]

    def next_due(self, connection: Connection) -> tuple[datetime, str] | None:
        row = connection.execute(
            select(units.c.next_expiry, units.c.unit_id)
            .where(units.c.next_expiry.is_not(None))
            .order_by(units.c.next_expiry, units.c.unit_id)
            .limit(1)
        ).first()
        due = None if row is None else of_micros(row.next_expiry)
        return None if row is None or due is None else (due, row.unit_id)

    async def ring(self, unit_id: str, due: datetime) -> Written:
        async with self.model.read() as (connection, _):
            query = select(units.c.adcode, units.c.exercise).where(units.c.unit_id == unit_id)
            row = (await connection.execute(query)).one()
        command_id = uuid5(NAMESPACE_URL, f"/anlan/resources/unit/{unit_id}/{due.isoformat()}")
        cause = Cause(
            command_id=command_id,
            causation_id=str(command_id),
            correlation_id=unit_id,
            actor=Actor(subject="resources", roles=("service",), jurisdiction=row.adcode),
            exercise=row.exercise,
        )
        command = unit.ExpireReservation(unit_id=unit_id, now=self.now())
        return await self.units.handle(unit_id, command, cause)
