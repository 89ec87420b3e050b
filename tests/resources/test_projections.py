"""Rows come from the log alone: gone and folded again, they are the same, on any database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.resources.projections import RESOURCES, apply
from services.resources.projections.tables import (
    TABLES,
    depots,
    devices,
    experts,
    forces,
    hazard_areas,
    households,
    landing_points,
    lots,
    plots,
    reliefs,
    risk_sites,
    shelter_needs,
    shelters,
    stock_alarms,
    stocks,
    supply_requests,
    transfers,
    units,
)
from services.runtime.readmodel import AsOf
from services.runtime.recorded import Recorded
from services.runtime.rejection import Unavailable
from services.runtime.store import EventStore
from tests.node import Node
from tests.readmodels import following
from tests.resources import history

Rows = dict[str, list[tuple[Any, ...]]]
ACTS = [
    *history.of_units(),
    *history.of_places(),
    *history.of_stocks(),
    *history.of_requests(),
    *history.of_forces(),
    *history.of_shelters(),
    *history.of_relief(),
    *history.of_sites(),
    *history.of_landing_points(),
    *history.of_experts(),
    *history.of_relief(),
]
SHOWN = (
    units,
    depots,
    stocks,
    lots,
    stock_alarms,
    transfers,
    supply_requests,
    forces,
    shelters,
    households,
    shelter_needs,
    reliefs,
    risk_sites,
    landing_points,
    experts,
    devices,
    hazard_areas,
    plots,
)


@pytest.fixture(scope="module")
def quiet_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Return a node to which nobody writes but these tests, the same history all of them."""
    node = Node.start(tmp_path_factory.mktemp("quiet"))
    try:
        yield node
    finally:
        node.stop()


@pytest.fixture
async def night(quiet_node: Node) -> AsyncIterator[EventStore]:
    async with connected(quiet_node) as store:
        yield store


@asynccontextmanager
async def connected(node: Node) -> AsyncIterator[EventStore]:
    store = EventStore(node.uri)
    await store.connect()
    try:
        yield store
    finally:
        await store.close()


async def rows_at(store: EventStore, url: str, position: int) -> Rows:
    async with (
        following(RESOURCES, store, url) as model,
        model.read(min_position=position) as (connection, seen),
    ):
        assert seen.position == position
        return await dump(connection)


async def dump(connection: AsyncConnection) -> Rows:
    return {
        table.name: [
            tuple(row)
            for row in await connection.execute(select(table).order_by(*table.primary_key))
        ]
        for table in SHOWN
    }


def drop(file: Path) -> None:
    for left in file.parent.glob(f"{file.name}*"):
        left.unlink()


def folded(events: list[Recorded]) -> Rows:
    """Fold without a read model, on a plain connection."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        TABLES.create_all(connection)
        for event in events:
            apply(connection, event)
        rows = {
            table.name: [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in SHOWN
        }
    engine.dispose()
    return rows


async def logged(store: EventStore) -> list[Recorded]:
    return [event async for event in store.read_all(RESOURCES.categories)]


async def test_a_dropped_database_comes_back_row_for_row(night: EventStore, tmp_path: Path) -> None:
    position = await history.live(night, ACTS)
    file = tmp_path / "rows.db"
    url = f"sqlite+aiosqlite:///{file}"

    before = await rows_at(night, url, position)
    drop(file)
    after = await rows_at(night, url, position)

    assert before == after == folded(await logged(night))
    assert all(before.values())


async def test_a_model_that_was_stopped_halfway_goes_on_from_there(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}"
    node = Node.start(tmp_path / "node")
    try:
        async with connected(node) as store:
            await rows_at(store, url, await history.live(store, history.of_units()))
            whole = await history.live(store, history.of_stocks())
            resumed = await rows_at(store, url, whole)

            assert resumed == folded(await logged(store))
    finally:
        node.stop()


async def test_every_instant_of_the_past_can_be_read(night: EventStore, tmp_path: Path) -> None:
    position = await history.live(night, ACTS)
    events = await logged(night)

    async with following(RESOURCES, night, f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}") as model:
        await model.advanced(position - 1, 10)
        for count in range(1, len(events) + 1, 5):
            last = events[count - 1]
            then = [event for event in events if event.position <= last.position]
            async with model.read(as_of=AsOf(position=last.position)) as (connection, seen):
                assert seen.position == last.position
                assert await dump(connection) == folded(then)


async def test_a_read_does_not_answer_from_before_its_bound(
    night: EventStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.runtime.readmodel.WAIT_FOR_POSITION_S", 0.05)
    position = await history.live(night, ACTS)

    async with following(RESOURCES, night, f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}") as model:
        with pytest.raises(Unavailable, match="not here yet"):
            async with model.read(min_position=position + 1_000_000):
                pass


async def test_postgresql_has_the_same_rows(night: EventStore, postgres_url: str) -> None:
    position = await history.live(night, ACTS)

    rows = await rows_at(night, postgres_url, position)

    assert rows == folded(await logged(night))
