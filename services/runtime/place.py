"""Where something is, and whether an administrative code and a point agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt
from typing import Any

from services.runtime.rejection import Invalid

EARTH_RADIUS_M = 6_371_008.8  # the mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """``adcode`` is a GB/T 2260 or GB/T 10114 code; degrees are WGS-84."""

    adcode: str
    address: str = ""
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """``box`` is south, west, north, east; a region without one lies in its parent's."""

    name: str
    parent: str = ""
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Regions:
    """The regions that this suite serves, by code; versioned reference data.

    ``neighbours`` are known and not served: nothing happens there, but something may come from
    there or be for them.
    """

    version: str
    source: str
    regions: dict[str, Region]
    neighbours: dict[str, Region] = field(default_factory=dict)

    def placed(self, message: Any, field: str) -> Place:
        """Return the place in a ``type.v1.Place`` message.

        Raises Invalid for a code that is not served, and for a point outside its region.
        """
        adcode = message.adcode
        self.check(adcode, f"{field}.adcode")
        if not message.HasField("point"):
            return Place(adcode=adcode, address=message.address)
        point = message.point
        name, (south, west, north, east) = self._extent(adcode)
        if not (south <= point.latitude <= north and west <= point.longitude <= east):
            raise Invalid(
                "POINT_OUTSIDE_ADCODE",
                field=f"{field}.point",
                got=f"{point.latitude}, {point.longitude}",
                allowed=f"{south} to {north}, {west} to {east}: the extent of {name}",
            )
        return Place(
            adcode=adcode,
            address=message.address,
            latitude=point.latitude,
            longitude=point.longitude,
        )

    def homed(self, message: Any, field: str) -> Place:
        """Return where something is at home: a place of ours as `placed` does, or a neighbour."""
        if message.adcode not in self.neighbours:
            return self.placed(message, field)
        return read(message)

    def check(self, adcode: str, field: str) -> None:
        """Raise Invalid for a code that is not served."""
        if adcode not in self.regions:
            raise Invalid(
                "ADCODE_UNKNOWN",
                field=field,
                got=adcode,
                allowed=f"a code of {', '.join(self.roots())} or inside",
            )

    def roots(self) -> list[str]:
        """Return what is served as a whole, e.g. ``431281 洪江市``."""
        return [f"{code} {r.name}" for code, r in self.regions.items() if r.box is not None]

    def _extent(self, adcode: str) -> tuple[str, tuple[float, float, float, float]]:
        region = self.regions[adcode]
        while region.box is None and region.parent in self.regions:
            region = self.regions[region.parent]
        return region.name, region.box or (-90, -180, 90, 180)


def read(message: Any) -> Place:
    """Return the place in a ``type.v1.Place`` message that was checked before it was sent."""
    located = message.HasField("point")
    return Place(
        adcode=message.adcode,
        address=message.address,
        latitude=message.point.latitude if located else None,
        longitude=message.point.longitude if located else None,
    )


def write(message: Any, place: Place) -> None:
    """Fill a ``type.v1.Place`` message."""
    message.adcode = place.adcode
    message.address = place.address
    if place.latitude is not None and place.longitude is not None:
        message.point.latitude = place.latitude
        message.point.longitude = place.longitude


@lru_cache(maxsize=8192)  # one recommendation asks for the same distance up to seven times
def metres(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Return the great-circle distance of two (latitude, longitude) pairs in degrees."""
    south, north = radians(here[0]), radians(there[0])
    across = sin((north - south) / 2) ** 2
    along = sin(radians(there[1] - here[1]) / 2) ** 2
    haversine = across + cos(south) * cos(north) * along
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(haversine)))
