"""How units fare and how assignments end, by whoever says so: the middle of the assignment API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from services.dispatch.domain import assignment, events
from services.dispatch.domain.assignment.ways import Way, Ways
from services.dispatch.policies.releasing import Assignments, Releasing
from services.dispatch.servicer import messages
from services.dispatch.servicer.assignment_reads import AssignmentReads
from services.runtime import call
from services.runtime.handle import Written
from services.runtime.times import said

R = TypeVar(
    "R",
    pb.RecordEnRouteResponse,
    pb.RecordOnSceneResponse,
    pb.RecordStagedResponse,
    pb.RecordInitiatingActionResponse,
    pb.RecordTransportingResponse,
    pb.RecordAtDestinationResponse,
)
LATE = (
    events.UnitEnRoute
    | events.UnitOnScene
    | events.UnitStaged
    | events.ActionInitiated
    | events.UnitTransporting
    | events.UnitAtDestination
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentProgress(AssignmentReads):
    assignments: Assignments
    releasing: Releasing
    ways: Ways

    async def AcknowledgeAssignment(
        self, request: pb.AcknowledgeAssignmentRequest, context: Any
    ) -> pb.AcknowledgeAssignmentResponse:
        command = assignment.AcknowledgeAssignment(**await self._said(request))
        written, _ = await self._handle(request, command)
        return pb.AcknowledgeAssignmentResponse(etag=written.etag, position=written.position)

    async def DeclineAssignment(
        self, request: pb.DeclineAssignmentRequest, context: Any
    ) -> pb.DeclineAssignmentResponse:
        command = assignment.DeclineAssignment(
            by=call.current().actor,
            assignment_id=request.assignment_id,
            reason=request.reason,
            way=await self._way(request.assignment_id),
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._end(request, command)
        return pb.DeclineAssignmentResponse(etag=written.etag, position=written.position)

    async def RecordEnRoute(
        self, request: pb.RecordEnRouteRequest, context: Any
    ) -> pb.RecordEnRouteResponse:
        command = assignment.RecordEnRoute(**await self._said(request))
        return _progress(pb.RecordEnRouteResponse, *await self._handle(request, command))

    async def RecordStaged(
        self, request: pb.RecordStagedRequest, context: Any
    ) -> pb.RecordStagedResponse:
        command = assignment.RecordStaged(**await self._said(request))
        return _progress(pb.RecordStagedResponse, *await self._handle(request, command))

    async def RecordOnScene(
        self, request: pb.RecordOnSceneRequest, context: Any
    ) -> pb.RecordOnSceneResponse:
        command = assignment.RecordOnScene(**await self._said(request))
        return _progress(pb.RecordOnSceneResponse, *await self._handle(request, command))

    async def RecordInitiatingAction(
        self, request: pb.RecordInitiatingActionRequest, context: Any
    ) -> pb.RecordInitiatingActionResponse:
        fields = await self._said(request)
        del fields["way"]
        command = assignment.RecordInitiatingAction(**fields)
        return _progress(pb.RecordInitiatingActionResponse, *await self._handle(request, command))

    async def RecordTransporting(
        self, request: pb.RecordTransportingRequest, context: Any
    ) -> pb.RecordTransportingResponse:
        command = assignment.RecordTransporting(to=request.to, **await self._said(request))
        return _progress(pb.RecordTransportingResponse, *await self._handle(request, command))

    async def RecordAtDestination(
        self, request: pb.RecordAtDestinationRequest, context: Any
    ) -> pb.RecordAtDestinationResponse:
        command = assignment.RecordAtDestination(**await self._said(request))
        return _progress(pb.RecordAtDestinationResponse, *await self._handle(request, command))

    async def OverrideAssignment(
        self, request: pb.OverrideAssignmentRequest, context: Any
    ) -> pb.OverrideAssignmentResponse:
        by = call.current().actor
        command = assignment.OverrideAssignment(
            by=by,
            assignment_id=request.assignment_id,
            to=messages.STATE_OF[request.to],
            reason=request.reason,
            authority=request.authority,
            way=await self._way(request.assignment_id),
            source=messages.source(request.source, by),
            occurred_at=said(request, "occur_time", self.now()),
        )
        written, event = await self._handle(request, command)
        if isinstance(event, events.AssignmentCleared):
            cause = call.current().cause(request.request_id, event.incident_id)
            await self.releasing.at_once(event, cause)
        return pb.OverrideAssignmentResponse(etag=written.etag, position=written.position)

    async def HandOverAssignment(
        self, request: pb.HandOverAssignmentRequest, context: Any
    ) -> pb.HandOverAssignmentResponse:
        command = assignment.HandOverCrew(
            by=call.current().actor,
            assignment_id=request.assignment_id,
            outgoing=request.outgoing,
            incoming=request.incoming,
            crew=request.crew,
            briefing=request.briefing,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written, _ = await self._handle(request, command)
        return pb.HandOverAssignmentResponse(etag=written.etag, position=written.position)

    async def ClearAssignment(
        self, request: pb.ClearAssignmentRequest, context: Any
    ) -> pb.ClearAssignmentResponse:
        command = assignment.ClearAssignment(
            disposition=request.disposition, **await self._said(request)
        )
        written = await self._end(request, command)
        return pb.ClearAssignmentResponse(etag=written.etag, position=written.position)

    async def CancelAssignment(
        self, request: pb.CancelAssignmentRequest, context: Any
    ) -> pb.CancelAssignmentResponse:
        command = assignment.CancelAssignment(
            by=call.current().actor,
            assignment_id=request.assignment_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await self._end(request, command)
        return pb.CancelAssignmentResponse(etag=written.etag, position=written.position)

    async def AnswerRefusal(
        self, request: pb.AnswerRefusalRequest, context: Any
    ) -> pb.AnswerRefusalResponse:
        command = assignment.AnswerRefusal(
            by=call.current().actor,
            assignment_id=request.assignment_id,
            answer=request.answer,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written, _ = await self._handle(request, command)
        return pb.AnswerRefusalResponse(etag=written.etag, position=written.position)

    async def _said(self, request: Any) -> dict[str, Any]:
        by = call.current().actor
        return {
            "by": by,
            "assignment_id": request.assignment_id,
            "said": request.HasField("occur_time"),
            "source": messages.source(request.source, by),
            "way": await self._way(request.assignment_id),
            "occurred_at": said(request, "occur_time", self.now()),
        }

    async def _handle(
        self, request: Any, command: assignment.Act
    ) -> tuple[Written, events.Event | None]:
        """Obey, and return what it wrote: now, or when it was obeyed the first time."""
        key = command.assignment_id
        incident_id = await self._incident_of(key)
        cause = call.current().cause(request.request_id, incident_id)
        written = await self.assignments.handle(key, command, cause, etag=request.etag)
        return written, written.event

    async def _end(self, request: Any, command: assignment.Act) -> Written:
        written, event = await self._handle(request, command)
        if event is not None:
            cause = call.current().cause(request.request_id, event.incident_id)
            await self.releasing.at_once(event, cause)
        return written

    async def _way(self, assignment_id: str) -> Way:
        state = await self.assignments.glimpse(assignment_id)
        return self.ways.of("" if state is None else state.order.incident_type)

    async def _incident_of(self, assignment_id: str) -> str:
        state = await self.assignments.glimpse(assignment_id)
        return "" if state is None else state.order.incident_id


def _progress(cls: type[R], written: Written, event: events.Event | None) -> R:
    late = isinstance(event, LATE) and event.late
    return cls(late=late, etag=written.etag, position=written.position)
