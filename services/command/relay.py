"""What the rest of the world may know: private facts to public messages."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.command.v1 import incident_service_pb2 as incident_pb
from anlan.events.v1 import deadline_events_pb2 as deadline_pb
from anlan.events.v1 import incident_events_pb2 as pb
from anlan.events.v1 import plan_events_pb2 as plan_pb
from anlan.events.v1 import report_events_pb2 as report_pb
from anlan.events.v1 import task_events_pb2 as task_pb
from anlan.type.v1 import place_pb2
from services.command.codec import INCIDENT_CODEC, PLAN_CODEC, REPORT_CODEC
from services.command.domain import report
from services.command.domain.incident import (
    deadlines,
    decider,
    decisions,
    figures,
    grading,
    lifecycle,
    links,
    merge,
    needs,
    objectives,
    organisation,
    post,
    response,
    series,
    split,
    tasks,
    transfer,
)
from services.command.domain.incident.grade_tables import NO_RESPONSE
from services.command.domain.levels import Level
from services.command.domain.plan import events as plan_events
from services.command.servicer import figure_messages, link_messages, messages, need_messages
from services.runtime import place
from services.runtime.actor import NATION
from services.runtime.published import Publication
from services.runtime.recorded import Recorded
from services.runtime.times import to_proto

STREAM = "ANLAN_COMMAND"
CATEGORIES = ("report", "incident", "plan")
SUBJECTS = ("anlan.*.report.>", "anlan.*.incident.>", "anlan.*.plan.>")


def public(recorded: Recorded) -> Publication | None:
    """Translate, or return None for what stays in this room."""
    if recorded.category == "report":
        event = REPORT_CODEC.decode(recorded.type, recorded.data)
        message: Message | None = _report(event)
        known = report.ReportSubmitted | report.ReportVerified
        adcode = event.place.adcode if isinstance(event, known) else ""
    elif recorded.category == "plan":
        planned = PLAN_CODEC.decode(recorded.type, recorded.data)
        message, adcode = _plan(planned), planned.adcode
    else:
        happened = INCIDENT_CODEC.decode(recorded.type, recorded.data)
        message = _incident(happened)
        adcode = (
            happened.place.adcode
            if isinstance(happened, lifecycle.IncidentOpened)
            else happened.adcode
        )
    if message is None:
        return None
    region = adcode or recorded.metadata.get("jurisdiction", NATION)
    name = message.DESCRIPTOR.name
    return Publication(
        subject=f"anlan.{region}.{recorded.category}.{name}.{recorded.key}",
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
    )


def _report(event: report.Event) -> Message | None:
    match event:
        case report.ReportSubmitted():
            return report_pb.ReportSubmitted(
                report_id=event.report_id,
                source=messages.SOURCES[event.source],
                type_code=event.type_code,
                place=_place(event.place),
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
                place=_place(event.place),
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


def _plan(event: plan_events.Event) -> Message | None:
    """Tell what comes into force and what ends; what is still being written is nobody's plan."""
    match event:
        case plan_events.PlanPublished():
            return plan_pb.PlanPublished(
                plan_id=event.plan_id,
                adcode=event.adcode,
                version=event.version,
                superseded_version=event.supersedes,
                title=event.title,
                body=event.body,
                reference=event.reference,
                occur_time=to_proto(event.occurred_at),
            )
        case plan_events.PlanRetired():
            return plan_pb.PlanRetired(
                plan_id=event.plan_id,
                adcode=event.adcode,
                title=event.title,
                reason=event.reason,
                occur_time=to_proto(event.occurred_at),
            )
        case _:
            return None


