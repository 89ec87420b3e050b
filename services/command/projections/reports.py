"""Reports as rows."""

from __future__ import annotations

from typing import assert_never

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, String, Table, Text, update

from services.command.domain import report
from services.command.projections.shared import METADATA, json, place, placed
from services.runtime.recorded import Recorded
from services.runtime.times import micros

REPORTS = Table(
    "report",
    METADATA,
    Column("report_id", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("source", String, nullable=False),
    Column("reporter", Text, nullable=False),
    Column("type_code", String, nullable=False),
    *place(),
    Column("casualties", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("incident_id", String, nullable=False, default=""),
    Column("reject_reason", Text, nullable=False, default=""),
    Column("occurred_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("recorded_by", String, nullable=False),
    Column("event_id", String, nullable=False),
    Column("exercise", String, nullable=False),
    Column("opened_position", BigInteger, nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("position", BigInteger, nullable=False, index=True),
)
Index("report_by_incident", REPORTS.c.incident_id)


def apply(connection: Connection, recorded: Recorded, event: report.Event) -> None:
    changed: dict[str, object] = {}
    match event:
        case report.ReportSubmitted():
            connection.execute(
                REPORTS.insert(),
                {
                    "report_id": event.report_id,
                    "state": "received",
                    "source": event.source,
                    "reporter": event.reporter,
                    "type_code": event.type_code,
                    **placed(event.place),
                    "casualties": json(event.casualties),
                    "text": event.text,
                    "occurred_at": micros(event.occurred_at),
                    "recorded_at": micros(recorded.created_at),
                    "recorded_by": recorded.metadata.get("actor", ""),
                    "event_id": str(recorded.id),
                    "exercise": recorded.metadata.get("exercise", ""),
                    "opened_position": recorded.position,
                    "revision": recorded.revision,
                    "position": recorded.position,
                },
            )
            return
        case report.ReportVerified():
            changed = {
                "state": "verified",
                "incident_id": event.incident_id,
                "type_code": event.type_code,
            }
        case report.ReportJoined():
            changed = {"state": "joined", "incident_id": event.incident_id}
        case report.ReportRejected():
            changed = {"state": "rejected", "reject_reason": event.reason}
        case _:
            assert_never(event)
    connection.execute(
        update(REPORTS)
        .where(REPORTS.c.report_id == recorded.key)
        .values(**changed, revision=recorded.revision, position=recorded.position)
    )
