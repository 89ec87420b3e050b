"""The units side by side in columns: among ten thousand, the few that a recommendation is about.

Which of them can go is decided by the domain alone (`gate`); numpy only puts them in the order of
arrival and counts those that nobody needs to look at one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.dispatch.domain.recommendation import gate
from services.dispatch.domain.recommendation.inputs import (
    Area,
    Candidate,
    Inputs,
    Rest,
    Verdict,
)
from services.dispatch.domain.run_card.content import Want
from services.runtime.place import EARTH_RADIUS_M, metres

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Shape = tuple[str, str, tuple[str, ...], tuple[str, ...], str]

VERDICTS = list(Verdict)
NUMBER = {verdict: number for number, verdict in enumerate(VERDICTS)}
NOTHING = -1
AREAS, SPARE, FEW = 30, 2, 32
GROWTH = 256
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Park:
    """The units of one exercise, or of earnest.

    ``shape`` has for each unit the one of ``examples`` that is alike in all that is lasting.
    ``standing`` has what forbids each unit as long as nothing is told of it; ``passing`` the rows
    where that depends on the time.
    """

    units: list[Candidate] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    incidents: dict[str, set[int]] = field(default_factory=dict)
    shapes: dict[Shape, int] = field(default_factory=dict)
    examples: list[Candidate] = field(default_factory=list)
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
        if len(self.examples) < len(self.shapes):
            self.examples.append(unit)
        self.vectors[row] = _vector(unit.latitude, unit.longitude)
        (self.passing.discard, self.passing.add)[unit.held_until is not None or _rests(unit)](row)
        self.standing[row] = _standing(replace(unit, held_until=None, rest_until=None))

    def get(self, unit_id: str) -> Candidate | None:
        row = self.rows.get(unit_id)
        return None if row is None else self.units[row]

    def muster(self, asked: Inputs, *, routed: bool) -> Muster:
        """Look for the units that matter to what is asked; ``routed`` if a router is asked next."""
        return Muster(self, asked, asked.rules.routed if routed else 0)

    def _grow(self) -> None:
        if len(self.units) <= len(self.shape):
            return
        more = max(GROWTH, len(self.shape))
        self.shape = np.concatenate([self.shape, np.zeros(more, np.int64)])
        self.standing = np.concatenate([self.standing, np.zeros(more, np.int64)])
        self.vectors = np.concatenate([self.vectors, np.full((more, 3), np.nan)])


class Muster:
    """One look over a park: who is kept to be judged, and why the others need not be."""

    def __init__(self, park: Park, asked: Inputs, routed: int) -> None:
        self._park, self._asked = park, asked
        count = len(park.units)
        bits = [_suited(unit, asked.wants) for unit in park.examples]
        self._suitings, codes = np.unique(np.array(bits, np.int64), return_inverse=True)
        self._shape = park.shape[:count]
        self._suiting = codes[self._shape]
        self._suited = self._suitings[self._suiting]
        self._why = park.standing[:count].copy()
        for row in park.passing:
            self._why[row] = _standing(park.units[row], asked.at)
        self._free = self._why == NOTHING
        self._why[self._suited == 0] = NUMBER[Verdict.LACKS_CAPABILITY]
        paces = [asked.rules.pace_of(unit.kind) for unit in park.examples]
        self._turnout = np.array([pace.turnout_s for pace in paces])
        self._each_metre = np.array([gate.travel_s(1.0, pace, asked.rules) for pace in paces])
        self._kept = set(park.incidents.get(asked.incident_id, ()))
        self._areas: list[Area] = []
        self._choose(routed)

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

    def cover(self, areas: Sequence[Area], picked: Sequence[Candidate]) -> None:
        """Keep also who could cover the areas that these picks may strip."""
        kinds = {unit.kind for unit in picked}
        asked = self._asked
        self._areas = _nearest(asked, [area for area in areas if kinds & set(area.kinds)])
        for kinds_of_area in {area.kinds for area in self._areas}:
            of_kind = np.array([unit.kind in kinds_of_area for unit in self._park.examples], bool)
            rows = np.flatnonzero(of_kind[self._shape] & self._free)
            for area in self._areas:
                if area.kinds == kinds_of_area:
                    there = self._arrivals(rows, area.latitude, area.longitude)
                    enough = area.minimum + len(picked) + asked.rules.move_ups + SPARE
                    self._kept.update(islice(self._ordered(rows, there), enough))

    def _choose(self, routed: int) -> None:
        asked = self._asked
        order = self._order()
        enough = sum(want.number for want in asked.wants) + asked.rules.next_best
        enough = max(enough, routed)
        for number in range(len(asked.wants)):
            could = 0
            free = np.flatnonzero((self._suited >> number & 1) & (self._why == NOTHING))
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
        self._kept.update(islice(self._ordered(barred, order[barred]), asked.rules.listed))

    def _order(self) -> Floats:
        """Return when each unit would arrive; without a point, how near its home is by code."""
        asked, place, count = self._asked, self._asked.place, len(self._why)
        order = np.full(count, np.inf)
        rows = np.flatnonzero(self._suited)
        if place.latitude is None or place.longitude is None:
            units = self._park.units
            order[rows] = [-gate.shared_digits(units[row], asked) for row in rows.tolist()]
        else:
            order[rows] = self._arrivals(rows, place.latitude, place.longitude, self._approval())
        return order

    def _rest(self) -> tuple[Rest, ...]:
        left = np.ones(len(self._why), bool)
        left[list(self._kept)] = False
        why = np.where(self._why == NOTHING, NUMBER[Verdict.FARTHER], self._why)[left]
        counts = np.bincount(self._suiting[left] * len(VERDICTS) + why)
        return tuple(
            Rest(
                wants=_bits(int(self._suitings[pair // len(VERDICTS)])),
                verdict=VERDICTS[pair % len(VERDICTS)],
                count=int(counts[pair]),
            )
            for pair in np.flatnonzero(counts).tolist()
        )

    def _approval(self) -> Floats:
        asked = self._asked
        needed = [gate.needs_approval(unit, asked) for unit in self._park.examples]
        return np.where(needed, asked.rules.approval_s, 0.0)

    def _arrivals(
        self, rows: Ints, latitude: float, longitude: float, approval: Floats | float = 0.0
    ) -> Floats:
        """Return the seconds until each unit is at a point; infinite without a position."""
        shape, vectors = self._shape[rows], self._park.vectors[: len(self._shape)]
        cosines = (vectors @ _vector(latitude, longitude))[rows]
        away = EARTH_RADIUS_M * np.arccos(np.minimum(1.0, cosines))
        setting_out = (approval + self._turnout)[shape]
        seconds = np.round(setting_out + away * self._each_metre[shape], 1)
        return np.where(np.isnan(seconds), np.inf, seconds)

    def _ordered(self, rows: Ints, by: Floats) -> Iterator[int]:
        """Yield rows by their own values, the least first and of equals the lower id.

        Only as many are sorted as are asked for, or a few times that.
        """
        units, few = self._park.units, FEW
        while len(rows):
            near = by <= (np.partition(by, few)[few] if len(by) > few else np.inf)
            pairs = zip(by[near].tolist(), rows[near].tolist(), strict=True)
            for _, _, row in sorted((at, units[row].unit_id, row) for at, row in pairs):
                yield row
            rows, by, few = rows[~near], by[~near], few * 4


def _bits(suited: int) -> tuple[int, ...]:
    return tuple(number for number in range(suited.bit_length()) if suited >> number & 1)


def _shape(unit: Candidate) -> Shape:
    return (unit.kind, unit.type, unit.capabilities, unit.attributes, unit.mobilisation_class)


def _suited(unit: Candidate, wants: Sequence[Want]) -> int:
    """Return a bit for each want that a unit suits."""
    return sum(1 << number for number, want in enumerate(wants) if gate.suits(unit, want))


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
