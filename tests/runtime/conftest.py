from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from services.runtime.store import EventStore
from tests.node import Node
from tests.runtime.postgres import Absent, Postgres

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


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    try:
        started = Postgres.start()
    except Absent as absent:
        pytest.skip(f"no PostgreSQL: {absent}")
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    engine = create_async_engine(postgres.url)
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
    await engine.dispose()
    return postgres.url
