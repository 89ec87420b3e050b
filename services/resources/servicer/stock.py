"""The stock API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anlan.resources.v1 import stock_service_pb2 as pb
from anlan.resources.v1.stock_service_pb2_grpc import StockServiceServicer
from services.resources.domain import depot, stock, transfer
from services.resources.domain.items import Items
from services.resources.policies.shipping import Shipping, stock_key
from services.resources.servicer.stock_reads import StockReads
from services.runtime import call
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler, Written, derived_id
from services.runtime.place import Regions
from services.runtime.times import said


@dataclass(frozen=True, slots=True, kw_only=True)
class StockServicer(StockReads, StockServiceServicer):
    depots: CommandHandler[depot.Command, depot.State, depot.Event]
    shipping: Shipping
    regions: Regions
    items: Items

    async def RegisterDepot(
        self, request: pb.RegisterDepotRequest, context: Any
    ) -> pb.RegisterDepotResponse:
        caller = call.current()
        command = depot.RegisterDepot(
            by=caller.actor,
            depot_id=request.depot_id,
            name=request.name,
            place=self.regions.placed(request.place, "place"),
            keeper=request.keeper,
            occurred_at=said(request, "occur_time", self.now()),
        )
        cause = caller.cause(request.request_id, request.depot_id)
        written = await self.depots.handle(request.depot_id, command, cause)
        return pb.RegisterDepotResponse(etag=written.etag, position=written.position)

    async def ReceiveStock(
        self, request: pb.ReceiveStockRequest, context: Any
    ) -> pb.ReceiveStockResponse:
        command = stock.ReceiveStock(
            depot_id=request.depot_id,
            item=request.item,
            quantity=request.quantity,
            origin=request.origin,
            occurred_at=said(request, "occur_time", self.now()),
        )
        self.items.check(request.item, "item")
        written = await self._keep(request, command)
        return pb.ReceiveStockResponse(etag=written.etag, position=written.position)

    async def ReserveStock(
        self, request: pb.ReserveStockRequest, context: Any
    ) -> pb.ReserveStockResponse:
        command = stock.ReserveStock(
            depot_id=request.depot_id,
            item=request.item,
            quantity=request.quantity,
            incident_id=request.incident_id,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._keep(request, command, request.incident_id)
        return pb.ReserveStockResponse(etag=written.etag, position=written.position)

    async def ReleaseStock(
        self, request: pb.ReleaseStockRequest, context: Any
    ) -> pb.ReleaseStockResponse:
        command = stock.ReleaseStock(
            depot_id=request.depot_id,
            item=request.item,
            quantity=request.quantity,
            incident_id=request.incident_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._keep(request, command, request.incident_id)
        return pb.ReleaseStockResponse(etag=written.etag, position=written.position)

    async def ShipStock(self, request: pb.ShipStockRequest, context: Any) -> pb.ShipStockResponse:
        transfer_id = request.transfer_id or derived_id(request.request_id, "transfer")
        command = stock.ShipStock(
            depot_id=request.depot_id,
            item=request.item,
            quantity=request.quantity,
            to_depot_id=request.to_depot_id,
            transfer_id=transfer_id,
            incident_id=request.incident_id,
            carrier=request.carrier,
            occurred_at=said(request, "occur_time", self.now()),
        )
        cause = call.current().cause(request.request_id, request.incident_id or transfer_id)
        await self.depots.handle(
            command.to_depot_id, depot.AddressDepot(depot_id=command.to_depot_id), cause
        )
        await self._refuse_taken(command)
        written = await self._keep(request, command, request.incident_id or transfer_id)
        key = stock_key(command.depot_id, command.item)
        started = await self.shipping.depart(key, transfer_id, cause)
        return pb.ShipStockResponse(
            transfer_id=transfer_id, etag=written.etag, position=max(written.position, started)
        )

    async def ReceiveTransfer(
        self, request: pb.ReceiveTransferRequest, context: Any
    ) -> pb.ReceiveTransferResponse:
        transfers = self.shipping.transfers
        before = await transfers.state(request.transfer_id)
        incident_id = before.started.incident_id if before else ""
        cause = call.current().cause(request.request_id, incident_id or request.transfer_id)
        if before is not None:
            await self._enter(before.started.to_depot_id, cause)
        command = transfer.ReceiveTransfer(
            transfer_id=request.transfer_id,
            received=request.received,
            lost=request.lost,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await transfers.handle(request.transfer_id, command, cause, etag=request.etag)
        arrived = await self.shipping.arrive(request.transfer_id, written.revision, cause)
        return pb.ReceiveTransferResponse(
            etag=written.etag, position=max(written.position, arrived)
        )

    async def ConsumeStock(
        self, request: pb.ConsumeStockRequest, context: Any
    ) -> pb.ConsumeStockResponse:
        if request.adcode:
            self.regions.check(request.adcode, "adcode")
        item = self.items.of(request.item)
        command = stock.ConsumeStock(
            depot_id=request.depot_id,
            item=request.item,
            quantity=request.quantity,
            incident_id=request.incident_id,
            purpose=request.purpose,
            adcode=request.adcode,
            group_id=request.group_id,
            item_class=item.class_code,
            unit=item.unit,
            relief=item.relief,
            items_version=self.items.version,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._keep(request, command, request.incident_id)
        return pb.ConsumeStockResponse(etag=written.etag, position=written.position)

    async def WriteOffStock(
        self, request: pb.WriteOffStockRequest, context: Any
    ) -> pb.WriteOffStockResponse:
        command = stock.WriteOffStock(
            depot_id=request.depot_id,
            item=request.item,
            quantity=request.quantity,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._keep(request, command)
        return pb.WriteOffStockResponse(etag=written.etag, position=written.position)

    async def ReturnStock(
        self, request: pb.ReturnStockRequest, context: Any
    ) -> pb.ReturnStockResponse:
        command = stock.ReturnStock(
            depot_id=request.depot_id,
            item=request.item,
            quantity=request.quantity,
            incident_id=request.incident_id,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._keep(request, command, request.incident_id)
        return pb.ReturnStockResponse(etag=written.etag, position=written.position)

    async def _keep(self, request: Any, command: stock.Command, story: str = "") -> Written:
        """Obey a command on the stock that it names, in a depot of the caller's region."""
        key = stock_key(command.depot_id, command.item)
        cause = call.current().cause(request.request_id, story or key)
        await self._enter(command.depot_id, cause)
        return await self.shipping.stocks.handle(key, command, cause, etag=request.etag)

    async def _enter(self, depot_id: str, cause: Cause) -> None:
        await self.depots.handle(
            depot_id, depot.EnterDepot(by=cause.actor, depot_id=depot_id), cause
        )

    async def _refuse_taken(self, command: stock.ShipStock) -> None:
        """Refuse a transfer id that another shipment has, before anything leaves its depot."""
        start = transfer.StartTransfer(
            transfer_id=command.transfer_id,
            item=command.item,
            quantity=command.quantity,
            from_depot_id=command.depot_id,
            to_depot_id=command.to_depot_id,
            incident_id=command.incident_id,
            occurred_at=command.occurred_at,
        )
        transfer.decide(start, await self.shipping.transfers.state(command.transfer_id))
