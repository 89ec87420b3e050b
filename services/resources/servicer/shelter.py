"""The shelter API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from anlan.resources.v1 import shelter_service_pb2 as pb
from anlan.resources.v1.shelter_service_pb2_grpc import ShelterServiceServicer
from services.resources.domain import shelter
from services.resources.projections.tables import shelters
from services.resources.servicer import messages
from services.runtime import call, paging, reading
from services.runtime.handle import CommandHandler, Written
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound
from services.runtime.times import said


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterServicer(ShelterServiceServicer):
    shelters: CommandHandler[shelter.Command, shelter.State, shelter.Event]
    model: ReadModel
    regions: Regions
    now: Callable[[], datetime]

    async def RegisterShelter(
        self, request: pb.RegisterShelterRequest, context: Any
    ) -> pb.RegisterShelterResponse:
        command = shelter.RegisterShelter(
            by=call.current().actor,
            shelter_id=request.shelter_id,
            name=request.name,
            place=self.regions.placed(request.place, "place"),
            capacity=request.capacity,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command)
        return pb.RegisterShelterResponse(etag=written.etag, position=written.position)

    async def OpenShelter(
        self, request: pb.OpenShelterRequest, context: Any
    ) -> pb.OpenShelterResponse:
        command = shelter.OpenShelter(
            by=call.current().actor,
            shelter_id=request.shelter_id,
            incident_id=request.incident_id,
            warden=request.warden,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command, request.etag, request.incident_id)
        return pb.OpenShelterResponse(etag=written.etag, position=written.position)

    async def AdmitPeople(
        self, request: pb.AdmitPeopleRequest, context: Any
    ) -> pb.AdmitPeopleResponse:
        command = shelter.AdmitPeople(
            by=call.current().actor,
            shelter_id=request.shelter_id,
            group_id=request.group_id,
            people=request.people,
            from_adcode=request.from_adcode,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle_inside(request, command)
        return pb.AdmitPeopleResponse(
            vacancies=await self._vacancies(request.shelter_id),
            etag=written.etag,
            position=written.position,
        )

    async def DischargePeople(
        self, request: pb.DischargePeopleRequest, context: Any
    ) -> pb.DischargePeopleResponse:
        command = shelter.DischargePeople(
            by=call.current().actor,
            shelter_id=request.shelter_id,
            group_id=request.group_id,
            people=request.people,
            destination=request.destination,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle_inside(request, command)
        return pb.DischargePeopleResponse(
            vacancies=await self._vacancies(request.shelter_id),
            etag=written.etag,
            position=written.position,
        )

    async def CloseShelter(
        self, request: pb.CloseShelterRequest, context: Any
    ) -> pb.CloseShelterResponse:
        command = shelter.CloseShelter(
            by=call.current().actor,
            shelter_id=request.shelter_id,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle_inside(request, command)
        return pb.CloseShelterResponse(etag=written.etag, position=written.position)

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

    async def _handle(
        self, request: Any, command: shelter.Command, etag: str = "", incident_id: str = ""
    ) -> Written:
        cause = call.current().cause(request.request_id, incident_id or request.shelter_id)
        return await self.shelters.handle(request.shelter_id, command, cause, etag=etag)

    async def _handle_inside(self, request: Any, command: shelter.Command) -> Written:
        """Obey a command that belongs to the story of the incident the shelter is open for."""
        state = await self.shelters.state(request.shelter_id)
        incident_id = state.incident_id if isinstance(state, shelter.Open) else ""
        return await self._handle(request, command, request.etag, incident_id)

    async def _vacancies(self, shelter_id: str) -> int:
        match await self.shelters.state(shelter_id):
            case shelter.Open(registered, occupancy=occupancy):
                return registered.capacity - occupancy
            case _:
                return 0
