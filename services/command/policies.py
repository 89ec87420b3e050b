"""Whenever a report is verified its incident is opened; whenever one is joined it is attached.

Done at once by the RPC, and again, under the same command id and so without effect, when the
public event comes back: a process that died in between leaves nothing half done.
"""

from __future__ import annotations

from services.command.domain import report
from services.command.domain.incident import decider, lifecycle
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler, Written
from services.runtime.rejection import AlreadyExists, Rejection

Reports = CommandHandler[report.Command, report.State, report.Event]
Incidents = CommandHandler[decider.Command, decider.State, decider.Event]


async def open_incident(
    reports: Reports, incidents: Incidents, report_id: str, cause: Cause
) -> Written:
    """Open the incident of a report that was verified, or join one that was quicker."""
    verified = await _settled(reports, report_id)
    said = verified.said
    command = lifecycle.OpenIncident(
        by=cause.actor,
        incident_id=verified.incident_id,
        title=verified.title,
        type_code=verified.type_code,
        place=said.place,
        report_id=report_id,
        casualties=said.casualties,
        reported_at=said.occurred_at,
        occurred_at=verified.at,
    )
    opening = cause.step(f"command.on_report_verified.{report_id}")
    try:
        return await incidents.handle(verified.incident_id, command, opening)
    except AlreadyExists:  # two reports were verified at once as the same incident
        return await attach_report(reports, incidents, report_id, cause)


async def attach_report(
    reports: Reports, incidents: Incidents, report_id: str, cause: Cause
) -> Written:
    """Attach a report that was joined to its incident."""
    joined = await _settled(reports, report_id)
    command = lifecycle.AttachReport(
        by=cause.actor,
        incident_id=joined.incident_id,
        report_id=report_id,
        casualties=joined.said.casualties,
        reported_at=joined.said.occurred_at,
        occurred_at=joined.at,
    )
    return await incidents.handle(
        joined.incident_id, command, cause.step(f"command.on_report_joined.{report_id}")
    )


async def _settled(reports: Reports, report_id: str) -> report.Settled:
    state = await reports.glimpse(report_id)
    if not isinstance(state, report.Settled):  # once settled it stays so
        state = await reports.state(report_id)
    if not isinstance(state, report.Settled) or not state.incident_id:
        raise Rejection("REPORT_NOT_SETTLED", report_id=report_id)
    return state
