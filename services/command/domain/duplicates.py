"""Which reports are likely to be about the same: near in place, time and type.

Nothing is joined by likeness.  It is offered with its reasons, and a person decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import cos, radians

from services.runtime.place import EARTH_RADIUS_M, metres

DEGREE_M = EARTH_RADIUS_M * radians(1)
SUBCLASS = 3  # characters of a GB/T 35561 code
COUNTY, TOWNSHIP, VILLAGE = 6, 9, 12  # digits of a GB/T 2260 or GB/T 10114 code


class TypeRelation(StrEnum):
    SAME = "same"
    KINDRED = "kindred"  # of one sub-class
    RELATED = "related"  # one brings the other about
    OTHER = "other"


class Likeness(StrEnum):
    REFERRED_TO = "referred_to"
    SAME_CALLER = "same_caller"
    NEAR = "near"
    SAME_VILLAGE = "same_village"
    SAME_TOWNSHIP = "same_township"
    SAME_COUNTY = "same_county"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """How far apart two reports of one thing may be."""

    radius_m: float
    minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """``thresholds`` by the beginning of a type code, the longest counts; ``related`` are groups.

    ``places`` and ``types`` weigh from 0 to 1; place and time share the score by ``place_share``.
    """

    version: str
    source: str
    default: Threshold
    thresholds: dict[str, Threshold]
    related: tuple[tuple[str, ...], ...]
    types: dict[TypeRelation, float]
    places: dict[Likeness, float]
    place_share: float

    def threshold(self, type_code: str) -> Threshold:
        known = [key for key in self.thresholds if type_code.startswith(key)]
        return self.thresholds[max(known, key=len)] if known else self.default

    def relation(self, one: str, other: str) -> TypeRelation:
        if one == other:
            return TypeRelation.SAME
        if one[:SUBCLASS] == other[:SUBCLASS]:
            return TypeRelation.KINDRED
        for group in self.related:
            if one.startswith(group) and other.startswith(group):
                return TypeRelation.RELATED
        return TypeRelation.OTHER

    def within(self, one: str, other: str) -> Threshold:
        """Return how far apart reports of two types may be: of related ones, as near as both."""
        mine, theirs = self.threshold(one), self.threshold(other)
        choose = min if self.relation(one, other) is TypeRelation.RELATED else max
        return Threshold(
            radius_m=choose(mine.radius_m, theirs.radius_m),
            minutes=choose(mine.minutes, theirs.minutes),
        )

    def reach(self, type_code: str) -> Threshold:
        """Return how far anything can be that is like a report of this type."""
        kin = [
            threshold
            for key, threshold in self.thresholds.items()
            if key[:SUBCLASS] == type_code[:SUBCLASS]
        ]
        like = [*kin, self.threshold(type_code)]
        return Threshold(
            radius_m=max(threshold.radius_m for threshold in like),
            minutes=max(threshold.minutes for threshold in like),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """What of a report is compared; ``callback`` is empty where nobody gave one."""

    report_id: str
    type_code: str
    adcode: str
    latitude: float | None
    longitude: float | None
    callback: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    south: float
    west: float
    north: float
    east: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """``distance_m`` is None where one of the two has no point."""

    score: float
    likenesses: tuple[Likeness, ...]
    distance_m: float | None
    apart: timedelta
    relation: TypeRelation


def match(table: Table, one: Spot, other: Spot, *, referred: bool = False) -> Match | None:
    """Return how alike two reports are, None where they are not; the same both ways."""
    relation = table.relation(one.type_code, other.type_code)
    within = table.within(one.type_code, other.type_code)
    apart = abs(one.occurred_at - other.occurred_at)
    lapsed = apart.total_seconds() / 60 / within.minutes
    metres = distance(one, other)
    likenesses: list[Likeness] = []
    closeness = 0.0
    if referred:
        likenesses.append(Likeness.REFERRED_TO)
    if lapsed <= 1 and one.callback and one.callback == other.callback:
        likenesses.append(Likeness.SAME_CALLER)
        closeness = table.places[Likeness.SAME_CALLER]
    if lapsed <= 1 and relation is not TypeRelation.OTHER:
        place = _place(one, other, metres, within)
        if place is not None:
            likenesses.append(place)
            far = metres / within.radius_m if metres is not None else 0.0
            closeness = max(closeness, table.places[place] * (1 - far))
    if not likenesses:
        return None
    share = table.place_share
    score = table.types[relation] * (share * closeness + (1 - share) * max(0.0, 1 - lapsed))
    return Match(
        score=1.0 if referred else score,
        likenesses=tuple(likenesses),
        distance_m=metres,
        apart=apart,
        relation=relation,
    )


def distance(one: Spot, other: Spot) -> float | None:
    """Return the metres of the great circle between two points."""
    if one.latitude is None or one.longitude is None:
        return None
    if other.latitude is None or other.longitude is None:
        return None
    return metres((one.latitude, one.longitude), (other.latitude, other.longitude))


def around(latitude: float, longitude: float, radius_m: float) -> Box:
    """Return a box that holds the circle; near a pole it goes all around."""
    high = radius_m / DEGREE_M
    narrow = cos(radians(min(90.0, abs(latitude) + high)))
    wide = min(180.0, high / narrow) if narrow > 0 else 180.0
    return Box(
        south=latitude - high, west=longitude - wide, north=latitude + high, east=longitude + wide
    )


def sentence(found: Match) -> str:
    """Return why in a few words: "400 m, 6 min, same type"."""
    words = [
        _distance_said(found.distance_m)
        if likeness is Likeness.NEAR and found.distance_m is not None
        else likeness.replace("_", " ")
        for likeness in found.likenesses
    ]
    return ", ".join([*words, _time_said(found.apart), f"{found.relation} type"])


def _place(one: Spot, other: Spot, metres: float | None, within: Threshold) -> Likeness | None:
    if metres is not None:
        return Likeness.NEAR if metres <= within.radius_m else None
    known = min(len(one.adcode), len(other.adcode))
    for digits, likeness in (
        (VILLAGE, Likeness.SAME_VILLAGE),
        (TOWNSHIP, Likeness.SAME_TOWNSHIP),
    ):
        if known >= digits and one.adcode[:digits] == other.adcode[:digits]:
            return likeness
    if known == COUNTY and one.adcode[:COUNTY] == other.adcode[:COUNTY]:
        return Likeness.SAME_COUNTY
    return None


def _distance_said(metres: float) -> str:
    return f"{metres / 1000:.1f} km" if metres >= 1000 else f"{metres:.0f} m"  # noqa: PLR2004


def _time_said(apart: timedelta) -> str:
    minutes = apart.total_seconds() / 60
    return f"{minutes / 60:.1f} h" if minutes >= 120 else f"{minutes:.0f} min"  # noqa: PLR2004


def ranked(found: Mapping[str, Match]) -> list[tuple[str, Match]]:
    """Return what is referred to, then the likeliest first, and of equals the nearest in time."""

    def place(item: tuple[str, Match]) -> tuple[bool, float, timedelta, str]:
        key, alike = item
        return Likeness.REFERRED_TO not in alike.likenesses, -alike.score, alike.apart, key

    return sorted(found.items(), key=place)
