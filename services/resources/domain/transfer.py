"""A transfer (调拨): supplies on the road, leg by leg, until all are accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.resources.domain.lots import Portions, total
from services.resources.domain.route import Leg

# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTransfer:
    """Follows from supplies having left their depot, on the first of ``legs``."""

    transfer_id: str
    item: str
    quantity: int
    lots: Portions
    from_depot_id: str
    to_depot_id: str
    incident_id: str
    supply_request_id: str
    waybill: str
    legs: tuple[Leg, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverTransfer:
    """At the end of a leg that is not the last: all that is on the road is counted there."""

    transfer_id: str
    leg: int
    counted: int
    lost: int
    damaged: int
    reason: str
    handed_by: str
    taken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartTransfer:
    transfer_id: str
    leg: int
    carrier: str
    expected_at: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DivertTransfer:
    """Sends what is on the road elsewhere: to another depot, for another incident, or both."""

    transfer_id: str
    to_depot_id: str
    incident_id: str
    supply_request_id: str
    legs: tuple[Leg, ...]
    reason: str
    diverted_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnBackTransfer:
    transfer_id: str
    reason: str
    turned_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveTransfer:
    """What is neither received, lost nor damaged stays on the road.

    The same ``receipt_number`` counts once, whoever enters it.
    """

    transfer_id: str
    received: int
    lost: int
    damaged: int
    reason: str
    said_by: str
    receipt_number: str
    occurred_at: datetime


Command = (
    StartTransfer
    | HandOverTransfer
    | DepartTransfer
    | DivertTransfer
    | TurnBackTransfer
    | ReceiveTransfer
)


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferStarted:
    transfer_id: str
    item: str
    quantity: int
    lots: Portions
    from_depot_id: str
    to_depot_id: str
    incident_id: str
    supply_request_id: str
    waybill: str
    legs: tuple[Leg, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferHandedOver:
    """What was lost or damaged up to here is off the road, and stays on the sender's books."""

    transfer_id: str
    item: str
    from_depot_id: str
    supply_request_id: str
    leg: int
    counted: int
    lost: int
    damaged: int
    gone: Portions
    reason: str
    handed_by: str
    taken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferDeparted:
    transfer_id: str
    leg: int
    carrier: str
    expected_at: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferDiverted:
    """``legs`` are all that there are now, those travelled included."""

    transfer_id: str
    item: str
    quantity: int
    was_to_depot_id: str
    was_for_incident_id: str
    was_for_supply_request_id: str
    to_depot_id: str
    incident_id: str
    supply_request_id: str
    legs: tuple[Leg, ...]
    reason: str
    diverted_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferTurnedBack:
    transfer_id: str
    item: str
    quantity: int
    was_to_depot_id: str
    was_for_incident_id: str
    was_for_supply_request_id: str
    to_depot_id: str
    legs: tuple[Leg, ...]
    reason: str
    turned_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReceived:
    """What one receipt adds.  Carries all that the depots' counts need to follow from it.

    ``number`` counts a transfer's receipts from 1; ``lots`` are what came, ``gone`` what did not.
    """

    transfer_id: str
    item: str
    from_depot_id: str
    to_depot_id: str
    incident_id: str
    supply_request_id: str
    number: int
    receipt_number: str
    received: int
    lots: Portions
    lost: int
    damaged: int
    gone: Portions
    reason: str
    said_by: str
    occurred_at: datetime


Event = (
    TransferStarted
    | TransferHandedOver
    | TransferDeparted
    | TransferDiverted
    | TransferTurnedBack
    | TransferReceived
)


# State.


@dataclass(frozen=True, slots=True)
class Transfer:
    """``road`` is what is on the road, ``departed`` the last leg begun, ``handed_over`` ended."""

    started: TransferStarted
    to_depot_id: str
    incident_id: str
    supply_request_id: str
    legs: tuple[Leg, ...]
    road: Portions
    departed: int = 1
    handed_over: int = 0
    handovers: tuple[TransferHandedOver, ...] = ()
    departures: tuple[TransferDeparted, ...] = ()
    receipts: tuple[TransferReceived, ...] = ()

    @property
    def outstanding(self) -> int:
        return total(self.road)


State = Transfer | None
INITIAL: State = None
