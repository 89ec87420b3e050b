"""Reads of a stream and of `$all`, with what metadata hides, links and filters."""

from __future__ import annotations

from uuid import uuid4

import grpc.aio
import pytest
from esdbclient import AsyncEventStoreDBClient, EventStoreDBClient, NewEvent, StreamState
from esdbclient.exceptions import NotFound
from esdbclient.protos.Grpc import streams_pb2, streams_pb2_grpc

from tests.eventstore.events import event, events, ids, revisions

ANY, NO_STREAM = StreamState.ANY, StreamState.NO_STREAM
ReadReq = streams_pb2.ReadReq


async def test_a_stream_that_never_was_is_not_found(
    client: AsyncEventStoreDBClient, sync_client: EventStoreDBClient, stream: str
) -> None:
    with pytest.raises(NotFound):
        await client.get_stream(stream)
    with pytest.raises(NotFound):
        sync_client.get_stream(stream)
    assert await client.get_current_version(stream) is NO_STREAM


@pytest.mark.parametrize(
    ("position", "backwards", "limit", "expected"),
    [
        (None, False, 100, [0, 1, 2, 3, 4]),
        (None, False, 2, [0, 1]),
        (2, False, 100, [2, 3, 4]),
        (2, False, 2, [2, 3]),
        (9, False, 100, []),
        (None, True, 100, [4, 3, 2, 1, 0]),
        (None, True, 1, [4]),
        (2, True, 100, [2, 1, 0]),
        (2, True, 2, [2, 1]),
        (0, True, 100, [0]),
        (9, True, 2, [4, 3]),
    ],
)
async def test_a_stream_is_read_from_anywhere_both_ways(
    client: AsyncEventStoreDBClient,
    sync_client: EventStoreDBClient,
    stream: str,
    position: int | None,
    backwards: bool,  # noqa: FBT001 -- a parameter of the test
    limit: int,
    expected: list[int],
) -> None:
    await client.append_to_stream(stream, current_version=NO_STREAM, events=events(5))
    read = {"stream_position": position, "backwards": backwards, "limit": limit}
    assert revisions(await client.get_stream(stream, **read)) == expected  # type: ignore[arg-type]
    assert revisions(sync_client.get_stream(stream, **read)) == expected  # type: ignore[arg-type]


async def test_a_long_stream_is_read_through_its_pages(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    for first in range(0, 1500, 500):
        version = first - 1 if first else NO_STREAM
        await client.append_to_stream(stream, current_version=version, events=events(500))
    assert revisions(await client.get_stream(stream)) == list(range(1500))
    assert revisions(await client.get_stream(stream, backwards=True)) == list(range(1499, -1, -1))
    assert revisions(await client.get_stream(stream, stream_position=700, limit=600)) == list(
        range(700, 1300)
    )


async def test_large_events_are_paged_by_size(client: AsyncEventStoreDBClient, stream: str) -> None:
    for revision in range(5):
        large = NewEvent("T", b"x" * 900_000)
        version = revision - 1 if revision else NO_STREAM
        await client.append_to_stream(stream, current_version=version, events=[large])
    assert revisions(await client.get_stream(stream)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"$maxCount": 2}, [3, 4]),
        ({"$maxCount": 9}, [0, 1, 2, 3, 4]),
        ({"$tb": 3}, [3, 4]),
        ({"$tb": 3, "$maxCount": 1}, [4]),
        ({"$tb": 9}, []),
        ({"$maxAge": 3600}, [0, 1, 2, 3, 4]),
        ({"$maxAge": 0}, []),
        ({"$cacheControl": 9, "$acl": {"$r": "$all"}, "mine": "x"}, [0, 1, 2, 3, 4]),
    ],
)
async def test_metadata_hides_events(
    client: AsyncEventStoreDBClient, stream: str, metadata: dict[str, object], expected: list[int]
) -> None:
    await client.append_to_stream(stream, current_version=NO_STREAM, events=events(5))
    await client.set_stream_metadata(stream, metadata=metadata)
    assert revisions(await client.get_stream(stream)) == expected
    assert revisions(await client.get_stream(stream, backwards=True)) == expected[::-1]
    assert await client.get_stream_metadata(stream) == (metadata, 0)


