"""Between rows and messages."""

from __future__ import annotations

from typing import Any

import msgspec

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from services.dispatch.domain.events import Source, Stage
from services.runtime import place
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.times import stamp

STATES = {
    Stage.REQUESTED: pb.ASSIGNMENT_STATE_REQUESTED,
    Stage.DISPATCHED: pb.ASSIGNMENT_STATE_DISPATCHED,
    Stage.ACKNOWLEDGED: pb.ASSIGNMENT_STATE_ACKNOWLEDGED,
    Stage.EN_ROUTE: pb.ASSIGNMENT_STATE_EN_ROUTE,
    Stage.ON_SCENE: pb.ASSIGNMENT_STATE_ON_SCENE,
    Stage.CLEARED: pb.ASSIGNMENT_STATE_CLEARED,
    Stage.DECLINED: pb.ASSIGNMENT_STATE_DECLINED,
    Stage.CANCELLED: pb.ASSIGNMENT_STATE_CANCELLED,
    Stage.REFUSED: pb.ASSIGNMENT_STATE_REFUSED,
    Stage.PREPLANNED: pb.ASSIGNMENT_STATE_PREPLANNED,
    Stage.STAGED: pb.ASSIGNMENT_STATE_STAGED,
    Stage.TRANSPORTING: pb.ASSIGNMENT_STATE_TRANSPORTING,
    Stage.AT_DESTINATION: pb.ASSIGNMENT_STATE_AT_DESTINATION,
    Stage.DIVERTED: pb.ASSIGNMENT_STATE_DIVERTED,
    Stage.WITHDRAWN: pb.ASSIGNMENT_STATE_WITHDRAWN,
}
STATE_OF = {number: stage for stage, number in STATES.items()}
SOURCES = {
    Source.UNSAID: pb.FACT_SOURCE_UNSPECIFIED,
    Source.CONSOLE: pb.FACT_SOURCE_CONSOLE,
    Source.CREW: pb.FACT_SOURCE_CREW,
    Source.DEVICE: pb.FACT_SOURCE_DEVICE,
}
SOURCE_OF = {number: source for source, number in SOURCES.items()}
CREW = "crew"
ACKNOWLEDGE_WITHIN_S = 90.0


def source(number: Any, by: Actor) -> Source:
    """Return whose word it is; where nobody says, the crew's if nobody but a crew may have said."""
    if number:
        return SOURCE_OF[number]
    return Source.CREW if by.roles == (CREW,) else Source.CONSOLE


def acknowledge_within_s(request: Any) -> float:
    within: float = request.acknowledge_within.ToTimedelta().total_seconds()
    return within or ACKNOWLEDGE_WITHIN_S


def assignment(row: Any) -> pb.Assignment:
    message = pb.Assignment(
        assignment_id=row.assignment_id,
        incident_id=row.incident_id,
        unit_id=row.unit_id,
        unit_kind=row.unit_kind,
        state=STATES[Stage(row.state)],
        acknowledgement_overdue=row.overdue,
        dispatched_by=row.dispatched_by,
        call_time=stamp(row.call_at),
        dispatch_time=stamp(row.dispatched_at),
        acknowledge_time=stamp(row.acknowledged_at),
        en_route_time=stamp(row.en_route_at),
        on_scene_time=stamp(row.on_scene_at),
        clear_time=stamp(row.cleared_at),
        acknowledge_due_time=stamp(row.acknowledge_due_at),
        close_reason=row.close_reason,
        override_reason=row.override_reason,
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
        open_position=row.opened_position,
        staged_time=stamp(row.staged_at),
        transport_time=stamp(row.transporting_at),
        destination_time=stamp(row.at_destination_at),
        transport_to=row.transport_to,
        initiating_action_time=stamp(row.initiating_action_at),
        preplanned_time=stamp(row.preplanned_at),
        diverted_from=row.diverted_from,
        diverted_to=row.diverted_to,
        last_source=SOURCES[Source(row.last_source or Source.UNSAID)],
        last_record_time=stamp(row.last_recorded_at),
        last_late=row.last_late,
        state_override_reason=row.state_override_reason,
        crew_leader=row.crew_leader,
        crew=row.crew,
        hand_over_time=stamp(row.handed_over_at),
        incident_type=row.incident_type,
        asks=row.asks,
        refusal_answer=row.refusal_answer,
    )
    if row.mayday:
        declared = pb.Mayday(
            situation=row.mayday_situation,
            declared_by=row.mayday_by,
            declare_time=stamp(row.mayday_at),
        )
        message.mayday.CopyFrom(declared)
    place.write(message.destination, msgspec.json.decode(row.destination, type=Place))
    return message
