"""The situation report API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, or_, select

from anlan.command.v1 import situation_report_service_pb2 as pb
from anlan.command.v1.situation_report_service_pb2_grpc import SituationReportServiceServicer
from services.command.domain.incident import decider, series, series_rules
from services.command.domain.incident.drafting import draft
from services.command.projections.series import SENDINGS, SITUATION_REPORTS
from services.command.servicer import messages, series_messages
from services.command.servicer.acting import Incidents, act
from services.runtime import call, paging, reading
from services.runtime.handle import derived_id
from services.runtime.readmodel import ReadModel
from services.runtime.times import said
from services.runtime.watching import changes


@dataclass(frozen=True, slots=True, kw_only=True)
class SituationReportServicer(SituationReportServiceServicer):
    incidents: Incidents
    model: ReadModel
    rules: decider.Rules
    now: Callable[[], datetime]

    async def PreviewSituationReport(
        self, request: pb.PreviewSituationReportRequest, context: Any
    ) -> pb.PreviewSituationReportResponse:
        found, seen = await self.incidents.look(request.incident_id)
        state = decider.require_open(request.incident_id, found)
        kind = series_rules.next_kind(
            request.incident_id,
            messages.KIND_OF[request.kind] if request.kind else None,
            state.series,
        )
        ground = decider.report_ground(self.rules, state)
        series_rules.require_known(request.contents, ground.form)
        response = series_messages.preview(
            kind, ground, draft(kind, request.contents, ground, state.series)
        )
        response.allowed_kinds.extend(
            messages.KINDS[allowed] for allowed in series_rules.expected(state.series)
        )
        response.number = len(state.series.submitted) + 1
        response.etag, response.position = seen.etag, seen.position
        return response

    async def RecordSituationReportSending(
        self, request: pb.RecordSituationReportSendingRequest, context: Any
    ) -> pb.RecordSituationReportSendingResponse:
        caller = call.current().actor
        sending_id = request.sending_id or derived_id(request.request_id, "sending")
        command = series.RecordSending(
            by=caller,
            incident_id=request.incident_id,
            situation_report_id=request.situation_report_id,
            sending_id=sending_id,
            recipient=request.recipient,
            recipient_key=request.recipient_key,
            means=series_messages.MEANS_OF[request.means],
            sent_by=request.sent_by or caller.subject,
            note=request.note,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.RecordSituationReportSendingResponse(
            sending_id=sending_id, etag=written.etag, position=written.position
        )

    async def AcknowledgeSituationReport(
        self, request: pb.AcknowledgeSituationReportRequest, context: Any
    ) -> pb.AcknowledgeSituationReportResponse:
        caller = call.current().actor
        command = series.AcknowledgeSituationReport(
            by=caller,
            incident_id=request.incident_id,
            situation_report_id=request.situation_report_id,
            sending_id=request.sending_id,
            acknowledged_by=request.acknowledged_by or caller.subject,
            reference_number=request.reference_number,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.AcknowledgeSituationReportResponse(etag=written.etag, position=written.position)

    async def GetSituationReport(
        self, request: pb.GetSituationReportRequest, context: Any
    ) -> pb.GetSituationReportResponse:
        column = SITUATION_REPORTS.c
        statement = select(SITUATION_REPORTS).where(
            column.incident_id == request.incident_id,
            column.situation_report_id == request.situation_report_id,
        )
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
            reports = await series_messages.situation_reports(
                connection, rows, self.rules.situation_reports
            )
        if not reports:
            raise series_rules.no_such_report(request.incident_id, request.situation_report_id)
        response = pb.GetSituationReportResponse(situation_report=reports[0])
        reading.freshen(response.freshness, seen)
        return response

    async def ListSituationReports(
        self, request: pb.ListSituationReportsRequest, context: Any
    ) -> pb.ListSituationReportsResponse:
        size = paging.limit(request.page_size)
        column = SITUATION_REPORTS.c
        statement = (
            select(SITUATION_REPORTS).order_by(column.submitted_position.desc()).limit(size + 1)
        )
        if after := paging.key(request.page_token, (int,)):
            statement = statement.where(column.submitted_position < after[0])
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        if request.kind:
            statement = statement.where(column.kind == messages.KIND_OF[request.kind])
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        sending = exists().where(
            SENDINGS.c.incident_id == column.incident_id,
            SENDINGS.c.situation_report_id == column.situation_report_id,
        )
        if request.recipient:
            there = or_(
                SENDINGS.c.recipient == request.recipient,
                SENDINGS.c.recipient_key == request.recipient,
            )
            statement = statement.where(
                or_(column.recipient == request.recipient, sending.where(there))
            )
        if request.unacknowledged:
            waiting = sending.where(SENDINGS.c.acknowledged_at.is_(None))
            statement = statement.where(or_(~sending, waiting))
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
            reports = await series_messages.situation_reports(
                connection, rows[:size], self.rules.situation_reports
            )
        response = pb.ListSituationReportsResponse(situation_reports=reports)
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].submitted_position)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchSituationReports(
        self, request: pb.WatchSituationReportsRequest, context: Any
    ) -> AsyncIterator[pb.WatchSituationReportsResponse]:
        column = SITUATION_REPORTS.c
        statement = select(SITUATION_REPORTS)
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        changed = changes(self.model, statement, column.position, request.resume_position)
        async for row in changed:
            async with self.model.read() as (connection, _):
                [report] = await series_messages.situation_reports(
                    connection, [row], self.rules.situation_reports
                )
            yield pb.WatchSituationReportsResponse(situation_report=report, position=row.position)
