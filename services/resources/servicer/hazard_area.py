"""The hazard area API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, true

from anlan.resources.v1 import hazard_area_service_pb2 as pb
from anlan.resources.v1.hazard_area_service_pb2_grpc import HazardAreaServiceServicer
from services.resources.domain import hazard_area
from services.resources.positions.ending import HazardAreas
from services.resources.projections.hazard_areas import rings_of
from services.resources.projections.tables import hazard_areas, units
from services.resources.servicer import polygons
from services.runtime import call, paging, reading, watching
from services.runtime.handle import Written
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import Invalid, NotFound
from services.runtime.times import known, said, stamp


@dataclass(frozen=True, slots=True)
class Hazards:
    """The kinds of danger, with their Chinese names; versioned reference data."""

    version: str
    source: str
    kinds: Mapping[str, str]

    def check(self, kind: str) -> None:
        """Raise Invalid for a word that nobody knows."""
        if kind not in self.kinds:
            raise Invalid(
                "HAZARD_KIND_UNKNOWN", field="kind", got=kind, allowed=", ".join(self.kinds)
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardAreaServicer(HazardAreaServiceServicer):
    areas: HazardAreas
    model: ReadModel
    regions: Regions
    hazards: Hazards
    now: Callable[[], datetime]

    async def DeclareHazardArea(
        self, request: pb.DeclareHazardAreaRequest, context: Any
    ) -> pb.DeclareHazardAreaResponse:
        self.regions.check(request.adcode, "adcode")
        self.hazards.check(request.kind)
        command = hazard_area.DeclareHazardArea(
            by=call.current().actor,
            hazard_area_id=request.hazard_area_id,
            name=request.name,
            kind=request.kind,
            reason=request.reason,
            adcode=request.adcode,
            incident_id=request.incident_id,
            rings=polygons.rings(request.polygon),
            ends_at=_end(request),
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command, incident_id=request.incident_id)
        return pb.DeclareHazardAreaResponse(etag=written.etag, position=written.position)

    async def RedrawHazardArea(
        self, request: pb.RedrawHazardAreaRequest, context: Any
    ) -> pb.RedrawHazardAreaResponse:
        command = hazard_area.RedrawHazardArea(
            by=call.current().actor,
            hazard_area_id=request.hazard_area_id,
            reason=request.reason,
            rings=polygons.rings(request.polygon),
            ends_at=_end(request),
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.RedrawHazardAreaResponse(etag=written.etag, position=written.position)

    async def LiftHazardArea(
        self, request: pb.LiftHazardAreaRequest, context: Any
    ) -> pb.LiftHazardAreaResponse:
        command = hazard_area.LiftHazardArea(
            by=call.current().actor,
            hazard_area_id=request.hazard_area_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.LiftHazardAreaResponse(etag=written.etag, position=written.position)

    async def GetHazardArea(
        self, request: pb.GetHazardAreaRequest, context: Any
    ) -> pb.GetHazardAreaResponse:
        wanted = request.hazard_area_id
        statement = select(hazard_areas).where(hazard_areas.c.hazard_area_id == wanted)
        inside = (
            select(units.c.unit_id)
            .where(units.c.hazard_areas.contains(f'"{wanted}"', autoescape=True))
            .order_by(units.c.unit_id)
        )
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
            unit_ids = (await connection.execute(inside)).scalars().all()
        if row is None:
            raise NotFound(
                "NO_SUCH_HAZARD_AREA",
                f"no hazard area {wanted} was declared",
                hazard_area_id=wanted,
            )
        response = pb.GetHazardAreaResponse(hazard_area=_message(row), unit_ids=unit_ids)
        reading.freshen(response.freshness, seen)
        return response

    async def ListHazardAreas(
        self, request: pb.ListHazardAreasRequest, context: Any
    ) -> pb.ListHazardAreasResponse:
        size = paging.limit(request.page_size)
        column = hazard_areas.c
        statement = select(hazard_areas).order_by(column.hazard_area_id).limit(size + 1)
        if after := paging.key(request.page_token, (str,)):
            statement = statement.where(column.hazard_area_id > after[0])
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        if not request.include_lifted:
            statement = statement.where(column.in_force)
        if request.HasField("box"):
            box = request.box
            statement = statement.where(
                column.south <= box.north,
                column.north >= box.south,
                column.west <= box.east,
                column.east >= box.west,
            )
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListHazardAreasResponse(hazard_areas=[_message(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].hazard_area_id)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchHazardAreas(
        self, request: pb.WatchHazardAreasRequest, context: Any
    ) -> AsyncIterator[pb.WatchHazardAreasResponse]:
        column = hazard_areas.c
        of_incident = column.incident_id == request.incident_id if request.incident_id else true()
        rows = select(hazard_areas).where(of_incident)
        changes = watching.changes(self.model, rows, column.position, request.resume_position)
        async for row in changes:
            yield pb.WatchHazardAreasResponse(hazard_area=_message(row), position=row.position)

    async def _handle(
        self,
        request: Any,
        command: hazard_area.Command,
        *,
        etag: str = "",
        incident_id: str = "",
    ) -> Written:
        key = request.hazard_area_id
        if not incident_id:
            match await self.areas.glimpse(key):
                case hazard_area.InForce(declared=declared) | hazard_area.Lifted(declared=declared):
                    incident_id = declared.incident_id
                case None:
                    pass
        cause = call.current().cause(request.request_id, incident_id or key)
        return await self.areas.handle(key, command, cause, etag=etag)


def _end(request: Any) -> datetime | None:
    return known(request, "end_time") if request.HasField("end_time") else None


def _message(row: Any) -> pb.HazardArea:
    return pb.HazardArea(
        hazard_area_id=row.hazard_area_id,
        name=row.name,
        kind=row.kind,
        reason=row.reason,
        adcode=row.adcode,
        incident_id=row.incident_id,
        polygon=polygons.message(rings_of(row)),
        in_force=row.in_force,
        end_time=stamp(row.ends_at),
        declared_by=row.declared_by,
        declare_time=stamp(row.declared_at),
        lift_time=stamp(row.lifted_at),
        lift_reason=row.lift_reason,
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
    )
