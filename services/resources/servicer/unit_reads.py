"""The reading half of the unit API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from typing import Any

from sqlalchemy import ColumnElement, and_, case, select, true

from anlan.resources.v1 import unit_service_pb2 as pb
from services.resources.domain.vocabulary import UnitVocabulary
from services.resources.projections.tables import units
from services.resources.servicer import messages
from services.runtime import paging, reading, watching
from services.runtime.place import metres
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound

NEAREST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitReads:
    model: ReadModel
    vocabulary: UnitVocabulary
    now: Callable[[], datetime]

    async def GetUnitVocabulary(
        self, request: pb.GetUnitVocabularyRequest, context: Any
    ) -> pb.GetUnitVocabularyResponse:
        known = self.vocabulary
        kind = known.kinds.get(request.kind)
        response = pb.GetUnitVocabularyResponse(
            version=known.version, source=known.source, kind_name=kind.name if kind else ""
        )
        for said, word in known.words(request.kind).items():
            response.words.add(
                word=said,
                codes=word.codes,
                standing=messages.PRIMARY[word.standing],
                reassignable=word.reassignable,
            )
        for code, type_ in kind.types.items() if kind else ():
            response.types.add(
                type=code,
                name=type_.name,
                minimum_staffing=type_.minimum_staffing,
                attributes=type_.attributes,
            )
        for names, codes in (
            (known.attributes, response.attributes),
            (known.qualifications, response.qualifications),
            (known.secondary, response.secondary_statuses),
        ):
            for code, name in names.items():
                codes.add(code=code, name=name)
        return response

    async def GetUnit(self, request: pb.GetUnitRequest, context: Any) -> pb.GetUnitResponse:
        statement = select(units).where(units.c.unit_id == request.unit_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_UNIT", f"no unit {request.unit_id} is registered", unit_id=request.unit_id
            )
        response = pb.GetUnitResponse(unit=messages.unit(row))
        reading.freshen(response.freshness, seen)
        return response

    async def ListUnits(self, request: pb.ListUnitsRequest, context: Any) -> pb.ListUnitsResponse:
        size = paging.limit(request.page_size)
        statement = (
            select(units)
            .where(*_lasting(request.filter), _changing(request.filter))
            .order_by(units.c.unit_id)
            .limit(size + 1)
        )
        if after := paging.key(request.page_token, (str,)):
            statement = statement.where(units.c.unit_id > after[0])
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListUnitsResponse(units=[messages.unit(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].unit_id)
        reading.freshen(response.freshness, seen)
        return response

    async def FindNearestUnits(
        self, request: pb.FindNearestUnitsRequest, context: Any
    ) -> pb.FindNearestUnitsResponse:
        point = (request.point.latitude, request.point.longitude)
        statement = select(units).where(
            units.c.latitude.is_not(None), *_lasting(request.filter), _changing(request.filter)
        )
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        distances = (
            (metres(point, (row.latitude, row.longitude)), row.unit_id, row) for row in rows
        )
        nearest = nsmallest(request.limit or NEAREST, distances, key=lambda found: found[:2])
        response = pb.FindNearestUnitsResponse(
            candidates=[
                pb.FindNearestUnitsResponse.Candidate(unit=messages.unit(row), distance_m=distance)
                for distance, _, row in nearest
            ]
        )
        reading.freshen(response.freshness, seen)
        return response

    async def WatchUnits(
        self, request: pb.WatchUnitsRequest, context: Any
    ) -> AsyncIterator[pb.WatchUnitsResponse]:
        matches = case((_changing(request.filter), 1), else_=0).label("matches")
        rows = select(units, matches).where(*_lasting(request.filter))
        # Who has seen nothing needs no word of what does not match.
        unseen, shown = not request.resume_position, set[str]()
        async for row in watching.changes(
            self.model, rows, units.c.position, request.resume_position
        ):
            if unseen and not row.matches and row.unit_id not in shown:
                continue
            if unseen:
                shown.add(row.unit_id)
            yield pb.WatchUnitsResponse(
                unit=messages.unit(row), matches=bool(row.matches), position=row.position
            )


def _lasting(wanted: pb.UnitFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on what never changes about a unit."""
    conditions = _all_of(units.c.capabilities, wanted.capabilities)
    if wanted.kind:
        conditions.append(units.c.kind == wanted.kind)
    if wanted.adcode:
        conditions.append(reading.inside(units.c.adcode, wanted.adcode))
    if wanted.HasField("box"):
        box = wanted.box
        conditions += [
            units.c.latitude.between(box.south, box.north),
            units.c.longitude.between(box.west, box.east),
        ]
    return conditions


def _changing(wanted: pb.UnitFilter) -> ColumnElement[bool]:
    """Return the condition on what may change about a unit."""
    conditions = [
        *_all_of(units.c.attributes, wanted.attributes),
        *_all_of(units.c.qualified, wanted.qualifications),
    ]
    if wanted.status:
        conditions.append(units.c.status == messages.STATUS_OF[wanted.status].value)
    if wanted.force_id:
        conditions.append(units.c.force_id == wanted.force_id)
    if wanted.type:
        conditions.append(units.c.type == wanted.type)
    if wanted.primary_status:
        standing = messages.PRIMARY_OF[wanted.primary_status]
        conditions.append(units.c.primary_status == standing.value)
    return and_(true(), *conditions)


def _all_of(column: ColumnElement[str], codes: Iterable[str]) -> list[ColumnElement[bool]]:
    """Return the conditions that a list in JSON holds each of these codes."""
    return [column.contains(f'"{code}"', autoescape=True) for code in codes]
