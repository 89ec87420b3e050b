"""Reports and incidents as rows, a module per concern."""

from __future__ import annotations

from sqlalchemy import Connection

from services.command.codec import INCIDENT_CODEC, REPORT_CODEC
from services.command.projections import decisions, incidents, reports, series
from services.command.projections.shared import METADATA
from services.runtime.readmodel import Projection
from services.runtime.recorded import Recorded

CONCERNS = (incidents, decisions, series)


def apply(connection: Connection, recorded: Recorded) -> None:
    """Fold one event into the rows."""
    if recorded.category == "report":
        reports.apply(connection, recorded, REPORT_CODEC.decode(recorded.type, recorded.data))
        return
    event = INCIDENT_CODEC.decode(recorded.type, recorded.data)
    for concern in CONCERNS:
        concern.apply(connection, recorded, event)


COMMAND = Projection(
    name="command.v2", categories=("report", "incident"), tables=METADATA, apply=apply
)
