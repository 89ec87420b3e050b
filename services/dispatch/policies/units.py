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
from services.runtime.rejection import AlreadyExists, Rejection, Unavailable
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
            from_holder=order.diverted_from,
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

    async def hold(
        self, unit_id: str, holder: str, incident_id: str, at: datetime, step: Cause
    ) -> None:
        """Reserve for somebody other than an assignment, for a minute."""
        request = pb.ReserveUnitRequest(
            request_id=str(step.command_id),
            unit_id=unit_id,
            holder=holder,
            incident_id=incident_id,
            occur_time=to_proto(at),
        )
        request.ttl.FromTimedelta(RESERVED_FOR)
        await self._ask(self._stub.ReserveUnit, request, step)

    async def keep(self, unit_id: str, holder: str, at: datetime, step: Cause) -> None:
        """Make that hold stand until it is released."""
        request = pb.ConfirmReservationRequest(
            request_id=str(step.command_id),
            unit_id=unit_id,
            holder=holder,
            occur_time=to_proto(at),
        )
        await self._ask(self._stub.ConfirmReservation, request, step)

    async def holders(self, unit_id: str, cause: Cause) -> list[str]:
        """Return who holds a unit, by the newest rows."""
        answer = await self._ask(self._stub.GetUnit, pb.GetUnitRequest(unit_id=unit_id), cause)
        return [hold.holder for hold in answer.unit.holds]

    async def register(self, request: pb.RegisterUnitRequest, step: Cause) -> None:
        """Register a unit; one that was here before is taken as it is known."""
        request.request_id = str(step.command_id)
        try:
            await self._ask(self._stub.RegisterUnit, request, step)
        except AlreadyExists:
            return

    async def put_in_service(self, unit_id: str, at: datetime, step: Cause) -> None:
        request = pb.PutUnitInServiceRequest(
            request_id=str(step.command_id), unit_id=unit_id, occur_time=to_proto(at)
        )
        await self._ask(self._stub.PutUnitInService, request, step)

    async def put_out_of_service(
        self, unit_id: str, reason: str, at: datetime, step: Cause
    ) -> None:
        request = pb.PutUnitOutOfServiceRequest(
            request_id=str(step.command_id), unit_id=unit_id, reason=reason, occur_time=to_proto(at)
        )
        await self._ask(self._stub.PutUnitOutOfService, request, step)

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
