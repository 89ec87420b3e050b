"""Sends what is pending: what is due is asked of the read model, so that a restart loses none."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, select
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from services.notify.channels import TIMEOUT_S, Outgoing, Send, Undelivered
from services.notify.domain import contact, matter, notification
from services.notify.domain.contact import Channel
from services.notify.domain.notification import Persistence, Urgency
from services.notify.projections import NOTIFICATIONS
from services.notify.rulebook import Manner
from services.runtime.actor import NATION, Actor
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler, Written
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.store import StaleRevision
from services.runtime.times import micros, of_micros

# A channel that hangs, the mail server for one, takes no slot of another; an address that hangs
# takes eight of its channel's.  What is most urgent waits for no slot.
SLOTS, SLOTS_OF_ADDRESS = 64, 8
LEASE = timedelta(seconds=30)  # well over the longest attempt
LOOK_AGAIN_S, PAUSE_S, FINISH_S = 30.0, 1.0, 3.0
LONGEST_ERROR = 500
SELF = Actor(subject="notify", roles=("service",), jurisdiction=NATION)

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One channel's worker: the most urgent first, then what is due first.

    ``new_id`` names claims: two processes must not share one.
    """

    channel: Channel
    senders: Mapping[Channel, Send]
    model: ReadModel
    contacts: CommandHandler[contact.Command, contact.State, contact.Event]
    notifications: CommandHandler[notification.Command, notification.State, notification.Event]
    matters: CommandHandler[matter.Command, matter.State, matter.Event]
    persistence: Persistence
    urgencies: Mapping[Urgency, Manner]
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    lease: timedelta = LEASE
    _under_way: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _busy: Counter[str] = field(default_factory=Counter)
    _ending: bool = False

    async def run(self) -> None:
        """Deliver for ever."""
        await self.model.caught_up.wait()
        try:
            while True:
                seen = self.model.seen.position
                due, next_due = await self._look()
                for row in due:
                    if self._free_for(row):
                        self._begin(row)
                await self._sleep(seen, next_due)
        finally:
            self._ending = True
            if tasks := list(self._under_way.values()):
                await asyncio.wait(tasks, timeout=FINISH_S)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self) -> tuple[list[Any], datetime | None]:
        """Return what is due, at most eight of one address, and when the next will be."""
        moment = micros(self.now())
        table = NOTIFICATIONS.c
        ours = (table.channel == self.channel, table.state == "pending")
        rank = func.row_number().over(
            partition_by=table.address,
            order_by=(table.rank, table.next_attempt_at, table.opened_position),
        )
        ranked = (
            select(NOTIFICATIONS, rank.label("turn"))
            .where(*ours, table.next_attempt_at <= moment)
            .subquery()
        )
        due = (
            select(ranked)
            .where(ranked.c.turn <= 2 * SLOTS_OF_ADDRESS)
            .order_by(ranked.c.rank, ranked.c.next_attempt_at, ranked.c.opened_position)
            .limit(16 * SLOTS)
        )
        later = select(func.min(table.next_attempt_at)).where(*ours, table.next_attempt_at > moment)
        async with self.model.read() as (connection, _):
            rows = list(await connection.execute(due))
            return rows, of_micros(await connection.scalar(later))

    def _free_for(self, row: Any) -> bool:
        if row.notification_id in self._under_way:
            return False
        return row.urgency == Urgency.FLASH or (
            len(self._under_way) < SLOTS and self._busy[row.address] < SLOTS_OF_ADDRESS
        )

    def _begin(self, row: Any) -> None:
        self._busy[row.address] += 1

        def ended(_: object) -> None:
            del self._under_way[row.notification_id]
            self._busy[row.address] -= 1
            if not self._busy[row.address]:
                del self._busy[row.address]

        task = asyncio.create_task(self._attempt(row))
        self._under_way[row.notification_id] = task
        task.add_done_callback(ended)

    async def _sleep(self, seen: int, next_due: datetime | None) -> None:
        """Wait for news, for the end of an attempt, or for the next to be due."""
        wait_s = LOOK_AGAIN_S
        if next_due is not None:
            wait_s = min(wait_s, max(0.0, (next_due - self.now()).total_seconds()))
        news = asyncio.create_task(self.model.advanced(seen, wait_s))
        try:
            await asyncio.wait(
                {news, *self._under_way.values()}, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            news.cancel()
            await asyncio.gather(news, return_exceptions=True)

    async def _attempt(self, row: Any) -> None:
        """Make one attempt, and return when the rows show what became of it."""
        seen = self.model.seen.position
        try:
            written = await self._send(row)
            if written is not None and not self._ending:
                await self.model.advanced(written.position - 1, LOOK_AGAIN_S)
        except (Unavailable, StaleRevision) as later:
            log.warning("delivery waits", notification_id=row.notification_id, why=str(later))
            await asyncio.sleep(PAUSE_S)
        except Rejection as settled:  # by another process, or by the person's answer
            log.info("nothing to send", notification_id=row.notification_id, reason=settled.reason)
            await self.model.advanced(seen, PAUSE_S)
        except Exception:  # one notification must not end the delivery of all others
            log.exception("delivery failed", notification_id=row.notification_id)
            await asyncio.sleep(PAUSE_S)

    async def _send(self, row: Any) -> Written | None:
        key = row.notification_id
        known, settled = await asyncio.gather(
            self.contacts.state(row.contact_id), self._settled(row.matter)
        )
        reached = contact.present(known)
        cause = Cause(
            command_id=self.new_id(),
            causation_id=row.event_id,
            correlation_id=row.incident_id or key,
            actor=SELF,
            exercise=row.exercise,
        )
        moment = self.now()
        claimed = await self.notifications.handle(
            key,
            notification.StartAttempt(
                contact=reached,
                settled=settled,
                persistence=self._persistence(row),
                lease=self.lease,
                now=moment,
            ),
            cause,
        )
        state = await self.notifications.state(key)  # the last look before it goes out
        match state:
            case notification.Pending(under_way=True, attempt=attempt) if (
                reached is not None and state.due == moment + self.lease
            ):
                outcome = await self._try(row, reached, attempt)
                return await self._record(key, outcome, cause.step("outcome"))
            case _:  # held back, parked, or acknowledged in the last instant
                return claimed

    async def _try(
        self, row: Any, reached: contact.Contact, attempt: int
    ) -> notification.RecordSent | notification.RecordFailure:
        message = Outgoing(
            notification_id=row.notification_id,
            address=reached.address,
            incident_id=row.incident_id,
            event_type=row.event_type,
            subject=row.subject,
            text=row.text,
            urgency=Urgency(row.urgency),
            exercise=row.exercise,
        )
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self.senders[reached.channel](message)
        except TimeoutError:
            error = f"no answer within {TIMEOUT_S:g} s"
        except Undelivered as failure:
            error = str(failure)
        except Exception as failure:  # noqa: BLE001 - whatever it is, it was not delivered
            error = repr(failure)
        else:
            return notification.RecordSent(attempt=attempt, now=self.now())
        return notification.RecordFailure(
            attempt=attempt,
            error="".join(c if c.isprintable() else " " for c in error)[:LONGEST_ERROR],
            persistence=self._persistence(row),
            now=self.now(),
        )

    async def _settled(self, about: str) -> int:
        return await self.matters.state(about) if about else 0

    def _persistence(self, row: Any) -> Persistence:
        return self.urgencies[Urgency(row.urgency)].persistence(self.persistence)

    async def _record(self, key: str, outcome: notification.Command, cause: Cause) -> Written:
        """Record it, however long the store is away: forgetting it would send it again."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type((Unavailable, StaleRevision)),
            wait=wait_random_exponential(multiplier=0.1, max=2),
        ):
            with attempt:
                return await self.notifications.handle(key, outcome, cause)
        raise AssertionError  # it retries for ever
