"""What is counted, written off, past its day or too little."""

from __future__ import annotations

from services.resources.domain.lots import (
    UNMARKED,
    Portion,
    Portions,
    draw,
    first_expired,
    total,
)
from services.resources.domain.stock import (
    COUNTED_SHORT,
    WRITTEN_OFF,
    Event,
    LotCount,
    LotExpired,
    MinimumStockSet,
    Stock,
    StockCounted,
    StockGained,
    StockLost,
    StockReleased,
    StockWrittenOff,
)
from services.resources.domain.stock_commands import (
    CountStock,
    ExpireLots,
    SetMinimumStock,
    WriteOffStock,
)
from services.resources.domain.stock_picking import named, require_there
from services.runtime.rejection import AlreadyExists, Invalid, Rejection

REQUEST = "request "


def write_off(command: WriteOffStock, stock: Stock) -> list[Event]:
    """Count out what is gone, set aside or not: the youngest reservations give way first."""
    require_there(command, stock, command.quantity)
    candidates = named(command, stock) if command.lot_ids else first_expired(stock.lots.values())
    lots = draw(candidates, command.quantity)
    if total(lots) < command.quantity:
        raise Rejection(
            "INSUFFICIENT_STOCK",
            f"the lots named have {total(candidates)} {command.item}, not {command.quantity}",
            depot_id=command.depot_id,
            item=command.item,
            on_hand=str(total(candidates)),
            reserved="0",
            asked=str(command.quantity),
        )
    return [
        *_give_way(command, stock, command.quantity, WRITTEN_OFF),
        StockWrittenOff(
            depot_id=command.depot_id,
            item=command.item,
            quantity=command.quantity,
            lots=lots,
            reason=command.reason,
            written_off_by=command.written_off_by,
            occurred_at=command.occurred_at,
        ),
    ]


def count(command: CountStock, stock: Stock) -> list[Event]:
    """Hold what was counted against the book; a difference has a reason and two names."""
    counts = _counts(command, stock)
    before = stock.stocktakes.get(command.stocktake_id)
    if before is not None:
        if [(lot.lot_id, lot.counted) for lot in before.lots if lot.counted] == [
            (lot.lot_id, lot.counted) for lot in counts if lot.counted
        ] or (not command.lots and before.counted == command.counted):
            return []
        raise AlreadyExists(
            "STOCKTAKE_ENTERED",
            f"{command.stocktake_id} was entered already: {before.counted} {before.item}, "
            f"counted by {before.counted_by}",
            stocktake_id=command.stocktake_id,
            counted=str(before.counted),
            counted_by=before.counted_by,
        )
    differs = any(lot.book != lot.counted for lot in counts)
    if differs and not command.reason:
        raise Invalid(
            "REASON_REQUIRED",
            field="reason",
            got="nothing",
            allowed=f"why {stock.on_hand} are in the book and "
            f"{sum(lot.counted for lot in counts)} in the depot",
        )
    if not command.witnessed_by or command.witnessed_by == command.counted_by:
        raise Invalid(
            "WITNESS_REQUIRED",
            field="witnessed_by",
            got=command.witnessed_by or "nothing",
            allowed=f"a second name beside {command.counted_by}",
        )
    stocktake = {
        "depot_id": command.depot_id,
        "item": command.item,
        "stocktake_id": command.stocktake_id,
        "reason": command.reason,
        "counted_by": command.counted_by,
        "witnessed_by": command.witnessed_by,
    }
    at = command.occurred_at
    events: list[Event] = [
        StockCounted(
            **stocktake,
            book=stock.on_hand,
            counted=sum(lot.counted for lot in counts),
            lots=counts,
            occurred_at=at,
        )
    ]
    if gained := _portions(counts, stock, 1):
        gain = StockGained(**stocktake, quantity=total(gained), lots=gained, occurred_at=at)
        events.append(gain)
    if lost := _portions(counts, stock, -1):
        net = max(0, total(lost) - total(gained))
        events += _give_way(command, stock, net, COUNTED_SHORT)
        events.append(StockLost(**stocktake, quantity=total(lost), lots=lost, occurred_at=at))
    return events


def _counts(command: CountStock, stock: Stock) -> tuple[LotCount, ...]:
    if command.lots:
        said = dict(command.lots)
        return tuple(
            LotCount(lot_id=lot_id, book=book(stock, lot_id), counted=said.get(lot_id, 0))
            for lot_id in sorted({*said, *stock.lots})
        )
    short = draw(first_expired(stock.lots.values()), max(0, stock.on_hand - command.counted))
    gone = {lot.lot_id: lot.quantity for lot in short}
    more = max(0, command.counted - stock.on_hand)
    lots = {lot_id: book(stock, lot_id) - gone.get(lot_id, 0) for lot_id in stock.lots}
    lots[UNMARKED] = lots.get(UNMARKED, 0) + more
    return tuple(
        LotCount(lot_id=lot_id, book=book(stock, lot_id), counted=counted)
        for lot_id, counted in sorted(lots.items())
        if counted or book(stock, lot_id)
    )


def book(stock: Stock, lot_id: str) -> int:
    return stock.lots[lot_id].quantity if lot_id in stock.lots else 0


def _portions(counts: tuple[LotCount, ...], stock: Stock, sign: int) -> Portions:
    """Return by how much the count is above the book (``sign`` 1) or below it (-1)."""
    differing = ((lot.lot_id, (lot.counted - lot.book) * sign) for lot in counts)
    return tuple(
        Portion(
            lot_id=lot_id,
            quantity=quantity,
            expires_on=stock.lots[lot_id].expires_on if lot_id in stock.lots else None,
            origin=stock.lots[lot_id].origin if lot_id in stock.lots else "",
        )
        for lot_id, quantity in differing
        if quantity > 0
    )


def _give_way(
    command: WriteOffStock | CountStock, stock: Stock, gone: int, reason: str
) -> list[Event]:
    """Release what can be kept for nobody any more."""
    missing = gone - (stock.on_hand - stock.set_aside)
    released: list[Event] = []
    for for_whom, reserved in list(stock.reserved.items())[::-1]:
        if missing <= 0:
            break
        of_request = for_whom.startswith(REQUEST)
        released.append(
            StockReleased(
                depot_id=command.depot_id,
                item=command.item,
                quantity=min(reserved, missing),
                incident_id="" if of_request else for_whom,
                supply_request_id=for_whom.removeprefix(REQUEST) if of_request else "",
                reason=reason,
                occurred_at=command.occurred_at,
            )
        )
        missing -= reserved
    return released


def expire(command: ExpireLots, stock: Stock) -> list[Event]:
    return [
        LotExpired(
            depot_id=command.depot_id, item=command.item, lot=lot, occurred_at=command.occurred_at
        )
        for lot in first_expired(stock.lots.values())
        if lot.expired(command.day) and lot.lot_id not in stock.expired
    ]


def set_minimum(command: SetMinimumStock, stock: Stock) -> list[Event]:
    if command.minimum == stock.minimum:
        return []
    return [
        MinimumStockSet(
            depot_id=command.depot_id,
            item=command.item,
            minimum=command.minimum,
            set_by=command.set_by,
            occurred_at=command.occurred_at,
        )
    ]
