"""Move-up (增援补位): which areas the picks strip bare, and who could cover them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from services.dispatch.domain.recommendation import gate
from services.dispatch.domain.recommendation.inputs import Area, Candidate, Inputs, Pace, Rules
from services.runtime.place import metres

Ready = tuple[Candidate, tuple[float, float], Pace]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveUp:
    unit_id: str
    arrival_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """An area of which ``left`` units are left.  ``before``: it was short already."""

    adcode: str
    name: str
    kinds: tuple[str, ...]
    minimum: int
    left: int
    before: bool
    move_ups: tuple[MoveUp, ...]


def gaps(asked: Inputs, picked: Collection[str]) -> tuple[Gap, ...]:
    """Return the areas that lose a unit to the picks and are under their minimum then.

    Who could move up neither is picked nor leaves another area under its own minimum.
    """
    ready = [
        (unit, (unit.latitude, unit.longitude), asked.rules.pace_of(unit.kind))
        for unit in asked.candidates
        if unit.latitude is not None
        and unit.longitude is not None
        and gate.standing(unit, asked.at) is None
    ]
    reach = {area: _reach(area, ready, asked.rules) for area in asked.areas}
    covering = {
        area: {unit_id for unit_id, at in times.items() if at <= area.within_s}
        for area, times in reach.items()
    }
    left = {area: units - set(picked) for area, units in covering.items()}
    needed = {
        unit_id for area, units in left.items() if len(units) <= area.minimum for unit_id in units
    }
    return tuple(
        Gap(
            adcode=area.adcode,
            name=area.name,
            kinds=area.kinds,
            minimum=area.minimum,
            left=len(left[area]),
            before=len(units) < area.minimum,
            move_ups=_move_ups(reach[area], {*needed, *picked, *left[area]}, asked.rules.move_ups),
        )
        for area, units in covering.items()
        if len(left[area]) < min(area.minimum, len(units))
    )


def _reach(area: Area, ready: Collection[Ready], rules: Rules) -> dict[str, float]:
    """Return the seconds until each unit of the area's kinds is at its point."""
    point, kinds = (area.latitude, area.longitude), area.kinds
    return {
        unit.unit_id: round(pace.turnout_s + gate.travel_s(metres(here, point), pace, rules), 1)
        for unit, here, pace in ready
        if unit.kind in kinds
    }


def _move_ups(reach: Mapping[str, float], bound: Collection[str], most: int) -> tuple[MoveUp, ...]:
    could = sorted((at, unit_id) for unit_id, at in reach.items() if unit_id not in bound)
    return tuple(MoveUp(unit_id=unit_id, arrival_s=at) for at, unit_id in could[:most])
