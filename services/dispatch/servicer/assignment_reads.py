"""Where assignments stand and how fast they were: the reading part of the assignment API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from services.dispatch.projections.tables import ASSIGNMENTS, CLOSED
from services.dispatch.servicer import messages, response_groups, response_times
from services.runtime import paging, reading, times, watching
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentReads:
    model: ReadModel
    targets: response_groups.Targets
    now: Callable[[], datetime]

    async def GetAssignment(
        self, request: pb.GetAssignmentRequest, context: Any
    ) -> pb.GetAssignmentResponse:
        statement = select(ASSIGNMENTS).where(ASSIGNMENTS.c.assignment_id == request.assignment_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_ASSIGNMENT",
                f"no assignment {request.assignment_id}",
                assignment_id=request.assignment_id,
            )
        response = pb.GetAssignmentResponse(assignment=messages.assignment(row))
        reading.freshen(response.freshness, seen)
        return response

    async def ListAssignments(
        self, request: pb.ListAssignmentsRequest, context: Any
    ) -> pb.ListAssignmentsResponse:
        size = paging.limit(request.page_size)
        column = ASSIGNMENTS.c
        order = (column.rank, column.opened_position)
        statement = select(ASSIGNMENTS).order_by(*order).limit(size + 1)
        if after := paging.key(request.page_token, (int, int)):
            statement = statement.where(tuple_(*order) > after)
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        if request.unit_id:
            statement = statement.where(column.unit_id == request.unit_id)
        if request.state:
            statement = statement.where(column.state == messages.STATE_OF[request.state])
        elif not request.include_closed:
            statement = statement.where(column.rank < CLOSED)
        rows, seen = await reading.snapshot(
            self.model,
            request.read,
            self.now(),
            lambda connection, _: connection.execute(statement).all(),
        )
        response = pb.ListAssignmentsResponse(
            assignments=[messages.assignment(row) for row in rows[:size]]
        )
        if len(rows) > size:
            last = rows[size - 1]
            response.next_page_token = paging.token(last.rank, last.opened_position)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchAssignments(
        self, request: pb.WatchAssignmentsRequest, context: Any
    ) -> AsyncIterator[pb.WatchAssignmentsResponse]:
        column = ASSIGNMENTS.c
        statement = select(ASSIGNMENTS)
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        async for row in watching.changes(
            self.model, statement, column.position, request.resume_position
        ):
            yield pb.WatchAssignmentsResponse(
                assignment=messages.assignment(row), position=row.position
            )

    async def GetResponseTimes(
        self, request: pb.GetResponseTimesRequest, context: Any
    ) -> pb.GetResponseTimesResponse:
        local = response_times.zone(request.time_zone)
        column = ASSIGNMENTS.c
        statement = select(
            column.incident_id,
            column.incident_type,
            column.unit_id,
            column.unit_kind,
            column.destination,
            column.call_at,
            column.first_answered_at,
            column.rang_at,
            column.answered_at,
            column.dispatched_at,
            column.en_route_at,
            column.on_scene_at,
            column.initiating_action_at,
        ).where(column.exercise == request.exercise, column.dispatched_at.is_not(None))
        if request.HasField("start_time"):
            start = times.micros(times.known(request, "start_time"))
            statement = statement.where(column.dispatched_at >= start)
        if request.HasField("end_time"):
            end = times.micros(times.known(request, "end_time"))
            statement = statement.where(column.dispatched_at < end)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        measured = await asyncio.to_thread(response_times.measured, rows, local)
        groups = await asyncio.to_thread(
            response_groups.grouped,
            rows,
            request.group_by,
            sorted(request.percents),
            local,
            self.targets,
        )
        response = pb.GetResponseTimesResponse(
            rows=measured, groups=groups, targets_version=self.targets.version
        )
        reading.freshen(response.freshness, seen)
        return response
