"""The people of the unit: whose shift it is, and whether they are in danger themselves."""

from __future__ import annotations

from typing import assert_never

from services.dispatch.domain.assignment import rules
from services.dispatch.domain.assignment.commands import DeclareMayday, HandOverCrew, ResolveMayday
from services.dispatch.domain.assignment.state import Over, Preplanned, Requested, There, Underway
from services.dispatch.domain.events import (
    CrewHandedOver,
    Event,
    MaydayDeclared,
    MaydayResolved,
    Stage,
)
from services.runtime.rejection import Rejection


def hand_over(command: HandOverCrew, state: There) -> list[Event]:
    """Give it to the next shift; only who has it can hand it on."""
    match state:
        case Preplanned() | Requested():
            raise rules.not_dispatched(state.order)
        case Over():
            raise rules.closed(state)
        case Underway(known=known):
            if known.leader == command.incoming:
                return []
            if known.leader not in {"", command.outgoing}:
                raise Rejection(
                    "NOT_THE_CREW_LEADER",
                    f"{known.leader} leads the crew of {command.assignment_id} now, "
                    f"not {command.outgoing}",
                    assignment_id=command.assignment_id,
                    leader=known.leader,
                    requested=command.outgoing,
                )
        case _:
            assert_never(state)
    return [
        CrewHandedOver(
            **rules.about(state.order),
            outgoing=command.outgoing,
            incoming=command.incoming,
            crew=command.crew,
            briefing=command.briefing,
            handed_over_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def declare_mayday(command: DeclareMayday, state: There) -> list[Event]:
    """Flag it, even after its end: somebody may call from a unit that looks free."""
    match state:
        case Preplanned() | Requested():
            raise rules.not_dispatched(state.order)
        case Over(ending=Stage.REFUSED):
            raise rules.closed(state)
        case Underway() | Over():
            if state.known.mayday:
                return []
        case _:
            assert_never(state)
    return [
        MaydayDeclared(
            **rules.about(state.order),
            situation=command.situation,
            declared_by=command.by.subject,
            source=command.source,
            occurred_at=command.occurred_at,
        )
    ]


def resolve_mayday(command: ResolveMayday, state: There) -> list[Event]:
    if not isinstance(state, Underway | Over) or not state.known.mayday:
        return []
    return [
        MaydayResolved(
            **rules.about(state.order),
            outcome=command.outcome,
            resolved_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]
