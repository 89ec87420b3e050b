"""The units as dispatch may have them: reserve, confirm, release; and what kind each is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import grpc

from anlan.resources.v1 import unit_service_pb2 as pb
from anlan.resources.v1.unit_service_pb2_grpc import UnitServiceStub
from anlan.type.v1 import read_pb2
from services.dispatch.domain.events import AssignmentRequested
from services.runtime.cause import Cause
from services.runtime.peer import Peer
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.store import StaleRevision
from services.runtime.times import to_proto

RESERVED_FOR = timedelta(seconds=60)
# Refusals of this service, not of the unit: they pass when somebody mends the settings.
PASSING = {"UNAUTHENTICATED", "NO_SERVICE_TOKEN"}


class Units:
    """Raises what resources refuse, and Unavailable for everything that is no answer."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._stub: Any = UnitServiceStub(peer.channel)
        self._kinds: dict[str, str] = {}

    async def reserve(self, order: AssignmentRequested, step: Cause) -> int:
        """Reserve for a minute and return the position; a repetition gets the first answer."""
        request = pb.ReserveUnitRequest(
            request_id=str(step.command_id),
            unit_id=order.unit_id,
            holder=order.assignment_id,
            incident_id=order.incident_id,
            override_reason=order.override_reason,
            occur_time=to_proto(order.occurred_at) if order.said else None,
        )
        request.ttl.FromTimedelta(RESERVED_FOR)
        return int((await self._ask(self._stub.ReserveUnit, request, step)).position)

    async def confirm(self, order: AssignmentRequested, step: Cause) -> None:
        request = pb.ConfirmReservationRequest(
            request_id=str(step.command_id),
            unit_id=order.unit_id,
            holder=order.assignment_id,
            occur_time=to_proto(order.occurred_at) if order.said else None,
        )
        await self._ask(self._stub.ConfirmReservation, request, step)

    async def release(
        self, unit_id: str, holder: str, reason: str, at: datetime, step: Cause
    ) -> None:
        request = pb.ReleaseUnitRequest(
            request_id=str(step.command_id),
            unit_id=unit_id,
            holder=holder,
            reason=reason,
            occur_time=to_proto(at),
        )
        await self._ask(self._stub.ReleaseUnit, request, step)

    async def kind(self, unit_id: str, position: int, cause: Cause) -> str:
        """Return the kind of a unit that was there at ``position``."""
        if unit_id not in self._kinds:
            request = pb.GetUnitRequest(
                unit_id=unit_id, read=read_pb2.ReadOptions(min_position=position)
            )
            answer = await self._ask(self._stub.GetUnit, request, cause)
            self._kinds[unit_id] = answer.unit.kind
        return self._kinds[unit_id]

    async def _ask(self, method: Any, request: Any, cause: Cause) -> Any:
        try:
            return await self._peer.call(method, request, cause)
        except Rejection as refusal:
            if not isinstance(refusal, Unavailable) and refusal.reason not in PASSING:
                raise
            why = refusal.message
        except (grpc.aio.AioRpcError, StaleRevision) as failure:
            why = repr(failure)
        raise unavailable(why)


def unavailable(why: str) -> Unavailable:
    return Unavailable(
        "RESOURCES_UNAVAILABLE", f"the unit cannot be had for the moment, the order stands: {why}"
    )
