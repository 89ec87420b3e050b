"""One row per incident: what every list and every board shows of it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, Connection, Integer, String, Table, Text, update

from services.command.domain.incident import (
    decider,
    facts,
    grading,
    lifecycle,
    post,
    response,
)
from services.command.projections.shared import METADATA, json, place, placed
from services.runtime.recorded import Recorded
from services.runtime.times import micros

INCIDENTS = Table(
    "incident",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("title", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("type_code", String, nullable=False),
    *place(),
    Column("grade", String),
    Column("proposed_grade", String),
    Column("response_mismatched", Boolean, nullable=False, default=False),
    Column("level", String),
    Column("commander", String, nullable=False, default=""),
    Column("command_post", Text, nullable=False, default=""),
    Column("proposed_to", String),
    Column("briefing", Text, nullable=False, default=""),
    Column("proposed_at", BigInteger),
    Column("casualties", Text, nullable=False),
    Column("report_ids", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("reported_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("exercise", String, nullable=False),
    Column("opened_position", BigInteger, nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("position", BigInteger, nullable=False, index=True),
)


def apply(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    """Fold what the event changes in its incident's row, which always tells the last event."""
    if isinstance(event, lifecycle.IncidentOpened):
        connection.execute(INCIDENTS.insert(), _opened(recorded, event))
        return
    if isinstance(event, lifecycle.ReportAttached):
        _attach(connection, event)
    connection.execute(
        update(INCIDENTS)
        .where(INCIDENTS.c.incident_id == recorded.key)
        .values(**_changed(event), revision=recorded.revision, position=recorded.position)
    )


def _changed(event: decider.Event) -> dict[str, object]:
    match event:
        case grading.IncidentGraded():
            return {"grade": event.grade}
        case grading.GradeProposed():
            return {"proposed_grade": event.grade}
        case grading.ResponseMismatched() | grading.ResponseMatched():
            return {"response_mismatched": isinstance(event, grading.ResponseMismatched)}
        case response.ResponseActivated() | response.ResponseLevelChanged():
            return {"level": event.level, "state": "responding"}
        case response.ResponseTerminated():
            return {"level": None, "state": "terminated"}
        case post.CommandEstablished():
            return {"commander": event.commander, "command_post": event.command_post}
        case post.TransferProposed():
            return {
                "proposed_to": event.incoming,
                "briefing": event.briefing,
                "proposed_at": micros(event.occurred_at),
            }
        case post.CommandTransferred():
            return {"commander": event.incoming, "proposed_to": None}
        case lifecycle.IncidentClosed():
            return {"state": "closed", "closed_at": micros(event.occurred_at)}
        case lifecycle.IncidentReopened():
            return {"state": "verified", "closed_at": None}
        case _:
            return {}


def _attach(connection: Connection, event: lifecycle.ReportAttached) -> None:
    known = connection.execute(
        INCIDENTS.select().where(INCIDENTS.c.incident_id == event.incident_id)
    ).one()
    connection.execute(
        update(INCIDENTS)
        .where(INCIDENTS.c.incident_id == event.incident_id)
        .values(report_ids=json([*msgspec.json.decode(known.report_ids), event.report_id]))
    )


def keep_casualties(
    connection: Connection, incident_id: str, standing: Mapping[facts.Metric, int]
) -> None:
    """Keep the casualties of the figures that stand."""
    connection.execute(
        update(INCIDENTS)
        .where(INCIDENTS.c.incident_id == incident_id)
        .values(casualties=json(facts.casualties(standing)))
    )


def _opened(recorded: Recorded, event: lifecycle.IncidentOpened) -> dict[str, object]:
    return {
        "incident_id": event.incident_id,
        "title": event.title,
        "state": "verified",
        "type_code": event.type_code,
        **placed(event.place),
        "casualties": json(event.casualties),
        "report_ids": json([event.report_id]),
        "opened_at": micros(event.occurred_at),
        "reported_at": micros(event.reported_at),
        "exercise": recorded.metadata.get("exercise", ""),
        "opened_position": recorded.position,
        "revision": recorded.revision,
        "position": recorded.position,
    }
