"""The transfer API: what happens to supplies on the road.  No rules live here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select

from anlan.resources.v1 import transfer_service_pb2 as pb
from anlan.resources.v1.transfer_service_pb2_grpc import TransferServiceServicer
from services.resources.domain import supply_request, transfer
from services.resources.policies.shipping import Shipping
from services.resources.projections.tables import transfers
from services.resources.servicer import supply_messages as messages
from services.resources.servicer.depots import Depots
from services.runtime import call, watching
from services.runtime.cause import Cause
from services.runtime.handle import Written
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.times import known, said


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferServicer(TransferServiceServicer):
    depots: Depots
    shipping: Shipping
    model: ReadModel
    regions: Regions
    now: Callable[[], datetime]

    async def HandOverTransfer(
        self, request: pb.HandOverTransferRequest, context: Any
    ) -> pb.HandOverTransferResponse:
        command = transfer.HandOverTransfer(
            transfer_id=request.transfer_id,
            leg=request.leg,
            counted=request.counted,
            lost=request.lost,
            damaged=request.damaged,
            reason=request.reason,
            handed_by=request.handed_by,
            taken_by=request.taken_by or call.current().actor.subject,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written, cause = await self._move(request, command)
        noted = await self.shipping.handed_over(request.transfer_id, request.leg, cause)
        return pb.HandOverTransferResponse(etag=written.etag, position=max(written.position, noted))

    async def DepartTransfer(
        self, request: pb.DepartTransferRequest, context: Any
    ) -> pb.DepartTransferResponse:
        expected = known(request, "expect_time") if request.HasField("expect_time") else None
        command = transfer.DepartTransfer(
            transfer_id=request.transfer_id,
            leg=request.leg,
            carrier=request.carrier,
            expected_at=expected,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written, _ = await self._move(request, command)
        return pb.DepartTransferResponse(etag=written.etag, position=written.position)

    async def DivertTransfer(
        self, request: pb.DivertTransferRequest, context: Any
    ) -> pb.DivertTransferResponse:
        before = await self.shipping.transfers.state(request.transfer_id)
        to_depot_id = request.to_depot_id or (before.to_depot_id if before else "")
        command = transfer.DivertTransfer(
            transfer_id=request.transfer_id,
            to_depot_id=request.to_depot_id,
            incident_id=request.incident_id,
            supply_request_id=request.supply_request_id,
            legs=messages.route(request.legs, to_depot_id, "", self.regions),
            reason=request.reason,
            diverted_by=call.current().actor.subject,
            occurred_at=said(request, "occur_time", self.now()),
        )
        if request.supply_request_id and before is not None:
            await self._address(request, before)
        written, cause = await self._move(request, command, request.to_depot_id)
        noted = await self._follow(written, cause)
        return pb.DivertTransferResponse(etag=written.etag, position=max(written.position, noted))

    async def TurnBackTransfer(
        self, request: pb.TurnBackTransferRequest, context: Any
    ) -> pb.TurnBackTransferResponse:
        command = transfer.TurnBackTransfer(
            transfer_id=request.transfer_id,
            reason=request.reason,
            turned_by=call.current().actor.subject,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written, cause = await self._move(request, command)
        noted = await self._follow(written, cause)
        return pb.TurnBackTransferResponse(etag=written.etag, position=max(written.position, noted))

    async def WatchTransfers(
        self, request: pb.WatchTransfersRequest, context: Any
    ) -> AsyncIterator[pb.WatchTransfersResponse]:
        column = transfers.c
        statement = select(transfers)
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        if request.depot_id:
            statement = statement.where(
                or_(
                    column.from_depot_id == request.depot_id,
                    column.to_depot_id == request.depot_id,
                )
            )
        async for row in watching.changes(
            self.model, statement, column.position, request.resume_position
        ):
            yield pb.WatchTransfersResponse(transfer=messages.transfer(row), position=row.position)

    async def _move(
        self, request: Any, command: transfer.Command, to_depot_id: str = ""
    ) -> tuple[Written, Cause]:
        """Obey a command of one who may move supplies where the shipment comes from or goes."""
        before = await self.shipping.transfers.state(request.transfer_id)
        story = (before.incident_id if before else "") or request.transfer_id
        cause = call.current().cause(request.request_id, story)
        if before is not None:
            sender = before.started.from_depot_id
            await self.depots.enter_either(sender, before.to_depot_id, cause)
        await self.depots.address([to_depot_id], cause)
        handler = self.shipping.transfers
        written = await handler.handle(request.transfer_id, command, cause, etag=request.etag)
        return written, cause

    async def _address(self, request: pb.DivertTransferRequest, before: transfer.Transfer) -> None:
        """Refuse, before anything turns, a request that does not want what is on the road."""
        address = supply_request.AddressSupplyRequest(
            supply_request_id=request.supply_request_id,
            item=before.started.item,
            quantity=before.outstanding,
            transfer_id=request.transfer_id,
        )
        cause = call.current().cause(request.request_id, request.transfer_id)
        await self.shipping.requests.handle(request.supply_request_id, address, cause)

    async def _follow(self, written: Written, cause: Cause) -> int:
        event = written.event
        if isinstance(event, (transfer.TransferDiverted, transfer.TransferTurnedBack)):
            return await self.shipping.diverted(event, cause)
        return 0
