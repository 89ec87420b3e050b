"""All that a recommendation rests on, so that it can be computed again from this alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.dispatch.domain.run_card.content import Want
from services.runtime.place import Place


class Verdict(StrEnum):
    """Why a unit is picked, is held back, or cannot be had: each unit has exactly one."""

    CLOSEST_BY_ETA = "closest_by_eta"
    CLOSEST_BY_DISTANCE = "closest_by_distance"
    CLOSEST_BY_AREA = "closest_by_area"
    ALREADY_ASSIGNED = "already_assigned"
    FARTHER = "farther"
    LACKS_CAPABILITY = "lacks_capability"
    OUT_OF_SERVICE = "out_of_service"
    HELD = "held"
    NOT_AVAILABLE = "not_available"
    NOT_STAFFED = "not_staffed"
    IN_REST_PERIOD = "in_rest_period"
    NO_POSITION = "no_position"
    POSITION_TOO_OLD = "position_too_old"
    OUTSIDE_RADIUS = "outside_radius"


PICKED = frozenset({Verdict.CLOSEST_BY_ETA, Verdict.CLOSEST_BY_DISTANCE, Verdict.CLOSEST_BY_AREA})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a kind travels, and how long it takes to set out."""

    speed_kmh: float
    turnout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The dispatcher's thresholds (reference/recommendation.json), by version.

    ``road_factor`` makes a road of a line as the crow flies.  ``approval_s`` is what asking for an
    approval costs.  Of the nearest ``routed`` times are asked of an OSRM server.  ``listed`` of
    the refused are named one by one, the others counted.  ``stale_after_s`` is how old the picture
    of the fleet may be before an answer warns of it.
    """

    version: str
    source: str
    road_factor: float
    pace: Pace
    kinds: Mapping[str, Pace] = field(default_factory=dict)
    approval_s: float
    radius_m: int
    position_max_age_s: float
    routed: int
    routing_timeout_s: float
    listed: int
    next_best: int
    stale_after_s: float
    move_ups: int

    def pace_of(self, kind: str) -> Pace:
        return self.kinds.get(kind, self.pace)


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """At least ``minimum`` units of ``kinds`` shall reach its point within ``within_s``."""

    adcode: str
    name: str
    latitude: float
    longitude: float
    kinds: tuple[str, ...]
    minimum: int
    within_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What must not be stripped bare (reference/coverage.json), by version."""

    version: str
    source: str
    areas: tuple[Area, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A unit as it was known.

    ``positioned_at`` is when its live position was fixed, None where its home is taken.
    ``held_until`` is when a reservation lapses, None for a hold that stands.
    ``routed_s`` is the time of travel that a router gave, None where it was not asked or knew none.
    ``position`` is where in the log its facts stand.
    """

    unit_id: str
    name: str = ""
    kind: str
    type: str = ""
    capabilities: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    adcode: str = ""
    latitude: float | None = None
    longitude: float | None = None
    positioned_at: datetime | None = None
    out_of_service: bool = False
    says_not_available: bool = False
    holder: str = ""
    held_for: str = ""
    held_until: datetime | None = None
    crew: int = 0
    minimum_crew: int = 0
    rest_until: datetime | None = None
    mobilisation_class: str = ""
    position: int = 0
    routed_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Units that are not listed: which wants they suit, why they do not go, and how many."""

    wants: tuple[int, ...]
    verdict: Verdict
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The run card that was followed, and why it and no other."""

    run_card_id: str
    version: int
    alarm_level: int
    reasons: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()
    planned_start_at: datetime | None = None
    instructions: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """How much was known of the units: up to a position of the log, and how long ago, seconds."""

    position: int
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """``approval_classes`` are the classes of force that the caller may not order directly.

    ``routing_fallback`` says why nothing is routed although a router is set.
    """

    at: datetime
    incident_id: str
    type_code: str
    place: Place
    wants: tuple[Want, ...]
    radius_m: int
    candidates: tuple[Candidate, ...]
    rest: tuple[Rest, ...] = ()
    areas: tuple[Area, ...] = ()
    rules: Rules
    coverage_version: str = ""
    card: Card | None = None
    fleet: Fleet
    approval_classes: tuple[str, ...] = ()
    routing_fallback: str = ""
