"""What was proposed, given and warned of as an incident's grade, event by event."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, String, Table, Text

from services.command.domain.incident import decider, grading
from services.command.projections.shared import METADATA, json
from services.runtime.recorded import Recorded
from services.runtime.times import micros

GRADING = Table(
    "grading_step",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("kind", String, nullable=False),
    Column("grade", String),
    Column("previous", String),
    Column("proposed", String),
    Column("basis", Text, nullable=False, default=""),
    Column("table_id", String, nullable=False, default=""),
    Column("table_version", String, nullable=False, default=""),
    Column("rule_id", String, nullable=False, default=""),
    Column("numbers", Text, nullable=False, default="{}"),
    Column("facts", Text, nullable=False, default="[]"),
    Column("level", String),
    Column("fitting", Text, nullable=False, default="[]"),
    Column("actor", String, nullable=False),
    Column("reached_at", BigInteger),
    Column("occurred_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("event_id", String, nullable=False),
)


def apply(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    if not isinstance(event, grading.Event):
        return
    row = {
        "incident_id": event.incident_id,
        "position": recorded.position,
        "grade": event.grade,
        "actor": recorded.metadata.get("actor", ""),
        "occurred_at": micros(event.occurred_at),
        "recorded_at": micros(recorded.created_at),
        "event_id": str(recorded.id),
        **_told(event),
    }
    connection.execute(GRADING.insert(), row)


def _told(event: grading.Event) -> dict[str, object]:
    match event:
        case grading.GradeProposed():
            return {"kind": "proposed", **_ruled(event)}
        case grading.IncidentGraded():
            return {"kind": _answer(event), "proposed": event.proposed, **_ruled(event)}
        case grading.ResponseMismatched():
            return {
                "kind": "mismatched",
                "level": event.level,
                "fitting": json(event.fitting),
                "table_version": event.table_version,
            }
        case grading.ResponseMatched():
            return {"kind": "matched", "level": event.level}


def _ruled(event: grading.GradeProposed | grading.IncidentGraded) -> dict[str, object]:
    return {
        "previous": event.previous,
        "basis": event.basis,
        "table_id": event.table_id,
        "table_version": event.table_version,
        "rule_id": event.rule_id,
        "numbers": json(event.numbers),
        "facts": json(event.facts),
        "reached_at": micros(event.reached_at),
    }


def _answer(event: grading.IncidentGraded) -> str:
    if event.proposed is None:
        return "by_hand"
    return "confirmed" if event.proposed is event.grade else "overridden"
