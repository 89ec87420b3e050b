"""What one transaction reads is of one moment, and codes are found by how they begin."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy import Column, Connection, MetaData, String, Table, create_engine, func, select

from services.runtime import reading
from services.runtime.projection import AsOf, Seen
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import Unavailable
from tests.runtime.scripted import Script, said, words


async def test_what_is_folded_between_two_statements_is_not_seen_by_the_second(url: str) -> None:
    script = Script(*map(said, range(1, 4)))
    projection, table = words()
    number = select(func.count()).select_from(table)
    read_once, go_on = threading.Event(), threading.Event()

    def twice(connection: Connection, _: Seen) -> tuple[int, int]:
        first = connection.execute(number).scalar_one()
        read_once.set()
        assert go_on.wait(20)
        return first, connection.execute(number).scalar_one()

    model = ReadModel(projection, script.store, url)
    await model.open()
    running = asyncio.create_task(model.run())
    try:
        await model.caught_up.wait()
        if url.startswith("sqlite"):  # elsewhere it would hold up the loop that folds
            reader = asyncio.create_task(model.snapshot(twice))
            await asyncio.to_thread(read_once.wait, 20)
            await script.append(said(4))
            assert await model.advanced(said(3).position, 20)
            go_on.set()
            counted, seen = await reader
            assert counted == (3, 3)
            assert seen.position == said(3).position
        after, _ = await model.snapshot(
            lambda connection, _: connection.execute(number).scalar_one(),
            min_position=model.seen.position,
        )
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await model.close()

    assert after == len(script.events)


async def test_the_past_is_read_in_one_transaction_too(url: str) -> None:
    script = Script(*map(said, range(1, 4)))
    projection, table = words()
    model = ReadModel(projection, script.store, url)
    await model.open()
    try:
        counted, seen = await model.snapshot(
            lambda connection, _: connection.execute(
                select(func.count()).select_from(table)
            ).scalar_one(),
            as_of=AsOf(position=said(2).position),
        )
    finally:
        await model.close()

    assert (counted, seen.position) == (2, said(2).position)


async def test_rows_that_stay_behind_say_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.runtime.readmodel.WAIT_FOR_POSITION_S", 0.01)
    projection, _ = words()
    model = ReadModel(projection, Script().store, url)
    await model.open()
    try:
        with pytest.raises(Unavailable) as refused:
            await model.snapshot(lambda *_: None, min_position=7)
    finally:
        await model.close()

    assert refused.value.reason == "READ_MODEL_BEHIND"


CODES = ["11", "11A06", "11D01", "11D99", "11DZZ", "11E00", "12A00", "ZZ", "ZZ9", "431281", "4312"]


@pytest.mark.parametrize("code", ["", "11", "11D", "11D9", "11DZ", "Z", "ZZ", "43", "431281", "9"])
def test_a_range_holds_what_begins_so_and_nothing_else(code: str) -> None:
    table = Table("code", MetaData(), Column("code", String))
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        table.create(connection)
        connection.execute(table.insert(), [{"code": known} for known in CODES])
        found = connection.scalars(
            select(table.c.code).where(reading.beginning(table.c.code, code))
        ).all()
    engine.dispose()

    assert sorted(found) == sorted(known for known in CODES if known.startswith(code))
