"""A deadline rings once, when it is due, even if nobody was running then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    select,
)

from services.runtime import alarm
from services.runtime.alarm import Alarm, Alarms, first_due
from services.runtime.handle import Written
from services.runtime.projection import Projection
from services.runtime.readmodel import ReadModel
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.times import micros, of_micros
from tests.runtime.scripted import BEGAN, Script, said

TABLES = MetaData()
OPEN = Table(
    "deadline",
    TABLES,
    Column("name", String, primary_key=True),
    Column("due", BigInteger, nullable=False),
)


def apply(connection: Connection, recorded: Recorded) -> None:
    name, _, due = recorded.data.decode().partition(" ")
    if due:
        row = {"name": name, "due": micros(BEGAN + timedelta(seconds=float(due)))}
        connection.execute(OPEN.insert(), row)
    else:
        connection.execute(delete(OPEN).where(OPEN.c.name == name))


PROJECTION = Projection(name="deadlines.v1", categories=("said",), tables=TABLES, apply=apply)


def next_due(connection: Connection) -> tuple[datetime, str] | None:
    row = connection.execute(select(OPEN).order_by(OPEN.c.due).limit(1)).first()
    due = of_micros(row.due) if row else None
    return None if row is None or due is None else (due, row.name)


@dataclass
class Post:
    """``clock_s`` is what the wall shows; ringing closes a deadline, unless told otherwise."""

    script: Script = field(default_factory=Script)
    clock_s: float = 0.0
    rung: list[tuple[str, float]] = field(default_factory=list)
    tried: int = 0
    trying: asyncio.Condition = field(default_factory=asyncio.Condition)
    fails: Callable[[], None] = lambda: None
    written: int | None = None

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.clock_s)

    async def say(self, text: str) -> int:
        event = said(len(self.script.events) + 1)
        await self.script.append(replace(event, data=text.encode()))
        return event.position

    async def ring(self, name: str, due: datetime) -> Written:
        async with self.trying:
            self.tried += 1
            self.trying.notify_all()
        self.fails()
        if self.written is not None:
            return Written(0, self.written)
        self.rung.append((name, (due - BEGAN).total_seconds()))
        return Written(0, await self.say(name))

    @asynccontextmanager
    async def watching(self, *alarms: Alarm) -> AsyncIterator[ReadModel]:
        model = ReadModel(PROJECTION, self.script.store, "sqlite+aiosqlite://")
        await model.open()
        tasks = [
            asyncio.create_task(model.run()),
            asyncio.create_task(
                Alarms(model, alarms or [Alarm(next_due, self.ring)]).run(self.now)
            ),
        ]
        try:
            yield model
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await model.close()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10), self.trying:
            await self.trying.wait_for(lambda: self.tried >= count)


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    monkeypatch.setattr(alarm, "LOOK_AGAIN_S", 0.05)
    return Post()


async def test_a_deadline_rings_when_it_is_due_and_not_before(post: Post) -> None:
    await post.say("tea 10")
    async with post.watching():
        await asyncio.sleep(0.2)
        early = list(post.rung)
        post.clock_s = 10.0
        await post.until(1)
        await asyncio.sleep(0.15)

    assert early == []
    assert post.rung == [("tea", 10.0)]


async def test_a_deadline_missed_while_nobody_ran_rings_at_the_start(post: Post) -> None:
    await post.say("tea 10")
    post.clock_s = 5000.0

    async with post.watching():
        await post.until(1)

    assert post.rung == [("tea", 10.0)]


async def test_a_restart_does_not_ring_again(post: Post) -> None:
    await post.say("tea 10")
    post.clock_s = 11.0
    async with post.watching():
        await post.until(1)
    async with post.watching():
        await asyncio.sleep(0.15)

    assert post.rung == [("tea", 10.0)]


async def test_what_was_met_in_time_does_not_ring(post: Post) -> None:
    await post.say("tea 10")
    async with post.watching() as model:
        met = await post.say("tea")
        await model.advanced(met - 1, 5)
        post.clock_s = 20.0
        await asyncio.sleep(0.15)

    assert post.rung == []


async def test_deadlines_ring_in_the_order_in_which_they_fall_due(post: Post) -> None:
    for name in ("late 30", "soon 10", "next 20"):
        await post.say(name)
    post.clock_s = 100.0

    async with post.watching():
        await post.until(3)

    assert [name for name, _ in post.rung] == ["soon", "next", "late"]


async def test_a_nearer_deadline_that_comes_later_is_heard_in_time(post: Post) -> None:
    await post.say("far 1000")
    async with post.watching() as model:
        await model.caught_up.wait()
        await post.say("near 10")
        post.clock_s = 10.0
        await post.until(1)

    assert post.rung == [("near", 10.0)]


async def test_a_store_that_is_away_is_tried_again(post: Post) -> None:
    def away() -> None:
        if post.tried == 1:
            raise Unavailable("STORE_UNAVAILABLE")

    post.fails = away
    await post.say("tea 10")
    post.clock_s = 10.0

    async with post.watching():
        await post.until(2)
        await asyncio.sleep(0)

    assert post.rung == [("tea", 10.0)]


async def test_a_refused_alarm_waits_for_the_rows_to_know(post: Post) -> None:
    def met() -> None:
        raise Rejection("ANSWERED")

    post.fails = met
    await post.say("tea 10")
    post.clock_s = 10.0

    async with post.watching() as model:
        await post.until(1)
        await asyncio.sleep(0.5)
        tried = post.tried
        await model.advanced(await post.say("tea") - 1, 5)
        await asyncio.sleep(0.3)

    assert tried <= 5
    assert post.tried <= tried + 1


async def test_an_alarm_that_writes_nothing_does_not_spin(post: Post) -> None:
    """The domain says that there is nothing to do, and the rows say that there is."""
    post.written = 0
    await post.say("tea 10")
    post.clock_s = 10.0

    async with post.watching():
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await post.until(100)

    assert post.tried <= 5


async def test_all_that_is_due_rings_before_whoever_moved_the_clock_is_answered(post: Post) -> None:
    for text in ("late 30", "soon 10"):
        asked_at = await post.say(text)
    await post.say("later 1000")
    post.clock_s = 100.0

    model = ReadModel(PROJECTION, post.script.store, "sqlite+aiosqlite://")
    await model.open()
    following = asyncio.create_task(model.run())
    try:
        position = await Alarms(model, [Alarm(next_due, post.ring)]).ring_all(asked_at, post.now())
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await model.close()

    assert [name for name, _ in post.rung] == ["soon", "late"]
    assert position == post.script.events[-1].position


async def test_a_kind_that_is_held_up_holds_up_no_other(post: Post) -> None:
    await post.say("stuck 10")
    await post.say("tea 20")
    post.clock_s = 100.0
    never, asked = asyncio.Event(), asyncio.Event()

    def only(name: str) -> Callable[[Connection], tuple[datetime, str] | None]:
        def next_one(connection: Connection) -> tuple[datetime, str] | None:
            row = connection.execute(select(OPEN).where(OPEN.c.name == name)).first()
            due = of_micros(row.due) if row else None
            return None if due is None else (due, name)

        return next_one

    async def held_up(_: str, __: datetime) -> Written:
        asked.set()
        await never.wait()
        raise AssertionError

    async with post.watching(Alarm(only("stuck"), held_up), Alarm(only("tea"), post.ring)):
        await post.until(1)
        await asyncio.wait_for(asked.wait(), 5)
        later = post.rung[:]
        await post.say("tea 110")
        post.clock_s = 120.0
        await post.until(2)

    assert [*later, *post.rung[1:]] == [("tea", 20.0), ("tea", 110.0)]


def test_in_an_exercise_its_own_clock_says_what_has_come() -> None:
    tables = MetaData()
    clocks = Table("clock", tables, Column("exercise", String), Column("time", BigInteger))
    kept = Table(
        "kept",
        tables,
        *(Column(name, String) for name in ("exercise", "room", "name")),
        *(Column(name, BigInteger) for name in ("at", "done")),
    )
    column = kept.c
    engine = create_engine("sqlite://")

    def first(*, where: bool = True) -> tuple[datetime, str] | None:
        undone = column.done == 0 if where else None
        key = (column.room, column.name, column.at)
        return first_due(connection, clocks, column.at, column.exercise, *key, where=undone)

    with engine.begin() as connection:
        tables.create_all(connection)
        row = {"exercise": "", "room": "a", "name": "tea", "at": 70, "done": 0}
        connection.execute(kept.insert(), [{**row, "name": "never", "at": None}])
        assert first() is None
        connection.execute(kept.insert(), [{**row, "room": "b"}, row, {**row, "at": 80}])
        connection.execute(kept.insert(), [{**row, "at": 60, "done": 1}])
        assert first() == (of_micros(70), "a/tea/70")
        assert first(where=False) == (of_micros(60), "a/tea/60")
        connection.execute(kept.insert(), [{**row, "exercise": "drill", "at": 60}])
        assert first() == (of_micros(60), "a/tea/60")
        connection.execute(clocks.insert(), {"exercise": "drill", "time": 59})
        assert first() == (of_micros(70), "a/tea/70")
        connection.execute(clocks.update().values(time=60))
        assert first() == (of_micros(0), "a/tea/60")
    engine.dispose()
