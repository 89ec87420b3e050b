"""Notify without its gRPC and NATS: the store, the rows, and workers that can be killed."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

from google.protobuf.message import Message
from sqlalchemy import Select, select

from services.notify.channels import Mail, Webhook, webhook_client
from services.notify.codec import BRIEFING, CONTACT, MATTER, NOTIFICATION
from services.notify.delivery import Delivery
from services.notify.domain import contact as c
from services.notify.domain import notification as n
from services.notify.domain.contact import Channel, Contact
from services.notify.projections import NOTIFICATIONS, NOTIFY
from services.notify.reactions import Dispatch, Reactions
from services.notify.settings import NotifySettings
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler, Written
from services.runtime.inbox import Delivered
from services.runtime.peer import Peer
from services.runtime.readmodel import ReadModel
from services.runtime.recorded import Recorded
from services.runtime.settings import Settings
from services.runtime.store import NO_STREAM, EventStore, Proposed
from tests.notify import board
from tests.notify.board import Board
from tests.notify.facts import boat_crew, officer
from tests.notify.test_cap import ABOUT, GAZETTEER

PATIENCE_S = 20.0
LATER = count(2**40)
"""Positions behind everything that is in the store."""
QUICK = n.Persistence(base=timedelta(milliseconds=10), max_attempts=3)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Bench:
    """One process of notify; `another` is a second one on the same store.

    Its contacts and its incident bear its name, and it looks at no others: a node serves several.
    """

    uri: str
    stack: AsyncExitStack
    store: EventStore
    model: ReadModel
    contacts: CommandHandler[c.Command, c.State, c.Event]
    notifications: CommandHandler[n.Command, n.State, n.Event]
    reactions: Reactions
    board: Board
    senders: dict[Channel, Any]
    name: str = field(default_factory=lambda: uuid4().hex[:8])
    workers: list[asyncio.Task[None]] = field(default_factory=list)

    @classmethod
    async def open(cls, uri: str, stack: AsyncExitStack) -> Self:
        store = EventStore(uri)
        await store.connect()
        stack.push_async_callback(store.close)
        model = ReadModel(NOTIFY, store, "sqlite+aiosqlite://")
        await model.open()
        stack.push_async_callback(model.close)
        following = asyncio.create_task(model.run())
        stack.push_async_callback(_end, [following])
        http = await stack.enter_async_context(webhook_client())
        notifications = CommandHandler(store, NOTIFICATION)
        standing_in = Board()  # type: ignore[abstract]
        bench = cls(
            uri=uri,
            stack=stack,
            store=store,
            model=model,
            contacts=CommandHandler(store, CONTACT),
            notifications=notifications,
            reactions=Reactions(
                store=store,
                model=model,
                notifications=notifications,
                briefings=CommandHandler(store, BRIEFING),
                matters=CommandHandler(store, MATTER),
                dispatch=Dispatch(await _peer(standing_in, stack), store),
                gazetteer=GAZETTEER,
                reference=ABOUT,
                now=now,
            ),
            board=standing_in,
            senders={Channel.WEBHOOK: Webhook(http), Channel.EMAIL: Mail(NotifySettings())},
        )
        stack.push_async_callback(bench.kill)
        return bench

    async def another(self) -> Bench:
        second = await Bench.open(self.uri, self.stack)
        second.name = self.name
        return second

    @property
    def incident(self) -> str:
        return f"i-{self.name}"

    def deliver(
        self,
        persistence: n.Persistence = QUICK,
        lease: timedelta = timedelta(seconds=30),
        clock: Callable[[], datetime] = now,
    ) -> None:
        """Start a worker for each channel."""
        for channel in Channel:
            delivery = Delivery(
                channel=channel,
                senders=self.senders,
                model=self.model,
                contacts=self.contacts,
                notifications=self.notifications,
                matters=CommandHandler(self.store, MATTER),
                persistence=persistence,
                urgencies=ABOUT.urgencies,
                now=clock,
                new_id=uuid4,
                lease=lease,
            )
            self.workers.append(asyncio.create_task(delivery.run()))

    async def kill(self) -> None:
        """End the workers as a crash would: what they were doing is neither done nor recorded."""
        for task in asyncio.all_tasks():
            if task.get_coro().__qualname__ == "Delivery._attempt":  # type: ignore[union-attr]
                task.cancel()
        await _end(self.workers)
        self.workers.clear()

    async def register(self, contact: Contact = boat_crew, **changed: Any) -> Contact:
        contact_id = f"{changed.pop('contact_id', contact.contact_id)}-{self.name}"
        contact = replace(contact, contact_id=contact_id, **changed)
        command = c.RegisterContact(by=officer, contact=contact, occurred_at=now())
        await self.contacts.handle(contact.contact_id, command, cause(contact.registered_in))
        return contact

    async def remove(self, contact: Contact) -> None:
        command = c.RemoveContact(
            by=officer, contact_id=contact.contact_id, reason="gone", occurred_at=now()
        )
        await self.contacts.handle(contact.contact_id, command, cause())

    async def request(
        self, contact: Contact, exercise: str = "", urgency: n.Urgency = n.Urgency.ROUTINE
    ) -> str:
        """Request a notification for ``contact``; return its id."""
        key = str(uuid4())
        command = n.RequestNotification(
            notification_id=key,
            contact=contact,
            exercise=exercise,
            incident_id=self.incident,
            adcode="431281102",
            event_type="anlan.events.v1.UnitDispatched",
            event_id=str(uuid4()),
            subject="出动命令",
            text="boat-3 立即赶赴安江镇。",
            urgency=urgency,
            matter="",
            news_position=0,
            stale=False,
            occurred_at=now(),
            now=now(),
        )
        await self.notifications.handle(key, command, cause(exercise))
        return key

    async def acknowledge(self, key: str) -> Written:
        command = n.AcknowledgeNotification(by=officer, notification_id=key, occurred_at=now())
        return await self.notifications.handle(key, command, cause())

    async def retry(self, key: str) -> None:
        command = n.RetryNotification(
            by=officer, notification_id=key, reason="back", occurred_at=now(), now=now()
        )
        await self.notifications.handle(key, command, cause())

    async def happened(
        self,
        message: Message,
        subject: str,
        *,
        exercise: str = "",
        id_: UUID | None = None,
        position: int | None = None,
    ) -> UUID:
        """React to a public event, as the inbox would; return the event's id."""
        event = Recorded(
            id=id_ or uuid4(),
            type=message.DESCRIPTOR.full_name,
            stream="assignment-a1",
            revision=0,
            position=next(LATER) if position is None else position,
            created_at=now(),
            data=message.SerializeToString(),
            metadata={"actor": "wang", "jurisdiction": "431281", "exercise": exercise},
        )
        await self.reactions.react(Delivered(event, subject, 1))
        return event.id

    async def logged(self, category: str = "assignment") -> int:
        """Write something into the store; return its position."""
        event = Proposed(uuid4(), "Anything.v1", b"{}", {})
        return await self.store.append(f"{category}-{event.id}", [event], NO_STREAM)

    def _ours(self) -> Select[Any]:
        row = NOTIFICATIONS.c
        return select(NOTIFICATIONS).where(
            row.incident_id == self.incident, row.contact_id.endswith(f"-{self.name}")
        )

    async def rows(self) -> Sequence[Any]:
        async with self.model.read() as (connection, _):
            statement = self._ours().order_by(NOTIFICATIONS.c.opened_position)
            return list(await connection.execute(statement))

    async def until(self, settled: Callable[[Sequence[Any]], bool]) -> Sequence[Any]:
        """Wait until the rows satisfy ``settled``."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                seen = self.model.seen.position
                rows = await self.rows()
                if settled(rows):
                    return rows
                await self.model.advanced(seen)

    async def history(self, key: str) -> list[str]:
        return [event.type for event in await self.store.read(f"notification-{key}")]


def all_in(state: str, count: int = 1) -> Callable[[Sequence[Any]], bool]:
    return lambda rows: len(rows) == count and all(row.state == state for row in rows)


def cause(exercise: str = "") -> Cause:
    key = uuid4()
    return Cause(
        command_id=key,
        causation_id=str(key),
        correlation_id="i1",
        actor=officer,
        exercise=exercise,
    )


async def _peer(standing_in: Board, stack: AsyncExitStack) -> Peer:
    server, address = await board.serve(standing_in)
    stack.push_async_callback(server.stop, None)
    token = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "service.token"
    token.write_text("notify's own")
    peer = Peer(address, Settings(service_token_file=token))
    stack.push_async_callback(peer.close)
    return peer


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
