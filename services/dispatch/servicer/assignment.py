"""The assignment API: requests in, commands out.  No rules live here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select, tuple_

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from anlan.dispatch.v1.assignment_service_pb2_grpc import AssignmentServiceServicer
from services.dispatch.domain import assignment, events
from services.dispatch.domain.assignment.ways import Way, Ways
from services.dispatch.policies.incidents import Incident, Incidents
from services.dispatch.policies.releasing import Assignments, Releasing
from services.dispatch.policies.sending import Intent, Sending
from services.dispatch.projections.tables import ASSIGNMENTS, CLOSED
from services.dispatch.servicer import messages, response_groups, response_times
from services.runtime import call, paging, reading, times, watching
from services.runtime.cause import COMMAND, Cause
from services.runtime.handle import Written, derived_id
from services.runtime.place import Place, Regions
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound, Rejection
from services.runtime.times import said, to_proto

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

ACKNOWLEDGE_WITHIN_S = 90.0
OVERRIDE = "unit.override"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentServicer(AssignmentServiceServicer):
    assignments: Assignments
    incidents: Incidents
    sending: Sending
    releasing: Releasing
    model: ReadModel
    regions: Regions
    targets: response_groups.Targets
    ways: Ways
    now: Callable[[], datetime]

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
        dispatched, written = await self.sending.send(assignment_id, begun)
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
        try:
            command = await self._plan(request, assignment_id, caller, cause)
        except Rejection:
            first = await self._begun_by(assignment_id, cause)
            if first is None:
                raise
            written = first
        else:
            written = await self.assignments.handle(assignment_id, command, cause)
        return pb.PreplanAssignmentResponse(
            assignment_id=assignment_id, etag=written.etag, position=written.position
        )

    async def DispatchPreplanned(
        self, request: pb.DispatchPreplannedRequest, context: Any
    ) -> pb.DispatchPreplannedResponse:
        command = assignment.RequestPreplanned(
            by=call.current().actor,
            assignment_id=request.assignment_id,
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
        dispatched, written = await self.sending.send(assignment_id, begun)
        return pb.DivertAssignmentResponse(
            assignment_id=assignment_id,
            acknowledge_due_time=to_proto(dispatched.acknowledge_due_at),
            etag=written.etag,
            position=written.position,
        )

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

    async def RecordOnScene(
        self, request: pb.RecordOnSceneRequest, context: Any
    ) -> pb.RecordOnSceneResponse:
        command = assignment.RecordOnScene(**await self._said(request))
        return _progress(pb.RecordOnSceneResponse, *await self._handle(request, command))

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

    async def GetAssignment(
        self, request: pb.GetAssignmentRequest, context: Any
    ) -> pb.GetAssignmentResponse:
        statement = select(ASSIGNMENTS).where(ASSIGNMENTS.c.assignment_id == request.assignment_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_ASSIGNMENT",
                f"no assignment {request.assignment_id}",
                assignment_id=request.assignment_id,
            )
        response = pb.GetAssignmentResponse(assignment=messages.assignment(row))
        reading.freshen(response.freshness, seen)
        return response

    async def ListAssignments(
        self, request: pb.ListAssignmentsRequest, context: Any
    ) -> pb.ListAssignmentsResponse:
        size = paging.limit(request.page_size)
        column = ASSIGNMENTS.c
        order = (column.rank, column.opened_position)
        statement = select(ASSIGNMENTS).order_by(*order).limit(size + 1)
        if after := paging.key(request.page_token, (int, int)):
            statement = statement.where(tuple_(*order) > after)
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        if request.unit_id:
            statement = statement.where(column.unit_id == request.unit_id)
        if request.state:
            statement = statement.where(column.state == messages.STATE_OF[request.state])
        elif not request.include_closed:
            statement = statement.where(column.rank < CLOSED)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListAssignmentsResponse(
            assignments=[messages.assignment(row) for row in rows[:size]]
        )
        if len(rows) > size:
            last = rows[size - 1]
            response.next_page_token = paging.token(last.rank, last.opened_position)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchAssignments(
        self, request: pb.WatchAssignmentsRequest, context: Any
    ) -> AsyncIterator[pb.WatchAssignmentsResponse]:
        column = ASSIGNMENTS.c
        statement = select(ASSIGNMENTS)
        if request.incident_id:
            statement = statement.where(column.incident_id == request.incident_id)
        async for row in watching.changes(
            self.model, statement, column.position, request.resume_position
        ):
            yield pb.WatchAssignmentsResponse(
                assignment=messages.assignment(row), position=row.position
            )

    async def GetResponseTimes(
        self, request: pb.GetResponseTimesRequest, context: Any
    ) -> pb.GetResponseTimesResponse:
        local = response_times.zone(request.time_zone)
        column = ASSIGNMENTS.c
        statement = select(
            column.incident_id,
            column.incident_type,
            column.unit_id,
            column.unit_kind,
            column.destination,
            column.call_at,
            column.first_answered_at,
            column.rang_at,
            column.answered_at,
            column.dispatched_at,
            column.en_route_at,
            column.on_scene_at,
            column.initiating_action_at,
        ).where(column.exercise == request.exercise, column.dispatched_at.is_not(None))
        if request.HasField("start_time"):
            start = times.micros(times.known(request, "start_time"))
            statement = statement.where(column.dispatched_at >= start)
        if request.HasField("end_time"):
            end = times.micros(times.known(request, "end_time"))
            statement = statement.where(column.dispatched_at < end)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        measured = await asyncio.to_thread(response_times.measured, rows, local)
        groups = await asyncio.to_thread(
            response_groups.grouped,
            rows,
            request.group_by,
            sorted(request.percents),
            local,
            self.targets,
        )
        response = pb.GetResponseTimesResponse(
            rows=measured, groups=groups, targets_version=self.targets.version
        )
        reading.freshen(response.freshness, seen)
        return response

    async def _begin(
        self,
        assignment_id: str,
        cause: Cause,
        ordered: Awaitable[assignment.RequestAssignment],
    ) -> Intent | None:
        """Write the intent down; None for one that was written and may have come further."""
        try:
            command = await ordered
        except Rejection:
            if await self._begun_by(assignment_id, cause) is None:
                raise
            return None
        written = await self.assignments.handle(assignment_id, command, cause)
        known = await self.assignments.glimpse(assignment_id)
        return Intent(written.event, cause) if isinstance(known, assignment.Requested) else None

    async def _begun_by(self, assignment_id: str, cause: Cause) -> Written | None:
        """Return where this very request began an assignment; None if it did not."""
        history = await self.sending.history(assignment_id)
        if not history or history[0].metadata.get(COMMAND) != str(cause.command_id):
            return None
        return Written(history[0].revision, history[0].position)

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
            acknowledge_within_s=_within_s(request),
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
            acknowledge_within_s=_within_s(request),
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
            acknowledge_within_s=_within_s(request),
            override_reason=request.override_reason,
            said=request.HasField("occur_time"),
            occurred_at=said(request, "occur_time", now),
            incident_type=incident.type_code,
            call=_call_times(request, now),
        )

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


def _within_s(request: Any) -> float:
    within: float = request.acknowledge_within.ToTimedelta().total_seconds()
    return within or ACKNOWLEDGE_WITHIN_S
