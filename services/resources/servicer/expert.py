"""The expert API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anlan.resources.v1 import expert_service_pb2 as pb
from anlan.resources.v1.expert_service_pb2_grpc import ExpertServiceServicer
from services.resources.domain import expert
from services.resources.domain.expert import Entry, Qualification
from services.resources.policies.calling import Ended, Experts
from services.resources.servicer.expert_reads import TYPES, ExpertReads
from services.runtime import call
from services.runtime.cause import Cause
from services.runtime.handle import Written, derived_id
from services.runtime.place import Regions
from services.runtime.times import known, said


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertServicer(ExpertReads, ExpertServiceServicer):
    experts: Experts
    regions: Regions
    ended: Ended

    async def RegisterExpert(
        self, request: pb.RegisterExpertRequest, context: Any
    ) -> pb.RegisterExpertResponse:
        self.regions.check(request.adcode, "adcode")
        command = expert.RegisterExpert(
            **self._said(request),
            entry=Entry(
                name=request.name,
                adcode=request.adcode,
                types=tuple(TYPES[number] for number in request.types),
                fields=tuple(request.fields),
                organisation=request.organisation,
                phone=request.phone,
                second_contact=request.second_contact,
                qualifications=tuple(
                    Qualification(
                        name=one.name,
                        certificate=one.certificate,
                        expires_at=known(one, "expire_time")
                        if one.HasField("expire_time")
                        else None,
                    )
                    for one in request.qualifications
                ),
                home=self.regions.homed(request.home, "home"),
                source=request.source,
            ),
            vocabulary=self.vocabulary,
        )
        written = await self._handle(request, command)
        return pb.RegisterExpertResponse(
            etag=written.etag, position=written.position, changed=written.event is not None
        )

    async def SetExpertAvailability(
        self, request: pb.SetExpertAvailabilityRequest, context: Any
    ) -> pb.SetExpertAvailabilityResponse:
        ahead = request.HasField("expected_back_time")
        command = expert.SetExpertAvailability(
            **self._said(request),
            available=request.available,
            reason=request.reason,
            expected_back_at=known(request, "expected_back_time") if ahead else None,
        )
        written = await self._handle(request, command)
        return pb.SetExpertAvailabilityResponse(etag=written.etag, position=written.position)

    async def RetireExpert(
        self, request: pb.RetireExpertRequest, context: Any
    ) -> pb.RetireExpertResponse:
        command = expert.RetireExpert(**self._said(request), reason=request.reason)
        written = await self._handle(request, command)
        return pb.RetireExpertResponse(etag=written.etag, position=written.position)

    async def CallUpExpert(
        self, request: pb.CallUpExpertRequest, context: Any
    ) -> pb.CallUpExpertResponse:
        call_up_id = request.call_up_id or derived_id(request.request_id, "call-up")
        command = expert.CallUpExpert(
            **self._said(request),
            call_up_id=call_up_id,
            incident_id=request.incident_id,
            type=TYPES[request.type],
            task=request.task,
            ordered_by=request.ordered_by,
            heard=await self.ended.heard(request.incident_id, self._cause(request)),
        )
        written = await self._handle(request, command, request.incident_id)
        return pb.CallUpExpertResponse(
            call_up_id=call_up_id, etag=written.etag, position=written.position
        )

    async def RecordExpertArrival(
        self, request: pb.RecordExpertArrivalRequest, context: Any
    ) -> pb.RecordExpertArrivalResponse:
        somewhere = request.HasField("place")
        command = expert.RecordExpertArrival(
            **self._said(request),
            call_up_id=request.call_up_id,
            place=self.regions.homed(request.place, "place") if somewhere else None,
        )
        written = await self._handle(request, command, await self._incident_of(request))
        return pb.RecordExpertArrivalResponse(etag=written.etag, position=written.position)

    async def ReleaseExpert(
        self, request: pb.ReleaseExpertRequest, context: Any
    ) -> pb.ReleaseExpertResponse:
        command = expert.ReleaseExpert(
            **self._said(request), call_up_id=request.call_up_id, reason=request.reason
        )
        written = await self._handle(request, command, await self._incident_of(request))
        return pb.ReleaseExpertResponse(etag=written.etag, position=written.position)

    async def _incident_of(self, request: Any) -> str:
        """Return the incident of a call-up, in whose story it is told; empty for an unknown one."""
        state = await self.experts.state(request.expert_id)
        if state is None:
            return ""
        named = request.call_up_id
        found = state.call_ups.get(named) if named else state.running
        return found.incident_id if found else ""

    def _said(self, request: Any) -> dict[str, Any]:
        return {
            "by": call.current().person,
            "expert_id": request.expert_id,
            "occurred_at": said(request, "occur_time", self.now()),
        }

    async def _handle(
        self, request: Any, command: expert.Command, incident_id: str = ""
    ) -> Written:
        cause = self._cause(request, incident_id)
        return await self.experts.handle(request.expert_id, command, cause, etag=request.etag)

    @staticmethod
    def _cause(request: Any, incident_id: str = "") -> Cause:
        caller = call.current()
        story = incident_id or caller.correlation_id or request.expert_id
        return caller.cause(request.request_id, story)
