"""Reads pages of events from the file, within what a stream's metadata lets be seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import apsw

from services.eventstore.record import (
    DELETED,
    LINK_TYPE,
    TICKS_PER_SECOND,
    Record,
    is_metastream,
    metastream,
    original_of,
)
from services.eventstore.storage import COLUMNS

PAGE_EVENTS = 256
PAGE_BYTES = 1024 * 1024

_ALL_FORWARDS = f"SELECT {COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT ?"  # noqa: S608
_ALL_BACKWARDS = f"SELECT {COLUMNS} FROM events WHERE position < ? ORDER BY position DESC LIMIT ?"  # noqa: S608
_STREAM_FORWARDS = f"""SELECT {COLUMNS} FROM events
 WHERE stream = ? AND revision BETWEEN ? AND ? ORDER BY revision LIMIT ?"""  # noqa: S608
_STREAM_BACKWARDS = f"""SELECT {COLUMNS} FROM events
 WHERE stream = ? AND revision BETWEEN ? AND ? ORDER BY revision DESC LIMIT ?"""  # noqa: S608


class StreamDeleted(Exception):
    """The stream has a tombstone."""


@dataclass(frozen=True, slots=True)
class Visible:
    """The part of a stream that may be read: revisions, and ticks for `$maxAge`."""

    first: int
    last: int
    created_after: int = 0


class Reader:
    """Short reads on the caller's thread: a page costs less than handing it to another."""

    def __init__(self, db: apsw.Connection, now: Callable[[], int]) -> None:
        self._db = db
        self._now = now

    def last_position(self) -> int:
        return self._db.execute("SELECT max(position) FROM events").get or 0

    def last_revision(self, stream: str) -> int | None:
        last: int | None = self._db.execute(
            "SELECT max(revision) FROM events WHERE stream = ?", (stream,)
        ).get
        return last

    def visible(self, stream: str) -> Visible | None:
        """None when the stream is not there to be read; raises StreamDeleted."""
        last = self.last_revision(stream)
        if is_metastream(stream):
            if DELETED in (last, self.last_revision(original_of(stream))):
                raise StreamDeleted(stream)
            return None if last is None else Visible(last, last)
        if last == DELETED:
            raise StreamDeleted(stream)
        if last is None:
            return None
        metadata = self._metadata(stream)
        truncate_before = _whole(metadata.get("$tb")) or 0
        if truncate_before == DELETED:
            return None
        max_count = _whole(metadata.get("$maxCount"))
        first = max(truncate_before, 0 if max_count is None else last - max_count + 1)
        max_age = _whole(metadata.get("$maxAge"))
        oldest = 0 if max_age is None else self._now() - max_age * TICKS_PER_SECOND
        return Visible(first, last, oldest)

    def _metadata(self, stream: str) -> dict[str, Any]:
        data = self._db.execute(
            "SELECT data FROM events WHERE stream = ? ORDER BY revision DESC LIMIT 1",
            (metastream(stream),),
        ).get
        try:
            metadata = json.loads(data) if data else {}
        except ValueError:
            return {}
        return metadata if isinstance(metadata, dict) else {}

    def stream_page(
        self, stream: str, visible: Visible, revision: int, *, backwards: bool, limit: int
    ) -> list[Record]:
        """From `revision` inclusive; a page may be shorter than `limit` but not empty in vain."""
        first, last = (visible.first, min(revision, visible.last))
        sql = _STREAM_BACKWARDS
        if not backwards:
            first, last, sql = max(revision, visible.first), visible.last, _STREAM_FORWARDS
        return self._page(sql, (stream, first, last, min(limit, PAGE_EVENTS)))

    def all_page(self, position: int, *, backwards: bool, limit: int = PAGE_EVENTS) -> list[Record]:
        """After (or, backwards, before) `position`, exclusive."""
        sql = _ALL_BACKWARDS if backwards else _ALL_FORWARDS
        return self._page(sql, (position, min(limit, PAGE_EVENTS)))

    def _page(self, sql: str, bindings: tuple[Any, ...]) -> list[Record]:
        page: list[Record] = []
        size = 0
        rows: Iterable[Any] = self._db.execute(sql, bindings)
        for row in rows:
            record = Record(*row)
            page.append(record)
            size += len(record.data)
            if size > PAGE_BYTES:
                break
        return page

    def resolve(self, link: Record) -> Record | None:
        """Find the event that a link names, None when it can no longer be read."""
        try:
            revision, stream = link.data.decode().split("@", 1)
            visible = self.visible(stream)
            wanted = int(revision)
        except (ValueError, StreamDeleted):
            return None
        if visible is None or wanted < visible.first:
            return None
        page = self.stream_page(stream, visible, wanted, backwards=False, limit=1)
        return page[0] if page and page[0].revision == wanted else None


def is_link(record: Record) -> bool:
    return record.type == LINK_TYPE


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
