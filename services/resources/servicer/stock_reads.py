"""The reading half of the stock API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select

from anlan.resources.v1 import stock_service_pb2 as pb
from services.resources.projections.tables import depots, stocks, transfers
from services.resources.servicer import messages
from services.runtime import paging, reading
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReads:
    model: ReadModel
    now: Callable[[], datetime]

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
        response = pb.ListStockResponse(stocks=[messages.stock(row) for row in rows[:size]])
        if len(rows) > size:
            last = rows[size - 1]
            response.next_page_token = paging.token(last.depot_id, last.item)
        reading.freshen(response.freshness, seen)
        return response

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
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListTransfersResponse(
            transfers=[messages.transfer(row) for row in rows[:size]]
        )
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].opened_position)
        reading.freshen(response.freshness, seen)
        return response
