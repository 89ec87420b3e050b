"""Rows as they were: the log folded up to an instant, kept while somebody may look again."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.runtime.projection import AsOf, Projection, Seen
from services.runtime.recorded import Recorded
from services.runtime.store import EventStore

BATCH = 500
KEPT = 4
NUMBERS = count(1)


@dataclass(slots=True)
class _Past:
    """``ended`` where the log went on beyond the instant, so that nothing can be added to it.

    The rows last as long as ``keeper``: a looker who is cancelled takes down its own connection.
    """

    engine: AsyncEngine
    keeper: sqlite3.Connection
    seen: Seen = field(default_factory=Seen)
    ended: bool = False
    lookers: int = 0


class Pasts:
    """Databases in memory, one for each instant that was asked for lately."""

    def __init__(self, projection: Projection, store: EventStore) -> None:
        self._projection = projection
        self._store = store
        self._kept: OrderedDict[AsOf, _Past] = OrderedDict()
        self._folding = asyncio.Lock()

    @asynccontextmanager
    async def at(self, as_of: AsOf) -> AsyncIterator[tuple[AsyncEngine, Seen]]:
        """Yield the rows as of an instant.  Raises Unavailable."""
        past = self._kept.get(as_of)
        if past is None:
            async with self._folding:
                past = self._kept.get(as_of) or await self._fold(as_of)
        past.lookers += 1
        if past.ended:
            self._kept[as_of] = past
            self._kept.move_to_end(as_of)
        try:
            if len(self._kept) > KEPT:
                await self._leave(self._kept.popitem(last=False)[1])
            yield past.engine, past.seen
        finally:
            past.lookers -= 1
            if self._kept.get(as_of) is not past:
                await self._leave(past)

    async def close(self) -> None:
        while self._kept:
            await self._leave(self._kept.popitem()[1])

    @staticmethod
    async def _leave(past: _Past) -> None:
        """Let go of rows that are kept no longer, unless somebody else still looks at them."""
        if not past.lookers:
            await past.engine.dispose()
            past.keeper.close()

    async def _fold(self, as_of: AsOf) -> _Past:
        rows = f"file:past-{next(NUMBERS)}?mode=memory&cache=shared"
        past = _Past(
            create_async_engine(
                f"sqlite+aiosqlite:///{rows}&uri=true", poolclass=AsyncAdaptedQueuePool
            ),
            sqlite3.connect(rows, uri=True),
        )
        try:
            await self._fill(past, as_of)
        except BaseException:
            await self._leave(past)
            raise
        return past

    async def _fill(self, past: _Past, as_of: AsOf) -> None:
        projection = self._projection
        events = self._store.read_all(projection.categories)
        batch: list[Recorded] = []
        async with past.engine.begin() as connection, aclosing(events):
            await connection.run_sync(projection.tables.create_all)
            async for recorded in events:
                if not as_of.includes(recorded):
                    past.ended = True
                    break
                batch.append(recorded)
                if len(batch) >= BATCH:
                    past.seen = await connection.run_sync(projection.fold, batch)
                    batch.clear()
            if batch:
                past.seen = await connection.run_sync(projection.fold, batch)
