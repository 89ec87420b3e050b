"""The units side by side in columns: among ten thousand, the few that a recommendation is about.

Which of them can go is decided by the domain alone (`gate`); numpy only puts them in the order of
arrival and counts those that nobody needs to look at one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.dispatch.domain.recommendation import gate
from services.dispatch.domain.recommendation.inputs import (
    Area,
    Candidate,
    Inputs,
    Rest,
    Rules,
    Verdict,
)
from services.dispatch.domain.run_card.content import Want
from services.runtime.place import EARTH_RADIUS_M, metres

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]
Shape = tuple[str, str, tuple[str, ...], tuple[str, ...], str]

VERDICTS = list(Verdict)
NUMBER = {verdict: number for number, verdict in enumerate(VERDICTS)}
NOTHING = -1
AREAS, SPARE = 30, 2
GROWTH = 256
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Park:
    """The units of one exercise, or of earnest.

    ``standing`` has what forbids each unit as long as nothing is told of it; ``passing`` the rows
    where that depends on the time.
    """

    units: list[Candidate] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    incidents: dict[str, set[int]] = field(default_factory=dict)
    shapes: dict[Shape, int] = field(default_factory=dict)
    passing: set[int] = field(default_factory=set)
    shape: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    standing: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    vectors: Floats = field(default_factory=lambda: np.zeros((0, 3)))

    def put(self, unit: Candidate) -> None:
        """Take in what is known of a unit now."""
        row = self.rows.setdefault(unit.unit_id, len(self.units))
        if row == len(self.units):
            self.units.append(unit)
            self._grow()
        elif (was := self.units[row].held_for) and was != unit.held_for:
            self.incidents[was].discard(row)
        self.units[row] = unit
        if unit.held_for:
            self.incidents.setdefault(unit.held_for, set()).add(row)
        self.shape[row] = self.shapes.setdefault(_shape(unit), len(self.shapes))
        self.vectors[row] = _vector(unit.latitude, unit.longitude)
        (self.passing.discard, self.passing.add)[unit.held_until is not None or _rests(unit)](row)
        self.standing[row] = _standing(replace(unit, held_until=None, rest_until=None))

    def get(self, unit_id: str) -> Candidate | None:
        row = self.rows.get(unit_id)
        return None if row is None else self.units[row]

    def muster(self, asked: Inputs) -> Muster:
        """Look for the units that matter to what is asked."""
        return Muster(self, asked)

    def _grow(self) -> None:
        if len(self.units) <= len(self.shape):
            return
        more = max(GROWTH, len(self.shape))
        self.shape = np.concatenate([self.shape, np.zeros(more, np.int64)])
        self.standing = np.concatenate([self.standing, np.zeros(more, np.int64)])
        self.vectors = np.concatenate([self.vectors, np.full((more, 3), np.nan)])


class Muster:
    """One look over a park: who is kept to be judged, and why the others need not be."""

    def __init__(self, park: Park, asked: Inputs) -> None:
        self._park, self._asked = park, asked
        count = len(park.units)
        shapes = park.shape[:count]
        listed = list(park.shapes)
        self._suits = [
            np.array([_suits(shape, want) for shape in listed], bool)[shapes]
            for want in asked.wants
        ]
        self._suited = np.zeros(count, np.int64)  # a bit for each want
        for number, suits in enumerate(self._suits):
            self._suited[suits] |= 1 << number
        self._why = park.standing[:count].copy()
        for row in park.passing:
            self._why[row] = _standing(park.units[row], asked.at)
        self._why[self._suited == 0] = NUMBER[Verdict.LACKS_CAPABILITY]
        self._kept: set[int] = set(park.incidents.get(asked.incident_id, ()))
        self._areas: list[Area] = []
        self._choose()

    def inputs(self, routed_s: Mapping[str, float]) -> Inputs:
        """Return what was asked with the candidates that matter; all others are counted."""
        units = self._park.units
        candidates = sorted((units[row] for row in self._kept), key=lambda unit: unit.unit_id)
        return replace(
            self._asked,
            candidates=tuple(
                replace(unit, routed_s=routed_s[unit.unit_id]) if unit.unit_id in routed_s else unit
                for unit in candidates
            ),
            rest=self._rest(),
            areas=tuple(self._areas),
        )

    def cover(self, areas: Sequence[Area], picked: Sequence[str]) -> None:
        """Keep also who could cover the areas that these picks may strip."""
        kinds = {unit.kind for unit in map(self._park.get, picked) if unit is not None}
        asked = self._asked
        self._areas = _nearest(asked, [area for area in areas if kinds & set(area.kinds)])
        for area in self._areas:
            self._cover(area, area.minimum + len(picked) + asked.rules.move_ups + SPARE)

    def _cover(self, area: Area, enough: int) -> None:
        listed = list(self._park.shapes)
        kinds = np.array([shape[0] in area.kinds for shape in listed], bool)
        free = self._free()
        wanted = kinds[self._park.shape[: len(free)]] & free
        rows = np.flatnonzero(wanted)
        there = self._arrivals(rows, area.latitude, area.longitude, approvals=False)
        for number, row in enumerate(self._ordered(rows, there)):
            if number == enough:
                return
            self._kept.add(row)

    def _choose(self) -> None:
        asked = self._asked
        order = self._order()
        enough = sum(want.number for want in asked.wants) + asked.rules.next_best
        enough = max(enough, asked.rules.routed)
        for suits in self._suits:
            could = 0
            free = np.flatnonzero(suits & (self._why == NOTHING))
            for row in self._ordered(free, order[free]):
                why = None if row in self._kept else gate.refused(self._park.units[row], asked)
                if why is None:
                    self._kept.add(row)
                    could += 1
                else:
                    self._why[row] = NUMBER[why]
                if could == enough:
                    break
        barred = np.flatnonzero((self._suited != 0) & (self._why != NOTHING))
        for number, row in enumerate(self._ordered(barred, order[barred])):
            if number == asked.rules.listed:
                break
            self._kept.add(row)

    def _order(self) -> Floats:
        """Return when each unit would arrive; without a point, how near its home is by code."""
        asked, place, count = self._asked, self._asked.place, len(self._why)
        order = np.full(count, np.inf)
        rows = np.flatnonzero(self._suited)
        if place.latitude is None or place.longitude is None:
            units = self._park.units
            order[rows] = [-gate.shared_digits(units[row], asked) for row in rows.tolist()]
        else:
            order[rows] = self._arrivals(rows, place.latitude, place.longitude, approvals=True)
        return order

    def _free(self) -> Bools:
        standing = self._park.standing[: len(self._why)].copy()
        for row in self._park.passing:
            standing[row] = _standing(self._park.units[row], self._asked.at)
        return np.asarray(standing == NOTHING)

    def _rest(self) -> tuple[Rest, ...]:
        left = np.ones(len(self._why), bool)
        left[list(self._kept)] = False
        why = np.where(self._why == NOTHING, NUMBER[Verdict.FARTHER], self._why)[left]
        pairs, counts = np.unique(self._suited[left] * len(VERDICTS) + why, return_counts=True)
        return tuple(
            Rest(
                wants=_bits(int(pair) // len(VERDICTS)),
                verdict=VERDICTS[int(pair) % len(VERDICTS)],
                count=int(count),
            )
            for pair, count in zip(pairs, counts, strict=True)
        )

    def _arrivals(
        self, rows: Ints, latitude: float, longitude: float, *, approvals: bool
    ) -> Floats:
        """Return the seconds until each unit is at a point; infinite without a position."""
        park, rules = self._park, self._asked.rules
        classes = self._asked.approval_classes if approvals else ()
        paces = np.array([_pace(shape, rules, classes) for shape in park.shapes]).reshape(-1, 2)
        setting_out, each_metre = paces[park.shape[rows]].T
        chords = park.vectors[rows] - _vector(latitude, longitude)
        half = np.sqrt(np.einsum("ij,ij->i", chords, chords)) / 2
        away = 2 * EARTH_RADIUS_M * np.arcsin(np.minimum(1.0, half))
        seconds = np.round(setting_out + away * each_metre, 1)
        return np.where(np.isnan(seconds), np.inf, seconds)

    def _ordered(self, rows: Ints, by: Floats) -> Iterator[int]:
        """Yield rows by their own values, the least first and of equals the lower id."""
        order = np.argsort(by, kind="stable")
        rows, by = rows[order], by[order]
        cuts = np.flatnonzero(by[1:] != by[:-1]) + 1
        units = self._park.units
        start = 0
        for end in [*cuts.tolist(), len(rows)]:
            group = rows[start:end].tolist()
            yield from (
                group if len(group) == 1 else sorted(group, key=lambda row: units[row].unit_id)
            )
            start = end


def _bits(suited: int) -> tuple[int, ...]:
    return tuple(number for number in range(suited.bit_length()) if suited >> number & 1)


def _shape(unit: Candidate) -> Shape:
    return (unit.kind, unit.type, unit.capabilities, unit.attributes, unit.mobilisation_class)


def _suits(shape: Shape, want: Want) -> bool:
    kind, type_, capabilities, attributes, _ = shape
    unit = Candidate(
        unit_id="", kind=kind, type=type_, capabilities=capabilities, attributes=attributes
    )
    return gate.suits(unit, want)


def _pace(shape: Shape, rules: Rules, approval_classes: Sequence[str]) -> tuple[float, float]:
    """Return the seconds before a unit sets out, and those for each metre as the crow flies."""
    approval = rules.approval_s if shape[-1] in approval_classes else 0.0
    return approval + rules.pace_of(shape[0]).turnout_s, gate.travel_s(1.0, shape[0], rules)


def _standing(unit: Candidate, at: datetime | None = None) -> int:
    why = gate.standing(unit, at or LONG_AGO)
    return NOTHING if why is None else NUMBER[why]


def _rests(unit: Candidate) -> bool:
    return unit.rest_until is not None


def _vector(latitude: float | None, longitude: float | None) -> Any:
    if latitude is None or longitude is None:
        return np.full(3, np.nan)
    south, east = np.radians(latitude), np.radians(longitude)
    return np.array([np.cos(south) * np.cos(east), np.cos(south) * np.sin(east), np.sin(south)])


def _nearest(asked: Inputs, areas: Sequence[Area]) -> list[Area]:
    place = asked.place
    if place.latitude is None or place.longitude is None:
        return list(areas)[:AREAS]
    here = (place.latitude, place.longitude)
    return sorted(areas, key=lambda area: metres(here, (area.latitude, area.longitude)))[:AREAS]
