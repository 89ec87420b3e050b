"""The connection to NATS, and the streams that must be there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from random import SystemRandom
from typing import Any

import nats
import structlog
from nats.aio.client import Client
from nats.errors import NoRespondersError
from nats.js.api import StorageType, StreamConfig
from nats.js.client import JetStreamContext
from nats.js.errors import BadRequestError, ServiceUnavailableError
from tenacity import retry, retry_if_exception_type, wait_random_exponential

log = structlog.get_logger()

JetStream = JetStreamContext

DUPLICATE_WINDOW_SECONDS = 120
IN_USE_WITH_ANOTHER_CONFIGURATION = 10058

# Outside `anlan.`: JetStream refuses two streams whose subjects could meet, and
# `anlan.*.incident.>` would meet `anlan.parked.>`.
PARKED = "parked"


async def connect(url: str, name: str) -> Client:
    """Return a client that never gives up, whether the broker is away now or later."""
    said: tuple[str, str] | None = None

    def say(event: str, error: str = "") -> None:
        nonlocal said
        if said != (event, error):  # an absent broker fails several times a second
            said = (event, error)
            log.warning(event, client=name, error=error)

    async def failed(error: Exception) -> None:
        say("broker.failing", repr(error))

    async def lost() -> None:
        say("broker.lost")

    async def back() -> None:
        say("broker.back")

    async def closed() -> None:
        say("broker.closed")

    # With no limit on attempts nats-py retries the first connection as it does all others.
    return await nats.connect(
        url,
        name=name,
        allow_reconnect=True,
        max_reconnect_attempts=-1,
        reconnect_time_wait=SystemRandom().uniform(0.1, 0.4),
        connect_timeout=2,
        ping_interval=5,
        max_outstanding_pings=2,
        error_cb=failed,
        disconnected_cb=lost,
        reconnected_cb=back,
        closed_cb=closed,
    )


async def while_connected(
    url: str, name: str, tasks: Callable[[JetStreamContext], Sequence[Coroutine[Any, Any, None]]]
) -> None:
    """Connect, however long it takes, and run ``tasks`` beside each other until cancelled.

    Who calls a service is served meanwhile, whether or not the broker is there.
    """
    client = await connect(url, name)
    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks(client.jetstream()):
                group.create_task(task)
    finally:
        await client.close()


@retry(
    retry=retry_if_exception_type((TimeoutError, NoRespondersError, ServiceUnavailableError)),
    wait=wait_random_exponential(multiplier=0.1, max=5),
)
async def ensure_stream(
    js: JetStreamContext,
    name: str,
    subjects: Sequence[str],
    *,
    replicas: int = 1,
    erasable: bool = False,
    keep: int = 0,
) -> None:
    """Create the stream, or bring its subjects up to date; an operator's other changes stay.

    It keeps the last ``keep`` messages; 0 is all of them.

    A stream of events is not ``erasable``: its last message is where the relay resumes, and
    with that gone the relay would publish all of history again.
    """
    ours = {
        "subjects": list(subjects),
        "allow_atomic": True,
        "duplicate_window": DUPLICATE_WINDOW_SECONDS,
        "deny_delete": not erasable,
        "deny_purge": not erasable,
        "max_msgs": keep or -1,
    }
    config = StreamConfig(name=name, storage=StorageType.FILE, num_replicas=replicas)
    try:
        await js.add_stream(config.evolve(**ours))
    except BadRequestError as refusal:
        if refusal.err_code != IN_USE_WITH_ANOTHER_CONFIGURATION:
            raise
        present = (await js.stream_info(name)).config
        await js.update_stream(present.evolve(**ours))


async def ensure_parking(js: JetStreamContext, name: str, *, replicas: int = 1) -> None:
    """Create the stream of what no reaction could digest; an operator empties it by hand."""
    await ensure_stream(js, name, [f"{PARKED}.>"], replicas=replicas, erasable=True)
