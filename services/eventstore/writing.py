"""The one writer: gathers what waits, decides each on its own, commits all with one fsync."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import assert_never

import apsw
import structlog

from services.eventstore.appending import Accepted, Deleted, Expected, Repeated, Wrong, decide
from services.eventstore.ledger import Ledger
from services.eventstore.record import (
    DELETED,
    NO_STREAM,
    TOMBSTONE_TYPE,
    Proposed,
    Record,
    is_metastream,
    metastream,
    original_of,
)

GROUP_WRITES = 512
GROUP_BYTES = 8 * 1024 * 1024

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Append:
    stream: str
    expected: Expected
    events: Sequence[Proposed]
    size: int
    """Bytes, as the limit counts them."""
    not_after: float
    """`time.monotonic()` after which nobody waits any more, so nothing is written."""


@dataclass(frozen=True, slots=True)
class Delete:
    """`hard` leaves a tombstone; otherwise the stream may be written again."""

    stream: str
    expected: Expected
    event_id: bytes
    hard: bool
    size: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """`revision` is the stream's last (-1: none), `position` the commit position (0: none)."""

    revision: int
    position: int


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Waited too long and was not written."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The disk refused; nothing was written."""


Write = Append | Delete
Outcome = Written | Wrong | Deleted | TimedOut | Failed
Waiting = tuple[Write, Callable[[Outcome], None]]


class Writer:
    """A thread that owns the writing connection; outcomes and records come back on `loop`."""

    def __init__(
        self,
        ledger: Ledger,
        loop: asyncio.AbstractEventLoop,
        publish: Callable[[list[Record]], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._ledger = ledger
        self._loop = loop
        self._publish = publish
        self._fail = fail
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="writer", daemon=True)
        self.position = ledger.position

    def start(self) -> None:
        self._thread.start()

    def submit(self, write: Write, done: Callable[[Outcome], None]) -> None:
        """Queue a write; `done` is called on the loop once it is durable or refused."""
        self._queue.put((write, done))

    async def write(self, write: Write) -> Outcome:
        future: asyncio.Future[Outcome] = self._loop.create_future()

        def done(outcome: Outcome) -> None:
            if not future.done():
                future.set_result(outcome)

        self.submit(write, done)
        return await future

    async def close(self) -> None:
        """Finish what is queued, then stop."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        try:
            while (first := self._queue.get()) is not None:
                group, is_last = self._gather(first)
                self._commit(group)
                if is_last:
                    return
        except BaseException as error:  # noqa: BLE001 -- the node must not live on without it
            self._loop.call_soon_threadsafe(self._fail, error)

    def _gather(self, first: Waiting) -> tuple[list[Waiting], bool]:
        group = [first]
        size = first[0].size
        while len(group) < GROUP_WRITES and size < GROUP_BYTES:
            try:
                waiting = self._queue.get_nowait()
            except Empty:
                break
            if waiting is None:
                return group, True
            group.append(waiting)
            size += waiting[0].size
        return group, False

    def _commit(self, group: list[Waiting]) -> None:
        try:
            outcomes = [self._decide(write) for write, _ in group]
            records = self._ledger.commit()
        except apsw.FullError:
            # A full disk rolls back cleanly. Any other error leaves the file's state unknown:
            # it escapes, the process ends, and the next start recovers from the log.
            self._ledger.roll_back()
            log.exception("append_refused", reason="disk full", writes=len(group))
            outcomes, records = [Failed()] * len(group), []
        self._loop.call_soon_threadsafe(self._deliver, group, outcomes, records)

    def _deliver(
        self, group: list[Waiting], outcomes: Sequence[Outcome], records: list[Record]
    ) -> None:
        if records:
            self.position = records[-1].position
        for (_, done), outcome in zip(group, outcomes, strict=True):
            done(outcome)
        if records:
            self._publish(records)

    def _decide(self, write: Write) -> Outcome:
        match write:
            case Append():
                return self._append(write)
            case Delete():
                return self._delete(write)
            case _:
                assert_never(write)

    def _append(self, write: Append) -> Outcome:
        if time.monotonic() > write.not_after:
            return TimedOut()
        stream, ledger = write.stream, self._ledger
        decision = decide(ledger, stream, write.expected, [event.id for event in write.events])
        match decision:
            case Accepted(current, undelete):
                return self._accept(stream, current, write.events, undelete=undelete)
            case Repeated(last):
                return Written(last, ledger.position_of(stream, last))
            case Wrong() | Deleted():
                return decision
            case _:
                assert_never(decision)

    def _accept(
        self, stream: str, current: int, events: Sequence[Proposed], *, undelete: bool
    ) -> Outcome:
        ledger = self._ledger
        if not events:
            return Written(current, ledger.position)
        revives = is_metastream(stream) and ledger.is_soft_deleted(original_of(stream))
        for revision, event in enumerate(events, current + 1):
            ledger.add(stream, revision, event)
        written = Written(current + len(events), ledger.position)
        if undelete:
            ledger.undelete(stream, truncate_before=current + 1)
        if revives:
            original = original_of(stream)
            ledger.undelete(original, truncate_before=ledger.last_revision(original) + 1)
        return written

    def _delete(self, write: Delete) -> Outcome:
        stream, ledger = write.stream, self._ledger
        decision = decide(ledger, stream, write.expected, [write.event_id])
        match decision:
            case Repeated():  # an id that was drawn for this delete cannot have been seen
                return Wrong(ledger.last_revision(stream))
            case Wrong() | Deleted():
                return decision
        if write.hard:
            ledger.add(stream, DELETED, Proposed(write.event_id, TOMBSTONE_TYPE, False, b"", b""))  # noqa: FBT003
            return Written(DELETED, ledger.position)
        metadata_last = ledger.last_revision(metastream(stream))
        if decision.current == NO_STREAM and metadata_last == NO_STREAM:
            return Wrong(NO_STREAM)
        ledger.add_metadata(stream, DELETED, {})
        return Written(decision.current, ledger.position)
