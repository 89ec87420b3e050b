"""The API of risk sites: requests in, commands out, and where the next ones are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from typing import Any

from sqlalchemy import ColumnElement, select

from anlan.resources.v1 import risk_site_service_pb2 as pb
from anlan.resources.v1.risk_site_service_pb2_grpc import RiskSiteServiceServicer
from services.resources.domain import risk_site
from services.resources.domain.risk_site import Entry, Kind, Standing
from services.resources.projections.tables import risk_sites
from services.resources.servicer.messages import place_of
from services.runtime import call, paging, reading, watching
from services.runtime.handle import CommandHandler, Written
from services.runtime.place import Regions, metres
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound
from services.runtime.times import said, stamp

NEAREST = 10
KINDS = {
    pb.RISK_SITE_KIND_GEOLOGICAL: Kind.GEOLOGICAL,
    pb.RISK_SITE_KIND_RESERVOIR: Kind.RESERVOIR,
    pb.RISK_SITE_KIND_TAILINGS_POND: Kind.TAILINGS_POND,
    pb.RISK_SITE_KIND_HAZARDOUS_CHEMICALS: Kind.HAZARDOUS_CHEMICALS,
    pb.RISK_SITE_KIND_FIREWORKS: Kind.FIREWORKS,
    pb.RISK_SITE_KIND_MINE: Kind.MINE,
    pb.RISK_SITE_KIND_OTHER: Kind.OTHER,
}
KIND_NUMBERS = {kind: number for number, kind in KINDS.items()}
STATES = {
    pb.RISK_SITE_STATE_NORMAL: Standing.NORMAL,
    pb.RISK_SITE_STATE_WATCH: Standing.WATCH,
    pb.RISK_SITE_STATE_DANGER: Standing.DANGER,
}
STATE_NUMBERS = {state: number for number, state in STATES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSiteServicer(RiskSiteServiceServicer):
    sites: CommandHandler[risk_site.Command, risk_site.State, risk_site.Event]
    model: ReadModel
    regions: Regions
    now: Callable[[], datetime]

    async def RegisterRiskSite(
        self, request: pb.RegisterRiskSiteRequest, context: Any
    ) -> pb.RegisterRiskSiteResponse:
        command = risk_site.RegisterRiskSite(
            by=call.current().actor,
            site_id=request.site_id,
            entry=Entry(
                kind=KINDS[request.kind],
                name=request.name,
                place=self.regions.placed(request.place, "place"),
                key=request.key,
                threatened_households=request.threatened_households,
                threatened_people=request.threatened_people,
                responsible=request.responsible,
                responsible_phone=request.responsible_phone,
                monitor=request.monitor,
                monitor_phone=request.monitor_phone,
                instructions=request.instructions,
                shelter_id=request.shelter_id,
                source=request.source,
            ),
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command)
        return pb.RegisterRiskSiteResponse(
            etag=written.etag, position=written.position, changed=written.event is not None
        )

    async def RecordRiskSitePatrol(
        self, request: pb.RecordRiskSitePatrolRequest, context: Any
    ) -> pb.RecordRiskSitePatrolResponse:
        command = risk_site.RecordPatrol(
            by=call.current().actor,
            site_id=request.site_id,
            state=STATES[request.state],
            finding=request.finding,
            patrolled_by=request.patrolled_by,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command)
        return pb.RecordRiskSitePatrolResponse(etag=written.etag, position=written.position)

    async def GetRiskSite(
        self, request: pb.GetRiskSiteRequest, context: Any
    ) -> pb.GetRiskSiteResponse:
        statement = select(risk_sites).where(risk_sites.c.site_id == request.site_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_RISK_SITE",
                f"no risk site {request.site_id} is registered",
                site_id=request.site_id,
            )
        response = pb.GetRiskSiteResponse(site=_site(row))
        reading.freshen(response.freshness, seen)
        return response

    async def ListRiskSites(
        self, request: pb.ListRiskSitesRequest, context: Any
    ) -> pb.ListRiskSitesResponse:
        size = paging.limit(request.page_size)
        column = risk_sites.c
        wanted = _wanted(request.filter)
        statement = select(risk_sites).where(*wanted).order_by(column.site_id).limit(size + 1)
        if after := paging.key(request.page_token, (str,)):
            statement = statement.where(column.site_id > after[0])
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListRiskSitesResponse(sites=[_site(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].site_id)
        reading.freshen(response.freshness, seen)
        return response

    async def FindNearestRiskSites(
        self, request: pb.FindNearestRiskSitesRequest, context: Any
    ) -> pb.FindNearestRiskSitesResponse:
        column = risk_sites.c
        wanted = _wanted(request.filter)
        statement = select(risk_sites).where(column.latitude.is_not(None), *wanted)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        point = (request.point.latitude, request.point.longitude)
        found = [(metres(point, (row.latitude, row.longitude)), row.site_id, row) for row in rows]
        within = [one for one in found if not request.within_m or one[0] <= request.within_m]
        nearest = nsmallest(request.limit or NEAREST, within, key=lambda one: one[:2])
        response = pb.FindNearestRiskSitesResponse(
            candidates=[
                pb.FindNearestRiskSitesResponse.Candidate(site=_site(row), distance_m=distance)
                for distance, _, row in nearest
            ]
        )
        reading.freshen(response.freshness, seen)
        return response

    async def WatchRiskSites(
        self, request: pb.WatchRiskSitesRequest, context: Any
    ) -> AsyncIterator[pb.WatchRiskSitesResponse]:
        column = risk_sites.c
        statement = select(risk_sites)
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        async for row in watching.changes(
            self.model, statement, column.position, request.resume_position
        ):
            yield pb.WatchRiskSitesResponse(site=_site(row), position=row.position)

    async def _handle(self, request: Any, command: risk_site.Command) -> Written:
        cause = call.current().cause(request.request_id, request.site_id)
        return await self.sites.handle(request.site_id, command, cause, etag=request.etag)


def _wanted(wanted: pb.RiskSiteFilter) -> list[ColumnElement[bool]]:
    column = risk_sites.c
    conditions: list[ColumnElement[bool]] = []
    if wanted.kind:
        conditions.append(column.kind == KINDS[wanted.kind].value)
    if wanted.state:
        conditions.append(column.state == STATES[wanted.state].value)
    if wanted.adcode:
        conditions.append(reading.inside(column.adcode, wanted.adcode))
    if wanted.key:
        conditions.append(column.is_key)
    if wanted.HasField("box"):
        box = wanted.box
        conditions.append(column.latitude.between(box.south, box.north))
        conditions.append(column.longitude.between(box.west, box.east))
    return conditions


def _site(row: Any) -> pb.RiskSite:
    return pb.RiskSite(
        site_id=row.site_id,
        kind=KIND_NUMBERS[Kind(row.kind)],
        name=row.name,
        place=place_of(row),
        key=row.is_key,
        threatened_households=row.threatened_households,
        threatened_people=row.threatened_people,
        responsible=row.responsible,
        responsible_phone=row.responsible_phone,
        monitor=row.monitor,
        monitor_phone=row.monitor_phone,
        instructions=row.instructions,
        shelter_id=row.shelter_id,
        source=row.source,
        state=STATE_NUMBERS[Standing(row.state)],
        finding=row.finding,
        patrolled_by=row.patrolled_by,
        patrol_time=stamp(row.patrolled_at),
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
    )
