from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from services.runtime.store import EventStore
from tests.node import Node

Connect = Callable[[str], Awaitable[EventStore]]


@pytest.fixture(scope="session")
def shared_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """One node for all tests that keep to their own streams and leave it running."""
    started = Node.start(tmp_path_factory.mktemp("node"))
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture
def own_node(tmp_path: Path) -> Iterator[Node]:
    started = Node.start(tmp_path / "own")
    try:
        yield started
    finally:
        started.kill()


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connect as one process more."""
    stores: list[EventStore] = []

    async def connected(uri: str) -> EventStore:
        store = EventStore(uri)
        await store.connect()
        stores.append(store)
        return store

    yield connected
    for store in stores:
        await store.close()


@pytest.fixture
async def store(shared_node: Node, connect: Connect) -> EventStore:
    return await connect(shared_node.uri)


@pytest.fixture
async def second(shared_node: Node, connect: Connect) -> EventStore:
    """Connect to the same node as another process would."""
    return await connect(shared_node.uri)


@pytest.fixture
def key() -> str:
    return str(uuid4())


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}"
    found: str = request.getfixturevalue("postgres_url")
    return found
