"""What dispatch must know of a need of people, equipment or transport.

``version`` is the revision of the incident's own stream that a fact speaks of: news may overtake
each other on the way, and the newest counts.  What is over stays over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.runtime.place import Place


class Category(StrEnum):
    PERSONNEL = "personnel"
    EQUIPMENT = "equipment"
    TRANSPORT = "transport"


class Ending(StrEnum):
    MET = "met"
    CANCELLED = "cancelled"
    MOVED = "moved"  # it goes on under another incident


# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteNeed:
    incident_id: str
    need_id: str
    category: Category
    item: str
    quantity: int
    unit: str
    place: Place
    needed_by: datetime | None
    note: str
    committed: int
    remaining: int
    version: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CountNeed:
    incident_id: str
    need_id: str
    committed: int
    remaining: int
    version: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndNeed:
    incident_id: str
    need_id: str
    ending: Ending
    occurred_at: datetime


Command = NoteNeed | CountNeed | EndNeed


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitNeedNoted:
    """``quantity`` counts in ``unit``; ``committed`` is promised, ``remaining`` not yet there."""

    incident_id: str
    need_id: str
    category: Category
    item: str
    quantity: int
    unit: str
    place: Place
    needed_by: datetime | None
    note: str
    committed: int
    remaining: int
    version: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitNeedCounted:
    incident_id: str
    need_id: str
    committed: int
    remaining: int
    version: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitNeedEnded:
    incident_id: str
    need_id: str
    ending: Ending
    occurred_at: datetime


Event = UnitNeedNoted | UnitNeedCounted | UnitNeedEnded


# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """``version`` is the newest that any count spoke of; ``noted`` that the asking is known."""

    version: int = -1
    noted: bool = False
    ended: bool = False
    committed: int = 0
    remaining: int = 0


State = Known
INITIAL: State = Known()


def decide(command: Command, state: State) -> list[Event]:
    """Return what is new in a command: nothing in what is old or known."""
    match command:
        case NoteNeed():
            return [] if state.noted else [_noted(command)]
        case CountNeed():
            if state.ended or command.version <= state.version:
                return []
            return [
                UnitNeedCounted(
                    incident_id=command.incident_id,
                    need_id=command.need_id,
                    committed=command.committed,
                    remaining=command.remaining,
                    version=command.version,
                    occurred_at=command.occurred_at,
                )
            ]
        case EndNeed():
            if state.ended:
                return []
            return [
                UnitNeedEnded(
                    incident_id=command.incident_id,
                    need_id=command.need_id,
                    ending=command.ending,
                    occurred_at=command.occurred_at,
                )
            ]
        case _:
            assert_never(command)


def _noted(command: NoteNeed) -> UnitNeedNoted:
    return UnitNeedNoted(
        incident_id=command.incident_id,
        need_id=command.need_id,
        category=command.category,
        item=command.item,
        quantity=command.quantity,
        unit=command.unit,
        place=command.place,
        needed_by=command.needed_by,
        note=command.note,
        committed=command.committed,
        remaining=command.remaining,
        version=command.version,
        occurred_at=command.occurred_at,
    )


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case UnitNeedNoted():
            return replace(_counted(state, event), noted=True)
        case UnitNeedCounted():
            return _counted(state, event)
        case UnitNeedEnded():
            return replace(state, ended=True)
        case _:
            assert_never(event)


def _counted(state: State, event: UnitNeedNoted | UnitNeedCounted) -> State:
    if event.version <= state.version:
        return state
    return replace(
        state, version=event.version, committed=event.committed, remaining=event.remaining
    )
