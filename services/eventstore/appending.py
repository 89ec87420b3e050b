"""Decides whether an append is new, a repetition or a conflict: the real server's table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from services.eventstore.record import DELETED, NO_STREAM, metastream


class StreamState(Enum):
    """The expectations that are not an exact revision; `no stream` is revision -1."""

    ANY = -2
    STREAM_EXISTS = -4


Expected = int | StreamState


@dataclass(frozen=True, slots=True)
class Accepted:
    """New: append after `current`; `undelete` lifts a soft delete."""

    current: int
    undelete: bool


@dataclass(frozen=True, slots=True)
class Repeated:
    """Already appended; `last` is the original revision of the last event."""

    last: int


@dataclass(frozen=True, slots=True)
class Wrong:
    current: int


@dataclass(frozen=True, slots=True)
class Deleted:
    pass


Decision = Accepted | Repeated | Wrong | Deleted


class Streams(Protocol):
    """What the table asks about the streams as they stand."""

    def last_revision(self, stream: str) -> int: ...

    def is_soft_deleted(self, stream: str) -> bool: ...

    def recent_revision(self, stream: str, event_id: bytes) -> int | None: ...

    def has(self, stream: str, revision: int, event_id: bytes) -> bool: ...


def decide(streams: Streams, stream: str, expected: Expected, ids: Sequence[bytes]) -> Decision:
    current = streams.last_revision(stream)
    if current == DELETED:
        return Deleted()
    if isinstance(expected, StreamState):
        return _decide_loose(streams, stream, expected, ids, current)
    if expected < current:
        return _decide_late(streams, stream, expected, ids, current)
    if expected > current:
        return Wrong(current)
    return Accepted(current, streams.is_soft_deleted(stream))


def _decide_loose(
    streams: Streams, stream: str, expected: StreamState, ids: Sequence[bytes], current: int
) -> Decision:
    if expected is StreamState.STREAM_EXISTS:
        if streams.is_soft_deleted(stream):
            return Deleted()
        if current == NO_STREAM and streams.last_revision(metastream(stream)) == NO_STREAM:
            return Wrong(current)
    last = None
    for event_id in ids:
        known = streams.recent_revision(stream, event_id)
        if known is None and last is None:
            break
        if known is None:
            return Wrong(current)
        last = known
    if last is None:
        return Accepted(current, streams.is_soft_deleted(stream))
    return Repeated(last)


def _decide_late(
    streams: Streams, stream: str, expected: int, ids: Sequence[bytes], current: int
) -> Decision:
    for revision, event_id in enumerate(ids, expected + 1):
        if streams.has(stream, revision, event_id):
            continue
        is_first = revision == expected + 1
        if is_first and expected == NO_STREAM and streams.is_soft_deleted(stream):
            return Accepted(current, undelete=True)
        return Wrong(current)
    return Repeated(expected + len(ids)) if ids else Wrong(current)
