"""What the world may know of incidents."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import incident_events_pb2 as pb
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
from services.command.relay.command_post import of_post
from services.command.relay.deadlines import of_deadline
from services.command.relay.decisions import of_decision
from services.command.relay.links import of_link
from services.command.relay.needs import of_need, taken_over
from services.command.relay.responses import of_grading, of_response
from services.command.relay.tasks import of_task
from services.command.servicer import messages
from services.runtime.times import to_proto


def of_incident(event: decider.Event) -> Message | None:
    occurred = to_proto(event.occurred_at)
    match event:
        case lifecycle.IncidentOpened():
            return pb.IncidentOpened(
                incident_id=event.incident_id,
                title=event.title,
                type_code=event.type_code,
                place=messages.place_message(event.place),
                call_time=to_proto(event.reported_at),
                occur_time=occurred,
            )
        case lifecycle.IncidentClosed():
            return pb.IncidentClosed(incident_id=event.incident_id, occur_time=occurred)
        case lifecycle.IncidentReopened():
            return pb.IncidentReopened(
                incident_id=event.incident_id, reason=event.reason, occur_time=occurred
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
        case (
            grading.GradeProposed()
            | grading.IncidentGraded()
            | grading.ResponseMismatched()
            | grading.ResponseMatched()
        ):
            return of_grading(event)
        case (
            response.ResponseActivated()
            | response.ResponseLevelChanged()
            | response.ResponseTerminated()
            | response.ResponseApproved()
        ):
            return of_response(event)
        case (
            post.CommandEstablished()
            | transfer.TransferProposed()
            | transfer.BriefingAcknowledged()
            | transfer.CommandTransferred()
            | transfer.TransferDeclined()
            | transfer.TransferWithdrawn()
            | transfer.CommandTaken()
            | organisation.HeadquartersEstablished()
            | organisation.HeadquartersClosed()
            | organisation.RoleAssigned()
            | organisation.RoleRelieved()
            | organisation.UnifiedCommandJoined()
            | organisation.UnifiedCommandLeft()
        ):
            return of_post(event)
        case (
            decisions.DecisionRecorded()
            | decisions.DecisionStepCompleted()
            | decisions.DecisionApproved()
            | decisions.DecisionRejected()
            | decisions.DissentRecorded()
            | decisions.DecisionRevoked()
        ):
            return of_decision(event)
        case (
            tasks.TaskAssigned()
            | tasks.TaskAccepted()
            | tasks.TaskProgressReported()
            | tasks.TaskCompleted()
            | tasks.TaskCancelled()
            | tasks.TaskReassigned()
            | tasks.TaskOverdue()
        ):
            return of_task(event)
        case (
            needs.NeedRaised()
            | needs.NeedCommitted()
            | needs.NeedCommitmentWithdrawn()
            | needs.NeedFulfilled()
            | needs.NeedCancelled()
        ):
            return of_need(event)
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
            return of_link(event)
        case merge.IncidentAbsorbed():
            return taken_over(event) if event.needs else None
        case (
            deadlines.MilestoneRecorded()
            | deadlines.NoticeRecorded()
            | deadlines.DeadlineStarted()
            | deadlines.DeadlineRebased()
            | deadlines.DeadlineWarned()
            | deadlines.DeadlineMissed()
            | deadlines.DeadlineMet()
            | deadlines.DeadlineLifted()
            | deadlines.ConcealmentSuspected()
        ):
            return of_deadline(event)
        case (
            lifecycle.ReportAttached()
            | figures.FigureRecorded()
            | figures.FigureCorrected()
            | figures.FigureWithdrawn()
            | figures.FigureDeclaredAuthoritative()
            | series.SituationReportSent()
            | series.SituationReportAcknowledged()
            | objectives.ObjectiveSet()
            | objectives.ObjectiveProgressReported()
            | objectives.ObjectiveClosed()
        ):
            return None
