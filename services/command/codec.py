"""The type strings of stored events.  Append only: what was written once is read for ever."""

from __future__ import annotations

from functools import partial
from typing import Any

from services.command.domain import exercise, report, report_rules
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
from services.command.domain.incident.contents import COURSE
from services.command.domain.incident.decision_classes import GENERAL
from services.command.domain.incident.facts import Metric
from services.command.domain.plan import commands as plan_commands
from services.command.domain.plan import decider as plan
from services.command.domain.plan import events as plan_events
from services.runtime.codec import Codec
from services.runtime.decider import Decider


def _report_v2(old: dict[str, Any]) -> dict[str, Any]:
    """Return a report of the time before orders and alerts, when nobody asked for a number."""
    return {**old, "callback": "", "order": None, "alert": None}


REPORT_CODEC: Codec[report.Event] = Codec(
    {
        "ReportSubmitted.v2": report.ReportSubmitted,
        "CorrectionAnnounced.v1": report.CorrectionAnnounced,
        "ReportVerified.v1": report.ReportVerified,
        "ReportJoined.v1": report.ReportJoined,
        "ReportRejected.v1": report.ReportRejected,
        "ReportSuperseded.v1": report.ReportSuperseded,
        "OrderAcknowledged.v1": report.OrderAcknowledged,
    },
    {"ReportSubmitted.v1": ("ReportSubmitted.v2", _report_v2)},
)


def _decision_v2(old: dict[str, Any]) -> dict[str, Any]:
    """Return a decision of the time before classes: general, and in force when it was recorded."""
    return {
        **old,
        "decision_class": GENERAL,
        "options": [],
        "required_steps": [],
        "steps": [],
        "open_steps": [],
        "urgent": "",
        "complete_by": None,
        "standing": decisions.Standing.EFFECTIVE,
        "awaits_approval": False,
        "dissents": [],
        "revokes": "",
        "rules_version": "",
        "decider_posts": [],
        "jurisdiction": "",
    }


def _situation_report_v2(old: dict[str, Any]) -> dict[str, Any]:
    """Return a report of the time when figures were typed: they rest on no fact."""
    said = {**old["casualties"], Metric.PEOPLE_MOVED: old["people_moved"]}
    kept = ("casualties", "people_moved", "text")
    return {
        **{name: value for name, value in old.items() if name not in kept},
        "form": "",
        "contents": {COURSE: old["text"]},
        "figures": {metric: value for metric, value in said.items() if value},
        "fact_ids": {},
        "explanations": {},
        "zero_report": False,
        "corrects": "",
        "correction_reason": "",
        "owed_to": [],
        "table_version": "",
    }


def _response_v2(old: dict[str, Any]) -> dict[str, Any]:
    """Return a response of the time before plans were kept: its plan and approver are as named."""
    unplanned = {"plan": "", "plan_id": "", "plan_version": 0, "clauses": [], "urgent": ""}
    return {**unplanned, **old, "approval": response.Approval.STATED, "decision_id": ""}


def _terminated_v2(old: dict[str, Any]) -> dict[str, Any]:
    return {
        **old,
        "previous_level": None,
        "plan": "",
        "plan_id": "",
        "plan_version": 0,
        "approval": response.Approval.STATED,
        "decision_id": "",
    }


def _graded_v2(old: dict[str, Any]) -> dict[str, Any]:
    """Return a grade of the time before proposals: given by hand, by whom is in the envelope."""
    return {
        **old,
        "previous": None,
        "proposed": None,
        "table_id": "",
        "table_version": "",
        "rule_id": "",
        "numbers": {},
        "facts": [],
        "graded_by": "",
        "reached_at": old["occurred_at"],
    }


def _established_v2(old: dict[str, Any]) -> dict[str, Any]:
    """Return a command of the time when nobody asked for whom it is held: for the place itself."""
    return {**old, "jurisdiction": old["adcode"], "effective_at": old["occurred_at"]}


def _proposed_v2(old: dict[str, Any]) -> dict[str, Any]:
    """Return a proposal of the time when only the holder made one, without an id."""
    return {
        **old,
        "transfer_id": UNNAMED_TRANSFER,
        "details": {},
        "effective_at": None,
        "proposed_by": old["outgoing"],
        "reason": "",
    }


