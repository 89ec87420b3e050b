"""From JetStream to a reaction: at least once, acknowledged after the effect."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import nats.errors
import structlog
from nats.errors import ConnectionClosedError
from nats.js.api import ConsumerConfig
from nats.js.client import JetStreamContext

from services.runtime.cancellation import heed_cancellation
from services.runtime.settlement import REACT_SECONDS, Delivered, React, Settlement

__all__ = ["Delivered", "inbox"]

log = structlog.get_logger()

# A reaction that hangs is given up before the broker hands its message to somebody else.
ACK_WAIT_SECONDS = REACT_SECONDS + 5
FETCH_SECONDS, PAUSE_SECONDS = 1.0, 0.3
SILENCES = 3
BACKOFF = (0.2, 1.0, 3.0, 10.0, 30.0)


async def inbox(
    *,
    js: JetStreamContext,
    stream: str,
    durable: str,
    subjects: Sequence[str],
    react: React,
    max_deliver: int = 8,
    backoff: Sequence[float] = BACKOFF,
    concurrency: int = 1,
) -> None:
    """React for ever to each message on ``subjects``; ``react`` must be idempotent by event id.

    One at a time and in order, but a message that has to wait for its next try is overtaken;
    with ``concurrency`` several at once, in no order.  ``react`` settles a message by returning
    or by raising a `Rejection`.  What is out of reach for the moment is tried for ever, anything
    else ``max_deliver`` times, and then the message is parked.
    A subject added under the same ``durable`` brings new messages only.
    Only a client that was closed for good ends the inbox.
    """
    config = ConsumerConfig(
        durable_name=durable,
        filter_subjects=list(subjects),
        ack_wait=ACK_WAIT_SECONDS,
        max_deliver=-1,  # the broker would drop silently what a crash kept from being parked
    )
    settlement = Settlement(js, durable, react, max_deliver, backoff)
    async with asyncio.TaskGroup() as workers:
        for _ in range(concurrency):
            workers.create_task(_work(js, stream, config, settlement))


async def _work(
    js: JetStreamContext, stream: str, config: ConsumerConfig, settlement: Settlement
) -> NoReturn:
    while True:
        heed_cancellation()
        try:
            await js.add_consumer(stream, config)
            await _read(js, stream, config, settlement)
        except ConnectionClosedError:
            raise
        except (nats.errors.Error, OSError) as failure:
            log.warning("inbox.waiting", stream=stream, error=repr(failure))
        await asyncio.sleep(PAUSE_SECONDS)


async def _read(
    js: JetStreamContext, stream: str, config: ConsumerConfig, settlement: Settlement
) -> None:
    """Settle messages until the broker is silent about some that it has."""
    subscription = await js.pull_subscribe_bind(durable=config.durable_name, stream=stream)
    silences = 0
    try:
        while True:
            heed_cancellation()
            try:
                # One only: what a dead process had fetched comes late and out of order.
                [message] = await subscription.fetch(1, timeout=FETCH_SECONDS)
            except TimeoutError:
                silences += 1
                if silences % SILENCES == 0 and (await subscription.consumer_info()).num_pending:
                    return
            else:
                await settlement.settle(message)
    finally:
        with suppress(nats.errors.Error):
            await subscription.unsubscribe()
