"""The API of landing points: requests in, commands out, and where the next ones are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from typing import Any

from sqlalchemy import ColumnElement, select

from anlan.resources.v1 import landing_point_service_pb2 as pb
from anlan.resources.v1.landing_point_service_pb2_grpc import LandingPointServiceServicer
from services.resources.domain import landing_point
from services.resources.domain.landing_point import Entry, Vocabulary
from services.resources.projections.tables import landing_points
from services.resources.servicer.messages import place_of
from services.runtime import call, paging, reading, watching
from services.runtime.handle import CommandHandler, Written
from services.runtime.place import Regions, metres
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound
from services.runtime.times import known, said, stamp

NEAREST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingPointServicer(LandingPointServiceServicer):
    points: CommandHandler[landing_point.Command, landing_point.State, landing_point.Event]
    model: ReadModel
    regions: Regions
    vocabulary: Vocabulary
    now: Callable[[], datetime]

    async def RegisterLandingPoint(
        self, request: pb.RegisterLandingPointRequest, context: Any
    ) -> pb.RegisterLandingPointResponse:
        command = landing_point.RegisterLandingPoint(
            **self._said(request),
            entry=Entry(
                kind=request.kind,
                name=request.name,
                place=self.regions.placed(request.place, "place"),
                elevation_m=request.elevation_m if request.HasField("elevation_m") else None,
                length_m=request.length_m,
                width_m=request.width_m,
                surface=request.surface,
                max_weight_kg=request.max_weight_kg,
                night_lighting=request.night_lighting,
                restrictions=request.restrictions,
                keeper=request.keeper,
                keeper_phone=request.keeper_phone,
                source=request.source,
            ),
            vocabulary=self.vocabulary,
        )
        written = await self._handle(request, command)
        return pb.RegisterLandingPointResponse(
            etag=written.etag, position=written.position, changed=written.event is not None
        )

    async def CloseLandingPoint(
        self, request: pb.CloseLandingPointRequest, context: Any
    ) -> pb.CloseLandingPointResponse:
        ahead = request.HasField("expected_open_time")
        command = landing_point.CloseLandingPoint(
            **self._said(request),
            reason=request.reason,
            expected_open_at=known(request, "expected_open_time") if ahead else None,
        )
        written = await self._handle(request, command)
        return pb.CloseLandingPointResponse(etag=written.etag, position=written.position)

    async def OpenLandingPoint(
        self, request: pb.OpenLandingPointRequest, context: Any
    ) -> pb.OpenLandingPointResponse:
        command = landing_point.OpenLandingPoint(**self._said(request), note=request.note)
        written = await self._handle(request, command)
        return pb.OpenLandingPointResponse(etag=written.etag, position=written.position)

    async def GetLandingPoint(
        self, request: pb.GetLandingPointRequest, context: Any
    ) -> pb.GetLandingPointResponse:
        column = landing_points.c.landing_point_id
        statement = select(landing_points).where(column == request.landing_point_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_LANDING_POINT",
                f"no landing point {request.landing_point_id} is registered",
                landing_point_id=request.landing_point_id,
            )
        response = pb.GetLandingPointResponse(landing_point=_point(row))
        reading.freshen(response.freshness, seen)
        return response

    async def ListLandingPoints(
        self, request: pb.ListLandingPointsRequest, context: Any
    ) -> pb.ListLandingPointsResponse:
        size = paging.limit(request.page_size)
        column = landing_points.c.landing_point_id
        statement = select(landing_points).where(*_wanted(request.filter)).order_by(column)
        if after := paging.key(request.page_token, (str,)):
            statement = statement.where(column > after[0])
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement.limit(size + 1))).all()
        response = pb.ListLandingPointsResponse(landing_points=[_point(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].landing_point_id)
        reading.freshen(response.freshness, seen)
        return response

    async def FindNearestLandingPoints(
        self, request: pb.FindNearestLandingPointsRequest, context: Any
    ) -> pb.FindNearestLandingPointsResponse:
        statement = select(landing_points).where(*_wanted(request.filter))
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        point = (request.point.latitude, request.point.longitude)
        found = [
            (metres(point, (row.latitude, row.longitude)), row.landing_point_id, row)
            for row in rows
        ]
        within = [one for one in found if not request.within_m or one[0] <= request.within_m]
        nearest = nsmallest(request.limit or NEAREST, within, key=lambda one: one[:2])
        response = pb.FindNearestLandingPointsResponse(
            candidates=[
                pb.FindNearestLandingPointsResponse.Candidate(
                    landing_point=_point(row), distance_m=distance
                )
                for distance, _, row in nearest
            ]
        )
        reading.freshen(response.freshness, seen)
        return response

    async def WatchLandingPoints(
        self, request: pb.WatchLandingPointsRequest, context: Any
    ) -> AsyncIterator[pb.WatchLandingPointsResponse]:
        column = landing_points.c
        statement = select(landing_points)
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        async for row in watching.changes(
            self.model, statement, column.position, request.resume_position
        ):
            yield pb.WatchLandingPointsResponse(landing_point=_point(row), position=row.position)

    async def GetLandingPointVocabulary(
        self, request: pb.GetLandingPointVocabularyRequest, context: Any
    ) -> pb.GetLandingPointVocabularyResponse:
        words = self.vocabulary
        word = pb.GetLandingPointVocabularyResponse.Word
        return pb.GetLandingPointVocabularyResponse(
            version=words.version,
            source=words.source,
            kinds=[word(code=code, name=name) for code, name in words.kinds.items()],
            surfaces=[word(code=code, name=name) for code, name in words.surfaces.items()],
        )

    def _said(self, request: Any) -> dict[str, Any]:
        return {
            "by": call.current().actor,
            "landing_point_id": request.landing_point_id,
            "occurred_at": said(request, "occur_time", self.now()),
        }

    async def _handle(self, request: Any, command: landing_point.Command) -> Written:
        caller = call.current()
        story = caller.correlation_id or request.landing_point_id
        cause = caller.cause(request.request_id, story)
        return await self.points.handle(request.landing_point_id, command, cause, etag=request.etag)


def _wanted(wanted: pb.LandingPointFilter) -> list[ColumnElement[bool]]:
    column = landing_points.c
    conditions: list[ColumnElement[bool]] = []
    if wanted.kind:
        conditions.append(column.kind == wanted.kind)
    if wanted.adcode:
        conditions.append(reading.inside(column.adcode, wanted.adcode))
    if wanted.HasField("box"):
        box = wanted.box
        conditions.append(column.latitude.between(box.south, box.north))
        conditions.append(column.longitude.between(box.west, box.east))
    if wanted.open:
        conditions.append(column.is_open)
    if wanted.night_lighting:
        conditions.append(column.night_lighting)
    if wanted.min_side_m:
        conditions.append(column.length_m >= wanted.min_side_m)
        conditions.append(column.width_m >= wanted.min_side_m)
    if wanted.weight_kg:
        conditions.append(column.max_weight_kg >= wanted.weight_kg)
    return conditions


def _point(row: Any) -> pb.LandingPoint:
    return pb.LandingPoint(
        landing_point_id=row.landing_point_id,
        name=row.name,
        kind=row.kind,
        place=place_of(row),
        elevation_m=row.elevation_m,
        length_m=row.length_m,
        width_m=row.width_m,
        surface=row.surface,
        max_weight_kg=row.max_weight_kg,
        night_lighting=row.night_lighting,
        restrictions=row.restrictions,
        keeper=row.keeper,
        keeper_phone=row.keeper_phone,
        source=row.source,
        open=row.is_open,
        closed_reason=row.closed_reason,
        expected_open_time=stamp(row.expected_open_at),
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
    )
