"""The stock API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anlan.resources.v1 import stock_service_pb2 as pb
from anlan.resources.v1.stock_service_pb2_grpc import StockServiceServicer
from services.resources.domain import stock_commands as stock
from services.resources.domain import supply_request, transfer, transfer_rules
from services.resources.domain.depot import RegisterDepot
from services.resources.domain.route import straight
from services.resources.domain.transfer_receipts import receipt
from services.resources.policies.shipping import Shipping, stock_key
from services.resources.servicer.depots import Depots
from services.resources.servicer.stock_reads import StockReads
from services.resources.servicer.supply_messages import LEVEL_OF, last_day, route
from services.runtime import call
from services.runtime.handle import Written, derived_id
from services.runtime.place import Regions
from services.runtime.times import said


@dataclass(frozen=True, slots=True, kw_only=True)
class StockServicer(StockReads, StockServiceServicer):
    depots: Depots
    shipping: Shipping
    regions: Regions

    async def RegisterDepot(
        self, request: pb.RegisterDepotRequest, context: Any
    ) -> pb.RegisterDepotResponse:
        caller = call.current()
        command = RegisterDepot(
            by=caller.actor,
            depot_id=request.depot_id,
            name=request.name,
            place=self.regions.placed(request.place, "place"),
            keeper=request.keeper,
            level=LEVEL_OF[request.level] if request.level else None,
            occurred_at=said(request, "occur_time", self.now()),
        )
        cause = caller.cause(request.request_id, request.depot_id)
        written = await self.depots.handler.handle(request.depot_id, command, cause)
        return pb.RegisterDepotResponse(etag=written.etag, position=written.position)

    async def ReceiveStock(
        self, request: pb.ReceiveStockRequest, context: Any
    ) -> pb.ReceiveStockResponse:
        self.items.check(request.item, "item")
        expires_on = last_day(request, self.items.of(request.item))
        command = stock.ReceiveStock(
            depot_id=request.depot_id,
            item=request.item,
            quantity=request.quantity,
            origin=request.origin,
            lot_id=request.lot_id or (expires_on.isoformat() if expires_on else ""),
            expires_on=expires_on,
            waybill=request.waybill,
            counted_by=request.counted_by or call.current().actor.subject,
            occurred_at=said(request, "occur_time", self.now()),
        )
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
        legs = route(request.legs, request.to_depot_id, request.carrier, self.regions)
        command = stock.ShipStock(
            depot_id=request.depot_id,
            item=request.item,
            quantity=request.quantity,
            to_depot_id=request.to_depot_id,
            transfer_id=transfer_id,
            incident_id=request.incident_id,
            supply_request_id=request.supply_request_id,
            waybill=request.waybill,
            legs=legs or straight(request.to_depot_id, request.carrier),
            lot_ids=tuple(request.lot_ids),
            expired_reason=request.expired_reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        story = request.incident_id or transfer_id
        cause = call.current().cause(request.request_id, story)
        await self.depots.address(
            dict.fromkeys([command.to_depot_id, *(leg.stop.depot_id for leg in legs)]), cause
        )
        if request.supply_request_id:
            address = supply_request.AddressSupplyRequest(
                supply_request_id=request.supply_request_id,
                item=request.item,
                quantity=request.quantity,
                transfer_id=transfer_id,
            )
            await self.shipping.requests.handle(request.supply_request_id, address, cause)
        await self._refuse_taken(command)
        written = await self._keep(request, command, story)
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
        story = (before.incident_id if before else "") or request.transfer_id
        caller = call.current()
        cause = caller.cause(request.request_id, story)
        if before is not None:
            await self.depots.enter(before.to_depot_id, cause)
        command = transfer.ReceiveTransfer(
            transfer_id=request.transfer_id,
            received=request.received,
            lost=request.lost,
            damaged=request.damaged,
            reason=request.reason,
            said_by=request.said_by or caller.actor.subject,
            receipt_number=request.receipt_number,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await transfers.handle(request.transfer_id, command, cause, etag=request.etag)
        counted = written.event
        if counted is None:  # somebody else entered the same receipt
            after = await transfers.state(request.transfer_id)
            counted = receipt(after, request.receipt_number) if after else None
        number = (counted.number if counted else 0) or written.revision
        arrived = await self.shipping.arrive(request.transfer_id, number, cause)
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
            lot_ids=tuple(request.lot_ids),
            expired_reason=request.expired_reason,
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
            written_off_by=call.current().actor.subject,
            lot_ids=tuple(request.lot_ids),
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
            lot_ids=tuple(request.lot_ids),
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._keep(request, command, request.incident_id)
        return pb.ReturnStockResponse(etag=written.etag, position=written.position)

    async def RecordStocktake(
        self, request: pb.RecordStocktakeRequest, context: Any
    ) -> pb.RecordStocktakeResponse:
        stocktake_id = request.stocktake_id or derived_id(request.request_id, "stocktake")
        command = stock.CountStock(
            depot_id=request.depot_id,
            item=request.item,
            stocktake_id=stocktake_id,
            counted=request.counted,
            lots=tuple((lot.lot_id, lot.counted) for lot in request.lots),
            reason=request.reason,
            counted_by=request.counted_by or call.current().actor.subject,
            witnessed_by=request.witnessed_by,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._keep(request, command)
        return pb.RecordStocktakeResponse(
            stocktake_id=stocktake_id, etag=written.etag, position=written.position
        )

    async def SetMinimumStock(
        self, request: pb.SetMinimumStockRequest, context: Any
    ) -> pb.SetMinimumStockResponse:
        self.items.check(request.item, "item")
        command = stock.SetMinimumStock(
            depot_id=request.depot_id,
            item=request.item,
            minimum=request.minimum,
            set_by=call.current().actor.subject,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._keep(request, command)
        return pb.SetMinimumStockResponse(etag=written.etag, position=written.position)

    async def _keep(self, request: Any, command: stock.Command, story: str = "") -> Written:
        """Obey a command on the stock that it names, in a depot of the caller's region."""
        key = stock_key(command.depot_id, command.item)
        cause = call.current().cause(request.request_id, story or key)
        await self.depots.enter(command.depot_id, cause)
        return await self.shipping.stocks.handle(key, command, cause, etag=request.etag)

    async def _refuse_taken(self, command: stock.ShipStock) -> None:
        """Refuse a transfer id that another shipment has, before anything leaves its depot."""
        start = transfer.StartTransfer(
            transfer_id=command.transfer_id,
            item=command.item,
            quantity=command.quantity,
            lots=(),
            from_depot_id=command.depot_id,
            to_depot_id=command.to_depot_id,
            incident_id=command.incident_id,
            supply_request_id=command.supply_request_id,
            waybill=command.waybill,
            legs=command.legs,
            occurred_at=command.occurred_at,
        )
        state = await self.shipping.transfers.state(command.transfer_id)
        transfer_rules.decide(start, state)
