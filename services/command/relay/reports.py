"""What the world may know of reports."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import report_events_pb2 as report_pb
from services.command.domain import report
from services.command.servicer import messages
from services.runtime.times import to_proto


def of_report(event: report.Event) -> Message | None:
    match event:
        case report.ReportSubmitted():
            return report_pb.ReportSubmitted(
                report_id=event.report_id,
                source=messages.SOURCES[event.source],
                type_code=event.type_code,
                place=messages.place_message(event.place),
                occur_time=to_proto(event.occurred_at),
            )
        case report.CorrectionAnnounced():
            return report_pb.CorrectionAnnounced(
                report_id=event.report_id,
                corrected_report_ids=event.corrects,
                occur_time=to_proto(event.occurred_at),
            )
        case report.ReportSuperseded():
            return report_pb.ReportSuperseded(
                report_id=event.report_id,
                by_report_id=event.by_report_id,
                occur_time=to_proto(event.occurred_at),
            )
        case report.OrderAcknowledged():
            return report_pb.OrderAcknowledged(
                report_id=event.report_id,
                issuer=event.issuer,
                order_number=event.number,
                acknowledged_by=event.acknowledged_by,
                occur_time=to_proto(event.occurred_at),
            )
        case report.ReportVerified():
            return report_pb.ReportVerified(
                report_id=event.report_id,
                incident_id=event.incident_id,
                title=event.title,
                type_code=event.type_code,
                place=messages.place_message(event.place),
                casualties=messages.casualties_message(event.casualties),
                call_time=to_proto(event.reported_at),
                occur_time=to_proto(event.occurred_at),
            )
        case report.ReportJoined():
            return report_pb.ReportJoined(
                report_id=event.report_id,
                incident_id=event.incident_id,
                casualties=messages.casualties_message(event.casualties),
                occur_time=to_proto(event.occurred_at),
            )
        case report.ReportRejected():
            return report_pb.ReportRejected(
                report_id=event.report_id,
                reason=event.reason,
                occur_time=to_proto(event.occurred_at),
            )
