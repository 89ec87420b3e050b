"""Where a unit was when it mattered: at a change of its status, and at the edge of a danger.

Positions themselves are no events (ADR 0016); these few are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never


class Left(StrEnum):
    """Why a unit is inside a hazard area no more."""

    MOVED = "moved"
    LIFTED = "lifted"


# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class NotePosition:
    """``because`` is the type of the fact at which the position is noted."""

    unit_id: str
    latitude: float
    longitude: float
    accuracy_m: float | None
    fixed_at: datetime
    source: str
    because: str
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterHazardArea:
    unit_id: str
    hazard_area_id: str
    incident_id: str
    latitude: float
    longitude: float
    accuracy_m: float | None
    source: str
    occurred_at: datetime
    area_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveHazardArea:
    unit_id: str
    hazard_area_id: str
    incident_id: str
    why: Left
    latitude: float | None
    longitude: float | None
    source: str
    occurred_at: datetime


Command = NotePosition | EnterHazardArea | LeaveHazardArea


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPositionNoted:
    """``fixed_at`` is when the device was there, ``occurred_at`` when it was worth noting."""

    unit_id: str
    adcode: str
    latitude: float
    longitude: float
    accuracy_m: float | None
    fixed_at: datetime
    source: str
    because: str
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitEnteredHazardArea:
    unit_id: str
    adcode: str
    hazard_area_id: str
    incident_id: str
    latitude: float
    longitude: float
    accuracy_m: float | None
    source: str
    occurred_at: datetime
    area_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitLeftHazardArea:
    """Without a point where the area was lifted and nobody knows where the unit is."""

    unit_id: str
    adcode: str
    hazard_area_id: str
    incident_id: str
    why: Left
    latitude: float | None
    longitude: float | None
    source: str
    occurred_at: datetime


Event = UnitPositionNoted | UnitEnteredHazardArea | UnitLeftHazardArea


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """``inside`` are the hazard areas that the unit is in, by its own positions."""

    noted_fix_at: datetime | None = None
    inside: tuple[str, ...] = ()


def decide(command: Command, adcode: str, state: Whereabouts) -> list[Event]:
    """Return the facts a command adds: none for a fix that is noted, an entry that is known."""
    match command:
        case NotePosition():
            noted = state.noted_fix_at
            if noted is not None and noted >= command.fixed_at:
                return []
            return [
                UnitPositionNoted(
                    unit_id=command.unit_id,
                    adcode=adcode,
                    latitude=command.latitude,
                    longitude=command.longitude,
                    accuracy_m=command.accuracy_m,
                    fixed_at=command.fixed_at,
                    source=command.source,
                    because=command.because,
                    incident_id=command.incident_id,
                    occurred_at=command.occurred_at,
                )
            ]
        case EnterHazardArea():
            if command.hazard_area_id in state.inside:
                return []
            return [
                UnitEnteredHazardArea(
                    unit_id=command.unit_id,
                    adcode=adcode,
                    hazard_area_id=command.hazard_area_id,
                    incident_id=command.incident_id,
                    latitude=command.latitude,
                    longitude=command.longitude,
                    accuracy_m=command.accuracy_m,
                    source=command.source,
                    occurred_at=command.occurred_at,
                    area_name=command.area_name,
                )
            ]
        case LeaveHazardArea():
            if command.hazard_area_id not in state.inside:
                return []
            return [
                UnitLeftHazardArea(
                    unit_id=command.unit_id,
                    adcode=adcode,
                    hazard_area_id=command.hazard_area_id,
                    incident_id=command.incident_id,
                    why=command.why,
                    latitude=command.latitude,
                    longitude=command.longitude,
                    source=command.source,
                    occurred_at=command.occurred_at,
                )
            ]
        case _:
            assert_never(command)


def evolve(state: Whereabouts, event: Event) -> Whereabouts:
    match event:
        case UnitPositionNoted():
            return replace(state, noted_fix_at=event.fixed_at)
        case UnitEnteredHazardArea():
            return replace(state, inside=(*state.inside, event.hazard_area_id))
        case UnitLeftHazardArea():
            left = event.hazard_area_id
            return replace(state, inside=tuple(area for area in state.inside if area != left))
        case _:
            assert_never(event)
