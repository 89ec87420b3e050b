"""What the world may know of an incident's grade, and of the level of response to it."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.command.v1 import incident_service_pb2 as incident_pb
from anlan.events.v1 import incident_events_pb2 as pb
from services.command.domain.incident import grading, response
from services.command.domain.incident.grade_tables import NO_RESPONSE
from services.command.domain.levels import Level
from services.command.servicer import messages
from services.runtime.times import to_proto


def of_grading(event: grading.Event) -> Message | None:
    occurred = to_proto(event.occurred_at)
    match event:
        case grading.IncidentGraded():
            return pb.IncidentGraded(
                incident_id=event.incident_id,
                grade=messages.GRADES[event.grade],
                occur_time=occurred,
            )
        case grading.ResponseMismatched():
            return pb.ResponseMismatched(
                incident_id=event.incident_id,
                grade=messages.GRADES[event.grade],
                level=_level(event.level),
                fitting=[_level(Level(word)) for word in event.fitting if word != NO_RESPONSE],
                occur_time=occurred,
            )
        case grading.ResponseMatched():
            return pb.ResponseMatched(
                incident_id=event.incident_id,
                grade=messages.GRADES[event.grade],
                level=_level(event.level),
                occur_time=occurred,
            )
        case grading.GradeProposed():
            return None


def of_response(event: response.Event) -> Message | None:
    occurred = to_proto(event.occurred_at)
    match event:
        case response.ResponseActivated():
            return pb.ResponseActivated(
                incident_id=event.incident_id,
                level=_level(event.level),
                plan=f"{event.plan}{'、'.join(event.clauses)}",
                approver=event.approver,
                occur_time=occurred,
            )
        case response.ResponseLevelChanged():
            return pb.ResponseLevelChanged(
                incident_id=event.incident_id,
                previous_level=_level(event.previous_level),
                level=_level(event.level),
                approver=event.approver,
                reason=event.reason,
                occur_time=occurred,
            )
        case response.ResponseTerminated():
            return pb.ResponseTerminated(
                incident_id=event.incident_id, approver=event.approver, occur_time=occurred
            )
        case response.ResponseApproved():
            return None


def _level(level: Level | None) -> incident_pb.ResponseLevel.ValueType:
    return incident_pb.RESPONSE_LEVEL_UNSPECIFIED if level is None else messages.LEVELS[level]
