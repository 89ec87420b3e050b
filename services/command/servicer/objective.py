"""The objective API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from anlan.command.v1 import objective_service_pb2 as pb
from anlan.command.v1.objective_service_pb2_grpc import ObjectiveServiceServicer
from services.command.domain.incident import objectives
from services.command.projections.objectives import OBJECTIVES
from services.command.servicer import task_messages as messages
from services.command.servicer.acting import Incidents, act
from services.runtime import call, paging, reading
from services.runtime.handle import derived_id
from services.runtime.readmodel import ReadModel
from services.runtime.times import known, said


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveServicer(ObjectiveServiceServicer):
    incidents: Incidents
    model: ReadModel
    now: Callable[[], datetime]

    async def SetObjective(
        self, request: pb.SetObjectiveRequest, context: Any
    ) -> pb.SetObjectiveResponse:
        objective_id = request.objective_id or derived_id(request.request_id, "objective")
        command = objectives.SetObjective(
            by=call.current().actor,
            incident_id=request.incident_id,
            objective_id=objective_id,
            kind=request.kind,
            text=request.text,
            measure=request.measure,
            due_at=known(request, "due_time") if request.HasField("due_time") else None,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.SetObjectiveResponse(
            objective_id=objective_id, etag=written.etag, position=written.position
        )

    async def ReportObjectiveProgress(
        self, request: pb.ReportObjectiveProgressRequest, context: Any
    ) -> pb.ReportObjectiveProgressResponse:
        command = objectives.ReportObjectiveProgress(
            by=call.current().actor,
            incident_id=request.incident_id,
            objective_id=request.objective_id,
            percent=request.percent,
            note=request.note,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.ReportObjectiveProgressResponse(etag=written.etag, position=written.position)

    async def CloseObjective(
        self, request: pb.CloseObjectiveRequest, context: Any
    ) -> pb.CloseObjectiveResponse:
        command = objectives.CloseObjective(
            by=call.current().actor,
            incident_id=request.incident_id,
            objective_id=request.objective_id,
            outcome=messages.OBJECTIVE_OUTCOME_OF[request.outcome],
            note=request.note,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.CloseObjectiveResponse(etag=written.etag, position=written.position)

    async def ListObjectives(
        self, request: pb.ListObjectivesRequest, context: Any
    ) -> pb.ListObjectivesResponse:
        size = paging.limit(request.page_size)
        column = OBJECTIVES.c
        statement = select(OBJECTIVES).order_by(column.opened_position.desc()).limit(size + 1)
        if after := paging.key(request.page_token, (int,)):
            statement = statement.where(column.opened_position < after[0])
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        if request.state:
            state = messages.OBJECTIVE_STATE_OF[request.state]
            statement = statement.where(column.state == state)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListObjectivesResponse(
            objectives=[messages.objective(row) for row in rows[:size]]
        )
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].opened_position)
        reading.freshen(response.freshness, seen)
        return response
