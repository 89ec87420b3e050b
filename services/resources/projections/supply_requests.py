"""One row per supply request: how far it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_never

import msgspec
from sqlalchemy import Connection

from services.resources.codec import SUPPLY_REQUESTS
from services.resources.domain.supply_request import (
    NeedServed,
    Stage,
    SuppliesCommitted,
    SupplyCommitmentWithdrawn,
    SupplyDeliveryNoted,
    SupplyDiversionNoted,
    SupplyRequestAccepted,
    SupplyRequestApproved,
    SupplyRequestCancelled,
    SupplyRequestCompleted,
    SupplyRequestDeclined,
    SupplyRequested,
    SupplyShipmentNoted,
)
from services.resources.projections import tables
from services.runtime.recorded import Recorded
from services.runtime.times import micros


class Promise(msgspec.Struct, frozen=True):
    """A commitment; ``open`` has not left."""

    commitment_id: str
    depot_id: str
    quantity: int
    open: int
    committed_by: str
    expected_at: datetime | None = None
    withdrawn: bool = False


def promises_of(row: Any) -> list[Promise]:
    return msgspec.json.decode(row.commitments, type=list[Promise])


def on_the_way_of(row: Any) -> dict[str, int]:
    return msgspec.json.decode(row.on_the_way, type=dict[str, int])


def apply(connection: Connection, recorded: Recorded) -> None:
    event = SUPPLY_REQUESTS.decode(recorded.type, recorded.data)
    if isinstance(event, SupplyRequested):
        _put(connection, recorded, event)
        return
    row = tables.row(connection, tables.supply_requests, supply_request_id=event.supply_request_id)
    match event:
        case SupplyRequestApproved():
            changes: dict[str, Any] = {
                "stage": Stage.APPROVED,
                "approved": event.quantity,
                "approved_by": event.approved_by,
                "reason": event.reason,
            }
        case SupplyRequestDeclined():
            changes = {"stage": Stage.DECLINED, "reason": event.reason}
        case SupplyRequestAccepted(depot_id=depot_id):
            depots = msgspec.json.decode(row.accepted_by_depots, type=list[str])
            changes = {"accepted_by_depots": tables.json(sorted({*depots, depot_id}))}
        case SuppliesCommitted():
            made = Promise(
                event.commitment_id,
                event.depot_id,
                event.quantity,
                event.quantity,
                event.committed_by,
                event.expected_at,
            )
            changes = {"commitments": tables.json([*promises_of(row), made])}
        case SupplyCommitmentWithdrawn(commitment_id=commitment_id):
            kept = [
                msgspec.structs.replace(one, open=0, withdrawn=True)
                if one.commitment_id == commitment_id
                else one
                for one in promises_of(row)
            ]
            changes = {"commitments": tables.json(kept)}
        case SupplyShipmentNoted():
            way = {**on_the_way_of(row), event.transfer_id: event.quantity}
            left = _left(promises_of(row), event.depot_id, event.quantity)
            changes = {"commitments": tables.json(left), "on_the_way": tables.json(way)}
        case SupplyDeliveryNoted():
            changes = {
                "on_the_way": _less(row, event.transfer_id, event.received + event.lost),
                "received": row.received + event.received,
                "lost": row.lost + event.lost,
            }
        case SupplyDiversionNoted():
            changes = {"on_the_way": _less(row, event.transfer_id, event.quantity)}
        case SupplyRequestCompleted():
            changes = {"stage": Stage.COMPLETED}
            if event.missing:
                changes["reason"] = event.reason
        case NeedServed():
            changes = {}
        case SupplyRequestCancelled():
            changes = {"stage": Stage.CANCELLED, "reason": event.reason}
        case _:
            assert_never(event)
    tables.change(connection, tables.supply_requests, recorded, event.supply_request_id, **changes)


def _put(connection: Connection, recorded: Recorded, event: SupplyRequested) -> None:
    tables.put(
        connection,
        tables.supply_requests,
        recorded,
        supply_request_id=event.supply_request_id,
        stage=Stage.SUBMITTED,
        item=event.item,
        quantity=event.quantity,
        unit=event.unit,
        item_class=event.item_class,
        incident_id=event.incident_id,
        need_id=event.need_id,
        **tables.located(event.place),
        to_depot_id=event.to_depot_id,
        needed_by=micros(event.needed_by) if event.needed_by else None,
        note=event.note,
        requested_by=event.requested_by,
        requested_at=micros(event.occurred_at),
        approved=0,
        approved_by="",
        reason="",
        accepted_by_depots="[]",
        commitments="[]",
        on_the_way="{}",
        received=0,
        lost=0,
        opened_position=recorded.position,
    )


def _left(promises: list[Promise], depot_id: str, quantity: int) -> list[Promise]:
    """Take what left a depot off what it had promised, its oldest promise first."""
    kept = []
    for promise in promises:
        part = min(quantity, promise.open) if promise.depot_id == depot_id else 0
        kept.append(msgspec.structs.replace(promise, open=promise.open - part))
        quantity -= part
    return kept


def _less(row: Any, transfer_id: str, quantity: int) -> str:
    way = on_the_way_of(row)
    way[transfer_id] = way.get(transfer_id, 0) - quantity
    return tables.json({key: count for key, count in way.items() if count > 0})
