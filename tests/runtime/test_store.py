"""The traps of the client underneath, each one closed."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.runtime import store as store_module
from services.runtime.recorded import Recorded
from services.runtime.rejection import Invalid, Unavailable
from services.runtime.store import NO_STREAM, EventStore, Progress, Proposed, StaleRevision
from tests.node import Node
from tests.runtime.conftest import Connect
from tests.runtime.wire import wire


def proposed(text: str = "", **metadata: str) -> Proposed:
    return Proposed(uuid4(), "Said.v1", f'"{text}"'.encode(), metadata)


async def test_what_is_appended_is_read_back_whole(store: EventStore, key: str) -> None:
    said = proposed("山洪 🌊", actor="值班员.王", empty="", **{"$correlationId": "a story"})

    position = await store.append(f"said-{key}", [said], NO_STREAM)
    [read] = await store.read(f"said-{key}")

    assert (read.id, read.type, read.data) == (said.id, said.type, said.data)
    assert read.metadata == said.metadata
    assert (read.stream, read.category, read.key) == (f"said-{key}", "said", key)
    assert (read.revision, read.position) == (0, position)


async def test_a_stream_is_read_after_a_revision_and_none_is_empty(
    store: EventStore, key: str
) -> None:
    await store.append(f"said-{key}", [proposed(str(n)) for n in range(3)], NO_STREAM)

    assert [e.revision for e in await store.read(f"said-{key}", after=0)] == [1, 2]
    assert await store.read(f"said-{key}", after=2) == []
    assert await store.read(f"said-{key}", after=7) == []
    assert await store.read("said-nowhere") == []


async def test_nothing_cannot_be_appended(store: EventStore, key: str) -> None:
    """An exhausted generator would be acknowledged as an append of nothing."""
    with pytest.raises(ValueError, match="nothing"):
        await store.append(f"said-{key}", [], NO_STREAM)


async def test_a_generator_cannot_be_appended(store: EventStore, key: str) -> None:
    events: Any = (proposed() for _ in range(2))

    with pytest.raises(TypeError, match="list"):
        await store.append(f"said-{key}", events, NO_STREAM)

    assert await store.read(f"said-{key}") == []


async def test_an_append_on_another_revision_is_stale(store: EventStore, key: str) -> None:
    await store.append(f"said-{key}", [proposed()], NO_STREAM)

    for expected in (NO_STREAM, 1, 5):
        with pytest.raises(StaleRevision):
            await store.append(f"said-{key}", [proposed()], expected)


async def test_a_repeated_append_is_answered_the_same(store: EventStore, key: str) -> None:
    events = [proposed("a"), proposed("b")]
    first = await store.append(f"said-{key}", events, NO_STREAM)
    await store.append(f"said-{key}", [proposed("c")], 1)

    assert await store.append(f"said-{key}", events, NO_STREAM) == first
    with pytest.raises(StaleRevision):
        await store.append(f"said-{key}", [events[0], proposed("b")], NO_STREAM)


async def test_an_event_larger_than_the_store_takes_is_refused_and_harms_no_other(
    store: EventStore, key: str
) -> None:
    large = store.append(f"said-{key}", [proposed("x" * (2 << 20))], NO_STREAM)
    beside = store.append(f"said-{key}-beside", [proposed()], NO_STREAM)

    refused, position = await asyncio.gather(large, beside, return_exceptions=True)

    assert isinstance(refused, Invalid)
    assert refused.reason == "EVENT_TOO_LARGE"
    assert refused.context["got"] == f"{(2 << 20) + 2} bytes"
    assert isinstance(position, int)


async def test_reading_all_resumes_exactly_after_a_position(store: EventStore, key: str) -> None:
    category, sibling = f"some_{key.replace('-', '')}", f"some_{key.replace('-', '')}x"
    positions = []
    for n in range(3):
        positions.append(await store.append(f"{category}-{n}", [proposed()], NO_STREAM))
        await store.append(f"{sibling}-{n}", [proposed()], NO_STREAM)

    everything = [e.position async for e in store.read_all([category])]
    after_each = [[e.position async for e in store.read_all([category], p)] for p in positions]
    both = [e.category async for e in store.read_all([category, sibling])]

    assert everything == positions
    assert after_each == [positions[1:], positions[2:], []]
    assert both == [category, sibling] * 3


async def test_the_last_of_a_category_before_a_position_is_found(
    store: EventStore, key: str
) -> None:
    category = f"some_{key.replace('-', '')}"
    first = await store.append(f"{category}-1", [proposed()], NO_STREAM)
    other = await store.append(f"{category}x-1", [proposed()], NO_STREAM)
    second = await store.append(f"{category}-2", [proposed()], NO_STREAM)

    assert [
        await store.last_before([category], position)
        for position in (first, other, second, second + 1, 2**40)
    ] == [0, first, first, second, second]
    assert await store.last_before([category, f"{category}x"], second) == other


async def test_a_subscription_resumes_exactly_after_a_position_and_goes_on_live(
    store: EventStore, key: str
) -> None:
    category = f"live_{key.replace('-', '')}"
    positions = [await store.append(f"{category}-{n}", [proposed()], NO_STREAM) for n in range(3)]
    seen = []

    async with asyncio.timeout(10), aclosing(store.subscribe([category], positions[0])) as events:
        async for item in events:
            if isinstance(item, Progress) and item.caught_up:
                positions.append(await store.append(f"{category}-live", [proposed()], NO_STREAM))
            elif isinstance(item, Recorded):
                seen.append(item.position)
                if len(seen) == 3:
                    break

    assert seen == positions[1:]


async def test_a_subscription_to_everything_shows_no_system_stream(
    store: EventStore, key: str
) -> None:
    await store._client.set_stream_metadata(f"said-{key}", metadata={"note": "x"})
    await store.append(f"said-{key}", [proposed()], NO_STREAM)

    assert not [e.stream async for e in store.read_all([]) if e.stream.startswith("$")]


@pytest.mark.parametrize("asleep_s", [0.0, 0.2])
async def test_a_cancelled_subscription_ends_at_once_and_as_cancelled(
    store: EventStore, asleep_s: float
) -> None:
    went_on = False

    async def follow() -> None:
        nonlocal went_on
        async for _ in store.subscribe(["nobody_writes_here"]):
            pass
        went_on = True

    task = asyncio.create_task(follow())
    await asyncio.sleep(asleep_s)
    task.cancel()
    started = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert time.monotonic() - started < 1
    assert task.cancelled()
    assert not went_on


async def test_a_timeout_around_a_subscription_is_heeded(store: EventStore) -> None:
    async def follow() -> None:
        async with asyncio.timeout(0.2):
            async for _ in store.subscribe(["nobody_writes_here"]):
                pass

    with pytest.raises(TimeoutError):
        await follow()


async def test_a_cancelled_read_is_cancelled_and_not_short(store: EventStore, key: str) -> None:
    stream = f"said-{key}"
    await store.append(stream, [proposed("x" * 500) for _ in range(1000)], NO_STREAM)
    lengths = []
    for step in range(20):
        task = asyncio.create_task(store.read(stream))
        await asyncio.sleep(step / 500)
        task.cancel()
        [outcome] = await asyncio.gather(task, return_exceptions=True)
        if not isinstance(outcome, asyncio.CancelledError):
            assert not isinstance(outcome, BaseException)
            lengths.append(len(outcome))

    assert set(lengths) <= {1000}


async def test_an_append_into_a_black_hole_ends(
    own_node: Node, connect: Connect, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "TIMEOUT_S", 0.3)
    monkeypatch.setattr(store_module, "GIVE_UP_AFTER_S", 0.5)
    async with wire(own_node.port) as link:
        store = await connect(link.uri)
        await store.append(f"said-{key}", [proposed()], NO_STREAM)
        link.silence()
        started = time.monotonic()

        with pytest.raises(Unavailable):
            await store.append(f"said-{key}", [proposed()], 0)
        with pytest.raises(Unavailable):
            await store.read(f"said-{key}")

        assert time.monotonic() - started < 6


async def test_a_subscription_into_a_black_hole_is_noticed(
    own_node: Node, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a tenth of the real intervals, which are too long for a test."""
    shorter = tuple((name, ms // 10) for name, ms in store_module.KEEPALIVE)
    monkeypatch.setattr(store_module, "KEEPALIVE", shorter)
    async with wire(own_node.port) as link:
        store = await connect(link.uri)
        silent = asyncio.Event()

        async def follow() -> None:
            async for item in store.subscribe(["said"]):
                if isinstance(item, Progress) and item.caught_up:
                    silent.set()

        following = asyncio.create_task(follow())
        await silent.wait()
        link.silence()
        started = time.monotonic()
        await asyncio.wait([following], timeout=10)

        assert following.done()
        assert time.monotonic() - started < 4
        assert following.exception() is not None


async def test_connecting_waits_for_a_node_that_is_not_there_yet(
    own_node: Node, connect: Connect, key: str
) -> None:
    own_node.kill()
    store = await connect(own_node.uri)
    appending = asyncio.create_task(store.append(f"said-{key}", [proposed()], NO_STREAM))
    await asyncio.to_thread(own_node.restart)

    assert await appending >= 0


async def test_ids_come_back_as_they_went(store: EventStore, key: str) -> None:
    edges = [UUID(int=0), UUID(int=2**128 - 1), UUID(int=2**63), UUID(int=2**64 - 1), uuid4()]
    events = [Proposed(id_, "Said.v1", b"{}", {}) for id_ in edges]

    await store.append(f"said-{key}", events, NO_STREAM)

    assert [event.id for event in await store.read(f"said-{key}")] == edges
