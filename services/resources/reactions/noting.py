"""Whenever the status of a unit changes the log notes where the unit was just then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from anlan.events.v1 import assignment_events_pb2 as assignment_pb
from anlan.events.v1 import unit_events_pb2 as unit_pb
from services.resources.domain.fix import Limits
from services.resources.domain.whereabouts import NotePosition
from services.resources.policies.holds import Units
from services.resources.positions.board import Board
from services.runtime.cause import Cause
from services.runtime.settlement import Delivered
from services.runtime.times import from_proto

PACKAGE = "anlan.events.v1."
OF_UNITS: dict[str, Any] = {
    "UnitPutInService": unit_pb.UnitPutInService,
    "UnitPutOutOfService": unit_pb.UnitPutOutOfService,
    "UnitReserved": unit_pb.UnitReserved,
    "UnitReleased": unit_pb.UnitReleased,
    "UnitStatusSet": unit_pb.UnitStatusSet,  # also that it covers another area: a move-up
}
OF_ASSIGNMENTS: dict[str, Any] = {
    "UnitDispatched": assignment_pb.UnitDispatched,
    "AssignmentAcknowledged": assignment_pb.AssignmentAcknowledged,
    "UnitEnRoute": assignment_pb.UnitEnRoute,
    "UnitOnScene": assignment_pb.UnitOnScene,
    "AssignmentCleared": assignment_pb.AssignmentCleared,
    "AssignmentDiverted": assignment_pb.AssignmentDiverted,
    "AssignmentWithdrawn": assignment_pb.AssignmentWithdrawn,
    "UnitStaged": assignment_pb.UnitStaged,
    "UnitTransporting": assignment_pb.UnitTransporting,
    "UnitAtDestination": assignment_pb.UnitAtDestination,
    "ActionInitiated": assignment_pb.ActionInitiated,
    "MaydayDeclared": assignment_pb.MaydayDeclared,
}
UNIT_SUBJECTS = [f"anlan.*.unit.{name}.>" for name in OF_UNITS]
ASSIGNMENT_SUBJECTS = [f"anlan.*.assignment.{name}.>" for name in OF_ASSIGNMENTS]
TELLING = OF_UNITS | OF_ASSIGNMENTS


class _Told(Protocol):
    unit_id: str
    occur_time: Any


@dataclass(frozen=True, slots=True)
class Noting:
    units: Units
    board: Board
    limits: Limits

    async def react(self, delivered: Delivered) -> None:
        event = delivered.event
        because = event.type.removeprefix(PACKAGE)
        told: _Told = TELLING[because].FromString(event.data)
        occurred_at = from_proto(told.occur_time)
        command = self.noted(told.unit_id, because, getattr(told, "incident_id", ""), occurred_at)
        if command is not None:
            await self.units.handle(
                told.unit_id, command, Cause.reaction(event, "resources.note_position")
            )

    def noted(
        self, unit_id: str, because: str, incident_id: str, occurred_at: datetime
    ) -> NotePosition | None:
        """Return the command; None where nobody knows, or only of another time."""
        fix = self.board.get(unit_id)
        if fix is None or abs(fix.fixed_at - occurred_at) > self.limits.stale_after:
            return None
        return NotePosition(
            unit_id=unit_id,
            latitude=fix.latitude,
            longitude=fix.longitude,
            accuracy_m=fix.accuracy_m,
            fixed_at=fix.fixed_at,
            source=fix.source,
            because=because,
            incident_id=incident_id,
            occurred_at=occurred_at,
        )
