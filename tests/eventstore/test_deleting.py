"""Soft and hard deletion, through both clients."""

from __future__ import annotations

import pytest
from esdbclient import AsyncEventStoreDBClient, EventStoreDBClient, StreamState
from esdbclient.exceptions import NotFound, StreamIsDeleted, WrongCurrentVersion

from tests.eventstore.events import events, revisions

NO_STREAM, ANY, EXISTS = StreamState.NO_STREAM, StreamState.ANY, StreamState.EXISTS


@pytest.mark.parametrize("version", [1, ANY, EXISTS])
async def test_a_deleted_stream_is_not_found(
    client: AsyncEventStoreDBClient, stream: str, version: int | StreamState
) -> None:
    await client.append_to_stream(stream, current_version=NO_STREAM, events=events(2))
    await client.delete_stream(stream, current_version=version)
    with pytest.raises(NotFound):
        await client.get_stream(stream)
    with pytest.raises(NotFound):
        await client.get_stream(stream, backwards=True)


@pytest.mark.parametrize("version", [ANY, NO_STREAM, 0, EXISTS])
async def test_what_never_was_cannot_be_deleted(
    client: AsyncEventStoreDBClient, stream: str, version: int | StreamState
) -> None:
    with pytest.raises(NotFound):
        await client.delete_stream(stream, current_version=version)


@pytest.mark.parametrize("version", [0, 5, NO_STREAM])
async def test_deleting_at_another_revision_is_refused(
    client: AsyncEventStoreDBClient, stream: str, version: int | StreamState
) -> None:
    await client.append_to_stream(stream, current_version=NO_STREAM, events=events(2))
    with pytest.raises(WrongCurrentVersion, match="Actual version: 1"):
        await client.delete_stream(stream, current_version=version)
    with pytest.raises(WrongCurrentVersion, match="Actual version: 1"):
        await client.tombstone_stream(stream, current_version=version)
    assert revisions(await client.get_stream(stream)) == [0, 1]


async def test_deleting_twice(client: AsyncEventStoreDBClient, stream: str) -> None:
    await client.append_to_stream(stream, current_version=NO_STREAM, events=events(2))
    await client.delete_stream(stream, current_version=ANY)
    await client.delete_stream(stream, current_version=ANY)
    await client.delete_stream(stream, current_version=1)
    with pytest.raises(StreamIsDeleted):
        await client.delete_stream(stream, current_version=EXISTS)


async def test_a_deleted_stream_can_be_tombstoned(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    await client.append_to_stream(stream, current_version=NO_STREAM, events=events(1))
    await client.delete_stream(stream, current_version=ANY)
    await client.tombstone_stream(stream, current_version=ANY)
    with pytest.raises(StreamIsDeleted):
        await client.get_stream(stream)


async def test_a_tombstone_is_for_ever(client: AsyncEventStoreDBClient, stream: str) -> None:
    await client.tombstone_stream(stream, current_version=ANY)
    for backwards in (False, True):
        with pytest.raises(StreamIsDeleted):
            await client.get_stream(stream, backwards=backwards)
    with pytest.raises(StreamIsDeleted):
        await client.delete_stream(stream, current_version=ANY)
    with pytest.raises(StreamIsDeleted):
        await client.tombstone_stream(stream, current_version=ANY)
    with pytest.raises(StreamIsDeleted):
        await client.get_stream_metadata(stream)
    with pytest.raises(StreamIsDeleted):
        await client.set_stream_metadata(stream, metadata={})
    with pytest.raises(StreamIsDeleted):
        await client.get_current_version(stream)


async def test_metadata_written_to_a_deleted_stream_revives_it_empty(
    client: AsyncEventStoreDBClient, stream: str
) -> None:
    await client.append_to_stream(stream, current_version=NO_STREAM, events=events(2))
    await client.delete_stream(stream, current_version=ANY)
    await client.set_stream_metadata(stream, metadata={"owner": "a"})
    assert (await client.get_stream_metadata(stream))[0] == {"owner": "a", "$tb": 2}
    assert list(await client.get_stream(stream)) == []
    await client.append_to_stream(stream, current_version=1, events=events(1))
    assert revisions(await client.get_stream(stream)) == [2]


def test_the_sync_client_deletes_too(sync_client: EventStoreDBClient, stream: str) -> None:
    sync_client.append_to_stream(stream, current_version=NO_STREAM, events=events(1))
    with pytest.raises(WrongCurrentVersion):
        sync_client.delete_stream(stream, current_version=4)
    sync_client.delete_stream(stream, current_version=0)
    with pytest.raises(NotFound):
        sync_client.get_stream(stream)
    sync_client.tombstone_stream(stream, current_version=ANY)
    with pytest.raises(StreamIsDeleted):
        sync_client.get_stream(stream)
    with pytest.raises(StreamIsDeleted):
        sync_client.append_to_stream(stream, current_version=ANY, events=events(1))
