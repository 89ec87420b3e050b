"""Between rows and messages."""

from __future__ import annotations

from typing import Any

import msgspec

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from services.dispatch.domain.events import Stage
from services.dispatch.projections.tables import OVERDUE
from services.runtime import place
from services.runtime.place import Place
from services.runtime.times import of_micros, to_proto

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
}
STATE_OF = {number: stage for stage, number in STATES.items()}


def assignment(row: Any) -> pb.Assignment:
    message = pb.Assignment(
        assignment_id=row.assignment_id,
        incident_id=row.incident_id,
        unit_id=row.unit_id,
        unit_kind=row.unit_kind,
        state=STATES[Stage(row.state)],
        acknowledgement_overdue=row.rank == OVERDUE,
        dispatched_by=row.dispatched_by,
        call_time=to_proto(of_micros(row.call_at)),
        dispatch_time=to_proto(of_micros(row.dispatched_at)),
        acknowledge_time=to_proto(of_micros(row.acknowledged_at)),
        en_route_time=to_proto(of_micros(row.en_route_at)),
        on_scene_time=to_proto(of_micros(row.on_scene_at)),
        clear_time=to_proto(of_micros(row.cleared_at)),
        acknowledge_due_time=to_proto(of_micros(row.acknowledge_due_at)),
        close_reason=row.close_reason,
        override_reason=row.override_reason,
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
        open_position=row.opened_position,
    )
    place.write(message.destination, msgspec.json.decode(row.destination, type=Place))
    return message
