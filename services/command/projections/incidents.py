"""One row per incident: what every list and every board shows of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    and_,
    bindparam,
    case,
    null,
    select,
    update,
)

from services.command.domain.incident import (
    decider,
    facts,
    grading,
    lifecycle,
    merge,
    post,
    response,
    split,
    transfer,
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
    Column("plan", Text, nullable=False, default=""),
    Column("plan_id", String, nullable=False, default=""),
    Column("plan_version", Integer, nullable=False, default=0),
    Column("activated_at", BigInteger),
    Column("awaited_level", String),  # ordered in haste, not approved yet
    Column("commander", String, nullable=False, default=""),
    Column("command_post", Text, nullable=False, default=""),
    Column("proposed_to", String),
    Column("briefing", Text, nullable=False, default=""),
    Column("proposed_at", BigInteger),
    Column("transfer_id", String, nullable=False, default=""),
    Column("acknowledged_at", BigInteger),
    Column("effective_at", BigInteger),  # as proposed
    Column("successor", String, nullable=False, default=""),  # commands from successor_at on
    Column("accepted_at", BigInteger),
    Column("successor_at", BigInteger),
    Column("casualties", Text, nullable=False),
    Column("report_ids", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("reported_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("replaced_by", String, nullable=False, default=""),
    Column("exercise", String, nullable=False),
    Column("opened_position", BigInteger, nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("position", BigInteger, nullable=False, index=True),
)
FILTERED = ("state", "type_code", "adcode", "grade", "level", "latitude", "opened_at", "exercise")
for name in FILTERED:
    Index(f"incident_by_{name}", INCIDENTS.c[name], INCIDENTS.c.opened_position)
# Built once: building a statement costs more than running it.
CHANGE = update(INCIDENTS).where(INCIDENTS.c.incident_id == bindparam("own"))


def apply(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    """Fold what the event changes in its incident's row, which always tells the last event."""
    if isinstance(event, lifecycle.IncidentOpened):
        connection.execute(INCIDENTS.insert(), _opened(recorded, event))
        return
    if isinstance(event, lifecycle.ReportAttached):
        _keep_reports(connection, event.incident_id, come=[event.report_id])
    elif isinstance(event, split.SplitBegun):
        gone = [report.report_id for report in event.reports]
        _keep_reports(connection, event.incident_id, gone=gone)
    elif isinstance(event, merge.IncidentAbsorbed):
        _keep_reports(connection, event.incident_id, come=event.reports)
        said = micros(event.reported_at)
        connection.execute(
            update(INCIDENTS)
            .where(INCIDENTS.c.incident_id == event.incident_id, INCIDENTS.c.reported_at > said)
            .values(reported_at=said)
        )
    elif isinstance(event, response.ResponseApproved):
        awaited = update(INCIDENTS).where(INCIDENTS.c.incident_id == recorded.key)
        connection.execute(awaited.values(awaited_level=_awaited_after(event)))
    trace = {"revision": recorded.revision, "position": recorded.position}
    connection.execute(CHANGE, {**_changed(event), **trace, "own": recorded.key})


def _changed(event: decider.Event) -> dict[str, object]:
    match event:
        case grading.IncidentGraded():
            return {"grade": event.grade}
        case grading.GradeProposed():
            return {"proposed_grade": event.grade}
        case grading.ResponseMismatched() | grading.ResponseMatched():
            return {"response_mismatched": isinstance(event, grading.ResponseMismatched)}
        case response.ResponseActivated() | response.ResponseLevelChanged():
            return {"level": event.level, "state": "responding", **_ordered(event)}
        case response.ResponseTerminated():
            return {"level": None, "state": "terminated"}
        case post.CommandEstablished():
            return {"commander": event.commander, "command_post": event.command_post}
        case transfer.TransferProposed(effective_at=named):
            return {
                "proposed_to": event.incoming,
                "briefing": event.briefing,
                "proposed_at": micros(event.occurred_at),
                "transfer_id": event.transfer_id,
                "acknowledged_at": None,
                "effective_at": None if named is None else micros(named),
            }
        case transfer.BriefingAcknowledged():
            return {"acknowledged_at": micros(event.occurred_at)}
        case transfer.TransferDeclined() | transfer.TransferWithdrawn():
            return {"proposed_to": None}
        case transfer.CommandTransferred() | transfer.CommandTaken():
            return {
                "commander": event.outgoing,
                "proposed_to": None,
                "successor": event.incoming,
                "accepted_at": micros(event.occurred_at),
                "successor_at": micros(event.effective_at),
            }
        case lifecycle.IncidentClosed():
            return {"state": "closed", "closed_at": micros(event.occurred_at)}
        case lifecycle.IncidentReopened():
            return {"state": "verified", "closed_at": None}
        case merge.IncidentMerged():
            return {"state": "merged", "replaced_by": event.into}
        case _:
            return {}


def _ordered(
    event: response.ResponseActivated | response.ResponseLevelChanged,
) -> dict[str, object]:
    """Return the plan, which only an activation chooses, and whose approval is still to come."""
    awaited = event.approval is response.Approval.AWAITED
    changed: dict[str, object] = {"awaited_level": event.level if awaited else None}
    if isinstance(event, response.ResponseActivated):
        plan = {"plan": event.plan, "plan_id": event.plan_id, "plan_version": event.plan_version}
        return {**changed, **plan, "activated_at": micros(event.occurred_at)}
    return changed


def _awaited_after(event: response.ResponseApproved) -> ColumnElement[str | None]:
    column = INCIDENTS.c
    settled = and_(
        column.awaited_level == event.level,
        column.plan_id == event.plan_id,
        column.plan_version == event.plan_version,
    )
    return case((settled, null()), else_=column.awaited_level)


def _keep_reports(
    connection: Connection,
    incident_id: str,
    come: Collection[str] = (),
    gone: Collection[str] = (),
) -> None:
    mine = INCIDENTS.c.incident_id == incident_id
    known = msgspec.json.decode(
        connection.execute(select(INCIDENTS.c.report_ids).where(mine)).scalar_one()
    )
    report_ids = [key for key in dict.fromkeys([*known, *come]) if key not in gone]
    connection.execute(update(INCIDENTS).where(mine).values(report_ids=json(report_ids)))


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
