"""Read models that run beside a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.runtime.projection import Projection
from services.runtime.readmodel import ReadModel
from services.runtime.store import EventStore


@asynccontextmanager
async def following(
    projection: Projection, store: EventStore, url: str
) -> AsyncIterator[ReadModel]:
    """Run a read model until the block ends."""
    model = ReadModel(projection, store, url)
    await model.open()
    running = asyncio.create_task(model.run())
    try:
        yield model
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await model.close()
