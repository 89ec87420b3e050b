"""The append table through esdbclient and a real node, by both of the ways to append."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from esdbclient import (
    AsyncEventStoreDBClient,
    EventStoreDBClient,
    NewEvent,
    RecordedEvent,
    StreamState,
)
from esdbclient.exceptions import (
    FailedPrecondition,
    MaximumAppendSizeExceededError,
    StreamIsDeleted,
    WrongCurrentVersion,
)

from tests.eventstore.events import event, events, ids, revisions

NO_STREAM, ANY, EXISTS = StreamState.NO_STREAM, StreamState.ANY, StreamState.EXISTS
Version = int | StreamState
Append = Callable[[str, Version, list[NewEvent]], Awaitable[int]]


@pytest.fixture(params=["BatchAppend", "Append"])
def append(
    request: pytest.FixtureRequest, client: AsyncEventStoreDBClient, sync_client: EventStoreDBClient
) -> Append:
    async def by_batch(stream: str, version: Version, new: list[NewEvent]) -> int:
        return await client.append_to_stream(stream, current_version=version, events=new)

    async def by_append(stream: str, version: Version, new: list[NewEvent]) -> int:
        return sync_client.streams.append(stream, version, new)

    return by_batch if request.param == "BatchAppend" else by_append


async def test_a_new_stream_starts_at_zero(
    client: AsyncEventStoreDBClient, append: Append, stream: str
) -> None:
    new = events(3)
    position = await append(stream, NO_STREAM, new)

    recorded = await client.get_stream(stream)
    assert ids(recorded) == ids(new)
    assert revisions(recorded) == [0, 1, 2]
    assert recorded[-1].commit_position == recorded[-1].prepare_position == position
    assert [(e.type, e.data, e.metadata, e.content_type) for e in recorded] == [
        (e.type, e.data, e.metadata, e.content_type) for e in new
    ]
    assert all(e.recorded_at is not None for e in recorded)


async def test_binary_content_comes_back_as_binary(
    client: AsyncEventStoreDBClient, append: Append, stream: str
) -> None:
    await append(
        stream, ANY, [NewEvent("Photo", b"\x00\xff", content_type="application/octet-stream")]
    )
    (recorded,) = await client.get_stream(stream)
    assert (recorded.data, recorded.content_type) == (b"\x00\xff", "application/octet-stream")


@pytest.mark.parametrize("version", [0, 7, EXISTS])
async def test_a_stream_that_never_was_refuses(
    append: Append, stream: str, version: Version
) -> None:
    with pytest.raises(WrongCurrentVersion, match="does not exist"):
        await append(stream, version, events(1))


@pytest.mark.parametrize("version", [0, 2, 9, NO_STREAM])
async def test_another_revision_is_refused_and_told(
    append: Append, stream: str, version: Version
) -> None:
    await append(stream, NO_STREAM, events(2))
    with pytest.raises(WrongCurrentVersion, match="Stream position of last event is 1"):
        await append(stream, version, events(1))


@pytest.mark.parametrize("version", [1, ANY, EXISTS])
async def test_the_right_expectation_appends_at_the_end(
    client: AsyncEventStoreDBClient, append: Append, stream: str, version: Version
) -> None:
    first, more = events(2), events(2)
    await append(stream, NO_STREAM, first)
    await append(stream, version, more)
    assert ids(await client.get_stream(stream)) == ids(first + more)


@pytest.mark.parametrize("version", [NO_STREAM, ANY])
async def test_a_repetition_returns_the_original_position(
    client: AsyncEventStoreDBClient, append: Append, stream: str, version: Version
) -> None:
    first = events(2)
    position = await append(stream, version, first)
    await append(stream, 1, events(3))
    assert await append(stream, version, first) == position
    assert len(await client.get_stream(stream)) == 5


async def test_a_repetition_of_a_part_is_a_repetition(append: Append, stream: str) -> None:
    first = events(3)
    await append(stream, NO_STREAM, first)
    position = await append(stream, 0, first[1:2])
    assert position == await append(stream, NO_STREAM, first[:2])


@pytest.mark.parametrize("version", [0, ANY])
async def test_half_a_repetition_is_refused(append: Append, stream: str, version: Version) -> None:
    first = events(3)
    await append(stream, NO_STREAM, first)
    with pytest.raises(WrongCurrentVersion):
        await append(stream, version, [first[1], event()])


async def test_the_same_id_may_be_written_again_at_the_end(
    client: AsyncEventStoreDBClient, append: Append, stream: str
) -> None:
    first = events(1)
    await append(stream, NO_STREAM, first)
    await append(stream, 0, first)
    assert ids(await client.get_stream(stream)) == ids(first * 2)


async def test_the_same_id_in_another_stream_is_another_event(
    client: AsyncEventStoreDBClient, append: Append, stream: str
) -> None:
    first, other = events(1), f"{stream}.other"
    await append(stream, ANY, first)
    await append(other, ANY, first)
    assert revisions(await client.get_stream(other)) == [0]


@pytest.mark.parametrize("version", [NO_STREAM, ANY])
async def test_nothing_to_a_new_stream_is_accepted(
    client: AsyncEventStoreDBClient, append: Append, stream: str, version: Version
) -> None:
    await append(stream, version, [])
    assert await client.get_current_version(stream) is NO_STREAM


async def test_nothing_at_the_right_revision_is_accepted(append: Append, stream: str) -> None:
    position = await append(stream, NO_STREAM, events(1))
    assert await append(stream, 0, []) >= position
    with pytest.raises(WrongCurrentVersion):
        await append(stream, 1, [])


@pytest.mark.parametrize("version", [0, ANY, EXISTS, NO_STREAM])
async def test_a_tombstone_refuses_for_ever(
    client: AsyncEventStoreDBClient, append: Append, stream: str, version: Version
) -> None:
    await append(stream, NO_STREAM, events(1))
    await client.tombstone_stream(stream, current_version=0)
    with pytest.raises((StreamIsDeleted, FailedPrecondition), match="is deleted"):
        await append(stream, version, events(1))


@pytest.mark.parametrize("version", [ANY, NO_STREAM, 1])
async def test_a_soft_deleted_stream_goes_on_where_it_was(
    client: AsyncEventStoreDBClient, append: Append, stream: str, version: Version
) -> None:
    await append(stream, NO_STREAM, events(2))
    await client.delete_stream(stream, current_version=1)
    again = events(2)
    await append(stream, version, again)
    recorded = await client.get_stream(stream)
    assert (ids(recorded), revisions(recorded)) == (ids(again), [2, 3])
    metadata, revision = await client.get_stream_metadata(stream)
    assert (metadata, revision) == ({"$tb": 2}, 1)


async def test_a_soft_deleted_stream_does_not_exist(
    client: AsyncEventStoreDBClient, append: Append, stream: str
) -> None:
    await append(stream, NO_STREAM, events(1))
    await client.delete_stream(stream, current_version=0)
    with pytest.raises((StreamIsDeleted, FailedPrecondition), match="is deleted"):
        await append(stream, EXISTS, events(1))


async def test_positions_rise_and_a_batch_is_together(
    client: AsyncEventStoreDBClient, append: Append, stream: str
) -> None:
    before = await append(stream, ANY, events(1))
    after = await append(f"{stream}.other", ANY, events(5))
    recorded = await client.get_stream(f"{stream}.other")
    positions = [e.commit_position for e in recorded]
    assert positions == sorted(set(positions))  # type: ignore[type-var]
    assert before < positions[0]  # type: ignore[operator]
    assert positions[-1] == after


async def test_too_much_is_refused_and_nothing_is_written(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    large = [NewEvent("T", b"x" * 400_000) for _ in range(3)]
    with pytest.raises(MaximumAppendSizeExceededError, match="1048576"):
        await client.append_to_stream(stream, current_version=ANY, events=large)
    assert await client.get_current_version(stream) is NO_STREAM
    await client.append_to_stream(stream, current_version=ANY, events=large[:2])


async def test_as_much_as_is_allowed_is_accepted(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    exact = NewEvent("T", b"x" * (1024 * 1024 - 2))
    await client.append_to_stream(stream, current_version=ANY, events=[exact])
    (recorded,) = await client.get_stream(stream)
    assert len(recorded.data) == len(exact.data)


def test_the_sync_client_appends_too(sync_client: EventStoreDBClient, stream: str) -> None:
    new = events(2)
    position = sync_client.append_to_stream(stream, current_version=NO_STREAM, events=new)
    assert sync_client.append_to_stream(stream, current_version=NO_STREAM, events=new) == position
    with pytest.raises(WrongCurrentVersion):
        sync_client.append_event(stream, current_version=NO_STREAM, event=event())
    recorded: tuple[RecordedEvent, ...] = tuple(sync_client.get_stream(stream))
    assert ids(recorded) == ids(new)
    assert recorded[-1].commit_position == position


async def test_names_and_text_may_be_chinese(client: AsyncEventStoreDBClient) -> None:
    stream = f"incident-洪江市-{uuid4()}"
    await client.append_to_stream(
        stream, current_version=ANY, events=[NewEvent("山洪预警", "水位".encode())]
    )
    (recorded,) = await client.get_stream(stream)
    assert (recorded.stream_name, recorded.type, recorded.data.decode()) == (
        stream,
        "山洪预警",
        "水位",
    )
    await client.tombstone_stream(stream, current_version=ANY)
    with pytest.raises(StreamIsDeleted):
        await client.get_stream(stream)
