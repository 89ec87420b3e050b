"""The run card API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select

from anlan.dispatch.v1 import run_card_service_pb2 as pb
from anlan.dispatch.v1.run_card_service_pb2_grpc import RunCardServiceServicer
from services.dispatch.domain.run_card import decider
from services.dispatch.domain.run_card.matching import match
from services.dispatch.policies.cards import IN_FORCE, Cards, Said, published
from services.dispatch.projections.run_cards import RUN_CARD_VERSIONS, RUN_CARDS
from services.dispatch.servicer import card_messages as messages
from services.runtime import call, paging, reading, watching
from services.runtime.handle import CommandHandler, Written
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.times import known, said


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCardServicer(RunCardServiceServicer):
    handler: CommandHandler[decider.Command, decider.State, decider.Event]
    cards: Cards
    model: ReadModel
    regions: Regions
    now: Callable[[], datetime]

    async def DraftRunCard(
        self, request: pb.DraftRunCardRequest, context: Any
    ) -> pb.DraftRunCardResponse:
        self.regions.check(request.adcode, "adcode")
        command = decider.DraftRunCard(
            by=call.current().actor,
            run_card_id=request.run_card_id,
            adcode=request.adcode,
            content=messages.content(request.content),
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command)
        return pb.DraftRunCardResponse(etag=written.etag, position=written.position)

    async def ReviseRunCard(
        self, request: pb.ReviseRunCardRequest, context: Any
    ) -> pb.ReviseRunCardResponse:
        command = decider.ReviseRunCard(
            by=call.current().actor,
            run_card_id=request.run_card_id,
            content=messages.content(request.content),
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command, etag=request.etag)
        card = await self.handler.state(request.run_card_id)
        revised = isinstance(written.event, decider.RunCardRevised)
        version = written.event.version if revised else card.newest if card else 0
        return pb.ReviseRunCardResponse(
            version=version, etag=written.etag, position=written.position
        )

    async def PublishRunCard(
        self, request: pb.PublishRunCardRequest, context: Any
    ) -> pb.PublishRunCardResponse:
        command = decider.PublishRunCard(
            by=call.current().actor,
            run_card_id=request.run_card_id,
            version=request.version,
            body=request.body,
            reference=request.reference,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.PublishRunCardResponse(etag=written.etag, position=written.position)

    async def RetireRunCard(
        self, request: pb.RetireRunCardRequest, context: Any
    ) -> pb.RetireRunCardResponse:
        command = decider.RetireRunCard(
            by=call.current().actor,
            run_card_id=request.run_card_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.RetireRunCardResponse(etag=written.etag, position=written.position)

    async def GetRunCard(
        self, request: pb.GetRunCardRequest, context: Any
    ) -> pb.GetRunCardResponse:
        key = request.run_card_id
        column = RUN_CARD_VERSIONS.c
        statement = IN_FORCE.where(RUN_CARDS.c.run_card_id == key)
        if request.version:
            wanted = and_(
                column.run_card_id == RUN_CARDS.c.run_card_id, column.version == request.version
            )
            statement = (
                select(RUN_CARDS, column.content)
                .outerjoin(RUN_CARD_VERSIONS, wanted)
                .where(RUN_CARDS.c.run_card_id == key)
            )
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise decider.unknown(key)
        if row.content is None:
            raise decider.no_version(key, request.version)
        response = pb.GetRunCardResponse(
            run_card=messages.run_card(row), version=request.version or row.shown
        )
        reading.freshen(response.freshness, seen)
        return response

    async def ListRunCards(
        self, request: pb.ListRunCardsRequest, context: Any
    ) -> pb.ListRunCardsResponse:
        size = paging.limit(request.page_size)
        column = RUN_CARDS.c
        statement = IN_FORCE.order_by(column.run_card_id).limit(size + 1)
        if after := paging.key(request.page_token, (str,)):
            statement = statement.where(column.run_card_id > after[0])
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        if request.state:
            statement = statement.where(column.state == messages.STATE_OF[request.state])
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListRunCardsResponse(
            run_cards=[messages.run_card(row) for row in rows[:size]]
        )
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].run_card_id)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchRunCards(
        self, request: pb.WatchRunCardsRequest, context: Any
    ) -> AsyncIterator[pb.WatchRunCardsResponse]:
        statement = IN_FORCE
        if request.adcode:
            statement = statement.where(reading.inside(RUN_CARDS.c.adcode, request.adcode))
        async for row in watching.changes(
            self.model, statement, RUN_CARDS.c.position, request.resume_position
        ):
            yield pb.WatchRunCardsResponse(run_card=messages.run_card(row), position=row.position)

    async def MatchRunCards(
        self, request: pb.MatchRunCardsRequest, context: Any
    ) -> pb.MatchRunCardsResponse:
        now = self.now()
        cause = call.current().cause(NO_REQUEST, request.incident_id)
        placed = request.HasField("place")
        called = request.HasField("call_time")
        facts = await self.cards.facts(
            Said(
                incident_id=request.incident_id,
                place=self.regions.placed(request.place, "place") if placed else None,
                type_code=request.type_code,
                grade=messages.GRADES.get(request.grade),
                response_level=messages.LEVELS.get(request.response_level),
                called_at=known(request, "call_time") if called else now,
            ),
            cause,
        )
        async with reading.rows(self.model, request.read, now) as (connection, seen):
            cards = await published(connection)
        response = pb.MatchRunCardsResponse(
            matches=[
                pb.RunCardMatch(
                    run_card_id=one.card.run_card_id,
                    version=one.card.version,
                    title=one.card.content.title,
                    reasons=one.reasons,
                    tied=one.tied,
                )
                for one in match(cards, facts)
            ]
        )
        reading.freshen(response.freshness, seen)
        return response

    async def _handle(self, request: Any, command: decider.Command, *, etag: str = "") -> Written:
        cause = call.current().cause(request.request_id, command.run_card_id)
        return await self.handler.handle(command.run_card_id, command, cause, etag=etag)


NO_REQUEST = "00000000-0000-0000-0000-000000000000"
"""The cause of a read, which writes nothing."""
