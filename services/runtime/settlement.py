"""What becomes of a message: acknowledged, tried again, or parked for a person to look at."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote

import grpc
import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import Header
from nats.js.client import JetStreamContext

from services.runtime.broker import PARKED
from services.runtime.cancellation import cancelled, heed_cancellation
from services.runtime.published import PLAIN, received
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection, Unavailable

log = structlog.get_logger()

REACT_SECONDS, PARK_SECONDS = 15.0, 5.0
PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Delivered:
    """``event`` has the public type and payload, and the envelope of the private event."""

    event: Recorded
    subject: str
    deliveries: int


React = Callable[[Delivered], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Settlement:
    """``excused`` counts, by sequence, the tries that failed through no fault of the message.

    A restart forgets them, so that after an outage a message may be parked at its first fault.
    """

    js: JetStreamContext
    durable: str
    react: React
    max_deliver: int
    backoff: Sequence[float]
    excused: Counter[int] = field(default_factory=Counter)

    async def settle(self, message: Msg) -> None:
        try:
            heed_cancellation()
            event = received(message.headers or {}, message.data)
            async with asyncio.timeout(REACT_SECONDS):
                await self.react(Delivered(event, message.subject, message.metadata.num_delivered))
        except asyncio.CancelledError as failure:
            if cancelled():
                with suppress(nats.errors.Error):
                    await message.nak()  # whoever comes next need not wait for `ack_wait`
                raise
            await self._excuse(message, failure)  # a call within was cancelled, not we
        except Exception as failure:  # noqa: BLE001  # the message must not end the inbox
            await self._judge(message, failure)
        else:
            await self._done(message)

    async def _judge(self, message: Msg, failure: Exception) -> None:
        told = log.bind(durable=self.durable, subject=message.subject, error=repr(failure))
        if _passing(failure):
            await self._excuse(message, failure)
        elif isinstance(failure, Rejection):
            told.warning("inbox.refused", reason=failure.reason, context=failure.context)
            await self._done(message)
        elif self._tries(message) < self.max_deliver:
            told.error("inbox.failed", tries=self._tries(message), exc_info=failure)
            await self._retry(message)
        else:
            told.error("inbox.parked", tries=self._tries(message), exc_info=failure)
            await self._park(message, failure)

    def _tries(self, message: Msg) -> int:
        delivered = message.metadata
        return delivered.num_delivered - self.excused[delivered.sequence.stream]

    async def _done(self, message: Msg) -> None:
        self.excused.pop(message.metadata.sequence.stream, None)
        await message.ack()

    async def _excuse(self, message: Msg, failure: BaseException) -> None:
        self.excused[message.metadata.sequence.stream] += 1
        log.warning("inbox.later", durable=self.durable, error=repr(failure))
        await self._retry(message)

    async def _retry(self, message: Msg) -> None:
        step = min(message.metadata.num_delivered, len(self.backoff)) - 1
        await message.nak(self.backoff[step])

    async def _park(self, message: Msg, failure: Exception) -> None:
        original = message.headers or {}
        headers = {k: v for k, v in original.items() if not k.lower().startswith("nats-")}
        headers["anlan-parked-reason"] = quote(repr(failure)[:LONGEST_REASON], safe=PLAIN)
        if "ce-id" in headers:
            headers[Header.MSG_ID.value] = f"{self.durable}.{headers['ce-id']}"
        subject = f"{PARKED}.{self.durable}.{message.subject}"
        try:
            await self.js.publish(subject, message.data, timeout=PARK_SECONDS, headers=headers)
        except (nats.errors.Error, OSError) as refusal:
            log.error("inbox.not_parked", subject=subject, error=repr(refusal))  # noqa: TRY400
            await self._retry(message)
            return
        self.excused.pop(message.metadata.sequence.stream, None)
        await message.term()


def _passing(failure: Exception) -> bool:
    """Whether the same message may do better later, with no change to it or to the code."""
    if isinstance(failure, grpc.aio.AioRpcError):
        return failure.code() in PASSING
    return isinstance(failure, (Unavailable, TimeoutError, ConnectionError))
