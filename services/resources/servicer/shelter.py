"""The shelter API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from anlan.resources.v1 import shelter_service_pb2 as pb
from anlan.resources.v1.shelter_service_pb2_grpc import ShelterServiceServicer
from services.resources.domain import region, shelter
from services.resources.policies.moving import Moving
from services.resources.projections.tables import households
from services.resources.servicer import shelter_messages as messages
from services.resources.servicer.shelter_reads import ShelterReads
from services.runtime import call
from services.runtime.handle import Written, derived_id
from services.runtime.place import Regions
from services.runtime.rejection import NotFound, Rejection
from services.runtime.times import known, said

FULL = "SHELTER_FULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterServicer(ShelterReads, ShelterServiceServicer):
    moving: Moving
    regions: Regions

    async def RegisterShelter(
        self, request: pb.RegisterShelterRequest, context: Any
    ) -> pb.RegisterShelterResponse:
        command = shelter.RegisterShelter(
            by=call.current().actor,
            shelter_id=request.shelter_id,
            name=request.name,
            place=self.regions.placed(request.place, "place"),
            capacity=request.capacity,
            kind=messages.KINDS[request.kind],
            day_capacity=request.day_capacity,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command)
        return pb.RegisterShelterResponse(etag=written.etag, position=written.position)

    async def RecordShelterInspection(
        self, request: pb.RecordShelterInspectionRequest, context: Any
    ) -> pb.RecordShelterInspectionResponse:
        command = shelter.InspectShelter(
            by=call.current().actor,
            shelter_id=request.shelter_id,
            result=messages.RESULTS[request.result],
            inspector=request.inspector,
            findings=request.findings,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle_inside(request, command)
        return pb.RecordShelterInspectionResponse(etag=written.etag, position=written.position)

    async def OpenShelter(
        self, request: pb.OpenShelterRequest, context: Any
    ) -> pb.OpenShelterResponse:
        command = shelter.OpenShelter(
            by=call.current().actor,
            shelter_id=request.shelter_id,
            incident_id=request.incident_id,
            warden=request.warden,
            contact=request.contact,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle(request, command, request.etag, request.incident_id)
        return pb.OpenShelterResponse(etag=written.etag, position=written.position)

    async def AdmitPeople(
        self, request: pb.AdmitPeopleRequest, context: Any
    ) -> pb.AdmitPeopleResponse:
        if request.from_adcode:
            self.regions.check(request.from_adcode, "from_adcode")
        command = shelter.AdmitPeople(
            by=call.current().actor,
            shelter_id=request.shelter_id,
            group_id=request.group_id,
            people=request.people,
            from_adcode=request.from_adcode,
            head=request.head,
            care=messages.care_in(request.care),
            additional=request.additional,
            elsewhere=await self._elsewhere(request.shelter_id, request.group_id),
            occurred_at=said(request, "occur_time", self.now()),
        )
        try:
            written = await self._handle_inside(request, command)
        except Rejection as refusal:
            if refusal.reason != FULL:
                raise
            raise await self._full(refusal, request.shelter_id, request.people) from None
        return pb.AdmitPeopleResponse(
            vacancies=await self._vacancies(request.shelter_id, written),
            etag=written.etag,
            position=written.position,
        )

    async def MovePeople(
        self, request: pb.MovePeopleRequest, context: Any
    ) -> pb.MovePeopleResponse:
        command = shelter.SendPeopleOn(
            by=call.current().actor,
            shelter_id=request.shelter_id,
            move_id=derived_id(request.request_id, "move"),
            to_shelter_id=request.to_shelter_id,
            group_id=request.group_id,
            people=request.people,
            care=messages.care_in(request.care),
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        await self._reachable(request)
        written = await self._handle_inside(request, command)
        sent = written.event
        assert isinstance(sent, shelter.PeopleSentOn)
        cause = call.current().cause(request.request_id, sent.incident_id)
        decision, position = await self.moving.settle(sent, cause)
        if isinstance(decision, shelter.MoveRefused):
            to = request.to_shelter_id
            refusal = Rejection(
                decision.reason,
                f"{to} cannot take {sent.people} more: they stay in {request.shelter_id}",
                shelter_id=to,
                asked=str(sent.people),
            )
            raise await self._full(refusal, to, sent.people)
        return pb.MovePeopleResponse(
            vacancies=sent.vacancies,
            to_vacancies=decision.vacancies,
            etag=written.etag,
            position=max(written.position, position),
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
            care=messages.care_in(request.care),
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle_inside(request, command)
        return pb.DischargePeopleResponse(
            vacancies=await self._vacancies(request.shelter_id, written),
            etag=written.etag,
            position=written.position,
        )

    async def RaiseShelterNeed(
        self, request: pb.RaiseShelterNeedRequest, context: Any
    ) -> pb.RaiseShelterNeedResponse:
        by_when = request.HasField("needed_by_time")
        command = shelter.RaiseShelterNeed(
            by=call.current().actor,
            shelter_id=request.shelter_id,
            need_id=request.need_id,
            item=request.item,
            quantity=request.quantity,
            unit=request.unit,
            note=request.note,
            needed_by=known(request, "needed_by_time") if by_when else None,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle_inside(request, command)
        return pb.RaiseShelterNeedResponse(etag=written.etag, position=written.position)

    async def EndShelterNeed(
        self, request: pb.EndShelterNeedRequest, context: Any
    ) -> pb.EndShelterNeedResponse:
        command = shelter.EndShelterNeed(
            by=call.current().actor,
            shelter_id=request.shelter_id,
            need_id=request.need_id,
            met=request.met,
            outcome=request.outcome,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._handle_inside(request, command)
        return pb.EndShelterNeedResponse(etag=written.etag, position=written.position)

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

    async def _handle(
        self, request: Any, command: shelter.Command, etag: str = "", incident_id: str = ""
    ) -> Written:
        cause = call.current().cause(request.request_id, incident_id or request.shelter_id)
        return await self.moving.shelters.handle(request.shelter_id, command, cause, etag=etag)

    async def _handle_inside(self, request: Any, command: shelter.Command) -> Written:
        """Obey a command that belongs to the story of the incident the shelter is open for."""
        state = await self.moving.shelters.state(request.shelter_id)
        incident_id = state.incident_id if isinstance(state, shelter.Open) else ""
        return await self._handle(request, command, request.etag, incident_id)

    async def _vacancies(self, shelter_id: str, written: Written) -> int:
        """Return the beds left right after what was written; now, where nothing was."""
        match written.event:
            case shelter.PeopleAdmitted(vacancies=int(left)):
                return left
            case shelter.PeopleDischarged(vacancies=int(left)):
                return left
        state = await self.moving.shelters.state(shelter_id)
        return state.vacancies if isinstance(state, shelter.Open) else 0

    async def _elsewhere(self, shelter_id: str, group_id: str) -> str:
        """Return another shelter where the rows have this household, in the same incident."""
        state = await self.moving.shelters.state(shelter_id)
        if not isinstance(state, shelter.Open):
            return ""
        column = households.c
        statement = (
            select(column.shelter_id)
            .where(column.group_id == group_id, column.incident_id == state.incident_id)
            .where(column.people > 0, column.shelter_id != shelter_id)
            .order_by(column.shelter_id)
            .limit(1)
        )
        async with self.model.read() as (connection, _):
            return (await connection.execute(statement)).scalar() or ""

    async def _reachable(self, request: pb.MovePeopleRequest) -> None:
        """Refuse a move to where nobody may send anybody, before people leave their shelter."""
        caller, to = call.current(), request.to_shelter_id
        cause = caller.cause(request.request_id, request.shelter_id)
        state = await self.moving.shelters.state(to, cause)
        if state is None:
            raise NotFound("NO_SUCH_SHELTER", f"no shelter {to} is registered", shelter_id=to)
        region.require(caller.actor, state.registered.place.adcode)

    async def _full(self, refusal: Rejection, shelter_id: str, people: int) -> Rejection:
        """Return the refusal with where else there is room."""
        near = await self.room_near(shelter_id, people, call.current().exercise)
        told = f"{refusal.message}; room near by: {near}" if near else refusal.message
        return Rejection(refusal.reason, told, **refusal.context, nearest=near)
