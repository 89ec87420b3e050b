from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.postgres import Absent, Postgres


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


@pytest.fixture
async def postgres_url(postgres: Postgres) -> str:
    """Name an empty database."""
    engine = create_async_engine(postgres.url)
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
    await engine.dispose()
    return postgres.url
