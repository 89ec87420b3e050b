"""The type strings of stored events.  Append only: what was written once is read for ever."""

from __future__ import annotations

from functools import partial
from typing import Any

from services.command.domain import exercise, report
from services.command.domain.incident import (
    decider,
    decisions,
    figures,
    grading,
    lifecycle,
    needs,
    objectives,
    post,
    response,
    series,
    tasks,
)
from services.command.domain.incident.contents import COURSE
from services.command.domain.incident.decision_classes import GENERAL
from services.command.domain.incident.facts import Metric
from services.command.domain.plan import commands as plan_commands
from services.command.domain.plan import decider as plan
from services.command.domain.plan import events as plan_events
from services.runtime.codec import Codec
from services.runtime.decider import Decider

REPORT_CODEC: Codec[report.Event] = Codec(
    {
        "ReportSubmitted.v1": report.ReportSubmitted,
        "ReportVerified.v1": report.ReportVerified,
        "ReportJoined.v1": report.ReportJoined,
        "ReportRejected.v1": report.ReportRejected,
    }
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
        "ResponseActivated.v1": response.ResponseActivated,
        "ResponseLevelChanged.v1": response.ResponseLevelChanged,
        "ResponseTerminated.v1": response.ResponseTerminated,
        "CommandEstablished.v1": post.CommandEstablished,
        "TransferProposed.v1": post.TransferProposed,
        "CommandTransferred.v1": post.CommandTransferred,
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
        "IncidentClosed.v1": lifecycle.IncidentClosed,
        "IncidentReopened.v1": lifecycle.IncidentReopened,
    },
    {
        "DecisionRecorded.v1": ("DecisionRecorded.v2", _decision_v2),
        "IncidentGraded.v1": ("IncidentGraded.v2", _graded_v2),
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
    decide=report.decide,
    evolve=report.evolve,
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
