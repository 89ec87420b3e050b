"""The append table as a pure function, row by row."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from services.eventstore.appending import (
    Accepted,
    Decision,
    Deleted,
    Expected,
    Repeated,
    StreamState,
    Wrong,
    decide,
)
from services.eventstore.record import DELETED, NO_STREAM

A, B, C, D = b"a", b"b", b"c", b"d"
ANY, EXISTS = StreamState.ANY, StreamState.STREAM_EXISTS
NEVER: list[bytes] = []


@dataclass
class World:
    """A stream `s` that holds `ids`; all of them are recent unless said otherwise."""

    ids: list[bytes]
    tombstoned: bool = False
    soft_deleted: bool = False
    has_metadata: bool = False
    recent: dict[bytes, int] = field(default_factory=dict)

    def last_revision(self, stream: str) -> int:
        if stream == "$$s":
            return 0 if self.has_metadata else NO_STREAM
        return DELETED if self.tombstoned else len(self.ids) - 1

    def is_soft_deleted(self, stream: str) -> bool:
        return self.soft_deleted

    def recent_revision(self, stream: str, event_id: bytes) -> int | None:
        return self.recent.get(event_id)

    def has(self, stream: str, revision: int, event_id: bytes) -> bool:
        return revision < len(self.ids) and self.ids[revision] == event_id


def known(*ids: bytes) -> World:
    return World(list(ids), recent={event_id: n for n, event_id in enumerate(ids)})


def deleted(*ids: bytes) -> World:
    return World(list(ids), soft_deleted=True, has_metadata=True)


ROWS: list[tuple[str, World, Expected, list[bytes], Decision]] = [
    ("a tombstone refuses any", World([A], tombstoned=True), ANY, [B], Deleted()),
    ("a tombstone refuses exact", World([A], tombstoned=True), 0, [B], Deleted()),
    ("a tombstone refuses nothing", World([A], tombstoned=True), ANY, [], Deleted()),
    ("no stream begins a stream", World([]), NO_STREAM, [A], Accepted(-1, undelete=False)),
    ("any begins a stream", World([]), ANY, [A], Accepted(-1, undelete=False)),
    ("exact needs a stream", World([]), 0, [A], Wrong(-1)),
    ("exists needs a stream", World([]), EXISTS, [A], Wrong(-1)),
    (
        "metadata makes a stream exist",
        World([], has_metadata=True),
        EXISTS,
        [A],
        Accepted(-1, undelete=False),
    ),
    ("exists refuses a soft-deleted stream", deleted(A), EXISTS, [B], Deleted()),
    ("any revives a soft-deleted stream", deleted(A), ANY, [B], Accepted(0, undelete=True)),
    ("any appends an old id again", World([A, B]), ANY, [A], Accepted(1, undelete=False)),
    ("exists appends an old id again", World([A, B]), EXISTS, [A], Accepted(1, undelete=False)),
    ("any repeats recent ids", known(A, B, C), ANY, [A, B], Repeated(1)),
    ("exists repeats recent ids", known(A, B, C), EXISTS, [B], Repeated(1)),
    ("any refuses half a repetition", known(A, B), ANY, [B, D], Wrong(1)),
    ("any appends when the first is new", known(A, B), ANY, [D, B], Accepted(1, undelete=False)),
    ("exact at the end appends", known(A, B), 1, [C], Accepted(1, undelete=False)),
    ("exact at the end appends a known id", known(A, B), 1, [A], Accepted(1, undelete=False)),
    ("exact at the end revives", deleted(A), 0, [B], Accepted(0, undelete=True)),
    ("exact behind repeats at any age", World([A, B, C]), 0, [B, C], Repeated(2)),
    ("no stream repeats at any age", World([A, B, C]), NO_STREAM, [A, B], Repeated(1)),
    ("exact behind refuses another first", World([A, B]), 0, [D], Wrong(1)),
    ("exact behind refuses later others", World([A, B, C]), 0, [B, D], Wrong(2)),
    ("exact behind refuses more than there is", World([A, B]), 0, [B, C], Wrong(1)),
    ("no stream refuses a stream", World([A]), NO_STREAM, [B], Wrong(0)),
    ("no stream revives", deleted(A), NO_STREAM, [B], Accepted(0, undelete=True)),
    ("no stream repeats on a soft-deleted stream", deleted(A), NO_STREAM, [A], Repeated(0)),
    ("no stream refuses half on a soft-deleted stream", deleted(A), NO_STREAM, [A, B], Wrong(0)),
    ("exact behind does not revive", deleted(A, B), 0, [C], Wrong(1)),
    ("exact ahead is refused", known(A), 1, [B], Wrong(0)),
    ("nothing to a new stream", World([]), NO_STREAM, NEVER, Accepted(-1, undelete=False)),
    ("nothing at the right revision", known(A), 0, NEVER, Accepted(0, undelete=False)),
    ("nothing with any", known(A), ANY, NEVER, Accepted(0, undelete=False)),
    ("nothing at a late revision", known(A, B), 0, NEVER, Wrong(1)),
    ("nothing to a stream said not to exist", known(A), NO_STREAM, NEVER, Wrong(0)),
    ("nothing at a revision ahead", known(A), 4, NEVER, Wrong(0)),
]


@pytest.mark.parametrize(
    ("_", "world", "expected", "ids", "decision"), ROWS, ids=[r[0] for r in ROWS]
)
def test_row(
    _: str, world: World, expected: Expected, ids: list[bytes], decision: Decision
) -> None:
    assert decide(world, "s", expected, ids) == decision
