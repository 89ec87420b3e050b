"""Links that break and nodes that die: what was acknowledged is there once, the rest is refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from uuid import uuid4

import pytest
from esdbclient.exceptions import ServiceUnavailable

from services.runtime import store as store_module
from services.runtime.handle import Written
from services.runtime.recorded import Recorded
from services.runtime.rejection import Unavailable
from services.runtime.store import NO_STREAM, EventStore, Proposed
from tests.node import Node
from tests.runtime.conftest import Connect
from tests.runtime.tally import Admit, Fill, cause, handler
from tests.runtime.wire import wire


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(store_module, "GIVE_UP_AFTER_S", 0.7)


def proposed(number: int) -> Proposed:
    return Proposed(uuid4(), "Numbered.v1", str(number).encode(), {})


async def arrival(store: EventStore, number: int) -> None:
    """Wait until so many events are stored."""
    async with aclosing(store.subscribe([])) as events:
        async for event in events:
            number -= isinstance(event, Recorded)
            if number == 0:
                return


@pytest.mark.usefixtures("impatient")
async def test_a_command_refused_while_the_node_is_away_is_obeyed_once_when_it_is_back(
    own_node: Node, connect: Connect, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    halls = handler(await connect(own_node.uri))
    await halls.handle(key, Admit(), cause())
    asked = cause()
    own_node.kill()

    with pytest.raises(Unavailable) as away:
        await halls.handle(key, Admit(people=2), asked)
    with pytest.raises(Unavailable):
        await halls.state(key)
    own_node.restart()
    monkeypatch.setattr(store_module, "GIVE_UP_AFTER_S", 8.0)  # a channel may wait 2 s to try again
    written = await halls.handle(key, Admit(people=2), asked)
    again = await handler(await connect(own_node.uri)).handle(key, Admit(people=2), asked)

    assert away.value.reason == "STORE_UNAVAILABLE"
    assert written.revision == 1
    assert again == written


async def test_an_append_whose_answer_was_lost_is_not_doubled(
    own_node: Node, connect: Connect, key: str
) -> None:
    async with wire(own_node.port) as link:
        halls = handler(await connect(link.uri))
        observer = await connect(own_node.uri)
        await halls.handle(key, Admit(), cause())
        await halls.state(key)
        link.withhold_answers()
        obeying = asyncio.create_task(halls.handle(key, Admit(people=5), cause()))
        await arrival(observer, 2)
        link.mend()
        link.cut()

        written = await obeying
        events = await observer.read(f"hall-{key}")

    assert len(events) == 2
    assert written == Written(1, events[1].position)


@pytest.mark.usefixtures("impatient")
async def test_a_lost_answer_and_another_writer_are_told_apart_later(
    own_node: Node, connect: Connect, key: str
) -> None:
    """Stored, the answer never came, another process went on; then the caller repeats."""
    async with wire(own_node.port) as link:
        halls = handler(await connect(link.uri))
        direct = handler(await connect(own_node.uri))
        await halls.handle(key, Admit(), cause())
        await halls.state(key)
        asked = cause()
        link.withhold_answers()
        with pytest.raises(Unavailable):
            await halls.handle(key, Admit(people=5, note="1st clock"), asked)
        await direct.handle(key, Admit(people=7), cause())
        link.mend()
        link.cut()

        written = await halls.handle(key, Admit(people=5, note="2nd clock"), asked)

    assert written.revision == 1
    assert (await direct.state(key)).people == 13
    assert await direct.handle(key, Fill(people=13), cause()) == Written(
        2, (await direct.handle(key, Fill(people=0), cause())).position
    )


async def test_when_the_link_breaks_every_append_that_waits_is_repeated_and_stored_once(
    own_node: Node, connect: Connect
) -> None:
    async with wire(own_node.port) as link:
        store = await connect(link.uri)
        key = str(uuid4())
        await store.append(f"wire-{key}", [proposed(0)], NO_STREAM)
        link.withhold_answers()
        waiting = [
            asyncio.create_task(store.append(f"wire-{key}-{n}", [proposed(n)], NO_STREAM))
            for n in range(40)
        ]
        await asyncio.sleep(0.1)
        link.mend()
        link.cut()
        positions = await asyncio.gather(*waiting)
        written = [await store.read(f"wire-{key}-{n}") for n in range(40)]

    assert [len(events) for events in written] == [1] * 40
    assert [events[0].position for events in written] == positions


async def test_links_that_break_again_and_again_lose_nothing_and_cancel_nobody(
    own_node: Node, connect: Connect
) -> None:
    async with wire(own_node.port) as link:
        store = await connect(link.uri)
        halls = handler(store)
        stop = asyncio.Event()
        outcomes: Counter[str] = Counter()
        obeyed: dict[str, int] = {}

        async def work(key: str) -> None:
            obeyed[key] = 0
            while not stop.is_set():
                asked = cause()
                while True:
                    try:
                        await halls.handle(key, Admit(people=0), asked)
                    except Unavailable:
                        outcomes["unavailable"] += 1
                        continue
                    except asyncio.CancelledError:
                        outcomes["cancelled"] += 1
                        continue
                    break
                obeyed[key] += 1

        async def look(key: str) -> None:
            seen = 0
            while not stop.is_set():
                try:
                    notes = len((await handler(store).state(key)).notes)
                except asyncio.CancelledError:
                    outcomes["cancelled"] += 1
                    continue
                outcomes["shrunk"] += notes < seen
                seen = notes

        keys = [str(uuid4()) for _ in range(8)]
        tasks = [asyncio.create_task(work(key)) for key in keys]
        tasks += [asyncio.create_task(look(key)) for key in keys[:3]]
        for _ in range(12):
            await asyncio.sleep(0.12)
            link.cut()
        stop.set()
        await asyncio.gather(*tasks)
        direct = await connect(own_node.uri)
        stored = {key: len(await direct.read(f"hall-{key}")) for key in keys}

    assert stored == obeyed
    assert outcomes["cancelled"] == outcomes["shrunk"] == 0


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.long)])
async def test_a_node_that_is_killed_under_load_keeps_every_acknowledged_append_once(
    own_node: Node, connect: Connect, kills: int
) -> None:
    store = await connect(own_node.uri)
    stop = asyncio.Event()
    acknowledged: dict[str, list[tuple[bytes, int]]] = {}

    async def append(stream: str) -> None:
        acknowledged[stream] = []
        number = 0
        while not stop.is_set():
            event = proposed(number)
            expected = number - 1 if number else NO_STREAM
            while True:
                try:
                    position = await store.append(stream, [event], expected)
                except Unavailable:
                    continue
                break
            acknowledged[stream].append((event.data, position))
            number += 1

    tasks = [asyncio.create_task(append(f"load-{uuid4()}")) for _ in range(16)]
    for _ in range(kills):
        await asyncio.sleep(0.4)
        own_node.kill()
        await asyncio.to_thread(own_node.restart)
    await asyncio.sleep(0.4)
    stop.set()
    await asyncio.gather(*tasks)
    direct = await connect(own_node.uri)

    for stream, known in acknowledged.items():
        assert [(e.data, e.position) for e in await direct.read(stream)] == known
    assert sum(map(len, acknowledged.values())) > 100


async def read_slowly(store: EventStore, stream: str) -> int:
    return len(await store.read(stream))


async def test_a_read_that_is_cut_is_never_taken_for_a_short_stream(
    own_node: Node, connect: Connect, key: str
) -> None:
    async with wire(own_node.port) as link:
        store = await connect(link.uri)
        events = [Proposed(uuid4(), "Large.v1", b'"' + b"x" * 1000 + b'"', {}) for _ in range(500)]
        await store.append(f"long-{key}", events, NO_STREAM)

        async def disturb() -> None:
            while True:
                await asyncio.sleep(0.005)
                link.cut()

        lengths = []
        for _ in range(10):
            reading = [asyncio.create_task(read_slowly(store, f"long-{key}")) for _ in range(4)]
            disturbing = asyncio.create_task(disturb())
            await asyncio.sleep(0.05)
            disturbing.cancel()
            await asyncio.gather(disturbing, return_exceptions=True)
            lengths += await asyncio.gather(*reading)

    assert set(lengths) == {500}


async def test_a_channel_that_another_call_replaced_cancels_nobody(
    own_node: Node, connect: Connect, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when esdbclient reconnects for one of many calls, without its 5 s of patience."""

    async def away(*_: object, **__: object) -> int:
        raise ServiceUnavailable("so that the append is repeated at once")

    async with wire(own_node.port) as link:
        store = await connect(link.uri)
        stream = f"said-{key}"
        await store.append(stream, [proposed(0)], NO_STREAM)
        link.withhold_answers()
        reading = [asyncio.create_task(store.read(stream)) for _ in range(3)]
        appending = [
            asyncio.create_task(store.append(f"{stream}-{n}", [proposed(n)], NO_STREAM))
            for n in range(3)
        ]
        await asyncio.sleep(0.1)
        monkeypatch.setattr(store._appender, "append", away)
        repeating = asyncio.create_task(store.append(f"{stream}-again", [proposed(9)], NO_STREAM))
        await asyncio.sleep(0.2)
        monkeypatch.undo()
        replaced, store._client._connection = (
            store._client._connection,
            await store._client._connect(),
        )
        await replaced._grpc_channel.close()
        link.mend()
        read = await asyncio.gather(*reading)
        positions = await asyncio.gather(*appending)
        [repeated] = await asyncio.gather(repeating, return_exceptions=True)

    assert [len(events) for events in read] == [1, 1, 1]
    assert len(set(positions)) == 3
    assert isinstance(repeated, int)
