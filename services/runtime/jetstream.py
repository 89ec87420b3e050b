"""Appending to a JetStream stream at an end that is known, and at no other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex

from nats.js.api import Header
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, NotFoundError

from services.runtime.published import POSITION

ANSWER_SECONDS = 2.0
# A batch costs 3.7 ms however short it is, a message by itself 0.5 ms.
WORTH_A_BATCH = 8
WRONG_LAST_SEQUENCE = 10071

Message = tuple[str, bytes, dict[str, str]]


class Fenced(Exception):
    """The stream does not end where we thought: somebody else wrote to it."""


@dataclass(frozen=True, slots=True)
class End:
    """The last sequence of a JetStream stream, and how far into the event store it reaches."""

    sequence: int
    position: int | None


async def read_end(js: JetStreamContext, stream: str) -> End:
    """Return both as of one instant: the last sequence is read first and then only its message."""
    async with asyncio.timeout(ANSWER_SECONDS):  # a request that died with its connection
        state = (await js.stream_info(stream)).state
    for sequence in range(state.last_seq, max(state.first_seq, 1) - 1, -1):
        with suppress(NotFoundError):
            carried = (await js.get_msg(stream, sequence)).headers or {}
            if POSITION in carried:
                return End(state.last_seq, int(carried[POSITION]))
    return End(state.last_seq, None)


async def publish(js: JetStreamContext, messages: Sequence[Message], after: int) -> int:
    """Append ``messages`` right after sequence ``after`` and return the new last sequence.

    After an exception, a timeout included, some prefix of them may or may not be stored.
    """
    if len(messages) >= WORTH_A_BATCH:
        return await _publish_batch(js, messages, after)
    for subject, payload, headers in messages:
        fence = {Header.EXPECTED_LAST_SEQUENCE.value: str(after)}
        await _publish_acknowledged(js, (subject, payload, headers | fence), after + 1)
        after += 1
    return after


async def _publish_batch(js: JetStreamContext, messages: Sequence[Message], after: int) -> int:
    batch, last = token_hex(8), after + len(messages)
    for number, (subject, payload, headers) in enumerate(messages, 1):
        place = {Header.BATCH_ID.value: batch, Header.BATCH_SEQUENCE.value: str(number)}
        if number == 1:
            place[Header.EXPECTED_LAST_SEQUENCE.value] = str(after)
        if number == len(messages):
            place[Header.BATCH_COMMIT.value] = "1"
            await _publish_acknowledged(js, (subject, payload, headers | place), last)
        else:
            # Only the commit is answered for, and JetStreamContext has no way not to wait.
            await js._nc.publish(subject, payload, headers=headers | place)  # noqa: SLF001
    return last


async def _publish_acknowledged(js: JetStreamContext, message: Message, sequence: int) -> None:
    subject, payload, headers = message
    try:
        ack = await js.publish(subject, payload, timeout=ANSWER_SECONDS, headers=headers)
    except APIError as refusal:
        if refusal.err_code == WRONG_LAST_SEQUENCE:
            raise Fenced from refusal
        raise
    # The broker answers for a message id that it knows with the sequence it had at the time.
    if ack.duplicate or ack.seq != sequence:
        raise Fenced
