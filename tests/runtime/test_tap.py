"""Who follows a read model hears each event once, in order, and never before the rows know it."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, aclosing

import pytest

from services.runtime import readmodel, tap
from services.runtime.projection import Projection
from services.runtime.readmodel import ReadModel
from services.runtime.recorded import Recorded
from tests.readmodels import following
from tests.runtime.scripted import Script, said, words

CATEGORIES = ["said"]


@pytest.fixture(autouse=True)
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readmodel, "RESUBSCRIBE_AFTER_S", 0.01)


def model_of(script: Script, projection: Projection) -> AbstractAsyncContextManager[ReadModel]:
    return following(projection, script.store, "sqlite+aiosqlite://")


async def heard(model: ReadModel, count: int, after: int | None = None) -> list[Recorded]:
    """Follow as a relay does: whenever it ends, again from what was heard."""
    found: list[Recorded] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            last = found[-1].position if found else after
            async with aclosing(model.follow(CATEGORIES, last)) as events:
                async for event in events:
                    assert model.seen.position >= event.position
                    found.append(event)
                    if len(found) == count:
                        break
    return found


async def test_a_follower_hears_the_past_and_then_what_comes() -> None:
    script = Script(*map(said, range(1, 6)))
    async with model_of(script, words()[0]) as model:
        following = asyncio.create_task(heard(model, 7, after=said(2).position))
        await model.advanced(said(4).position)
        for number in range(6, 10):
            await script.append(said(number))
        found = await following

    assert found == [said(number) for number in range(3, 10)]


async def test_followers_who_come_at_any_moment_miss_and_repeat_nothing() -> None:
    script = Script(said(1))
    async with model_of(script, words()[0]) as model:
        followers = []
        for number in range(2, 60):
            if number % 7 == 0:
                followers.append(asyncio.create_task(heard(model, 59)))
            await script.append(said(number))
            await asyncio.sleep(0)
        await script.append(said(59 + 1))
        found = await asyncio.gather(*followers)

    assert all(one == [said(number) for number in range(1, 60)] for one in found)


async def test_a_subscription_that_breaks_ends_followers_who_then_miss_nothing() -> None:
    script = Script(*map(said, range(1, 30)))
    script.breaks_after = 4
    async with model_of(script, words()[0]) as model:
        model.caught_up.set()  # the script never says so: each subscription breaks before
        found = await heard(model, 29)

    assert found == [said(number) for number in range(1, 30)]


async def test_a_follower_who_is_too_slow_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap, "LIMIT", 5)
    script = Script(said(1))
    async with model_of(script, words()[0]) as model:
        async with aclosing(model.follow(CATEGORIES, None)) as slow:
            first = await anext(slow)
            for number in range(2, 20):
                await script.append(said(number))
            await model.advanced(said(18).position)
            rest = [event async for event in slow]
        found = await heard(model, 19)

    assert first == said(1)
    assert len(rest) < 18
    assert rest == [said(number) for number in range(2, 2 + len(rest))]
    assert found == [said(number) for number in range(1, 20)]


async def test_other_categories_are_passed_over() -> None:
    script = Script(said(1))
    async with model_of(script, words()[0]) as model:
        waiting = asyncio.create_task(anext(model.follow(["other"], said(1).position)))
        await model.caught_up.wait()
        await script.append(said(2))
        await model.advanced(said(1).position)
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
