"""An order that units leave the scene (撤离): written down whole before the first one is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.runtime.actor import Actor
from services.runtime.rejection import Forbidden, NotFound, Rejection

# Commands.


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
class MoveWithdrawal:
    """It follows its incident, one of ``sources``, which was merged into ``incident_id``.

    ``still_in`` are those of its assignments that are not over and of either incident.
    """

    withdrawal_id: str
    sources: frozenset[str]
    incident_id: str
    still_in: tuple[str, ...]
    occurred_at: datetime


Command = OrderWithdrawal | MoveWithdrawal


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalOrdered:
    withdrawal_id: str
    incident_id: str
    adcode: str
    assignment_ids: tuple[str, ...]
    reason: str
    ordered_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalMoved:
    """It stands for ``incident_id``, for whom it covered and for nobody else.

    ``assignment_ids`` are those who were still in: left to people, or not told yet.
    """

    withdrawal_id: str
    incident_id: str
    adcode: str
    from_incident_id: str
    assignment_ids: tuple[str, ...]
    reason: str
    occurred_at: datetime


Event = WithdrawalOrdered | WithdrawalMoved

# The order as it was given, for the incident that it is for now.
State = WithdrawalOrdered | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case OrderWithdrawal():
            return order(command, state)
        case MoveWithdrawal():
            return move(command, state)
        case _:
            assert_never(command)


def order(command: OrderWithdrawal, state: State) -> list[Event]:
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


def move(command: MoveWithdrawal, state: State) -> list[Event]:
    """Let it follow its incident while somebody is still in; what is done stays where it was."""
    if state is None:
        raise NotFound(
            "NO_SUCH_WITHDRAWAL",
            f"no withdrawal {command.withdrawal_id}",
            withdrawal_id=command.withdrawal_id,
        )
    still_in = tuple(one for one in state.assignment_ids if one in command.still_in)
    if state.incident_id not in command.sources or not still_in:
        return []
    return [
        WithdrawalMoved(
            withdrawal_id=state.withdrawal_id,
            incident_id=command.incident_id,
            adcode=state.adcode,
            from_incident_id=state.incident_id,
            assignment_ids=still_in,
            reason=state.reason,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case WithdrawalOrdered():
            return event
        case WithdrawalMoved():
            return state and replace(state, incident_id=event.incident_id)
        case _:
            assert_never(event)
