"""A supply request (物资申请): asked, approved, promised, shipped, delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.runtime.actor import Actor
from services.runtime.place import Place

# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitSupplyRequest:
    """``to_depot_id`` is where it shall be taken in, ``place`` where it is wanted."""

    by: Actor
    supply_request_id: str
    item: str
    quantity: int
    unit: str
    item_class: str
    incident_id: str
    need_id: str
    place: Place
    to_depot_id: str
    needed_by: datetime | None
    note: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveSupplyRequest:
    """``quantity`` may be less than was asked, with a reason."""

    by: Actor
    supply_request_id: str
    quantity: int
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineSupplyRequest:
    by: Actor
    supply_request_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptSupplyRequest:
    """EDXL-RM's accept: "I will get back to you".  Promises nothing."""

    by: Actor
    supply_request_id: str
    depot_id: str
    note: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitSupplies:
    """A depot promises; what it promises is set aside there."""

    by: Actor
    supply_request_id: str
    commitment_id: str
    depot_id: str
    quantity: int
    expected_at: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawCommitment:
    supply_request_id: str
    commitment_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteSupplyRequest:
    """Ends it although not all has come: what did is enough, and the reason says why."""

    by: Actor
    supply_request_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSupplyRequest:
    by: Actor
    supply_request_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSupplyRequest:
    """Asks whether so many may be shipped for this request.  Adds no fact."""

    supply_request_id: str
    item: str
    quantity: int
    transfer_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteShipment:
    """Follows from a shipment for this request having left."""

    supply_request_id: str
    transfer_id: str
    depot_id: str
    quantity: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteDelivery:
    """Follows from a count of a transfer, the ``count``-th receipt or the hand-over of a leg."""

    supply_request_id: str
    transfer_id: str
    count: str
    received: int
    lost: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteDiversion:
    """Follows from a transfer for this request having been sent elsewhere."""

    supply_request_id: str
    transfer_id: str
    quantity: int
    occurred_at: datetime


Act = (
    ApproveSupplyRequest
    | DeclineSupplyRequest
    | AcceptSupplyRequest
    | CommitSupplies
    | WithdrawCommitment
    | CompleteSupplyRequest
    | CancelSupplyRequest
    | AddressSupplyRequest
    | NoteShipment
    | NoteDelivery
    | NoteDiversion
)
Command = SubmitSupplyRequest | Act


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyRequested:
    supply_request_id: str
    item: str
    quantity: int
    unit: str
    item_class: str
    incident_id: str
    need_id: str
    place: Place
    to_depot_id: str
    needed_by: datetime | None
    note: str
    requested_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyRequestApproved:
    supply_request_id: str
    asked: int
    quantity: int
    reason: str
    approved_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyRequestDeclined:
    supply_request_id: str
    reason: str
    declined_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyRequestAccepted:
    supply_request_id: str
    depot_id: str
    note: str
    accepted_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppliesCommitted:
    supply_request_id: str
    commitment_id: str
    depot_id: str
    item: str
    quantity: int
    incident_id: str
    expected_at: datetime | None
    committed_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyCommitmentWithdrawn:
    """``quantity`` is what had not left yet."""

    supply_request_id: str
    commitment_id: str
    depot_id: str
    item: str
    quantity: int
    incident_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyShipmentNoted:
    supply_request_id: str
    transfer_id: str
    depot_id: str
    quantity: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyDeliveryNoted:
    """``received`` came, ``lost`` never will: broken or missing on the way."""

    supply_request_id: str
    transfer_id: str
    count: str
    received: int
    lost: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyDiversionNoted:
    supply_request_id: str
    transfer_id: str
    quantity: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyRequestCompleted:
    supply_request_id: str
    received: int
    missing: int
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyRequestCancelled:
    supply_request_id: str
    reason: str
    cancelled_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedServed:
    """How far a request serves the need that it was made for, as it is now.

    ``outstanding`` is promised or on its way, ``received`` all that ever came, both in ``unit``.
    """

    supply_request_id: str
    incident_id: str
    need_id: str
    adcode: str
    unit: str
    depots: tuple[str, ...]
    outstanding: int
    received: int
    occurred_at: datetime


Event = (
    SupplyRequested
    | SupplyRequestApproved
    | SupplyRequestDeclined
    | SupplyRequestAccepted
    | SuppliesCommitted
    | SupplyCommitmentWithdrawn
    | SupplyShipmentNoted
    | SupplyDeliveryNoted
    | SupplyDiversionNoted
    | SupplyRequestCompleted
    | SupplyRequestCancelled
    | NeedServed
)


# State.


class Stage(StrEnum):
    SUBMITTED = "submitted"
    APPROVED = "approved"
    DECLINED = "declined"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Commitment:
    """``open`` is what is promised and has not left."""

    made: SuppliesCommitted
    open: int


@dataclass(frozen=True, slots=True)
class SupplyRequest:
    """``on_the_way`` is by transfer: what left for this request and is not counted yet."""

    requested: SupplyRequested
    stage: Stage = Stage.SUBMITTED
    approved: int = 0
    commitments: Mapping[str, Commitment] = field(default_factory=dict)
    on_the_way: Mapping[str, int] = field(default_factory=dict)
    left: frozenset[str] = frozenset()
    counted: frozenset[tuple[str, str]] = frozenset()
    received: int = 0

    @property
    def promised(self) -> int:
        """What depots still hold for it."""
        return sum(commitment.open for commitment in self.commitments.values())

    @property
    def moving(self) -> int:
        return sum(self.on_the_way.values())

    @property
    def uncovered(self) -> int:
        """What nobody has promised, and is neither on its way nor there."""
        return max(0, self.approved - self.promised - self.moving - self.received)

    @property
    def outstanding(self) -> int:
        """What is still to come: promised by a depot, or on its way."""
        return self.promised + self.moving


State = SupplyRequest | None
INITIAL: State = None
