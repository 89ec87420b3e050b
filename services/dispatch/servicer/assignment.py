"""The assignment API: requests in, commands out.  No rules live here.

Who is sent where, now or at a time to come, is in this file; the rest of the way and the reading
have files of their own.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from anlan.dispatch.v1.assignment_service_pb2_grpc import AssignmentServiceServicer
from services.dispatch.domain import assignment, events
from services.dispatch.policies.incidents import Incident, Incidents
from services.dispatch.policies.sending import Intent, Sending
from services.dispatch.servicer import messages
from services.dispatch.servicer.assignment_progress import AssignmentProgress
from services.runtime import call, times
from services.runtime.cause import Cause
from services.runtime.handle import Written, derived_id
from services.runtime.place import Place, Regions
from services.runtime.rejection import Rejection
from services.runtime.times import said, to_proto

OVERRIDE = "unit.override"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentServicer(AssignmentProgress, AssignmentServiceServicer):
    incidents: Incidents
    sending: Sending
    regions: Regions

    async def CreateAssignment(
        self, request: pb.CreateAssignmentRequest, context: Any
    ) -> pb.CreateAssignmentResponse:
        caller = call.current()
        if request.override_reason:
            caller.require(OVERRIDE)
        assignment_id = request.assignment_id or derived_id(request.request_id, "assignment")
        cause = caller.cause(request.request_id, request.incident_id)
        begun = await self._begin(
            assignment_id, cause, self._order(request, assignment_id, caller, cause)
        )
        dispatched, written = await self.sending.send(
            assignment_id, await self._intent(assignment_id, begun, cause)
        )
        return pb.CreateAssignmentResponse(
            assignment_id=assignment_id,
            acknowledge_due_time=to_proto(dispatched.acknowledge_due_at),
            etag=written.etag,
            position=written.position,
        )

    async def PreplanAssignment(
        self, request: pb.PreplanAssignmentRequest, context: Any
    ) -> pb.PreplanAssignmentResponse:
        assignment_id = request.assignment_id or derived_id(request.request_id, "assignment")
        caller = call.current()
        cause = caller.cause(request.request_id, request.incident_id)
        written = await self._begin(
            assignment_id, cause, self._plan(request, assignment_id, caller, cause)
        )
        return pb.PreplanAssignmentResponse(
            assignment_id=assignment_id, etag=written.etag, position=written.position
        )

    async def DispatchPreplanned(
        self, request: pb.DispatchPreplannedRequest, context: Any
    ) -> pb.DispatchPreplannedResponse:
        command = assignment.RequestPreplanned(
            by=call.current().actor,
            assignment_id=request.assignment_id,
            by_clock=False,
            occurred_at=times.to_ms(self.now()),
        )
        await self._handle(request, command)
        dispatched, written = await self.sending.send(request.assignment_id, None)
        return pb.DispatchPreplannedResponse(
            acknowledge_due_time=to_proto(dispatched.acknowledge_due_at),
            etag=written.etag,
            position=written.position,
        )

    async def DivertAssignment(
        self, request: pb.DivertAssignmentRequest, context: Any
    ) -> pb.DivertAssignmentResponse:
        caller = call.current()
        assignment_id = request.to_assignment_id or derived_id(request.request_id, "assignment")
        cause = caller.cause(request.request_id, request.to_incident_id)
        begun = await self._begin(
            assignment_id, cause, self._diversion(request, assignment_id, caller, cause)
        )
        dispatched, written = await self.sending.send(
            assignment_id, await self._intent(assignment_id, begun, cause)
        )
        return pb.DivertAssignmentResponse(
            assignment_id=assignment_id,
            acknowledge_due_time=to_proto(dispatched.acknowledge_due_at),
            etag=written.etag,
            position=written.position,
        )

    async def _begin(
        self,
        assignment_id: str,
        cause: Cause,
        ordered: Awaitable[assignment.RequestAssignment | assignment.PreplanAssignment],
    ) -> Written:
        """Write down what is to be, once: a repetition gets its first answer whatever is new."""
        try:
            command = await ordered
        except Rejection:
            first = await self.assignments.obeyed(assignment_id, cause)
            if first is None:
                raise
            return first
        return await self.assignments.handle(assignment_id, command, cause)

    async def _intent(self, assignment_id: str, begun: Written, cause: Cause) -> Intent | None:
        """Return what was asked for; None where it may have come further."""
        known = await self.assignments.glimpse(assignment_id)
        return Intent(begun.event, cause) if isinstance(known, assignment.Requested) else None

    async def _order(
        self,
        request: pb.CreateAssignmentRequest,
        assignment_id: str,
        caller: call.Call,
        cause: Cause,
    ) -> assignment.RequestAssignment:
        incident = await self.incidents.find(request.incident_id, cause)
        caller.require_region(incident.place.adcode)
        now = self.now()
        called = request.HasField("call_time")
        return assignment.RequestAssignment(
            by=caller.actor,
            assignment_id=assignment_id,
            incident_id=request.incident_id,
            unit_id=request.unit_id,
            destination=self._destination(request, incident),
            order=request.order,
            call_at=said(request, "call_time", now) if called else incident.call_at,
            acknowledge_within_s=messages.acknowledge_within_s(request),
            override_reason=request.override_reason,
            said=request.HasField("occur_time"),
            occurred_at=said(request, "occur_time", now),
            incident_type=incident.type_code,
            call=_call_times(request, now),
        )

    async def _plan(
        self,
        request: pb.PreplanAssignmentRequest,
        assignment_id: str,
        caller: call.Call,
        cause: Cause,
    ) -> assignment.PreplanAssignment:
        incident = await self.incidents.find(request.incident_id, cause)
        caller.require_region(incident.place.adcode)
        return assignment.PreplanAssignment(
            by=caller.actor,
            assignment_id=assignment_id,
            incident_id=request.incident_id,
            unit_id=request.unit_id,
            destination=self._destination(request, incident),
            order=request.order,
            call_at=incident.call_at,
            acknowledge_within_s=messages.acknowledge_within_s(request),
            override_reason="",
            incident_type=incident.type_code,
            dispatch_at=times.known(request, "dispatch_time"),
            occurred_at=said(request, "occur_time", self.now()),
        )

    async def _diversion(
        self,
        request: pb.DivertAssignmentRequest,
        assignment_id: str,
        caller: call.Call,
        cause: Cause,
    ) -> assignment.RequestAssignment:
        """Refuse before anything is written what could not be diverted anyway."""
        incident = await self.incidents.find(request.to_incident_id, cause)
        caller.require_region(incident.place.adcode)
        at = said(request, "occur_time", self.now())
        source = await self.assignments.state(request.assignment_id, cause)
        check = assignment.DivertAssignment(
            by=caller.actor,
            assignment_id=request.assignment_id,
            to_assignment_id=assignment_id,
            to_incident_id=request.to_incident_id,
            reason=request.reason,
            way=await self._way(request.assignment_id),
            occurred_at=at,
        )
        assignment.decide(check, source)
        assert source is not None  # else it was refused
        return assignment.RequestAssignment(
            by=caller.actor,
            assignment_id=assignment_id,
            incident_id=request.to_incident_id,
            unit_id=source.order.unit_id,
            destination=self._destination(request, incident),
            order=request.order,
            call_at=incident.call_at,
            acknowledge_within_s=messages.acknowledge_within_s(request),
            override_reason="",
            said=request.HasField("occur_time"),
            occurred_at=at,
            incident_type=incident.type_code,
            diverted_from=request.assignment_id,
            diversion_reason=request.reason,
        )

    def _destination(self, request: Any, incident: Incident) -> Place:
        if request.HasField("destination"):
            return self.regions.placed(request.destination, "destination")
        return incident.place


def _call_times(request: Any, now: datetime) -> events.CallTimes | None:
    """Return how the call came in; None where nobody said anything of it."""

    def at(field: str) -> datetime | None:
        return said(request, field, now) if request.HasField(field) else None

    told = events.CallTimes(
        first_answered_at=at("first_answer_time"),
        rang_at=at("ring_time"),
        answered_at=at("answer_time"),
    )
    return None if told == events.CallTimes() else told
