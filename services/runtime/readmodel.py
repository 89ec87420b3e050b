"""Read models: SQL rows folded from events, rebuilt from nothing whenever they are not there."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Hashable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    bindparam,
    create_engine,
    event,
    inspect,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.runtime.past import Pasts
from services.runtime.projection import EPOCH, AsOf, Projection, Seen
from services.runtime.recorded import Recorded
from services.runtime.rejection import Unavailable
from services.runtime.shared import Shared
from services.runtime.store import EventStore, Progress
from services.runtime.tap import Taps
from services.runtime.times import micros

__all__ = ["AsOf", "Projection", "ReadModel", "Seen"]

T = TypeVar("T")

IN_MEMORY = "sqlite+aiosqlite://"
BATCH = 500
SHORT_BATCH = 16
"""Folded on the loop: so few cost less than changing threads does."""
WAL_EVENTS, WAL_PAGES = 50, 16_000
"""Each so many events SQLite's log is moved into its database: beside the loop, and then what came
meanwhile, so that the log begins anew and stays short, for a long one slows every read.  Above so
many pages whoever writes next does it."""
GATHER_S = 0.01
"""An event that comes alone is folded at once; one close on another waits, and shares a commit."""
WAIT_FOR_POSITION_S = 5.0
RESUBSCRIBE_AFTER_S = 0.5

log = structlog.get_logger()


class _Fenced(Exception):
    """The rows are not where this process left them: another one folded, or they went back."""


class ReadModel:
    """One projection's tables in one database, following the store.

    Rows and checkpoint commit together, so that a crash neither skips nor repeats an event.  What
    one append wrote is folded in one commit, so that nobody reads half of an act.
    """

    def __init__(self, projection: Projection, store: EventStore, url: str) -> None:
        self._projection = projection
        self._store = store
        self._folder = ""
        if url == IN_MEMORY:
            # One connection would be shared: a reader that lets go of it rolls the writer back.
            self._folder = tempfile.mkdtemp(prefix="anlan-")
            url = f"{IN_MEMORY}/{self._folder}/rows.db"
        self._engine = _engine(url)
        self._writer = _sqlite_writer(url)
        self._writing: Connection | None = None  # kept: taking one from the pool costs a commit
        self._checkpoint = Table(
            "checkpoint",
            projection.tables,
            Column("name", String, primary_key=True),
            Column("position", BigInteger, nullable=False),
            Column("time", BigInteger, nullable=False),  # microseconds since 1970, UTC
            extend_existing=True,
        )
        self._move = (  # built once: building it costs more than running it
            update(self._checkpoint)
            .where(self._checkpoint.c.position == bindparam("was"))
            .values(position=bindparam("is_now"), time=bindparam("at"))
        )
        self._in_log = 0  # events
        self._moving: asyncio.Task[None] | None = None
        self._news = asyncio.Event()  # another for each advance
        self._pasts = Pasts(projection, store)
        self._taps = Taps()
        self._shared = Shared()
        self.seen = Seen()
        self.caught_up = asyncio.Event()

    async def open(self) -> None:
        """Create the tables, or drop and create them where another version left its own."""
        async with self._engine.begin() as connection:
            await connection.run_sync(self._prepare)
        await self._look()

    async def close(self) -> None:
        if self._moving is not None:
            await self._moving
        await self._engine.dispose()
        self._writing = None  # not closed: a thread that is left behind may be folding on it
        if self._writer is not None:
            self._writer.dispose()
        await self._pasts.close()
        if self._folder:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def run(self) -> None:
        """Follow the store for ever.  Ends only with an error that no retry can cure."""
        while True:
            try:
                await self._follow()
            except Exception as dropped:
                if not _passing(dropped):
                    raise
                log.warning("subscription dropped", model=self._projection.name, why=repr(dropped))
            self._taps.end_all()
            await asyncio.sleep(RESUBSCRIBE_AFTER_S)

    async def _follow(self) -> None:
        await self._look()
        queue: asyncio.Queue[Recorded | Progress | None] = asyncio.Queue(2 * BATCH)
        after = self.seen.position or None

        async def pump() -> None:
            try:
                async for item in self._store.subscribe(self._projection.categories, after):
                    await queue.put(item)
            finally:
                task = asyncio.current_task()
                if task is not None and not task.cancelling():  # else nobody takes it
                    await queue.put(None)

        pumping = asyncio.create_task(pump())
        committed_at = 0.0
        try:
            while (item := await queue.get()) is not None:
                if (early := committed_at + GATHER_S - time.monotonic()) > 0:
                    await asyncio.sleep(early)
                batch: list[Recorded] = []
                caught_up = False
                ended = False
                while True:
                    if isinstance(item, Recorded):
                        batch.append(item)
                    elif item is None:
                        ended = True
                    else:
                        caught_up = caught_up or item.caught_up
                    full = len(batch) >= BATCH or queue.empty()
                    if ended or (full and not (batch and batch[-1].continues)):
                        break
                    item = await queue.get()
                while batch and batch[-1].continues:  # its append was cut: it comes again, whole
                    batch.pop()
                if batch:
                    await self._commit(batch)
                    committed_at = time.monotonic()
                if caught_up:
                    self.caught_up.set()
                if ended:
                    break
            await pumping
        finally:
            pumping.cancel()
            await asyncio.gather(pumping, return_exceptions=True)

    async def _commit(self, batch: list[Recorded]) -> None:
        """Fold what the rows do not know yet; another process may have been faster."""
        while news := [event for event in batch if event.position > self.seen.position]:
            try:
                await self._fold_in(news)
            except _Fenced:
                before = self.seen.position
                await self._look()
                if self.seen.position <= before:
                    raise
            else:
                self._advance(Seen(news[-1].position, news[-1].created_at))
        self._taps.pour(batch)

    async def _fold_in(self, news: list[Recorded]) -> None:
        if self._writer is None:
            async with self._engine.begin() as connection:
                await connection.run_sync(self._fold, news)
            return
        if len(news) <= SHORT_BATCH:
            self._write(self._writer, news)
        else:
            await asyncio.to_thread(self._write, self._writer, news)
        self._in_log += len(news)
        if self._moving is not None and self._moving.done():
            self._moving = None
            _move_log(self._writer)
        elif self._in_log >= WAL_EVENTS and self._moving is None:
            self._in_log = 0
            self._moving = asyncio.create_task(asyncio.to_thread(_move_log, self._writer))

    async def _look(self) -> None:
        """Learn from the rows themselves how far they are."""
        async with self._engine.connect() as connection:
            self._advance(await connection.run_sync(self._load))

    def _advance(self, seen: Seen) -> None:
        self.seen = seen
        self._shared.forget()
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _write(self, engine: Engine, batch: Sequence[Recorded]) -> None:
        if self._writing is None or self._writing.invalidated:
            self._writing = engine.connect()
        with self._writing.begin():
            self._fold(self._writing, batch)

    def _fold(self, connection: Connection, batch: Sequence[Recorded]) -> None:
        last = batch[-1]
        moved = connection.execute(
            self._move,
            {"was": self.seen.position, "is_now": last.position, "at": micros(last.created_at)},
        )
        if not moved.rowcount:
            raise _Fenced
        self._projection.fold(connection, batch)

    def _prepare(self, connection: Connection) -> None:
        known = inspect(connection).get_table_names()
        if "checkpoint" in known:
            row = connection.execute(select(self._checkpoint.c.name)).first()
            if row is not None and row.name == self._projection.name:
                return
            stale = MetaData()
            stale.reflect(connection)
            stale.drop_all(connection)
        self._projection.tables.create_all(connection)
        start = {"name": self._projection.name, "position": 0, "time": 0}
        connection.execute(self._checkpoint.insert(), start)

    def _load(self, connection: Connection) -> Seen:
        row = connection.execute(select(self._checkpoint)).one()
        return Seen(row.position, EPOCH + timedelta(microseconds=row.time))

    async def follow(
        self, categories: Sequence[str], after: int | None
    ) -> AsyncGenerator[Recorded, None]:
        """Yield the events of ``categories`` after a position, each once the rows know it.

        ``categories`` are some of the projection's.  Ends when the rows are followed anew; the
        caller resumes from what it has processed.  Raises Unavailable when the store is away.
        """
        await self.caught_up.wait()
        with self._taps.open() as tap:
            folded, start = self.seen.position, -1 if after is None else after
            async with aclosing(self._store.read_all(categories, after)) as past:
                async for event in past:
                    if event.position > folded:  # the tap brings it
                        break
                    if event.position > start:
                        yield event
            while (told := await tap.get()) is not None:
                if told.position > max(folded, start) and told.category in categories:
                    yield told

    async def advanced(self, after: int, timeout_s: float | None = None) -> bool:
        """Wait until something after position ``after`` is folded; False when time ran out."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.seen.position <= after:
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    @asynccontextmanager
    async def read(
        self, *, min_position: int = 0, as_of: AsOf | None = None
    ) -> AsyncIterator[tuple[AsyncConnection, Seen]]:
        """Yield a connection to the rows, and what they have seen.

        Waits for ``min_position`` at most 5 s, then raises Unavailable.
        """
        if as_of is not None:
            async with self._pasts.at(as_of) as (past, seen), past.connect() as connection:
                yield connection, seen
            return
        seen = await self._reached(min_position)
        async with self._engine.connect() as connection:
            yield connection, seen

    async def snapshot(
        self,
        rows: Callable[[Connection, Seen], T],
        *,
        min_position: int = 0,
        as_of: AsOf | None = None,
    ) -> tuple[T, Seen]:
        """Return what ``rows`` reads in one transaction, and what had been seen when it began.

        All its statements run in one thread, where changing threads for each costs more than they
        do.  Waits for ``min_position`` at most 5 s, then raises Unavailable.
        """
        if as_of is not None:
            async with self._pasts.at(as_of) as (past, seen), past.connect() as connection:
                return await connection.run_sync(rows, seen), seen
        seen = await self._reached(min_position)
        if self._writer is not None:
            return await asyncio.to_thread(_in_one, self._writer, rows, seen), seen
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ")
            return await connection.run_sync(rows, seen), seen

    async def shared(
        self, question: Hashable, rows: Callable[[Connection, Seen], T]
    ) -> tuple[T, Seen]:
        """Return a snapshot of the newest rows, the same to all who ask an equal question.

        Until something more is folded: then it is read again.
        """
        return await self._shared.answer(question, lambda: self.snapshot(rows))

    async def _reached(self, min_position: int) -> Seen:
        behind = self.seen.position < min_position
        if behind and not await self.advanced(min_position - 1, WAIT_FOR_POSITION_S):
            raise Unavailable(
                "READ_MODEL_BEHIND",
                f"position {min_position} is not here yet, only {self.seen.position}",
                min_position=str(min_position),
                position=str(self.seen.position),
            )
        return self.seen


