"""Many who watch the same rows ask once; each is told all the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, select

from services.runtime import watching
from services.runtime.readmodel import ReadModel, Seen
from services.runtime.shared import Shared
from tests.readmodels import following
from tests.runtime.scripted import Script, said, words

WATCHERS, FIRST, LAST = 40, 3, 12


async def test_watchers_of_the_same_rows_are_one_question(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Counter[int]()
    snapshot: Callable[..., Any] = ReadModel.snapshot

    async def counted(self: ReadModel, rows: Any, **more: Any) -> Any:
        read[self.seen.position] += 1
        return await snapshot(self, rows, **more)

    monkeypatch.setattr(ReadModel, "snapshot", counted)
    script = Script(*map(said, range(1, FIRST + 1)))
    projection, table = words()

    async with following(projection, script.store, url) as model:
        await model.caught_up.wait()
        told: list[list[str]] = [[] for _ in range(WATCHERS)]

        async def watch(number: int) -> None:
            changes = watching.changes(model, select(table), table.c.position, 0)
            async for row in changes:
                told[number].append(row.word)
                if row.word == str(LAST):
                    return

        watchers = [asyncio.create_task(watch(number)) for number in range(WATCHERS)]
        for number in range(FIRST + 1, LAST + 1):
            await asyncio.sleep(0)
            await script.append(said(number))
            await model.advanced(said(number).position - 1)
        async with asyncio.timeout(20):
            await asyncio.gather(*watchers)

    assert told == [[str(number) for number in range(1, LAST + 1)]] * WATCHERS
    assert max(read.values()) <= 2, read  # those who wait, and those who come later
    assert sum(read.values()) < WATCHERS


async def test_watchers_of_other_rows_are_told_of_others(url: str) -> None:
    script = Script(*map(said, range(1, FIRST + 1)))
    projection, table = words()

    async with following(projection, script.store, url) as model:
        await model.caught_up.wait()

        async def first(word: str) -> str:
            rows = select(table).where(table.c.word == word)
            return str((await anext(watching.changes(model, rows, table.c.position, 0))).word)

        found = await asyncio.gather(*(first(str(number)) for number in range(1, FIRST + 1)))

    assert found == ["1", "2", "3"]


async def test_an_answer_holds_until_something_is_folded(url: str) -> None:
    script = Script(*map(said, range(1, FIRST + 1)))
    projection, table = words()
    asked = 0

    def read(connection: Connection, _: Seen) -> list[str]:
        nonlocal asked
        asked += 1
        return [row.word for row in connection.execute(select(table))]

    async with following(projection, script.store, url) as model:
        await model.caught_up.wait()
        before = [await model.shared("all", read) for _ in range(2)]
        await script.append(said(FIRST + 1))
        await model.advanced(said(FIRST).position)
        after = [await model.shared("all", read) for _ in range(2)]

    assert [words for words, _ in before] == [["1", "2", "3"]] * 2
    assert [words for words, _ in after] == [["1", "2", "3", "4"]] * 2
    assert asked == 2


async def test_whoever_goes_away_takes_the_answer_from_nobody() -> None:
    shared, go_on, asked = Shared(), asyncio.Event(), 0

    async def find() -> str:
        nonlocal asked
        asked += 1
        await go_on.wait()
        return "found"

    impatient = asyncio.create_task(shared.answer("where", find))
    patient = asyncio.create_task(shared.answer("where", find))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    go_on.set()

    assert await patient == "found"
    assert asked == 1


async def test_an_error_is_told_and_not_kept() -> None:
    shared, answers = Shared(), iter([OSError("away"), "back"])

    async def find() -> str:
        found = next(answers)
        if isinstance(found, OSError):
            raise found
        return str(found)

    first = await asyncio.gather(
        *(shared.answer("where", find) for _ in range(2)), return_exceptions=True
    )

    assert [str(one) for one in first] == ["away", "away"]
    assert await shared.answer("where", find) == "back"


async def test_what_was_asked_before_a_change_is_asked_again_after_it() -> None:
    shared, rows = Shared(), ["old"]
    looked, go_on = asyncio.Event(), asyncio.Event()

    async def find() -> str:
        found = rows[-1]
        looked.set()
        await go_on.wait()
        return found

    before = asyncio.create_task(shared.answer("rows", find))
    await looked.wait()
    rows.append("new")
    shared.forget()
    after = asyncio.create_task(shared.answer("rows", find))
    go_on.set()

    assert (await before, await after) == ("old", "new")
