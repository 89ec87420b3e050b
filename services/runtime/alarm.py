"""Deadlines that survive a restart: the next one is always asked of the read model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.handle import Written
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.store import StaleRevision

LOOK_AGAIN_S = 30.0
LOOK_EVERY_S = 0.25
"""The shortest deadline is a second: looking at every change would cost more than it finds."""
AFTER_A_REFUSAL_S = 0.2

log = structlog.get_logger()


async def ring_when_due(
    model: ReadModel,
    next_due: Callable[[AsyncConnection], Awaitable[tuple[datetime, str] | None]],
    ring: Callable[[str, datetime], Awaitable[Written]],
    now: Callable[[], datetime],
) -> None:
    """Call ``ring(key, due)`` for each deadline when its time has come, for ever.

    ``next_due`` reads the earliest open deadline.  A deadline stays open until an event closes it,
    so one that came while nobody was running rings at the next start.
    """
    await model.caught_up.wait()
    while True:
        seen = model.seen.position
        async with model.read() as (connection, _):
            found = await next_due(connection)
        wait_s = LOOK_AGAIN_S if found is None else (found[0] - now()).total_seconds()
        if found is None or wait_s > 0:
            await model.advanced(seen, min(wait_s, LOOK_AGAIN_S))
            await asyncio.sleep(max(0, min(wait_s, LOOK_EVERY_S)))
            continue
        due, key = found
        try:
            written = await ring(key, due)
            if written.position > seen:
                await model.advanced(written.position - 1, LOOK_AGAIN_S)
            else:  # nothing was written: the rows know already, or will when they move on
                await model.advanced(seen, AFTER_A_REFUSAL_S)
        except (Unavailable, StaleRevision) as later:
            log.warning("alarm not heard", key=key, why=str(later))
            await asyncio.sleep(1)
        except Rejection as closed:  # the deadline was met in the meantime
            log.info("alarm answered already", key=key, reason=closed.reason)
            await model.advanced(seen, AFTER_A_REFUSAL_S)
