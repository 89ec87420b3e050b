"""What the world may know of assignments."""

from __future__ import annotations

from typing import assert_never

from google.protobuf.message import Message

from anlan.events.v1 import assignment_events_pb2 as pb
from anlan.type.v1 import place_pb2
from services.dispatch.domain import events, planned_start
from services.runtime import place
from services.runtime.times import to_proto


def message(event: events.Event) -> Message | None:
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
            return pb.AssignmentRefused(
                **about, reason=event.reason, asks=event.asks, occur_time=at
            )
        case events.RefusalAnswered():
            return pb.RefusalAnswered(**about, answer=event.answer, occur_time=at)
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
        case events.AssignmentPreplanned():
            return pb.AssignmentPreplanned(
                **about, dispatch_time=to_proto(event.dispatch_at), occur_time=at
            )
        case events.UnitStaged():
            return pb.UnitStaged(**about, late=event.late, occur_time=at)
        case events.UnitTransporting():
            return pb.UnitTransporting(**about, to=event.to, late=event.late, occur_time=at)
        case events.UnitAtDestination():
            return pb.UnitAtDestination(**about, late=event.late, occur_time=at)
        case events.ActionInitiated():
            return pb.ActionInitiated(**about, late=event.late, occur_time=at)
        case events.AssignmentOverridden():
            return pb.AssignmentOverridden(
                **about,
                previous=event.previous.upper(),
                to=event.to.upper(),
                reason=event.reason,
                authority=event.authority,
                overridden_by=event.overridden_by,
                occur_time=at,
            )
        case events.AssignmentDiverted():
            return pb.AssignmentDiverted(
                **about,
                to_assignment_id=event.to_assignment_id,
                to_incident_id=event.to_incident_id,
                reason=event.reason,
                occur_time=at,
            )
        case events.AssignmentWithdrawn():
            return pb.AssignmentWithdrawn(
                **about, withdrawal_id=event.withdrawal_id, reason=event.reason, occur_time=at
            )
        case events.CrewHandedOver():
            return pb.CrewHandedOver(
                **about,
                outgoing=event.outgoing,
                incoming=event.incoming,
                crew=event.crew,
                occur_time=at,
            )
        case events.MaydayDeclared():
            return pb.MaydayDeclared(**about, situation=event.situation, occur_time=at)
        case events.MaydayResolved():
            return pb.MaydayResolved(**about, outcome=event.outcome, occur_time=at)
        case _:
            assert_never(event)


def of_start(event: planned_start.Event) -> Message:
    return pb.StartPlanned(
        recommendation_id=event.recommendation_id,
        incident_id=event.incident_id,
        assignment_ids=[one.assignment_id for one in event.units],
        unit_ids=[one.unit_id for one in event.units],
        dispatch_time=to_proto(event.start_at),
        occur_time=to_proto(event.occurred_at),
    )
