"""The supply request API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from anlan.resources.v1 import supply_request_service_pb2 as pb
from anlan.resources.v1.supply_request_service_pb2_grpc import SupplyRequestServiceServicer
from services.resources.domain import supply_request
from services.resources.domain.items import Items
from services.resources.policies.promises import Promises
from services.resources.projections.tables import supply_requests
from services.resources.servicer import supply_messages as messages
from services.resources.servicer.depots import Depots
from services.runtime import call, paging, reading, watching
from services.runtime.cause import Cause
from services.runtime.handle import Written, derived_id
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound
from services.runtime.times import known, said


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyRequestServicer(SupplyRequestServiceServicer):
    depots: Depots
    promises: Promises
    model: ReadModel
    regions: Regions
    items: Items
    now: Callable[[], datetime]

    async def SubmitSupplyRequest(
        self, request: pb.SubmitSupplyRequestRequest, context: Any
    ) -> pb.SubmitSupplyRequestResponse:
        self.items.check(request.item, "item")
        item = self.items.of(request.item)
        caller = call.current()
        id_ = request.supply_request_id or derived_id(request.request_id, "supply_request")
        by = known(request, "needed_by_time") if request.HasField("needed_by_time") else None
        command = supply_request.SubmitSupplyRequest(
            by=caller.actor,
            supply_request_id=id_,
            item=request.item,
            quantity=request.quantity,
            unit=item.unit,
            item_class=item.class_code,
            incident_id=request.incident_id,
            need_id=request.need_id,
            place=self.regions.placed(request.place, "place"),
            to_depot_id=request.to_depot_id,
            needed_by=by,
            note=request.note,
            occurred_at=said(request, "occur_time", self.now()),
        )
        cause = caller.cause(request.request_id, request.incident_id or id_)
        await self.depots.address([request.to_depot_id], cause)
        written = await self.promises.requests.handle(id_, command, cause)
        return pb.SubmitSupplyRequestResponse(
            supply_request_id=id_, etag=written.etag, position=written.position
        )

    async def ApproveSupplyRequest(
        self, request: pb.ApproveSupplyRequestRequest, context: Any
    ) -> pb.ApproveSupplyRequestResponse:
        command = supply_request.ApproveSupplyRequest(
            by=call.current().actor,
            supply_request_id=request.supply_request_id,
            quantity=request.quantity,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command, await self._cause(request))
        return pb.ApproveSupplyRequestResponse(etag=written.etag, position=written.position)

    async def DeclineSupplyRequest(
        self, request: pb.DeclineSupplyRequestRequest, context: Any
    ) -> pb.DeclineSupplyRequestResponse:
        command = supply_request.DeclineSupplyRequest(
            by=call.current().actor,
            supply_request_id=request.supply_request_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command, await self._cause(request))
        return pb.DeclineSupplyRequestResponse(etag=written.etag, position=written.position)

    async def AcceptSupplyRequest(
        self, request: pb.AcceptSupplyRequestRequest, context: Any
    ) -> pb.AcceptSupplyRequestResponse:
        command = supply_request.AcceptSupplyRequest(
            by=call.current().actor,
            supply_request_id=request.supply_request_id,
            depot_id=request.depot_id,
            note=request.note,
            occurred_at=said(request, "occur_time", self.now()),
        )
        cause = await self._cause(request)
        await self.depots.enter(request.depot_id, cause)
        written = await self._handle(request, command, cause)
        return pb.AcceptSupplyRequestResponse(etag=written.etag, position=written.position)

    async def CommitSupplies(
        self, request: pb.CommitSuppliesRequest, context: Any
    ) -> pb.CommitSuppliesResponse:
        commitment_id = request.commitment_id or derived_id(request.request_id, "commitment")
        expected = known(request, "expect_time") if request.HasField("expect_time") else None
        command = supply_request.CommitSupplies(
            by=call.current().actor,
            supply_request_id=request.supply_request_id,
            commitment_id=commitment_id,
            depot_id=request.depot_id,
            quantity=request.quantity,
            expected_at=expected,
            occurred_at=said(request, "occur_time", self.now()),
        )
        cause = await self._cause(request)
        await self.depots.enter(request.depot_id, cause)
        written = await self._handle(request, command, cause)
        kept = await self.promises.set_aside(request.supply_request_id, commitment_id, cause)
        return pb.CommitSuppliesResponse(
            commitment_id=commitment_id,
            etag=written.etag,
            position=max(written.position, kept),
        )

    async def WithdrawCommitment(
        self, request: pb.WithdrawCommitmentRequest, context: Any
    ) -> pb.WithdrawCommitmentResponse:
        command = supply_request.WithdrawCommitment(
            supply_request_id=request.supply_request_id,
            commitment_id=request.commitment_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        cause = await self._cause(request)
        state = await self.promises.requests.state(request.supply_request_id)
        if state is not None and request.commitment_id in state.commitments:
            await self.depots.enter(state.commitments[request.commitment_id].made.depot_id, cause)
        written = await self._end(request, command, cause)
        return pb.WithdrawCommitmentResponse(etag=written.etag, position=written.position)

    async def CompleteSupplyRequest(
        self, request: pb.CompleteSupplyRequestRequest, context: Any
    ) -> pb.CompleteSupplyRequestResponse:
        command = supply_request.CompleteSupplyRequest(
            by=call.current().actor,
            supply_request_id=request.supply_request_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._end(request, command, await self._cause(request))
        return pb.CompleteSupplyRequestResponse(etag=written.etag, position=written.position)

    async def CancelSupplyRequest(
        self, request: pb.CancelSupplyRequestRequest, context: Any
    ) -> pb.CancelSupplyRequestResponse:
        command = supply_request.CancelSupplyRequest(
            by=call.current().actor,
            supply_request_id=request.supply_request_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._end(request, command, await self._cause(request))
        return pb.CancelSupplyRequestResponse(etag=written.etag, position=written.position)

    async def GetSupplyRequest(
        self, request: pb.GetSupplyRequestRequest, context: Any
    ) -> pb.GetSupplyRequestResponse:
        statement = select(supply_requests).where(
            supply_requests.c.supply_request_id == request.supply_request_id
        )
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_SUPPLY_REQUEST",
                f"there is no supply request {request.supply_request_id}",
                supply_request_id=request.supply_request_id,
            )
        response = pb.GetSupplyRequestResponse(supply_request=messages.supply_request(row))
        reading.freshen(response.freshness, seen)
        return response

    async def ListSupplyRequests(
        self, request: pb.ListSupplyRequestsRequest, context: Any
    ) -> pb.ListSupplyRequestsResponse:
        size = paging.limit(request.page_size)
        column = supply_requests.c
        statement = _of(select(supply_requests), request.incident_id, request.adcode)
        statement = statement.order_by(column.opened_position.desc()).limit(size + 1)
        if after := paging.key(request.page_token, (int,)):
            statement = statement.where(column.opened_position < after[0])
        if request.states:
            stages = [messages.STAGE_OF[state].value for state in request.states]
            statement = statement.where(column.stage.in_(stages))
        if request.item:
            statement = statement.where(column.item == request.item)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListSupplyRequestsResponse(
            supply_requests=[messages.supply_request(row) for row in rows[:size]]
        )
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].opened_position)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchSupplyRequests(
        self, request: pb.WatchSupplyRequestsRequest, context: Any
    ) -> AsyncIterator[pb.WatchSupplyRequestsResponse]:
        statement = _of(select(supply_requests), request.incident_id, request.adcode)
        async for row in watching.changes(
            self.model, statement, supply_requests.c.position, request.resume_position
        ):
            yield pb.WatchSupplyRequestsResponse(
                supply_request=messages.supply_request(row), position=row.position
            )

    async def _cause(self, request: Any) -> Cause:
        """Return the cause of a command on a request, in the story that it belongs to."""
        state = await self.promises.requests.state(request.supply_request_id)
        incident_id = state.requested.incident_id if state else ""
        return call.current().cause(request.request_id, incident_id or request.supply_request_id)

    async def _handle(self, request: Any, command: supply_request.Command, cause: Cause) -> Written:
        return await self.promises.requests.handle(
            request.supply_request_id, command, cause, etag=request.etag
        )

    async def _end(
        self,
        request: Any,
        command: supply_request.WithdrawCommitment
        | supply_request.CompleteSupplyRequest
        | supply_request.CancelSupplyRequest,
        cause: Cause,
    ) -> Written:
        """Obey a command that ends promises, and let go what was held for them."""
        written = await self._handle(request, command, cause)
        at = command.occurred_at
        freed = await self.promises.let_go(request.supply_request_id, at, cause)
        return Written(written.revision, max(written.position, freed), written.event)


def _of(statement: Select[Any], incident_id: str, adcode: str) -> Select[Any]:
    if incident_id:
        statement = statement.where(supply_requests.c.incident_id == incident_id)
    if adcode:
        statement = statement.where(reading.inside(supply_requests.c.adcode, adcode))
    return statement
