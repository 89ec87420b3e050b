"""Reports, incidents, decisions and situation reports as rows."""

from __future__ import annotations

from typing import assert_never

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    update,
)

from services.command.codec import INCIDENT_CODEC, REPORT_CODEC
from services.command.domain import incident, report
from services.runtime.place import Place
from services.runtime.readmodel import Projection
from services.runtime.recorded import Recorded
from services.runtime.times import micros

METADATA = MetaData()


def _place() -> tuple[Column[str], Column[str], Column[float], Column[float]]:
    return (
        Column("adcode", String, nullable=False),
        Column("address", Text, nullable=False),
        Column("latitude", Float),
        Column("longitude", Float),
    )


REPORTS = Table(
    "report",
    METADATA,
    Column("report_id", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("source", String, nullable=False),
    Column("reporter", Text, nullable=False),
    Column("type_code", String, nullable=False),
    *_place(),
    Column("casualties", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("incident_id", String, nullable=False, default=""),
    Column("reject_reason", Text, nullable=False, default=""),
    Column("occurred_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("exercise", String, nullable=False),
    Column("opened_position", BigInteger, nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("position", BigInteger, nullable=False, index=True),
)
INCIDENTS = Table(
    "incident",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("title", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("type_code", String, nullable=False),
    *_place(),
    Column("grade", String),
    Column("level", String),
    Column("commander", String, nullable=False, default=""),
    Column("command_post", Text, nullable=False, default=""),
    Column("proposed_to", String),
    Column("briefing", Text, nullable=False, default=""),
    Column("proposed_at", BigInteger),
    Column("casualties", Text, nullable=False),
    Column("casualties_at", BigInteger, nullable=False),
    Column("report_ids", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("reported_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("exercise", String, nullable=False),
    Column("opened_position", BigInteger, nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("position", BigInteger, nullable=False, index=True),
)
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
Index("report_by_incident", REPORTS.c.incident_id)


def apply(connection: Connection, recorded: Recorded) -> None:
    """Fold one event into the rows."""
    if recorded.category == "report":
        _report(connection, recorded, REPORT_CODEC.decode(recorded.type, recorded.data))
    else:
        _incident(connection, recorded, INCIDENT_CODEC.decode(recorded.type, recorded.data))


COMMAND = Projection(
    name="command.v1", categories=("report", "incident"), tables=METADATA, apply=apply
)


def _report(connection: Connection, recorded: Recorded, event: report.Event) -> None:
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
                    **_placed(event.place),
                    "casualties": _json(event.casualties),
                    "text": event.text,
                    "occurred_at": micros(event.occurred_at),
                    "recorded_at": micros(recorded.created_at),
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


def _incident(connection: Connection, recorded: Recorded, event: incident.Event) -> None:
    changed: dict[str, object] = {}
    match event:
        case incident.IncidentOpened():
            connection.execute(INCIDENTS.insert(), _opened(recorded, event))
            return
        case incident.ReportAttached():
            _attach(connection, event)
        case incident.IncidentGraded():
            changed = {"grade": event.grade}
        case incident.ResponseActivated() | incident.ResponseLevelChanged():
            changed = {"level": event.level, "state": "responding"}
        case incident.ResponseTerminated():
            changed = {"level": None, "state": "terminated"}
        case incident.CommandEstablished():
            changed = {"commander": event.commander, "command_post": event.command_post}
        case incident.TransferProposed():
            changed = {
                "proposed_to": event.incoming,
                "briefing": event.briefing,
                "proposed_at": micros(event.occurred_at),
            }
        case incident.CommandTransferred():
            changed = {"commander": event.incoming, "proposed_to": None}
        case incident.DecisionRecorded():
            connection.execute(DECISIONS.insert(), _decision(recorded, event))
        case incident.SituationReportSubmitted():
            connection.execute(SITUATION_REPORTS.insert(), _situation_report(event))
            _newer_casualties(connection, event)
        case incident.IncidentClosed():
            changed = {"state": "closed", "closed_at": micros(event.occurred_at)}
        case incident.IncidentReopened():
            changed = {"state": "verified", "closed_at": None}
        case _:
            assert_never(event)
    connection.execute(
        update(INCIDENTS)
        .where(INCIDENTS.c.incident_id == recorded.key)
        .values(**changed, revision=recorded.revision, position=recorded.position)
    )


def _attach(connection: Connection, event: incident.ReportAttached) -> None:
    known = connection.execute(
        INCIDENTS.select().where(INCIDENTS.c.incident_id == event.incident_id)
    ).one()
    connection.execute(
        update(INCIDENTS)
        .where(INCIDENTS.c.incident_id == event.incident_id)
        .values(report_ids=_json([*msgspec.json.decode(known.report_ids), event.report_id]))
    )
    _newer_casualties(connection, event)


def _newer_casualties(
    connection: Connection, event: incident.ReportAttached | incident.SituationReportSubmitted
) -> None:
    """Keep the figures that were said last, whenever they arrived."""
    said = event.reported_at if isinstance(event, incident.ReportAttached) else event.occurred_at
    connection.execute(
        update(INCIDENTS)
        .where(INCIDENTS.c.incident_id == event.incident_id)
        .where(INCIDENTS.c.casualties_at <= micros(said))
        .values(casualties=_json(event.casualties), casualties_at=micros(said))
    )


def _opened(recorded: Recorded, event: incident.IncidentOpened) -> dict[str, object]:
    return {
        "incident_id": event.incident_id,
        "title": event.title,
        "state": "verified",
        "type_code": event.type_code,
        **_placed(event.place),
        "casualties": _json(event.casualties),
        "casualties_at": micros(event.reported_at),
        "report_ids": _json([event.report_id]),
        "opened_at": micros(event.occurred_at),
        "reported_at": micros(event.reported_at),
        "exercise": recorded.metadata.get("exercise", ""),
        "opened_position": recorded.position,
        "revision": recorded.revision,
        "position": recorded.position,
    }


def _decision(recorded: Recorded, event: incident.DecisionRecorded) -> dict[str, object]:
    return {
        "incident_id": event.incident_id,
        "position": recorded.position,
        "decision_id": event.decision_id,
        "subject": event.subject,
        "text": event.text,
        "basis": _json(event.basis),
        "approver": event.approver,
        "authority": event.authority,
        "decided_by": event.decided_by,
        "occurred_at": micros(event.occurred_at),
    }


def _situation_report(event: incident.SituationReportSubmitted) -> dict[str, object]:
    return {
        "incident_id": event.incident_id,
        "number": event.number,
        "situation_report_id": event.situation_report_id,
        "kind": event.kind,
        "recipient": event.recipient,
        "casualties": _json(event.casualties),
        "people_moved": event.people_moved,
        "text": event.text,
        "submitted_by": event.submitted_by,
        "occurred_at": micros(event.occurred_at),
    }


def _placed(place: Place) -> dict[str, object]:
    return {
        "adcode": place.adcode,
        "address": place.address,
        "latitude": place.latitude,
        "longitude": place.longitude,
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
