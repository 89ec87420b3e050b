"""New events by number, and what is compared of them."""

from __future__ import annotations

from collections.abc import Iterable

from esdbclient import NewEvent, RecordedEvent


def event(number: int = 0, kind: str = "IncidentReported.v1") -> NewEvent:
    return NewEvent(type=kind, data=b'{"n":%d}' % number, metadata=b'{"actor":"a"}')


def events(count: int, kind: str = "IncidentReported.v1") -> list[NewEvent]:
    return [event(number, kind) for number in range(count)]


def ids(recorded: Iterable[NewEvent | RecordedEvent]) -> list[object]:
    return [one.id for one in recorded]


def revisions(recorded: Iterable[RecordedEvent]) -> list[int]:
    return [one.stream_position for one in recorded]
