"""What the rest of the world may know: private facts to public messages."""

from __future__ import annotations

from typing import assert_never

from google.protobuf.message import Message

from anlan.events.v1 import assignment_events_pb2 as pb
from anlan.type.v1 import place_pb2
from services.dispatch.codec import AID, AID_CODEC, ASSIGNMENT, ASSIGNMENT_CODEC
from services.dispatch.domain import events
from services.dispatch.relay import aid
from services.runtime import place
from services.runtime.published import Publication
from services.runtime.recorded import Recorded
from services.runtime.times import to_proto

STREAM = "ANLAN_DISPATCH"
SUBJECTS = ("anlan.*.assignment.>", "anlan.*.aid_request.>")
CATEGORIES = (ASSIGNMENT.category, AID.category)


def public(recorded: Recorded) -> Publication | None:
    """Translate, or return None for what stays in this room."""
    if recorded.category == AID.category:
        spoken = AID_CODEC.decode(recorded.type, recorded.data)
        return _published(recorded, spoken.adcode, aid.message(spoken, str(recorded.id)))
    event = ASSIGNMENT_CODEC.decode(recorded.type, recorded.data)
    return _published(recorded, event.adcode, _message(event))


def _published(recorded: Recorded, adcode: str, message: Message | None) -> Publication | None:
    if message is None:
        return None
    name = message.DESCRIPTOR.name
    return Publication(
        subject=f"anlan.{adcode}.{recorded.category}.{name}.{recorded.key}",
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
    )


def _message(event: events.Event) -> Message | None:
    about = {
        "assignment_id": event.assignment_id,
        "incident_id": event.incident_id,
        "unit_id": event.unit_id,
    }
    at = to_proto(event.occurred_at)
    match event:
        case events.AssignmentRequested():
            return None
        case events.AssignmentRefused():
            return pb.AssignmentRefused(**about, reason=event.reason, occur_time=at)
        case events.UnitDispatched():
            destination = place_pb2.Place()
            place.write(destination, event.destination)
            return pb.UnitDispatched(
                **about,
                unit_kind=event.unit_kind,
                destination=destination,
                order=event.order,
                acknowledge_due_time=to_proto(event.acknowledge_due_at),
                occur_time=at,
            )
        case events.AssignmentAcknowledged():
            return pb.AssignmentAcknowledged(**about, late=event.late, occur_time=at)
        case events.AcknowledgementOverdue():
            return pb.AcknowledgementOverdue(**about, occur_time=at)
        case events.UnitEnRoute():
            return pb.UnitEnRoute(**about, late=event.late, occur_time=at)
        case events.UnitOnScene():
            return pb.UnitOnScene(**about, late=event.late, occur_time=at)
        case events.AssignmentCleared():
            return pb.AssignmentCleared(**about, late=event.late, occur_time=at)
        case events.AssignmentDeclined():
            return pb.AssignmentDeclined(**about, reason=event.reason, occur_time=at)
        case events.AssignmentCancelled():
            return pb.AssignmentCancelled(**about, reason=event.reason, occur_time=at)
        case events.AssignmentMoved():
            return pb.AssignmentMoved(
                **about, from_incident_id=event.from_incident_id, occur_time=at
            )
        case _:
            assert_never(event)
