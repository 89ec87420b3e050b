"""Deadlines that survive a restart: the next one is always asked of the read model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

import structlog
from sqlalchemy import Column, ColumnElement, Connection, Table, case, or_, select, true

from services.runtime.handle import Written
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.store import StaleRevision
from services.runtime.times import of_micros

LOOK_AGAIN_S = 30.0
LOOK_EVERY_S = 0.25
"""The shortest deadline is a second: looking at every change would cost more than it finds."""
AFTER_A_REFUSAL_S = 0.2

IN_AN_EXERCISE_AT_ONCE = 0
"""When what has come by an exercise's own clock is due on the wall."""

log = structlog.get_logger()


Due = tuple[datetime, str]


def first_due(
    connection: Connection,
    clocks: Table,
    at: Column[Any],
    exercise: Column[str],
    *key: Column[Any],
    where: ColumnElement[bool] | None = None,
) -> Due | None:
    """Return when the row whose instant ``at`` comes first is due, and its ``key``, or None.

    ``clocks`` has the ``time`` in each ``exercise`` that has a clock of its own: there that says
    which have come, and those are due at once.  The columns of the key are joined with slashes.
    """
    clock = clocks.c
    due_at = case((clock.time.is_not(None), IN_AN_EXERCISE_AT_ONCE), else_=at).label("due_at")
    statement = (
        select(due_at, *key)
        .outerjoin(clocks, clock.exercise == exercise)
        .where(at.is_not(None), true() if where is None else where)
        .where(or_(clock.time.is_(None), at <= clock.time))
        .order_by(due_at, at, *key)
        .limit(1)
    )
    row = connection.execute(statement).first()
    moment = None if row is None else of_micros(row.due_at)
    return None if row is None or moment is None else (moment, "/".join(map(str, row[1:])))


@dataclass(frozen=True, slots=True)
class Alarm:
    """Deadlines of one kind.

    ``next_due`` reads the earliest open deadline; ``ring(key, due)`` records that its time has
    come.  A deadline stays open until an event closes it, so one that came while nobody was running
    rings at the next start.
    """

    next_due: Callable[[Connection], Due | None]
    ring: Callable[[str, datetime], Awaitable[Written]]


class Alarms:
    """All deadlines that one read model knows: one look at its rows serves every kind."""

    def __init__(self, model: ReadModel, alarms: Sequence[Alarm]) -> None:
        self._model = model
        self._alarms = alarms

    async def run(self, now: Callable[[], datetime]) -> NoReturn:
        """Ring each deadline when its time has come, for ever.

        Kinds ring beside each other, that none waits for what another kind has to ask; deadlines
        of one kind ring in the order in which they fall due.
        """
        await self._model.caught_up.wait()
        ringing: set[Alarm] = set()

        async def ring(alarm: Alarm, found: Due) -> None:
            try:
                await self._ring(alarm, found, now)
            finally:
                ringing.discard(alarm)

        async with asyncio.TaskGroup() as group:
            while True:
                seen = self._model.seen.position
                wait_s = LOOK_AGAIN_S
                quiet = [alarm for alarm in self._alarms if alarm not in ringing]
                for alarm, found in zip(quiet, await self._look(quiet), strict=True):
                    if found is None:
                        continue
                    until_s = (found[0] - now()).total_seconds()
                    if until_s <= 0:
                        ringing.add(alarm)
                        group.create_task(ring(alarm, found))
                    else:
                        wait_s = min(wait_s, until_s)
                first_s = min(wait_s, LOOK_EVERY_S)
                await asyncio.sleep(first_s)
                if not ringing:
                    await self._model.advanced(seen, wait_s - first_s)

    async def _ring(self, alarm: Alarm, found: Due | None, now: Callable[[], datetime]) -> None:
        """Ring all that is due of one kind."""
        while found is not None and found[0] <= now():
            seen = self._model.seen.position
            due, key = found
            try:
                written = await alarm.ring(key, due)
                if written.position > seen:
                    await self._model.advanced(written.position - 1, LOOK_AGAIN_S)
                else:  # nothing was written: the rows know already, or will when they move on
                    await self._model.advanced(seen, AFTER_A_REFUSAL_S)
            except (Unavailable, StaleRevision) as later:
                log.warning("alarm not heard", key=key, why=str(later))
                await asyncio.sleep(1)
            except Rejection as closed:  # the deadline was met in the meantime
                log.info("alarm answered already", key=key, reason=closed.reason)
                await self._model.advanced(seen, AFTER_A_REFUSAL_S)
            [found] = await self._look([alarm])

    async def ring_all(self, position: int, now: datetime) -> int:
        """Ring every deadline that is due in rows no older than ``position``; return how far.

        Raises Unavailable when rows or store stay behind.
        """
        for alarm in self._alarms:
            while True:
                seen = self._model.seen.position
                [found] = await self._look([alarm], position)
                if found is None or found[0] > now:
                    break
                try:
                    written = await alarm.ring(found[1], found[0])
                    position = max(position, written.position)
                except Rejection:  # it was met in the meantime: the rows will say so
                    await self._model.advanced(seen, AFTER_A_REFUSAL_S)
        return position

    async def _look(self, alarms: Sequence[Alarm], position: int = 0) -> list[Due | None]:
        found, _ = await self._model.snapshot(
            lambda connection, _: [alarm.next_due(connection) for alarm in alarms],
            min_position=position,
        )
        return found
