"""How far apart two points of the Earth are, as the crow flies."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_M = 6_371_008.8


def metres(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Return the great-circle distance of two (latitude, longitude) pairs in degrees."""
    south, north = radians(here[0]), radians(there[0])
    across = sin((north - south) / 2) ** 2
    along = sin(radians(there[1] - here[1]) / 2) ** 2
    haversine = across + cos(south) * cos(north) * along
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(haversine)))
