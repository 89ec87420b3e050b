"""What a keeper sees in the morning: what expires, what is too little, and that it adds up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select

from anlan.resources.v1 import stock_service_pb2 as pb
from services.resources.domain.lots import day_of
from services.resources.projections.tables import (
    depots,
    lots,
    stock_alarms,
    stocks,
    transfers,
)
from services.resources.servicer import supply_messages as messages
from services.runtime import paging, reading, watching
from services.runtime.readmodel import ReadModel, Seen

WITHIN_DAYS = 30
ALARMS = select(stock_alarms, depots.c.name, depots.c.adcode, depots.c.keeper).join(
    depots, depots.c.depot_id == stock_alarms.c.depot_id
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StockViews:
    model: ReadModel
    now: Callable[[], datetime]

    async def ListExpiring(
        self, request: pb.ListExpiringRequest, context: Any
    ) -> pb.ListExpiringResponse:
        size = paging.limit(request.page_size)
        column = lots.c
        order = (column.expires_on, column.depot_id, column.item, column.lot_id)
        statement = select(lots).order_by(*order).limit(size + 1)
        if after := paging.key(request.page_token, (str, str, str, str)):
            statement = statement.where(_beyond(order, after))
        if request.depot_id:
            statement = statement.where(column.depot_id == request.depot_id)
        if request.item:
            statement = statement.where(column.item == request.item)
        if request.adcode:
            inside = select(depots.c.depot_id).where(
                reading.inside(depots.c.adcode, request.adcode)
            )
            statement = statement.where(column.depot_id.in_(inside))
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            today = day_of(reading.instant(request.read, seen, self.now()))
            until = today + timedelta(days=request.within_days or WITHIN_DAYS)
            statement = statement.where(column.expires_on <= until.isoformat())
            rows = (await connection.execute(statement)).all()
        response = pb.ListExpiringResponse(lots=[messages.lot(row, today) for row in rows[:size]])
        if len(rows) > size:
            last = rows[size - 1]
            response.next_page_token = paging.token(
                last.expires_on, last.depot_id, last.item, last.lot_id
            )
        reading.freshen(response.freshness, seen)
        return response

    async def ListStockAlarms(
        self, request: pb.ListStockAlarmsRequest, context: Any
    ) -> pb.ListStockAlarmsResponse:
        size = paging.limit(request.page_size)
        column = stock_alarms.c
        order = (column.depot_id, column.item)
        statement = _of(ALARMS, request.depot_id).order_by(*order).limit(size + 1)
        if after := paging.key(request.page_token, (str, str)):
            statement = statement.where(_beyond(order, after))
        if request.adcode:
            statement = statement.where(reading.inside(depots.c.adcode, request.adcode))
        if not request.show_recovered:
            statement = statement.where(column.active)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListStockAlarmsResponse(alarms=[messages.alarm(row) for row in rows[:size]])
        if len(rows) > size:
            last = rows[size - 1]
            response.next_page_token = paging.token(last.depot_id, last.item)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchStockAlarms(
        self, request: pb.WatchStockAlarmsRequest, context: Any
    ) -> AsyncIterator[pb.WatchStockAlarmsResponse]:
        async for row in watching.changes(
            self.model,
            _of(ALARMS, request.depot_id),
            stock_alarms.c.position,
            request.resume_position,
        ):
            yield pb.WatchStockAlarmsResponse(alarm=messages.alarm(row), position=row.position)

    async def ListItemBalances(
        self, request: pb.ListItemBalancesRequest, context: Any
    ) -> pb.ListItemBalancesResponse:
        size = paging.limit(request.page_size)
        statement = _balances(request.exercise).limit(size + 1)
        if after := paging.key(request.page_token, (str,)):
            statement = statement.where(stocks.c.item > after[0])
        if request.item:
            statement = statement.where(stocks.c.item == request.item)
        arriving = _arriving(request.exercise)

        def found(connection: Connection, _: Seen) -> tuple[list[Any], dict[str, int]]:
            arrived = {row.item: int(row.arriving) for row in connection.execute(arriving)}
            return list(connection.execute(statement)), arrived

        (rows, arrived), seen = await reading.snapshot(self.model, request.read, self.now(), found)
        response = pb.ListItemBalancesResponse(
            balances=[_balance(row, arrived.get(row.item, 0), request.exercise) for row in rows]
        )
        if len(rows) > size:
            del response.balances[size:]
            response.next_page_token = paging.token(rows[size - 1].item)
        reading.freshen(response.freshness, seen)
        return response


def _beyond(order: tuple[Any, ...], after: tuple[Any, ...]) -> Any:
    """Return the condition that a row comes after one with this sort key."""
    return or_(
        *(
            and_(
                *(column == value for column, value in zip(order[:number], after, strict=False)),
                order[number] > after[number],
            )
            for number in range(len(order))
        )
    )


def _of(statement: Select[Any], depot_id: str) -> Select[Any]:
    return statement.where(stock_alarms.c.depot_id == depot_id) if depot_id else statement


def _balances(exercise: str) -> Select[Any]:
    summed = ("received", "gained", "on_hand", "in_transit", "consumed", "lost")
    return (
        select(stocks.c.item, *(func.sum(stocks.c[name]).label(name) for name in summed))
        .where(stocks.c.exercise == exercise)
        .group_by(stocks.c.item)
        .order_by(stocks.c.item)
    )


def _arriving(exercise: str) -> Select[Any]:
    """Return what was received and is not in its stock yet: it is still on the way."""
    return (
        select(transfers.c.item, func.sum(transfers.c.arriving).label("arriving"))
        .where(transfers.c.exercise == exercise, transfers.c.arriving > 0)
        .group_by(transfers.c.item)
    )


def _balance(row: Any, arriving: int, exercise: str) -> pb.ItemBalance:
    in_transit = int(row.in_transit) + arriving
    out = int(row.on_hand) + in_transit + int(row.consumed) + int(row.lost)
    return pb.ItemBalance(
        item=row.item,
        received=int(row.received),
        gained=int(row.gained),
        on_hand=int(row.on_hand),
        in_transit=in_transit,
        consumed=int(row.consumed),
        lost=int(row.lost),
        difference=int(row.received) + int(row.gained) - out,
        exercise=exercise,
    )
