"""Situation reports as rows, and where each was sent."""

from __future__ import annotations

from typing import assert_never

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    update,
)

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
    Column("adcode", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("form", String, nullable=False),
    Column("contents", Text, nullable=False),
    Column("figures", Text, nullable=False),
    Column("fact_ids", Text, nullable=False),
    Column("explanations", Text, nullable=False),
    Column("zero_report", Boolean, nullable=False),
    Column("corrects", String, nullable=False),
    Column("correction_reason", Text, nullable=False),
    Column("corrected_by", String, nullable=False, default=""),
    Column("owed_to", Text, nullable=False),
    Column("table_version", String, nullable=False),
    Column("submitted_by", String, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("exercise", String, nullable=False),
    Column("submitted_position", BigInteger, nullable=False, index=True),
    Column("position", BigInteger, nullable=False, index=True),
)
Index("situation_report_by_id", SITUATION_REPORTS.c.incident_id, "situation_report_id")
SENDINGS = Table(
    "situation_report_sending",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("situation_report_id", String, primary_key=True),
    Column("sending_id", String, primary_key=True),
    Column("recipient", Text, nullable=False),
    Column("recipient_key", String, nullable=False),
    Column("tier", String),
    Column("means", String, nullable=False),
    Column("sent_by", String, nullable=False),
    Column("note", Text, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("acknowledged_by", Text),
    Column("reference_number", Text, nullable=False, default=""),
    Column("acknowledged_at", BigInteger),
    Column("position", BigInteger, nullable=False),
)


def apply(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    """Fold what becomes of a report; its own sendings and receipts move its position."""
    if not isinstance(event, series.Event):
        return
    about = SITUATION_REPORTS.c.incident_id == event.incident_id
    match event:
        case series.SituationReportSubmitted():
            connection.execute(SITUATION_REPORTS.insert(), _situation_report(recorded, event))
            connection.execute(
                update(SITUATION_REPORTS)
                .where(about, SITUATION_REPORTS.c.situation_report_id == event.corrects)
                .values(corrected_by=event.situation_report_id)
            )
            return
        case series.SituationReportSent():
            connection.execute(SENDINGS.insert(), _sending(recorded, event))
        case series.SituationReportAcknowledged():
            connection.execute(
                update(SENDINGS)
                .where(SENDINGS.c.incident_id == event.incident_id)
                .where(SENDINGS.c.situation_report_id == event.situation_report_id)
                .where(SENDINGS.c.sending_id == event.sending_id)
                .values(
                    acknowledged_by=event.acknowledged_by,
                    reference_number=event.reference_number,
                    acknowledged_at=micros(event.occurred_at),
                )
            )
        case _:
            assert_never(event)
    connection.execute(
        update(SITUATION_REPORTS)
        .where(about, SITUATION_REPORTS.c.number == event.number)
        .values(position=recorded.position)
    )


def _situation_report(
    recorded: Recorded, event: series.SituationReportSubmitted
) -> dict[str, object]:
    return {
        "incident_id": event.incident_id,
        "number": event.number,
        "situation_report_id": event.situation_report_id,
        "adcode": event.adcode,
        "kind": event.kind,
        "recipient": event.recipient,
        "form": event.form,
        "contents": json(event.contents),
        "figures": json(event.figures),
        "fact_ids": json(event.fact_ids),
        "explanations": json(event.explanations),
        "zero_report": event.zero_report,
        "corrects": event.corrects,
        "correction_reason": event.correction_reason,
        "owed_to": json(event.owed_to),
        "table_version": event.table_version,
        "submitted_by": event.submitted_by,
        "occurred_at": micros(event.occurred_at),
        "recorded_at": micros(recorded.created_at),
        "exercise": recorded.metadata.get("exercise", ""),
        "submitted_position": recorded.position,
        "position": recorded.position,
    }


def _sending(recorded: Recorded, event: series.SituationReportSent) -> dict[str, object]:
    return {
        "incident_id": event.incident_id,
        "situation_report_id": event.situation_report_id,
        "sending_id": event.sending_id,
        "recipient": event.recipient,
        "recipient_key": event.recipient_key,
        "tier": event.tier,
        "means": event.means,
        "sent_by": event.sent_by,
        "note": event.note,
        "sent_at": micros(event.occurred_at),
        "position": recorded.position,
    }
