"""Situation reports as rows."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, Text

from services.command.domain.incident import decider, series
from services.command.projections.shared import METADATA, json
from services.runtime.recorded import Recorded
from services.runtime.times import micros

SITUATION_REPORTS = Table(
    "situation_report",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("situation_report_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("casualties", Text, nullable=False),
    Column("people_moved", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("submitted_by", String, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
)


def apply(connection: Connection, _recorded: Recorded, event: decider.Event) -> None:
    if isinstance(event, series.SituationReportSubmitted):
        connection.execute(SITUATION_REPORTS.insert(), _situation_report(event))


def _situation_report(event: series.SituationReportSubmitted) -> dict[str, object]:
    return {
        "incident_id": event.incident_id,
        "number": event.number,
        "situation_report_id": event.situation_report_id,
        "kind": event.kind,
        "recipient": event.recipient,
        "casualties": json(event.casualties),
        "people_moved": event.people_moved,
        "text": event.text,
        "submitted_by": event.submitted_by,
        "occurred_at": micros(event.occurred_at),
    }
