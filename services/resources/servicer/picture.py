"""The map in memory: every feature, found by place without asking a database.

Positions change ten thousand times while a row changes once, so the rows that changed are read
only when somebody looks, and a spatial index answers what is where.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import isnan, nan
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Connection, select

from services.resources.domain.fix import Fix
from services.resources.domain.hazard_area import Rings
from services.resources.projections.tables import depots
from services.resources.servicer.layers import LAYERS, Feature, Layer, depot, moved
from services.runtime.place import EARTH_RADIUS_M
from services.runtime.readmodel import Seen
from services.runtime.times import micros

Key = tuple[int, str]
FIRST_SLOTS = 64
NOWHERE = (nan, nan)
"""Where something is that had a place once: near nothing."""


def changed_rows(
    after: int, layers: Sequence[Layer] = LAYERS
) -> Callable[[Connection, Seen], list[Feature]]:
    """Return what reads the features whose rows changed after a position."""
    statements = [
        (layer.draw, select(layer.table).where(layer.table.c.position > after)) for layer in layers
    ]

    def read(connection: Connection, _: Seen) -> list[Feature]:
        found = [draw(row) for draw, rows in statements for row in connection.execute(rows)]
        return sorted(_stood(connection, found), key=lambda feature: feature.position)

    return read


def _stood(connection: Connection, features: list[Feature]) -> Iterator[Feature]:
    """Yield the features, those that stand at a depot with its place."""
    wanted = {feature.at_depot for feature in features if feature.at_depot}
    rows = connection.execute(select(depots).where(depots.c.depot_id.in_(wanted))) if wanted else ()
    places = {row.depot_id: depot(row) for row in rows}
    for feature in features:
        place = places.get(feature.at_depot)
        yield feature if place is None else replace(feature, point=place.point, adcode=place.adcode)


class Picture:
    """Every feature by layer and id, in the order in which they last changed."""

    def __init__(self) -> None:
        self._features: OrderedDict[Key, Feature] = OrderedDict()
        self._points: dict[int, _Points] = {}
        self._areas: dict[int, _Areas] = {}
        self.position = 0
        """Of the last event that is in it."""
        self.cursor = 0
        """Of the last move that is in it."""

    def __len__(self) -> int:
        return len(self._features)

    def get(self, layer: int, id_: str) -> Feature | None:
        return self._features.get((layer, id_))

    def change(self, features: Iterable[Feature], position: int) -> None:
        """Put in what was read of rows; what is newer already stays."""
        for feature in features:
            key = (feature.layer, feature.id)
            before = self._features.get(key)
            if before is not None and before.position > feature.position:
                continue
            fix = None if before is None else before.fix
            self._put(key, feature if fix is None else _newest(feature, fix))
            self._features.move_to_end(key)
        self.position = max(self.position, position)

    def move(self, layer: int, fixes: Iterable[tuple[int, Fix]]) -> None:
        """Put units where they are by now; a unit that no row knows yet is drawn when one does."""
        for cursor, fix in fixes:
            key = (layer, fix.unit_id)
            before = self._features.get(key)
            if before is not None:
                self._put(key, _newest(before, fix))
            self.cursor = max(self.cursor, cursor)

    def changed_after(self, position: int) -> list[Feature]:
        """Return what changed since, the earliest change first."""
        found: list[Feature] = []
        for feature in reversed(self._features.values()):
            if feature.position <= position:
                break
            found.append(feature)
        found.reverse()
        return found

    def within(self, layers: Iterable[int], area: BaseGeometry | None) -> Iterator[Feature]:
        """Yield the features of ``layers`` that meet an area; all that have a place without one."""
        for layer in layers:
            for id_ in self._ids(layer, area):
                yield self._features[layer, id_]

    def nearest(
        self,
        layers: Iterable[int],
        point: tuple[float, float],
        limit: int,
        within_m: float,
        wanted: Callable[[Feature], bool],
    ) -> list[tuple[float, Feature]]:
        """Return the nearest that are wanted, by metres; ``point`` is (longitude, latitude)."""
        found: list[tuple[float, str, Feature]] = []
        for layer in layers:
            for index in (self._points.get(layer), self._areas.get(layer)):
                if index is None:
                    continue
                count = 0
                for metres, id_ in index.by_distance(point, limit):
                    if metres > within_m or count == limit:
                        break
                    feature = self._features[layer, id_]
                    if wanted(feature):
                        found.append((metres, id_, feature))
                        count += 1
        found.sort(key=lambda one: one[:2])
        return [(metres, feature) for metres, _, feature in found[:limit]]

    def _ids(self, layer: int, area: BaseGeometry | None) -> Iterator[str]:
        for index in (self._points.get(layer), self._areas.get(layer)):
            if index is not None:
                yield from index.meeting(area)

    def _put(self, key: Key, feature: Feature) -> None:
        self._features[key] = feature
        points = self._points.setdefault(feature.layer, _Points())
        if feature.point is not None or feature.id in points:
            points.put(feature.id, feature.point or NOWHERE)
        if feature.rings is not None:
            self._areas.setdefault(feature.layer, _Areas()).put(feature.id, feature.rings)


def _newest(feature: Feature, fix: Fix) -> Feature:
    """Return the unit by its position, unless the log knows of a later one."""
    return moved(feature, fix) if micros(fix.fixed_at) >= feature.noted_at else feature


class _Points:
    """Points in two arrays: a distance to ten thousand is one sweep, and a move two numbers."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._slots: dict[str, int] = {}
        self._longitudes = np.empty(FIRST_SLOTS)
        self._latitudes = np.empty(FIRST_SLOTS)

    def __contains__(self, id_: str) -> bool:
        return id_ in self._slots

    def put(self, id_: str, point: tuple[float, float]) -> None:
        slot = self._slots.get(id_)
        if slot is None:
            slot = self._slots[id_] = len(self._ids)
            self._ids.append(id_)
            if slot == len(self._longitudes):
                self._longitudes = np.concatenate([self._longitudes, np.empty(slot)])
                self._latitudes = np.concatenate([self._latitudes, np.empty(slot)])
        self._longitudes[slot], self._latitudes[slot] = point

    def meeting(self, area: BaseGeometry | None) -> Iterator[str]:
        if area is None:
            return iter([*self._ids])
        count = len(self._ids)
        west, south, east, north = area.bounds
        longitudes, latitudes = self._longitudes[:count], self._latitudes[:count]
        near = np.flatnonzero(
            (longitudes >= west)
            & (longitudes <= east)
            & (latitudes >= south)
            & (latitudes <= north)
        )
        inside = shapely.intersects_xy(area, longitudes[near], latitudes[near])
        return iter([self._ids[slot] for slot in near[inside]])

    def by_distance(self, point: tuple[float, float], limit: int) -> Iterator[tuple[float, str]]:
        """Yield distances in metres and ids, nearest first; the first ``limit`` cost least."""
        count = len(self._ids)
        longitudes, latitudes = self._longitudes[:count], self._latitudes[:count]
        metres = great_circle(point, longitudes, latitudes)
        taken = 0
        few = min(count, max(4 * limit, FIRST_SLOTS))
        while taken < count:
            nearest = np.argpartition(metres, few - 1)[:few] if few < count else np.arange(count)
            ordered = nearest[np.argsort(metres[nearest], kind="stable")]
            for slot in ordered[taken:]:
                if isnan(metres[slot]):  # and so are all that follow
                    return
                yield float(metres[slot]), self._ids[slot]
            taken, few = few, min(count, 8 * few)


