"""Which events of `$all` a reader asked for, by regex or prefix of type or stream name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from esdbclient.protos.Grpc import streams_pb2

from services.eventstore.record import Record

FilterOptions = streams_pb2.ReadReq.Options.FilterOptions

DEFAULT_WINDOW = 32
REMEMBERED_NAMES = 16_384


class InvalidFilter(ValueError):
    """The filter cannot be understood; the message says why."""


@dataclass(frozen=True, slots=True)
class Filter:
    """`allows(record)`; a checkpoint is due after `checkpoint_interval` considered events."""

    allows: Callable[[Record], bool]
    checkpoint_interval: int


def filter_from(options: FilterOptions) -> Filter:
    """Understand a request's filter; raises InvalidFilter."""
    if options.checkpointIntervalMultiplier == 0:
        raise InvalidFilter("checkpointIntervalMultiplier must be greater than zero")
    window = options.max if options.WhichOneof("window") == "max" else DEFAULT_WINDOW
    interval = max(1, window) * options.checkpointIntervalMultiplier
    match options.WhichOneof("filter"):
        case "event_type":
            allowed = _remembering(_predicate(options.event_type))
            return Filter(lambda record: allowed(record.type), interval)
        case "stream_identifier":
            allowed = _remembering(_predicate(options.stream_identifier))
            return Filter(lambda record: allowed(record.stream), interval)
    raise InvalidFilter("a filter names event_type or stream_identifier")


def _predicate(expression: FilterOptions.Expression) -> Callable[[str], bool]:
    if expression.regex:
        try:
            pattern = re.compile(expression.regex)
        except re.error as error:
            raise InvalidFilter(f"invalid regex {expression.regex!r}: {error}") from None
        return lambda name: pattern.search(name) is not None
    prefixes = tuple(expression.prefix)
    return lambda name: name.startswith(prefixes)


def _remembering(predicate: Callable[[str], bool]) -> Callable[[str], bool]:
    answers: dict[str, bool] = {}

    def allowed(name: str) -> bool:
        answer = answers.get(name)
        if answer is None:
            if len(answers) >= REMEMBERED_NAMES:
                answers.clear()
            answer = answers[name] = predicate(name)
        return answer

    return allowed
