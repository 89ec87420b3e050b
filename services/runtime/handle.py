"""The loop every command runs through: read, fold, decide, append."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid5

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random

from services.runtime.cause import COMMAND, Cause
from services.runtime.decider import Decider
from services.runtime.recorded import CONTINUES, Recorded
from services.runtime.rejection import Rejection
from services.runtime.store import NO_STREAM, EventStore, Proposed, StaleRevision

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")

MAX_ATTEMPTS = 5
KEPT_STREAMS = 4096


@dataclass(frozen=True, slots=True)
class Written:
    """Where a command left its stream: ``revision`` in it, ``position`` in ``$all``.

    ``event`` is the last that it wrote, now or when it was first obeyed; None if it wrote nothing.
    """

    revision: int
    position: int
    event: Any = field(default=None, compare=False)

    @property
    def etag(self) -> str:
        return str(self.revision)


@dataclass(slots=True)
class _Folded(Generic[S]):
    """A stream as far as this process has seen it."""

    state: S
    revision: int = NO_STREAM
    position: int = 0
    exercise: str | None = None
    obeyed: dict[str, Written] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class CommandHandler(Generic[C, S, E]):
    """Obeys commands on the streams of one decider.

    Folded streams are kept, so that a command costs one append and no read; one that is not kept
    is taken for new.  Where that is stale, an append fails on its expected revision, and a refusal
    is only ever pronounced on a stream that was read to its end after the command came.
    """

    def __init__(self, store: EventStore, decider: Decider[C, S, E]) -> None:
        self._store = store
        self._decider = decider
        self._kept: OrderedDict[str, _Folded[S]] = OrderedDict()

    async def handle(self, key: str, command: C, cause: Cause, *, etag: str = "") -> Written:
        """Obey ``command`` on stream ``{category}-{key}``.

        A command already obeyed gets its first answer and writes nothing.  With ``etag`` a stream
        that has moved on raises StaleRevision at once; without, the command is decided again, at
        most five times.  Raises what the decider refuses, and Unavailable.
        """
        folded = self._keep(key)
        async with folded.turn:
            if etag:
                await self._catch_up(key, folded)
                return await self._obey(key, folded, command, cause, etag)
            with suppress(StaleRevision):
                return await self._obey(key, folded, command, cause, etag)
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(StaleRevision),
                stop=stop_after_attempt(MAX_ATTEMPTS - 1),
                wait=wait_random(max=0.05),
                reraise=True,
            ):
                with attempt:
                    await self._catch_up(key, folded)
                    return await self._obey(key, folded, command, cause, etag)
        raise AssertionError  # reraise=True: the loop returns or raises

    async def state(self, key: str, cause: Cause | None = None) -> S:
        """Return the state of a stream, read to its end.

        With ``cause`` a stream of another exercise, or of earnest, is refused as it is to commands.
        """
        folded = self._keep(key)
        async with folded.turn:
            await self._catch_up(key, folded)
            if cause is not None:
                self._check_exercise(key, folded, cause)
            return folded.state

    async def look(self, key: str) -> tuple[S, Written]:
        """Return the state of a stream, read to its end, and where that end is."""
        folded = self._keep(key)
        async with folded.turn:
            await self._catch_up(key, folded)
            return folded.state, Written(folded.revision, folded.position)

    async def obeyed(self, key: str, cause: Cause) -> Written | None:
        """Return what a stream answered when it obeyed this command; None if it never did.

        For who asks others before commanding: a repetition gets its answer whatever they say now.
        """
        folded = self._keep(key)
        async with folded.turn:
            await self._catch_up(key, folded)
            return folded.obeyed.get(str(cause.command_id))

    async def glimpse(self, key: str) -> S:
        """Return the state as this process last saw it, read only if it never did.

        For what never changes once it is there.
        """
        folded = self._keep(key)
        if folded.revision == NO_STREAM:
            return await self.state(key)
        return folded.state

    async def _obey(
        self, key: str, folded: _Folded[S], command: C, cause: Cause, etag: str
    ) -> Written:
        if first := folded.obeyed.get(str(cause.command_id)):
            return first
        if etag and etag != str(folded.revision):
            raise StaleRevision(f"{self._decider.category}-{key}")
        try:
            events = self._decide(key, folded, command, cause)
        except Rejection:
            events = []
        if not events:  # nothing to do, or refused: only the newest state may say so
            if await self._catch_up(key, folded):
                return await self._obey(key, folded, command, cause, etag)
            events = self._decide(key, folded, command, cause)
            if not events:
                return Written(folded.revision, folded.position)
        return await self._append(key, folded, events, cause)

    def _decide(self, key: str, folded: _Folded[S], command: C, cause: Cause) -> list[E]:
        self._check_exercise(key, folded, cause)
        return list(self._decider.decide(command, folded.state))

    def _check_exercise(self, key: str, folded: _Folded[S], cause: Cause) -> None:
        if folded.exercise is not None and folded.exercise != cause.exercise:
            raise Rejection(
                "EXERCISE_MISMATCH",
                f"{self._decider.category} {key} belongs to "
                f"{folded.exercise or 'earnest'}, the request to {cause.exercise or 'earnest'}",
                exercise=folded.exercise,
                requested=cause.exercise,
            )

    async def _append(self, key: str, folded: _Folded[S], events: list[E], cause: Cause) -> Written:
        position = await self._store.append(
            f"{self._decider.category}-{key}", self._propose(events, cause), folded.revision
        )
        folded.state = reduce(self._decider.evolve, events, folded.state)
        folded.revision += len(events)
        folded.position = position
        folded.exercise = cause.exercise
        return self._remember(folded, str(cause.command_id), events[-1])

    def _propose(self, events: list[E], cause: Cause) -> list[Proposed]:
        """Name each event after its command and its content.

        A repetition that decides otherwise, on another clock or another body, is then never taken
        for the first by the store: it is stale, and what is stored is read.
        """
        metadata = cause.metadata()
        proposed = []
        for number, event in enumerate(events):
            type_, data = self._decider.codec.encode(event)
            id_ = _event_id(cause.command_id, number, type_, data)
            more = {CONTINUES: "true"} if number + 1 < len(events) else {}
            proposed.append(Proposed(id_, type_, data, {**metadata, **more}))
        return proposed

    async def _catch_up(self, key: str, folded: _Folded[S]) -> bool:
        """Fold what was written since; tell whether anything was."""
        news = await self._store.read(f"{self._decider.category}-{key}", after=folded.revision)
        for event in news:
            self._fold(folded, event)
        return bool(news)

    def _fold(self, folded: _Folded[S], event: Recorded) -> None:
        happened = self._decider.codec.decode(event.type, event.data)
        folded.state = self._decider.evolve(folded.state, happened)
        folded.revision = event.revision
        folded.position = event.position
        if folded.exercise is None:
            folded.exercise = event.metadata.get("exercise", "")
        self._remember(folded, event.metadata.get(COMMAND, ""), happened)

    @staticmethod
    def _remember(folded: _Folded[S], command_id: str, event: E) -> Written:
        folded.obeyed[command_id] = written = Written(folded.revision, folded.position, event)
        return written

    def _keep(self, key: str) -> _Folded[S]:
        folded = self._kept.setdefault(key, _Folded(self._decider.initial))
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT_STREAMS:
            oldest = next(iter(self._kept))
            if not self._kept[oldest].turn.locked():
                del self._kept[oldest]
        return folded


def _event_id(command_id: UUID, number: int, type_: str, data: bytes) -> UUID:
    return uuid5(command_id, f"{number} {type_} {data.decode()}")


def is_first_of_command(event: Recorded) -> bool:
    """Whether its id tells that its command wrote nothing before it."""
    command = event.metadata.get(COMMAND)
    return bool(command) and event.id == _event_id(UUID(command), 0, event.type, event.data)


def derived_id(request_id: str, name: str) -> str:
    """Return the id of a thing that a request creates without naming it: the same at each retry."""
    return str(uuid5(UUID(request_id), name))
