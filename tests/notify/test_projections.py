"""Rows are nothing but folded events: replayed from nothing they are the same."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import Table, create_engine, select

from services.notify.codec import CATEGORIES
from services.notify.projections import CONTACTS, METADATA, NOTIFICATIONS, WARNINGS, apply
from tests.notify.bench import Bench
from tests.notify.facts import desk
from tests.notify.receivers import Hook

TABLES: tuple[Table, ...] = (CONTACTS, NOTIFICATIONS, WARNINGS)


async def live(bench: Bench) -> list[list[Any]]:
    async with bench.model.read() as (connection, _):
        return [
            [tuple(row) for row in await connection.execute(select(t).order_by(*t.primary_key))]
            for t in TABLES
        ]


async def test_a_replay_gives_the_same_rows(bench: Bench) -> None:
    async with Hook(lambda number: 503 if number % 3 else 200) as hook:
        contact = await bench.register(address=hook.url)
        gone = await bench.register(desk)
        keys = [await bench.request(contact) for _ in range(6)]
        await bench.request(gone)
        await bench.request(await bench.register(contact_id="live"), exercise="drill-7")
        await bench.remove(gone)
        bench.deliver()
        await bench.until(lambda rows: all(row.state != "pending" for row in rows))
        for key in keys[:2]:
            await bench.acknowledge(key)
        await bench.until(lambda rows: sum(row.state == "acknowledged" for row in rows) == 2)
        await bench.kill()
    rows = await live(bench)
    events = [event async for event in bench.store.read_all(CATEGORIES)]

    def replay() -> list[list[Any]]:
        engine = create_engine("sqlite://")
        with engine.begin() as connection:
            METADATA.create_all(connection)
            for event in events:
                apply(connection, event)
            folded = [
                [tuple(row) for row in connection.execute(select(t).order_by(*t.primary_key))]
                for t in TABLES
            ]
        engine.dispose()
        return folded

    assert await asyncio.to_thread(replay) == rows
    assert rows[1]
