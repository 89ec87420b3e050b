"""Every public event reaches JetStream once and in order, whatever is killed."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest
from nats.errors import ConnectionClosedError
from nats.js.api import RawStreamMsg, StorageType, StreamConfig
from nats.js.client import JetStreamContext

from services.runtime import jetstream, relay
from services.runtime.broker import connect, ensure_parking, ensure_stream
from services.runtime.published import Publication
from services.runtime.recorded import Recorded
from tests.broker import Broker

STREAM, SUBJECTS, SOURCE = "ANLAN_COMMAND", ["anlan.*.incident.>"], "/anlan/command"
CREATED = datetime(2026, 7, 1, 4, 5, 6, 789000, tzinfo=UTC)


def happened(number: int) -> Recorded:
    return Recorded(
        id=uuid5(NAMESPACE_URL, str(number)),
        type="IncidentReported.v1",
        stream=f"incident-{number}",
        revision=number % 7,
        position=number * 13,
        created_at=CREATED + timedelta(seconds=number),
        data=b"{}",
        metadata={
            "$correlationId": f"i{number}",
            "actor": "值班员 100%",
            "traceparent": "00-ab-cd-01",
        },
    )


def public(event: Recorded) -> Publication | None:
    if event.type == "Private.v1":
        return None
    return Publication(
        f"anlan.431281.incident.Reported.{event.key}", "anlan.events.v1.Reported", event.id.bytes
    )


class Store:
    """An event store in memory whose subscriptions can be broken off."""

    def __init__(self, *events: Recorded) -> None:
        self.events = list(events)
        self.grown = asyncio.Condition()
        self.positions: list[int | None] = []
        self.breaks_after: int | None = None

    async def append(self, *events: Recorded) -> None:
        async with self.grown:
            self.events += events
            self.grown.notify_all()

    async def subscribe(self, after: int | None) -> AsyncIterator[Recorded]:
        self.positions.append(after)
        first = sum(after is not None and event.position <= after for event in self.events)
        for index in count(first):
            async with self.grown:
                while index >= len(self.events):
                    await self.grown.wait()
            if index - first == self.breaks_after:
                raise ConnectionResetError("the store went away")
            yield self.events[index]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    running = Broker.start(tmp_path / "nats")
    yield running
    running.kill()


@pytest.fixture
async def js(broker: Broker) -> AsyncIterator[JetStreamContext]:
    client = await connect(broker.url, "test")
    context = client.jetstream(timeout=0.5)
    await ensure_stream(context, STREAM, SUBJECTS)
    yield context
    await client.close()


def relaying(js: JetStreamContext, store: Store) -> Coroutine[Any, Any, None]:
    return relay.relay(
        subscribe=store.subscribe, public=public, js=js, stream=STREAM, source=SOURCE
    )


@asynccontextmanager
async def running(*tasks: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    started = [asyncio.create_task(task) for task in tasks]
    try:
        yield
        assert not [task for task in started if task.done()]
    finally:
        for task in started:
            task.cancel()
        await asyncio.gather(*started, return_exceptions=True)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  # it is another process that changes
            await asyncio.sleep(0.005)


async def reaches(js: JetStreamContext, count: int) -> None:
    async def reached() -> bool:
        try:
            return bool((await js.stream_info(STREAM)).state.last_seq >= count)
        except TimeoutError:
            return False

    await until(reached)


async def stored(js: JetStreamContext) -> list[RawStreamMsg]:
    last = (await js.stream_info(STREAM)).state.last_seq
    messages: list[RawStreamMsg] = []
    for first in range(1, last + 1, 200):
        numbers = range(first, min(first + 200, last + 1))
        messages += await asyncio.gather(*(message(js, number) for number in numbers))
    return messages


async def message(js: JetStreamContext, number: int) -> RawStreamMsg:
    """Return a message, however busy the broker is."""
    while True:
        with suppress(TimeoutError):
            return await js.get_msg(STREAM, number)


async def ids(js: JetStreamContext) -> list[UUID]:
    return [UUID((message.headers or {})["ce-id"]) for message in await stored(js)]


async def holds_once_in_order(js: JetStreamContext, store: Store) -> None:
    await reaches(js, len(store.events))
    assert await ids(js) == [event.id for event in store.events]


async def test_an_event_arrives_as_a_cloud_event_with_its_whole_cause(js: JetStreamContext) -> None:
    async with running(relaying(js, Store(happened(5)))):
        await reaches(js, 1)
    (message,) = await stored(js)
    assert message.subject == "anlan.431281.incident.Reported.5"
    assert message.data == happened(5).id.bytes
    headers = dict(message.headers or {})
    assert headers.pop("Nats-Expected-Last-Sequence") == "0"
    assert headers == {
        "ce-specversion": "1.0",
        "ce-id": str(happened(5).id),
        "ce-type": "anlan.events.v1.Reported",
        "ce-source": SOURCE,
        "ce-subject": "incident-5",
        "ce-time": "2026-07-01T04:05:11.789000Z",
        "content-type": "application/protobuf",
        "Nats-Msg-Id": str(happened(5).id),
        "anlan-position": "65",
        "anlan-revision": "5",
        "anlan-correlation": "i5",
        "anlan-actor": "%E5%80%BC%E7%8F%AD%E5%91%98%20100%25",
        "traceparent": "00-ab-cd-01",
    }


async def test_a_backlog_and_what_follows_arrive_once_in_order(js: JetStreamContext) -> None:
    store = Store(*map(happened, range(1200)))
    async with running(relaying(js, store)):
        await reaches(js, 1200)
        for number in range(1200, 1230):
            await store.append(happened(number))
        await holds_once_in_order(js, store)
    batches = {(message.headers or {}).get("Nats-Batch-Id") for message in await stored(js)}
    assert len(batches) > 1


async def test_what_is_not_public_is_passed_over(js: JetStreamContext) -> None:
    private = Recorded(
        id=uuid5(NAMESPACE_URL, "private"),
        type="Private.v1",
        stream="incident-1",
        revision=0,
        position=1,
        created_at=CREATED,
        data=b"{}",
        metadata={},
    )
    store = Store(*[private] * 600, happened(100))
    async with running(relaying(js, store)):
        await reaches(js, 1)
    assert await ids(js) == [happened(100).id]


async def test_a_dropped_subscription_is_taken_up_where_the_stream_ends(
    js: JetStreamContext,
) -> None:
    store = Store(*map(happened, range(40)))
    store.breaks_after = 9
    async with running(relaying(js, store)):
        await holds_once_in_order(js, store)
    assert store.positions[:3] == [None, 8 * 13, 17 * 13]


async def test_a_relay_killed_at_any_moment_repeats_nothing(js: JetStreamContext) -> None:
    store = Store()
    for number in range(25):
        await store.append(*map(happened, range(number * 12, number * 12 + 12)))
        async with running(relaying(js, store)):
            await reaches(js, number * 12 + 1)
    async with running(relaying(js, store)):
        await holds_once_in_order(js, store)


async def test_a_relay_killed_before_the_answer_repeats_nothing(
    js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_but_unanswered = asyncio.Event()
    publish = js.publish

    async def unanswered(*args: Any, **kwargs: Any) -> None:
        await publish(*args, **kwargs)
        stored_but_unanswered.set()
        await asyncio.Event().wait()

    store = Store(*map(happened, range(20)))
    with monkeypatch.context() as patched:
        patched.setattr(js, "publish", unanswered)
        async with running(relaying(js, store)):
            await asyncio.wait_for(stored_but_unanswered.wait(), 10)
    await store.append(happened(20))
    async with running(relaying(js, store)):
        await holds_once_in_order(js, store)


async def test_a_publication_that_timed_out_and_was_stored_is_not_repeated(
    js: JetStreamContext, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream, "ANSWER_SECONDS", 0.2)
    timed_out = asyncio.Event()
    publish = js.publish

    async def watched(*args: Any, **kwargs: Any) -> Any:
        try:
            return await publish(*args, **kwargs)
        except TimeoutError:
            timed_out.set()
            raise

    monkeypatch.setattr(js, "publish", watched)
    store = Store(happened(0))
    async with running(relaying(js, store)):
        await reaches(js, 1)
        broker.process.send_signal(signal.SIGSTOP)
        try:
            await store.append(happened(1), happened(2))
            await asyncio.wait_for(timed_out.wait(), 10)
        finally:
            broker.process.send_signal(signal.SIGCONT)
        await store.append(happened(3))
        await holds_once_in_order(js, store)


async def test_a_broker_that_lost_its_tail_is_refilled(
    js: JetStreamContext, broker: Broker, tmp_path: Path
) -> None:
    store = Store(*map(happened, range(50)))
    async with running(relaying(js, store)):
        await reaches(js, 50)
        broker.stop()
        shutil.copytree(broker.data, tmp_path / "backup")
        broker.restart()
        await store.append(*map(happened, range(50, 80)))
        await reaches(js, 80)
        broker.kill()
        shutil.rmtree(broker.data)
        shutil.copytree(tmp_path / "backup", broker.data)
        broker.restart()
        await store.append(happened(80))
        await holds_once_in_order(js, store)


async def test_two_relays_do_not_double(js: JetStreamContext, broker: Broker) -> None:
    other = await connect(broker.url, "other")
    store = Store(*map(happened, range(700)))
    try:
        async with running(relaying(js, store), relaying(other.jetstream(), store)):
            await reaches(js, 700)
            for number in range(700, 1000):
                await store.append(happened(number))
                await asyncio.sleep(0)
            await holds_once_in_order(js, store)
        async with running(relaying(other.jetstream(), store)):
            await store.append(*map(happened, range(1000, 1100)))
            await holds_once_in_order(js, store)
    finally:
        await other.close()


async def test_a_broker_killed_over_and_over_ends_up_with_everything_once(
    js: JetStreamContext, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream, "ANSWER_SECONDS", 0.3)
    store = Store()

    async def happen() -> None:
        for number in range(0, 2000, 20):
            await store.append(*map(happened, range(number, number + 20)))
            await asyncio.sleep(0.01)

    async with running(relaying(js, store)), asyncio.TaskGroup() as world:
        world.create_task(happen())
        for enough in (1, 400, 900, 1500):
            await reaches(js, enough)
            broker.kill()
            broker.restart()
        await reaches(js, 2000)
    assert await ids(js) == [happened(number).id for number in range(2000)]


@pytest.mark.parametrize("size", [1, 20])
async def test_nothing_is_stored_after_an_end_that_has_moved(
    js: JetStreamContext, size: int
) -> None:
    messages: list[jetstream.Message] = [
        (f"anlan.1.incident.Reported.{number}", b"", {}) for number in range(size)
    ]
    assert await jetstream.publish(js, messages, 0) == size
    for moved in (0, size - 1, size + 1):
        with pytest.raises(jetstream.Fenced):
            await jetstream.publish(js, messages, moved)
    assert await jetstream.read_end(js, STREAM) == jetstream.End(size, None)


async def test_a_message_id_that_the_broker_knows_is_no_success(js: JetStreamContext) -> None:
    message = ("anlan.1.incident.Reported.1", b"", {"Nats-Msg-Id": "known"})
    await jetstream.publish(js, [message], 0)
    with pytest.raises(jetstream.Fenced):
        await jetstream.publish(js, [message], 1)


async def test_a_cancellation_swallowed_on_the_way_still_ends_the_relay(
    js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = asyncio.Event()
    publish = js.publish

    async def deaf(*args: Any, **kwargs: Any) -> Any:
        entered.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return await publish(*args, **kwargs)

    monkeypatch.setattr(js, "publish", deaf)
    task = asyncio.create_task(relaying(js, Store(happened(0))))
    await asyncio.wait_for(entered.wait(), 10)
    task.cancel()
    await asyncio.wait([task], timeout=5)
    assert task.cancelled()
    assert await ids(js) == [happened(0).id]


async def test_processes_that_start_together_agree_on_the_stream(js: JetStreamContext) -> None:
    await jetstream.publish(js, [("anlan.1.incident.Reported.1", b"", {})], 0)
    both = [*SUBJECTS, "anlan.*.plan.>"]
    await asyncio.gather(*(ensure_stream(js, STREAM, both) for _ in range(5)))
    present = await js.stream_info(STREAM)
    assert present.config.subjects == both
    assert present.config.allow_atomic
    assert present.config.deny_purge
    assert present.state.messages == 1


async def test_the_parking_may_stand_beside_any_stream(js: JetStreamContext) -> None:
    await ensure_parking(js, "ANLAN_PARKED")
    await js.publish("parked.dispatch.anlan.1.incident.Reported.1", b"")
    await js.purge_stream("ANLAN_PARKED")


async def test_the_first_connection_waits_for_the_broker(broker: Broker) -> None:
    broker.kill()
    connecting = asyncio.create_task(connect(broker.url, "early"))
    await asyncio.sleep(0.3)
    assert not connecting.done()
    broker.restart()
    client = await asyncio.wait_for(connecting, 10)
    assert client.is_connected
    await client.close()


async def test_a_broker_that_refuses_batches_gets_messages_one_by_one(broker: Broker) -> None:
    client = await connect(broker.url, "test")
    js = client.jetstream()
    config = StreamConfig(name=STREAM, subjects=SUBJECTS, storage=StorageType.FILE)
    await js.add_stream(config)
    store = Store(*map(happened, range(10)))
    try:
        async with running(relaying(js, store)):
            await holds_once_in_order(js, store)
    finally:
        await client.close()


async def test_a_client_closed_for_good_ends_the_relay(broker: Broker) -> None:
    client = await connect(broker.url, "closing")
    await client.close()
    with pytest.raises(ConnectionClosedError):
        await asyncio.wait_for(relaying(client.jetstream(), Store()), 10)
