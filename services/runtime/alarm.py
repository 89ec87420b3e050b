"""Deadlines that survive a restart: the next one is always asked of the read model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Alarm:
    """Deadlines of one kind.

    ``next_due`` reads the earliest open deadline; ``ring(key, due)`` records that its time has
    come.  A deadline stays open until an event closes it, so one that came while nobody was running
    rings at the next start.
    """

    model: ReadModel
    next_due: Callable[[AsyncConnection], Awaitable[tuple[datetime, str] | None]]
    ring: Callable[[str, datetime], Awaitable[Written]]

    async def run(self, now: Callable[[], datetime]) -> None:
        """Ring each deadline when its time has come, for ever."""
        await self.model.caught_up.wait()
        while True:
            seen = self.model.seen.position
            async with self.model.read() as (connection, _):
                found = await self.next_due(connection)
            wait_s = LOOK_AGAIN_S if found is None else (found[0] - now()).total_seconds()
            if found is None or wait_s > 0:
                await self.model.advanced(seen, min(wait_s, LOOK_AGAIN_S))
                await asyncio.sleep(max(0, min(wait_s, LOOK_EVERY_S)))
                continue
            due, key = found
            try:
                written = await self.ring(key, due)
                if written.position > seen:
                    await self.model.advanced(written.position - 1, LOOK_AGAIN_S)
                else:  # nothing was written: the rows know already, or will when they move on
                    await self.model.advanced(seen, AFTER_A_REFUSAL_S)
            except (Unavailable, StaleRevision) as later:
                log.warning("alarm not heard", key=key, why=str(later))
                await asyncio.sleep(1)
            except Rejection as closed:  # the deadline was met in the meantime
                log.info("alarm answered already", key=key, reason=closed.reason)
                await self.model.advanced(seen, AFTER_A_REFUSAL_S)

    async def ring_all(self, position: int, now: datetime) -> int:
        """Ring every deadline that is due in rows no older than ``position``; return how far.

        Raises Unavailable when rows or store stay behind.
        """
        while True:
            async with self.model.read(min_position=position) as (connection, seen):
                found = await self.next_due(connection)
            if found is None or found[0] > now:
                return position
            try:
                written = await self.ring(found[1], found[0])
                position = max(position, written.position)
            except Rejection:  # it was met in the meantime: the rows will say so
                await self.model.advanced(seen.position, AFTER_A_REFUSAL_S)