def _incident(event: decider.Event) -> Message | None:
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
        case lifecycle.IncidentOpened():
            return pb.IncidentOpened(
                incident_id=event.incident_id,
                title=event.title,
                type_code=event.type_code,
                place=_place(event.place),
                call_time=to_proto(event.reported_at),
                occur_time=occurred,
            )
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
        case tasks.TaskOverdue():
            return task_pb.TaskOverdue(
                incident_id=event.incident_id,
                task_id=event.task_id,
                title=event.title,
                assignee=event.assignee,
                due_time=to_proto(event.due_at),
                occur_time=occurred,
            )
        case tasks.TaskCompleted():
            return task_pb.TaskCompleted(
                incident_id=event.incident_id, task_id=event.task_id, occur_time=occurred
            )
        case tasks.TaskCancelled():
            return task_pb.TaskCancelled(
                incident_id=event.incident_id,
                task_id=event.task_id,
                reason=event.reason,
                occur_time=occurred,
            )
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
        case post.CommandEstablished():
            return pb.CommandEstablished(
                incident_id=event.incident_id,
                commander=event.commander,
                command_post=event.command_post,
                occur_time=occurred,
                effective_time=to_proto(event.effective_at),
            )
        case (
            transfer.TransferProposed()
            | transfer.TransferDeclined()
            | transfer.TransferWithdrawn()
            | transfer.CommandTransferred()
            | transfer.CommandTaken()
        ):
            return _transfer(event)
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
        case series.SituationReportSubmitted():
            return pb.SituationReportSubmitted(
                incident_id=event.incident_id,
                situation_report_id=event.situation_report_id,
                kind=messages.KINDS[event.kind],
                number=event.number,
                recipient=event.recipient,
                occur_time=occurred,
                zero_report=event.zero_report,
                corrects=event.corrects,
            )
        case lifecycle.IncidentClosed():
            return pb.IncidentClosed(incident_id=event.incident_id, occur_time=occurred)
        case lifecycle.IncidentReopened():
            return pb.IncidentReopened(
                incident_id=event.incident_id, reason=event.reason, occur_time=occurred
            )
        case (
            lifecycle.ReportAttached()
            | figures.FigureRecorded()
            | figures.FigureCorrected()
            | figures.FigureWithdrawn()
            | figures.FigureDeclaredAuthoritative()
            | grading.GradeProposed()
            | series.SituationReportSent()
            | series.SituationReportAcknowledged()
            | transfer.BriefingAcknowledged()
            | organisation.HeadquartersEstablished()
            | organisation.HeadquartersClosed()
            | organisation.RoleAssigned()
            | organisation.RoleRelieved()
            | organisation.UnifiedCommandJoined()
            | organisation.UnifiedCommandLeft()
            | response.ResponseApproved()
            | decisions.DecisionStepCompleted()
            | decisions.DissentRecorded()
            | objectives.ObjectiveSet()
            | objectives.ObjectiveProgressReported()
            | objectives.ObjectiveClosed()
            | tasks.TaskAssigned()
            | tasks.TaskAccepted()
            | tasks.TaskProgressReported()
            | tasks.TaskReassigned()
        ):
            return None
        case (
            needs.NeedRaised()
            | needs.NeedCommitted()
            | needs.NeedCommitmentWithdrawn()
            | needs.NeedFulfilled()
            | needs.NeedCancelled()
        ):
            return need_messages.public(event)
        case (
            merge.MergeBegun()
            | merge.MergeAbandoned()
            | merge.IncidentMerged()
            | split.SplitBegun()
            | split.IncidentSplitOff()
            | split.IncidentSplit()
            | links.IncidentLinked()
            | links.IncidentUnlinked()
        ):
            return link_messages.public(event)
        case merge.IncidentAbsorbed():
            return need_messages.taken_over(event) if event.needs else None


def _transfer(
    event: (
        transfer.TransferProposed
        | transfer.TransferDeclined
        | transfer.TransferWithdrawn
        | transfer.CommandTransferred
        | transfer.CommandTaken
    ),
) -> Message:
    occurred = to_proto(event.occurred_at)
    match event:
        case transfer.TransferProposed():
            return pb.TransferProposed(
                incident_id=event.incident_id,
                transfer_id=event.transfer_id,
                outgoing=event.outgoing,
                incoming=event.incoming,
                proposed_by=event.proposed_by,
                reason=event.reason,
                briefing=event.briefing,
                effective_time=to_proto(event.effective_at),
                occur_time=occurred,
            )
        case transfer.TransferDeclined():
            return pb.TransferDeclined(
                incident_id=event.incident_id,
                transfer_id=event.transfer_id,
                outgoing=event.outgoing,
                incoming=event.incoming,
                proposed_by=event.proposed_by,
                reason=event.reason,
                occur_time=occurred,
            )
        case transfer.TransferWithdrawn():
            return pb.TransferWithdrawn(
                incident_id=event.incident_id,
                transfer_id=event.transfer_id,
                outgoing=event.outgoing,
                incoming=event.incoming,
                proposed_by=event.proposed_by,
                reason=event.reason,
                occur_time=occurred,
            )
        case transfer.CommandTransferred():
            return pb.CommandTransferred(
                incident_id=event.incident_id,
                outgoing=event.outgoing,
                incoming=event.incoming,
                occur_time=occurred,
                effective_time=to_proto(event.effective_at),
                concerned=event.concerned,
            )
        case transfer.CommandTaken():
            return pb.CommandTransferred(
                incident_id=event.incident_id,
                outgoing=event.outgoing,
                incoming=event.incoming,
                occur_time=occurred,
                effective_time=to_proto(event.effective_at),
                taken=True,
                reason=event.reason,
                instead_of=event.instead_of,
                concerned=event.concerned,
            )


def _level(level: Level | None) -> incident_pb.ResponseLevel.ValueType:
    return incident_pb.RESPONSE_LEVEL_UNSPECIFIED if level is None else messages.LEVELS[level]


def _place(value: place.Place) -> place_pb2.Place:
    message = place_pb2.Place()
    place.write(message, value)
    return message
