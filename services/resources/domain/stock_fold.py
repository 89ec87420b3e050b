"""How the facts of a stock add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from services.resources.domain.lots import Portion, Portions, minus, plus
from services.resources.domain.stock import (
    NO_INCIDENT,
    Consumed,
    Event,
    LotExpired,
    MinimumStockSet,
    ShipmentUndone,
    State,
    Stock,
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
    holder,
)


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case StockReceived(waybill=waybill):
            receipts = {**state.receipts, waybill: event} if waybill else state.receipts
            return replace(_with(state, (received_lot(event),)), receipts=receipts)
        case StockReserved(quantity=quantity):
            return _reserve(state, event, quantity)
        case StockReleased(quantity=quantity):
            return _reserve(state, event, -quantity)
        case StockShipped(lots=lots, transfer_id=transfer_id):
            state = _reserve(_without(state, lots), event, -event.from_reserved)
            return replace(state, shipped={**state.shipped, transfer_id: event})
        case ShipmentUndone(lots=lots, transfer_id=transfer_id):
            state = _reserve(_with(state, lots), event, event.from_reserved)
            left = {id_: sent for id_, sent in state.shipped.items() if id_ != transfer_id}
            return replace(state, shipped=left)
        case StockArrived(lots=lots):
            arrived = state.arrived | {(event.transfer_id, event.receipt)}
            return replace(_with(state, lots), arrived=arrived)
        case StockConsumed(lots=lots, incident_id=incident_id):
            state = _reserve(_without(state, lots), event, -event.from_reserved)
            return replace(state, consumed=_used(state.consumed, incident_id, lots))
        case StockWrittenOff(lots=lots) | StockLost(lots=lots):
            return _without(state, lots)
        case StockReturned(lots=lots, incident_id=incident_id):
            state = _with(state, lots)
            return replace(state, consumed=_unused(state.consumed, incident_id, lots))
        case StockCounted(stocktake_id=stocktake_id):
            return replace(state, stocktakes={**state.stocktakes, stocktake_id: event})
        case StockGained(lots=lots):
            return _with(state, lots)
        case LotExpired(lot=lot):
            return replace(state, expired=state.expired | {lot.lot_id})
        case MinimumStockSet(minimum=minimum):
            return replace(state, minimum=minimum)
        case StockFellBelowMinimum():
            return replace(state, below=True)
        case StockRecovered():
            return replace(state, below=False)
        case _:
            assert_never(event)


def received_lot(event: StockReceived) -> Portion:
    return Portion(
        lot_id=event.lot_id,
        quantity=event.quantity,
        expires_on=event.expires_on,
        origin=event.origin,
    )


def _with(state: Stock, portions: Portions) -> Stock:
    return replace(state, lots=plus(state.lots, portions))


def _without(state: Stock, portions: Portions) -> Stock:
    return replace(state, lots=minus(state.lots, portions))


def _reserve(
    state: Stock,
    event: StockReserved | StockReleased | StockShipped | ShipmentUndone | StockConsumed,
    quantity: int,
) -> Stock:
    if not quantity:
        return state
    of_request = "" if isinstance(event, StockConsumed) else event.supply_request_id
    for_whom = holder(event.incident_id, of_request)
    sums = {**state.reserved, for_whom: state.reserved.get(for_whom, 0) + quantity}
    return replace(state, reserved={key: count for key, count in sums.items() if count})


def _used(consumed: Consumed, incident_id: str, portions: Portions) -> Consumed:
    sums: dict[tuple[str, str], Portion] = dict(consumed)
    for portion in portions:
        key = incident_id, portion.lot_id
        before = sums[key].quantity if key in sums else 0
        sums[key] = replace(portion, quantity=before + portion.quantity)
    return sums


def _unused(consumed: Consumed, incident_id: str, portions: Portions) -> Consumed:
    """Take off what came back: of its incident, or where none is named of whichever has any."""
    left = dict(consumed)
    for portion in portions:
        quantity = portion.quantity
        for key in _whose(consumed, incident_id):
            if key[1] != portion.lot_id or not quantity:
                continue
            part = min(quantity, left[key].quantity)
            left[key] = replace(left[key], quantity=left[key].quantity - part)
            quantity -= part
    return {key: used for key, used in left.items() if used.quantity}


def _whose(consumed: Mapping[tuple[str, str], Portion], incident_id: str) -> list[tuple[str, str]]:
    if incident_id:
        return [key for key in consumed if key[0] == incident_id]
    return sorted(consumed, key=lambda key: key[0] != NO_INCIDENT)
