"""The map API: what is where, now, then, and as it moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from heapq import nsmallest
from itertools import islice
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from anlan.resources.v1 import map_service_pb2 as pb
from anlan.resources.v1.map_service_pb2_grpc import MapServiceServicer
from services.resources.domain.fix import Limits
from services.resources.positions.board import Board
from services.resources.servicer import geojson, polygons
from services.resources.servicer.layers import LAYERS, Feature
from services.resources.servicer.picture import Picture, changed_rows
from services.runtime import paging, reading
from services.runtime.actor import region_prefix
from services.runtime.readmodel import ReadModel, Seen
from services.runtime.rejection import Invalid

NEAREST, MOST_FEATURES = 5, 20_000
ANY_DISTANCE_M = float("inf")
MOVES_EVERY_S = 1.0
ALL_LAYERS = tuple(layer.number for layer in LAYERS)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A filter, read once."""

    layers: tuple[int, ...]
    prefix: str
    area: BaseGeometry | None
    include_over: bool

    @classmethod
    def of(cls, asked: pb.FeatureFilter) -> _Wanted:
        """Return the filter.  Raises Invalid for no polygon."""
        return cls(
            layers=tuple(sorted(asked.layers)) or ALL_LAYERS,
            prefix=region_prefix(asked.adcode) if asked.adcode else "",
            area=_area(asked),
            include_over=asked.include_over,
        )

    def takes(self, feature: Feature) -> bool:
        """Whether it is wanted, wherever it is."""
        return (
            (self.include_over or not feature.over)
            and feature.adcode.startswith(self.prefix)
            and (feature.point is not None or feature.rings is not None)
        )

    def holds(self, feature: Feature) -> bool:
        """Whether it is wanted, where it is."""
        return (
            feature.layer in self.layers
            and self.takes(feature)
            and (self.area is None or bool(shapely.intersects(self.area, _shape(feature))))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MapServicer(MapServiceServicer):
    model: ReadModel
    board: Board
    whole: Callable[[], bool]
    limits: Limits
    now: Callable[[], datetime]
    picture: Picture = field(default_factory=Picture)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ListFeatures(
        self, request: pb.ListFeaturesRequest, context: Any
    ) -> pb.ListFeaturesResponse:
        wanted = _Wanted.of(request.filter)
        size = paging.limit(request.page_size)
        after = paging.key(request.page_token, (int, str)) or (0, "")
        picture, seen, instant = await self._look(request.read)
        matching = (
            feature for feature in _matching(picture, wanted) if (feature.layer, feature.id) > after
        )
        features = nsmallest(size + 1, matching, key=lambda one: (one.layer, one.id))
        response = pb.ListFeaturesResponse(
            features=[self._message(feature, instant) for feature in features[:size]],
            positions_incomplete=self._incomplete(request.read),
        )
        if len(features) > size:
            last = features[size - 1]
            response.next_page_token = paging.token(last.layer, last.id)
        reading.freshen(response.freshness, seen)
        return response

    async def GetFeatureCollection(
        self, request: pb.GetFeatureCollectionRequest, context: Any
    ) -> pb.GetFeatureCollectionResponse:
        wanted = _Wanted.of(request.filter)
        picture, seen, instant = await self._look(request.read)
        features = [*islice(_matching(picture, wanted), MOST_FEATURES + 1)]
        trees = (geojson.tree(one, instant, self.limits) for one in features[:MOST_FEATURES])
        response = pb.GetFeatureCollectionResponse(
            geojson=geojson.text(trees),
            features=min(len(features), MOST_FEATURES),
            truncated=len(features) > MOST_FEATURES,
            positions_incomplete=self._incomplete(request.read),
        )
        reading.freshen(response.freshness, seen)
        return response

    async def FindNearestFeatures(
        self, request: pb.FindNearestFeaturesRequest, context: Any
    ) -> pb.FindNearestFeaturesResponse:
        wanted = _Wanted.of(request.filter)
        picture, seen, instant = await self._look(request.read)
        nearest = picture.nearest(
            wanted.layers,
            (request.point.longitude, request.point.latitude),
            request.limit or NEAREST,
            request.within_m or ANY_DISTANCE_M,
            wanted.takes if wanted.area is None else wanted.holds,
        )
        response = pb.FindNearestFeaturesResponse(
            candidates=[
                pb.FindNearestFeaturesResponse.Candidate(
                    feature=self._message(feature, instant), distance_m=metres
                )
                for metres, feature in nearest
            ],
            positions_incomplete=self._incomplete(request.read),
        )
        reading.freshen(response.freshness, seen)
        return response

    async def WatchFeatures(
        self, request: pb.WatchFeaturesRequest, context: Any
    ) -> AsyncIterator[pb.WatchFeaturesResponse]:
        wanted = _Wanted.of(request.filter)
        told = _Told(resumed=request.resume_position > 0)
        position, cursor = request.resume_position, request.resume_cursor
        while True:
            await self._refresh()
            seen = self.picture.position
            if not position:  # all that moved is in the first picture
                cursor = self.picture.cursor
            for feature in self.picture.changed_after(position):
                position = feature.position
                if feature.layer in wanted.layers and told.says(feature, wanted.holds(feature)):
                    yield self._watched(feature, wanted, position, cursor)
            position = max(position, seen)
            if pb.LAYER_UNITS in wanted.layers:
                for at, fix in self.board.moved_after(cursor):
                    unit = self.picture.get(pb.LAYER_UNITS, fix.unit_id)
                    cursor = at
                    if unit is not None and told.says(unit, wanted.holds(unit)):
                        yield self._watched(unit, wanted, position, cursor)
            # Rows are told at once, moves once a second.
            await self.model.advanced(seen, MOVES_EVERY_S)

    def _incomplete(self, options: Any) -> bool:
        return options.WhichOneof("as_of") is None and not self.whole()

    async def _look(self, options: Any) -> tuple[Picture, Seen, datetime]:
        """Return the map that a request's ``read`` asks for, and the instant that ages count to."""
        now = self.now()
        if options.WhichOneof("as_of") is None:
            return self.picture, await self._refresh(options.min_position), now
        features, seen = await reading.snapshot(self.model, options, now, changed_rows(0))
        past = Picture()
        past.change(features, seen.position)
        return past, seen, reading.instant(options, seen, now)

    async def _refresh(self, min_position: int = 0) -> Seen:
        """Bring the map up to the rows and to the board.  Raises Unavailable as a read does."""
        async with self.turn:
            seen = self.model.seen
            if seen.position != self.picture.position or seen.position < min_position:
                read = changed_rows(self.picture.position)
                features, seen = await self.model.snapshot(read, min_position=min_position)
                self.picture.change(features, seen.position)
                fixes = (self.board.get(one.id) for one in features if one.layer == pb.LAYER_UNITS)
                self.picture.move(pb.LAYER_UNITS, [(0, fix) for fix in fixes if fix is not None])
            self.picture.move(pb.LAYER_UNITS, self.board.moved_after(self.picture.cursor))
        return seen

    def _watched(
        self, feature: Feature, wanted: _Wanted, position: int, cursor: int
    ) -> pb.WatchFeaturesResponse:
        return pb.WatchFeaturesResponse(
            feature=self._message(feature, self.now()),
            matches=wanted.holds(feature),
            position=position,
            cursor=cursor,
        )

    def _message(self, feature: Feature, now: datetime) -> pb.Feature:
        return pb.Feature(
            layer=feature.layer,  # type: ignore[arg-type]
            id=feature.id,
            name=feature.name,
            state=feature.state,
            adcode=feature.adcode,
            exercise=feature.exercise,
            geojson=geojson.one(feature, now, self.limits),
            position=feature.position,
        )


class _Told:
    """What a watcher has on its map, so far as this stream knows."""

    def __init__(self, *, resumed: bool) -> None:
        self._resumed = resumed
        self._shown: set[tuple[int, str]] = set()
        self._taken_off: set[tuple[int, str]] = set()

    def says(self, feature: Feature, matches: bool) -> bool:  # noqa: FBT001
        """Whether a watcher must hear of a feature that does or does not match (any more)."""
        key = (feature.layer, feature.id)
        if matches:
            self._shown.add(key)
            self._taken_off.discard(key)
            return True
        drawn = key in self._shown or (self._resumed and key not in self._taken_off)
        self._shown.discard(key)
        self._taken_off.add(key)
        return drawn


def _matching(picture: Picture, wanted: _Wanted) -> Iterable[Feature]:
    return (one for one in picture.within(wanted.layers, wanted.area) if wanted.takes(one))


def _area(asked: pb.FeatureFilter) -> BaseGeometry | None:
    box = None
    if asked.HasField("box"):
        box = shapely.box(asked.box.west, asked.box.south, asked.box.east, asked.box.north)
    if not asked.HasField("polygon"):
        return box
    rings = polygons.rings(asked.polygon)
    polygon = shapely.Polygon(rings[0], rings[1:])
    if any(ring[0] != ring[-1] for ring in rings) or not polygon.is_valid:
        raise Invalid(
            "POLYGON_INVALID",
            field="filter.polygon",
            got=shapely.is_valid_reason(polygon),
            allowed="closed rings that cross neither each other nor themselves",
        )
    return polygon if box is None else shapely.intersection(polygon, box)


def _shape(feature: Feature) -> BaseGeometry:
    if feature.rings is not None:
        return shapely.Polygon(feature.rings[0], feature.rings[1:])
    assert feature.point is not None
    return shapely.Point(feature.point)
