"""The reading half of the stock API: depots, items, stock and shipments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, or_, select

from anlan.resources.v1 import stock_service_pb2 as pb
from services.resources.domain.items import Items
from services.resources.domain.lots import day_of
from services.resources.projections.tables import depots, stocks, transfers
from services.resources.servicer import supply_messages as messages
from services.resources.servicer.stock_views import StockViews
from services.runtime import paging, reading, watching
from services.runtime.rejection import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReads(StockViews):
    items: Items

    async def ListItems(self, request: pb.ListItemsRequest, context: Any) -> pb.ListItemsResponse:
        size = paging.limit(request.page_size)
        after = paging.key(request.page_token, (str,))
        found = sorted(
            key
            for key, item in self.items.items.items()
            if item.class_code.startswith(request.class_code) and (not after or key > after[0])
        )
        response = pb.ListItemsResponse(
            items=[messages.item(key, self.items.items[key], self.items) for key in found[:size]],
            version=self.items.version,
            source=self.items.source,
        )
        if len(found) > size:
            response.next_page_token = paging.token(found[size - 1])
        return response

    async def ListDepots(
        self, request: pb.ListDepotsRequest, context: Any
    ) -> pb.ListDepotsResponse:
        size = paging.limit(request.page_size)
        statement = select(depots).order_by(depots.c.depot_id).limit(size + 1)
        if after := paging.key(request.page_token, (str,)):
            statement = statement.where(depots.c.depot_id > after[0])
        if request.adcode:
            statement = statement.where(reading.inside(depots.c.adcode, request.adcode))
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListDepotsResponse(depots=[messages.depot(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].depot_id)
        reading.freshen(response.freshness, seen)
        return response

    async def ListStock(self, request: pb.ListStockRequest, context: Any) -> pb.ListStockResponse:
        size = paging.limit(request.page_size)
        column = stocks.c
        statement = select(stocks).order_by(column.depot_id, column.item).limit(size + 1)
        if after := paging.key(request.page_token, (str, str)):
            depot_id, item = after
            statement = statement.where(
                or_(
                    column.depot_id > depot_id,
                    and_(column.depot_id == depot_id, column.item > item),
                )
            )
        if request.depot_id:
            statement = statement.where(column.depot_id == request.depot_id)
        if request.item:
            statement = statement.where(column.item == request.item)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        today = day_of(reading.instant(request.read, seen, self.now()))
        response = pb.ListStockResponse(stocks=[messages.stock(row, today) for row in rows[:size]])
        if len(rows) > size:
            last = rows[size - 1]
            response.next_page_token = paging.token(last.depot_id, last.item)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchStock(
        self, request: pb.WatchStockRequest, context: Any
    ) -> AsyncIterator[pb.WatchStockResponse]:
        statement = select(stocks)
        if request.depot_id:
            statement = statement.where(stocks.c.depot_id == request.depot_id)
        if request.item:
            statement = statement.where(stocks.c.item == request.item)
        async for row in watching.changes(
            self.model, statement, stocks.c.position, request.resume_position
        ):
            stock = messages.stock(row, day_of(self.now()))
            yield pb.WatchStockResponse(stock=stock, position=row.position)

    async def GetTransfer(
        self, request: pb.GetTransferRequest, context: Any
    ) -> pb.GetTransferResponse:
        statement = select(transfers).where(transfers.c.transfer_id == request.transfer_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_TRANSFER",
                f"there is no transfer {request.transfer_id}",
                transfer_id=request.transfer_id,
            )
        response = pb.GetTransferResponse(transfer=messages.transfer(row))
        reading.freshen(response.freshness, seen)
        return response

    async def ListTransfers(
        self, request: pb.ListTransfersRequest, context: Any
    ) -> pb.ListTransfersResponse:
        size = paging.limit(request.page_size)
        column = transfers.c
        statement = select(transfers).order_by(column.opened_position.desc()).limit(size + 1)
        if after := paging.key(request.page_token, (int,)):
            statement = statement.where(column.opened_position < after[0])
        if request.state:
            statement = statement.where(column.closed == messages.IS_CLOSED[request.state])
        if request.depot_id:
            statement = statement.where(
                or_(
                    column.from_depot_id == request.depot_id,
                    column.to_depot_id == request.depot_id,
                )
            )
        for wanted, name in (
            (request.incident_id, column.incident_id),
            (request.waybill, column.waybill),
            (request.supply_request_id, column.supply_request_id),
        ):
            if wanted:
                statement = statement.where(name == wanted)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListTransfersResponse(
            transfers=[messages.transfer(row) for row in rows[:size]]
        )
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].opened_position)
        reading.freshen(response.freshness, seen)
        return response
