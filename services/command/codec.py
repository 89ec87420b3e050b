"""The type strings of stored events.  Append only: what was written once is read for ever."""

from __future__ import annotations

from services.command.domain import incident, report
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
INCIDENT_CODEC: Codec[incident.Event] = Codec(
    {
        "IncidentOpened.v1": incident.IncidentOpened,
        "ReportAttached.v1": incident.ReportAttached,
        "IncidentGraded.v1": incident.IncidentGraded,
        "ResponseActivated.v1": incident.ResponseActivated,
        "ResponseLevelChanged.v1": incident.ResponseLevelChanged,
        "ResponseTerminated.v1": incident.ResponseTerminated,
        "CommandEstablished.v1": incident.CommandEstablished,
        "TransferProposed.v1": incident.TransferProposed,
        "CommandTransferred.v1": incident.CommandTransferred,
        "DecisionRecorded.v1": incident.DecisionRecorded,
        "SituationReportSubmitted.v1": incident.SituationReportSubmitted,
        "IncidentClosed.v1": incident.IncidentClosed,
        "IncidentReopened.v1": incident.IncidentReopened,
    }
)

REPORT: Decider[report.Command, report.State, report.Event] = Decider(
    category="report",
    initial=report.INITIAL,
    decide=report.decide,
    evolve=report.evolve,
    codec=REPORT_CODEC,
)
INCIDENT: Decider[incident.Command, incident.State, incident.Event] = Decider(
    category="incident",
    initial=incident.INITIAL,
    decide=incident.decide,
    evolve=incident.evolve,
    codec=INCIDENT_CODEC,
)
