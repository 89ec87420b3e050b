"""A fix (定位): where a device says that a unit was, and whether that can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite

from services.runtime.rejection import Invalid

POLE, ANTIMERIDIAN = 90.0, 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Versioned reference data: what is believed of a fix, and for how long.

    ``leave_margin_m`` is how far outside a hazard area a unit must be to have left it, so that a
    fix that jumps about at the edge is one entry and not twenty.
    """

    version: str
    source: str
    stale_after_s: int
    ahead_at_most_s: int
    leave_margin_m: float
    share_every_s: float

    @property
    def stale_after(self) -> timedelta:
        return timedelta(seconds=self.stale_after_s)

    @property
    def ahead_at_most(self) -> timedelta:
        return timedelta(seconds=self.ahead_at_most_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """``fixed_at`` is the device's clock, ``received_at`` ours; degrees are WGS-84.

    What the device does not say is None.  ``exercise`` is the unit's, ``source`` who reported.
    """

    unit_id: str
    latitude: float
    longitude: float
    fixed_at: datetime
    received_at: datetime
    source: str
    exercise: str = ""
    accuracy_m: float | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None

    def age(self, now: datetime) -> timedelta:
        """Return how long ago it was; never negative, for a clock may be a little ahead."""
        return max(now - self.fixed_at, timedelta())

    def is_stale(self, now: datetime, limits: Limits) -> bool:
        return self.age(now) > limits.stale_after

    def supersedes(self, other: Fix | None) -> bool:
        """Whether it is later than the other; of two of one instant the first stands."""
        return other is None or self.fixed_at > other.fixed_at

    def repeats(self, other: Fix) -> bool:
        return (self.fixed_at, self.latitude, self.longitude) == (
            other.fixed_at,
            other.latitude,
            other.longitude,
        )


def judge(fix: Fix, limits: Limits) -> None:
    """Raise Invalid for what no working device says.  Old is no fault: a link may be down."""
    latitude, longitude = fix.latitude, fix.longitude
    # Written so that a NaN is refused too.
    if not -POLE <= latitude <= POLE:
        raise _outside("latitude", latitude, "-90 to 90")
    if not -ANTIMERIDIAN <= longitude <= ANTIMERIDIAN:
        raise _outside("longitude", longitude, "-180 to 180")
    if latitude == 0 and longitude == 0:
        raise Invalid(
            "NO_FIX",
            field="latitude, longitude",
            got="0, 0",
            allowed="a fix: 0, 0 is what a device says that has none",
        )
    if fix.fixed_at > fix.received_at + limits.ahead_at_most:
        raise Invalid(
            "CLOCK_AHEAD",
            field="fix_time",
            got=fix.fixed_at.isoformat(),
            allowed=f"at most {limits.ahead_at_most_s} s after {fix.received_at.isoformat()}",
        )
    for field, value, most in (
        ("accuracy_m", fix.accuracy_m, 1e7),
        ("speed_mps", fix.speed_mps, 1e3),
        ("heading_deg", fix.heading_deg, 360.0),
    ):
        if value is not None and not (isfinite(value) and 0 <= value <= most):
            raise _outside(field, value, f"0 to {most:g}")


def _outside(field: str, got: float, allowed: str) -> Invalid:
    return Invalid("OUT_OF_RANGE", field=field, got=str(got), allowed=allowed)
