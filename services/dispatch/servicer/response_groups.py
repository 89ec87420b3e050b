"""Response times by whatever was asked for: percentiles, never means, beside their targets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from services.dispatch.servicer.response_times import MICROS, percentile
from services.runtime.times import of_micros

DEFAULT_PERCENTILES = (50.0, 90.0, 95.0)
TOWNSHIP_DIGITS = 9


class Interval(StrEnum):
    TRANSFER = "transfer"
    ANSWER = "answer"
    PROCESSING = "processing"
    TURNOUT = "turnout"
    TRAVEL = "travel"
    INITIATING_ACTION = "initiating_action"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """``percent`` of all shall take at most ``seconds``; of any kind where none is named."""

    target_id: str
    interval: Interval
    unit_kinds: tuple[str, ...]
    percent: float
    seconds: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    version: str
    source: str
    targets: tuple[Target, ...]


@dataclass(slots=True)
class _Tally:
    """``kinds`` are those of the assignments that were counted, in step with ``seconds``."""

    seconds: list[float] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    missing: int = 0
    reversed: int = 0

    def add(self, kind: str, start: int | None, end: int | None) -> None:
        if start is None or end is None:
            self.missing += 1
        elif end < start:
            self.reversed += 1
        else:
            self.seconds.append((end - start) / MICROS)
            self.kinds.append(kind)


@dataclass(slots=True)
class _Group:
    assignments: int = 0
    calls: set[tuple[str, int | None, int | None, int | None]] = field(default_factory=set)
    tallies: dict[Interval, _Tally] = field(
        default_factory=lambda: {interval: _Tally() for interval in Interval}
    )

    def add(self, row: Any) -> None:
        kind, tallies = row.unit_kind, self.tallies
        self.assignments += 1
        answered = row.call_at if row.answered_at is None else row.answered_at
        tallies[Interval.PROCESSING].add(kind, answered, row.dispatched_at)
        tallies[Interval.TURNOUT].add(kind, row.dispatched_at, row.en_route_at)
        tallies[Interval.TRAVEL].add(kind, row.en_route_at, row.on_scene_at)
        tallies[Interval.INITIATING_ACTION].add(kind, row.on_scene_at, row.initiating_action_at)
        call = (row.incident_id, row.first_answered_at, row.rang_at, row.answered_at)
        if call not in self.calls:
            self.calls.add(call)
            tallies[Interval.TRANSFER].add(kind, row.first_answered_at, row.rang_at)
            tallies[Interval.ANSWER].add(kind, row.rang_at, row.answered_at)


class _At(msgspec.Struct):
    adcode: str


_AT = msgspec.json.Decoder(_At)
_KEYS: dict[Any, Callable[[Any, ZoneInfo], str | int]] = {
    pb.RESPONSE_DIMENSION_UNIT: lambda row, _: str(row.unit_id),
    pb.RESPONSE_DIMENSION_UNIT_KIND: lambda row, _: str(row.unit_kind),
    pb.RESPONSE_DIMENSION_TOWNSHIP: lambda row, _: _AT.decode(row.destination).adcode[
        :TOWNSHIP_DIGITS
    ],
    pb.RESPONSE_DIMENSION_HOUR: lambda row, local: _dispatched(row, local).hour,
    pb.RESPONSE_DIMENSION_INCIDENT_TYPE: lambda row, _: str(row.incident_type),
    pb.RESPONSE_DIMENSION_YEAR: lambda row, local: _dispatched(row, local).year,
}
_FIELDS: dict[Any, str] = {
    pb.RESPONSE_DIMENSION_UNIT: "unit_id",
    pb.RESPONSE_DIMENSION_UNIT_KIND: "unit_kind",
    pb.RESPONSE_DIMENSION_TOWNSHIP: "township_adcode",
    pb.RESPONSE_DIMENSION_HOUR: "hour",
    pb.RESPONSE_DIMENSION_INCIDENT_TYPE: "incident_type",
    pb.RESPONSE_DIMENSION_YEAR: "year",
}
NUMBERS = {
    Interval.TRANSFER: pb.RESPONSE_INTERVAL_TRANSFER,
    Interval.ANSWER: pb.RESPONSE_INTERVAL_ANSWER,
    Interval.PROCESSING: pb.RESPONSE_INTERVAL_PROCESSING,
    Interval.TURNOUT: pb.RESPONSE_INTERVAL_TURNOUT,
    Interval.TRAVEL: pb.RESPONSE_INTERVAL_TRAVEL,
    Interval.INITIATING_ACTION: pb.RESPONSE_INTERVAL_INITIATING_ACTION,
}


def grouped(
    rows: Iterable[Any],
    by: Sequence[int],
    percents: Sequence[float],
    local: ZoneInfo,
    targets: Targets,
) -> list[pb.ResponseGroup]:
    """Return one group for each combination of what ``by`` tells apart; one of all without."""
    groups: dict[tuple[str | int, ...], _Group] = defaultdict(_Group)
    for row in rows:
        groups[tuple(_KEYS[dimension](row, local) for dimension in by)].add(row)
    found = []
    for key, group in sorted(groups.items()):
        named: dict[str, Any] = {_FIELDS[one]: value for one, value in zip(by, key, strict=True)}
        intervals = [
            _measured(interval, tally, percents or DEFAULT_PERCENTILES, targets)
            for interval, tally in group.tallies.items()
        ]
        found.append(pb.ResponseGroup(**named, assignments=group.assignments, intervals=intervals))
    return found


def _measured(
    interval: Interval, tally: _Tally, percents: Sequence[float], targets: Targets
) -> pb.MeasuredInterval:
    ordered = sorted(tally.seconds)
    return pb.MeasuredInterval(
        interval=NUMBERS[interval],
        count=len(ordered),
        missing=tally.missing,
        reversed=tally.reversed,
        percentiles=[
            pb.MeasuredInterval.Percentile(
                percent=percent, seconds=percentile(ordered, percent / 100)
            )
            for percent in percents
            if ordered
        ],
        targets=[
            attained
            for target in targets.targets
            if target.interval is interval
            for attained in _attained(target, tally)
        ],
    )


def _attained(target: Target, tally: _Tally) -> Iterable[pb.MeasuredInterval.Attainment]:
    """Yield how far a target was met, of the kinds it is for; nothing where there are none."""
    counted = [
        seconds
        for seconds, kind in zip(tally.seconds, tally.kinds, strict=True)
        if not target.unit_kinds or kind in target.unit_kinds
    ]
    if counted:
        share = sum(seconds <= target.seconds for seconds in counted) / len(counted)
        yield pb.MeasuredInterval.Attainment(
            target_id=target.target_id,
            percent=target.percent,
            seconds=target.seconds,
            share_within=share,
            met=100 * share >= target.percent,
            source=target.source,
        )


def _dispatched(row: Any, local: ZoneInfo) -> Any:
    moment = of_micros(row.dispatched_at)
    assert moment is not None
    return moment.astimezone(local)
