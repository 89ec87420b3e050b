"""What can be asked of one depot's stock of one item."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from services.resources.domain.lots import UNMARKED, Portions
from services.resources.domain.route import Leg


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveStock:
    """The same ``waybill`` is taken in once, whoever enters it."""

    depot_id: str
    item: str
    quantity: int
    origin: str
    occurred_at: datetime
    lot_id: str = UNMARKED
    expires_on: date | None = None
    waybill: str = ""
    counted_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveStock:
    depot_id: str
    item: str
    quantity: int
    incident_id: str
    occurred_at: datetime
    supply_request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseStock:
    depot_id: str
    item: str
    quantity: int
    incident_id: str
    reason: str
    occurred_at: datetime
    supply_request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipStock:
    """Takes the lots that expire first, or those named: expired ones only so, with a reason."""

    depot_id: str
    item: str
    quantity: int
    to_depot_id: str
    transfer_id: str
    incident_id: str
    legs: tuple[Leg, ...]
    occurred_at: datetime
    supply_request_id: str = ""
    waybill: str = ""
    lot_ids: tuple[str, ...] = ()
    expired_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoShipment:
    """Follows when another shipment took the same transfer's id first: nothing has left."""

    depot_id: str
    item: str
    transfer_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeInShipment:
    """Follows from the ``receipt``-th receipt of a transfer."""

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
class ConsumeStock:
    """``adcode`` is where it went; ``item_class`` and ``relief`` are what the item list says."""

    depot_id: str
    item: str
    quantity: int
    incident_id: str
    purpose: str
    occurred_at: datetime
    adcode: str = ""
    group_id: str = ""
    item_class: str = ""
    unit: str = ""
    relief: str = ""
    items_version: str = ""
    lot_ids: tuple[str, ...] = ()
    expired_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOffStock:
    """Takes what has expired first, or the lots named."""

    depot_id: str
    item: str
    quantity: int
    reason: str
    occurred_at: datetime
    written_off_by: str = ""
    lot_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnStock:
    depot_id: str
    item: str
    quantity: int
    incident_id: str
    occurred_at: datetime
    lot_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CountStock:
    """A stocktake: ``lots`` as counted, each by its id; what is not named was not there.

    Without lots ``counted`` is the whole, and a difference is of the lots that expire first.
    """

    depot_id: str
    item: str
    stocktake_id: str
    counted: int
    lots: tuple[tuple[str, int], ...]
    reason: str
    counted_by: str
    witnessed_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireLots:
    """Follows from the passing of a lot's last day: ``day`` is today."""

    depot_id: str
    item: str
    day: date
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMinimumStock:
    """0 asks for none."""

    depot_id: str
    item: str
    minimum: int
    set_by: str
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
    | CountStock
    | ExpireLots
    | SetMinimumStock
)
