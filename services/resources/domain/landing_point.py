"""A landing point (直升机起降点): where a helicopter can come down, and whether it may now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.resources.domain import moments, region
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import Invalid, NotFound


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What there is to land on (reference/landing_points.json): codes and what people say."""

    version: str
    source: str
    kinds: dict[str, str]
    surfaces: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of a landing point, whole: an entry replaces the one before it.

    Metres and kilograms.  ``elevation_m`` is above the sea, None where nobody measured it;
    ``max_weight_kg`` is 0 where nobody knows.
    """

    kind: str
    name: str
    place: Place
    elevation_m: float | None
    length_m: float
    width_m: float
    surface: str
    max_weight_kg: int
    night_lighting: bool
    restrictions: str
    keeper: str
    keeper_phone: str
    source: str


# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterLandingPoint:
    by: Actor
    landing_point_id: str
    entry: Entry
    vocabulary: Vocabulary
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseLandingPoint:
    by: Actor
    landing_point_id: str
    reason: str
    expected_open_at: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLandingPoint:
    by: Actor
    landing_point_id: str
    note: str
    occurred_at: datetime


Command = RegisterLandingPoint | CloseLandingPoint | OpenLandingPoint


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingPointRegistered:
    landing_point_id: str
    entry: Entry
    vocabulary_version: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingPointRevised:
    landing_point_id: str
    entry: Entry
    vocabulary_version: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingPointClosed:
    landing_point_id: str
    adcode: str
    reason: str
    expected_open_at: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingPointOpened:
    landing_point_id: str
    adcode: str
    note: str
    occurred_at: datetime


Event = LandingPointRegistered | LandingPointRevised | LandingPointClosed | LandingPointOpened


# State.


@dataclass(frozen=True, slots=True)
class Closure:
    reason: str
    expected_open_at: datetime | None


@dataclass(frozen=True, slots=True)
class LandingPoint:
    entry: Entry
    closure: Closure | None = None


State = LandingPoint | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case RegisterLandingPoint():
            return register(command, state)
        case CloseLandingPoint():
            return close(command, _there(command, state))
        case OpenLandingPoint():
            return open_(command, _there(command, state))
        case _:
            assert_never(command)


def register(command: RegisterLandingPoint, state: State) -> list[Event]:
    """Take in an entry; the same again is no news, so that a list may be loaded twice."""
    entry, words = command.entry, command.vocabulary
    region.require(command.by, entry.place.adcode)
    _require_word("LANDING_POINT_KIND_UNKNOWN", "kind", entry.kind, words.kinds)
    _require_word("SURFACE_UNKNOWN", "surface", entry.surface, words.surfaces)
    if entry.place.latitude is None:
        raise Invalid(
            "POINT_REQUIRED",
            field="place.point",
            got="none",
            allowed="latitude and longitude, WGS-84 degrees: a pilot flies there",
        )
    if state is None:
        return [
            LandingPointRegistered(
                landing_point_id=command.landing_point_id,
                entry=entry,
                vocabulary_version=words.version,
                occurred_at=command.occurred_at,
            )
        ]
    region.require(command.by, state.entry.place.adcode)
    if state.entry == entry:
        return []
    return [
        LandingPointRevised(
            landing_point_id=command.landing_point_id,
            entry=entry,
            vocabulary_version=words.version,
            occurred_at=command.occurred_at,
        )
    ]


def close(command: CloseLandingPoint, point: LandingPoint) -> list[Event]:
    """Close it; of one that is closed, correct why and until when."""
    if point.closure == Closure(command.reason, command.expected_open_at):
        return []
    ahead = command.expected_open_at
    moments.require_after(
        command.occurred_at, ahead, "OPENING_TOO_EARLY", field="expected_open_time"
    )
    return [
        LandingPointClosed(
            landing_point_id=command.landing_point_id,
            adcode=point.entry.place.adcode,
            reason=command.reason,
            expected_open_at=ahead,
            occurred_at=command.occurred_at,
        )
    ]


def open_(command: OpenLandingPoint, point: LandingPoint) -> list[Event]:
    if point.closure is None:
        return []
    return [
        LandingPointOpened(
            landing_point_id=command.landing_point_id,
            adcode=point.entry.place.adcode,
            note=command.note,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case LandingPointRegistered():
            return LandingPoint(event.entry)
        case LandingPointRevised():
            return state and replace(state, entry=event.entry)
        case LandingPointClosed():
            return state and replace(state, closure=Closure(event.reason, event.expected_open_at))
        case LandingPointOpened():
            return state and replace(state, closure=None)
        case _:
            assert_never(event)


def _there(command: CloseLandingPoint | OpenLandingPoint, state: State) -> LandingPoint:
    if state is None:
        raise NotFound(
            "NO_SUCH_LANDING_POINT",
            f"no landing point {command.landing_point_id} is registered",
            landing_point_id=command.landing_point_id,
        )
    region.require(command.by, state.entry.place.adcode)
    return state


def _require_word(reason: str, field: str, got: str, words: dict[str, str]) -> None:
    if got not in words:
        raise Invalid(reason, field=field, got=got, allowed=", ".join(words))
