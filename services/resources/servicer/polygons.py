"""Polygons on the wire, and the rings that they are kept as: longitude first (RFC 7946)."""

from __future__ import annotations

from anlan.type.v1 import place_pb2
from services.resources.domain.hazard_area import Rings


def rings(polygon: place_pb2.Polygon) -> Rings:
    return tuple(
        tuple((point.longitude, point.latitude) for point in ring.points) for ring in polygon.rings
    )


def message(rings: Rings) -> place_pb2.Polygon:
    return place_pb2.Polygon(
        rings=[
            place_pb2.Ring(
                points=[place_pb2.Point(latitude=north, longitude=east) for east, north in ring]
            )
            for ring in rings
        ]
    )
