"""Whatever crosses two streams is brought to its end when its public event comes back."""

from __future__ import annotations

from dataclasses import dataclass

from anlan.events.v1 import link_events_pb2 as link_pb
from services.command.policies.merging import Incidents, finish_merge, untangle
from services.command.policies.reports import (
    Reports,
    attach_report,
    open_incident,
    supersede_reports,
)
from services.command.policies.splitting import resume_split
from services.runtime.cause import Cause
from services.runtime.recorded import Recorded
from services.runtime.times import from_proto

SUBJECTS = [
    "anlan.*.report.ReportVerified.>",
    "anlan.*.report.ReportJoined.>",
    "anlan.*.report.CorrectionAnnounced.>",
    "anlan.*.incident.MergeBegun.>",
    "anlan.*.incident.SplitBegun.>",
    "anlan.*.incident.IncidentLinked.>",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finishing:
    reports: Reports
    incidents: Incidents

    async def react(self, event: Recorded) -> None:
        """Do again, under the same command ids, what the RPC did at once unless it died."""
        cause = Cause.resumed(event)
        match event.type.rpartition(".")[2]:
            case "ReportVerified":
                await open_incident(self.reports, self.incidents, event.key, cause)
            case "ReportJoined":
                await attach_report(self.reports, self.incidents, event.key, cause)
            case "CorrectionAnnounced":
                await supersede_reports(self.reports, event.key, cause)
            case "MergeBegun":
                at = from_proto(link_pb.MergeBegun.FromString(event.data).occur_time)
                await finish_merge(self.incidents, event.key, at, cause)
            case "SplitBegun":
                begun = link_pb.SplitBegun.FromString(event.data)
                await resume_split(self.incidents, event.key, begun.new_incident_id, cause)
            case "IncidentLinked":
                at = from_proto(link_pb.IncidentLinked.FromString(event.data).occur_time)
                await untangle(self.incidents, event.key, at, cause)
