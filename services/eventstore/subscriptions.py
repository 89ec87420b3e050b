"""Catch-up subscriptions: the file first, then what the writer commits, with no gap between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from services.eventstore import wire
from services.eventstore.filters import Filter
from services.eventstore.reading import PAGE_EVENTS, Reader, StreamDeleted
from services.eventstore.record import DELETED, NO_STREAM, Record
from services.eventstore.wire import ReadResp

QUEUED_EVENTS = 2_048
"""Beyond this a subscriber reads the file again instead of being buffered for."""

CONSIDERED_AT_ONCE = 64


class Closing(Exception):
    """The node is going down; subscribers are to reconnect."""


class Live:
    """What was committed since a subscriber last looked, or only that it was too much.

    A subscriber with a filter sleeps through what it does not want, until it has to say how far it
    has come: most events concern one subscriber of many.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, only: Filter | None = None) -> None:
        self._loop = loop
        self._only = only
        self._is_due = False
        self._patience = 1
        self._queue: deque[Record] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._closing = False
        self.overflowed = False

    def reset(self) -> None:
        self._queue.clear()
        self._is_due = self.overflowed = False

    def push(self, records: list[Record]) -> None:
        if self.overflowed:
            return
        if len(self._queue) + len(records) > QUEUED_EVENTS:
            self._queue.clear()
            self.overflowed = True
        else:
            self._queue.extend(records)
            self._is_due = self._is_due or self._concerns(records)
        if self._is_due or self.overflowed:
            self._wake()

    def _concerns(self, records: list[Record]) -> bool:
        if self._only is None or len(self._queue) >= self._patience:
            return True
        return any(map(self._only.allows, records))

    def close(self) -> None:
        self._closing = True
        self._wake()

    def check(self) -> None:
        """Raise Closing when the node is going down."""
        if self._closing:
            raise Closing

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def take(self, patience: int) -> list[Record]:
        """Wait for a record that is wanted, or ``patience`` that are not; none if it overflowed.

        Raises Closing.
        """
        self._patience = patience
        self._is_due = self._is_due or len(self._queue) >= patience
        while not (self._is_due or self.overflowed or self._closing):
            self._waiter = self._loop.create_future()
            await self._waiter
        self.check()
        taken = [self._queue.popleft() for _ in range(min(len(self._queue), CONSIDERED_AT_ONCE))]
        self._is_due = bool(self._queue)
        return taken


class Hub:
    """Hands each committed group to the subscribers that it concerns; on the loop only."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._all: set[Live] = set()
        self._by_stream: dict[str, set[Live]] = {}
        self._closing = False

    def open(self, stream: str | None = None, only: Filter | None = None) -> Live:
        live = Live(self._loop, only)
        if self._closing:
            live.close()
        group = self._all if stream is None else self._by_stream.setdefault(stream, set())
        group.add(live)
        return live

    def leave(self, live: Live, stream: str | None = None) -> None:
        if stream is None:
            self._all.discard(live)
            return
        group = self._by_stream[stream]
        group.discard(live)
        if not group:
            del self._by_stream[stream]

    def publish(self, records: list[Record]) -> None:
        for live in self._all:
            live.push(records)
        if not self._by_stream:
            return
        for record in records:
            for live in self._by_stream.get(record.stream, ()):
                live.push([record])

    def close(self) -> None:
        self._closing = True
        for live in self._all.union(*self._by_stream.values()):
            live.close()


class Source(Protocol):
    """Where one subscription's events come from, and how far it has come."""

    is_deleted: bool

    @property
    def patience(self) -> int: ...

    def is_at_end(self) -> bool: ...

    def next_page(self) -> list[Record]: ...

    def accept(self, records: list[Record]) -> list[ReadResp]: ...

    def milestone(self) -> list[ReadResp]: ...


async def follow(source: Source, live: Live, first: ReadResp) -> AsyncIterator[list[ReadResp]]:
    """Batches of responses without end; raises Closing and StreamDeleted."""
    yield [first]
    is_behind = not source.is_at_end()
    while True:
        if is_behind:
            while page := source.next_page():
                yield source.accept(page)
                await asyncio.sleep(0)
                live.check()
            # Pushes follow commits, so all that was pushed by now has just been read.
            live.reset()
            yield source.milestone()
        yield [wire.caught_up()]
        while not live.overflowed:
            yield source.accept(await live.take(source.patience))
            if source.is_deleted:
                raise StreamDeleted
        yield [wire.fell_behind(), *source.milestone()]
        is_behind = True


class AllSource:
    """`$all` after a position (None: after its end), with or without a filter."""

    is_deleted = False

    def __init__(
        self,
        reader: Reader,
        render: Callable[[Record], ReadResp],
        after: int | None,
        only: Filter | None,
    ) -> None:
        self._reader = reader
        self._render = render
        self._only = only
        self._end = reader.last_position()
        self._position = self._end if after is None else after
        self._considered = 0
        self._checkpoint = 0

    @property
    def patience(self) -> int:
        """How many events it may be given before a checkpoint is due."""
        if self._only is None:
            return 1
        return min(self._only.checkpoint_interval - self._considered, CONSIDERED_AT_ONCE)

    def is_at_end(self) -> bool:
        return self._position >= self._end

    def next_page(self) -> list[Record]:
        return self._reader.all_page(self._position, backwards=False)

    def accept(self, records: list[Record]) -> list[ReadResp]:
        responses: list[ReadResp] = []
        only = self._only
        for record in records:
            if record.position <= self._position:
                continue
            self._position = record.position
            if only is None:
                responses.append(self._render(record))
                continue
            if only.allows(record):
                responses.append(self._render(record))
            self._considered += 1
            if self._considered >= only.checkpoint_interval:
                responses += self.milestone()
        return responses

    def milestone(self) -> list[ReadResp]:
        """Make a checkpoint, where it says something new."""
        if self._only is None or self._position <= self._checkpoint:
            return []
        self._considered = 0
        self._checkpoint = self._position
        return [wire.checkpoint(self._position)]


class StreamSource:
    """One stream after a revision (None: after its end), until its tombstone."""

    patience = 1

    def __init__(
        self,
        reader: Reader,
        render: Callable[[Record], ReadResp],
        stream: str,
        after: int | None,
    ) -> None:
        self._reader = reader
        self._render = render
        self._stream = stream
        last = reader.last_revision(stream)
        self._end = NO_STREAM if last is None else last
        self._revision = self._end if after is None else after
        self.is_deleted = False

    def is_at_end(self) -> bool:
        return self._revision >= self._end and self._end != DELETED

    def next_page(self) -> list[Record]:
        """Read on from the last accepted revision; raises StreamDeleted."""
        while visible := self._reader.visible(self._stream):
            page = self._reader.stream_page(
                self._stream, visible, self._revision + 1, backwards=False, limit=PAGE_EVENTS
            )
            young = [record for record in page if record.created >= visible.created_after]
            if young or not page:
                return young
            self._revision = page[-1].revision
        return []

    def accept(self, records: list[Record]) -> list[ReadResp]:
        responses = []
        for record in records:
            if record.revision > self._revision:
                self._revision = record.revision
                responses.append(self._render(record))
        self.is_deleted = self._revision == DELETED
        return responses

    def milestone(self) -> list[ReadResp]:
        return []
