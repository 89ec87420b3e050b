"""Who is inside which hazard area, by the newest positions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import cos, radians

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from services.resources.domain.fix import Fix
from services.resources.domain.hazard_area import Rings

METRES_OF_A_DEGREE = 111_195.0
FLATTEST = 0.01


@dataclass(frozen=True, slots=True)
class Area:
    """One as it was last drawn, which is at ``position`` of the log.

    ``edge`` is the outline with a margin: who is outside of that has left.
    """

    hazard_area_id: str
    name: str
    incident_id: str
    exercise: str
    drawn_at: datetime
    position: int
    outline: BaseGeometry
    edge: BaseGeometry

    @classmethod
    def drawn(
        cls,
        hazard_area_id: str,
        *,
        name: str,
        incident_id: str,
        exercise: str,
        drawn_at: datetime,
        position: int,
        rings: Rings,
        margin_m: float,
    ) -> Area:
        outline = shapely.Polygon(rings[0], rings[1:])
        across = max(cos(radians(outline.centroid.y)), FLATTEST)
        edge = outline.buffer(margin_m / METRES_OF_A_DEGREE / across)
        shapely.prepare(outline)
        shapely.prepare(edge)
        return cls(hazard_area_id, name, incident_id, exercise, drawn_at, position, outline, edge)


class Areas:
    """The areas in force, found by place through a tree."""

    def __init__(self, areas: Iterable[Area] = ()) -> None:
        self._areas = {area.hazard_area_id: area for area in areas}
        self._order = list(self._areas.values())
        self._tree = shapely.STRtree([area.outline for area in self._order])

    def get(self, hazard_area_id: str) -> Area | None:
        return self._areas.get(hazard_area_id)

    def around(self, fixes: Sequence[Fix]) -> dict[str, list[Area]]:
        """Return by unit the areas that hold it, of its own exercise; nothing where none does."""
        found: dict[str, list[Area]] = {}
        if not self._order or not fixes:
            return found
        points = shapely.points(
            np.array([fix.longitude for fix in fixes]), np.array([fix.latitude for fix in fixes])
        )
        for index, number in self._tree.query(points, predicate="intersects").T:
            fix, area = fixes[index], self._order[number]
            if fix.exercise == area.exercise:
                found.setdefault(fix.unit_id, []).append(area)
        return found

    def has_left(self, hazard_area_id: str, fix: Fix) -> bool:
        """Whether a unit that was in an area in force is clearly out of it."""
        return not shapely.contains_xy(
            self._areas[hazard_area_id].edge, fix.longitude, fix.latitude
        )
