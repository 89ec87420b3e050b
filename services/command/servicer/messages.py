"""Between rows, values and messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from anlan.command.v1 import incident_service_pb2 as pb
from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.type.v1 import place_pb2
from services.command.domain.alert import Alert
from services.command.domain.casualties import Casualties
from services.command.domain.grades import Grade
from services.command.domain.incident.response import Level
from services.command.domain.incident.series import SituationReportKind
from services.command.domain.report import Source
from services.command.servicer import post_messages
from services.runtime import place
from services.runtime.times import stamp, to_proto

SOURCES = {
    Source.POLICE_110: report_pb.REPORT_SOURCE_POLICE_110,
    Source.FIRE_119: report_pb.REPORT_SOURCE_FIRE_119,
    Source.MEDICAL_120: report_pb.REPORT_SOURCE_MEDICAL_120,
    Source.WORK_SAFETY_12350: report_pb.REPORT_SOURCE_WORK_SAFETY_12350,
    Source.INFORMATION_OFFICER: report_pb.REPORT_SOURCE_INFORMATION_OFFICER,
    Source.SENSOR: report_pb.REPORT_SOURCE_SENSOR,
    Source.UPSTREAM: report_pb.REPORT_SOURCE_UPSTREAM,
    Source.OTHER: report_pb.REPORT_SOURCE_OTHER,
    Source.SYSTEM: report_pb.REPORT_SOURCE_SYSTEM,
}
GRADES = {
    Grade.ORDINARY: pb.GRADE_ORDINARY,
    Grade.LARGER: pb.GRADE_LARGER,
    Grade.MAJOR: pb.GRADE_MAJOR,
    Grade.ESPECIALLY_MAJOR: pb.GRADE_ESPECIALLY_MAJOR,
}
LEVELS = {
    Level.IV: pb.RESPONSE_LEVEL_IV,
    Level.III: pb.RESPONSE_LEVEL_III,
    Level.II: pb.RESPONSE_LEVEL_II,
    Level.I: pb.RESPONSE_LEVEL_I,
}
KINDS = {
    SituationReportKind.INITIAL: pb.SITUATION_REPORT_KIND_INITIAL,
    SituationReportKind.FOLLOW_UP: pb.SITUATION_REPORT_KIND_FOLLOW_UP,
    SituationReportKind.FINAL: pb.SITUATION_REPORT_KIND_FINAL,
}
REPORT_STATES = {
    "received": report_pb.REPORT_STATE_RECEIVED,
    "verified": report_pb.REPORT_STATE_VERIFIED,
    "joined": report_pb.REPORT_STATE_JOINED,
    "rejected": report_pb.REPORT_STATE_REJECTED,
    "superseded": report_pb.REPORT_STATE_SUPERSEDED,
}
INCIDENT_STATES = {
    "verified": pb.INCIDENT_STATE_VERIFIED,
    "responding": pb.INCIDENT_STATE_RESPONDING,
    "terminated": pb.INCIDENT_STATE_TERMINATED,
    "closed": pb.INCIDENT_STATE_CLOSED,
    "merged": pb.INCIDENT_STATE_MERGED,
}

SOURCE_OF = {number: source for source, number in SOURCES.items()}
GRADE_OF = {number: grade for grade, number in GRADES.items()}
LEVEL_OF = {number: level for level, number in LEVELS.items()}
KIND_OF = {number: kind for kind, number in KINDS.items()}
REPORT_STATE_OF = {number: state for state, number in REPORT_STATES.items()}
INCIDENT_STATE_OF = {number: state for state, number in INCIDENT_STATES.items()}


def casualties(message: report_pb.Casualties) -> Casualties:
    return Casualties(
        dead=message.dead,
        missing=message.missing,
        seriously_injured=message.seriously_injured,
        slightly_injured=message.slightly_injured,
        trapped=message.trapped,
    )


def casualties_message(value: Casualties) -> report_pb.Casualties:
    return report_pb.Casualties(
        dead=value.dead,
        missing=value.missing,
        seriously_injured=value.seriously_injured,
        slightly_injured=value.slightly_injured,
        trapped=value.trapped,
    )


def report(row: Any) -> report_pb.Report:
    message = report_pb.Report(
        report_id=row.report_id,
        state=REPORT_STATES[row.state],
        source=SOURCES[Source(row.source)],
        reporter=row.reporter,
        type_code=row.type_code,
        place=located(row),
        casualties=_casualties(row.casualties),
        text=row.text,
        occur_time=stamp(row.occurred_at),
        record_time=stamp(row.recorded_at),
        incident_id=row.incident_id,
        reject_reason=row.reject_reason,
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
        callback=row.callback,
        order_acknowledged_by=row.acknowledged_by,
        order_acknowledge_time=stamp(row.acknowledged_at),
        superseded_report_ids=msgspec.json.decode(row.supersedes),
        superseded_by=row.superseded_by,
    )
    if row.order_number:
        message.order.CopyFrom(
            report_pb.Order(
                issuer=row.issuer,
                number=row.order_number,
                reply_due_time=stamp(row.reply_due_at),
            )
        )
    if row.alert:
        message.alert.CopyFrom(_alert(msgspec.json.decode(row.alert, type=Alert)))
    return message


def _alert(alert: Alert) -> report_pb.CapAlert:
    return report_pb.CapAlert(
        sender=alert.sender,
        identifier=alert.identifier,
        send_time=to_proto(alert.sent_at),
        status=alert.status,
        message_type=alert.message_type,
        references=[str(known) for known in alert.references],
        sender_name=alert.sender_name,
        event=alert.event,
        headline=alert.headline,
        urgency=alert.urgency,
        severity=alert.severity,
        certainty=alert.certainty,
        color=alert.color,
        onset_time=to_proto(alert.onset_at),
        expire_time=to_proto(alert.expires_at),
    )


def incident(row: Any, type_name: str, at: datetime) -> pb.Incident:
    """Return an incident; who commands it depends on the instant."""
    return pb.Incident(
        incident_id=row.incident_id,
        title=row.title,
        state=INCIDENT_STATES[row.state],
        type_code=row.type_code,
        type_name=type_name,
        place=located(row),
        grade=GRADES[Grade(row.grade)] if row.grade else pb.GRADE_UNSPECIFIED,
        response_level=LEVELS[Level(row.level)] if row.level else pb.RESPONSE_LEVEL_UNSPECIFIED,
        commander=post_messages.commander(row, at),
        command_post=row.command_post,
        casualties=_casualties(row.casualties),
        report_ids=msgspec.json.decode(row.report_ids),
        open_time=stamp(row.opened_at),
        close_time=stamp(row.closed_at),
        report_time=stamp(row.reported_at),
        proposed_grade=(
            GRADES[Grade(row.proposed_grade)] if row.proposed_grade else pb.GRADE_UNSPECIFIED
        ),
        response_mismatched=row.response_mismatched,
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
        replaced_by=row.replaced_by,
        plan_id=row.plan_id,
        plan_version=row.plan_version,
        plan=row.plan,
        response_unplanned=bool(row.level) and not row.plan_id,
        approval_awaited=bool(row.awaited_level),
        pending_transfer=post_messages.pending(row, at),
    )


def _casualties(stored: str) -> report_pb.Casualties:
    return casualties_message(msgspec.json.decode(stored, type=Casualties))


def located(row: Any) -> place_pb2.Place:
    message = place_pb2.Place(adcode=row.adcode, address=row.address)
    if row.latitude is not None:
        message.point.latitude = row.latitude
        message.point.longitude = row.longitude
    return message


def place_message(value: place.Place) -> place_pb2.Place:
    message = place_pb2.Place()
    place.write(message, value)
    return message
