"""The rows as they were at an instant, for all who ask, and never fewer events than there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from services.runtime import past, readmodel
from services.runtime.readmodel import AsOf, ReadModel
from services.runtime.recorded import Recorded
from services.runtime.rejection import Unavailable
from services.runtime.store import NO_STREAM
from tests.node import Node
from tests.runtime.conftest import Connect
from tests.runtime.scripted import BEGAN, Script, rows, said, words
from tests.runtime.test_outage import proposed

PROJECTION, TABLE = words()


@pytest.fixture
def script() -> Script:
    return Script(*map(said, range(1, 7)))


@pytest.fixture
async def model(script: Script) -> AsyncIterator[ReadModel]:
    opened = ReadModel(PROJECTION, script.store, "sqlite+aiosqlite://")
    await opened.open()
    yield opened
    await opened.close()


async def numbers(model: ReadModel, as_of: AsOf) -> list[int]:
    return [int(row[2]) for row in await rows(model, TABLE, as_of=as_of)]


async def test_a_position_shows_all_up_to_it(model: ReadModel) -> None:
    assert await numbers(model, AsOf(position=30)) == [1, 2, 3]
    assert await numbers(model, AsOf(position=29)) == [1, 2]
    assert await numbers(model, AsOf(position=0)) == []


async def test_a_time_shows_all_up_to_it_on_the_stores_clock(model: ReadModel) -> None:
    third = BEGAN + timedelta(seconds=3)

    assert await numbers(model, AsOf(time=third)) == [1, 2, 3]
    assert await numbers(model, AsOf(time=third - timedelta(microseconds=1))) == [1, 2]


async def test_it_says_what_it_has_seen(model: ReadModel) -> None:
    async with model.read(as_of=AsOf(position=35)) as (_, seen):
        pass

    assert (seen.position, seen.time) == (30, said(3).created_at)


async def test_an_instant_that_is_over_is_folded_once(model: ReadModel, script: Script) -> None:
    found = await asyncio.gather(*(numbers(model, AsOf(position=30)) for _ in range(5)))

    assert found == [[1, 2, 3]] * 5
    assert script.read == 1


async def test_an_instant_that_is_not_over_shows_what_came_since(
    model: ReadModel, script: Script
) -> None:
    ahead = AsOf(position=1000)
    before = await numbers(model, ahead)
    await script.append(said(7))

    assert before == [1, 2, 3, 4, 5, 6]
    assert await numbers(model, ahead) == [1, 2, 3, 4, 5, 6, 7]


async def test_many_instants_at_once_are_all_answered_and_few_are_kept(model: ReadModel) -> None:
    async def look(position: int) -> int:
        async with model.read(as_of=AsOf(position=position)) as (connection, _):
            await asyncio.sleep(0.05)
            return len((await connection.execute(select(TABLE))).all())

    found = await asyncio.gather(*(look(10 * n) for n in range(6)), *(look(1000) for _ in range(3)))

    assert found == [0, 1, 2, 3, 4, 5, 6, 6, 6]
    assert len(model._pasts._kept) == past.KEPT


@pytest.mark.parametrize("turns", range(0, 120, 3))
async def test_a_look_that_is_given_up_leaves_nothing_behind(model: ReadModel, turns: int) -> None:
    looking = asyncio.create_task(numbers(model, AsOf(position=30)))
    for _ in range(turns):
        await asyncio.sleep(0.0002)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)

    assert await numbers(model, AsOf(position=30)) == [1, 2, 3]


async def test_whoever_is_cut_off_while_reading_takes_the_rows_from_nobody(
    model: ReadModel,
) -> None:
    instant = AsOf(position=30)
    async with model.read(as_of=instant) as (connection, _):
        slow = connection.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) "
            "SELECT count(*) FROM n"
        )
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slow, 0.01)

    assert await numbers(model, instant) == [1, 2, 3]


async def test_the_present_rows_are_untouched(model: ReadModel) -> None:
    await numbers(model, AsOf(position=30))

    assert await rows(model, TABLE) == []


async def test_a_store_that_is_away_makes_the_past_unavailable(
    own_node: Node, connect: Connect
) -> None:
    store = await connect(own_node.uri)
    model = ReadModel(PROJECTION, store, "sqlite+aiosqlite://")
    await model.open()
    own_node.kill()

    with pytest.raises(Unavailable) as away:
        await numbers(model, AsOf(position=30))
    await model.close()

    assert away.value.reason == "STORE_UNAVAILABLE"


async def test_a_model_follows_a_node_that_is_killed_and_comes_back(
    own_node: Node, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readmodel, "RESUBSCRIBE_AFTER_S", 0.05)
    store = await connect(own_node.uri)
    model = ReadModel(PROJECTION, store, "sqlite+aiosqlite://")
    await model.open()
    running = asyncio.create_task(model.run())
    await store.append("said-1", [proposed(1), proposed(2)], NO_STREAM)
    for number in range(3, 6):
        await asyncio.to_thread(own_node.kill)
        await asyncio.to_thread(own_node.restart)
        last = await store.append("said-1", [proposed(number)], number - 2)
    found = await rows(model, TABLE, min_position=last)
    written: list[Recorded] = await store.read("said-1")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await model.close()

    assert [row[0] for row in found] == [event.position for event in written]
    assert [row[2] for row in found] == ["1", "2", "3", "4", "5"]
