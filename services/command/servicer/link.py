"""The link API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_

from anlan.command.v1 import link_service_pb2 as pb
from anlan.command.v1.link_service_pb2_grpc import LinkServiceServicer
from services.command.domain import report
from services.command.domain.incident import decider, lifecycle, links, merge, split
from services.command.domain.incident_types import IncidentTypes
from services.command.domain.report_rules import unknown
from services.command.policies.merging import ancestors, finish_merge, going_on, untangle
from services.command.policies.reports import Reports
from services.command.policies.splitting import finish_split
from services.command.projections.incidents import INCIDENTS
from services.command.projections.links import LINKS
from services.command.servicer import link_messages as messages
from services.command.servicer.acting import Incidents, act
from services.runtime import call, paging, reading
from services.runtime.cause import Cause
from services.runtime.handle import derived_id
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.times import said


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkServicer(LinkServiceServicer):
    reports: Reports
    incidents: Incidents
    model: ReadModel
    regions: Regions
    types: IncidentTypes
    now: Callable[[], datetime]

    async def MergeIncident(
        self, request: pb.MergeIncidentRequest, context: Any
    ) -> pb.MergeIncidentResponse:
        caller = call.current()
        about, into = request.incident_id, request.into_incident_id
        cause = caller.cause(request.request_id, about)
        at = said(request, "occur_time", self.now())
        command = merge.BeginMerge(
            by=caller.actor,
            incident_id=about,
            into=into,
            reason=request.reason,
            replacing=decider.standing(await self._replacing(about, into, cause)),
            ancestors=await ancestors(self.incidents, into),
            occurred_at=at,
        )
        await self.incidents.handle(about, command, cause, etag=request.etag)
        goes_on, written = await finish_merge(self.incidents, about, at, cause)
        if goes_on == about:  # the other was merged into this one in the same moment
            raise merge.merged(into, about)
        return pb.MergeIncidentResponse(
            into_incident_id=goes_on, etag=written.etag, position=written.position
        )

    async def SplitIncident(
        self, request: pb.SplitIncidentRequest, context: Any
    ) -> pb.SplitIncidentResponse:
        caller = call.current()
        about = request.incident_id
        new_incident_id = request.new_incident_id or derived_id(request.request_id, "incident")
        cause = caller.cause(request.request_id, about)
        if request.type_code:
            self.types.check(request.type_code, "type_code")
        place = self.regions.placed(request.place, "place") if request.HasField("place") else None
        await self._require_free(about, new_incident_id, request.report_ids)
        leaving = [await self._submitted(report_id) for report_id in request.report_ids]
        leaving.sort(key=lambda one: (one.occurred_at, one.report_id))
        where = place or leaving[0].place
        caller.require_region(where.adcode)
        command = split.BeginSplit(
            by=caller.actor,
            incident_id=about,
            new_incident_id=new_incident_id,
            title=request.title,
            type_code=request.type_code or leaving[0].type_code,
            place=where,
            reports=tuple(
                split.Leaving(
                    report_id=one.report_id,
                    casualties=one.casualties,
                    reported_at=one.occurred_at,
                )
                for one in leaving
            ),
            tasks=tuple(request.task_ids),
            assignments=tuple(request.assignment_ids),
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        begun = await self.incidents.handle(about, command, cause, etag=request.etag)
        if isinstance(begun.event, split.SplitBegun):
            new_incident_id, begun = await finish_split(self.incidents, begun.event, cause)
        return pb.SplitIncidentResponse(
            new_incident_id=new_incident_id, etag=begun.etag, position=begun.position
        )

    async def LinkIncidents(
        self, request: pb.LinkIncidentsRequest, context: Any
    ) -> pb.LinkIncidentsResponse:
        caller = call.current()
        about, other, kind = _kept(request)
        cause = caller.cause(request.request_id, about)
        at = said(request, "occur_time", self.now())
        if await self.incidents.state(other, cause) is None:
            raise lifecycle.unknown(other)
        command = links.LinkIncident(
            by=caller.actor,
            incident_id=about,
            other_id=other,
            kind=kind,
            ancestors=await ancestors(self.incidents, other),
            reason=request.reason,
            occurred_at=at,
        )
        written = await self.incidents.handle(about, command, cause, etag=request.etag)
        await untangle(self.incidents, about, at, cause)
        return pb.LinkIncidentsResponse(etag=written.etag, position=written.position)

    async def UnlinkIncidents(
        self, request: pb.UnlinkIncidentsRequest, context: Any
    ) -> pb.UnlinkIncidentsResponse:
        about, other, kind = _kept(request)
        command = links.UnlinkIncident(
            by=call.current().actor,
            incident_id=about,
            other_id=other,
            kind=kind,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.UnlinkIncidentsResponse(etag=written.etag, position=written.position)

    async def ListIncidentLinks(
        self, request: pb.ListIncidentLinksRequest, context: Any
    ) -> pb.ListIncidentLinksResponse:
        size = paging.limit(request.page_size)
        order = (LINKS.c.position, LINKS.c.other_id, LINKS.c.relation)
        statement = (
            select(LINKS, INCIDENTS.c.title, INCIDENTS.c.state)
            .join(INCIDENTS, INCIDENTS.c.incident_id == LINKS.c.other_id)
            .where(LINKS.c.incident_id == request.incident_id)
            .order_by(*order)
            .limit(size + 1)
        )
        if after := paging.key(request.page_token, (int, str, str)):
            statement = statement.where(tuple_(*order) > after)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListIncidentLinksResponse(links=[messages.link(row) for row in rows[:size]])
        if len(rows) > size:
            last = rows[size - 1]
            response.next_page_token = paging.token(last.position, last.other_id, last.relation)
        reading.freshen(response.freshness, seen)
        return response

    async def _replacing(self, about: str, into: str, cause: Cause) -> decider.Open:
        """Return the incident that is to replace another; a merge that was begun needs no more."""
        state = await self.incidents.state(into, cause)
        mine = await self.incidents.state(about)
        begun = isinstance(mine, decider.Merged) and into in {mine.begun.into, mine.into}
        match state:
            case None:
                raise lifecycle.unknown(into)
            case decider.Closed(was):
                if not begun:
                    raise lifecycle.closed(into)
                return was
            case decider.Merged(was):
                if not begun:
                    raise merge.merged(into, await going_on(self.incidents, into))
                return was
            case decider.Open(adcode=adcode):
                call.current().require_region(adcode)
                return state

    async def _require_free(
        self, about: str, new_incident_id: str, report_ids: Collection[str]
    ) -> None:
        """Refuse an id that another incident has, unless the reports have gone there already."""
        was = decider.there(await self.incidents.state(about))
        if was is None:
            raise lifecycle.unknown(about)
        there = await self.incidents.state(new_incident_id)
        if there is not None and was.reports.intersection(report_ids):
            raise lifecycle.exists(new_incident_id)

    async def _submitted(self, report_id: str) -> report.ReportSubmitted:
        state = await self.reports.state(report_id)
        if state is None or isinstance(state, report.Expected):
            raise unknown(report_id)
        return state.said


def _kept(
    request: pb.LinkIncidentsRequest | pb.UnlinkIncidentsRequest,
) -> tuple[str, str, links.Kind]:
    """Return the incident that keeps the link, the other, and what that is to it."""
    about, other = request.incident_id, request.other_incident_id
    if request.kind == pb.LINK_KIND_PARENT:
        return about, other, links.Kind.PARENT
    if request.kind == pb.LINK_KIND_CHILD:
        return other, about, links.Kind.PARENT
    return min(about, other), max(about, other), links.Kind.RELATED
