"""An order that units leave the scene (撤离): written down whole before the first one is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.runtime.actor import Actor
from services.runtime.rejection import Forbidden, Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWithdrawal:
    by: Actor
    withdrawal_id: str
    incident_id: str
    adcode: str
    assignment_ids: tuple[str, ...]
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalOrdered:
    withdrawal_id: str
    incident_id: str
    adcode: str
    assignment_ids: tuple[str, ...]
    reason: str
    ordered_by: str
    occurred_at: datetime


Command = OrderWithdrawal
Event = WithdrawalOrdered
State = WithdrawalOrdered | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the order; given once."""
    if state is not None:
        return []
    if not command.by.covers(command.adcode):
        raise Forbidden(
            "OUTSIDE_JURISDICTION",
            f"{command.adcode} is outside {command.by.jurisdiction}, the jurisdiction of "
            f"{command.by.subject}",
            adcode=command.adcode,
            jurisdiction=command.by.jurisdiction,
            subject=command.by.subject,
        )
    if not command.assignment_ids:
        raise Rejection(
            "NOBODY_TO_WITHDRAW",
            f"no unit is out for {command.incident_id}: there is nobody to withdraw",
            incident_id=command.incident_id,
        )
    return [
        WithdrawalOrdered(
            withdrawal_id=command.withdrawal_id,
            incident_id=command.incident_id,
            adcode=command.adcode,
            assignment_ids=command.assignment_ids,
            reason=command.reason,
            ordered_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(_: State, event: Event) -> State:
    return event