def _in_one(engine: Engine, rows: Callable[[Connection, Seen], T], seen: Seen) -> T:
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")  # which SQLite's driver leaves out before reading
        return rows(connection, seen)


def _passing(failure: Exception) -> bool:
    """Whether following again from what the rows have seen may cure it."""
    if isinstance(failure, DBAPIError):
        return failure.connection_invalidated
    if isinstance(failure, (_Fenced, Unavailable, OSError)):
        return True
    return type(failure).__module__.partition(".")[0] in {"esdbclient", "grpc"}


def _move_log(engine: Engine) -> None:
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
    except DBAPIError as failure:  # the next time will do, or whoever writes fails as well
        log.warning("checkpoint failed", why=repr(failure))


def _engine(url: str) -> AsyncEngine:
    engine = create_async_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if url.startswith("sqlite"):
        event.listen(engine.sync_engine, "connect", _tune)
    return engine


def _sqlite_writer(url: str) -> Engine | None:
    """Return an engine that folds in one thread: aiosqlite changes threads at every statement."""
    prefix = "sqlite+aiosqlite:///"
    if not url.startswith(prefix):
        return None
    engine = create_engine(url.replace("+aiosqlite", "", 1))
    event.listen(engine, "connect", _tune)
    return engine


def _tune(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")  # rows can be rebuilt
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
    cursor.close()
