"""The need API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, literal, select

from anlan.command.v1 import need_service_pb2 as pb
from anlan.command.v1.need_service_pb2_grpc import NeedServiceServicer
from services.command.domain.incident import needs
from services.command.projections.exercises import clock, wall_clock
from services.command.projections.needs import NEEDS, OPEN
from services.command.servicer import need_messages as messages
from services.command.servicer.acting import Incidents, act
from services.runtime import call, paging, reading, watching
from services.runtime.handle import derived_id
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.times import known, micros, said

MAY_CANCEL_ANY = "need.cancel"


def need_rows(wall: ColumnElement[int]) -> Select[Any]:
    """Return the needs, each with whether it is ``overdue`` at ``wall``."""
    late = and_(NEEDS.c.state.in_(OPEN), NEEDS.c.needed_by <= clock(NEEDS.c.exercise, wall))
    return select(NEEDS, late.label("overdue"))


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedServicer(NeedServiceServicer):
    incidents: Incidents
    model: ReadModel
    regions: Regions
    now: Callable[[], datetime]

    async def RaiseNeed(self, request: pb.RaiseNeedRequest, context: Any) -> pb.RaiseNeedResponse:
        need_id = request.need_id or derived_id(request.request_id, "need")
        by = known(request, "needed_by_time") if request.HasField("needed_by_time") else None
        command = needs.RaiseNeed(
            by=call.current().actor,
            incident_id=request.incident_id,
            need_id=need_id,
            category=messages.CATEGORY_OF[request.category],
            item=request.item,
            quantity=request.quantity,
            unit=request.unit,
            place=self.regions.placed(request.place, "place"),
            needed_by=by,
            objective_id=request.objective_id,
            note=request.note,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.RaiseNeedResponse(need_id=need_id, etag=written.etag, position=written.position)

    async def RecordNeedCommitment(
        self, request: pb.RecordNeedCommitmentRequest, context: Any
    ) -> pb.RecordNeedCommitmentResponse:
        commitment_id = request.commitment_id or derived_id(request.request_id, "commitment")
        expected = known(request, "expect_time") if request.HasField("expect_time") else None
        command = needs.CommitToNeed(
            by=call.current().actor,
            incident_id=request.incident_id,
            need_id=request.need_id,
            commitment_id=commitment_id,
            quantity=request.quantity,
            source=messages.source(request.source),
            expected_at=expected,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.RecordNeedCommitmentResponse(
            commitment_id=commitment_id, etag=written.etag, position=written.position
        )

    async def WithdrawNeedCommitment(
        self, request: pb.WithdrawNeedCommitmentRequest, context: Any
    ) -> pb.WithdrawNeedCommitmentResponse:
        command = needs.WithdrawCommitment(
            by=call.current().actor,
            incident_id=request.incident_id,
            need_id=request.need_id,
            commitment_id=request.commitment_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.WithdrawNeedCommitmentResponse(etag=written.etag, position=written.position)

    async def FulfilNeed(
        self, request: pb.FulfilNeedRequest, context: Any
    ) -> pb.FulfilNeedResponse:
        fulfilment_id = request.fulfilment_id or derived_id(request.request_id, "fulfilment")
        command = needs.FulfilNeed(
            by=call.current().actor,
            incident_id=request.incident_id,
            need_id=request.need_id,
            fulfilment_id=fulfilment_id,
            commitment_id=request.commitment_id,
            quantity=request.quantity,
            source=messages.source(request.source),
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.FulfilNeedResponse(
            fulfilment_id=fulfilment_id, etag=written.etag, position=written.position
        )

    async def CancelNeed(
        self, request: pb.CancelNeedRequest, context: Any
    ) -> pb.CancelNeedResponse:
        caller = call.current()
        command = needs.CancelNeed(
            by=caller.actor,
            incident_id=request.incident_id,
            need_id=request.need_id,
            reason=request.reason,
            in_charge=MAY_CANCEL_ANY in caller.grants,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.CancelNeedResponse(etag=written.etag, position=written.position)

    async def ListNeeds(self, request: pb.ListNeedsRequest, context: Any) -> pb.ListNeedsResponse:
        size = paging.limit(request.page_size)
        column = NEEDS.c
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows_of = need_rows(literal(micros(reading.instant(request.read, seen, self.now()))))
            statement = _of(rows_of, request.incident_id, request.adcode)
            statement = statement.order_by(column.opened_position.desc()).limit(size + 1)
            if after := paging.key(request.page_token, (int,)):
                statement = statement.where(column.opened_position < after[0])
            if request.states:
                states = [messages.NEED_STATE_OF[state] for state in request.states]
                statement = statement.where(column.state.in_(states))
            if request.categories:
                wanted = [messages.CATEGORY_OF[category] for category in request.categories]
                statement = statement.where(column.category.in_(wanted))
            rows = (await connection.execute(statement)).all()
        response = pb.ListNeedsResponse(needs=[messages.need(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].opened_position)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchNeeds(
        self, request: pb.WatchNeedsRequest, context: Any
    ) -> AsyncIterator[pb.WatchNeedsResponse]:
        statement = _of(need_rows(wall_clock(self.now)), request.incident_id, request.adcode)
        async for row in watching.changes(
            self.model, statement, NEEDS.c.position, request.resume_position
        ):
            yield pb.WatchNeedsResponse(need=messages.need(row), position=row.position)


def _of(statement: Select[Any], incident_id: str, adcode: str) -> Select[Any]:
    if incident_id:
        statement = statement.where(NEEDS.c.incident_id == incident_id)
    if adcode:
        statement = statement.where(reading.inside(NEEDS.c.adcode, adcode))
    return statement
