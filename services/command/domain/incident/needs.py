"""需求: what the scene lacks, who promised it, and how much of it has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.runtime.actor import Actor
from services.runtime.place import Place


class Category(StrEnum):
    PERSONNEL = "personnel"
    EQUIPMENT = "equipment"
    SUPPLIES = "supplies"
    TRANSPORT = "transport"
    SHELTER = "shelter"
    TECHNICAL = "technical"


class NeedState(StrEnum):
    OPEN = "open"
    PARTIALLY_MET = "partially_met"
    MET = "met"
    CANCELLED = "cancelled"


ENDED = frozenset({NeedState.MET, NeedState.CANCELLED})


class SourceKind(StrEnum):
    """What stands behind a promise or an arrival; ``reference`` is that thing's id."""

    ASSIGNMENT = "assignment"
    TRANSFER = "transfer"
    SHELTER = "shelter"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    kind: SourceKind
    reference: str
    provider: str


# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseNeed:
    """``quantity`` counts in ``unit``, e.g. 2000 袋."""

    by: Actor
    incident_id: str
    need_id: str
    category: Category
    item: str
    quantity: int
    unit: str
    place: Place
    needed_by: datetime | None
    objective_id: str
    note: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitToNeed:
    by: Actor
    incident_id: str
    need_id: str
    commitment_id: str
    quantity: int
    source: Source
    expected_at: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawCommitment:
    by: Actor
    incident_id: str
    need_id: str
    commitment_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfilNeed:
    """``commitment_id`` names the promise that this part keeps; empty where nobody promised."""

    by: Actor
    incident_id: str
    need_id: str
    fulfilment_id: str
    commitment_id: str
    quantity: int
    source: Source
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelNeed:
    """``in_charge`` says that the caller may cancel what others raised."""

    by: Actor
    incident_id: str
    need_id: str
    reason: str
    in_charge: bool
    occurred_at: datetime


OfOne = CommitToNeed | WithdrawCommitment | FulfilNeed | CancelNeed
Command = RaiseNeed | OfOne


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedRaised:
    """``adcode`` is the incident's; where it is needed is ``place``."""

    incident_id: str
    adcode: str
    need_id: str
    category: Category
    item: str
    quantity: int
    unit: str
    place: Place
    needed_by: datetime | None
    objective_id: str
    note: str
    raised_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedCommitted:
    """``committed`` is what stands promised with this, ``remaining`` what has not come."""

    incident_id: str
    adcode: str
    need_id: str
    category: Category
    commitment_id: str
    quantity: int
    source: Source
    expected_at: datetime | None
    committed: int
    remaining: int
    committed_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedCommitmentWithdrawn:
    incident_id: str
    adcode: str
    need_id: str
    category: Category
    commitment_id: str
    reason: str
    committed: int
    remaining: int
    withdrawn_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedFulfilled:
    """A part has come; the need is met when nothing is ``remaining``."""

    incident_id: str
    adcode: str
    need_id: str
    category: Category
    fulfilment_id: str
    commitment_id: str
    quantity: int
    source: Source
    committed: int
    remaining: int
    fulfilled_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedCancelled:
    incident_id: str
    adcode: str
    need_id: str
    category: Category
    reason: str
    cancelled_by: str
    occurred_at: datetime


Event = NeedRaised | NeedCommitted | NeedCommitmentWithdrawn | NeedFulfilled | NeedCancelled


# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """``outstanding`` is what of it has neither come nor been withdrawn."""

    quantity: int
    source: Source
    expected_at: datetime | None
    outstanding: int
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    asked: NeedRaised
    commitments: Mapping[str, Commitment] = field(default_factory=dict)
    fulfilments: Mapping[str, NeedFulfilled] = field(default_factory=dict)
    cancelled: bool = False

    @property
    def fulfilled(self) -> int:
        return sum(part.quantity for part in self.fulfilments.values())

    @property
    def remaining(self) -> int:
        return self.asked.quantity - self.fulfilled

    @property
    def committed(self) -> int:
        return sum(promise.outstanding for promise in self.commitments.values())

    @property
    def state(self) -> NeedState:
        if self.remaining <= 0:
            return NeedState.MET
        if self.cancelled:
            return NeedState.CANCELLED
        return NeedState.PARTIALLY_MET if self.fulfilments else NeedState.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    needs: Mapping[str, Need] = field(default_factory=dict)

    def open(self) -> tuple[Need, ...]:
        return tuple(need for need in self.needs.values() if need.state not in ENDED)
