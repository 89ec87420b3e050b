"""What one depot has of one item (库存).  Nothing is ever made or lost without a fact saying so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.resources.domain.lots import Portion

WRITTEN_OFF = "written off"
NO_INCIDENT = ""

# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveStock:
    depot_id: str
    item: str
    quantity: int
    origin: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveStock:
    depot_id: str
    item: str
    quantity: int
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseStock:
    depot_id: str
    item: str
    quantity: int
    incident_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipStock:
    depot_id: str
    item: str
    quantity: int
    to_depot_id: str
    transfer_id: str
    incident_id: str
    carrier: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoShipment:
    """Follows when another shipment took the same transfer's id first: nothing has left."""

    depot_id: str
    item: str
    transfer_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeInShipment:
    """Follows from a receipt of a transfer, its ``receipt``-th event."""

    depot_id: str
    item: str
    from_depot_id: str
    transfer_id: str
    receipt: int
    received: int
    lost: int
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumeStock:
    """``adcode`` is where it went; ``item_class`` and ``relief`` are what the item list says."""

    depot_id: str
    item: str
    quantity: int
    incident_id: str
    purpose: str
    adcode: str = ""
    group_id: str = ""
    item_class: str = ""
    unit: str = ""
    relief: str = ""
    items_version: str = ""
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOffStock:
    depot_id: str
    item: str
    quantity: int
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnStock:
    depot_id: str
    item: str
    quantity: int
    incident_id: str
    occurred_at: datetime


Command = (
    ReceiveStock
    | ReserveStock
    | ReleaseStock
    | ShipStock
    | UndoShipment
    | TakeInShipment
    | ConsumeStock
    | WriteOffStock
    | ReturnStock
)


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReceived:
    depot_id: str
    item: str
    quantity: int
    origin: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReserved:
    depot_id: str
    item: str
    quantity: int
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReleased:
    depot_id: str
    item: str
    quantity: int
    incident_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StockShipped:
    """``from_reserved`` of it had been set aside for the incident."""

    depot_id: str
    item: str
    quantity: int
    from_reserved: int
    to_depot_id: str
    transfer_id: str
    incident_id: str
    carrier: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentUndone:
    depot_id: str
    item: str
    quantity: int
    from_reserved: int
    transfer_id: str
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StockArrived:
    """Takes ``received`` and ``lost`` off what is on the road from ``from_depot_id``."""

    depot_id: str
    item: str
    from_depot_id: str
    transfer_id: str
    receipt: int
    received: int
    lost: int
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
    lots: tuple[Portion, ...]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class StockWrittenOff:
    depot_id: str
    item: str
    quantity: int
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReturned:
    depot_id: str
    item: str
    quantity: int
    incident_id: str
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
)


# State.


@dataclass(frozen=True, slots=True)
class Stock:
    """``reserved`` and ``consumed`` are by incident, ``shipped`` by transfer."""

    on_hand: int = 0
    reserved: Mapping[str, int] = field(default_factory=dict)
    consumed: Mapping[str, int] = field(default_factory=dict)
    shipped: Mapping[str, StockShipped] = field(default_factory=dict)

    @property
    def set_aside(self) -> int:
        return sum(self.reserved.values())


State = Stock
INITIAL: State = Stock()
