"""The report API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from anlan.command.v1 import report_service_pb2 as pb
from anlan.command.v1.report_service_pb2_grpc import ReportServiceServicer
from services.command.domain import report
from services.command.domain.incident import decider, lifecycle
from services.command.domain.incident_types import IncidentTypes
from services.command.policies.reports import attach_report, open_incident
from services.command.projections.reports import REPORTS
from services.command.servicer import messages
from services.runtime import call, paging, reading
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler, derived_id
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound
from services.runtime.times import said


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportServicer(ReportServiceServicer):
    reports: CommandHandler[report.Command, report.State, report.Event]
    incidents: CommandHandler[decider.Command, decider.State, decider.Event]
    model: ReadModel
    regions: Regions
    types: IncidentTypes
    now: Callable[[], datetime]

    async def SubmitReport(
        self, request: pb.SubmitReportRequest, context: Any
    ) -> pb.SubmitReportResponse:
        caller = call.current()
        report_id = request.report_id or derived_id(request.request_id, "report")
        self.types.check(request.type_code, "type_code")
        place = self.regions.placed(request.place, "place")
        caller.require_region(place.adcode)
        command = report.SubmitReport(
            by=caller.actor,
            report_id=report_id,
            source=messages.SOURCE_OF[request.source],
            reporter=request.reporter,
            type_code=request.type_code,
            place=place,
            casualties=messages.casualties(request.casualties),
            text=request.text,
            occurred_at=said(request, "occur_time", self.now()),
        )
        cause = caller.cause(request.request_id, report_id)
        written = await self.reports.handle(report_id, command, cause)
        return pb.SubmitReportResponse(
            report_id=report_id, etag=written.etag, position=written.position
        )

    async def VerifyReport(
        self, request: pb.VerifyReportRequest, context: Any
    ) -> pb.VerifyReportResponse:
        caller = call.current()
        incident_id = request.incident_id or derived_id(request.request_id, "incident")
        if request.type_code:
            self.types.check(request.type_code, "type_code")
        command = report.VerifyReport(
            by=caller.actor,
            report_id=request.report_id,
            incident_id=incident_id,
            title=request.title,
            type_code=request.type_code,
            occurred_at=said(request, "occur_time", self.now()),
        )
        await self._refuse_taken(request.report_id, incident_id)
        cause = caller.cause(request.request_id, incident_id)
        written = await self.reports.handle(request.report_id, command, cause, etag=request.etag)
        opened = await open_incident(self.reports, self.incidents, request.report_id, cause)
        return pb.VerifyReportResponse(
            incident_id=incident_id,
            etag=written.etag,
            position=max(written.position, opened.position),
        )

    async def JoinReport(
        self, request: pb.JoinReportRequest, context: Any
    ) -> pb.JoinReportResponse:
        caller = call.current()
        cause = caller.cause(request.request_id, request.incident_id)
        await self._require_joinable(request.report_id, request.incident_id, cause)
        command = report.JoinReport(
            by=caller.actor,
            report_id=request.report_id,
            incident_id=request.incident_id,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self.reports.handle(request.report_id, command, cause, etag=request.etag)
        attached = await attach_report(self.reports, self.incidents, request.report_id, cause)
        return pb.JoinReportResponse(
            etag=written.etag, position=max(written.position, attached.position)
        )

    async def RejectReport(
        self, request: pb.RejectReportRequest, context: Any
    ) -> pb.RejectReportResponse:
        caller = call.current()
        command = report.RejectReport(
            by=caller.actor,
            report_id=request.report_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        cause = caller.cause(request.request_id, request.report_id)
        written = await self.reports.handle(request.report_id, command, cause, etag=request.etag)
        return pb.RejectReportResponse(etag=written.etag, position=written.position)

    async def GetReport(self, request: pb.GetReportRequest, context: Any) -> pb.GetReportResponse:
        statement = select(REPORTS).where(REPORTS.c.report_id == request.report_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_REPORT",
                f"there is no report {request.report_id}",
                report_id=request.report_id,
            )
        response = pb.GetReportResponse(report=messages.report(row))
        reading.freshen(response.freshness, seen)
        return response

    async def ListReports(
        self, request: pb.ListReportsRequest, context: Any
    ) -> pb.ListReportsResponse:
        size = paging.limit(request.page_size)
        statement = select(REPORTS).order_by(REPORTS.c.opened_position.desc()).limit(size + 1)
        if after := paging.key(request.page_token, (int,)):
            statement = statement.where(REPORTS.c.opened_position < after[0])
        if request.state:
            state = messages.REPORT_STATE_OF[request.state]
            statement = statement.where(REPORTS.c.state == state)
        if request.incident_id:
            statement = statement.where(REPORTS.c.incident_id == request.incident_id)
        if request.adcode:
            statement = statement.where(reading.inside(REPORTS.c.adcode, request.adcode))
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListReportsResponse(reports=[messages.report(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].opened_position)
        reading.freshen(response.freshness, seen)
        return response

    async def _require_joinable(self, report_id: str, incident_id: str, cause: Cause) -> None:
        """Refuse to join an incident that would not take the report, before anything is written.

        A repetition is answered all the same.
        """
        match await self.incidents.state(incident_id, cause):
            case None:
                raise lifecycle.unknown(incident_id)
            case decider.Closed():
                known = await self.reports.state(report_id)
                if not (isinstance(known, report.Settled) and known.incident_id == incident_id):
                    raise lifecycle.closed(incident_id)
            case decider.Open(adcode=adcode, reports=reports):
                if report_id not in reports:
                    call.current().require_region(adcode)

    async def _refuse_taken(self, report_id: str, incident_id: str) -> None:
        """Refuse an incident id that another report has opened, before anything is written."""
        state = await self.incidents.state(incident_id)
        was = state.was if isinstance(state, decider.Closed) else state
        if was is not None and report_id not in was.reports:
            raise lifecycle.exists(incident_id)
