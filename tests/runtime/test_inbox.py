"""A reaction sees every message at least once and is acknowledged only afterwards."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import grpc
import pytest
from nats.errors import ConnectionClosedError
from nats.js.api import ConsumerInfo, RawStreamMsg
from nats.js.client import JetStreamContext

from services.runtime import inbox as room
from services.runtime import settlement
from services.runtime.actor import Actor
from services.runtime.broker import connect, ensure_parking, ensure_stream
from services.runtime.cause import Cause
from services.runtime.inbox import Delivered, inbox
from services.runtime.published import Publication, headers
from services.runtime.recorded import Recorded
from services.runtime.rejection import NotFound, Unavailable
from tests.broker import Broker

STREAM, PARKED, DURABLE = "ANLAN_COMMAND", "ANLAN_PARKED", "dispatch"
SUBJECT = "anlan.431281.incident.Reported"
BACKOFF = (0.05, 0.1)

actor = Actor(subject="值班员", roles=("duty", "lead"), jurisdiction="431281")
cause = Cause(
    command_id=uuid5(NAMESPACE_URL, "command"),
    causation_id="request",
    correlation_id="incident 1",
    actor=actor,
    exercise="drill-7",
    traceparent="00-ab-cd-01",
)


def happened(number: int) -> Recorded:
    return Recorded(
        id=uuid5(NAMESPACE_URL, str(number)),
        type="anlan.events.v1.Reported",
        stream=f"incident-{number}",
        revision=3,
        position=number,
        created_at=datetime(2026, 7, 1, 4, 5, 6, 789000, tzinfo=UTC),
        data=b"payload",
        metadata=cause.metadata(),
    )


async def publish(js: JetStreamContext, *numbers: int) -> None:
    for number in numbers:
        event = happened(number)
        publication = Publication(f"{SUBJECT}.{number}", event.type, event.data)
        written = headers(event, publication, "/anlan/command")
        await js.publish(publication.subject, publication.payload, headers=written)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    running = Broker.start(tmp_path / "nats")
    yield running
    running.kill()


@pytest.fixture
async def js(broker: Broker) -> AsyncIterator[JetStreamContext]:
    client = await connect(broker.url, "test")
    yield client.jetstream(timeout=0.5)
    await client.close()


@pytest.fixture
async def streams(js: JetStreamContext) -> None:
    await ensure_stream(js, STREAM, ["anlan.*.incident.>"])
    await ensure_parking(js, PARKED)


@asynccontextmanager
async def reacting(
    js: JetStreamContext, react: Callable[[Delivered], Awaitable[None]], **options: Any
) -> AsyncIterator[asyncio.Task[None]]:
    options = {"backoff": BACKOFF, "max_deliver": 3, **options}
    task = asyncio.create_task(
        inbox(
            js=js,
            stream=STREAM,
            durable=DURABLE,
            subjects=["anlan.*.incident.>"],
            react=react,
            **options,
        )
    )
    try:
        yield task
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 1)


class Diary:
    """Notes what was delivered, and fails as it is told to."""

    def __init__(self, *failures: BaseException, about: int | None = None) -> None:
        self.failures, self.about = list(failures), about
        self.numbers: list[int] = []
        self.last: Delivered | None = None
        self.changed = asyncio.Condition()

    async def react(self, delivered: Delivered) -> None:
        async with self.changed:
            self.last = delivered
            self.numbers.append(delivered.event.position)
            self.changed.notify_all()
        if self.failures and self.about in (None, delivered.event.position):
            raise self.failures.pop(0)

    async def has(self, *numbers: int) -> None:
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: set(numbers) <= set(self.numbers))

    async def counts(self, length: int) -> None:
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: len(self.numbers) >= length)


async def consumer(js: JetStreamContext) -> ConsumerInfo:
    info: ConsumerInfo = await js.consumer_info(STREAM, DURABLE)
    return info


async def all_settled(js: JetStreamContext) -> None:
    async with asyncio.timeout(20):
        info = await consumer(js)
        while info.num_pending or info.num_ack_pending:
            await asyncio.sleep(0.01)
            info = await consumer(js)


async def parked(js: JetStreamContext) -> list[RawStreamMsg]:
    last = (await js.stream_info(PARKED)).state.last_seq
    return [await js.get_msg(PARKED, number) for number in range(1, last + 1)]


@pytest.mark.usefixtures("streams")
async def test_a_reaction_can_rebuild_the_cause(js: JetStreamContext) -> None:
    diary = Diary()
    await publish(js, 1)
    async with reacting(js, diary.react):
        await diary.has(1)
    assert diary.last == Delivered(happened(1), f"{SUBJECT}.1", 1)
    assert Cause.reaction(diary.last.event, "dispatch") == Cause.reaction(happened(1), "dispatch")
    assert Cause.reaction(diary.last.event, "dispatch").actor == actor


@pytest.mark.usefixtures("streams")
async def test_messages_come_in_order_and_are_acknowledged_after_the_effect(
    js: JetStreamContext,
) -> None:
    open_gate, seen = asyncio.Event(), asyncio.Event()
    diary = Diary()

    async def react(delivered: Delivered) -> None:
        seen.set()
        await open_gate.wait()
        await diary.react(delivered)

    await publish(js, *range(1, 101))
    async with reacting(js, react):
        await asyncio.wait_for(seen.wait(), 10)
        assert (await consumer(js)).num_ack_pending == 1
        open_gate.set()
        await diary.counts(100)
        await all_settled(js)
    assert diary.numbers == list(range(1, 101))


@pytest.mark.usefixtures("streams")
async def test_what_a_dead_process_had_in_hand_is_delivered_again(
    js: JetStreamContext, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "ACK_WAIT_SECONDS", 1.0)
    dying = await connect(broker.url, "dying")
    seen = asyncio.Event()

    async def hang(_: Delivered) -> None:
        seen.set()
        await asyncio.Event().wait()

    await publish(js, 1, 2)
    async with reacting(dying.jetstream(), hang):
        await asyncio.wait_for(seen.wait(), 10)
        await dying.close()  # nothing more can be said to the broker
    diary = Diary()
    async with reacting(js, diary.react):
        await diary.has(1, 2)
        await all_settled(js)
    assert Counter(diary.numbers) == {1: 1, 2: 1}


@pytest.mark.usefixtures("streams")
async def test_a_cancelled_reaction_is_handed_on_at_once(js: JetStreamContext) -> None:
    seen = asyncio.Event()

    async def hang(_: Delivered) -> None:
        seen.set()
        await asyncio.Event().wait()

    await publish(js, 1)
    async with reacting(js, hang):
        await asyncio.wait_for(seen.wait(), 10)
    diary = Diary()
    async with reacting(js, diary.react), asyncio.timeout(5):
        await diary.has(1)
    assert diary.last is not None
    assert diary.last.deliveries == 2


@pytest.mark.usefixtures("streams")
async def test_a_rejection_settles_the_message(js: JetStreamContext) -> None:
    diary = Diary(NotFound("NO_SUCH_UNIT", unit="u1"))
    await publish(js, 1, 2)
    async with reacting(js, diary.react):
        await diary.has(2)
        await all_settled(js)
    assert diary.numbers == [1, 2]


def away() -> list[BaseException]:
    unavailable = grpc.aio.AioRpcError(
        grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata()
    )
    passing = [Unavailable("STORE_UNAVAILABLE"), TimeoutError(), unavailable]
    return [*passing, ConnectionResetError(), asyncio.CancelledError(), ConnectionRefusedError()]


@pytest.mark.usefixtures("streams")
async def test_what_is_out_of_reach_is_tried_as_long_as_it_takes(js: JetStreamContext) -> None:
    diary = Diary(*away(), about=1)
    await publish(js, 1, 2)
    async with reacting(js, diary.react, max_deliver=2):
        await diary.counts(8)
        await all_settled(js)
    assert Counter(diary.numbers) == {1: 7, 2: 1}
    assert await parked(js) == []


@pytest.mark.usefixtures("streams")
async def test_an_outage_is_not_held_against_a_message(js: JetStreamContext) -> None:
    diary = Diary(*[Unavailable("STORE_UNAVAILABLE")] * 4, ValueError(), ValueError())
    await publish(js, 1)
    async with reacting(js, diary.react, max_deliver=3):
        await diary.counts(7)
        await all_settled(js)
    assert await parked(js) == []


@pytest.mark.usefixtures("streams")
async def test_poison_is_parked_and_the_rest_flows(js: JetStreamContext) -> None:
    diary = Diary(*[ValueError("岗位\n不明")] * 9, about=2)
    await publish(js, 1, 2, 3)
    await js.publish(f"{SUBJECT}.4", b"no headers at all")
    await publish(js, 5)
    async with reacting(js, diary.react):
        await diary.has(1, 2, 3, 5)
        await all_settled(js)
    assert Counter(diary.numbers) == {1: 1, 2: 3, 3: 1, 5: 1}
    found = {message.subject: message for message in await parked(js)}
    assert set(found) == {f"parked.{DURABLE}.{SUBJECT}.{number}" for number in (2, 4)}
    message = found[f"parked.{DURABLE}.{SUBJECT}.2"]
    assert message.data == b"payload"
    assert (message.headers or {})["ce-id"] == str(happened(2).id)
    assert "ValueError" in (message.headers or {})["anlan-parked-reason"]


async def test_poison_that_cannot_be_parked_is_not_lost(js: JetStreamContext) -> None:
    await ensure_stream(js, STREAM, ["anlan.*.incident.>"])
    diary = Diary(*[ValueError()] * 1000)
    await publish(js, 1)
    async with reacting(js, diary.react):
        await diary.counts(4)
        await ensure_parking(js, PARKED)
        await all_settled(js)
    assert len(await parked(js)) == 1


@pytest.mark.usefixtures("streams")
async def test_a_reaction_that_hangs_is_given_up_and_tried_again(
    js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settlement, "REACT_SECONDS", 0.1)
    diary = Diary()

    async def hang_once(delivered: Delivered) -> None:
        await diary.react(delivered)
        if len(diary.numbers) == 1:
            await asyncio.Event().wait()

    await publish(js, 1)
    async with reacting(js, hang_once):
        await diary.counts(2)
        await all_settled(js)


@pytest.mark.usefixtures("streams")
async def test_a_broker_restart_costs_nothing(js: JetStreamContext, broker: Broker) -> None:
    diary = Diary()
    await publish(js, *range(1, 301))
    async with reacting(js, diary.react):
        await diary.counts(50)
        broker.kill()
        broker.restart()
        await diary.has(*range(1, 301))
        await publish(js, 301)
        await diary.has(301)
    assert set(Counter(diary.numbers).values()) <= {1, 2}


async def test_the_stream_may_come_later_and_the_consumer_may_be_lost(
    js: JetStreamContext,
) -> None:
    diary = Diary()
    async with reacting(js, diary.react):
        await ensure_stream(js, STREAM, ["anlan.*.incident.>"])
        await publish(js, 1)
        await diary.has(1)
        await js.delete_consumer(STREAM, DURABLE)
        await publish(js, 2)
        await diary.has(1, 2)


@pytest.mark.usefixtures("streams")
async def test_several_react_at_once_if_asked(js: JetStreamContext) -> None:
    diary, together = Diary(), asyncio.Barrier(4)

    async def react(delivered: Delivered) -> None:
        await together.wait()
        await diary.react(delivered)

    await publish(js, *range(8))
    async with reacting(js, react, concurrency=4):
        await diary.has(*range(8))


@pytest.mark.usefixtures("streams")
async def test_an_idle_inbox_ends_when_told(js: JetStreamContext) -> None:
    for _ in range(20):
        async with reacting(js, Diary().react):
            await asyncio.sleep(0.003)


@pytest.mark.usefixtures("streams")
async def test_a_cancellation_swallowed_by_a_reaction_still_ends_the_inbox(
    js: JetStreamContext,
) -> None:
    diary = Diary()

    async def deaf(delivered: Delivered) -> None:
        await diary.react(delivered)
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    await publish(js, 1, 2)
    async with reacting(js, deaf) as task:
        await diary.has(1)
    assert task.cancelled()
    assert diary.numbers == [1]


@pytest.mark.usefixtures("streams")
async def test_a_client_closed_for_good_ends_the_inbox(broker: Broker) -> None:
    closing = await connect(broker.url, "closing")
    react = Diary().react
    reading = inbox(
        js=closing.jetstream(), stream=STREAM, durable=DURABLE, subjects=[">"], react=react
    )
    task = asyncio.create_task(reading)
    await asyncio.sleep(0)
    await closing.close()
    with pytest.raises(ExceptionGroup) as raised:
        await asyncio.wait_for(task, 10)
    assert raised.group_contains(ConnectionClosedError)
