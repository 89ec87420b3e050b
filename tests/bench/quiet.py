"""A path is measured once what it was prepared with disturbs no more."""

from __future__ import annotations

import asyncio

import nats

from tests.suite import RunningSuite

WAIT_S, LOOK_EVERY_S = 180.0, 0.2


async def all_heard(suite: RunningSuite) -> None:
    """Wait until every consumer of the broker has done what it was told to."""
    client = await nats.connect(f"nats://{suite.ports.address('nats')}")
    manager = client.jetstream()
    async with asyncio.timeout(WAIT_S):
        while True:
            consumers = [
                consumer
                for stream in await manager.streams_info()
                if stream.config.name is not None
                for consumer in await manager.consumers_info(stream.config.name)
            ]
            if not any(one.num_pending or one.num_ack_pending for one in consumers):
                break
            await asyncio.sleep(LOOK_EVERY_S)
    await client.close()
