"""Features as GeoJSON (RFC 7946): longitude first, rings closed, outlines counter-clockwise."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import shapely

from anlan.resources.v1 import map_service_pb2 as pb
from services.resources.domain.fix import Limits
from services.resources.domain.hazard_area import Rings
from services.resources.servicer.layers import Feature
from services.runtime.times import micros

LAYER_NAMES: dict[int, str] = {
    number: name.removeprefix("LAYER_").lower() for name, number in pb.Layer.items() if number
}
MICROS_PER_SECOND = 1_000_000


def text(features: Iterable[dict[str, Any]]) -> str:
    """Return a FeatureCollection."""
    collection = {"type": "FeatureCollection", "features": [*features]}
    return msgspec.json.encode(collection).decode()


def one(feature: Feature, now: datetime, limits: Limits) -> str:
    return msgspec.json.encode(tree(feature, now, limits)).decode()


def tree(feature: Feature, now: datetime, limits: Limits) -> dict[str, Any]:
    """Return a Feature with the properties that all layers have, and its own."""
    properties: dict[str, Any] = {
        "layer": LAYER_NAMES[feature.layer],
        "id": feature.id,
        "name": feature.name,
        "state": feature.state,
        "adcode": feature.adcode,
        "exercise": feature.exercise,
        "age_s": max(0, (micros(now) - feature.at) // MICROS_PER_SECOND),
        "etag": str(feature.revision),
        **feature.properties,
    }
    if feature.layer == pb.LAYER_UNITS:
        properties |= _moving(feature, now, limits)
    return {
        "type": "Feature",
        "id": f"{properties['layer']}/{feature.id}",
        "geometry": _geometry(feature),
        "properties": properties,
    }


def _moving(feature: Feature, now: datetime, limits: Limits) -> dict[str, Any]:
    fix = feature.fix
    if fix is None:
        noted = feature.properties["placed_by"] == "log"
        aged = timedelta(microseconds=micros(now) - feature.at)
        return {"stale": noted and aged > limits.stale_after}
    return {
        "placed_by": "position",
        "stale": fix.is_stale(now, limits),
        "accuracy_m": fix.accuracy_m,
        "speed_mps": fix.speed_mps,
        "heading_deg": fix.heading_deg,
        "source": fix.source,
    }


def _geometry(feature: Feature) -> dict[str, Any] | None:
    if feature.rings is not None:
        return {"type": "Polygon", "coordinates": wound(feature.rings)}
    if feature.point is not None:
        return {"type": "Point", "coordinates": feature.point}
    return None


def wound(rings: Rings) -> list[list[tuple[float, ...]]]:
    """Return the rings by the right-hand rule: the outline counter-clockwise, holes clockwise."""
    polygon = shapely.orient_polygons(shapely.Polygon(rings[0], rings[1:]))
    return [[*ring.coords] for ring in (polygon.exterior, *polygon.interiors)]
