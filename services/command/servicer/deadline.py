"""The API of the law's clocks: the duty officer's board, their history, what was late."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, tuple_

from anlan.command.v1 import deadline_service_pb2 as pb
from anlan.command.v1.deadline_service_pb2_grpc import DeadlineServiceServicer
from services.command.domain.incident import deadlines
from services.command.projections.deadlines import DEADLINES, FINDINGS, OWED, STEPS, DeadlineState
from services.command.projections.incidents import INCIDENTS
from services.command.servicer import deadline_messages as messages
from services.command.servicer.acting import Incidents, act
from services.command.servicer.series_messages import MEANS_OF
from services.runtime import call, paging, reading, watching
from services.runtime.handle import derived_id
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound
from services.runtime.times import known, micros, said

ROWS = select(
    DEADLINES,
    INCIDENTS.c.title,
    INCIDENTS.c.type_code,
    INCIDENTS.c.state.label("incident_state"),
).join(INCIDENTS, INCIDENTS.c.incident_id == DEADLINES.c.incident_id)
KEY = (DEADLINES.c.incident_id, DEADLINES.c.deadline_id)
FOUND = (
    select(FINDINGS, INCIDENTS.c.title)
    .join(INCIDENTS, INCIDENTS.c.incident_id == FINDINGS.c.incident_id)
    .outerjoin(DEADLINES, and_(KEY[0] == FINDINGS.c.incident_id, KEY[1] == FINDINGS.c.deadline_id))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineServicer(DeadlineServiceServicer):
    incidents: Incidents
    model: ReadModel
    now: Callable[[], datetime]

    async def RecordMilestone(
        self, request: pb.RecordMilestoneRequest, context: Any
    ) -> pb.RecordMilestoneResponse:
        command = deadlines.RecordMilestone(
            by=call.current().actor,
            incident_id=request.incident_id,
            milestone=messages.MILESTONE_OF[request.milestone],
            reference=request.reference,
            note=request.note,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.RecordMilestoneResponse(etag=written.etag, position=written.position)

    async def RecordNotice(
        self, request: pb.RecordNoticeRequest, context: Any
    ) -> pb.RecordNoticeResponse:
        notice_id = request.notice_id or derived_id(request.request_id, "notice")
        command = deadlines.RecordNotice(
            by=call.current().actor,
            incident_id=request.incident_id,
            notice_id=notice_id,
            party=messages.PARTY_OF[request.party],
            recipient=request.recipient,
            means=MEANS_OF[request.means],
            text=request.text,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.RecordNoticeResponse(
            notice_id=notice_id, etag=written.etag, position=written.position
        )

    async def ListDeadlines(
        self, request: pb.ListDeadlinesRequest, context: Any
    ) -> pb.ListDeadlinesResponse:
        size = paging.limit(request.page_size)
        column = DEADLINES.c
        order = (column.due_at, *KEY)
        statement = _within(ROWS, request.adcode, request.incident_id).order_by(*order)
        states = [messages.STATE_OF[state] for state in request.states] or OWED
        statement = statement.where(column.state.in_(states)).limit(size + 1)
        if request.recipient:
            statement = statement.where(column.recipient == request.recipient)
        if request.owed_by:
            statement = statement.where(column.owed_by == messages.PARTY_OF[request.owed_by])
        if request.HasField("due_before"):
            statement = statement.where(column.due_at < micros(known(request, "due_before")))
        if after := paging.key(request.page_token, (int, str, str)):
            statement = statement.where(tuple_(*order) > tuple_(*after))
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListDeadlinesResponse(
            deadlines=[messages.deadline(row) for row in rows[:size]]
        )
        if len(rows) > size:
            last = rows[size - 1]
            response.next_page_token = paging.token(last.due_at, last.incident_id, last.deadline_id)
        reading.freshen(response.freshness, seen)
        return response

    async def GetDeadline(
        self, request: pb.GetDeadlineRequest, context: Any
    ) -> pb.GetDeadlineResponse:
        incident_id, deadline_id = request.incident_id, request.deadline_id
        column = STEPS.c
        one = ROWS.where(
            DEADLINES.c.incident_id == incident_id, DEADLINES.c.deadline_id == deadline_id
        )
        history = (
            select(STEPS)
            .where(column.incident_id == incident_id, column.deadline_id == deadline_id)
            .order_by(column.position)
        )
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(one)).first()
            steps = (await connection.execute(history)).all()
        if row is None:
            raise NotFound(
                "NO_SUCH_DEADLINE",
                f"incident {incident_id} has no clock {deadline_id}",
                incident_id=incident_id,
                deadline_id=deadline_id,
            )
        response = pb.GetDeadlineResponse(
            deadline=messages.deadline(row), steps=[messages.step(step) for step in steps]
        )
        reading.freshen(response.freshness, seen)
        return response

    async def WatchDeadlines(
        self, request: pb.WatchDeadlinesRequest, context: Any
    ) -> AsyncIterator[pb.WatchDeadlinesResponse]:
        statement = _within(ROWS, request.adcode, request.incident_id)
        async for row in watching.changes(
            self.model, statement, DEADLINES.c.position, request.resume_position
        ):
            yield pb.WatchDeadlinesResponse(deadline=messages.deadline(row), position=row.position)

    async def ListFindings(
        self, request: pb.ListFindingsRequest, context: Any
    ) -> pb.ListFindingsResponse:
        size = paging.limit(request.page_size)
        column = FINDINGS.c
        statement = FOUND.order_by(column.position.desc()).limit(size + 1)
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        if request.kinds:
            statement = statement.where(or_(*(_of_kind(kind) for kind in request.kinds)))
        if after := paging.key(request.page_token, (int,)):
            statement = statement.where(column.position < after[0])
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            found = (await connection.execute(statement)).all()
            missed = [(row.incident_id, row.deadline_id) for row in found if row.deadline_id]
            clocks = await connection.execute(ROWS.where(tuple_(*KEY).in_(missed)))
        of = {(row.incident_id, row.deadline_id): messages.deadline(row) for row in clocks}
        response = pb.ListFindingsResponse(
            findings=[
                messages.finding(row, of.get((row.incident_id, row.deadline_id)))
                for row in found[:size]
            ]
        )
        if len(found) > size:
            response.next_page_token = paging.token(found[size - 1].position)
        reading.freshen(response.freshness, seen)
        return response


def _within(statement: Select[Any], adcode: str, incident_id: str) -> Select[Any]:
    if adcode:
        statement = statement.where(reading.inside(DEADLINES.c.adcode, adcode))
    if incident_id:
        statement = statement.where(DEADLINES.c.incident_id == incident_id)
    return statement


def _of_kind(kind: pb.FindingKind.ValueType) -> ColumnElement[bool]:
    late = DEADLINES.c.state == DeadlineState.LATE
    match kind:
        case pb.FINDING_KIND_LATE:
            return late
        case pb.FINDING_KIND_MISSING:
            return and_(FINDINGS.c.deadline_id.is_not(None), ~late)
        case _:
            return FINDINGS.c.deadline_id.is_(None)
