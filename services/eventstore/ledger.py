"""The streams as the writer knows them, with the rows of the group that is not yet committed."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from uuid import UUID

import apsw

from services.eventstore.record import (
    DELETED,
    METADATA_TYPE,
    NO_STREAM,
    Proposed,
    Record,
    is_metastream,
    metastream,
)
from services.eventstore.storage import COLUMNS

RECENT_IDS = 65_536
"""As many as the real server's 8 MiB hold at stream names of 40 characters; here they also
survive a restart."""

REMEMBERED_STREAMS = 65_536
ROWS_PER_INSERT = 64
_VALUES = "(?,?,?,?,?,?,?,?,?)"
_LAST_REVISIONS = """
SELECT (SELECT max(revision) FROM events WHERE stream = ?),
       (SELECT max(revision) FROM events WHERE stream = ?)
"""


class Ledger:
    """Answers the append table (`appending.Streams`) and gathers rows; writer thread only."""

    def __init__(
        self, db: apsw.Connection, now: Callable[[], int], new_id: Callable[[], UUID]
    ) -> None:
        self._db = db
        self._now = now
        self._new_id = new_id
        self.reload()

    def reload(self) -> None:
        """Forget what was not committed."""
        self._last: OrderedDict[str, int] = OrderedDict()
        self._soft_deleted: dict[str, bool] = {}
        self._pending: list[Record] = []
        self._unwritten: set[str] = set()  # the streams of what is pending
        self._in_transaction = False
        self.fresh: list[Record] = []
        self.position: int = self._db.execute("SELECT max(position) FROM events").get or 0
        recent = self._db.execute(
            "SELECT id, stream, revision FROM events ORDER BY position DESC LIMIT ?", (RECENT_IDS,)
        ).fetchall()
        self._recent = {event_id: (stream, rev) for event_id, stream, rev in reversed(recent)}

    def last_revision(self, stream: str) -> int:
        if is_metastream(stream) and self._last_revision(stream[2:]) == DELETED:
            return DELETED
        return self._last_revision(stream)

    def _last_revision(self, stream: str) -> int:
        last = self._last.get(stream)
        if last is None:
            last = self._look_up(stream)
        return last

    def _look_up(self, stream: str) -> int:
        """Find stream and metastream at once: each statement gives up the interpreter lock."""
        meta = metastream(stream)
        if not self._unwritten.isdisjoint((stream, meta)):
            self._insert_pending()
        last, last_meta = self._db.execute(_LAST_REVISIONS, (stream, meta)).get
        if meta not in self._last:
            self._remember(meta, NO_STREAM if last_meta is None else last_meta)
        self._remember(stream, NO_STREAM if last is None else last)
        return self._last[stream]

    def _remember(self, stream: str, last: int) -> None:
        self._last[stream] = last
        if len(self._last) > REMEMBERED_STREAMS:
            forgotten, _ = self._last.popitem(last=False)
            self._soft_deleted.pop(forgotten, None)

    def is_soft_deleted(self, stream: str) -> bool:
        if is_metastream(stream):
            return False
        known = self._soft_deleted.get(stream)
        if known is None:
            metadata = self._metadata(stream)
            known = isinstance(metadata, dict) and metadata.get("$tb") == DELETED
            self._last_revision(stream)
            self._soft_deleted[stream] = known
        return known

    def _metadata(self, stream: str) -> Any:
        if self._last_revision(metastream(stream)) == NO_STREAM:
            return None
        self._insert_pending()
        data = self._db.execute(
            "SELECT data FROM events WHERE stream = ? ORDER BY revision DESC LIMIT 1",
            (metastream(stream),),
        ).get
        try:
            return json.loads(data)
        except ValueError:
            return None

    def recent_revision(self, stream: str, event_id: bytes) -> int | None:
        known = self._recent.get(event_id)
        return known[1] if known is not None and known[0] == stream else None

    def has(self, stream: str, revision: int, event_id: bytes) -> bool:
        if self._recent.get(event_id) == (stream, revision):
            return True
        self._insert_pending()
        at_revision = self._db.execute(
            "SELECT id FROM events WHERE stream = ? AND revision = ?", (stream, revision)
        ).get
        return bool(at_revision == event_id)

    def position_of(self, stream: str, revision: int) -> int:
        self._insert_pending()
        found = self._db.execute(
            "SELECT position FROM events WHERE stream = ? AND revision = ?", (stream, revision)
        ).get
        return int(found)

    def add(self, stream: str, revision: int, event: Proposed) -> None:
        """Put one event at the end of the log, in the group that is being gathered."""
        self.position += 1
        record = Record(
            self.position,
            stream,
            revision,
            event.id,
            event.type,
            int(event.is_json),
            self._now(),
            event.data,
            event.metadata,
        )
        self._pending.append(record)
        self._unwritten.add(stream)
        self.fresh.append(record)
        self._remember(stream, revision)
        self._recent.pop(event.id, None)
        self._recent[event.id] = (stream, revision)
        if len(self._recent) > RECENT_IDS:
            del self._recent[next(iter(self._recent))]
        if is_metastream(stream):
            self._soft_deleted.pop(stream[2:], None)

    def add_metadata(self, stream: str, truncate_before: int, kept: dict[str, Any]) -> None:
        """Write the stream's metadata anew with another `$tb`."""
        meta = metastream(stream)
        data = json.dumps({**kept, "$tb": truncate_before}).encode()
        event = Proposed(self._new_id().bytes, METADATA_TYPE, is_json=True, data=data, metadata=b"")
        self.add(meta, self._last_revision(meta) + 1, event)

    def undelete(self, stream: str, truncate_before: int) -> None:
        metadata = self._metadata(stream)
        if isinstance(metadata, dict):
            self.add_metadata(stream, truncate_before, metadata)

    def _insert_pending(self) -> None:
        if not self._pending:
            return
        if not self._in_transaction:
            self._db.execute("BEGIN IMMEDIATE")
            self._in_transaction = True
        self._insert()

    def _insert(self) -> None:
        rows, self._pending = self._pending, []
        self._unwritten.clear()
        # One statement for many rows: SQLite gives up the interpreter lock once, not per row.
        # The sizes are few, so that the prepared statements are found again.
        for start in range(0, len(rows), ROWS_PER_INSERT):
            values: list[Any] = []
            some = rows[start : start + ROWS_PER_INSERT]
            for r in some:
                values += (r.position, r.stream, r.revision, r.id, r.type, r.is_json, r.created)
                values += (r.data, r.metadata)
            self._db.execute(
                f"INSERT INTO events ({COLUMNS}) VALUES {','.join([_VALUES] * len(some))}",  # noqa: S608
                values,
            )

    def commit(self) -> list[Record]:
        """Make the group durable (one fsync) and return its records."""
        if self._in_transaction or len(self._pending) > ROWS_PER_INSERT:
            self._insert_pending()
            self._db.execute("COMMIT")
            self._in_transaction = False
        else:
            self._insert()  # one statement is a transaction by itself
        fresh, self.fresh = self.fresh, []
        return fresh

    def roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        self.reload()
