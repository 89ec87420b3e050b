"""What a unit is, who is on it and what it says: the keeping half of the unit API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anlan.resources.v1 import unit_service_pb2 as pb
from services.resources.domain import force, unit, unit_make, unit_roster, unit_status
from services.resources.domain.vocabulary import Word
from services.resources.policies.holds import Units
from services.resources.servicer import messages
from services.resources.servicer.unit_reads import UnitReads
from services.runtime import call
from services.runtime.handle import CommandHandler, Written
from services.runtime.rejection import Invalid, NotFound
from services.runtime.times import known, said

Forces = CommandHandler[force.Command, force.State, force.Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitKeeping(UnitReads):
    units: Units
    forces: Forces

    async def ClassifyUnit(
        self, request: pb.ClassifyUnitRequest, context: Any
    ) -> pb.ClassifyUnitResponse:
        kind = await self._kind(request.unit_id)
        command = unit_make.ClassifyUnit(
            **self._said(request),
            type=request.type,
            attributes=tuple(request.attributes),
            minimum_staffing=self._least(kind, request),
            vocabulary=self.vocabulary.version,
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.ClassifyUnitResponse(etag=written.etag, position=written.position)

    async def AttachUnit(
        self, request: pb.AttachUnitRequest, context: Any
    ) -> pb.AttachUnitResponse:
        command = unit_make.AttachUnit(
            **self._said(request),
            force_id=request.force_id,
            force_class=await self._class_of(request, request.force_id),
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.AttachUnitResponse(etag=written.etag, position=written.position)

    async def DetachUnit(
        self, request: pb.DetachUnitRequest, context: Any
    ) -> pb.DetachUnitResponse:
        command = unit_make.DetachUnit(**self._said(request), reason=request.reason)
        written = await self._handle(request, command, etag=request.etag)
        return pb.DetachUnitResponse(etag=written.etag, position=written.position)

    async def EquipUnit(self, request: pb.EquipUnitRequest, context: Any) -> pb.EquipUnitResponse:
        command = unit_make.EquipUnit(
            **self._said(request),
            item=request.item,
            quantity=request.quantity,
            note=request.note,
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.EquipUnitResponse(etag=written.etag, position=written.position)

    async def AssignCrew(
        self, request: pb.AssignCrewRequest, context: Any
    ) -> pb.AssignCrewResponse:
        self.vocabulary.check_qualifications(
            [qualification.code for qualification in request.qualifications],
            "qualifications.code",
        )
        member = unit_roster.Member(
            member_id=request.member_id,
            name=request.name,
            contact=request.contact,
            qualifications=tuple(_qualification(one) for one in request.qualifications),
        )
        command = unit_roster.AssignCrew(**self._said(request), member=member)
        written = await self._handle(request, command, etag=request.etag)
        return pb.AssignCrewResponse(etag=written.etag, position=written.position)

    async def RelieveCrew(
        self, request: pb.RelieveCrewRequest, context: Any
    ) -> pb.RelieveCrewResponse:
        command = unit_roster.RelieveCrew(
            **self._said(request), member_id=request.member_id, reason=request.reason
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.RelieveCrewResponse(etag=written.etag, position=written.position)

    async def ScheduleShift(
        self, request: pb.ScheduleShiftRequest, context: Any
    ) -> pb.ScheduleShiftResponse:
        command = unit_roster.ScheduleShift(
            **self._said(request),
            shift_id=request.shift_id,
            starts_at=known(request, "start_time"),
            ends_at=known(request, "end_time"),
            member_ids=tuple(request.member_ids),
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.ScheduleShiftResponse(etag=written.etag, position=written.position)

    async def StartShift(
        self, request: pb.StartShiftRequest, context: Any
    ) -> pb.StartShiftResponse:
        command = unit_roster.StartShift(**self._said(request), shift_id=request.shift_id)
        written = await self._handle(request, command, etag=request.etag)
        return pb.StartShiftResponse(etag=written.etag, position=written.position)

    async def EndShift(self, request: pb.EndShiftRequest, context: Any) -> pb.EndShiftResponse:
        command = unit_roster.EndShift(
            **self._said(request), shift_id=request.shift_id, reason=request.reason
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.EndShiftResponse(etag=written.etag, position=written.position)

    async def RestUnit(self, request: pb.RestUnitRequest, context: Any) -> pb.RestUnitResponse:
        command = unit_roster.RestUnit(
            **self._said(request), until=known(request, "until_time"), reason=request.reason
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.RestUnitResponse(etag=written.etag, position=written.position)

    async def EndRest(self, request: pb.EndRestRequest, context: Any) -> pb.EndRestResponse:
        command = unit_roster.EndRest(**self._said(request), reason=request.reason)
        written = await self._handle(request, command, etag=request.etag)
        return pb.EndRestResponse(etag=written.etag, position=written.position)

    async def SetUnitStatus(
        self, request: pb.SetUnitStatusRequest, context: Any
    ) -> pb.SetUnitStatusResponse:
        word = self._word(await self._kind(request.unit_id), request)
        command = unit_status.SetUnitStatus(
            **self._said(request),
            word=request.word,
            codes=word.codes,
            standing=word.standing,
            reassignable=word.reassignable,
            source=messages.SOURCE_OF[request.source],
            vocabulary=self.vocabulary.version,
        )
        written = await self._handle(request, command, etag=request.etag)
        late = isinstance(written.event, unit_status.UnitStatusSet) and written.event.late
        return pb.SetUnitStatusResponse(etag=written.etag, position=written.position, late=late)

    def _word(self, kind: str, request: pb.SetUnitStatusRequest) -> Word:
        """Return what was said.  Raises Invalid unless it is a word or codes, and known."""
        if bool(request.word) == bool(request.codes):
            raise Invalid(
                "WORD_OR_CODES",
                field="word",
                got=f"{request.word!r} beside {len(request.codes)} codes",
                allowed=f"one word ({', '.join(self.vocabulary.words(kind))}) or codes, not both",
            )
        if request.word:
            return self.vocabulary.word(kind, request.word)
        self.vocabulary.check_codes(request.codes)
        return self.vocabulary.of_codes(request.codes)

    async def _kind(self, unit_id: str) -> str:
        """Return a unit's kind, which never changes."""
        state = await self.units.glimpse(unit_id)
        if state is None:
            raise NotFound("NO_SUCH_UNIT", f"no unit {unit_id} is registered", unit_id=unit_id)
        return state.registered.kind

    async def _class_of(self, request: Any, force_id: str) -> str:
        """Return the class of a force in the request's exercise."""
        cause = call.current().cause(request.request_id, force_id)
        state = await self.forces.state(force_id, cause)
        if state is None:
            raise NotFound("NO_SUCH_FORCE", f"no force {force_id} is registered", force_id=force_id)
        return state.registered.force_class

    def _least(self, kind: str, request: Any) -> int:
        """Check what a unit is said to be; return how few can run it."""
        self.vocabulary.check_attributes(request.attributes, "attributes")
        type_ = self.vocabulary.type(kind, request.type) if request.type else None
        return int(request.minimum_staffing) or (type_.minimum_staffing if type_ else 0)

    def _said(self, request: Any) -> dict[str, Any]:
        return {
            "by": call.current().actor,
            "unit_id": request.unit_id,
            "occurred_at": said(request, "occur_time", self.now()),
        }

    async def _handle(
        self, request: Any, command: unit.Command, *, etag: str = "", incident_id: str = ""
    ) -> Written:
        caller = call.current()
        story = incident_id or caller.correlation_id or request.unit_id
        cause = caller.cause(request.request_id, story)
        return await self.units.handle(request.unit_id, command, cause, etag=etag)


def _qualification(message: pb.Qualification) -> unit_roster.Qualification:
    expires = message.HasField("expire_time")
    return unit_roster.Qualification(
        code=message.code,
        certificate=message.certificate,
        expires_at=known(message, "expire_time") if expires else None,
    )
