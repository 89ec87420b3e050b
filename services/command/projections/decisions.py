"""Decisions as rows."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, String, Table, Text

from services.command.domain.incident import decider, decisions
from services.command.projections.shared import METADATA, json
from services.runtime.recorded import Recorded
from services.runtime.times import micros

DECISIONS = Table(
    "decision",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("decision_id", String, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("approver", Text, nullable=False),
    Column("authority", Text, nullable=False),
    Column("decided_by", String, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
)


def apply(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    if isinstance(event, decisions.DecisionRecorded):
        connection.execute(DECISIONS.insert(), _decision(recorded, event))


def _decision(recorded: Recorded, event: decisions.DecisionRecorded) -> dict[str, object]:
    return {
        "incident_id": event.incident_id,
        "position": recorded.position,
        "decision_id": event.decision_id,
        "subject": event.subject,
        "text": event.text,
        "basis": json(event.basis),
        "approver": event.approver,
        "authority": event.authority,
        "decided_by": event.decided_by,
        "occurred_at": micros(event.occurred_at),
    }
