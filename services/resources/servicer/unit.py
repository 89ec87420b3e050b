"""The unit API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from anlan.resources.v1 import unit_service_pb2 as pb
from anlan.resources.v1.unit_service_pb2_grpc import UnitServiceServicer
from services.resources.domain import force_mandate_rules, unit
from services.resources.domain.mobilisation import Mandate, Mobilisation
from services.resources.servicer.unit_keeping import UnitKeeping
from services.runtime import call
from services.runtime.place import Regions
from services.runtime.times import known, said, to_proto


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitServicer(UnitKeeping, UnitServiceServicer):
    rules: Mobilisation
    regions: Regions

    async def RegisterUnit(
        self, request: pb.RegisterUnitRequest, context: Any
    ) -> pb.RegisterUnitResponse:
        force_id = request.force_id
        command = unit.RegisterUnit(
            by=call.current().actor,
            unit_id=request.unit_id,
            name=request.name,
            kind=request.kind,
            capabilities=tuple(request.capabilities),
            home=self.regions.homed(request.home, "home"),
            staffing=request.staffing,
            contact=request.contact,
            occurred_at=said(request, "occur_time", self.now()),
            type=request.type,
            attributes=tuple(request.attributes),
            minimum_staffing=self._least(request.kind, request),
            vocabulary=self.vocabulary.version,
            force_id=force_id,
            force_class=await self._class_of(request, force_id) if force_id else "",
        )
        written = await self._handle(request, command)
        return pb.RegisterUnitResponse(etag=written.etag, position=written.position)

    async def PutUnitInService(
        self, request: pb.PutUnitInServiceRequest, context: Any
    ) -> pb.PutUnitInServiceResponse:
        command = unit.PutUnitInService(
            by=call.current().actor,
            unit_id=request.unit_id,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.PutUnitInServiceResponse(etag=written.etag, position=written.position)

    async def PutUnitOutOfService(
        self, request: pb.PutUnitOutOfServiceRequest, context: Any
    ) -> pb.PutUnitOutOfServiceResponse:
        said_back = request.HasField("expected_back_time")
        command = unit.PutUnitOutOfService(
            by=call.current().actor,
            unit_id=request.unit_id,
            reason=request.reason,
            expected_back_at=known(request, "expected_back_time") if said_back else None,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.PutUnitOutOfServiceResponse(etag=written.etag, position=written.position)

    async def ReserveUnit(
        self, request: pb.ReserveUnitRequest, context: Any
    ) -> pb.ReserveUnitResponse:
        if request.override_reason:
            call.current().require("unit.override")
        now = self.now()
        at = said(request, "occur_time", now)
        command = unit.ReserveUnit(
            by=call.current().actor,
            unit_id=request.unit_id,
            holder=request.holder,
            incident_id=request.incident_id,
            ttl=request.ttl.ToTimedelta(),
            override_reason=request.override_reason,
            occurred_at=at,
            now=now,
            mandate=await self._mandate(request, at),
            from_holder=request.from_holder,
        )
        written = await self._handle(request, command, incident_id=request.incident_id)
        if isinstance(written.event, unit.UnitReserved):  # now, or when it was asked first
            expires_at: datetime | None = written.event.expires_at
        else:
            state = await self.units.state(request.unit_id)
            hold = state.hold_of(request.holder) if state else None
            expires_at = hold.expires_at if hold else None
        return pb.ReserveUnitResponse(
            expire_time=to_proto(expires_at),
            etag=written.etag,
            position=written.position,
        )

    async def ConfirmReservation(
        self, request: pb.ConfirmReservationRequest, context: Any
    ) -> pb.ConfirmReservationResponse:
        now = self.now()
        command = unit.ConfirmReservation(
            by=call.current().actor,
            unit_id=request.unit_id,
            holder=request.holder,
            occurred_at=said(request, "occur_time", now),
            now=now,
        )
        written = await self._handle(request, command)
        return pb.ConfirmReservationResponse(etag=written.etag, position=written.position)

    async def ReleaseUnit(
        self, request: pb.ReleaseUnitRequest, context: Any
    ) -> pb.ReleaseUnitResponse:
        state = await self.units.glimpse(request.unit_id)
        kind = state.registered.kind if state else ""
        command = unit.ReleaseUnit(
            by=call.current().actor,
            unit_id=request.unit_id,
            holder=request.holder,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
            rest=self.vocabulary.rest_of(kind),
        )
        written = await self._handle(request, command)
        return pb.ReleaseUnitResponse(etag=written.etag, position=written.position)

    async def _mandate(self, request: pb.ReserveUnitRequest, at: datetime) -> Mandate | None:
        """Return on whose authority a unit of a force is ordered; None for one that has none."""
        state = await self.units.glimpse(request.unit_id)
        if state is None or not state.make.force_id:
            return None
        caller = call.current()
        cause = caller.cause(request.request_id, request.incident_id)
        force = await self.forces.state(state.make.force_id, cause)
        if force is None:
            return None
        return force_mandate_rules.mandate(
            self.rules, force, caller.person, request.unit_id, request.incident_id, at
        )