@dataclass(slots=True)
class _Areas:
    """Polygons in a tree, which is built anew when one has changed and somebody asks."""

    _rings: dict[str, Rings] = field(default_factory=dict)
    _ids: list[str] = field(default_factory=list)
    _tree: Any = None

    def put(self, id_: str, rings: Rings) -> None:
        if self._rings.get(id_) != rings:
            self._rings[id_] = rings
            self._tree = None

    def meeting(self, area: BaseGeometry | None) -> Iterator[str]:
        if area is None:
            return iter([*self._rings])
        tree = self._built()
        return iter([self._ids[number] for number in tree.query(area, predicate="intersects")])

    def by_distance(self, point: tuple[float, float], limit: int) -> Iterator[tuple[float, str]]:
        tree = self._built()
        lines = shapely.shortest_line(tree.geometries, shapely.Point(point))
        ends = shapely.get_coordinates(lines).reshape(-1, 2, 2)[:, 0]
        metres = great_circle(point, ends[:, 0], ends[:, 1])
        for number in np.argsort(metres, kind="stable"):
            yield float(metres[number]), self._ids[number]

    def _built(self) -> Any:
        if self._tree is None:
            self._ids = [*self._rings]
            self._tree = shapely.STRtree(
                [shapely.Polygon(rings[0], rings[1:]) for rings in self._rings.values()]
            )
        return self._tree


def great_circle(point: tuple[float, float], longitudes: Any, latitudes: Any) -> Any:
    """Return the metres from one point, (longitude, latitude), to each of many."""
    here = np.radians(point[1])
    there = np.radians(latitudes)
    across = np.sin((there - here) / 2) ** 2
    along = np.sin(np.radians(longitudes - point[0]) / 2) ** 2
    haversine = across + np.cos(here) * np.cos(there) * along
    return 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(1.0, haversine)))
