"""What resources must know of an incident that ended: nobody is called up for it any more.

Of one that never ended nothing is known, and nothing needs to be.  ``version`` is the revision of
the incident's own stream that a fact speaks of: news may overtake each other on the way, and the
newest counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.runtime.rejection import Rejection

# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteEnd:
    incident_id: str
    version: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteResumption:
    incident_id: str
    version: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteReplacement:
    """It was merged ``into`` another."""

    incident_id: str
    into: str
    version: int
    occurred_at: datetime


Command = NoteEnd | NoteResumption | NoteReplacement


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentEndNoted:
    incident_id: str
    version: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentResumptionNoted:
    incident_id: str
    version: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentReplacementNoted:
    """It was merged ``into`` another, for good: whoever serves it serves that one."""

    incident_id: str
    into: str
    version: int
    occurred_at: datetime


Event = IncidentEndNoted | IncidentResumptionNoted | IncidentReplacementNoted


# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """``version`` is the newest that any fact spoke of, -1 where nothing was heard.

    ``into`` is the incident that has replaced it; empty for none.
    """

    version: int = -1
    over: bool = False
    into: str = ""


State = Heard
INITIAL: State = Heard()


def decide(command: Command, state: State) -> list[Event]:
    """Return what is new in a command: nothing in what is old or known."""
    match command:
        case NoteEnd() | NoteResumption():
            if command.version <= state.version:
                return []
            cls = IncidentEndNoted if isinstance(command, NoteEnd) else IncidentResumptionNoted
            return [
                cls(
                    incident_id=command.incident_id,
                    version=command.version,
                    occurred_at=command.occurred_at,
                )
            ]
        case NoteReplacement():
            if state.into:
                return []
            return [
                IncidentReplacementNoted(
                    incident_id=command.incident_id,
                    into=command.into,
                    version=command.version,
                    occurred_at=command.occurred_at,
                )
            ]
        case _:
            assert_never(command)


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    newest = max(state.version, event.version)
    match event:
        case IncidentEndNoted():
            return replace(state, version=newest, over=True)
        case IncidentResumptionNoted():
            return replace(state, version=newest, over=bool(state.into))
        case IncidentReplacementNoted():
            return replace(state, version=newest, over=True, into=state.into or event.into)
        case _:
            assert_never(event)


def require_open(incident_id: str, heard: Heard) -> None:
    """Refuse a call-up for an incident that is known to be over.

    ``heard.into`` may name the last of several that replaced one another.
    """
    if heard.into:
        raise Rejection(
            "INCIDENT_MERGED",
            f"incident {incident_id} was merged into {heard.into}: call them up for that one",
            incident_id=incident_id,
            into_incident_id=heard.into,
        )
    if heard.over:
        raise Rejection(
            "INCIDENT_CLOSED",
            f"incident {incident_id} is closed: nobody can be called up for it",
            incident_id=incident_id,
        )
