"""One row per shipment: where it is, and what has come of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_never

import msgspec
from sqlalchemy import Connection

from services.resources.codec import TRANSFERS
from services.resources.domain.route import Leg
from services.resources.domain.transfer import (
    TransferDeparted,
    TransferDiverted,
    TransferHandedOver,
    TransferReceived,
    TransferStarted,
    TransferTurnedBack,
)
from services.resources.projections import stocks, tables
from services.runtime.recorded import Recorded


class Travelled(msgspec.Struct, frozen=True):
    """A leg, and what became of it."""

    leg: Leg
    departed_at: datetime | None = None
    arrived_at: datetime | None = None
    counted: int = 0
    lost: int = 0
    damaged: int = 0


def legs_of(row: Any) -> list[Travelled]:
    return msgspec.json.decode(row.legs, type=list[Travelled])


def apply(connection: Connection, recorded: Recorded) -> None:
    event = TRANSFERS.decode(recorded.type, recorded.data)
    if isinstance(event, TransferStarted):
        _start(connection, recorded, event)
        return
    row = tables.row(connection, tables.transfers, transfer_id=event.transfer_id)
    match event:
        case TransferHandedOver(leg=leg, lost=lost, damaged=damaged):
            travelled = legs_of(row)
            travelled[leg - 1] = msgspec.structs.replace(
                travelled[leg - 1],
                arrived_at=event.occurred_at,
                counted=event.counted,
                lost=lost,
                damaged=damaged,
            )
            changes = _counted(row, 0, lost, damaged)
            changes |= {"legs": _encoded(travelled), "current_leg": leg + 1, "under_way": False}
            _off_the_road(connection, recorded, event, received=0, gone=lost + damaged)
        case TransferDeparted(leg=leg):
            travelled = legs_of(row)
            before = travelled[leg - 1]
            begun = Leg(stop=before.leg.stop, carrier=event.carrier, expected_at=event.expected_at)
            travelled[leg - 1] = msgspec.structs.replace(
                before, leg=begun, departed_at=event.occurred_at
            )
            changes = {"legs": _encoded(travelled), "current_leg": leg, "under_way": True}
        case TransferDiverted() | TransferTurnedBack():
            travelled = legs_of(row)
            first = row.current_leg - 1
            departed_at = travelled[first].departed_at
            anew = [Travelled(leg=leg) for leg in event.legs[first:]]
            anew[0] = msgspec.structs.replace(anew[0], departed_at=departed_at)
            changes = {
                "to_depot_id": event.to_depot_id,
                "incident_id": getattr(event, "incident_id", ""),
                "supply_request_id": getattr(event, "supply_request_id", ""),
                "legs": _encoded([*travelled[:first], *anew]),
                "diversions": row.diversions + 1,
                "diversion_reason": event.reason,
            }
        case TransferReceived(received=received, lost=lost, damaged=damaged):
            changes = _counted(row, received, lost, damaged)
            changes["arriving"] = row.arriving + received
            if changes["closed"]:
                changes |= _arrived(row, event)
            _off_the_road(connection, recorded, event, received=received, gone=lost + damaged)
        case _:
            assert_never(event)
    tables.change(connection, tables.transfers, recorded, event.transfer_id, **changes)


def _start(connection: Connection, recorded: Recorded, event: TransferStarted) -> None:
    legs = [Travelled(leg=leg) for leg in event.legs]
    legs[0] = msgspec.structs.replace(legs[0], departed_at=event.occurred_at)
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
        damaged=0,
        arriving=0,
        closed=False,
        incident_id=event.incident_id,
        supply_request_id=event.supply_request_id,
        waybill=event.waybill,
        legs=_encoded(legs),
        current_leg=1,
        under_way=True,
        diversions=0,
        diversion_reason="",
        lots=tables.json(event.lots),
        opened_position=recorded.position,
    )


def _counted(row: Any, received: int, lost: int, damaged: int) -> dict[str, Any]:
    sums = {
        "received": row.received + received,
        "lost": row.lost + lost,
        "damaged": row.damaged + damaged,
    }
    return {**sums, "closed": sum(sums.values()) == row.quantity}


def _arrived(row: Any, event: TransferReceived) -> dict[str, Any]:
    """Return the legs as the last receipt leaves them: at the end of the last."""
    legs = legs_of(row)
    legs[-1] = msgspec.structs.replace(legs[-1], arrived_at=event.occurred_at)
    return {"legs": _encoded(legs), "current_leg": len(legs), "under_way": False}


def _off_the_road(
    connection: Connection,
    recorded: Recorded,
    event: TransferHandedOver | TransferReceived,
    *,
    received: int,
    gone: int,
) -> None:
    """On the road it was on the sender's books, and there what was lost stays."""
    if received or gone:
        changes = {"in_transit": -received - gone, "lost": gone}
        stocks.add(connection, recorded, event.from_depot_id, event.item, changes)


def _encoded(legs: list[Travelled]) -> str:
    return tables.json(legs)
