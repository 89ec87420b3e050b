"""The type strings of stored events.  Append only: what was written once is read for ever."""

from __future__ import annotations

from functools import partial

from services.command.domain import exercise, report
from services.command.domain.incident import (
    decider,
    decisions,
    figures,
    grading,
    lifecycle,
    post,
    response,
    series,
)
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
INCIDENT_CODEC: Codec[decider.Event] = Codec(
    {
        "IncidentOpened.v1": lifecycle.IncidentOpened,
        "ReportAttached.v1": lifecycle.ReportAttached,
        "FigureRecorded.v1": figures.FigureRecorded,
        "FigureCorrected.v1": figures.FigureCorrected,
        "FigureWithdrawn.v1": figures.FigureWithdrawn,
        "FigureDeclaredAuthoritative.v1": figures.FigureDeclaredAuthoritative,
        "IncidentGraded.v1": grading.IncidentGraded,
        "ResponseActivated.v1": response.ResponseActivated,
        "ResponseLevelChanged.v1": response.ResponseLevelChanged,
        "ResponseTerminated.v1": response.ResponseTerminated,
        "CommandEstablished.v1": post.CommandEstablished,
        "TransferProposed.v1": post.TransferProposed,
        "CommandTransferred.v1": post.CommandTransferred,
        "DecisionRecorded.v1": decisions.DecisionRecorded,
        "SituationReportSubmitted.v1": series.SituationReportSubmitted,
        "IncidentClosed.v1": lifecycle.IncidentClosed,
        "IncidentReopened.v1": lifecycle.IncidentReopened,
    }
)
EXERCISE_CODEC: Codec[exercise.Event] = Codec(
    {"ExerciseClockAdvanced.v1": exercise.ExerciseClockAdvanced}
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
