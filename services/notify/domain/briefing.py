"""A briefing: what notify remembers of an incident, so that a message can say which one it is.

Who commands it is remembered too, so that a commander is told without having asked for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.runtime.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteIncident:
    incident_id: str
    title: str
    place: Place
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteCommander:
    """``position`` is that of the event which says so; news may come out of order."""

    incident_id: str
    commander: str
    effective_at: datetime
    position: int
    occurred_at: datetime


Command = NoteIncident | NoteCommander


@dataclass(frozen=True, slots=True, kw_only=True)
class BriefingTaken:
    incident_id: str
    title: str
    place: Place
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommanderNoted:
    incident_id: str
    commander: str
    effective_at: datetime
    position: int
    occurred_at: datetime


Event = BriefingTaken | CommanderNoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """``commanders`` are in the order in which they were said to command."""

    incident: BriefingTaken | None = None
    commanders: tuple[CommanderNoted, ...] = ()

    def commander(self, moment: datetime) -> str:
        """Return who commands at ``moment``; empty where nobody is known to.

        What was said last counts: who takes command takes it from whoever was to have it later.
        """
        held = [noted for noted in self.commanders if noted.effective_at <= moment]
        return held[-1].commander if held else ""


State = Briefing
INITIAL: State = Briefing()


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds: an incident is opened once, a commander noted once."""
    match command:
        case NoteIncident():
            if state.incident is not None:
                return []
            return [
                BriefingTaken(
                    incident_id=command.incident_id,
                    title=command.title,
                    place=command.place,
                    occurred_at=command.occurred_at,
                )
            ]
        case NoteCommander():
            if any(noted.position == command.position for noted in state.commanders):
                return []
            return [
                CommanderNoted(
                    incident_id=command.incident_id,
                    commander=command.commander,
                    effective_at=command.effective_at,
                    position=command.position,
                    occurred_at=command.occurred_at,
                )
            ]
        case _:
            assert_never(command)


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case BriefingTaken():
            return replace(state, incident=event)
        case CommanderNoted():
            return replace(state, commanders=_said(state.commanders, event))
        case _:
            assert_never(event)


def _said(
    commanders: tuple[CommanderNoted, ...], event: CommanderNoted
) -> tuple[CommanderNoted, ...]:
    """Return who is said to command from when, each taken from whoever was to have it later."""
    told = sorted((*commanders, event), key=lambda noted: noted.position)
    return tuple(
        noted
        for number, noted in enumerate(told)
        if all(noted.effective_at < later.effective_at for later in told[number + 1 :])
    )
