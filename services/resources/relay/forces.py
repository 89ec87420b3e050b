"""What the world may know of social forces."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import force_events_pb2 as force_pb
from services.resources.domain import force
from services.runtime.times import to_proto


def of_force(event: force.Event) -> Message | None:
    occur_time = to_proto(event.occurred_at)
    match event:
        case force.ForceRegistered():
            return force_pb.ForceRegistered(
                force_id=event.force_id,
                name=event.name,
                force_class=event.force_class,
                adcode=event.adcode,
                occur_time=occur_time,
            )
        case force.ForceRecognised():
            return force_pb.ForceRecognised(
                force_id=event.force_id,
                authority=event.authority,
                level=event.level,
                branches=event.branches,
                valid_until_time=to_proto(event.valid_until),
                occur_time=occur_time,
            )
        case force.ForceRecognitionWithdrawn():
            return force_pb.ForceRecognitionWithdrawn(
                force_id=event.force_id, reason=event.reason, occur_time=occur_time
            )
        case force.MobilisationApproved():
            return force_pb.MobilisationApproved(
                force_id=event.force_id,
                approval_id=event.approval_id,
                incident_id=event.incident_id,
                unit_ids=event.unit_ids,
                approved_by=event.approved_by,
                valid_until_time=to_proto(event.valid_until),
                occur_time=occur_time,
            )
        case force.MobilisationWithdrawn():
            return force_pb.MobilisationWithdrawn(
                force_id=event.force_id,
                approval_id=event.approval_id,
                incident_id=event.incident_id,
                reason=event.reason,
                occur_time=occur_time,
            )
        case force.ForceCalledUp():
            return force_pb.ForceCalledUp(
                force_id=event.force_id,
                call_up_id=event.call_up_id,
                incident_id=event.incident_id,
                task=event.task,
                lacked=event.lacked,
                override_reason=event.override_reason,
                occur_time=occur_time,
            )
        case force.ForceCallUpMoved():
            return force_pb.ForceCallUpMoved(
                force_id=event.force_id,
                call_up_id=event.call_up_id,
                from_incident_id=event.from_incident_id,
                incident_id=event.incident_id,
                occur_time=occur_time,
            )
        case force.ForceCallUpOutlasted():
            return force_pb.ForceCallUpOutlasted(
                force_id=event.force_id,
                name=event.name,
                call_up_id=event.call_up_id,
                incident_id=event.incident_id,
                occur_time=occur_time,
            )
        case force.ForceCallUpResumed():
            return force_pb.ForceCallUpResumed(
                force_id=event.force_id,
                call_up_id=event.call_up_id,
                incident_id=event.incident_id,
                occur_time=occur_time,
            )
        case force.ForceStoodDown():
            return force_pb.ForceStoodDown(
                force_id=event.force_id,
                call_up_id=event.call_up_id,
                incident_id=event.incident_id,
                reason=event.reason,
                occur_time=occur_time,
            )
        case force.ForceCompensated():
            return force_pb.ForceCompensated(
                force_id=event.force_id,
                call_up_id=event.call_up_id,
                incident_id=event.incident_id,
                amount_fen=event.amount_fen,
                total_fen=event.total_fen,
                occur_time=occur_time,
            )
        case force.ForceLeadAppointed() | force.ForceInsured():
            return None
