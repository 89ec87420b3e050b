"""What dispatch must know of an incident: where it is, and whether units may be sent to it.

``version`` is the revision of the incident's own stream that a fact speaks of: news may overtake
each other on the way, and the newest counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.runtime.place import Place

# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteIncident:
    """``into`` is the incident that it was merged into; empty for none."""

    incident_id: str
    place: Place
    call_at: datetime
    is_open: bool
    version: int
    occurred_at: datetime
    into: str = ""
    type_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndIncident:
    incident_id: str
    version: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeIncident:
    incident_id: str
    version: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceIncident:
    incident_id: str
    into: str
    version: int
    occurred_at: datetime


Command = NoteIncident | EndIncident | ResumeIncident | ReplaceIncident


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentNoted:
    """``call_at`` is when its first report was said."""

    incident_id: str
    place: Place
    call_at: datetime
    version: int
    occurred_at: datetime
    type_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentEnded:
    incident_id: str
    version: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentResumed:
    incident_id: str
    version: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentReplaced:
    """It was merged ``into`` another, for good: units are sent to that one."""

    incident_id: str
    into: str
    version: int
    occurred_at: datetime


Event = IncidentNoted | IncidentEnded | IncidentResumed | IncidentReplaced


# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """``version`` is the newest that any fact spoke of; ``noted`` that the place is known.

    ``into`` is the incident that has replaced it; empty for none.
    """

    version: int = -1
    noted: bool = False
    is_open: bool = True
    into: str = ""


State = Known
INITIAL: State = Known()


def decide(command: Command, state: State) -> list[Event]:
    """Return what is new in a command: nothing in what is old or known."""
    match command:
        case NoteIncident():
            return note(command, state)
        case EndIncident() | ResumeIncident():
            return turn(command, state)
        case ReplaceIncident():
            return replace_(command, state)
        case _:
            assert_never(command)


def note(command: NoteIncident, state: State) -> list[Event]:
    about, version, at = command.incident_id, command.version, command.occurred_at
    replaced = replace_(
        ReplaceIncident(incident_id=about, into=command.into, version=version, occurred_at=at),
        state,
    )
    if state.noted and command.into:
        return replaced
    if state.noted:
        cls = ResumeIncident if command.is_open else EndIncident
        return turn(cls(incident_id=about, version=version, occurred_at=at), state)
    noted = IncidentNoted(
        incident_id=about,
        place=command.place,
        call_at=command.call_at,
        version=version,
        occurred_at=at,
        type_code=command.type_code,
    )
    if command.into:
        return [noted, *replaced]
    if command.is_open or version <= state.version:
        return [noted]
    return [noted, IncidentEnded(incident_id=about, version=version, occurred_at=at)]


def turn(command: EndIncident | ResumeIncident, state: State) -> list[Event]:
    """Record every newer fact, even one that changes nothing: an older one may still come."""
    if command.version <= state.version:
        return []
    cls = IncidentEnded if isinstance(command, EndIncident) else IncidentResumed
    return [
        cls(
            incident_id=command.incident_id,
            version=command.version,
            occurred_at=command.occurred_at,
        )
    ]


def replace_(command: ReplaceIncident, state: State) -> list[Event]:
    """Record once who replaced it: that never changes."""
    if not command.into or state.into:
        return []
    return [
        IncidentReplaced(
            incident_id=command.incident_id,
            into=command.into,
            version=command.version,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    newest = max(state.version, event.version)
    match event:
        case IncidentNoted():
            is_open = not state.into and (event.version > state.version or state.is_open)
            return replace(state, version=newest, noted=True, is_open=is_open)
        case IncidentEnded():
            return replace(state, version=newest, is_open=False)
        case IncidentResumed():
            return replace(state, version=newest, is_open=not state.into)
        case IncidentReplaced():
            return replace(state, version=newest, is_open=False, into=state.into or event.into)
        case _:
            assert_never(event)
