"""Whenever an incident opens, ends, goes on or is merged dispatch notes it; in doubt it asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select

from anlan.command.v1 import incident_service_pb2 as pb
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from anlan.events.v1 import incident_events_pb2 as events_pb
from anlan.events.v1 import link_events_pb2 as link_pb
from services.dispatch.domain import incident_ref
from services.dispatch.projections.tables import INCIDENTS
from services.runtime import place
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.peer import Peer
from services.runtime.place import Place
from services.runtime.readmodel import ReadModel
from services.runtime.recorded import Recorded
from services.runtime.rejection import NotFound, Rejection, Unavailable
from services.runtime.times import from_proto, of_micros

SUBJECTS = [
    "anlan.*.incident.IncidentOpened.>",
    "anlan.*.incident.IncidentClosed.>",
    "anlan.*.incident.IncidentReopened.>",
    "anlan.*.incident.IncidentMerged.>",
    "anlan.*.incident.IncidentSplit.>",
]
# Command's own answer may be behind what it has told its caller.
ASK_TIMES, ASK_AGAIN_S = 3, 0.15
OVER = {pb.INCIDENT_STATE_CLOSED, pb.INCIDENT_STATE_MERGED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    place: Place
    call_at: datetime
    is_open: bool
    exercise: str
    replaced_by: str = ""
    type_code: str = ""


def noted(event: Recorded) -> incident_ref.Command | None:
    """Return what dispatch notes of a public event."""
    match event.type:
        case "anlan.events.v1.IncidentOpened":
            opened = events_pb.IncidentOpened.FromString(event.data)
            return incident_ref.NoteIncident(
                incident_id=opened.incident_id,
                place=place.read(opened.place),
                type_code=opened.type_code,
                call_at=from_proto(opened.call_time),
                is_open=True,
                version=event.revision,
                occurred_at=from_proto(opened.occur_time),
            )
        case "anlan.events.v1.IncidentClosed":
            closed = events_pb.IncidentClosed.FromString(event.data)
            return incident_ref.EndIncident(
                incident_id=closed.incident_id,
                version=event.revision,
                occurred_at=from_proto(closed.occur_time),
            )
        case "anlan.events.v1.IncidentReopened":
            reopened = events_pb.IncidentReopened.FromString(event.data)
            return incident_ref.ResumeIncident(
                incident_id=reopened.incident_id,
                version=event.revision,
                occurred_at=from_proto(reopened.occur_time),
            )
        case "anlan.events.v1.IncidentMerged":
            merged = link_pb.IncidentMerged.FromString(event.data)
            return incident_ref.ReplaceIncident(
                incident_id=merged.incident_id,
                into=merged.into_incident_id,
                version=event.revision,
                occurred_at=from_proto(merged.occur_time),
            )
        case _:
            return None


class Incidents:
    def __init__(
        self,
        refs: CommandHandler[incident_ref.Command, incident_ref.State, incident_ref.Event],
        model: ReadModel,
        peer: Peer,
    ) -> None:
        self._refs = refs
        self._model = model
        self._peer = peer
        self._stub: Any = IncidentServiceStub(peer.channel)

    async def on_event(self, event: Recorded) -> None:
        if command := noted(event):
            cause = Cause.reaction(event, "dispatch.on_incident")
            await self._refs.handle(command.incident_id, command, cause)

    async def look(self, incident_id: str, cause: Cause) -> Incident:
        """Return an incident that is known here, also one that is over."""
        known, _ = await self._known(incident_id)
        found = known or await self._ask(incident_id, cause)
        _same_exercise(found, incident_id, cause)
        return found

    async def find(self, incident_id: str, cause: Cause) -> Incident:
        """Return an incident that units may be sent to.

        Nobody is refused on what was only not heard yet: before that, command is asked.
        """
        for turn in range(ASK_TIMES):
            known, position = await self._known(incident_id)
            if known is not None and (known.is_open or known.replaced_by):
                return _for(known, incident_id, cause)
            try:
                return _for(await self._ask(incident_id, cause), incident_id, cause)
            except Unavailable:
                if known is None:
                    raise
                return _for(known, incident_id, cause)
            except NotFound:
                if turn + 1 == ASK_TIMES:
                    raise
            await self._model.advanced(position, ASK_AGAIN_S)
        raise AssertionError  # the last turn returns or raises

    async def _known(self, incident_id: str) -> tuple[Incident | None, int]:
        statement = select(INCIDENTS).where(INCIDENTS.c.incident_id == incident_id)
        async with self._model.read() as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None or not row.noted:
            return None, seen.position
        call_at = of_micros(row.call_at)
        assert call_at is not None
        known = Incident(
            place=msgspec.json.decode(row.place, type=Place),
            call_at=call_at,
            is_open=row.is_open,
            exercise=row.exercise,
            replaced_by=row.replaced_by,
            type_code=row.type_code,
        )
        return known, seen.position

    async def _ask(self, incident_id: str, cause: Cause) -> Incident:
        request = pb.GetIncidentRequest(incident_id=incident_id)
        answer = (await self._peer.call(self._stub.GetIncident, request, cause)).incident
        found = Incident(
            place=place.read(answer.place),
            call_at=from_proto(answer.report_time),
            is_open=answer.state not in OVER,
            exercise=answer.exercise,
            replaced_by=answer.replaced_by,
            type_code=answer.type_code,
        )
        if found.exercise == cause.exercise:  # a reference bears the mark of its incident
            command = incident_ref.NoteIncident(
                incident_id=incident_id,
                place=found.place,
                type_code=found.type_code,
                call_at=found.call_at,
                is_open=found.is_open,
                version=int(answer.etag),
                into=found.replaced_by,
                occurred_at=from_proto(answer.open_time),
            )
            await self._refs.handle(incident_id, command, cause.step("note_incident"))
        return found


def _same_exercise(found: Incident, incident_id: str, cause: Cause) -> None:
    if found.exercise != cause.exercise:
        raise Rejection(
            "EXERCISE_MISMATCH",
            f"incident {incident_id} belongs to {found.exercise or 'earnest'}, "
            f"the request to {cause.exercise or 'earnest'}",
            exercise=found.exercise,
            requested=cause.exercise,
        )


def _for(found: Incident, incident_id: str, cause: Cause) -> Incident:
    _same_exercise(found, incident_id, cause)
    not_merged(found, incident_id, "send units to that one")
    if not found.is_open:
        raise Rejection(
            "INCIDENT_CLOSED",
            f"incident {incident_id} is closed: no unit can be sent to it",
            incident_id=incident_id,
        )
    return found


def not_merged(found: Incident, incident_id: str, instead: str) -> None:
    """Refuse one that was merged, and say into which and what to do ``instead``."""
    if found.replaced_by:
        raise Rejection(
            "INCIDENT_MERGED",
            f"incident {incident_id} was merged into {found.replaced_by}: {instead}",
            incident_id=incident_id,
            into_incident_id=found.replaced_by,
        )
