"""Call-processing, turnout and travel times: percentiles, never means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from services.runtime.rejection import Invalid
from services.runtime.times import of_micros

DEFAULT_ZONE = "Asia/Shanghai"
MICROS = 1_000_000
MEDIAN, P90 = 0.5, 0.9


@dataclass(slots=True)
class _Tally:
    call_processing: list[float] = field(default_factory=list)
    turnout: list[float] = field(default_factory=list)
    travel: list[float] = field(default_factory=list)
    reversed: int = 0

    def add(self, into: list[float], start: int | None, end: int | None) -> None:
        """Count an interval whose two times are known; time that runs backwards is set apart."""
        if start is None or end is None:
            return
        if end < start:
            self.reversed += 1
        else:
            into.append((end - start) / MICROS)


def zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or DEFAULT_ZONE)
    except (KeyError, ValueError, OSError):
        raise Invalid(
            "TIME_ZONE_UNKNOWN",
            field="time_zone",
            got=name,
            allowed="a name of the IANA time zone database, such as Asia/Shanghai",
        ) from None


def measured(rows: Iterable[Any], local: ZoneInfo) -> list[pb.GetResponseTimesResponse.Row]:
    """Return one row per unit kind and local year of dispatch."""
    tallies: dict[tuple[str, int], _Tally] = defaultdict(_Tally)
    for row in rows:
        dispatched = of_micros(row.dispatched_at)
        assert dispatched is not None
        tally = tallies[row.unit_kind, dispatched.astimezone(local).year]
        tally.add(tally.call_processing, row.call_at, row.dispatched_at)
        tally.add(tally.turnout, row.dispatched_at, row.en_route_at)
        tally.add(tally.travel, row.en_route_at, row.on_scene_at)
    return [
        pb.GetResponseTimesResponse.Row(
            unit_kind=kind,
            year=year,
            call_processing=_interval(tally.call_processing),
            turnout=_interval(tally.turnout),
            travel=_interval(tally.travel),
            reversed=tally.reversed,
        )
        for (kind, year), tally in sorted(tallies.items())
    ]


def percentile(ordered: list[float], share: float) -> float:
    """Interpolate linearly between the closest ranks of ``ordered``, which is not empty."""
    rank = share * (len(ordered) - 1)
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


def _interval(seconds: list[float]) -> pb.Interval:
    if not seconds:
        return pb.Interval()
    ordered = sorted(seconds)
    return pb.Interval(
        count=len(ordered),
        median_s=percentile(ordered, MEDIAN),
        p90_s=percentile(ordered, P90),
    )
