"""The timeline API: what happened, in the order of the log, and again at any pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from anlan.audit.v1 import timeline_service_pb2 as pb
from anlan.audit.v1.timeline_service_pb2_grpc import TimelineServiceServicer
from services.audit.phrases import Phrases
from services.audit.projections import EVENTS
from services.runtime import paging, reading
from services.runtime.readmodel import ReadModel
from services.runtime.times import stamp

DEFAULT_PAGE = 200
REPLAY_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineServicer(TimelineServiceServicer):
    model: ReadModel
    phrases: Phrases
    now: Callable[[], datetime]

    async def GetTimeline(
        self, request: pb.GetTimelineRequest, context: Any
    ) -> pb.GetTimelineResponse:
        size = paging.limit(request.page_size, DEFAULT_PAGE)
        after = paging.key(request.page_token, (int,)) or (0,)
        statement = _story(request.incident_id, after[0], size + 1)
        if request.causation_id:
            statement = statement.where(EVENTS.c.causation_id == request.causation_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.GetTimelineResponse(entries=[self._entry(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].position)
        reading.freshen(response.freshness, seen)
        return response

    async def ReplayTimeline(
        self, request: pb.ReplayTimelineRequest, context: Any
    ) -> AsyncIterator[pb.ReplayTimelineResponse]:
        last, clock = request.resume_position, None
        while True:
            statement = _story(request.incident_id, last, REPLAY_PAGE)
            async with self.model.read() as (connection, seen):
                rows = (await connection.execute(statement)).all()
            for row in rows:
                if request.speed and clock is not None:
                    await asyncio.sleep((row.recorded_at - clock) / 1_000_000 / request.speed)
                last, clock = row.position, row.recorded_at
                yield pb.ReplayTimelineResponse(entry=self._entry(row))
            if rows:
                continue
            if not request.follow:
                return
            await self.model.advanced(seen.position)

    def _entry(self, row: Any) -> pb.TimelineEntry:
        return pb.TimelineEntry(
            position=row.position,
            event_id=row.event_id,
            type=row.type,
            stream=row.stream,
            revision=row.revision,
            occur_time=stamp(row.occurred_at),
            record_time=stamp(row.recorded_at),
            actor=row.actor,
            role=row.role,
            jurisdiction=row.jurisdiction,
            causation_id=row.causation_id,
            cause_position=row.cause_position or 0,
            exercise=row.exercise,
            summary=self.phrases.say(row.type, row.data),
            data=row.data,
        )


def _story(incident_id: str, after: int, limit: int) -> Select[Any]:
    cause = EVENTS.alias("cause")
    cause_position = (
        select(func.min(cause.c.position))
        .where(cause.c.event_id == EVENTS.c.causation_id)
        .scalar_subquery()
    )
    return (
        select(EVENTS, cause_position.label("cause_position"))
        .where(EVENTS.c.story == incident_id)
        .where(EVENTS.c.position > after)
        .order_by(EVENTS.c.position)
        .limit(limit)
    )
