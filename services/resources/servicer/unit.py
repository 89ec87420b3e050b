"""The unit API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from typing import Any

from sqlalchemy import ColumnElement, case, select, true

from anlan.resources.v1 import unit_service_pb2 as pb
from anlan.resources.v1.unit_service_pb2_grpc import UnitServiceServicer
from services.resources.domain import unit
from services.resources.policies.holds import Units
from services.resources.projections.tables import units
from services.resources.servicer import messages
from services.resources.servicer.distance import metres
from services.runtime import call, paging, reading
from services.runtime.handle import Written
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound
from services.runtime.times import known, said, to_proto

NEAREST = 5
WATCH_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitServicer(UnitServiceServicer):
    units: Units
    model: ReadModel
    regions: Regions
    now: Callable[[], datetime]

    async def RegisterUnit(
        self, request: pb.RegisterUnitRequest, context: Any
    ) -> pb.RegisterUnitResponse:
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
        command = unit.ReserveUnit(
            by=call.current().actor,
            unit_id=request.unit_id,
            holder=request.holder,
            incident_id=request.incident_id,
            ttl=request.ttl.ToTimedelta(),
            override_reason=request.override_reason,
            occurred_at=said(request, "occur_time", now),
            now=now,
        )
        written = await self._handle(request, command, incident_id=request.incident_id)
        state = await self.units.state(request.unit_id)
        hold = state.hold_of(request.holder) if state else None
        return pb.ReserveUnitResponse(
            expire_time=to_proto(hold.expires_at) if hold else None,
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
        command = unit.ReleaseUnit(
            by=call.current().actor,
            unit_id=request.unit_id,
            holder=request.holder,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command)
        return pb.ReleaseUnitResponse(etag=written.etag, position=written.position)

    async def GetUnit(self, request: pb.GetUnitRequest, context: Any) -> pb.GetUnitResponse:
        statement = select(units).where(units.c.unit_id == request.unit_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_UNIT", f"no unit {request.unit_id} is registered", unit_id=request.unit_id
            )
        response = pb.GetUnitResponse(unit=messages.unit(row))
        reading.freshen(response.freshness, seen)
        return response

    async def ListUnits(self, request: pb.ListUnitsRequest, context: Any) -> pb.ListUnitsResponse:
        size = paging.limit(request.page_size)
        statement = (
            select(units)
            .where(*_lasting(request.filter), _status(request.filter))
            .order_by(units.c.unit_id)
            .limit(size + 1)
        )
        if after := paging.key(request.page_token, (str,)):
            statement = statement.where(units.c.unit_id > after[0])
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListUnitsResponse(units=[messages.unit(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].unit_id)
        reading.freshen(response.freshness, seen)
        return response

    async def FindNearestUnits(
        self, request: pb.FindNearestUnitsRequest, context: Any
    ) -> pb.FindNearestUnitsResponse:
        point = (request.point.latitude, request.point.longitude)
        statement = select(units).where(
            units.c.latitude.is_not(None), *_lasting(request.filter), _status(request.filter)
        )
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        distances = (
            (metres(point, (row.latitude, row.longitude)), row.unit_id, row) for row in rows
        )
        nearest = nsmallest(request.limit or NEAREST, distances, key=lambda found: found[:2])
        response = pb.FindNearestUnitsResponse(
            candidates=[
                pb.FindNearestUnitsResponse.Candidate(unit=messages.unit(row), distance_m=distance)
                for distance, _, row in nearest
            ]
        )
        reading.freshen(response.freshness, seen)
        return response

    async def WatchUnits(
        self, request: pb.WatchUnitsRequest, context: Any
    ) -> AsyncIterator[pb.WatchUnitsResponse]:
        last = request.resume_position
        matches = case((_status(request.filter), 1), else_=0).label("matches")
        changes = (
            select(units, matches)
            .where(*_lasting(request.filter))
            .order_by(units.c.position)
            .limit(WATCH_PAGE)
        )
        while True:
            page = changes.where(units.c.position > last)
            if not last:  # who has seen nothing needs no word of what does not match
                page = page.where(_status(request.filter))
            async with self.model.read() as (connection, seen):
                rows = (await connection.execute(page)).all()
            for row in rows:
                last = row.position
                yield pb.WatchUnitsResponse(
                    unit=messages.unit(row), matches=bool(row.matches), position=last
                )
            if len(rows) < WATCH_PAGE:
                last = max(last, seen.position)
                await self.model.advanced(seen.position)

    async def _handle(
        self,
        request: Any,
        command: unit.Command,
        *,
        etag: str = "",
        incident_id: str = "",
    ) -> Written:
        caller = call.current()
        story = incident_id or caller.correlation_id or request.unit_id
        cause = caller.cause(request.request_id, story)
        return await self.units.handle(request.unit_id, command, cause, etag=etag)


def _lasting(wanted: pb.UnitFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on what never changes about a unit."""
    conditions = [
        units.c.capabilities.contains(f'"{capability}"', autoescape=True)
        for capability in wanted.capabilities
    ]
    if wanted.kind:
        conditions.append(units.c.kind == wanted.kind)
    if wanted.adcode:
        conditions.append(reading.inside(units.c.adcode, wanted.adcode))
    if wanted.HasField("box"):
        box = wanted.box
        conditions += [
            units.c.latitude.between(box.south, box.north),
            units.c.longitude.between(box.west, box.east),
        ]
    return conditions


def _status(wanted: pb.UnitFilter) -> ColumnElement[bool]:
    if not wanted.status:
        return true()
    return units.c.status == messages.STATUS_OF[wanted.status].value
