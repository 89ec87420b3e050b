"""The columns of the lists that a county keeps, and how a cell becomes a field of a request."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

SEVERAL = ";"
PARTS = "|"
YES = {"yes", "true", "1", "是"}
NO = {"no", "false", "0", "否", ""}


class Wrong(Exception):
    """A cell that cannot be read: its column, what came and what is allowed."""

    def __init__(self, column: str, got: str, allowed: str) -> None:
        super().__init__(f"{column}: got {got or 'nothing'}, allowed: {allowed}")


@dataclass(frozen=True, slots=True)
class Column:
    """``path`` is where a cell goes in the request; ``read`` makes a value of its text."""

    path: str
    read: Callable[[str, str], Any] = lambda _, text: text
    required: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """What a list is of, known by its first column.  A drill's id is put before ``references``."""

    name: str
    rpc: str
    columns: Mapping[str, Column]
    references: tuple[str, ...]

    @property
    def key(self) -> str:
        return next(iter(self.columns))

    def named(self, path: str) -> str:
        """Return the column, or columns, from which a field of the request came."""
        found = [
            name
            for name, column in self.columns.items()
            if column.path == path or column.path.startswith(f"{path}.")
        ]
        return ", ".join(found) or path


def number(column: str, text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Wrong(column, text, "a number")
    return value


def whole(column: str, text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise Wrong(column, text, "a whole number, 0 or more")
    return int(text)


def yes(column: str, text: str) -> bool:
    if text.lower() not in YES | NO:
        raise Wrong(column, text, "yes or no, 是 or 否")
    return text.lower() in YES


def several(_: str, text: str) -> list[str]:
    return [part.strip() for part in text.split(SEVERAL) if part.strip()]


def word(prefix: str, *words: str) -> Callable[[str, str], str]:
    """Return what reads a word of an enum, whose names begin with ``prefix``."""

    def read(column: str, text: str) -> str:
        if text not in words:
            raise Wrong(column, text, ", ".join(words))
        return f"{prefix}{text.upper()}"

    return read


def words(prefix: str, *known: str) -> Callable[[str, str], list[str]]:
    read = word(prefix, *known)
    return lambda column, text: [read(column, part) for part in several(column, text)]


def qualifications(column: str, text: str) -> list[dict[str, str]]:
    """Read ``name|certificate|end``, the last two of which may be left out, separated by ``;``."""
    return [_qualification(column, part) for part in several(column, text)]


def _qualification(column: str, text: str) -> dict[str, str]:
    name, certificate, end, *more = (*(part.strip() for part in text.split(PARTS)), "", "")
    try:
        ends = date.fromisoformat(end).isoformat() if end else ""
    except ValueError:
        ends, more = "", [end]
    if any(more):
        raise Wrong(column, text, f"name{PARTS}certificate{PARTS}day it ends, e.g. 2030-01-31")
    found = {"name": name, "certificate": certificate}
    return {**found, "expire_time": f"{ends}T00:00:00+08:00"} if ends else found


PLACE = {
    "adcode": Column("place.adcode", required=True),
    "address": Column("place.address"),
    "latitude": Column("place.point.latitude", number),
    "longitude": Column("place.point.longitude", number),
}
RISK_SITES = Kind(
    "risk sites",
    "resources.RiskSiteService/RegisterRiskSite",
    {
        "site_id": Column("site_id", required=True),
        "kind": Column(
            "kind",
            word(
                "RISK_SITE_KIND_",
                "geological",
                "reservoir",
                "tailings_pond",
                "hazardous_chemicals",
                "fireworks",
                "mine",
                "other",
            ),
            required=True,
        ),
        "name": Column("name", required=True),
        **PLACE,
        "key": Column("key", yes),
        "threatened_households": Column("threatened_households", whole),
        "threatened_people": Column("threatened_people", whole),
        "responsible": Column("responsible", required=True),
        "responsible_phone": Column("responsible_phone"),
        "monitor": Column("monitor"),
        "monitor_phone": Column("monitor_phone"),
        "instructions": Column("instructions"),
        "shelter_id": Column("shelter_id"),
        "source": Column("source"),
    },
    ("site_id", "shelter_id"),
)
LANDING_POINTS = Kind(
    "landing points",
    "resources.LandingPointService/RegisterLandingPoint",
    {
        "landing_point_id": Column("landing_point_id", required=True),
        "kind": Column("kind", required=True),
        "name": Column("name", required=True),
        **PLACE,
        "elevation_m": Column("elevation_m", number),
        "length_m": Column("length_m", number, required=True),
        "width_m": Column("width_m", number, required=True),
        "surface": Column("surface", required=True),
        "max_weight_kg": Column("max_weight_kg", whole),
        "night_lighting": Column("night_lighting", yes),
        "restrictions": Column("restrictions"),
        "keeper": Column("keeper"),
        "keeper_phone": Column("keeper_phone"),
        "source": Column("source"),
    },
    ("landing_point_id",),
)
EXPERTS = Kind(
    "experts",
    "resources.ExpertService/RegisterExpert",
    {
        "expert_id": Column("expert_id", required=True),
        "name": Column("name", required=True),
        "adcode": Column("adcode", required=True),
        "types": Column(
            "types", words("EXPERT_TYPE_", "deciding", "on_scene", "technical"), required=True
        ),
        "fields": Column("fields", several, required=True),
        "organisation": Column("organisation"),
        "phone": Column("phone"),
        "second_contact": Column("second_contact"),
        "qualifications": Column("qualifications", qualifications),
        "home_adcode": Column("home.adcode", required=True),
        "home_address": Column("home.address"),
        "latitude": Column("home.point.latitude", number),
        "longitude": Column("home.point.longitude", number),
        "source": Column("source"),
    },
    ("expert_id",),
)
KINDS = {kind.key: kind for kind in (RISK_SITES, LANDING_POINTS, EXPERTS)}
