"""The way of a transfer (运输路线): legs from stop to stop, each with its carrier."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.runtime.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A depot, or a place that is none: a staging point, a ford where a boat takes over."""

    depot_id: str = ""
    name: str = ""
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One carrier's part of the way, up to ``stop``."""

    stop: Stop
    carrier: str = ""
    expected_at: datetime | None = None


def straight(to_depot_id: str, carrier: str) -> tuple[Leg, ...]:
    """Return the way of a transfer for which no legs were planned."""
    return (Leg(stop=Stop(depot_id=to_depot_id), carrier=carrier),)
