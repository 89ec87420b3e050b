"""The incident API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from anlan.command.v1 import incident_service_pb2 as pb
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceServicer
from services.command.domain.incident import (
    grading,
    lifecycle,
    post,
    response,
    series,
    transfer,
)
from services.command.projections.incidents import INCIDENTS
from services.command.servicer import (
    decision_messages,
    incident_search,
    messages,
    post_messages,
    series_messages,
)
from services.command.servicer.acting import (
    Incidents,
    act,
    commands_from,
    row_follows,
    waiting_transfer,
)
from services.command.servicer.page import Page, Tables
from services.command.servicer.planning import Planning
from services.runtime import call, paging, reading, watching
from services.runtime.handle import derived_id
from services.runtime.readmodel import ReadModel, Seen
from services.runtime.times import said, to_proto


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentServicer(IncidentServiceServicer):
    incidents: Incidents
    planning: Planning
    model: ReadModel
    tables: Tables
    now: Callable[[], datetime]

    async def GradeIncident(
        self, request: pb.GradeIncidentRequest, context: Any
    ) -> pb.GradeIncidentResponse:
        command = grading.GradeIncident(
            by=call.current().actor,
            incident_id=request.incident_id,
            grade=messages.GRADE_OF[request.grade],
            basis=request.basis,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.GradeIncidentResponse(etag=written.etag, position=written.position)

    async def ActivateResponse(
        self, request: pb.ActivateResponseRequest, context: Any
    ) -> pb.ActivateResponseResponse:
        caller, key = call.current(), request.incident_id
        decision_id = request.decision_id or derived_id(request.request_id, "decision")
        at = said(request, "occur_time", self.now())
        cause = caller.cause(request.request_id, key)
        command = response.ActivateResponse(
            by=caller.actor,
            incident_id=key,
            decision_id=decision_id,
            level=messages.LEVEL_OF[request.level],
            plan=request.plan,
            approver=request.approver,
            reason=request.reason,
            occurred_at=at,
            under=await self.planning.to_activate(request.plan_id, key, decision_id, cause, at),
            clauses=tuple(request.clauses),
            urgent=request.urgent,
        )
        written = await act(self.incidents, request, command)
        return pb.ActivateResponseResponse(
            etag=written.etag, position=written.position, decision_id=decision_id
        )

    async def ChangeResponseLevel(
        self, request: pb.ChangeResponseLevelRequest, context: Any
    ) -> pb.ChangeResponseLevelResponse:
        caller, key = call.current(), request.incident_id
        decision_id = request.decision_id or derived_id(request.request_id, "decision")
        command = response.ChangeResponseLevel(
            by=caller.actor,
            incident_id=key,
            decision_id=decision_id,
            level=messages.LEVEL_OF[request.level],
            approver=request.approver,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
            under=await self.planning.of_response(key, caller.cause(request.request_id, key)),
            clauses=tuple(request.clauses),
            urgent=request.urgent,
        )
        written = await act(self.incidents, request, command)
        return pb.ChangeResponseLevelResponse(
            etag=written.etag, position=written.position, decision_id=decision_id
        )

    async def TerminateResponse(
        self, request: pb.TerminateResponseRequest, context: Any
    ) -> pb.TerminateResponseResponse:
        caller, key = call.current(), request.incident_id
        decision_id = request.decision_id or derived_id(request.request_id, "decision")
        command = response.TerminateResponse(
            by=caller.actor,
            incident_id=key,
            decision_id=decision_id,
            approver=request.approver,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
            under=await self.planning.of_response(key, caller.cause(request.request_id, key)),
        )
        written = await act(self.incidents, request, command)
        return pb.TerminateResponseResponse(
            etag=written.etag, position=written.position, decision_id=decision_id
        )

    async def EstablishCommand(
        self, request: pb.EstablishCommandRequest, context: Any
    ) -> pb.EstablishCommandResponse:
        command = post.EstablishCommand(
            by=call.current().actor,
            incident_id=request.incident_id,
            commander=request.commander,
            command_post=request.command_post,
            jurisdiction=request.jurisdiction,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.EstablishCommandResponse(etag=written.etag, position=written.position)

    async def ProposeTransfer(
        self, request: pb.ProposeTransferRequest, context: Any
    ) -> pb.ProposeTransferResponse:
        transfer_id = request.transfer_id or derived_id(request.request_id, "transfer")
        by = call.current().actor
        command = post_messages.proposal(request, by, transfer_id, self.now())
        written = await act(self.incidents, request, command)
        if written.event is None:
            transfer_id = await waiting_transfer(self.incidents, request.incident_id, transfer_id)
        return pb.ProposeTransferResponse(
            etag=written.etag, position=written.position, transfer_id=transfer_id
        )

    async def AcceptTransfer(
        self, request: pb.AcceptTransferRequest, context: Any
    ) -> pb.AcceptTransferResponse:
        command = transfer.AcceptTransfer(
            by=call.current().actor,
            incident_id=request.incident_id,
            transfer_id=request.transfer_id,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.AcceptTransferResponse(
            etag=written.etag,
            position=written.position,
            effective_time=to_proto(await commands_from(self.incidents, command, written)),
        )

    async def RecordDecision(
        self, request: pb.RecordDecisionRequest, context: Any
    ) -> pb.RecordDecisionResponse:
        decision_id = request.decision_id or derived_id(request.request_id, "decision")
        command = decision_messages.recorded(request, call.current().actor, decision_id, self.now())
        written = await act(self.incidents, request, command)
        return pb.RecordDecisionResponse(
            decision_id=decision_id, etag=written.etag, position=written.position
        )

    async def SubmitSituationReport(
        self, request: pb.SubmitSituationReportRequest, context: Any
    ) -> pb.SubmitSituationReportResponse:
        report_id = request.situation_report_id or derived_id(
            request.request_id, "situation_report"
        )
        command = series.SubmitSituationReport(
            by=call.current().actor,
            incident_id=request.incident_id,
            situation_report_id=report_id,
            kind=messages.KIND_OF[request.kind],
            recipient=request.recipient,
            contents=series_messages.contents(request),
            claimed=series_messages.claimed(request),
            explanations=series_messages.explanations(request),
            zero_report=request.zero_report,
            corrects=request.corrects,
            correction_reason=request.correction_reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.SubmitSituationReportResponse(
            situation_report_id=report_id, etag=written.etag, position=written.position
        )

    async def CloseIncident(
        self, request: pb.CloseIncidentRequest, context: Any
    ) -> pb.CloseIncidentResponse:
        command = lifecycle.CloseIncident(
            by=call.current().actor,
            incident_id=request.incident_id,
            summary=request.summary,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.CloseIncidentResponse(etag=written.etag, position=written.position)

    async def ReopenIncident(
        self, request: pb.ReopenIncidentRequest, context: Any
    ) -> pb.ReopenIncidentResponse:
        command = lifecycle.ReopenIncident(
            by=call.current().actor,
            incident_id=request.incident_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.ReopenIncidentResponse(etag=written.etag, position=written.position)

    async def GetIncident(
        self, request: pb.GetIncidentRequest, context: Any
    ) -> pb.GetIncidentResponse:
        answer = await self._page(request)
        if answer is None and await row_follows(self.model, self.incidents, request):
            answer = await self._page(request)
        if answer is None:
            raise lifecycle.unknown(request.incident_id)
        return answer

    async def _page(self, request: pb.GetIncidentRequest) -> pb.GetIncidentResponse | None:
        now = self.now()

        def read(connection: Connection, seen: Seen) -> pb.GetIncidentResponse | None:
            at = reading.instant(request.read, seen, now)
            return Page(connection, request.incident_id, at, self.tables).read()

        answer, seen = await reading.snapshot(self.model, request.read, now, read)
        if answer is not None:
            reading.freshen(answer.freshness, seen)
        return answer

    async def ListIncidents(
        self, request: pb.ListIncidentsRequest, context: Any
    ) -> pb.ListIncidentsResponse:
        size = paging.limit(request.page_size)
        column = INCIDENTS.c
        statement = select(INCIDENTS).order_by(column.opened_position.desc()).limit(size + 1)
        if after := paging.key(request.page_token, (int,)):
            statement = statement.where(column.opened_position < after[0])
        if request.state:
            state = messages.INCIDENT_STATE_OF[request.state]
            statement = statement.where(column.state == state)
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        if request.type_code:
            statement = statement.where(reading.beginning(column.type_code, request.type_code))
        statement = statement.where(*incident_search.conditions(request.filter))
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        at = reading.instant(request.read, seen, self.now())
        response = pb.ListIncidentsResponse(
            incidents=[
                messages.incident(row, self.tables.types.name(row.type_code), at)
                for row in rows[:size]
            ]
        )
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].opened_position)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchIncidents(
        self, request: pb.WatchIncidentsRequest, context: Any
    ) -> AsyncIterator[pb.WatchIncidentsResponse]:
        statement = select(INCIDENTS).where(*incident_search.conditions(request.filter))
        if request.adcode:
            statement = statement.where(reading.inside(INCIDENTS.c.adcode, request.adcode))
        async for row in watching.changes(
            self.model, statement, INCIDENTS.c.position, request.resume_position
        ):
            yield pb.WatchIncidentsResponse(
                incident=self._incident(row, self.now()),
                position=row.position,
            )

    def _incident(self, row: Any, at: datetime) -> pb.Incident:
        return messages.incident(row, self.tables.types.name(row.type_code), at)
