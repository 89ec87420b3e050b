"""Reports as rows."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    case,
    update,
)

from services.command.domain import report
from services.command.domain.alert import Alert
from services.command.projections.shared import METADATA, json, place, placed
from services.runtime.recorded import Recorded
from services.runtime.times import micros

RECEIVED, SUPERSEDED = "received", "superseded"

REPORTS = Table(
    "report",
    METADATA,
    Column("report_id", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("source", String, nullable=False),
    Column("reporter", Text, nullable=False),
    Column("callback", String, nullable=False, index=True),
    Column("type_code", String, nullable=False),
    *place(),
    Column("casualties", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("incident_id", String, nullable=False, default=""),
    Column("reject_reason", Text, nullable=False, default=""),
    Column("issuer", Text, nullable=False),
    Column("order_number", Text, nullable=False),
    Column("reply_due_at", BigInteger),
    Column("acknowledged_by", String, nullable=False, default=""),
    Column("acknowledged_at", BigInteger),
    Column("alert", Text, nullable=False),  # what it said of itself, without the document
    Column("supersedes", Text, nullable=False, default="[]"),
    Column("superseded_by", String, nullable=False, default=""),
    Column("superseded_at", BigInteger),
    Column("occurred_at", BigInteger, nullable=False, index=True),
    Column("recorded_at", BigInteger, nullable=False),
    Column("recorded_by", String, nullable=False),
    Column("event_id", String, nullable=False),
    Column("exercise", String, nullable=False),
    Column("opened_position", BigInteger, nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("position", BigInteger, nullable=False, index=True),
)
Index("report_by_incident", REPORTS.c.incident_id)
Index("report_by_point", REPORTS.c.latitude, REPORTS.c.longitude)
Index("report_by_region", REPORTS.c.adcode, REPORTS.c.occurred_at)


def apply(connection: Connection, recorded: Recorded, event: report.Event) -> None:
    changed: dict[str, object] = {}
    match event:
        case report.ReportSubmitted():
            connection.execute(REPORTS.insert(), _submitted(recorded, event))
            return
        case report.CorrectionAnnounced():
            changed = {"supersedes": json(event.corrects)}
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
        case report.ReportSuperseded():
            changed = _superseded(event)
        case report.OrderAcknowledged():
            changed = {
                "acknowledged_by": event.acknowledged_by,
                "acknowledged_at": micros(event.occurred_at),
            }
        case _:
            assert_never(event)
    connection.execute(
        update(REPORTS)
        .where(REPORTS.c.report_id == recorded.key)
        .values(**changed, revision=recorded.revision, position=recorded.position)
    )


def _superseded(event: report.ReportSuperseded) -> dict[str, object]:
    """Point to the report that was said last, whichever came last."""
    column, at = REPORTS.c, micros(event.occurred_at)
    later = (column.superseded_at.is_(None)) | (column.superseded_at <= at)
    return {
        "state": case((column.state == RECEIVED, SUPERSEDED), else_=column.state),
        "superseded_by": case((later, event.by_report_id), else_=column.superseded_by),
        "superseded_at": case((later, at), else_=column.superseded_at),
    }


def _submitted(recorded: Recorded, event: report.ReportSubmitted) -> dict[str, object]:
    order = event.order
    due_at = None if order is None else order.reply_due_at
    return {
        "report_id": event.report_id,
        "state": RECEIVED,
        "source": event.source,
        "reporter": event.reporter,
        "callback": event.callback,
        "type_code": event.type_code,
        **placed(event.place),
        "casualties": json(event.casualties),
        "text": event.text,
        "issuer": "" if order is None else order.issuer,
        "order_number": "" if order is None else order.number,
        "reply_due_at": None if due_at is None else micros(due_at),
        "alert": "" if event.alert is None else json(_told(event.alert)),
        "occurred_at": micros(event.occurred_at),
        "recorded_at": micros(recorded.created_at),
        "recorded_by": recorded.metadata.get("actor", ""),
        "event_id": str(recorded.id),
        "exercise": recorded.metadata.get("exercise", ""),
        "opened_position": recorded.position,
        "revision": recorded.revision,
        "position": recorded.position,
    }


def _told(alert: Alert) -> Alert:
    return replace(alert, document=b"")
