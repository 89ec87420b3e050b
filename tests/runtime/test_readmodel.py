"""Rows follow the log: each event once, whatever breaks, and the same rows again from nothing."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from services.runtime import readmodel
from services.runtime.readmodel import ReadModel
from services.runtime.recorded import CONTINUES
from services.runtime.rejection import Unavailable
from tests.postgres import Postgres
from tests.readmodels import following
from tests.runtime.scripted import BEGAN, POISON, Script, rows, said, words


@pytest.fixture(autouse=True)
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readmodel, "RESUBSCRIBE_AFTER_S", 0.01)


def expected(*numbers: int) -> list[tuple[int, str, str]]:
    return [(said(n).position, said(n).stream, str(n)) for n in numbers]


async def test_rows_catch_up_and_follow(url: str) -> None:
    script = Script(*map(said, range(1, 4)))
    projection, table = words()

    async with following(projection, script.store, url) as model:
        await model.caught_up.wait()
        caught_up = await rows(model, table)
        await script.append(said(4))
        live = await rows(model, table, min_position=said(4).position)
        async with model.read() as (_, seen):
            pass

    assert caught_up == expected(1, 2, 3)
    assert live == expected(1, 2, 3, 4)
    assert (seen.position, seen.time) == (said(4).position, said(4).created_at)


async def test_a_restart_resumes_after_what_the_rows_have_seen(url: str) -> None:
    script = Script(*map(said, range(1, 4)))
    projection, table = words()
    async with following(projection, script.store, url) as model:
        await model.caught_up.wait()
    await script.append(said(4))

    async with following(projection, script.store, url) as model:
        assert model.seen.time == BEGAN.replace(second=9)
        found = await rows(model, table, min_position=said(4).position)

    assert found == expected(1, 2, 3, 4)
    assert script.resumed_after == [None, said(3).position]


async def test_subscriptions_that_break_repeat_and_skip_nothing(url: str) -> None:
    script = Script(*map(said, range(1, 30)))
    script.breaks_after = 4
    projection, table = words()

    async with following(projection, script.store, url) as model:
        found = await rows(model, table, min_position=said(29).position)

    assert found == expected(*range(1, 30))


async def test_a_crash_inside_a_batch_leaves_nothing_of_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readmodel, "BATCH", 4)
    script = Script(*map(said, range(1, 7)), said(7, POISON), *map(said, range(8, 12)))
    projection, table = words()
    model = ReadModel(projection, script.store, url)
    await model.open()

    with pytest.raises(KeyError):
        await model.run()
    async with model.read() as (_, seen):
        left = await rows(model, table)
    await model.close()
    script.events[6] = said(7)
    async with following(projection, script.store, url) as again:
        found = await rows(again, table, min_position=said(11).position)

    assert left == expected(*range(1, seen.position // 10 + 1))
    assert found == expected(*range(1, 12))


async def test_a_projection_that_fails_ends_the_model_however_much_waits(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readmodel, "BATCH", 5)
    script = Script(said(1, POISON), *map(said, range(2, 200)))
    model = ReadModel(words()[0], script.store, url)
    await model.open()

    with pytest.raises(KeyError):
        await asyncio.wait_for(model.run(), 5)
    await model.close()


async def test_stopping_a_model_that_is_behind_takes_no_time(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readmodel, "BATCH", 5)
    script = Script(*map(said, range(1, 2000)))
    model = ReadModel(words()[0], script.store, url)
    await model.open()
    running = asyncio.create_task(model.run())
    await model.advanced(0)
    running.cancel()

    _, pending = await asyncio.wait([running], timeout=5)

    assert not pending
    await model.close()


async def test_the_log_of_the_rows_is_moved_beside_the_loop_and_what_came_meanwhile_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readmodel, "WAL_EVENTS", 50)
    monkeypatch.setattr(readmodel, "BATCH", 10)
    move, on_loop = readmodel._move_log, list[bool]()  # nothing else shows who moves

    def moved(engine: Engine) -> None:
        on_loop.append(threading.current_thread() is threading.main_thread())
        move(engine)

    monkeypatch.setattr(readmodel, "_move_log", moved)
    script = Script()
    projection, table = words()
    file = tmp_path / "rows.db"

    async with following(projection, script.store, f"sqlite+aiosqlite:///{file}") as model:
        await model.caught_up.wait()
        before = file.stat().st_size
        await script.append(*map(said, range(1, 2001)))
        found = await rows(model, table, min_position=said(2000).position)
        log = file.with_name("rows.db-wal").stat().st_size
        after = file.stat().st_size

    assert len(found) == 2000
    assert log < 200 * 4096, "200 commits write a page each at least: what is moved is written over"
    assert before < after
    assert on_loop[:4] == [False, True, False, True]


async def test_rebuilding_gives_the_same_rows(url: str, tmp_path: Path) -> None:
    script = Script(*map(said, range(1, 40)))
    script.breaks_after = 7
    projection, table = words()
    last = said(39).position
    async with following(projection, script.store, url) as model:
        piecemeal = await rows(model, table, min_position=last)
    script.breaks_after = None

    async with following(
        projection, script.store, f"sqlite+aiosqlite:///{tmp_path / 'b.db'}"
    ) as model:
        at_once = await rows(model, table, min_position=last)

    assert piecemeal == at_once


async def test_another_version_drops_the_rows_and_builds_its_own(url: str) -> None:
    script = Script(*map(said, range(1, 4)))
    old, _ = words()
    async with following(old, script.store, url) as model:
        await model.caught_up.wait()
    new, table = words(version=2)

    async with following(new, script.store, url) as model:
        await model.caught_up.wait()
        found = await rows(model, table)

    assert [row[2] for row in found] == ["1'", "2'", "3'"]
    assert script.resumed_after == [None, None]


async def test_min_position_waits_for_what_was_written(url: str) -> None:
    script = Script(said(1))
    projection, table = words()
    async with following(projection, script.store, url) as model:
        await model.caught_up.wait()
        reading = asyncio.create_task(rows(model, table, min_position=said(2).position))
        await asyncio.sleep(0.05)
        assert not reading.done()
        await script.append(said(2))

        assert await reading == expected(1, 2)


async def test_min_position_that_does_not_come_is_unavailable(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readmodel, "WAIT_FOR_POSITION_S", 0.1)
    projection, table = words()
    async with following(projection, Script(said(1)).store, url) as model:
        await model.caught_up.wait()

        with pytest.raises(Unavailable) as behind:
            await rows(model, table, min_position=11)

    assert behind.value.reason == "READ_MODEL_BEHIND"
    assert behind.value.context == {"min_position": "11", "position": "10"}


async def test_readers_see_whole_batches_only_and_disturb_no_writer(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readmodel, "BATCH", 10)
    script = Script(*map(said, range(1, 301)))
    projection, table = words()
    async with following(projection, script.store, url) as model:
        done = asyncio.Event()

        async def look() -> None:
            while not done.is_set():
                numbers = [int(row[2]) for row in await rows(model, table)]
                assert numbers == list(range(1, len(numbers) + 1))

        looking = [asyncio.create_task(look()) for _ in range(4)]
        await model.advanced(said(299).position, 20)
        done.set()
        await asyncio.gather(*looking)
        found = await rows(model, table)

    assert found == expected(*range(1, 301))


async def test_what_one_append_wrote_is_read_whole(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readmodel, "BATCH", 2)
    first, *middle, last = [
        replace(said(number), metadata={} if number == 5 else {CONTINUES: "true"})
        for number in range(1, 6)
    ]
    script = Script()
    projection, table = words()
    async with following(projection, script.store, url) as model:
        await model.caught_up.wait()
        await script.append(first)
        assert not await model.advanced(0, 0.1)
        await script.append(*middle)
        assert not await model.advanced(0, 0.1)
        await script.append(last)
        found = await rows(model, table, min_position=first.position)

    assert found == expected(*range(1, 6))
    assert model.seen.position == last.position


async def test_an_append_that_was_cut_comes_again_whole(url: str) -> None:
    script = Script(
        said(1),
        *(replace(said(number), metadata={CONTINUES: "true"}) for number in (2, 3)),
        said(4),
    )
    script.breaks_after = 3
    projection, table = words()
    async with following(projection, script.store, url) as model:
        found = await rows(model, table, min_position=said(2).position)

    assert found == expected(1, 2, 3, 4)
    assert script.resumed_after == [None, said(1).position]


async def test_two_processes_on_one_database_fold_each_event_once(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readmodel, "BATCH", 3)
    script = Script(*map(said, range(1, 40)))
    (one, table), (other, _) = words(), words()
    last = said(45).position
    async with (
        following(one, script.store, url) as first,
        following(other, script.store, url) as second,
    ):
        for number in range(40, 46):
            await script.append(said(number))
            await asyncio.sleep(0.01)
        found = [await rows(m, table, min_position=last) for m in (first, second)]
    assert len(script.resumed_after) == 2  # neither had to follow anew

    assert found == [expected(*range(1, 46))] * 2


async def test_a_database_that_restarts_is_followed_again(postgres: Postgres, url: str) -> None:
    if url != postgres.url:
        pytest.skip("SQLite has no server to restart")
    script = Script(*map(said, range(1, 4)))
    projection, table = words()
    async with following(projection, script.store, url) as model:
        await model.caught_up.wait()
        await asyncio.to_thread(postgres.restart)
        await script.append(said(4))

        assert await rows(model, table, min_position=said(4).position) == expected(1, 2, 3, 4)


async def test_nothing_is_left_of_rows_without_a_home() -> None:
    projection, table = words()
    async with following(projection, Script(said(1)).store, "sqlite+aiosqlite://") as model:
        await model.caught_up.wait()
        found = await rows(model, table)
        folder = model._folder

    assert found == expected(1)
    assert not await asyncio.to_thread(os.path.exists, folder)
