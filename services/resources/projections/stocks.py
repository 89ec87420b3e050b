"""One row per depot, per item in it, per lot of that, and per alarm.

Over all rows of an item, after every event:
received + gained = on hand + in transit + consumed + lost.
In transit is what left and was not received, and what was received and is not in its stock yet.
"""

from __future__ import annotations

from datetime import date
from typing import Any, assert_never

from sqlalchemy import Connection, select

from services.resources.codec import DEPOTS, STOCKS
from services.resources.domain.depot import DepotRegistered, level_of
from services.resources.domain.lots import Lots, Portion, minus, plus
from services.resources.domain.stock import (
    LotExpired,
    MinimumStockSet,
    ShipmentUndone,
    StockArrived,
    StockConsumed,
    StockCounted,
    StockFellBelowMinimum,
    StockGained,
    StockLost,
    StockReceived,
    StockRecovered,
    StockReleased,
    StockReserved,
    StockReturned,
    StockShipped,
    StockWrittenOff,
)
from services.resources.domain.stock_fold import received_lot
from services.resources.projections import tables
from services.resources.projections.tables import lots, stocks, transfers
from services.runtime.recorded import Recorded
from services.runtime.times import micros

NOTHING = {
    "on_hand": 0,
    "reserved": 0,
    "in_transit": 0,
    "received": 0,
    "consumed": 0,
    "lost": 0,
    "gained": 0,
    "minimum": 0,
    "below": False,
    "lots": "[]",
}


def apply_depot(connection: Connection, recorded: Recorded) -> None:
    event = DEPOTS.decode(recorded.type, recorded.data)
    match event:
        case DepotRegistered():
            tables.put(
                connection,
                tables.depots,
                recorded,
                depot_id=event.depot_id,
                name=event.name,
                **tables.located(event.place),
                keeper=event.keeper,
                level=event.level or level_of(event.place.adcode),
            )
        case _:
            assert_never(event)


def apply_stock(connection: Connection, recorded: Recorded) -> None:
    event = STOCKS.decode(recorded.type, recorded.data)
    added: dict[str, int] = {}
    became: dict[str, Any] = {"revision": recorded.revision}
    came: tuple[Portion, ...] = ()
    went: tuple[Portion, ...] = ()
    match event:
        case StockReceived(quantity=quantity):
            came = (received_lot(event),)
            added = {"received": quantity, "on_hand": quantity}
        case StockReserved(quantity=quantity):
            added = {"reserved": quantity}
        case StockReleased(quantity=quantity):
            added = {"reserved": -quantity}
        case StockShipped(quantity=quantity, from_reserved=reserved):
            went = event.lots
            added = {"on_hand": -quantity, "reserved": -reserved, "in_transit": quantity}
        case ShipmentUndone(quantity=quantity, from_reserved=reserved):
            came = event.lots
            added = {"on_hand": quantity, "reserved": reserved, "in_transit": -quantity}
        case StockArrived(received=received):
            came = event.lots
            added = {"on_hand": received}
            connection.execute(
                transfers.update()
                .where(transfers.c.transfer_id == event.transfer_id)
                .values(arriving=transfers.c.arriving - received, position=recorded.position)
            )
        case StockConsumed(quantity=quantity, from_reserved=reserved):
            went = event.lots
            added = {"on_hand": -quantity, "reserved": -reserved, "consumed": quantity}
        case StockWrittenOff(quantity=quantity) | StockLost(quantity=quantity):
            went = event.lots
            added = {"on_hand": -quantity, "lost": quantity}
        case StockReturned(quantity=quantity):
            came = event.lots
            added = {"on_hand": quantity, "consumed": -quantity}
        case StockGained(quantity=quantity):
            came = event.lots
            added = {"on_hand": quantity, "gained": quantity}
        case StockCounted():
            pass
        case LotExpired(lot=lot):
            connection.execute(_lot(event.depot_id, event.item, lot.lot_id, expired=True))
        case MinimumStockSet(minimum=minimum):
            became["minimum"] = minimum
        case StockFellBelowMinimum() | StockRecovered():
            became["below"] = isinstance(event, StockFellBelowMinimum)
            _alarm(connection, recorded, event)
        case _:
            assert_never(event)
    if came or went:
        there = _lots(connection, event.depot_id, event.item)
        became["lots"] = _move(connection, recorded, event, there, minus(plus(there, came), went))
    add(connection, recorded, event.depot_id, event.item, added, **became)


