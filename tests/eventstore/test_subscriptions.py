"""Catch-up subscriptions: from anywhere, into the live, with nothing missed or repeated."""

from __future__ import annotations

import asyncio
import threading

import pytest
from esdbclient import AsyncEventStoreDBClient, EventStoreDBClient, NewEvent, StreamState
from esdbclient.common import AbstractAsyncCatchupSubscription
from esdbclient.events import RecordedEvent
from esdbclient.exceptions import StreamIsDeleted
from esdbclient.protos.Grpc import streams_pb2, streams_pb2_grpc

from tests.eventstore.events import event, events, ids, revisions

ANY, NO_STREAM = StreamState.ANY, StreamState.NO_STREAM


async def take(subscription: AbstractAsyncCatchupSubscription, count: int) -> list[RecordedEvent]:
    async with asyncio.timeout(10):
        return [await anext(subscription) for _ in range(count)]


async def test_a_stream_is_followed_from_its_start_into_the_live(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    old, new = events(300), events(3)
    await client.append_to_stream(stream, current_version=NO_STREAM, events=old)
    async with await client.subscribe_to_stream(stream, include_caught_up=True) as followed:
        assert ids(await take(followed, 300)) == ids(old)
        (caught_up,) = await take(followed, 1)
        assert caught_up.is_caught_up
        await client.append_to_stream(stream, current_version=299, events=new)
        await client.append_to_stream(f"{stream}.other", current_version=ANY, events=events(3))
        live = await take(followed, 3)
        assert (ids(live), revisions(live)) == (ids(new), [300, 301, 302])
        assert all(e.commit_position for e in live)
        assert followed.subscription_id


async def test_a_stream_is_followed_after_a_revision(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    await client.append_to_stream(stream, current_version=NO_STREAM, events=events(5))
    async with await client.subscribe_to_stream(stream, stream_position=2) as followed:
        assert revisions(await take(followed, 2)) == [3, 4]
        await client.append_to_stream(stream, current_version=4, events=events(1))
        assert revisions(await take(followed, 1)) == [5]


async def test_a_stream_is_followed_from_its_end(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    await client.append_to_stream(stream, current_version=NO_STREAM, events=events(5))
    async with await client.subscribe_to_stream(
        stream, from_end=True, include_caught_up=True
    ) as followed:
        assert (await take(followed, 1))[0].is_caught_up
        await client.append_to_stream(stream, current_version=4, events=events(1))
        assert revisions(await take(followed, 1)) == [5]


async def test_a_stream_may_be_followed_before_it_is(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    async with await client.subscribe_to_stream(stream, include_caught_up=True) as followed:
        assert (await take(followed, 1))[0].is_caught_up
        await client.append_to_stream(stream, current_version=NO_STREAM, events=events(2))
        assert revisions(await take(followed, 2)) == [0, 1]


async def test_a_tombstone_ends_a_subscription(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    await client.append_to_stream(stream, current_version=NO_STREAM, events=events(1))
    async with await client.subscribe_to_stream(stream) as followed:
        await take(followed, 1)
        await client.tombstone_stream(stream, current_version=0)
        assert (await take(followed, 1))[0].type == "$streamDeleted"
        with pytest.raises(StreamIsDeleted):
            await take(followed, 1)
    async with await client.subscribe_to_stream(stream) as again:
        with pytest.raises(StreamIsDeleted):
            await take(again, 1)


async def test_a_deleted_stream_is_followed_from_where_it_goes_on(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    await client.append_to_stream(stream, current_version=NO_STREAM, events=events(2))
    await client.delete_stream(stream, current_version=1)
    async with await client.subscribe_to_stream(stream, include_caught_up=True) as followed:
        assert (await take(followed, 1))[0].is_caught_up
        await client.append_to_stream(stream, current_version=NO_STREAM, events=events(1))
        assert revisions(await take(followed, 1)) == [2]


async def test_all_is_followed_after_a_position(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    new = events(4)
    start = await client.append_to_stream(stream, current_version=NO_STREAM, events=new[:1])
    await client.append_to_stream(stream, current_version=0, events=new[1:])
    async with await client.subscribe_to_all(
        commit_position=start, filter_include=[stream], filter_by_stream_name=True
    ) as followed:
        assert ids(await take(followed, 3)) == ids(new[1:])


async def test_all_is_followed_from_its_end(client: AsyncEventStoreDBClient, stream: str) -> None:
    await client.append_to_stream(stream, current_version=NO_STREAM, events=events(1))
    async with await client.subscribe_to_all(
        from_end=True, include_caught_up=True, filter_include=[stream], filter_by_stream_name=True
    ) as followed:
        assert (await take(followed, 1))[0].is_caught_up
        await client.append_to_stream(stream, current_version=0, events=events(2))
        assert revisions(await take(followed, 2)) == [1, 2]


async def test_a_filter_sends_checkpoints_while_catching_up_and_live(
    own_client: AsyncEventStoreDBClient,
) -> None:
    client = own_client
    await client.append_to_stream("a-1", current_version=ANY, events=events(25, "Dull"))
    async with await client.subscribe_to_all(
        filter_include=["Bright"],
        include_checkpoints=True,
        include_caught_up=True,
        window_size=5,
        checkpoint_interval_multiplier=2,
    ) as followed:
        caught = await take(followed, 4)
        assert [e.commit_position for e in caught[:3]] == [10, 20, 25]
        assert all(e.is_checkpoint for e in caught[:3])
        assert caught[3].is_caught_up

        await client.append_to_stream("a-1", current_version=24, events=events(9, "Dull"))
        await client.append_to_stream("a-1", current_version=33, events=events(2, "Bright"))
        live = await take(followed, 3)
        assert [(e.type, e.commit_position) for e in live] == [
            ("Bright", 35),
            ("", 35),
            ("Bright", 36),
        ]


async def test_no_checkpoint_comes_before_the_events_it_covers(
    own_client: AsyncEventStoreDBClient,
) -> None:
    for number in range(30):
        kind = "Bright" if number % 3 == 0 else "Dull"
        await own_client.append_to_stream("a-1", current_version=ANY, events=[event(number, kind)])
    async with await own_client.subscribe_to_all(
        filter_include=["Bright"],
        include_checkpoints=True,
        include_caught_up=True,
        window_size=1,
        checkpoint_interval_multiplier=1,
    ) as followed:
        positions: list[int] = []
        async for received in followed:
            if received.is_caught_up:
                break
            assert received.commit_position is not None
            positions.append(received.commit_position)
    assert positions == sorted(positions)
    assert set(positions) == set(range(1, 31))


async def test_the_empty_store_is_caught_up_with_at_once(
    own_client: AsyncEventStoreDBClient,
) -> None:
    async with await own_client.subscribe_to_all(
        include_caught_up=True, include_checkpoints=True
    ) as followed:
        assert (await take(followed, 1))[0].is_caught_up
        await own_client.append_to_stream("a-1", current_version=ANY, events=events(1))
        assert (await take(followed, 1))[0].commit_position == 1


async def test_nothing_is_missed_or_repeated_while_appends_run(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    """Reconnects after every few events, from the last position, while a writer goes on."""
    total = 400

    async def write() -> None:
        for _ in range(total // 4):
            await client.append_to_stream(stream, current_version=ANY, events=events(4))

    writer = asyncio.create_task(write())
    seen: list[RecordedEvent] = []
    position: int | None = None
    take_at_once = 1
    async with asyncio.timeout(20):
        while len(seen) < total:
            async with await client.subscribe_to_all(
                commit_position=position, filter_include=[stream], filter_by_stream_name=True
            ) as followed:
                for received in await take(followed, min(take_at_once, total - len(seen))):
                    seen.append(received)
                    position = received.commit_position
            take_at_once = take_at_once * 2 % 97
    await writer
    assert revisions(seen) == list(range(total))


async def test_a_slow_subscriber_falls_behind_and_loses_nothing(
    client: AsyncEventStoreDBClient, stub: streams_pb2_grpc.StreamsStub, stream: str
) -> None:
    request = streams_pb2.ReadReq()
    request.options.stream.stream_identifier.stream_name = stream.encode()
    request.options.stream.start.SetInParent()
    request.options.subscription.SetInParent()
    request.options.no_filter.SetInParent()
    request.options.uuid_option.string.SetInParent()
    call = stub.Read(request)
    kinds = [(await call.read()).WhichOneof("content") for _ in range(2)]
    assert kinds == ["confirmation", "caught_up"]

    total = 6_000
    for first in range(0, total, 200):
        large = [NewEvent("T", b"x" * 4_000) for _ in range(200)]
        version = first - 1 if first else NO_STREAM
        await client.append_to_stream(stream, current_version=version, events=large)

    seen: list[int] = []
    kinds = []
    async with asyncio.timeout(20):
        while len(seen) < total or kinds[-1] != "caught_up":
            response = await call.read()
            kind = response.WhichOneof("content")
            if kind == "event":
                seen.append(response.event.event.stream_revision)
            else:
                kinds.append(kind)
        await client.append_to_stream(stream, current_version=total - 1, events=events(1))
        live = await call.read()
    call.cancel()
    assert live.event.event.stream_revision == total
    assert seen == list(range(total))
    assert kinds[:2] == ["fell_behind", "caught_up"]


async def test_many_subscribers_each_see_everything(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    followed = [await client.subscribe_to_stream(stream) for _ in range(20)]
    await client.append_to_stream(stream, current_version=NO_STREAM, events=events(10))
    for one in followed:
        assert revisions(await take(one, 10)) == list(range(10))
        await one.stop()


async def test_links_are_followed_in_a_subscription(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    new = events(1)
    await client.append_to_stream(stream, current_version=NO_STREAM, events=new)
    link = NewEvent("$>", f"0@{stream}".encode())
    await client.append_to_stream(f"{stream}.links", current_version=NO_STREAM, events=[link])
    async with await client.subscribe_to_stream(f"{stream}.links", resolve_links=True) as followed:
        (resolved,) = await take(followed, 1)
        assert (resolved.id, resolved.stream_name) == (new[0].id, stream)


def test_the_sync_client_follows_too(sync_client: EventStoreDBClient, stream: str) -> None:
    position = sync_client.append_to_stream(stream, current_version=ANY, events=events(2))
    with (
        sync_client.subscribe_to_stream(stream, include_caught_up=True) as one,
        sync_client.subscribe_to_all(
            commit_position=position - 1, filter_include=[stream], filter_by_stream_name=True
        ) as everything,
    ):
        assert revisions([next(one), next(one)]) == [0, 1]
        assert next(one).is_caught_up
        assert revisions([next(everything)]) == [1]
        writing = threading.Thread(
            target=sync_client.append_to_stream,
            args=(stream,),
            kwargs={"current_version": 1, "events": events(1)},
        )
        writing.start()
        assert revisions([next(one)]) == [2]
        assert revisions([next(everything)]) == [2]
        writing.join()
