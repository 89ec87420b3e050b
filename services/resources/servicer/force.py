"""The force API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anlan.resources.v1 import force_service_pb2 as pb
from anlan.resources.v1.force_service_pb2_grpc import ForceServiceServicer
from services.resources.domain import force
from services.resources.policies.calling import Ended
from services.resources.servicer.force_reads import ForceReads
from services.resources.servicer.unit_keeping import Forces
from services.runtime import call
from services.runtime.cause import Cause
from services.runtime.handle import Written, derived_id
from services.runtime.place import Regions
from services.runtime.rejection import Invalid
from services.runtime.times import known, said


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceServicer(ForceReads, ForceServiceServicer):
    forces: Forces
    regions: Regions
    ended: Ended

    async def RegisterForce(
        self, request: pb.RegisterForceRequest, context: Any
    ) -> pb.RegisterForceResponse:
        self.regions.check(request.adcode, "adcode")
        command = force.RegisterForce(
            **self._said(request),
            name=request.name,
            force_class=request.force_class,
            adcode=request.adcode,
            responsible=request.responsible,
            contact=request.contact,
            rules=self.rules,
        )
        written = await self._handle(request, command)
        return pb.RegisterForceResponse(etag=written.etag, position=written.position)

    async def AppointForceLead(
        self, request: pb.AppointForceLeadRequest, context: Any
    ) -> pb.AppointForceLeadResponse:
        command = force.AppointForceLead(
            **self._said(request), responsible=request.responsible, contact=request.contact
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.AppointForceLeadResponse(etag=written.etag, position=written.position)

    async def RecogniseForce(
        self, request: pb.RecogniseForceRequest, context: Any
    ) -> pb.RecogniseForceResponse:
        for branch in request.branches:
            if branch not in self.rules.branches:
                raise Invalid(
                    "BRANCH_UNKNOWN",
                    field="branches",
                    got=branch,
                    allowed=", ".join(self.rules.branches),
                )
        command = force.RecogniseForce(
            **self._said(request),
            authority=request.authority,
            level=request.level,
            branches=tuple(request.branches),
            document=request.document,
            valid_until=known(request, "valid_until_time"),
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.RecogniseForceResponse(etag=written.etag, position=written.position)

    async def WithdrawRecognition(
        self, request: pb.WithdrawRecognitionRequest, context: Any
    ) -> pb.WithdrawRecognitionResponse:
        command = force.WithdrawRecognition(**self._said(request), reason=request.reason)
        written = await self._handle(request, command, etag=request.etag)
        return pb.WithdrawRecognitionResponse(etag=written.etag, position=written.position)

    async def InsureForce(
        self, request: pb.InsureForceRequest, context: Any
    ) -> pb.InsureForceResponse:
        command = force.InsureForce(
            **self._said(request),
            insurer=request.insurer,
            policy=request.policy,
            people=request.people,
            valid_until=known(request, "valid_until_time"),
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.InsureForceResponse(etag=written.etag, position=written.position)

    async def ApproveMobilisation(
        self, request: pb.ApproveMobilisationRequest, context: Any
    ) -> pb.ApproveMobilisationResponse:
        approval_id = request.approval_id or derived_id(request.request_id, "approval")
        limited = request.HasField("valid_until_time")
        command = force.ApproveMobilisation(
            **self._said(request, by_person=True),
            approval_id=approval_id,
            incident_id=request.incident_id,
            unit_ids=tuple(request.unit_ids),
            document=request.document,
            note=request.note,
            valid_until=known(request, "valid_until_time") if limited else None,
            rules=self.rules,
        )
        written = await self._handle(request, command, request.incident_id, request.etag)
        return pb.ApproveMobilisationResponse(
            approval_id=approval_id, etag=written.etag, position=written.position
        )

    async def WithdrawMobilisation(
        self, request: pb.WithdrawMobilisationRequest, context: Any
    ) -> pb.WithdrawMobilisationResponse:
        command = force.WithdrawMobilisation(
            **self._said(request, by_person=True),
            approval_id=request.approval_id,
            reason=request.reason,
            rules=self.rules,
        )
        written = await self._handle(request, command, etag=request.etag)
        return pb.WithdrawMobilisationResponse(etag=written.etag, position=written.position)

    async def CallUpForce(
        self, request: pb.CallUpForceRequest, context: Any
    ) -> pb.CallUpForceResponse:
        if request.override_reason:
            call.current().require("unit.override")
        call_up_id = request.call_up_id or derived_id(request.request_id, "call-up")
        command = force.CallUpForce(
            **self._said(request, by_person=True),
            call_up_id=call_up_id,
            incident_id=request.incident_id,
            task=request.task,
            override_reason=request.override_reason,
            rules=self.rules,
            heard=await self.ended.heard(request.incident_id, self._cause(request)),
        )
        written = await self._handle(request, command, request.incident_id, request.etag)
        return pb.CallUpForceResponse(
            call_up_id=call_up_id, etag=written.etag, position=written.position
        )

    async def StandDownForce(
        self, request: pb.StandDownForceRequest, context: Any
    ) -> pb.StandDownForceResponse:
        command = force.StandDownForce(
            **self._said(request), call_up_id=request.call_up_id, reason=request.reason
        )
        story = await self._incident_of(request)
        written = await self._handle(request, command, story, request.etag)
        return pb.StandDownForceResponse(etag=written.etag, position=written.position)

    async def CompensateForce(
        self, request: pb.CompensateForceRequest, context: Any
    ) -> pb.CompensateForceResponse:
        made_up = derived_id(request.request_id, "compensation")
        command = force.CompensateForce(
            **self._said(request),
            call_up_id=request.call_up_id,
            compensation_id=request.compensation_id or made_up,
            amount_fen=request.amount_fen,
            payer=request.payer,
            basis=request.basis,
        )
        story = await self._incident_of(request)
        written = await self._handle(request, command, story, request.etag)
        paid = written.event
        total = paid.total_fen if isinstance(paid, force.ForceCompensated) else None
        if total is None:  # the same voucher, from another desk
            state = await self.forces.state(request.force_id)
            total = state.call_ups[request.call_up_id].paid_fen if state else 0
        return pb.CompensateForceResponse(
            total_fen=total, etag=written.etag, position=written.position
        )

    async def _incident_of(self, request: Any) -> str:
        """Return the incident of a call-up, in whose story it is told; empty for an unknown one."""
        state = await self.forces.state(request.force_id)
        called = state.call_ups.get(request.call_up_id) if state else None
        return called.incident_id if called else ""

    def _said(self, request: Any, *, by_person: bool = False) -> dict[str, Any]:
        caller = call.current()
        return {
            "by": caller.person if by_person else caller.actor,
            "force_id": request.force_id,
            "occurred_at": said(request, "occur_time", self.now()),
        }

    async def _handle(
        self, request: Any, command: force.Command, incident_id: str = "", etag: str = ""
    ) -> Written:
        cause = self._cause(request, incident_id)
        return await self.forces.handle(request.force_id, command, cause, etag=etag)

    @staticmethod
    def _cause(request: Any, incident_id: str = "") -> Cause:
        caller = call.current()
        story = incident_id or caller.correlation_id or request.force_id
        return caller.cause(request.request_id, story)
