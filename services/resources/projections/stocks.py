"""One row per depot, per item in it, and per shipment.

Over all rows of an item, after every event: received = on hand + in transit + consumed + lost.
"""

from __future__ import annotations

from typing import assert_never

from sqlalchemy import Connection

from services.resources.codec import DEPOTS, STOCKS, TRANSFERS
from services.resources.domain.depot import DepotRegistered
from services.resources.domain.stock import (
    ShipmentUndone,
    StockArrived,
    StockConsumed,
    StockReceived,
    StockReleased,
    StockReserved,
    StockReturned,
    StockShipped,
    StockWrittenOff,
)
from services.resources.domain.transfer import TransferReceived, TransferStarted
from services.resources.projections import tables
from services.resources.projections.tables import stocks
from services.runtime.recorded import Recorded

NOTHING = {
    "on_hand": 0,
    "reserved": 0,
    "in_transit": 0,
    "received": 0,
    "consumed": 0,
    "lost": 0,
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
            )
        case _:
            assert_never(event)


def apply_stock(connection: Connection, recorded: Recorded) -> None:
    event = STOCKS.decode(recorded.type, recorded.data)
    depot_id, item = event.depot_id, event.item
    changes: dict[str, int] = {}
    match event:
        case StockReceived(quantity=quantity):
            changes = {"received": quantity, "on_hand": quantity}
        case StockReserved(quantity=quantity):
            changes = {"reserved": quantity}
        case StockReleased(quantity=quantity):
            changes = {"reserved": -quantity}
        case StockShipped(quantity=quantity, from_reserved=reserved):
            changes = {"on_hand": -quantity, "reserved": -reserved, "in_transit": quantity}
        case ShipmentUndone(quantity=quantity, from_reserved=reserved):
            changes = {"on_hand": quantity, "reserved": reserved, "in_transit": -quantity}
        case StockArrived(from_depot_id=source, received=received, lost=lost):
            # On the road it was on the sender's books, and there what was lost stays.
            off_the_road = {"in_transit": -received - lost, "lost": lost}
            _add(connection, recorded, source, item, off_the_road)
            changes = {"on_hand": received}
        case StockConsumed(quantity=quantity, from_reserved=reserved):
            changes = {"on_hand": -quantity, "reserved": -reserved, "consumed": quantity}
        case StockWrittenOff(quantity=quantity):
            changes = {"on_hand": -quantity, "lost": quantity}
        case StockReturned(quantity=quantity):
            changes = {"on_hand": quantity, "consumed": -quantity}
        case _:
            assert_never(event)
    _add(connection, recorded, depot_id, item, changes, revision=recorded.revision)


def _add(
    connection: Connection,
    recorded: Recorded,
    depot_id: str,
    item: str,
    changes: dict[str, int],
    **revision: int,
) -> None:
    """Add ``changes``; an event of another depot's stream leaves this one's revision."""
    written = connection.execute(
        stocks.update()
        .where(stocks.c.depot_id == depot_id, stocks.c.item == item)
        .values(
            {stocks.c[column]: stocks.c[column] + added for column, added in changes.items()}
            | {stocks.c.position: recorded.position}
            | {stocks.c[column]: value for column, value in revision.items()}
        )
    )
    if not written.rowcount:
        row = {"depot_id": depot_id, "item": item, **NOTHING, **changes}
        tables.put(connection, stocks, recorded, **row)


def apply_transfer(connection: Connection, recorded: Recorded) -> None:
    event = TRANSFERS.decode(recorded.type, recorded.data)
    match event:
        case TransferStarted():
            tables.put(
                connection,
                tables.transfers,
                recorded,
                transfer_id=event.transfer_id,
                item=event.item,
                from_depot_id=event.from_depot_id,
                to_depot_id=event.to_depot_id,
                quantity=event.quantity,
                received=0,
                lost=0,
                closed=False,
                incident_id=event.incident_id,
                opened_position=recorded.position,
            )
        case TransferReceived():
            row = tables.row(connection, tables.transfers, transfer_id=event.transfer_id)
            received, lost = row.received + event.received, row.lost + event.lost
            tables.change(
                connection,
                tables.transfers,
                recorded,
                event.transfer_id,
                received=received,
                lost=lost,
                closed=received + lost == row.quantity,
            )
        case _:
            assert_never(event)
