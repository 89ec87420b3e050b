"""How supplies may move: the rules of `stock`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import assert_never

from services.resources.domain import stock_counts
from services.resources.domain.lots import Portions, day_of, draw, first_expired, total
from services.resources.domain.stock import (
    Event,
    ShipmentUndone,
    State,
    Stock,
    StockArrived,
    StockConsumed,
    StockFellBelowMinimum,
    StockReceived,
    StockRecovered,
    StockReleased,
    StockReserved,
    StockReturned,
    StockShipped,
    holder,
)
from services.resources.domain.stock_commands import (
    Command,
    ConsumeStock,
    CountStock,
    ExpireLots,
    ReceiveStock,
    ReleaseStock,
    ReserveStock,
    ReturnStock,
    SetMinimumStock,
    ShipStock,
    TakeInShipment,
    UndoShipment,
    WriteOffStock,
)
from services.resources.domain.stock_fold import evolve
from services.resources.domain.stock_picking import pick, require_free
from services.runtime.rejection import AlreadyExists, Invalid, Rejection


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    events = _obey(command, state)
    return [*events, *_crossing(command, reduce(evolve, events, state))]


def _obey(command: Command, state: State) -> list[Event]:
    match command:
        case ReceiveStock():
            return receive(command, state)
        case ReserveStock():
            return reserve(command, state)
        case ReleaseStock():
            return release(command, state)
        case ShipStock():
            return ship(command, state)
        case UndoShipment():
            return undo(command, state)
        case TakeInShipment():
            return take_in(command, state)
        case ConsumeStock():
            return consume(command, state)
        case WriteOffStock():
            return stock_counts.write_off(command, state)
        case ReturnStock():
            return take_back(command, state)
        case CountStock():
            return stock_counts.count(command, state)
        case ExpireLots():
            return stock_counts.expire(command, state)
        case SetMinimumStock():
            return stock_counts.set_minimum(command, state)
        case _:
            assert_never(command)


def _crossing(command: Command, after: Stock) -> Sequence[Event]:
    """Return the alarm where usable stock has crossed its minimum, and nothing while it stays."""
    is_below = after.usable < after.minimum
    if is_below == after.below:
        return []
    alarm = StockFellBelowMinimum if is_below else StockRecovered
    return [
        alarm(
            depot_id=command.depot_id,
            item=command.item,
            usable=after.usable,
            minimum=after.minimum,
            occurred_at=command.occurred_at,
        )
    ]


def receive(command: ReceiveStock, stock: Stock) -> list[Event]:
    received = StockReceived(
        depot_id=command.depot_id,
        item=command.item,
        quantity=command.quantity,
        lot_id=command.lot_id,
        expires_on=command.expires_on,
        origin=command.origin,
        waybill=command.waybill,
        counted_by=command.counted_by,
        occurred_at=command.occurred_at,
    )
    before = stock.receipts.get(command.waybill)
    if before is not None:
        if (before.quantity, before.lot_id) == (received.quantity, received.lot_id):
            return []
        raise AlreadyExists(
            "WAYBILL_ENTERED",
            f"{command.waybill} was taken in already: {before.quantity} {before.item}, "
            f"counted by {before.counted_by or 'somebody'}",
            waybill=command.waybill,
            quantity=str(before.quantity),
            lot_id=before.lot_id,
            counted_by=before.counted_by,
        )
    lot = stock.lots.get(command.lot_id)
    if lot is not None and command.lot_id and lot.expires_on != command.expires_on:
        raise Rejection(
            "LOT_DIFFERS",
            f"lot {command.lot_id} expires {lot.expires_on or 'never'}, "
            f"not {command.expires_on or 'never'}",
            lot_id=command.lot_id,
            expire_date=str(lot.expires_on or ""),
        )
    return [received]


def reserve(command: ReserveStock, stock: Stock) -> list[Event]:
    require_free(command, stock, own=0)
    return [
        StockReserved(
            depot_id=command.depot_id,
            item=command.item,
            quantity=command.quantity,
            incident_id=command.incident_id,
            supply_request_id=command.supply_request_id,
            occurred_at=command.occurred_at,
        )
    ]


def release(command: ReleaseStock, stock: Stock) -> list[Event]:
    for_whom = holder(command.incident_id, command.supply_request_id)
    reserved = stock.reserved.get(for_whom, 0)
    if command.quantity > reserved:
        raise Rejection(
            "RESERVATION_EXCEEDED",
            f"{reserved} {command.item} are set aside in {command.depot_id} "
            f"for {for_whom}, not {command.quantity}",
            depot_id=command.depot_id,
            item=command.item,
            incident_id=command.incident_id,
            reserved=str(reserved),
            asked=str(command.quantity),
        )
    return [
        StockReleased(
            depot_id=command.depot_id,
            item=command.item,
            quantity=command.quantity,
            incident_id=command.incident_id,
            supply_request_id=command.supply_request_id,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def ship(command: ShipStock, stock: Stock) -> list[Event]:
    if command.to_depot_id == command.depot_id:
        raise Invalid(
            "SAME_DEPOT",
            field="to_depot_id",
            got=command.to_depot_id,
            allowed="a depot other than depot_id",
        )
    shipped = StockShipped(
        depot_id=command.depot_id,
        item=command.item,
        quantity=command.quantity,
        lots=(),
        from_reserved=_of_own(command, stock),
        to_depot_id=command.to_depot_id,
        transfer_id=command.transfer_id,
        incident_id=command.incident_id,
        supply_request_id=command.supply_request_id,
        waybill=command.waybill,
        legs=command.legs,
        expired_reason="",
        occurred_at=command.occurred_at,
    )
    before = stock.shipped.get(command.transfer_id)
    if before is not None:
        if _same_shipment(shipped, before):
            return []
        raise AlreadyExists(
            "TRANSFER_EXISTS",
            f"{command.transfer_id} left {command.depot_id} already, "
            f"with {before.quantity} {before.item} for {before.to_depot_id}",
            transfer_id=command.transfer_id,
            quantity=str(before.quantity),
            to_depot_id=before.to_depot_id,
        )
    lots = pick(command, stock, own=shipped.from_reserved)
    return [replace(shipped, lots=lots, expired_reason=_override(command, stock, lots))]


def _same_shipment(asked: StockShipped, before: StockShipped) -> bool:
    """Whether they differ in nothing but what the stock of the moment decided."""
    decided = replace(
        asked,
        lots=before.lots,
        from_reserved=before.from_reserved,
        expired_reason=before.expired_reason,
        occurred_at=before.occurred_at,
    )
    return decided == before


def undo(command: UndoShipment, stock: Stock) -> list[Event]:
    shipped = stock.shipped.get(command.transfer_id)
    if shipped is None:
        return []
    return [
        ShipmentUndone(
            depot_id=command.depot_id,
            item=command.item,
            quantity=shipped.quantity,
            lots=shipped.lots,
            from_reserved=shipped.from_reserved,
            transfer_id=command.transfer_id,
            incident_id=shipped.incident_id,
            supply_request_id=shipped.supply_request_id,
            occurred_at=command.occurred_at,
        )
    ]


def take_in(command: TakeInShipment, stock: Stock) -> list[Event]:
    """Count what arrived; the transfer has decided already how much there was."""
    if (command.transfer_id, command.receipt) in stock.arrived:
        return []
    return [
        StockArrived(
            depot_id=command.depot_id,
            item=command.item,
            from_depot_id=command.from_depot_id,
            transfer_id=command.transfer_id,
            receipt=command.receipt,
            received=command.received,
            lots=command.lots,
            lost=command.lost,
            damaged=command.damaged,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def consume(command: ConsumeStock, stock: Stock) -> list[Event]:
    own = _of_own(command, stock)
    lots = pick(command, stock, own=own)
    return [
        StockConsumed(
            depot_id=command.depot_id,
            item=command.item,
            quantity=command.quantity,
            lots=lots,
            from_reserved=own,
            incident_id=command.incident_id,
            purpose=command.purpose,
            adcode=command.adcode,
            group_id=command.group_id,
            item_class=command.item_class,
            unit=command.unit,
            relief=command.relief,
            items_version=command.items_version,
            expired_reason=_override(command, stock, lots),
            occurred_at=command.occurred_at,
        )
    ]


def take_back(command: ReturnStock, stock: Stock) -> list[Event]:
    """Take in what was handed out; where no lot is named, as the one that expires first."""
    used = [
        portion
        for (incident_id, _), portion in stock.consumed.items()
        if command.incident_id in {"", incident_id}
        and (not command.lot_ids or portion.lot_id in command.lot_ids)
    ]
    if command.quantity > total(used):
        raise Rejection(
            "RETURN_EXCEEDED",
            f"{total(used)} {command.item} were consumed from {command.depot_id}"
            + (f" for {command.incident_id}" if command.incident_id else "")
            + f", not {command.quantity}",
            depot_id=command.depot_id,
            item=command.item,
            incident_id=command.incident_id,
            consumed=str(total(used)),
            asked=str(command.quantity),
        )
    return [
        StockReturned(
            depot_id=command.depot_id,
            item=command.item,
            quantity=command.quantity,
            lots=draw(first_expired(used), command.quantity),
            incident_id=command.incident_id,
            occurred_at=command.occurred_at,
        )
    ]


def _of_own(command: ShipStock | ConsumeStock, stock: Stock) -> int:
    """How much of it was set aside for the very request or incident that wants it."""
    of_request = command.supply_request_id if isinstance(command, ShipStock) else ""
    for_whom = holder(command.incident_id, of_request)
    return min(command.quantity, stock.reserved.get(for_whom, 0))


def _override(command: ShipStock | ConsumeStock, stock: Stock, lots: Portions) -> str:
    """Return the reason given, where it was needed."""
    day = day_of(command.occurred_at)
    late = any(lot.expired(day) or lot.lot_id in stock.expired for lot in lots)
    return command.expired_reason if late else ""
