"""What happened elsewhere becomes a notification for each contact that it concerns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID, uuid5

import structlog
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from anlan.events.v1 import incident_events_pb2 as incident_pb
from services.notify import policies
from services.notify.codec import CATEGORIES
from services.notify.domain import briefing, notification
from services.notify.domain.contact import Audience, Channel, Contact
from services.notify.gazetteer import Gazetteer
from services.notify.policies import Crew, DutyOfficers, Involved
from services.notify.projections import CONTACTS, NOTIFICATIONS
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.inbox import Delivered
from services.runtime.place import Place
from services.runtime.readmodel import ReadModel
from services.runtime.recorded import Recorded
from services.runtime.store import EventStore

log = structlog.get_logger()


def notification_id(event_id: UUID, contact_id: str) -> str:
    """Return the same id at each delivery of an event."""
    return str(uuid5(event_id, contact_id))


class Reactions:
    """Reacts to public events; a redelivered one writes nothing twice.

    Each notification has a stream of its own, named after the event and the contact: what a crash
    has kept from being written is written at the next delivery, and the rest is there already.
    """

    def __init__(
        self,
        *,
        store: EventStore,
        model: ReadModel,
        notifications: CommandHandler[notification.Command, notification.State, notification.Event],
        briefings: CommandHandler[briefing.Command, briefing.State, briefing.Event],
        gazetteer: Gazetteer,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._model = model
        self._notifications = notifications
        self._briefings = briefings
        self._gazetteer = gazetteer
        self._now = now
        self._covered = 0

    async def react(self, delivered: Delivered) -> None:
        event = delivered.event
        message = policies.parse(event)
        if message is None:
            return
        adcode = policies.adcode_of(event, message, delivered.subject)
        incident_id = policies.incident_of(message)
        if isinstance(message, incident_pb.IncidentOpened):
            await self._note(event, message, adcode)
            return
        known = await self._briefings.state(incident_id)
        news = policies.news(event, message, adcode, known, self._gazetteer)
        exercise = event.metadata.get("exercise", "")
        told = await self._told(event, news, exercise)
        if not told:
            log.warning("nobody to tell", event=event.type, incident_id=incident_id, adcode=adcode)
        await asyncio.gather(
            *(self._request(event, news, notice, contact) for contact, notice in told)
        )

    async def _note(self, event: Recorded, opened: incident_pb.IncidentOpened, adcode: str) -> None:
        command = briefing.NoteIncident(
            incident_id=opened.incident_id,
            title=opened.title,
            place=Place(adcode=adcode, address=opened.place.address),
            occurred_at=policies.occurred_at(event, opened),
        )
        cause = Cause.reaction(event, "notify.note_incident").about(opened.incident_id)
        await self._briefings.handle(opened.incident_id, command, cause)

    async def _request(
        self, event: Recorded, news: policies.News, notice: policies.Notice, contact: Contact
    ) -> None:
        key = notification_id(event.id, contact.contact_id)
        command = notification.RequestNotification(
            notification_id=key,
            contact=contact,
            exercise=event.metadata.get("exercise", ""),
            incident_id=news.incident_id,
            adcode=news.adcode,
            event_type=event.type,
            event_id=str(event.id),
            subject=notice.subject,
            text=notice.text,
            occurred_at=news.occurred_at,
            now=self._now(),
        )
        cause = Cause.reaction(event, f"notify.tell.{contact.contact_id}").about(news.incident_id)
        await self._notifications.handle(key, command, cause)

    async def _told(
        self, event: Recorded, news: policies.News, exercise: str
    ) -> list[tuple[Contact, policies.Notice]]:
        """Return each contact once, with the first notice that is for it."""
        told: dict[str, tuple[Contact, policies.Notice]] = {}
        position = await self._written_before(event)
        async with self._model.read(min_position=position) as (connection, _):
            for notice in news.notices:
                for contact in await _contacts(connection, notice.to):
                    if policies.within_fence(contact, exercise):
                        told.setdefault(contact.contact_id, (contact, notice))
        return list(told.values())

    async def _written_before(self, event: Recorded) -> int:
        """Return how far the rows must be, so that a contact registered before ``event`` is there.

        The rows follow the store a moment behind; a crew's contact must not be missed for that.
        """
        await self._model.caught_up.wait()
        last = 0
        after = max(self._model.seen.position, self._covered) or None
        async for written in self._store.read_all(CATEGORIES, after):
            last = written.position
        self._covered = max(self._covered, event.position)
        return last


async def _contacts(
    connection: AsyncConnection, targets: Iterable[Crew | DutyOfficers | Involved]
) -> list[Contact]:
    statement = (
        select(CONTACTS)
        .where(CONTACTS.c.removed.is_(False), or_(*map(_where, targets)))
        .order_by(CONTACTS.c.contact_id)
    )
    return [
        Contact(
            contact_id=row.contact_id,
            audience=Audience(row.audience),
            unit_id=row.unit_id,
            adcode=row.adcode,
            channel=Channel(row.channel),
            address=row.address,
            exercise_only=row.exercise_only,
            registered_in=row.registered_in,
        )
        for row in await connection.execute(statement)
    ]


def _where(target: Crew | DutyOfficers | Involved) -> ColumnElement[bool]:
    match target:
        case Crew(unit_id):
            return and_(CONTACTS.c.audience == Audience.UNIT_CREW, CONTACTS.c.unit_id == unit_id)
        case DutyOfficers(adcode):
            covering = [adcode[:digits] for digits in range(len(adcode) + 1)]
            return and_(
                CONTACTS.c.audience == Audience.DUTY_OFFICER, CONTACTS.c.prefix.in_(covering)
            )
        case Involved(incident_id):
            return CONTACTS.c.contact_id.in_(
                select(NOTIFICATIONS.c.contact_id).where(NOTIFICATIONS.c.incident_id == incident_id)
            )
