"""Which lots are taken: those named, or those that expire first; and never what others have."""

from __future__ import annotations

from services.resources.domain.lots import (
    Portion,
    Portions,
    day_of,
    draw,
    first_expired,
    total,
)
from services.resources.domain.stock import Stock
from services.resources.domain.stock_commands import (
    ConsumeStock,
    CountStock,
    ReserveStock,
    ShipStock,
    WriteOffStock,
)
from services.runtime.rejection import Rejection


def pick(command: ShipStock | ConsumeStock, stock: Stock, *, own: int) -> Portions:
    """Return what is taken from which lots; ``own`` of it had been set aside for this very taker.

    An expired lot is taken only by name and with a reason.
    """
    fresh = fresh_lots(command, stock)
    if not command.lot_ids:
        require_free(command, stock, own=own)
        return draw(first_expired(fresh), command.quantity)
    chosen = named(command, stock)
    late = [lot for lot in chosen if lot not in fresh]
    if late and not command.expired_reason:
        lot = late[0]
        raise Rejection(
            "LOT_EXPIRED",
            f"lot {lot.lot_id} of {command.item} expired after {lot.expires_on}: "
            "say why it is taken all the same (expired_reason)",
            depot_id=command.depot_id,
            item=command.item,
            lot_id=lot.lot_id,
            expire_date=str(lot.expires_on),
        )
    drawn = draw(chosen, command.quantity)
    if total(drawn) < command.quantity:
        raise _insufficient(command, stock, kept=0, usable=total(chosen))
    require_free(
        command, stock, own=own, late=total(lot for lot in drawn if stock.lots[lot.lot_id] in late)
    )
    return drawn


def named(command: ShipStock | ConsumeStock | WriteOffStock, stock: Stock) -> list[Portion]:
    for lot_id in command.lot_ids:
        if lot_id not in stock.lots:
            raise Rejection(
                "LOT_NOT_HERE",
                f"{command.depot_id} has no lot {lot_id} of {command.item}: "
                f"it has {', '.join(sorted(stock.lots)) or 'none'}",
                depot_id=command.depot_id,
                item=command.item,
                lot_id=lot_id,
                lots=", ".join(sorted(stock.lots)),
            )
    return [stock.lots[lot_id] for lot_id in dict.fromkeys(command.lot_ids)]


def fresh_lots(command: ShipStock | ConsumeStock | ReserveStock, stock: Stock) -> list[Portion]:
    day = day_of(command.occurred_at)
    return [
        lot
        for lot in stock.lots.values()
        if not lot.expired(day) and lot.lot_id not in stock.expired
    ]


def require_free(
    command: ReserveStock | ShipStock | ConsumeStock, stock: Stock, *, own: int, late: int = 0
) -> None:
    """Refuse what would take more than is free: neither set aside for others nor expired.

    ``late`` of it is expired and taken all the same.
    """
    usable = total(fresh_lots(command, stock))
    wanted = command.quantity - late
    enough = wanted <= usable and max(0, wanted - own) <= max(0, usable - stock.set_aside)
    kept = stock.set_aside - own
    if not enough or command.quantity > stock.on_hand - kept:
        raise _insufficient(command, stock, kept=kept, usable=usable)


def require_there(command: WriteOffStock | CountStock, stock: Stock, quantity: int) -> None:
    """Refuse more than is on hand, whoever it is for."""
    if quantity > stock.on_hand:
        raise Rejection(
            "INSUFFICIENT_STOCK",
            f"{command.depot_id} has {stock.on_hand} {command.item}: {quantity} cannot be gone",
            depot_id=command.depot_id,
            item=command.item,
            on_hand=str(stock.on_hand),
            reserved="0",
            asked=str(quantity),
        )


def _insufficient(
    command: ReserveStock | ShipStock | ConsumeStock, stock: Stock, *, kept: int, usable: int
) -> Rejection:
    expired = stock.on_hand - usable
    return Rejection(
        "INSUFFICIENT_STOCK",
        f"{command.depot_id} has {stock.on_hand} {command.item}, {kept} of them set aside"
        + (f", {expired} expired or not of the lots named" if expired else "")
        + f": {command.quantity} cannot be had",
        depot_id=command.depot_id,
        item=command.item,
        on_hand=str(stock.on_hand),
        reserved=str(kept),
        unusable=str(expired),
        asked=str(command.quantity),
    )
