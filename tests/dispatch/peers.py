"""Stand-ins for the two services that dispatch calls, over real gRPC, that fail when told to."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import grpc

from anlan.command.v1 import incident_service_pb2 as command_pb
from anlan.command.v1.incident_service_pb2_grpc import (
    IncidentServiceServicer,
    add_IncidentServiceServicer_to_server,
)
from anlan.resources.v1 import unit_service_pb2 as pb
from anlan.resources.v1.unit_service_pb2_grpc import (
    UnitServiceServicer,
    add_UnitServiceServicer_to_server,
)
from services.runtime.refusals import of_exception
from services.runtime.rejection import AlreadyExists, NotFound, Rejection


@dataclass
class Hold:
    holder: str
    by: str
    expires_at: datetime | None


@dataclass
class Units(UnitServiceServicer):
    """One holder a unit.  ``down`` methods answer UNAVAILABLE, after their effect in ``mute``."""

    kinds: dict[str, str] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    mute: set[str] = field(default_factory=set)
    obeyed: set[str] = field(default_factory=set)
    effects: Counter[str] = field(default_factory=Counter)
    exercises: set[str] = field(default_factory=set)
    homes: dict[str, str] = field(default_factory=dict)
    out_of_service: dict[str, str] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    position: int = 0
    fleet: dict[str, pb.Unit] = field(default_factory=dict)
    told: asyncio.Condition = field(default_factory=asyncio.Condition)

    def holder(self, unit_id: str) -> str:
        hold = self.holds.get(unit_id)
        return hold.holder if hold and hold.expires_at is None else ""

    async def ReserveUnit(
        self, request: pb.ReserveUnitRequest, context: Any
    ) -> pb.ReserveUnitResponse:
        headers = dict(context.invocation_metadata())
        await self._answered("ReserveUnit", request, context, headers)
        self.exercises.add(headers.get("x-exercise-id", ""))
        return pb.ReserveUnitResponse(position=self.position)

    async def ConfirmReservation(
        self, request: pb.ConfirmReservationRequest, context: Any
    ) -> pb.ConfirmReservationResponse:
        await self._answered("ConfirmReservation", request, context, {})
        return pb.ConfirmReservationResponse(position=self.position)

    async def ReleaseUnit(
        self, request: pb.ReleaseUnitRequest, context: Any
    ) -> pb.ReleaseUnitResponse:
        await self._answered("ReleaseUnit", request, context, {})
        return pb.ReleaseUnitResponse(position=self.position)

    async def GetUnit(self, request: pb.GetUnitRequest, context: Any) -> pb.GetUnitResponse:
        if "GetUnit" in self.down:
            await _unavailable(context)
        unit = pb.Unit(unit_id=request.unit_id, kind=self.kinds[request.unit_id])
        if hold := self.holds.get(request.unit_id):
            unit.holds.add(holder=hold.holder)
        return pb.GetUnitResponse(unit=unit)

    async def ListUnits(self, request: pb.ListUnitsRequest, context: Any) -> pb.ListUnitsResponse:
        if "ListUnits" in self.down:
            await _unavailable(context)
        response = pb.ListUnitsResponse(units=self.fleet.values())
        response.freshness.position = max(self.position, request.read.min_position)
        return response

    async def WatchUnits(self, request: pb.WatchUnitsRequest, context: Any) -> Any:
        if "ListUnits" in self.down:
            await _unavailable(context)
        sent = request.resume_position
        while True:
            news = [unit for unit in self.fleet.values() if unit.position > sent]
            for unit in sorted(news, key=lambda unit: unit.position):
                sent = unit.position
                yield pb.WatchUnitsResponse(unit=unit, matches=True, position=sent)
            async with self.told:
                await self.told.wait()

    async def tell(self, unit: pb.Unit) -> int:
        """Let a unit be known as it is here, and return the position of that news."""
        self.position += 1
        unit.position = self.position
        self.fleet[unit.unit_id] = unit
        self.kinds[unit.unit_id] = unit.kind
        async with self.told:
            self.told.notify_all()
        return self.position

    async def RegisterUnit(
        self, request: pb.RegisterUnitRequest, context: Any
    ) -> pb.RegisterUnitResponse:
        await self._answered("RegisterUnit", request, context, {})
        return pb.RegisterUnitResponse(position=self.position)

    async def PutUnitInService(
        self, request: pb.PutUnitInServiceRequest, context: Any
    ) -> pb.PutUnitInServiceResponse:
        await self._answered("PutUnitInService", request, context, {})
        return pb.PutUnitInServiceResponse(position=self.position)

    async def PutUnitOutOfService(
        self, request: pb.PutUnitOutOfServiceRequest, context: Any
    ) -> pb.PutUnitOutOfServiceResponse:
        await self._answered("PutUnitOutOfService", request, context, {})
        return pb.PutUnitOutOfServiceResponse(position=self.position)

    async def _answered(
        self, name: str, request: Any, context: Any, headers: dict[str, str]
    ) -> None:
        if name in self.down:
            await _unavailable(context)
        if request.request_id not in self.obeyed:
            try:
                effect = getattr(self, f"_{name}")(request, headers)
            except Rejection as refusal:
                await _refuse(context, refusal)
            if effect:
                self.position += 1
                self.obeyed.add(request.request_id)
                self.effects[name, request.unit_id] += 1  # type: ignore[index]
                async with self.changed:
                    self.changed.notify_all()
        if name in self.mute:
            await _unavailable(context)

    def _ReserveUnit(self, request: pb.ReserveUnitRequest, headers: dict[str, str]) -> bool:
        if request.unit_id not in self.kinds:
            raise NotFound("NO_SUCH_UNIT", f"no unit {request.unit_id}", unit_id=request.unit_id)
        now = datetime.now(UTC)
        hold = self.holds.get(request.unit_id)
        if request.unit_id in self.out_of_service and not (hold and hold.holder == request.holder):
            raise Rejection("UNIT_OUT_OF_SERVICE", unit_id=request.unit_id)
        if hold and (hold.expires_at is None or hold.expires_at > now):
            if hold.holder == request.holder:
                return False
            if not request.override_reason:
                raise Rejection(
                    "UNIT_HELD",
                    f"{request.unit_id} is held by {hold.holder} ({hold.by})",
                    unit_id=request.unit_id,
                    holder=hold.holder,
                    held_by=hold.by,
                )
        ttl = timedelta(seconds=request.ttl.seconds)
        self.holds[request.unit_id] = Hold(request.holder, headers.get("x-actor", ""), now + ttl)
        return True

    def _ConfirmReservation(self, request: pb.ConfirmReservationRequest, _: Any) -> bool:
        hold = self.holds.get(request.unit_id)
        if hold is None or hold.holder != request.holder:
            raise Rejection("UNIT_NOT_HELD", unit_id=request.unit_id)
        if hold.expires_at is None:
            return False
        if hold.expires_at <= datetime.now(UTC):
            raise Rejection("RESERVATION_LAPSED", unit_id=request.unit_id)
        hold.expires_at = None
        return True

    def _RegisterUnit(self, request: pb.RegisterUnitRequest, _: Any) -> bool:
        if request.unit_id in self.kinds:
            raise AlreadyExists("UNIT_EXISTS", unit_id=request.unit_id)
        self.kinds[request.unit_id] = request.kind
        self.homes[request.unit_id] = request.home.adcode
        return True

    def _PutUnitInService(self, request: pb.PutUnitInServiceRequest, _: Any) -> bool:
        return self.out_of_service.pop(request.unit_id, None) is not None

    def _PutUnitOutOfService(self, request: pb.PutUnitOutOfServiceRequest, _: Any) -> bool:
        before = self.out_of_service.get(request.unit_id)
        self.out_of_service[request.unit_id] = request.reason
        return before != request.reason

    def _ReleaseUnit(self, request: pb.ReleaseUnitRequest, _: Any) -> bool:
        hold = self.holds.get(request.unit_id)
        if hold is None or hold.holder != request.holder:
            return False
        del self.holds[request.unit_id]
        self.let_go.set()
        return True


@dataclass
class Incidents(IncidentServiceServicer):
    """``asked`` counts the questions."""

    known: dict[str, command_pb.Incident] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    down: bool = False

    async def GetIncident(
        self, request: command_pb.GetIncidentRequest, context: Any
    ) -> command_pb.GetIncidentResponse:
        self.asked[request.incident_id] += 1
        if self.down:
            await _unavailable(context)
        if request.incident_id not in self.known:
            await _refuse(context, NotFound("NO_SUCH_INCIDENT", incident_id=request.incident_id))
        return command_pb.GetIncidentResponse(incident=self.known[request.incident_id])


async def serve(units: Units, incidents: Incidents) -> tuple[grpc.aio.Server, str]:
    server = grpc.aio.server()
    add_UnitServiceServicer_to_server(units, server)
    add_IncidentServiceServicer_to_server(incidents, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, f"127.0.0.1:{port}"


async def _unavailable(context: Any) -> NoReturn:
    await context.abort(grpc.StatusCode.UNAVAILABLE, "told to be away")
    raise AssertionError


async def _refuse(context: Any, refusal: Rejection) -> NoReturn:
    status = of_exception("test.anlan", refusal)
    assert status is not None
    await context.abort(status.code, status.status.message, status.trailers)
    raise AssertionError
