"""指挥权移交: what is asked for and what happens while command is handed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.runtime.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """What ICS wants the incoming commander told; empty parts were not written down."""

    history: str = ""
    priorities: str = ""
    plan: str = ""
    assignments: str = ""
    organisation: str = ""
    resources: str = ""
    facilities: str = ""
    communications: str = ""
    constraints: str = ""
    potential: str = ""
    delegation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeTransfer:
    """``effective_at`` is None where it is to rule on acceptance; ``reason`` is a superior's."""

    by: Actor
    incident_id: str
    transfer_id: str
    to: str
    briefing: str
    details: Briefing
    effective_at: datetime | None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeBriefing:
    by: Actor
    incident_id: str
    transfer_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptTransfer:
    """An empty ``transfer_id`` is the one that waits."""

    by: Actor
    incident_id: str
    transfer_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineTransfer:
    by: Actor
    incident_id: str
    transfer_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawTransfer:
    by: Actor
    incident_id: str
    transfer_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeCommand:
    by: Actor
    incident_id: str
    reason: str
    occurred_at: datetime


Command = (
    ProposeTransfer
    | AcknowledgeBriefing
    | AcceptTransfer
    | DeclineTransfer
    | WithdrawTransfer
    | TakeCommand
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferProposed:
    incident_id: str
    adcode: str
    transfer_id: str
    outgoing: str
    incoming: str
    briefing: str
    details: Briefing
    effective_at: datetime | None
    proposed_by: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BriefingAcknowledged:
    incident_id: str
    adcode: str
    transfer_id: str
    incoming: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTransferred:
    """The incoming commands from ``effective_at`` on, the outgoing until then.

    ``concerned`` are all who have a part in the post: they must be told.
    """

    incident_id: str
    adcode: str
    transfer_id: str
    outgoing: str
    incoming: str
    jurisdiction: str
    concerned: tuple[str, ...]
    occurred_at: datetime
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferDeclined:
    incident_id: str
    adcode: str
    transfer_id: str
    outgoing: str
    incoming: str
    proposed_by: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferWithdrawn:
    incident_id: str
    adcode: str
    transfer_id: str
    outgoing: str
    incoming: str
    proposed_by: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTaken:
    """``instead_of`` had accepted command for a later instant and will not hold it."""

    incident_id: str
    adcode: str
    outgoing: str
    incoming: str
    instead_of: str
    jurisdiction: str
    reason: str
    concerned: tuple[str, ...]
    occurred_at: datetime
    effective_at: datetime


Event = (
    TransferProposed
    | BriefingAcknowledged
    | CommandTransferred
    | TransferDeclined
    | TransferWithdrawn
    | CommandTaken
)


class Outcome(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    DISPLACED = "displaced"
    """By a later proposal, or by a superior who took command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """The proposal that waits, whether its briefing is acknowledged, and how others ended."""

    pending: TransferProposed | None = None
    acknowledged: bool = False
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)


def evolve(handover: Handover, event: Event) -> Handover:
    match event:
        case TransferProposed():
            return Handover(
                pending=event,
                outcomes={**_displaced(handover), event.transfer_id: Outcome.PENDING},
            )
        case BriefingAcknowledged():
            return replace(handover, acknowledged=True)
        case CommandTransferred():
            return _ended(handover, event.transfer_id, Outcome.ACCEPTED)
        case TransferDeclined():
            return _ended(handover, event.transfer_id, Outcome.DECLINED)
        case TransferWithdrawn():
            return _ended(handover, event.transfer_id, Outcome.WITHDRAWN)
        case CommandTaken():
            return Handover(outcomes=_displaced(handover))
        case _:
            assert_never(event)


def _ended(handover: Handover, transfer_id: str, outcome: Outcome) -> Handover:
    return Handover(outcomes={**handover.outcomes, transfer_id: outcome})


def _displaced(handover: Handover) -> dict[str, Outcome]:
    if handover.pending is None:
        return {**handover.outcomes}
    return {**handover.outcomes, handover.pending.transfer_id: Outcome.DISPLACED}
