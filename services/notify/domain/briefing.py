"""A briefing: what notify remembers of an incident, so that a message can say which one it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.runtime.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteIncident:
    incident_id: str
    title: str
    place: Place
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BriefingTaken:
    incident_id: str
    title: str
    place: Place
    occurred_at: datetime


Command = NoteIncident
Event = BriefingTaken
State = BriefingTaken | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds: an incident is opened once."""
    if state is not None:
        return []
    return [
        BriefingTaken(
            incident_id=command.incident_id,
            title=command.title,
            place=command.place,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(_: State, event: Event) -> State:
    """Fold one fact into the state."""
    return event
