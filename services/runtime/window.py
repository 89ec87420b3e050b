"""A JetStream stream whose last messages are together a whole picture of what changes too often.

For what is worth no event each: a writer says again what is about to fall out of the stream, so
that whoever reads it from its first message knows everything, and then hears what is new.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

import nats.errors
import structlog
from nats.errors import ConnectionClosedError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from services.runtime import broker
from services.runtime.cancellation import heed_cancellation

log = structlog.get_logger()

ANSWER_SECONDS, FETCH_SECONDS, PAUSE_SECONDS = 2.0, 1.0, 0.3
FETCHED = 64
SILENCES = 3
FORGOTTEN_AFTER_S = 30.0
"""A reader that is gone is forgotten by the broker."""


async def ensure(
    js: JetStreamContext, stream: str, subject: str, *, messages: int, replicas: int = 1
) -> None:
    """Create the stream that keeps the last ``messages`` on one subject."""
    await broker.ensure_stream(
        js, stream, [subject], replicas=replicas, erasable=True, keep=messages
    )


async def say(js: JetStreamContext, subject: str, payload: bytes) -> int:
    """Add a message and return its sequence.  Raises what `unsaid` lists; it may be there yet."""
    ack = await js.publish(subject, payload, timeout=ANSWER_SECONDS)
    return int(ack.seq)


UNSAID = (nats.errors.Error, TimeoutError, OSError)
"""What `say` raises while the broker is away; a broker's own refusal is one of them too."""


async def follow(
    js: JetStreamContext,
    stream: str,
    take: Callable[[int, bytes], None],
    caught_up: Callable[[], None] = lambda: None,
) -> NoReturn:
    """Hand every message to ``take`` with its sequence, from the first that is there, for ever.

    ``caught_up`` is called once the picture is whole, and again after each interruption.  A stream
    that does not exist yet is waited for.  Only a client that was closed for good ends it.
    """
    after = 0
    while True:
        heed_cancellation()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                last = (await js.stream_info(stream)).state.last_seq
            if last < after:  # the broker lost its disk: what it holds now is all there is
                after = 0
            after = await _read(js, stream, after, last, take, caught_up)
        except ConnectionClosedError:
            raise
        except NotFoundError:
            pass
        except UNSAID as failure:
            log.warning("window.waiting", stream=stream, error=repr(failure))
        await asyncio.sleep(PAUSE_SECONDS)


async def _read(
    js: JetStreamContext,
    stream: str,
    after: int,
    last: int,
    take: Callable[[int, bytes], None],
    caught_up: Callable[[], None],
) -> int:
    """Read until the broker is silent about messages that it has; return the last sequence."""
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=after + 1,
        ack_policy=AckPolicy.NONE,
        inactive_threshold=FORGOTTEN_AFTER_S,
        mem_storage=True,
        num_replicas=1,
    )
    subscription = await js.pull_subscribe("", stream=stream, config=config)
    silences, waiting = 0, True
    try:
        while True:
            heed_cancellation()
            if waiting and after >= last:
                waiting = False
                caught_up()
            try:
                messages = await subscription.fetch(FETCHED, timeout=FETCH_SECONDS)
            except TimeoutError:
                silences += 1
                if silences % SILENCES == 0:
                    info = await js.stream_info(stream)
                    if info.state.last_seq != after:
                        return after
                continue
            silences = 0
            for message in messages:
                after = message.metadata.sequence.stream
                take(after, message.data)
    finally:
        with suppress(nats.errors.Error):
            await subscription.unsubscribe()


__all__: Sequence[str] = ["UNSAID", "ensure", "follow", "say"]
