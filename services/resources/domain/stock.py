"""What one depot has of one item (库存).  Nothing is ever made or lost without a fact saying so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from services.resources.domain.lots import Lots, Portion, Portions, total
from services.resources.domain.route import Leg

WRITTEN_OFF = "written off"
COUNTED_SHORT = "counted short"
NO_INCIDENT = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReceived:
    """``counted_by`` says how many there were; ``waybill`` is the paper that came with them."""

    depot_id: str
    item: str
    quantity: int
    lot_id: str
    expires_on: date | None
    origin: str
    waybill: str
    counted_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReserved:
    """For an incident, or for the supply request to which the depot promised them."""

    depot_id: str
    item: str
    quantity: int
    incident_id: str
    occurred_at: datetime
    supply_request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReleased:
    depot_id: str
    item: str
    quantity: int
    incident_id: str
    reason: str
    occurred_at: datetime
    supply_request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockShipped:
    """``from_reserved`` of it had been set aside for the request or the incident.

    ``expired_reason`` says why lots that are past their day leave all the same.
    """

    depot_id: str
    item: str
    quantity: int
    lots: Portions
    from_reserved: int
    to_depot_id: str
    transfer_id: str
    incident_id: str
    supply_request_id: str
    waybill: str
    legs: tuple[Leg, ...]
    expired_reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentUndone:
    depot_id: str
    item: str
    quantity: int
    lots: Portions
    from_reserved: int
    transfer_id: str
    incident_id: str
    supply_request_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StockArrived:
    """Takes in what the ``receipt``-th receipt of a transfer brought; the rest is not here."""

    depot_id: str
    item: str
    from_depot_id: str
    transfer_id: str
    receipt: int
    received: int
    lots: Portions
    lost: int
    damaged: int
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StockConsumed:
    """``from_reserved`` of it had been set aside for the incident.

    ``adcode`` is where it went, ``group_id`` the households that got it.  ``item_class`` (GB/T
    38565), ``unit`` and ``relief`` are of the item list's version ``items_version``.
    """

    depot_id: str
    item: str
    quantity: int
    lots: Portions
    from_reserved: int
    incident_id: str
    purpose: str
    adcode: str
    group_id: str
    item_class: str
    unit: str
    relief: str
    items_version: str
    occurred_at: datetime
    expired_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockWrittenOff:
    depot_id: str
    item: str
    quantity: int
    lots: Portions
    reason: str
    written_off_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReturned:
    depot_id: str
    item: str
    quantity: int
    lots: Portions
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LotCount:
    """What the book said of a lot, and what was counted."""

    lot_id: str
    book: int
    counted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StockCounted:
    """A stocktake (盘点).  Where book and count differ, a gain or a loss follows it."""

    depot_id: str
    item: str
    stocktake_id: str
    book: int
    counted: int
    lots: tuple[LotCount, ...]
    reason: str
    counted_by: str
    witnessed_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StockGained:
    depot_id: str
    item: str
    quantity: int
    lots: Portions
    stocktake_id: str
    reason: str
    counted_by: str
    witnessed_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StockLost:
    depot_id: str
    item: str
    quantity: int
    lots: Portions
    stocktake_id: str
    reason: str
    counted_by: str
    witnessed_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LotExpired:
    """The day after a lot's last: what is left of it counts no longer as usable."""

    depot_id: str
    item: str
    lot: Portion
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumStockSet:
    depot_id: str
    item: str
    minimum: int
    set_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StockFellBelowMinimum:
    """Once per crossing, however much further it falls.  ``usable`` is on hand and not expired."""

    depot_id: str
    item: str
    usable: int
    minimum: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StockRecovered:
    depot_id: str
    item: str
    usable: int
    minimum: int
    occurred_at: datetime


Event = (
    StockReceived
    | StockReserved
    | StockReleased
    | StockShipped
    | ShipmentUndone
    | StockArrived
    | StockConsumed
    | StockWrittenOff
    | StockReturned
    | StockCounted
    | StockGained
    | StockLost
    | LotExpired
    | MinimumStockSet
    | StockFellBelowMinimum
    | StockRecovered
)

Consumed = Mapping[tuple[str, str], Portion]
"""By incident and lot."""


@dataclass(frozen=True, slots=True)
class Stock:
    """``reserved`` is by `holder`, ``shipped`` by transfer, ``receipts`` by waybill."""

    lots: Lots = field(default_factory=dict)
    expired: frozenset[str] = frozenset()
    reserved: Mapping[str, int] = field(default_factory=dict)
    consumed: Consumed = field(default_factory=dict)
    shipped: Mapping[str, StockShipped] = field(default_factory=dict)
    arrived: frozenset[tuple[str, int]] = frozenset()
    receipts: Mapping[str, StockReceived] = field(default_factory=dict)
    stocktakes: Mapping[str, StockCounted] = field(default_factory=dict)
    minimum: int = 0
    below: bool = False

    @property
    def on_hand(self) -> int:
        return total(self.lots.values())

    @property
    def usable(self) -> int:
        return total(lot for lot in self.lots.values() if lot.lot_id not in self.expired)

    @property
    def set_aside(self) -> int:
        return sum(self.reserved.values())


State = Stock
INITIAL: State = Stock()


def holder(incident_id: str, supply_request_id: str) -> str:
    """Return for whom something is set aside: a request's promises are kept apart."""
    return f"request {supply_request_id}" if supply_request_id else incident_id
