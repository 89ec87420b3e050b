"""What happened elsewhere becomes a notification for each contact that it concerns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid5

import structlog
from sqlalchemy import ColumnElement, and_, exists, false, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from anlan.dispatch.v1 import assignment_service_pb2 as dispatch_pb
from anlan.dispatch.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from anlan.events.v1 import incident_events_pb2 as incident_pb
from anlan.type.v1 import read_pb2
from services.notify.codec import CATEGORIES
from services.notify.domain import briefing, matter, notification
from services.notify.domain.contact import Audience, Channel, Contact
from services.notify.gazetteer import Gazetteer
from services.notify.policies import news as policies
from services.notify.policies.audience import (
    Commander,
    Crew,
    DutyOfficers,
    Involved,
    Person,
    Target,
    was_on,
    within_fence,
)
from services.notify.policies.telling import Notice
from services.notify.projections import CONTACTS
from services.notify.rulebook import Reference
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.inbox import Delivered
from services.runtime.peer import Peer
from services.runtime.place import Place
from services.runtime.readmodel import ReadModel
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.store import EventStore
from services.runtime.times import from_proto

log = structlog.get_logger()

ASSIGNMENT = "assignment"
LARGEST_PAGE = 500


def notification_id(event_id: UUID, contact_id: str) -> str:
    """Return the same id at each delivery of an event."""
    return str(uuid5(event_id, contact_id))


class Dispatch:
    """Who was sent where, asked of dispatch: it follows the store itself, and no broker."""

    def __init__(self, peer: Peer, store: EventStore) -> None:
        self._peer = peer
        self._stub: Any = AssignmentServiceStub(peer.channel)
        self._store = store

    async def on_incident(self, incident_id: str, event: Recorded) -> frozenset[str]:
        """Return the units that were on the incident when ``event`` happened.

        Raises Unavailable for everything that is no answer.
        """
        # The event's own position is another service's, which dispatch's rows may never reach.
        known = await self._store.last_before([ASSIGNMENT], event.position)
        request = dispatch_pb.ListAssignmentsRequest(
            incident_id=incident_id,
            include_closed=True,
            page_size=LARGEST_PAGE,
            read=read_pb2.ReadOptions(min_position=known),
        )
        cause = Cause.reaction(event, "notify.ask_who_is_involved").about(incident_id)
        units: set[str] = set()
        while True:
            page = await self._ask(request, cause)
            units.update(a.unit_id for a in page.assignments if was_on(a, event.position))
            if not page.next_page_token:
                return frozenset(units)
            request.page_token = page.next_page_token

    async def _ask(
        self, request: dispatch_pb.ListAssignmentsRequest, cause: Cause
    ) -> dispatch_pb.ListAssignmentsResponse:
        try:
            answer: dispatch_pb.ListAssignmentsResponse = await self._peer.call(
                self._stub.ListAssignments, request, cause
            )
        except Rejection as refusal:  # of our token, say: it passes when the settings are mended
            raise Unavailable("INVOLVED_UNKNOWN", f"dispatch: {refusal.message}") from None
        return answer


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
        matters: CommandHandler[matter.Command, matter.State, matter.Event],
        dispatch: Dispatch,
        gazetteer: Gazetteer,
        reference: Reference,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._model = model
        self._notifications = notifications
        self._briefings = briefings
        self._matters = matters
        self._dispatch = dispatch
        self._gazetteer = gazetteer
        self._reference = reference
        self._now = now
        self._covered = 0
        self._looking = asyncio.Lock()
        self._last = 0

    async def react(self, delivered: Delivered) -> None:
        event = delivered.event
        message = policies.parse(event)
        if message is None:
            return
        adcode = policies.adcode_of(event, message, delivered.subject)
        incident_id = policies.incident_of(message)
        match message:
            case incident_pb.IncidentOpened():
                await self._note(event, message, adcode)
            case incident_pb.CommandEstablished():
                await self._note_commander(event, message, message.commander)
            case incident_pb.CommandTransferred():
                await self._note_commander(event, message, message.incoming)
        tell = partial(
            policies.news,
            event,
            message,
            adcode,
            gazetteer=self._gazetteer,
            nearly_full_percent=self._reference.shelter_nearly_full_percent,
        )
        news = tell(briefing=None)  # the briefing adds words, and nobody else
        await asyncio.gather(*(self._settle(event, settled) for settled in news.settles))
        if not news.notices:
            return
        told = await self._told(event, news)
        if not told:
            log.warning("nobody to tell", type=event.type, incident_id=incident_id, adcode=adcode)
            return
        if incident_id:
            news = tell(briefing=(await self._briefings.state(incident_id)).incident)
        await asyncio.gather(
            *(self._request(event, news, news.notices[number], contact) for contact, number in told)
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

    async def _note_commander(
        self,
        event: Recorded,
        said: incident_pb.CommandEstablished | incident_pb.CommandTransferred,
        commander: str,
    ) -> None:
        occurred_at = policies.occurred_at(event, said)
        effective = said.HasField("effective_time")
        command = briefing.NoteCommander(
            incident_id=said.incident_id,
            commander=commander,
            effective_at=from_proto(said.effective_time) if effective else occurred_at,
            position=event.position,
            occurred_at=occurred_at,
        )
        cause = Cause.reaction(event, "notify.note_commander").about(said.incident_id)
        await self._briefings.handle(said.incident_id, command, cause)

    async def _settle(self, event: Recorded, settled: str) -> None:
        command = matter.SettleMatter(
            matter=settled, event_type=event.type, position=event.position
        )
        # A story of its own: no act of the incident, whose timeline it would only lengthen.
        cause = Cause.reaction(event, f"notify.settle.{settled}").about(settled)
        await self._matters.handle(settled, command, cause)

    async def _request(
        self, event: Recorded, news: policies.News, notice: Notice, contact: Contact
    ) -> None:
        key, now = notification_id(event.id, contact.contact_id), self._now()
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
            urgency=self._reference.urgency(event.type),
            matter=notice.matter,
            news_position=event.position,
            stale=self._reference.stale(event.created_at, now),
            occurred_at=news.occurred_at,
            now=now,
        )
        cause = Cause.reaction(event, f"notify.tell.{contact.contact_id}")
        if news.incident_id:
            cause = cause.about(news.incident_id)
        await self._notifications.handle(key, command, cause)

    async def _told(self, event: Recorded, news: policies.News) -> list[tuple[Contact, int]]:
        """Return each contact once, with the number of the first notice that is for it."""
        exercise = event.metadata.get("exercise", "")
        told: dict[str, tuple[Contact, int]] = {}
        position = await self._written_before(event)
        involved = await self._involved(event, news, position)
        commander = await self._commander(news)
        async with self._model.read(min_position=position) as (connection, _):
            for number, notice in enumerate(news.notices):
                for contact in await _contacts(connection, notice.to, involved, commander):
                    if within_fence(contact, exercise):
                        told.setdefault(contact.contact_id, (contact, number))
        return list(told.values())

    async def _involved(
        self, event: Recorded, news: policies.News, position: int
    ) -> frozenset[str]:
        """Return the units on the incident, where they matter and a crew could be told."""
        if not _concerns(news, Involved):
            return frozenset()
        async with self._model.read(min_position=position) as (connection, _):
            if not await connection.scalar(select(exists().where(_IS_CREW))):
                return frozenset()
        return await self._dispatch.on_incident(news.incident_id, event)

    async def _commander(self, news: policies.News) -> str:
        if not _concerns(news, Commander):
            return ""
        known = await self._briefings.state(news.incident_id)
        return known.commander(news.occurred_at)

    async def _written_before(self, event: Recorded) -> int:
        """Return how far the rows must be, so that a contact registered before ``event`` is there.

        The rows follow the store a moment behind; a crew's contact must not be missed for that.
        """
        await self._model.caught_up.wait()
        async with self._looking:
            after = max(self._model.seen.position, self._covered)
            if event.position > after:
                # One look serves all events up to the head, and each part of the log is read once.
                head = await self._store.last_before((), None)
                async for written in self._store.read_all(CATEGORIES, after or None):
                    self._last = written.position
                self._covered = head
        return self._last


def _concerns(news: policies.News, kind: type[Target]) -> bool:
    return any(isinstance(target, kind) for notice in news.notices for target in notice.to)


_IS_CREW = and_(CONTACTS.c.removed.is_(False), CONTACTS.c.audience == Audience.UNIT_CREW)


async def _contacts(
    connection: AsyncConnection,
    targets: Iterable[Target],
    involved: frozenset[str],
    commander: str,
) -> list[Contact]:
    statement = (
        select(CONTACTS)
        .where(
            CONTACTS.c.removed.is_(False), or_(*(_where(to, involved, commander) for to in targets))
        )
        .order_by(CONTACTS.c.contact_id)
    )
    return [
        Contact(
            contact_id=row.contact_id,
            audience=Audience(row.audience),
            unit_id=row.unit_id,
            adcode=row.adcode,
            person=row.person,
            channel=Channel(row.channel),
            address=row.address,
            exercise_only=row.exercise_only,
            registered_in=row.registered_in,
        )
        for row in await connection.execute(statement)
    ]


def _where(target: Target, involved: frozenset[str], commander: str) -> ColumnElement[bool]:
    match target:
        case Crew(unit_id):
            return and_(_IS_CREW, CONTACTS.c.unit_id == unit_id)
        case DutyOfficers(adcode):
            covering = [adcode[:digits] for digits in range(len(adcode) + 1)]
            return and_(
                CONTACTS.c.audience == Audience.DUTY_OFFICER, CONTACTS.c.prefix.in_(covering)
            )
        case Person(subject):
            return _is_person(subject)
        case Commander():
            return _is_person(commander) if commander else false()
        case Involved():
            return and_(_IS_CREW, CONTACTS.c.unit_id.in_(involved))


def _is_person(subject: str) -> ColumnElement[bool]:
    return and_(CONTACTS.c.audience == Audience.PERSON, CONTACTS.c.person == subject)
