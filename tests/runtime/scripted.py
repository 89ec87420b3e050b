"""An event store in memory that fails on demand, and a projection of what it tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid5

from esdbclient.exceptions import ServiceUnavailable
from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table, select

from services.runtime.projection import Projection
from services.runtime.readmodel import ReadModel
from services.runtime.recorded import Recorded
from services.runtime.store import EventStore, Progress

BEGAN = datetime(2026, 7, 1, 4, 5, 6, 789_123, tzinfo=UTC)
POISON = "Poison.v1"


def said(number: int, type_: str = "Said.v1") -> Recorded:
    return Recorded(
        id=uuid5(NAMESPACE_URL, str(number)),
        type=type_,
        stream=f"said-{number % 3}",
        revision=number // 3,
        position=number * 10,
        created_at=BEGAN + timedelta(seconds=number),
        data=str(number).encode(),
        metadata={},
    )


class Script:
    """Holds the log; ``breaks_after`` events each subscription drops."""

    def __init__(self, *events: Recorded) -> None:
        self.events = list(events)
        self.grown = asyncio.Condition()
        self.resumed_after: list[int | None] = []
        self.breaks_after: int | None = None
        self.read = 0

    @property
    def store(self) -> EventStore:
        return cast(EventStore, self)

    async def append(self, *events: Recorded) -> None:
        async with self.grown:
            self.events += events
            self.grown.notify_all()

    async def subscribe(
        self, categories: Sequence[str], after: int | None
    ) -> AsyncGenerator[Recorded | Progress, None]:
        self.resumed_after.append(after)
        sent = 0
        while True:
            for event in [e for e in self.events if after is None or e.position > after]:
                if sent == self.breaks_after:
                    raise ServiceUnavailable("the store went away")
                yield event
                after, sent = event.position, sent + 1
            yield Progress(None, caught_up=True)
            async with self.grown:
                while not self.events or self.events[-1].position <= (after or 0):
                    await self.grown.wait()

    async def read_all(
        self, categories: Sequence[str], after: int | None = None
    ) -> AsyncGenerator[Recorded, None]:
        self.read += 1
        for event in list(self.events):
            await asyncio.sleep(0)
            yield event


def words(version: int = 1) -> tuple[Projection, Table]:
    """Return a projection that inserts a row for each event, and so fails on a repetition."""
    tables = MetaData()
    table = Table(
        "word",
        tables,
        Column("position", BigInteger, primary_key=True, autoincrement=False),
        Column("stream", String, nullable=False),
        Column("word", String, nullable=False),
    )

    def apply(connection: Connection, recorded: Recorded) -> None:
        if recorded.type == POISON:
            raise KeyError(recorded.type)
        row = {
            "position": recorded.position,
            "stream": recorded.stream,
            "word": recorded.data.decode() + "'" * (version - 1),
        }
        connection.execute(table.insert(), row)

    projection = Projection(
        name=f"words.v{version}", categories=("said",), tables=tables, apply=apply
    )
    return projection, table


async def rows(model: ReadModel, table: Table, **bounds: Any) -> list[tuple[Any, ...]]:
    async with model.read(**bounds) as (connection, _):
        found = await connection.execute(select(table).order_by(table.c.position))
        return [tuple(row) for row in found]
