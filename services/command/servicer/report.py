"""The report API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import select

from anlan.command.v1 import report_service_pb2 as pb
from anlan.command.v1.report_service_pb2_grpc import ReportServiceServicer
from services.command.domain import report
from services.command.domain.duplicates import Table
from services.command.domain.incident import decider, lifecycle, merge
from services.command.domain.incident_types import IncidentTypes
from services.command.domain.report_rules import unknown
from services.command.policies.merging import going_on
from services.command.policies.reports import attach_report, open_incident, supersede_reports
from services.command.projections.reports import REPORTS
from services.command.servicer import alerts, duplicates, messages
from services.runtime import call, paging, reading, watching
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler, derived_id
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.times import known, said

ROWS_FOLLOW_S = 0.2
"""How long to wait for a report's own row, so that those before it are there as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportServicer(ReportServiceServicer):
    reports: CommandHandler[report.Command, report.State, report.Event]
    incidents: CommandHandler[decider.Command, decider.State, decider.Event]
    model: ReadModel
    regions: Regions
    types: IncidentTypes
    table: Table
    now: Callable[[], datetime]

    async def SubmitReport(
        self, request: pb.SubmitReportRequest, context: Any
    ) -> pb.SubmitReportResponse:
        caller = call.current()
        order = _order(request) if request.HasField("order") else None
        report_id = request.report_id or (
            derived_id(request.request_id, "report")
            if order is None
            else str(uuid5(NAMESPACE_URL, f"{caller.exercise} {order.issuer} {order.number}"))
        )
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
            callback=request.callback,
            order=order,
            occurred_at=said(request, "occur_time", self.now()),
        )
        cause = caller.cause(request.request_id, report_id)
        written = await self.reports.handle(report_id, command, cause)
        return pb.SubmitReportResponse(
            report_id=report_id,
            etag=written.etag,
            position=written.position,
            likely_duplicates=await self._offer(
                report_id, written.position, request.offer_duplicates
            ),
        )

    async def SubmitCapAlert(
        self, request: pb.SubmitCapAlertRequest, context: Any
    ) -> pb.SubmitCapAlertResponse:
        caller = call.current()
        command = alerts.command(
            request, caller.actor, caller.exercise, self.now(), self.types, self.regions
        )
        caller.require_region(command.place.adcode)
        report_id = command.report_id
        cause = caller.cause(request.request_id, report_id)
        unheard = await self._unheard(command, caller.exercise)
        written = await self.reports.handle(report_id, command, cause)
        told = await supersede_reports(self.reports, report_id, cause)
        position = max(written.position, told)
        return pb.SubmitCapAlertResponse(
            report_id=report_id,
            etag=written.etag,
            position=position,
            superseded_report_ids=command.corrects,
            unknown_references=unheard,
            likely_duplicates=await self._offer(report_id, position, request.offer_duplicates),
        )

    async def AcknowledgeOrder(
        self, request: pb.AcknowledgeOrderRequest, context: Any
    ) -> pb.AcknowledgeOrderResponse:
        caller = call.current()
        command = report.AcknowledgeOrder(
            by=caller.actor,
            report_id=request.report_id,
            occurred_at=said(request, "occur_time", self.now()),
        )
        cause = caller.cause(request.request_id, request.report_id)
        written = await self.reports.handle(request.report_id, command, cause, etag=request.etag)
        return pb.AcknowledgeOrderResponse(etag=written.etag, position=written.position)

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
        attached = await self._require_joinable(request.report_id, request.incident_id, cause)
        command = report.JoinReport(
            by=caller.actor,
            report_id=request.report_id,
            incident_id=request.incident_id,
            attached=attached,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self.reports.handle(request.report_id, command, cause, etag=request.etag)
        position = written.position
        if not attached:
            done = await attach_report(self.reports, self.incidents, request.report_id, cause)
            position = max(position, done.position)
        return pb.JoinReportResponse(etag=written.etag, position=position)

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
            raise unknown(request.report_id)
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
        if request.source:
            source = messages.SOURCE_OF[request.source]
            statement = statement.where(REPORTS.c.source == source)
        if request.unacknowledged_orders:
            statement = statement.where(
                REPORTS.c.order_number != "", REPORTS.c.acknowledged_at.is_(None)
            )
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListReportsResponse(reports=[messages.report(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].opened_position)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchReports(
        self, request: pb.WatchReportsRequest, context: Any
    ) -> AsyncIterator[pb.WatchReportsResponse]:
        rows = select(REPORTS)
        if request.adcode:
            rows = rows.where(reading.inside(REPORTS.c.adcode, request.adcode))
        changes = watching.changes(self.model, rows, REPORTS.c.position, request.resume_position)
        async for row in changes:
            yield pb.WatchReportsResponse(report=messages.report(row), position=row.position)

    async def FindLikelyDuplicates(
        self, request: pb.FindLikelyDuplicatesRequest, context: Any
    ) -> pb.FindLikelyDuplicatesResponse:
        mine = select(REPORTS).where(REPORTS.c.report_id == request.report_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(mine)).first()
            if row is None:
                raise unknown(request.report_id)
            about = duplicates.subject(row)
            found = await duplicates.find(connection, self.table, about, request.max_results)
        response = pb.FindLikelyDuplicatesResponse(likely_duplicates=found)
        reading.freshen(response.freshness, seen)
        return response

    async def _offer(self, report_id: str, position: int, wanted: int) -> list[pb.LikelyDuplicate]:
        """Return what a report that was just submitted is likely to be about, if rows keep up."""
        if not wanted:
            return []
        await self.model.advanced(position - 1, ROWS_FOLLOW_S)
        mine = select(REPORTS).where(REPORTS.c.report_id == report_id)
        async with self.model.read() as (connection, _):
            row = (await connection.execute(mine)).first()
            if row is None:
                return []
            return await duplicates.find(connection, self.table, duplicates.subject(row), wanted)

    async def _unheard(self, command: report.SubmitReport, exercise: str) -> list[str]:
        """Return the references of an alert to messages that have not come."""
        assert command.alert is not None
        return [
            str(named)
            for named in command.alert.references
            if not isinstance(
                await self.reports.state(alerts.alert_id(named, exercise)),
                report.Received | report.Settled,
            )
        ]

    async def _require_joinable(self, report_id: str, incident_id: str, cause: Cause) -> bool:
        """Refuse to join an incident that would not take the report, before anything is written.

        Tells whether it has come with another incident.  A repetition is answered all the same.
        """
        match await self.incidents.state(incident_id, cause):
            case None:
                raise lifecycle.unknown(incident_id)
            case decider.Closed():
                if not await self._joined(report_id, incident_id):
                    raise lifecycle.closed(incident_id)
            case decider.Merged():
                if not await self._joined(report_id, incident_id):
                    raise merge.merged(incident_id, await going_on(self.incidents, incident_id))
            case decider.Open(adcode=adcode, reports=reports):
                if report_id in reports:
                    return not await self._joined(report_id, incident_id)
                call.current().require_region(adcode)
        return False

    async def _joined(self, report_id: str, incident_id: str) -> bool:
        state = await self.reports.state(report_id)
        return isinstance(state, report.Settled) and state.incident_id == incident_id

    async def _refuse_taken(self, report_id: str, incident_id: str) -> None:
        """Refuse an incident id that another report has opened, before anything is written."""
        was = decider.there(await self.incidents.state(incident_id))
        if was is not None and report_id not in was.reports:
            raise lifecycle.exists(incident_id)


def _order(request: pb.SubmitReportRequest) -> report.Order:
    order = request.order
    due = order.HasField("reply_due_time")
    return report.Order(
        issuer=order.issuer,
        number=order.number,
        reply_due_at=known(order, "reply_due_time") if due else None,
    )
