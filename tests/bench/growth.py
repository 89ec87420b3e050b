"""What a large store costs more than a small one: the same acts on both, in turns, in one run."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from math import gcd
from pathlib import Path
from uuid import uuid4

from services.dispatch.codec import ASSIGNMENT
from services.dispatch.domain.assignment import ClearAssignment
from services.dispatch.domain.events import Source
from services.runtime.cause import Cause
from services.runtime.envelopes import NO_STREAM, Proposed
from services.runtime.handle import CommandHandler
from services.runtime.recorded import Recorded
from services.runtime.store import EventStore
from tests.bench import nights
from tests.bench.measure import Row, ms, percentile, timed
from tests.dispatch.facts import DISPATCHER, WAYS
from tests.node import Node

SMALL, LARGE, WHOLE = 5_000, 500_000, 5_000_000
UNCLEARED = nights.LIFE[:-1]
ROUNDS, SAMPLES, STARTS = 8, 50, 5
ACTS = {
    "load + decide + append": 1.2,
    "append to a new stream": None,
    "read of one assignment": None,
    "append → heard by a subscriber": None,
    "start of the node": None,
}
"""With the goal of each: at most so many times what it costs on the small store."""


@dataclass(slots=True)
class Store:
    """A node with a log of ``size`` events, and the seconds that each act took on it."""

    size: int
    node: Node
    client: EventStore
    uncleared: Iterator[str]
    known: Iterator[str]
    seconds: dict[str, list[float]] = field(default_factory=lambda: {act: [] for act in ACTS})


async def growth(folder: Path) -> list[Row]:
    """Measure a tenth of what `whole_growth` does, which takes minutes."""
    return await _growth(folder, LARGE)


async def whole_growth(folder: Path) -> list[Row]:
    return await _growth(folder, WHOLE)


async def _growth(folder: Path, size: int) -> list[Row]:
    small = await _store(folder / "small", SMALL)
    large = await _store(folder / "large", size)
    try:
        for _ in range(ROUNDS):
            for store in (small, large):
                await _act(store)
        for store in (small, large):
            await store.client.close()
        for _ in range(STARTS):
            for store in (small, large):
                store.node.stop()
                started = time.perf_counter()
                store.node.restart()
                store.seconds["start of the node"].append(time.perf_counter() - started)
    finally:
        small.node.stop()
        large.node.stop()
    return [_row(act, small, large) for act in ACTS]


def _row(act: str, small: Store, large: Store) -> Row:
    measured, floor = (percentile(store.seconds[act], 0.5) for store in (large, small))
    goal = ACTS[act]
    return Row(
        path=f"{act}, {large.size:,} events in the store",
        measured=f"p50 {ms(measured)}, p99 {ms(percentile(large.seconds[act], 0.99))}",
        floor=f"{ms(floor)} = the same with {small.size:,}",
        ratio=measured / floor,
        goal=f"p50 ≤ {goal} × the small store" if goal else "none set",
        met=measured <= goal * floor if goal else None,
    )


async def _store(data: Path, size: int) -> Store:
    count = size // len(UNCLEARED)
    nights.fill(data, range(count), UNCLEARED)
    node = Node.start(data)
    client = EventStore(node.uri)
    await client.connect()
    assert count >= ROUNDS * SAMPLES, "each is cleared once"
    return Store(size, node, client, _spread(count), _spread(count))


def _spread(count: int) -> Iterator[str]:
    """Yield assignments from all over the log, and none twice before all were had."""
    step = next(step for step in itertools.count(count * 5 // 8) if gcd(step, count) == 1)
    return (nights.key(number * step % count) for number in itertools.count())


async def _act(store: Store) -> None:
    async def clear() -> None:
        key = next(store.uncleared)
        command = ClearAssignment(
            by=DISPATCHER,
            assignment_id=key,
            disposition="转移7人",
            said=True,
            source=Source.CONSOLE,
            way=WAYS.of("11B01"),
            occurred_at=nights.NIGHT.replace(hour=23),
        )
        cause = Cause(command_id=uuid4(), causation_id=key, correlation_id=key, actor=DISPATCHER)
        await CommandHandler(store.client, ASSIGNMENT).handle(key, command, cause)

    async def append() -> None:
        await _append(store.client, f"assignment-{uuid4()}")

    async def read() -> None:
        assert await store.client.read(f"assignment-{next(store.known)}")

    acts: list[Callable[[], Awaitable[None]]] = [clear, append, read]
    for name, act in zip(ACTS, acts, strict=False):
        store.seconds[name] += await timed(SAMPLES, act)
    store.seconds["append → heard by a subscriber"] += await _heard(store.client)


async def _append(client: EventStore, stream: str) -> int:
    type_, data = nights.WRITTEN[0]
    return await client.append(stream, [Proposed(uuid4(), type_, data, {})], NO_STREAM)


async def _heard(client: EventStore) -> list[float]:
    """Return the seconds from the start of each append until a subscriber has its event."""
    last = await client.last_before([], None)
    seconds: list[float] = []
    told = asyncio.Semaphore(0)

    async def listen() -> None:
        async with aclosing(client.subscribe(["assignment"], last)) as events:
            async for event in events:
                if isinstance(event, Recorded) or event.caught_up:
                    told.release()

    listening = asyncio.create_task(listen())
    await told.acquire()  # caught up

    async def append() -> None:
        await asyncio.gather(_append(client, f"assignment-{uuid4()}"), told.acquire())

    seconds = await timed(SAMPLES, append)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    return seconds
