"""The reading half of the shelter API: beds, households and needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from typing import Any

from sqlalchemy import and_, or_, select

from anlan.resources.v1 import shelter_service_pb2 as pb
from services.resources.projections.tables import households, shelter_needs, shelters
from services.resources.servicer import shelter_messages as messages
from services.runtime import paging, reading, watching
from services.runtime.place import metres
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound

NEAREST = 5
TOLD = 3
"""How many shelters with room a refusal names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterReads:
    model: ReadModel
    now: Callable[[], datetime]

    async def GetShelter(
        self, request: pb.GetShelterRequest, context: Any
    ) -> pb.GetShelterResponse:
        statement = select(shelters).where(shelters.c.shelter_id == request.shelter_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_SHELTER",
                f"no shelter {request.shelter_id} is registered",
                shelter_id=request.shelter_id,
            )
        response = pb.GetShelterResponse(shelter=messages.shelter(row))
        reading.freshen(response.freshness, seen)
        return response

    async def ListShelters(
        self, request: pb.ListSheltersRequest, context: Any
    ) -> pb.ListSheltersResponse:
        size = paging.limit(request.page_size)
        column = shelters.c
        statement = select(shelters).order_by(column.shelter_id).limit(size + 1)
        if after := paging.key(request.page_token, (str,)):
            statement = statement.where(column.shelter_id > after[0])
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        if request.state:
            statement = statement.where(column.is_open == messages.IS_OPEN[request.state])
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListSheltersResponse(shelters=[messages.shelter(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].shelter_id)
        reading.freshen(response.freshness, seen)
        return response

    async def FindNearestShelters(
        self, request: pb.FindNearestSheltersRequest, context: Any
    ) -> pb.FindNearestSheltersResponse:
        column = shelters.c
        statement = select(shelters).where(column.latitude.is_not(None))
        if not request.standby_too:
            statement = statement.where(column.is_open)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        point = (request.point.latitude, request.point.longitude)
        nearest = nearest_with_room(rows, point, request.beds or 1, request.limit or NEAREST)
        response = pb.FindNearestSheltersResponse(
            candidates=[
                pb.FindNearestSheltersResponse.Candidate(
                    shelter=messages.shelter(row), distance_m=distance
                )
                for distance, row in nearest
            ]
        )
        reading.freshen(response.freshness, seen)
        return response

    async def WatchShelters(
        self, request: pb.WatchSheltersRequest, context: Any
    ) -> AsyncIterator[pb.WatchSheltersResponse]:
        column = shelters.c
        statement = select(shelters)
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        async for row in watching.changes(
            self.model, statement, column.position, request.resume_position
        ):
            yield pb.WatchSheltersResponse(shelter=messages.shelter(row), position=row.position)

    async def ListHouseholds(
        self, request: pb.ListHouseholdsRequest, context: Any
    ) -> pb.ListHouseholdsResponse:
        size = paging.limit(request.page_size)
        column = households.c
        order = (column.shelter_id, column.group_id)
        statement = select(households).order_by(*order).limit(size + 1)
        if after := paging.key(request.page_token, (str, str)):
            shelter_id, group_id = after
            statement = statement.where(
                or_(
                    column.shelter_id > shelter_id,
                    and_(column.shelter_id == shelter_id, column.group_id > group_id),
                )
            )
        for name in ("shelter_id", "incident_id", "group_id"):
            if wanted := getattr(request, name):
                statement = statement.where(column[name] == wanted)
        if request.from_adcode:
            statement = statement.where(reading.inside(column.from_adcode, request.from_adcode))
        if not request.gone_too:
            statement = statement.where(or_(column.people > 0, column.moving > 0))
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListHouseholdsResponse(
            households=[messages.household(row) for row in rows[:size]]
        )
        if len(rows) > size:
            last = rows[size - 1]
            response.next_page_token = paging.token(last.shelter_id, last.group_id)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchHouseholds(
        self, request: pb.WatchHouseholdsRequest, context: Any
    ) -> AsyncIterator[pb.WatchHouseholdsResponse]:
        column = households.c
        statement = select(households)
        for name in ("shelter_id", "incident_id"):
            if wanted := getattr(request, name):
                statement = statement.where(column[name] == wanted)
        async for row in watching.changes(
            self.model, statement, column.position, request.resume_position
        ):
            yield pb.WatchHouseholdsResponse(
                household=messages.household(row), position=row.position
            )

    async def ListShelterNeeds(
        self, request: pb.ListShelterNeedsRequest, context: Any
    ) -> pb.ListShelterNeedsResponse:
        size = paging.limit(request.page_size)
        column = shelter_needs.c
        statement = select(shelter_needs).order_by(column.opened_position.desc()).limit(size + 1)
        if after := paging.key(request.page_token, (int,)):
            statement = statement.where(column.opened_position < after[0])
        for name in ("shelter_id", "incident_id"):
            if wanted := getattr(request, name):
                statement = statement.where(column[name] == wanted)
        if request.adcode:
            statement = statement.where(reading.inside(column.adcode, request.adcode))
        if not request.over_too:
            statement = statement.where(~column.is_over)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListShelterNeedsResponse(needs=[messages.need(row) for row in rows[:size]])
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].opened_position)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchShelterNeeds(
        self, request: pb.WatchShelterNeedsRequest, context: Any
    ) -> AsyncIterator[pb.WatchShelterNeedsResponse]:
        column = shelter_needs.c
        statement = select(shelter_needs)
        for name in ("shelter_id", "incident_id"):
            if wanted := getattr(request, name):
                statement = statement.where(column[name] == wanted)
        async for row in watching.changes(
            self.model, statement, column.position, request.resume_position
        ):
            yield pb.WatchShelterNeedsResponse(need=messages.need(row), position=row.position)

    async def room_near(self, shelter_id: str, people: int, exercise: str) -> str:
        """Return in words where else ``people`` find beds: the nearest open shelters first."""
        column = shelters.c
        statement = select(shelters).where(
            or_(column.shelter_id == shelter_id, and_(column.is_open, column.exercise == exercise))
        )
        async with self.model.read() as (connection, _):
            rows = (await connection.execute(statement)).all()
        here = next((row for row in rows if row.shelter_id == shelter_id), None)
        if here is None or here.latitude is None:
            return ""
        others = [row for row in rows if row is not here and row.latitude is not None]
        point = (here.latitude, here.longitude)
        return "; ".join(
            f"{row.shelter_id} {row.name}: {messages.vacancies(row)} beds, {distance:.0f} m"
            for distance, row in nearest_with_room(others, point, people, TOLD)
        )


def nearest_with_room(
    rows: Any, point: tuple[float, float], beds: int, limit: int
) -> list[tuple[float, Any]]:
    """Return the nearest of ``rows`` with so many beds left, each with its distance in metres."""
    found = (
        (metres(point, (row.latitude, row.longitude)), row)
        for row in rows
        if messages.vacancies(row) >= beds
    )
    return nsmallest(limit, found, key=lambda one: (one[0], one[1].shelter_id))
