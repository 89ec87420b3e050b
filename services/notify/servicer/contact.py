"""The contact API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from anlan.notify.v1 import contact_service_pb2 as pb
from anlan.notify.v1.contact_service_pb2_grpc import ContactServiceServicer
from services.notify.domain import contact
from services.notify.gazetteer import Gazetteer
from services.notify.projections import CONTACTS
from services.notify.servicer import messages
from services.runtime import call, paging, reading
from services.runtime.handle import CommandHandler
from services.runtime.readmodel import ReadModel
from services.runtime.times import said


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactServicer(ContactServiceServicer):
    contacts: CommandHandler[contact.Command, contact.State, contact.Event]
    model: ReadModel
    gazetteer: Gazetteer
    now: Callable[[], datetime]

    async def RegisterContact(
        self, request: pb.RegisterContactRequest, context: Any
    ) -> pb.RegisterContactResponse:
        caller = call.current()
        if request.adcode:
            self.gazetteer.check(request.adcode, "adcode")
        command = contact.RegisterContact(
            by=caller.actor,
            contact=contact.Contact(
                contact_id=request.contact_id,
                audience=messages.AUDIENCE_OF[request.audience],
                unit_id=request.unit_id,
                adcode=request.adcode,
                person=request.person,
                channel=messages.CHANNEL_OF[request.channel],
                address=request.address,
                exercise_only=request.exercise_only,
                registered_in=caller.exercise,
            ),
            occurred_at=said(request, "occur_time", self.now()),
        )
        cause = caller.cause(request.request_id, request.contact_id)
        written = await self.contacts.handle(request.contact_id, command, cause)
        return pb.RegisterContactResponse(etag=written.etag, position=written.position)

    async def RemoveContact(
        self, request: pb.RemoveContactRequest, context: Any
    ) -> pb.RemoveContactResponse:
        caller = call.current()
        command = contact.RemoveContact(
            by=caller.actor,
            contact_id=request.contact_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        cause = caller.cause(request.request_id, request.contact_id)
        written = await self.contacts.handle(request.contact_id, command, cause)
        return pb.RemoveContactResponse(etag=written.etag, position=written.position)

    async def ListContacts(
        self, request: pb.ListContactsRequest, context: Any
    ) -> pb.ListContactsResponse:
        size = paging.limit(request.page_size)
        statement = (
            select(CONTACTS)
            .where(CONTACTS.c.removed.is_(False))
            .order_by(CONTACTS.c.contact_id)
            .limit(size + 1)
        )
        if after := paging.key(request.page_token, (str,)):
            statement = statement.where(CONTACTS.c.contact_id > after[0])
        if request.unit_id:
            statement = statement.where(CONTACTS.c.unit_id == request.unit_id)
        if request.person:
            statement = statement.where(CONTACTS.c.person == request.person)
        if request.adcode:
            statement = statement.where(CONTACTS.c.adcode == request.adcode)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListContactsResponse(contacts=map(messages.contact, rows[:size]))
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].contact_id)
        reading.freshen(response.freshness, seen)
        return response
