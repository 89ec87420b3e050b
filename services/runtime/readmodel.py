"""Read models: SQL rows folded from events, rebuilt from nothing whenever they are not there."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    inspect,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from services.runtime.recorded import Recorded
from services.runtime.rejection import Unavailable
from services.runtime.store import EventStore, Progress

IN_MEMORY = "sqlite+aiosqlite://"
BATCH = 500
WAIT_FOR_POSITION_S = 5.0
RESUBSCRIBE_AFTER_S = 0.5
KEPT_PASTS = 4
EPOCH = datetime.fromtimestamp(0, UTC)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AsOf:
    """An instant of the record: a position of the log, or a time on the store's clock."""

    position: int | None = None
    time: datetime | None = None

    def includes(self, past: Recorded) -> bool:
        if self.position is not None:
            return past.position <= self.position
        return self.time is None or past.created_at <= self.time


@dataclass(frozen=True, slots=True)
class Seen:
    """The last event that a read model has folded."""

    position: int = 0
    time: datetime = EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """``name`` ends in a version: raise it whenever tables or ``apply`` change, and rows rebuild.

    ``apply`` folds one event into the tables.  It is called in log order, each event once, and must
    not read a clock: the same events give the same rows.
    """

    name: str
    categories: Sequence[str]
    tables: MetaData
    apply: Callable[[Connection, Recorded], None]


class ReadModel:
    """One projection's tables in one database, following the store.

    Rows and checkpoint commit together, so that a crash neither skips nor repeats an event.
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
        self._checkpoint = Table(
            "checkpoint",
            projection.tables,
            Column("name", String, primary_key=True),
            Column("position", BigInteger, nullable=False),
            Column("time", BigInteger, nullable=False),  # microseconds since 1970, UTC
            extend_existing=True,
        )
        self._advanced = asyncio.Condition()
        self._pasts: OrderedDict[AsOf, tuple[AsyncEngine, Seen]] = OrderedDict()
        self.seen = Seen()
        self.caught_up = asyncio.Event()

    async def open(self) -> None:
        """Create the tables, or drop and create them where another version left its own."""
        async with self._engine.begin() as connection:
            await connection.run_sync(self._prepare)
            self.seen = await connection.run_sync(self._load)

    async def close(self) -> None:
        await self._engine.dispose()
        if self._writer is not None:
            self._writer.dispose()
        for engine, _ in self._pasts.values():
            await engine.dispose()
        if self._folder:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def run(self) -> None:
        """Follow the store for ever.  Ends only with an error that no retry can cure."""
        while True:
            try:
                await self._follow()
            except (Unavailable, OSError) as dropped:
                log.warning("subscription dropped", model=self._projection.name, why=repr(dropped))
            except Exception as dropped:
                if type(dropped).__module__.partition(".")[0] not in {"esdbclient", "grpc"}:
                    raise
                log.warning("subscription dropped", model=self._projection.name, why=repr(dropped))
            await asyncio.sleep(RESUBSCRIBE_AFTER_S)

    async def _follow(self) -> None:
        queue: asyncio.Queue[Recorded | Progress | None] = asyncio.Queue(2 * BATCH)

        async def pump() -> None:
            try:
                after = self.seen.position or None
                async for item in self._store.subscribe(self._projection.categories, after):
                    await queue.put(item)
            finally:
                await queue.put(None)

        pumping = asyncio.create_task(pump())
        try:
            while (item := await queue.get()) is not None:
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
                    if ended or len(batch) >= BATCH or queue.empty():
                        break
                    item = queue.get_nowait()
                if batch:
                    await self._commit(batch)
                if caught_up:
                    self.caught_up.set()
                if ended:
                    break
            await pumping
        finally:
            pumping.cancel()
            await asyncio.gather(pumping, return_exceptions=True)

    async def _commit(self, batch: list[Recorded]) -> None:
        if self._writer is not None:
            await asyncio.to_thread(self._write, self._writer, batch)
        else:
            async with self._engine.begin() as connection:
                await connection.run_sync(self._fold, batch)
        async with self._advanced:
            self.seen = Seen(batch[-1].position, batch[-1].created_at)
            self._advanced.notify_all()

    def _write(self, engine: Engine, batch: Sequence[Recorded]) -> None:
        with engine.begin() as connection:
            self._fold(connection, batch)

    def _fold(self, connection: Connection, batch: Sequence[Recorded]) -> None:
        for recorded in batch:
            self._projection.apply(connection, recorded)
        last = batch[-1]
        connection.execute(self._checkpoint.delete())
        connection.execute(
            self._checkpoint.insert(),
            {
                "name": self._projection.name,
                "position": last.position,
                "time": int(last.created_at.timestamp() * 1_000_000),
            },
        )

    def _prepare(self, connection: Connection) -> None:
        known = inspect(connection).get_table_names()
        if "checkpoint" in known:
            row = connection.execute(select(self._checkpoint.c.name)).first()
            if row is None or row.name != self._projection.name:
                stale = MetaData()
                stale.reflect(connection)
                stale.drop_all(connection)
        self._projection.tables.create_all(connection)

    def _load(self, connection: Connection) -> Seen:
        row = connection.execute(select(self._checkpoint)).first()
        if row is None:
            return Seen()
        return Seen(row.position, datetime.fromtimestamp(row.time / 1_000_000, UTC))

    async def advanced(self, after: int, timeout_s: float | None = None) -> bool:
        """Wait until something after position ``after`` is folded; False when time ran out."""
        try:
            async with asyncio.timeout(timeout_s), self._advanced:
                await self._advanced.wait_for(lambda: self.seen.position > after)
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
        engine, seen = self._engine, self.seen
        if as_of is not None:
            engine, seen = await self._past(as_of)
        elif seen.position < min_position:
            if not await self.advanced(min_position - 1, WAIT_FOR_POSITION_S):
                raise Unavailable(
                    "READ_MODEL_BEHIND",
                    f"position {min_position} is not here yet, only {self.seen.position}",
                    min_position=str(min_position),
                    position=str(self.seen.position),
                )
            seen = self.seen
        async with engine.connect() as connection:
            yield connection, seen

    async def _past(self, as_of: AsOf) -> tuple[AsyncEngine, Seen]:
        """Fold the log up to ``as_of`` into a database in memory."""
        if as_of in self._pasts:
            self._pasts.move_to_end(as_of)
            return self._pasts[as_of]
        engine = _engine(IN_MEMORY)
        seen = Seen()
        batch: list[Recorded] = []
        async with engine.begin() as connection:
            await connection.run_sync(self._projection.tables.create_all)
            async for recorded in self._store.read_all(self._projection.categories):
                if not as_of.includes(recorded):
                    break
                batch.append(recorded)
                seen = Seen(recorded.position, recorded.created_at)
                if len(batch) >= BATCH:
                    await connection.run_sync(self._fold, batch)
                    batch.clear()
            if batch:
                await connection.run_sync(self._fold, batch)
        self._pasts[as_of] = (engine, seen)
        if len(self._pasts) > KEPT_PASTS:
            _, (oldest, _) = self._pasts.popitem(last=False)
            await oldest.dispose()
        return engine, seen


def _engine(url: str) -> AsyncEngine:
    if url == IN_MEMORY:
        return create_async_engine(url, poolclass=StaticPool)
    engine = create_async_engine(url)
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
    cursor.close()
