"""How supplies may move: the rules of `stock`, and how its facts add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from services.resources.domain.lots import UNMARKED, Portion
from services.resources.domain.stock import (
    NO_INCIDENT,
    WRITTEN_OFF,
    Command,
    ConsumeStock,
    Event,
    ReceiveStock,
    ReleaseStock,
    ReserveStock,
    ReturnStock,
    ShipmentUndone,
    ShipStock,
    State,
    Stock,
    StockArrived,
    StockConsumed,
    StockReceived,
    StockReleased,
    StockReserved,
    StockReturned,
    StockShipped,
    StockWrittenOff,
    TakeInShipment,
    UndoShipment,
    WriteOffStock,
)
from services.runtime.rejection import AlreadyExists, Invalid, Rejection


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case ReceiveStock():
            return receive(command)
        case ReserveStock():
            return reserve(command, state)
        case ReleaseStock():
            return release(command, state)
        case ShipStock():
            return ship(command, state)
        case UndoShipment():
            return undo(command, state)
        case TakeInShipment():
            return take_in(command)
        case ConsumeStock():
            return consume(command, state)
        case WriteOffStock():
            return write_off(command, state)
        case ReturnStock():
            return take_back(command, state)
        case _:
            assert_never(command)


def receive(command: ReceiveStock) -> list[Event]:
    return [
        StockReceived(
            depot_id=command.depot_id,
            item=command.item,
            quantity=command.quantity,
            origin=command.origin,
            occurred_at=command.occurred_at,
        )
    ]


def reserve(command: ReserveStock, stock: Stock) -> list[Event]:
    _require(command, stock, kept=stock.set_aside)
    return [
        StockReserved(
            depot_id=command.depot_id,
            item=command.item,
            quantity=command.quantity,
            incident_id=command.incident_id,
            occurred_at=command.occurred_at,
        )
    ]


def release(command: ReleaseStock, stock: Stock) -> list[Event]:
    reserved = stock.reserved.get(command.incident_id, 0)
    if command.quantity > reserved:
        raise Rejection(
            "RESERVATION_EXCEEDED",
            f"{reserved} {command.item} are set aside in {command.depot_id} "
            f"for {command.incident_id}, not {command.quantity}",
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
        from_reserved=_of_own(command, stock),
        to_depot_id=command.to_depot_id,
        transfer_id=command.transfer_id,
        incident_id=command.incident_id,
        carrier=command.carrier,
        occurred_at=command.occurred_at,
    )
    before = stock.shipped.get(command.transfer_id)
    if before is not None:
        same = replace(shipped, from_reserved=before.from_reserved, occurred_at=before.occurred_at)
        if same == before:
            return []
        raise AlreadyExists(
            "TRANSFER_EXISTS",
            f"{command.transfer_id} left {command.depot_id} already, "
            f"with {before.quantity} {before.item} for {before.to_depot_id}",
            transfer_id=command.transfer_id,
            quantity=str(before.quantity),
            to_depot_id=before.to_depot_id,
        )
    _require(command, stock, kept=stock.set_aside - shipped.from_reserved)
    return [shipped]


def undo(command: UndoShipment, stock: Stock) -> list[Event]:
    shipped = stock.shipped.get(command.transfer_id)
    if shipped is None:
        return []
    return [
        ShipmentUndone(
            depot_id=command.depot_id,
            item=command.item,
            quantity=shipped.quantity,
            from_reserved=shipped.from_reserved,
            transfer_id=command.transfer_id,
            incident_id=shipped.incident_id,
            occurred_at=command.occurred_at,
        )
    ]


def take_in(command: TakeInShipment) -> list[Event]:
    """Count what arrived; the transfer has decided already how much there was."""
    return [
        StockArrived(
            depot_id=command.depot_id,
            item=command.item,
            from_depot_id=command.from_depot_id,
            transfer_id=command.transfer_id,
            receipt=command.receipt,
            received=command.received,
            lost=command.lost,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def consume(command: ConsumeStock, stock: Stock) -> list[Event]:
    own = _of_own(command, stock)
    _require(command, stock, kept=stock.set_aside - own)
    return [
        StockConsumed(
            depot_id=command.depot_id,
            item=command.item,
            quantity=command.quantity,
            lots=(Portion(lot_id=UNMARKED, quantity=command.quantity),),
            from_reserved=own,
            incident_id=command.incident_id,
            purpose=command.purpose,
            adcode=command.adcode,
            group_id=command.group_id,
            item_class=command.item_class,
            unit=command.unit,
            relief=command.relief,
            items_version=command.items_version,
            occurred_at=command.occurred_at,
        )
    ]


def write_off(command: WriteOffStock, stock: Stock) -> list[Event]:
    """Count out what is gone, set aside or not: the youngest reservations give way first."""
    _require(command, stock, kept=0)
    missing = command.quantity - (stock.on_hand - stock.set_aside)
    released: list[Event] = []
    for incident_id, reserved in list(stock.reserved.items())[::-1]:
        if missing <= 0:
            break
        released.append(
            StockReleased(
                depot_id=command.depot_id,
                item=command.item,
                quantity=min(reserved, missing),
                incident_id=incident_id,
                reason=WRITTEN_OFF,
                occurred_at=command.occurred_at,
            )
        )
        missing -= reserved
    return [
        *released,
        StockWrittenOff(
            depot_id=command.depot_id,
            item=command.item,
            quantity=command.quantity,
            reason=command.reason,
            occurred_at=command.occurred_at,
        ),
    ]


def take_back(command: ReturnStock, stock: Stock) -> list[Event]:
    consumed = (
        stock.consumed.get(command.incident_id, 0)
        if command.incident_id
        else sum(stock.consumed.values())
    )
    if command.quantity > consumed:
        raise Rejection(
            "RETURN_EXCEEDED",
            f"{consumed} {command.item} were consumed from {command.depot_id}"
            + (f" for {command.incident_id}" if command.incident_id else "")
            + f", not {command.quantity}",
            depot_id=command.depot_id,
            item=command.item,
            incident_id=command.incident_id,
            consumed=str(consumed),
            asked=str(command.quantity),
        )
    return [
        StockReturned(
            depot_id=command.depot_id,
            item=command.item,
            quantity=command.quantity,
            incident_id=command.incident_id,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case StockReceived(quantity=quantity):
            return replace(state, on_hand=state.on_hand + quantity)
        case StockReserved(quantity=quantity, incident_id=incident_id):
            return replace(state, reserved=_plus(state.reserved, incident_id, quantity))
        case StockReleased(quantity=quantity, incident_id=incident_id):
            return replace(state, reserved=_plus(state.reserved, incident_id, -quantity))
        case StockShipped(quantity=quantity, transfer_id=transfer_id):
            return replace(
                state,
                on_hand=state.on_hand - quantity,
                reserved=_plus(state.reserved, event.incident_id, -event.from_reserved),
                shipped={**state.shipped, transfer_id: event},
            )
        case ShipmentUndone(quantity=quantity, transfer_id=transfer_id):
            return replace(
                state,
                on_hand=state.on_hand + quantity,
                reserved=_plus(state.reserved, event.incident_id, event.from_reserved),
                shipped={id_: sent for id_, sent in state.shipped.items() if id_ != transfer_id},
            )
        case StockArrived(received=received):
            return replace(state, on_hand=state.on_hand + received)
        case StockConsumed(quantity=quantity, incident_id=incident_id):
            return replace(
                state,
                on_hand=state.on_hand - quantity,
                reserved=_plus(state.reserved, incident_id, -event.from_reserved),
                consumed=_plus(state.consumed, incident_id, quantity),
            )
        case StockWrittenOff(quantity=quantity):
            return replace(state, on_hand=state.on_hand - quantity)
        case StockReturned(quantity=quantity, incident_id=incident_id):
            return replace(
                state,
                on_hand=state.on_hand + quantity,
                consumed=_less(state.consumed, incident_id, quantity),
            )
        case _:
            assert_never(event)


def _plus(counts: Mapping[str, int], key: str, quantity: int) -> Mapping[str, int]:
    if not quantity:
        return counts
    added = {**counts, key: counts.get(key, 0) + quantity}
    return {key: count for key, count in added.items() if count}


def _less(consumed: Mapping[str, int], incident_id: str, quantity: int) -> Mapping[str, int]:
    """Take ``quantity`` off its incident, or where none is named off whichever has any."""
    for key in [incident_id] if incident_id else [NO_INCIDENT, *consumed]:
        part = min(quantity, consumed.get(key, 0))
        consumed = _plus(consumed, key, -part)
        quantity -= part
    return consumed


def _of_own(command: ShipStock | ConsumeStock, stock: Stock) -> int:
    """How much of it was set aside for the very incident that wants it."""
    return min(command.quantity, stock.reserved.get(command.incident_id, 0))


def _require(
    command: ReserveStock | ShipStock | ConsumeStock | WriteOffStock, stock: Stock, *, kept: int
) -> None:
    """Refuse more than is on hand beside what is ``kept`` for others."""
    if command.quantity > stock.on_hand - kept:
        raise Rejection(
            "INSUFFICIENT_STOCK",
            f"{command.depot_id} has {stock.on_hand} {command.item}, {kept} of them set aside: "
            f"{command.quantity} cannot be had",
            depot_id=command.depot_id,
            item=command.item,
            on_hand=str(stock.on_hand),
            reserved=str(kept),
            asked=str(command.quantity),
        )
