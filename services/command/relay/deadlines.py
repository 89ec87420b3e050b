"""What the world may know of an incident's deadlines."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import deadline_events_pb2 as deadline_pb
from services.command.domain.incident import deadlines
from services.command.servicer import figure_messages
from services.runtime.times import to_proto


def of_deadline(event: deadlines.Event) -> Message | None:
    occurred = to_proto(event.occurred_at)
    match event:
        case deadlines.DeadlineWarned():
            return deadline_pb.DeadlineWarned(
                incident_id=event.incident_id,
                deadline_id=event.deadline_id,
                name=event.name,
                recipient=event.recipient_name,
                percent=event.percent,
                due_time=to_proto(event.due_at),
                occur_time=occurred,
            )
        case deadlines.DeadlineMissed():
            return deadline_pb.DeadlineMissed(
                incident_id=event.incident_id,
                deadline_id=event.deadline_id,
                name=event.name,
                recipient=event.recipient_name,
                occur_time=occurred,
            )
        case deadlines.DeadlineMet():
            return deadline_pb.DeadlineMet(
                incident_id=event.incident_id,
                deadline_id=event.deadline_id,
                name=event.name,
                recipient=event.recipient_name,
                evidence=event.evidence,
                late=event.late,
                occur_time=occurred,
            )
        case deadlines.DeadlineLifted():
            return deadline_pb.DeadlineLifted(
                incident_id=event.incident_id,
                deadline_id=event.deadline_id,
                name=event.name,
                occur_time=occurred,
            )
        case deadlines.ConcealmentSuspected():
            return deadline_pb.ConcealmentSuspected(
                incident_id=event.incident_id,
                situation_report_id=event.situation_report_id,
                number=event.number,
                recipient=event.recipient,
                metric=figure_messages.METRICS[event.metric],
                fact_id=event.fact_id,
                known_value=event.known_value,
                known_time=to_proto(event.known_at),
                reported_value=event.reported_value,
                occur_time=occurred,
            )
        case (
            deadlines.MilestoneRecorded()
            | deadlines.NoticeRecorded()
            | deadlines.DeadlineStarted()
            | deadlines.DeadlineRebased()
        ):
            return None