def _transferred_v2(old: dict[str, Any]) -> dict[str, Any]:
    """Return a transfer of the time when command passed with its acceptance."""
    return {
        **old,
        "transfer_id": UNNAMED_TRANSFER,
        "jurisdiction": old["adcode"],
        "concerned": [old["outgoing"], old["incoming"]],
        "effective_at": old["occurred_at"],
    }


UNNAMED_TRANSFER = "unnamed"
INCIDENT_CODEC: Codec[decider.Event] = Codec(
    {
        "IncidentOpened.v1": lifecycle.IncidentOpened,
        "ReportAttached.v1": lifecycle.ReportAttached,
        "FigureRecorded.v1": figures.FigureRecorded,
        "FigureCorrected.v1": figures.FigureCorrected,
        "FigureWithdrawn.v1": figures.FigureWithdrawn,
        "FigureDeclaredAuthoritative.v1": figures.FigureDeclaredAuthoritative,
        "GradeProposed.v1": grading.GradeProposed,
        "IncidentGraded.v2": grading.IncidentGraded,
        "ResponseMismatched.v1": grading.ResponseMismatched,
        "ResponseMatched.v1": grading.ResponseMatched,
        "ResponseActivated.v2": response.ResponseActivated,
        "ResponseLevelChanged.v2": response.ResponseLevelChanged,
        "ResponseTerminated.v2": response.ResponseTerminated,
        "ResponseApproved.v1": response.ResponseApproved,
        "CommandEstablished.v2": post.CommandEstablished,
        "TransferProposed.v2": transfer.TransferProposed,
        "BriefingAcknowledged.v1": transfer.BriefingAcknowledged,
        "CommandTransferred.v2": transfer.CommandTransferred,
        "TransferDeclined.v1": transfer.TransferDeclined,
        "TransferWithdrawn.v1": transfer.TransferWithdrawn,
        "CommandTaken.v1": transfer.CommandTaken,
        "HeadquartersEstablished.v1": organisation.HeadquartersEstablished,
        "HeadquartersClosed.v1": organisation.HeadquartersClosed,
        "RoleAssigned.v1": organisation.RoleAssigned,
        "RoleRelieved.v1": organisation.RoleRelieved,
        "UnifiedCommandJoined.v1": organisation.UnifiedCommandJoined,
        "UnifiedCommandLeft.v1": organisation.UnifiedCommandLeft,
        "DecisionRecorded.v2": decisions.DecisionRecorded,
        "DecisionStepCompleted.v1": decisions.DecisionStepCompleted,
        "DecisionApproved.v1": decisions.DecisionApproved,
        "DecisionRejected.v1": decisions.DecisionRejected,
        "DissentRecorded.v1": decisions.DissentRecorded,
        "DecisionRevoked.v1": decisions.DecisionRevoked,
        "SituationReportSubmitted.v2": series.SituationReportSubmitted,
        "SituationReportSent.v1": series.SituationReportSent,
        "SituationReportAcknowledged.v1": series.SituationReportAcknowledged,
        "ObjectiveSet.v1": objectives.ObjectiveSet,
        "ObjectiveProgressReported.v1": objectives.ObjectiveProgressReported,
        "ObjectiveClosed.v1": objectives.ObjectiveClosed,
        "TaskAssigned.v1": tasks.TaskAssigned,
        "TaskAccepted.v1": tasks.TaskAccepted,
        "TaskProgressReported.v1": tasks.TaskProgressReported,
        "TaskCompleted.v1": tasks.TaskCompleted,
        "TaskCancelled.v1": tasks.TaskCancelled,
        "TaskReassigned.v1": tasks.TaskReassigned,
        "TaskOverdue.v1": tasks.TaskOverdue,
        "NeedRaised.v1": needs.NeedRaised,
        "NeedCommitted.v1": needs.NeedCommitted,
        "NeedCommitmentWithdrawn.v1": needs.NeedCommitmentWithdrawn,
        "NeedFulfilled.v1": needs.NeedFulfilled,
        "NeedCancelled.v1": needs.NeedCancelled,
        "MergeBegun.v1": merge.MergeBegun,
        "IncidentAbsorbed.v1": merge.IncidentAbsorbed,
        "IncidentMerged.v1": merge.IncidentMerged,
        "MergeAbandoned.v1": merge.MergeAbandoned,
        "SplitBegun.v1": split.SplitBegun,
        "IncidentSplitOff.v1": split.IncidentSplitOff,
        "IncidentSplit.v1": split.IncidentSplit,
        "IncidentLinked.v1": links.IncidentLinked,
        "IncidentUnlinked.v1": links.IncidentUnlinked,
        "IncidentClosed.v1": lifecycle.IncidentClosed,
        "IncidentReopened.v1": lifecycle.IncidentReopened,
        "MilestoneRecorded.v1": deadlines.MilestoneRecorded,
        "NoticeRecorded.v1": deadlines.NoticeRecorded,
        "DeadlineStarted.v1": deadlines.DeadlineStarted,
        "DeadlineRebased.v1": deadlines.DeadlineRebased,
        "DeadlineWarned.v1": deadlines.DeadlineWarned,
        "DeadlineMissed.v1": deadlines.DeadlineMissed,
        "DeadlineMet.v1": deadlines.DeadlineMet,
        "DeadlineLifted.v1": deadlines.DeadlineLifted,
        "ConcealmentSuspected.v1": deadlines.ConcealmentSuspected,
    },
    {
        "CommandEstablished.v1": ("CommandEstablished.v2", _established_v2),
        "TransferProposed.v1": ("TransferProposed.v2", _proposed_v2),
        "CommandTransferred.v1": ("CommandTransferred.v2", _transferred_v2),
        "DecisionRecorded.v1": ("DecisionRecorded.v2", _decision_v2),
        "IncidentGraded.v1": ("IncidentGraded.v2", _graded_v2),
        "ResponseActivated.v1": ("ResponseActivated.v2", _response_v2),
        "ResponseLevelChanged.v1": ("ResponseLevelChanged.v2", _response_v2),
        "ResponseTerminated.v1": ("ResponseTerminated.v2", _terminated_v2),
        "SituationReportSubmitted.v1": ("SituationReportSubmitted.v2", _situation_report_v2),
    },
)
EXERCISE_CODEC: Codec[exercise.Event] = Codec(
    {"ExerciseClockAdvanced.v1": exercise.ExerciseClockAdvanced}
)
PLAN_CODEC: Codec[plan_events.Event] = Codec(
    {
        "PlanDrafted.v1": plan_events.PlanDrafted,
        "PlanRevised.v1": plan_events.PlanRevised,
        "PlanReviewed.v1": plan_events.PlanReviewed,
        "PlanAssessed.v1": plan_events.PlanAssessed,
        "PlanPublished.v1": plan_events.PlanPublished,
        "PlanFiled.v1": plan_events.PlanFiled,
        "PlanExercised.v1": plan_events.PlanExercised,
        "PlanRetired.v1": plan_events.PlanRetired,
    }
)

REPORT: Decider[report.Command, report.State, report.Event] = Decider(
    category="report",
    initial=report.INITIAL,
    decide=report_rules.decide,
    evolve=report_rules.evolve,
    codec=REPORT_CODEC,
)
EXERCISE: Decider[exercise.Command, exercise.State, exercise.Event] = Decider(
    category="exercise",
    initial=exercise.INITIAL,
    decide=exercise.decide,
    evolve=exercise.evolve,
    codec=EXERCISE_CODEC,
)
PLAN: Decider[plan_commands.Command, plan.State, plan_events.Event] = Decider(
    category="plan",
    initial=plan.INITIAL,
    decide=plan.decide,
    evolve=plan.evolve,
    codec=PLAN_CODEC,
)


def incident_decider(
    rules: decider.Rules,
) -> Decider[decider.Command, decider.State, decider.Event]:
    return Decider(
        category="incident",
        initial=decider.INITIAL,
        decide=partial(decider.decide, rules),
        evolve=decider.evolve,
        codec=INCIDENT_CODEC,
    )
