"""A JetStream stream whose last messages are together a whole picture of what changes too often.

For what is worth no event each: a writer says again what is about to fall out of the stream, so
that whoever reads it from its first message knows everything, and then hears what is new.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
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
OUTAGES = (nats.errors.Error, TimeoutError, OSError)


async def ensure(
    js: JetStreamContext, stream: str, subject: str, *, messages: int, replicas: int = 1
) -> None:
    """Create the stream that keeps the last ``messages`` on one subject."""
    await broker.ensure_stream(
        js, stream, [subject], replicas=replicas, erasable=True, keep=messages
    )


class Unsaid(Exception):
    """The broker is away, or refuses: the message may be there all the same."""


async def say(js: JetStreamContext, subject: str, payload: bytes) -> None:
    """Add a message.  Raises Unsaid; only a client that was closed for good raises otherwise."""
    try:
        await js.publish(subject, payload, timeout=ANSWER_SECONDS)
    except ConnectionClosedError:
        raise
    except OUTAGES as failure:
        raise Unsaid(repr(failure)) from failure


async def follow(
    js: JetStreamContext,
    stream: str,
    take: Callable[[int, bytes], None],
    caught_up: Callable[[], None] = lambda: None,
    lost: Callable[[], None] = lambda: None,
) -> NoReturn:
    """Hand every message to ``take`` with its sequence, from the first that is there, for ever.

    ``caught_up`` is called once the picture is whole, and again after each interruption; ``lost``
    when the broker has lost what was read, and what it holds now is read from its first message.
    A stream that does not exist yet is waited for.  Only a client that was closed for good ends it.
    """
    reader = _Reader(js, stream, take, caught_up)
    while True:
        heed_cancellation()
        try:
            if reader.after > await reader.last():
                reader.after = 0
                lost()
            await reader.read()
        except ConnectionClosedError:
            raise
        except OUTAGES as failure:
            log.warning("window.waiting", stream=stream, error=repr(failure))
        await asyncio.sleep(PAUSE_SECONDS)


@dataclass(slots=True)
class _Reader:
    js: JetStreamContext
    stream: str
    take: Callable[[int, bytes], None]
    caught_up: Callable[[], None]
    after: int = 0

    async def last(self) -> int:
        """Return the last sequence; 0 where the stream is not there (any more)."""
        async with asyncio.timeout(ANSWER_SECONDS):
            try:
                return int((await self.js.stream_info(self.stream)).state.last_seq)
            except NotFoundError:
                return 0

    async def read(self) -> None:
        """Read until the broker is silent about messages that it has, or has lost them."""
        last = await self.last()
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self.after + 1,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=FORGOTTEN_AFTER_S,
            mem_storage=True,
            num_replicas=1,
        )
        subscription = await self.js.pull_subscribe("", stream=self.stream, config=config)
        silences, catching_up = 0, True
        try:
            while True:
                heed_cancellation()
                if catching_up and self.after >= last:
                    catching_up = False
                    self.caught_up()
                try:
                    messages = await subscription.fetch(FETCHED, timeout=FETCH_SECONDS)
                except TimeoutError:
                    silences += 1
                    if silences % SILENCES == 0 and await self.last() != self.after:
                        return
                    continue
                for message in messages:
                    self.take(message.metadata.sequence.stream, message.data)
                    self.after = message.metadata.sequence.stream
        finally:
            with suppress(nats.errors.Error):
                await subscription.unsubscribe()
