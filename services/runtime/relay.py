"""From the event store to JetStream: every public event once, in order, whatever dies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import SystemRandom

import nats.errors
import structlog
from nats.errors import ConnectionClosedError
from nats.js.client import JetStreamContext

from services.runtime.cancellation import heed_cancellation
from services.runtime.jetstream import Fenced, Message, publish, read_end
from services.runtime.published import Publication, headers
from services.runtime.recorded import Recorded

__all__ = ["Publication", "relay"]

log = structlog.get_logger()

STAND_BACK_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 5.0
BATCH = 500
# One that comes alone goes at once; close on another it waits for company, because a message of
# its own costs the machine ten times what it costs in a batch.
GATHER_SECONDS = 0.01


class Dropped(Exception):
    """The subscription to the event store ended."""


OUTAGES = (nats.errors.Error, OSError, Dropped)
Waiting = asyncio.Queue[Recorded | Exception]


async def relay(
    *,
    subscribe: Callable[[int | None], AsyncIterator[object]],
    public: Callable[[Recorded], Publication | None],
    js: JetStreamContext,
    stream: str,
    source: str,
) -> None:
    """Publish for ever, resuming after the position that the stream's own last message carries.

    Every failure has one answer: read the end of the stream again and go on from there.  Each
    publication names the sequence that it must follow, so neither a second relay, nor a message
    that was thought lost and arrives late, can put anything in twice or out of order.
    ``subscribe`` yields what comes after a position; anything but a `Recorded` is passed over.
    Only a client that was closed for good ends the relay.
    """

    def messages(events: list[Recorded], after: int | None) -> list[Message]:
        translated = [(e, public(e)) for e in events if after is None or e.position > after]
        return [(p.subject, p.payload, headers(e, p, source)) for e, p in translated if p]

    failures = 0
    while True:
        try:
            heed_cancellation()
            end = await read_end(js, stream)
            sequence, published_at = end.sequence, 0.0
            async with _reading(subscribe(end.position)) as waiting:
                ended = None
                while ended is None:
                    heed_cancellation()
                    # After a failure one at a time, in case it is the batch that is refused.
                    limit = 1 if failures else BATCH
                    events, ended = await _take(waiting, limit, published_at + GATHER_SECONDS)
                    sequence = await publish(js, messages(events, end.position), sequence)
                    published_at = time.monotonic()
                    failures = 0 if events else failures
                raise ended  # noqa: TRY301  # one place decides how long to wait
        except ConnectionClosedError:
            raise
        except Fenced:
            log.info("relay.fenced", stream=stream)
            await asyncio.sleep(_jittered(STAND_BACK_SECONDS))
        except Exception as failure:
            failures += 1
            log.warning(
                "relay.interrupted",
                stream=stream,
                failures=failures,
                error=repr(failure),
                exc_info=None if isinstance(failure, OUTAGES) else failure,
            )
            await asyncio.sleep(_jittered(min(0.05 * 2 ** min(failures, 8), LONGEST_WAIT_SECONDS)))


def _jittered(seconds: float) -> float:
    return seconds * SystemRandom().uniform(0.5, 1.5)


@asynccontextmanager
async def _reading(events: AsyncIterator[object]) -> AsyncIterator[Waiting]:
    """Yield a queue that fills while we publish; its last item says why there are no more."""
    waiting: Waiting = asyncio.Queue(2 * BATCH)

    async def read() -> None:
        ended: Exception = Dropped("the subscription ended")
        try:
            async for event in events:
                if isinstance(event, Recorded):
                    await waiting.put(event)
        except Exception as failure:  # noqa: BLE001  # raised again by whom it concerns
            ended = failure
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()
        heed_cancellation()
        await waiting.put(ended)

    reader = asyncio.create_task(read())
    try:
        yield waiting
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


async def _take(
    waiting: Waiting, limit: int, not_before: float
) -> tuple[list[Recorded], Exception | None]:
    """Return what waits at ``not_before``, at least one item, and why it was the last if it was."""
    events: list[Recorded] = []
    while len(events) < limit and not (events and waiting.empty()):
        item = await waiting.get()
        if isinstance(item, Exception):
            return events, item
        events.append(item)
        if limit > 1 and (early := not_before - time.monotonic()) > 0:
            await asyncio.sleep(early)
    return events, None
