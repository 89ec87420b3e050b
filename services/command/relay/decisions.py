"""What the world may know of decisions."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import incident_events_pb2 as pb
from services.command.domain.incident import decisions
from services.runtime.times import to_proto


def of_decision(event: decisions.Event) -> Message | None:
    occurred = to_proto(event.occurred_at)
    match event:
        case decisions.DecisionRecorded():
            return pb.DecisionRecorded(
                incident_id=event.incident_id,
                decision_id=event.decision_id,
                subject=event.subject,
                approver=event.approver,
                occur_time=occurred,
                decision_class=event.decision_class,
                proposed=event.standing is decisions.Standing.PROPOSED,
            )
        case decisions.DecisionApproved():
            return pb.DecisionApproved(
                incident_id=event.incident_id,
                decision_id=event.decision_id,
                approved_by=event.approved_by,
                occur_time=occurred,
            )
        case decisions.DecisionRejected():
            return pb.DecisionRejected(
                incident_id=event.incident_id,
                decision_id=event.decision_id,
                rejected_by=event.rejected_by,
                reason=event.reason,
                occur_time=occurred,
            )
        case decisions.DecisionRevoked():
            return pb.DecisionRevoked(
                incident_id=event.incident_id,
                decision_id=event.decision_id,
                revoked_by=event.revoked_by,
                occur_time=occurred,
            )
        case decisions.DecisionStepCompleted() | decisions.DissentRecorded():
            return None
