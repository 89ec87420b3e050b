"""Whenever a report is verified its incident is opened; whenever one is joined it is attached.

Done at once by the RPC, and again, under the same command id and so without effect, when the
public event comes back: a process that died in between leaves nothing half done.
"""

from __future__ import annotations

from services.command.domain import report
from services.command.domain.incident import decider, lifecycle
from services.command.policies.merging import MERGED, Incidents, entailed, under_way
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler, Written
from services.runtime.rejection import AlreadyExists, Rejection

Reports = CommandHandler[report.Command, report.State, report.Event]

JOINED = "REPORT_JOINED"


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
    """Attach a report that was joined to its incident, or to the one that has replaced it since.

    An incident that was closed in the meantime is opened again: somebody speaks of it.
    """
    joined = await _settled(reports, report_id)
    incident_id = joined.incident_id
    seen = set[str]()
    while True:
        by = cause.actor if incident_id == joined.incident_id else entailed(cause)
        attach = lifecycle.AttachReport(
            by=by,
            incident_id=incident_id,
            report_id=report_id,
            casualties=joined.said.casualties,
            reported_at=joined.said.occurred_at,
            occurred_at=joined.at,
        )
        step = cause.step(f"command.on_report_joined.{report_id}").about(incident_id)
        try:
            return await incidents.handle(incident_id, attach, step)
        except Rejection as refusal:
            if refusal.reason == MERGED:
                seen.add(incident_id)
                incident_id = refusal.context["into_incident_id"]
                if incident_id in seen:
                    raise under_way(incident_id) from None
            elif not await _reopened(incidents, attach, cause):
                raise


async def _reopened(incidents: Incidents, attach: lifecycle.AttachReport, cause: Cause) -> bool:
    """Open an incident again that was closed before a report came to it; tell whether it was."""
    incident_id, report_id = attach.incident_id, attach.report_id
    state = await incidents.state(incident_id)
    if not isinstance(state, decider.Closed):
        return False
    if report_id in state.was.reports or report_id in state.was.splits.gone:
        return False
    reopen = lifecycle.ReopenIncident(
        by=attach.by, incident_id=incident_id, reason=JOINED, occurred_at=attach.occurred_at
    )
    step = cause.step(f"command.reopen_for.{report_id}").about(incident_id)
    await incidents.handle(incident_id, reopen, step)
    return True


async def supersede_reports(reports: Reports, report_id: str, cause: Cause) -> int:
    """Tell the reports that a later one supersedes; return the position of the last."""
    state = await reports.state(report_id)
    if state is None or isinstance(state, report.Expected):
        raise Rejection("REPORT_NOT_SUBMITTED", report_id=report_id)
    position = 0
    for earlier in state.corrects:
        command = report.SupersedeReport(
            report_id=earlier, by_report_id=report_id, occurred_at=state.said.occurred_at
        )
        step = cause.step(f"command.on_report_superseding.{earlier}")
        position = max(position, (await reports.handle(earlier, command, step)).position)
    return position


async def _settled(reports: Reports, report_id: str) -> report.Settled:
    state = await reports.glimpse(report_id)
    if not isinstance(state, report.Settled):  # once settled it stays so
        state = await reports.state(report_id)
    if not isinstance(state, report.Settled) or not state.incident_id:
        raise Rejection("REPORT_NOT_SETTLED", report_id=report_id)
    return state