async def test_metadata_has_versions_and_shows_the_last(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    assert await client.get_stream_metadata(stream) == ({}, NO_STREAM)
    await client.set_stream_metadata(stream, metadata={"a": 1}, current_version=NO_STREAM)
    await client.set_stream_metadata(stream, metadata={"a": 2}, current_version=0)
    assert await client.get_stream_metadata(stream) == ({"a": 2}, 1)
    assert revisions(await client.get_stream(f"$${stream}")) == [1]


async def test_all_is_in_the_order_of_positions_both_ways(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    start = await client.append_to_stream(stream, current_version=ANY, events=[event()])
    for number in range(4):
        await client.append_to_stream(
            f"{stream}.{number % 2}", current_version=ANY, events=events(2)
        )

    mine = {"filter_include": [f"{stream}.*"], "filter_by_stream_name": True}
    forwards = [e async for e in await client.read_all(commit_position=start, **mine)]  # type: ignore[arg-type]
    assert len(forwards) == 9
    assert forwards[0].commit_position == start  # inclusive
    positions = [e.commit_position for e in forwards]
    assert positions == sorted(positions)  # type: ignore[type-var]

    backwards = [e async for e in await client.read_all(backwards=True, limit=9, **mine)]  # type: ignore[arg-type]
    assert ids(backwards) == ids(forwards)[::-1]
    before = [
        e
        async for e in await client.read_all(
            commit_position=positions[4],
            backwards=True,
            limit=4,
            **mine,  # type: ignore[arg-type]
        )
    ]
    assert [e.commit_position for e in before] == positions[3::-1]  # exclusive


async def test_the_last_commit_position_is_known(
    client: AsyncEventStoreDBClient, sync_client: EventStoreDBClient, stream: str
) -> None:
    position = await client.append_to_stream(stream, current_version=ANY, events=events(1))
    mine = {"filter_include": [stream], "filter_by_stream_name": True}
    assert await client.get_commit_position(**mine) == position  # type: ignore[arg-type]
    assert sync_client.get_commit_position(**mine) == position  # type: ignore[arg-type]


async def test_all_is_filtered_by_type_and_leaves_out_system_events(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    start = await client.append_to_stream(stream, current_version=ANY, events=[event(0, "Red.v1")])
    await client.append_to_stream(stream, current_version=ANY, events=[event(1, "Redder.v1")])
    await client.set_stream_metadata(stream, metadata={})
    await client.append_to_stream(stream, current_version=ANY, events=[event(2, "Blue.v1")])

    async def types(**options: object) -> list[str]:
        read = await client.read_all(commit_position=start, **options)  # type: ignore[arg-type]
        return [e.type async for e in read if e.stream_name.endswith(stream)]

    assert await types() == ["Red.v1", "Redder.v1", "Blue.v1"]
    assert await types(filter_exclude=()) == ["Red.v1", "Redder.v1", "$metadata", "Blue.v1"]
    assert await types(filter_include=[r"Red\.v1", "Blue.*"]) == ["Red.v1", "Blue.v1"]
    assert await types(filter_exclude=["Red.*"]) == ["$metadata", "Blue.v1"]


async def test_prefix_filters(
    client: AsyncEventStoreDBClient, stub: streams_pb2_grpc.StreamsStub, stream: str
) -> None:
    start = await client.append_to_stream(stream, current_version=ANY, events=[event(0, "Red.v1")])
    await client.append_to_stream(stream, current_version=ANY, events=[event(1, "Blue.v1")])
    request = read_all_from(start)
    request.options.filter.stream_identifier.prefix.extend([stream[:20], "nothing"])
    assert [r.event.event.metadata["type"] async for r in stub.Read(request)][:2] == [
        "Red.v1",
        "Blue.v1",
    ]
    request.options.filter.event_type.prefix.append("Bl")
    assert "Red.v1" not in [r.event.event.metadata["type"] async for r in stub.Read(request)]


def read_all_from(position: int) -> ReadReq:
    request = ReadReq()
    request.options.all.position.commit_position = position
    request.options.all.position.prepare_position = position
    request.options.count = 10
    request.options.filter.max = 10
    request.options.filter.checkpointIntervalMultiplier = 1
    request.options.uuid_option.string.SetInParent()
    return request


async def test_a_filter_that_cannot_be_read_is_refused(stub: streams_pb2_grpc.StreamsStub) -> None:
    request = read_all_from(1)
    request.options.filter.event_type.regex = "("
    with pytest.raises(grpc.aio.AioRpcError, match="invalid regex") as refusal:
        [r async for r in stub.Read(request)]
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_structured_ids_and_the_ends_of_a_stream(
    client: AsyncEventStoreDBClient, stub: streams_pb2_grpc.StreamsStub, stream: str
) -> None:
    new = events(3)
    await client.append_to_stream(stream, current_version=NO_STREAM, events=new)
    await client.set_stream_metadata(stream, metadata={"$tb": 2})
    request = ReadReq()
    request.options.stream.stream_identifier.stream_name = stream.encode()
    request.options.stream.start.SetInParent()
    request.options.count = 10
    request.options.no_filter.SetInParent()
    request.options.uuid_option.structured.SetInParent()
    request.options.control_option.compatibility = 1
    responses = [r async for r in stub.Read(request)]
    assert [r.WhichOneof("content") for r in responses] == ["event", "last_stream_position"]
    bits = responses[0].event.event.id.structured
    assert (bits.most_significant_bits % 2**64 << 64) + bits.least_significant_bits % 2**64 == new[
        2
    ].id.int
    assert responses[-1].last_stream_position == 2


async def test_links_are_followed_when_asked(client: AsyncEventStoreDBClient, stream: str) -> None:
    new = events(2)
    await client.append_to_stream(stream, current_version=NO_STREAM, events=new)
    links = f"links-{uuid4()}"
    link = [
        NewEvent("$>", f"1@{stream}".encode()),
        NewEvent("$>", b"7@nowhere"),
    ]
    await client.append_to_stream(links, current_version=NO_STREAM, events=link)

    (plain, broken) = await client.get_stream(links)
    assert (plain.is_link_event, plain.id, broken.id) == (True, link[0].id, link[1].id)

    (resolved,) = await client.get_stream(links, resolve_links=True)
    assert (resolved.id, resolved.stream_name, resolved.stream_position) == (new[1].id, stream, 1)
    assert resolved.link is not None
    assert (resolved.link.id, resolved.link.stream_name) == (link[0].id, links)