def add(
    connection: Connection,
    recorded: Recorded,
    depot_id: str,
    item: str,
    added: dict[str, int],
    **became: Any,
) -> None:
    """Add to a stock's row; an event of another stream leaves its revision as it was."""
    written = connection.execute(
        stocks.update()
        .where(stocks.c.depot_id == depot_id, stocks.c.item == item)
        .values(
            {stocks.c[column]: stocks.c[column] + more for column, more in added.items()}
            | {stocks.c.position: recorded.position}
            | {stocks.c[column]: value for column, value in became.items()}
        )
    )
    if not written.rowcount:
        kept = {column: value for column, value in became.items() if column != "revision"}
        row = {"depot_id": depot_id, "item": item, **NOTHING, **added, **kept}
        tables.put(connection, stocks, recorded, **row)


def _lots(connection: Connection, depot_id: str, item: str) -> Lots:
    rows = connection.execute(
        select(lots).where(lots.c.depot_id == depot_id, lots.c.item == item).order_by(lots.c.lot_id)
    )
    return {
        row.lot_id: Portion(
            lot_id=row.lot_id,
            quantity=row.quantity,
            expires_on=date.fromisoformat(row.expires_on) if row.expires_on else None,
            origin=row.origin,
        )
        for row in rows
    }


def _move(connection: Connection, recorded: Recorded, event: Any, before: Lots, after: Lots) -> str:
    """Write the lots that changed; return all as JSON, in the order of their names."""
    for lot_id in {*before, *after}:
        if before.get(lot_id) == after.get(lot_id):
            continue
        key = {"depot_id": event.depot_id, "item": event.item, "lot_id": lot_id}
        if lot_id not in after:
            connection.execute(
                lots.delete().where(*(lots.c[column] == value for column, value in key.items()))
            )
            continue
        lot = after[lot_id]
        values: dict[str, Any] = {
            "quantity": lot.quantity,
            "expires_on": lot.expires_on.isoformat() if lot.expires_on else None,
            "origin": lot.origin,
        }
        if lot_id in before:
            connection.execute(_lot(**key, **values, position=recorded.position))
        else:
            tables.put(connection, lots, recorded, **key, **values, expired=False)
    return tables.json([after[lot_id] for lot_id in sorted(after)])


def _lot(depot_id: str, item: str, lot_id: str, **values: Any) -> Any:
    return (
        lots.update()
        .where(lots.c.depot_id == depot_id, lots.c.item == item, lots.c.lot_id == lot_id)
        .values(**values)
    )


def _alarm(
    connection: Connection, recorded: Recorded, event: StockFellBelowMinimum | StockRecovered
) -> None:
    alarms = tables.stock_alarms
    fell = isinstance(event, StockFellBelowMinimum)
    at = micros(event.occurred_at)
    values: dict[str, Any] = {"usable": event.usable, "minimum": event.minimum, "active": fell}
    values |= {"fell_at": at, "recovered_at": None} if fell else {"recovered_at": at}
    where = alarms.c.depot_id == event.depot_id, alarms.c.item == event.item
    written = connection.execute(
        alarms.update().where(*where).values(**values, **tables.trace(recorded))
    )
    if not written.rowcount:
        key = {"depot_id": event.depot_id, "item": event.item}
        tables.put(connection, alarms, recorded, **key, **values)
