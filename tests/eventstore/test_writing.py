"""The writer alone: durable before it answers, and whole when the disk is full."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import apsw
import pytest

from services.eventstore import ledger
from services.eventstore.appending import StreamState, Wrong
from services.eventstore.ledger import Ledger
from services.eventstore.record import Proposed, Record
from services.eventstore.storage import FILE_NAME, open_for_writing
from services.eventstore.writing import Append, Failed, TimedOut, Writer, Written


def append(
    stream: str, *, size: int = 10, count: int = 1, not_after: float | None = None
) -> Append:
    events = [
        Proposed(uuid4().bytes, "T", is_json=True, data=b"x" * size, metadata=b"")
        for _ in range(count)
    ]
    deadline = time.monotonic() + 60 if not_after is None else not_after
    return Append(stream, StreamState.ANY, events, size * count, deadline)


@pytest.fixture
def db(tmp_path: Path) -> apsw.Connection:
    return open_for_writing(tmp_path)


@pytest.fixture
def published() -> list[Record]:
    return []


@pytest.fixture
async def writer(db: apsw.Connection, published: list[Record]) -> AsyncIterator[Writer]:
    ticks = itertools.count(1)

    def fail(error: BaseException) -> None:
        raise error

    built = Writer(
        Ledger(db, lambda: next(ticks), uuid4), asyncio.get_running_loop(), published.extend, fail
    )
    built.start()
    yield built
    await built.close()


def test_every_commit_is_synced(db: apsw.Connection) -> None:
    full = 2
    assert db.pragma("journal_mode") == "wal"
    assert db.pragma("synchronous") == full


async def test_what_is_answered_can_be_read_by_another_connection(
    writer: Writer, published: list[Record], tmp_path: Path
) -> None:
    other = apsw.Connection(str(tmp_path / FILE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    outcomes = await asyncio.gather(*(writer.write(append(f"s-{n % 7}")) for n in range(500)))
    assert sorted(o.position for o in outcomes if isinstance(o, Written)) == list(range(1, 501))
    assert other.execute("SELECT count(*) FROM events").get == 500
    assert [r.position for r in published] == list(range(1, 501))
    other.close()


async def test_a_full_disk_refuses_whole_groups_and_the_writer_goes_on(
    writer: Writer, db: apsw.Connection, published: list[Record]
) -> None:
    assert isinstance(await writer.write(append("s")), Written)
    pages = db.pragma("page_count")
    db.pragma("max_page_count", pages + 4)
    small, large = append("s", size=1, count=64), append("s", size=8_000, count=20)
    half_fits = replace(small, events=[*small.events, *large.events])
    assert await writer.write(half_fits) == Failed()
    db.pragma("max_page_count", pages + 1_000)
    assert await writer.write(append("s")) == Written(1, 2)
    assert [(r.position, r.revision) for r in published] == [(1, 0), (2, 1)]


async def test_what_nobody_waits_for_is_not_written(
    writer: Writer, published: list[Record]
) -> None:
    assert await writer.write(append("s", not_after=time.monotonic() - 1)) == TimedOut()
    assert published == []


async def test_what_is_queued_is_written_before_the_end(
    published: list[Record], writer: Writer
) -> None:
    waiting = [asyncio.create_task(writer.write(append("s"))) for _ in range(100)]
    await asyncio.sleep(0)
    await writer.close()
    assert len(await asyncio.gather(*waiting)) == len(published) == 100
    writer._thread.join()
    writer._queue.put(None)


async def test_streams_and_ids_beyond_memory_are_found_in_the_file(
    db: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "REMEMBERED_STREAMS", 3)
    monkeypatch.setattr(ledger, "RECENT_IDS", 3)
    ticks = itertools.count(1)
    books = Ledger(db, lambda: next(ticks), uuid4)
    first = uuid4().bytes
    for number in range(20):
        event_id = first if number == 0 else uuid4().bytes
        books.add(f"s-{number}", 0, Proposed(event_id, "T", True, b"", b""))  # noqa: FBT003
    assert books.recent_revision("s-0", first) is None
    assert books.has("s-0", 0, first)
    assert [books.last_revision(f"s-{n}") for n in (0, 5, 19, 20)] == [0, 0, 0, -1]
    books.commit()
    assert Wrong(0) == Wrong(books.last_revision("s-1"))
