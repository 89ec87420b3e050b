"""One shared node for tests that keep to their own streams, and a private one for the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import grpc.aio
import pytest
from esdbclient import AsyncEventStoreDBClient, EventStoreDBClient
from esdbclient.protos.Grpc import streams_pb2_grpc

from tests.node import Node


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    started = Node.start(tmp_path_factory.mktemp("node"))
    yield started
    assert started.stop() == 0


@pytest.fixture
def own_node(tmp_path: Path) -> Iterator[Node]:
    started = Node.start(tmp_path / "own")
    yield started
    started.kill()


@pytest.fixture
async def client(node: Node) -> AsyncIterator[AsyncEventStoreDBClient]:
    connected = AsyncEventStoreDBClient(node.uri)
    await connected.connect()
    yield connected
    await connected.close()


@pytest.fixture
async def own_client(own_node: Node) -> AsyncIterator[AsyncEventStoreDBClient]:
    connected = AsyncEventStoreDBClient(own_node.uri)
    await connected.connect()
    yield connected
    await connected.close()


@pytest.fixture
def sync_client(node: Node) -> Iterator[EventStoreDBClient]:
    connected = EventStoreDBClient(node.uri)
    yield connected
    connected.close()


@pytest.fixture
async def stub(node: Node) -> AsyncIterator[streams_pb2_grpc.StreamsStub]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{node.port}") as channel:
        yield streams_pb2_grpc.StreamsStub(channel)  # type: ignore[no-untyped-call]


@pytest.fixture
def stream() -> str:
    return f"incident-{uuid4()}"
