"""The list of what incidents need of personnel, equipment or transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from anlan.dispatch.v1 import need_service_pb2 as pb
from anlan.dispatch.v1.need_service_pb2_grpc import NeedServiceServicer
from services.dispatch.domain.need_ref import Category
from services.dispatch.policies.needs import CATEGORIES
from services.dispatch.projections.tables import NEEDS
from services.runtime import paging, reading, watching
from services.runtime.readmodel import ReadModel
from services.runtime.times import stamp

CATEGORY_NUMBERS = {category: number for number, category in CATEGORIES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedServicer(NeedServiceServicer):
    model: ReadModel
    now: Callable[[], datetime]

    async def ListForceNeeds(
        self, request: pb.ListForceNeedsRequest, context: Any
    ) -> pb.ListForceNeedsResponse:
        size = paging.limit(request.page_size)
        column = NEEDS.c
        statement = (
            select(NEEDS)
            .where(column.noted, ~column.ended)
            .order_by(column.opened_position.desc())
            .limit(size + 1)
        )
        if after := paging.key(request.page_token, (int,)):
            statement = statement.where(column.opened_position < after[0])
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        if request.category:
            wanted = CATEGORIES.get(request.category)  # none of another service's is here
            statement = statement.where(column.category == wanted)
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListForceNeedsResponse(needs=[_open_need(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].opened_position)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchForceNeeds(
        self, request: pb.WatchForceNeedsRequest, context: Any
    ) -> AsyncIterator[pb.WatchForceNeedsResponse]:
        column = NEEDS.c
        statement = select(NEEDS).where(column.noted)
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        async for row in watching.changes(
            self.model, statement, column.position, request.resume_position
        ):
            yield pb.WatchForceNeedsResponse(
                need=_open_need(row), over=row.ended, position=row.position
            )


def _open_need(row: Any) -> pb.OpenNeed:
    message = pb.OpenNeed(
        incident_id=row.incident_id,
        need_id=row.need_id,
        category=CATEGORY_NUMBERS[Category(row.category)],
        item=row.item,
        quantity=row.quantity,
        unit=row.unit,
        needed_by_time=stamp(row.needed_by),
        note=row.note,
        committed=row.committed,
        remaining=row.remaining,
        raise_time=stamp(row.raised_at),
        exercise=row.exercise,
        position=row.position,
    )
    message.place.adcode = row.adcode
    message.place.address = row.address
    if row.latitude is not None:
        message.place.point.latitude = row.latitude
        message.place.point.longitude = row.longitude
    return message
