"""Statutory clocks as rows, what became of each, and what an inspector would find."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
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

from services.command.domain.incident import deadlines, decider
from services.command.projections.shared import METADATA
from services.runtime.recorded import Recorded
from services.runtime.times import micros


class DeadlineState(StrEnum):
    OPEN = "open"
    OVERDUE = "overdue"  # missed, and still owed
    MET = "met"
    LATE = "late"  # missed, and met afterwards
    MISSED = "missed"  # and nothing can meet it any more
    LIFTED = "lifted"


OWED = (DeadlineState.OPEN, DeadlineState.OVERDUE)

DEADLINES = Table(
    "statutory_deadline",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("deadline_id", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("clock", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("rule", String, nullable=False),
    Column("rules_version", String, nullable=False),
    Column("law", Text, nullable=False),
    Column("owed_by", String, nullable=False),
    Column("recipient", String, nullable=False),
    Column("recipient_name", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("percent", Integer, nullable=False, default=0),
    Column("mark", Integer),  # the next to ring, at mark_at
    Column("mark_at", BigInteger, index=True),
    Column("cause_id", String, nullable=False),  # the event that set the marks
    Column("missed_recorded_at", BigInteger),
    Column("evidence_kind", String),
    Column("evidence", String, nullable=False, default=""),
    Column("evidence_number", Integer, nullable=False, default=0),
    Column("means", String, nullable=False, default=""),
    Column("met_at", BigInteger),
    Column("met_recorded_at", BigInteger),
    Column("lifted", String),
    Column("adcode", String, nullable=False),
    Column("exercise", String, nullable=False),
    Column("position", BigInteger, nullable=False, index=True),
)
Index("statutory_deadline_due", DEADLINES.c.state, DEADLINES.c.due_at)

STEPS = Table(
    "statutory_deadline_step",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("deadline_id", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("event_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("rule", String, nullable=False, default=""),
    Column("started_at", BigInteger),
    Column("due_at", BigInteger),
    Column("previous_due_at", BigInteger),
    Column("why", String),
    Column("percent", Integer, nullable=False, default=0),
    Column("evidence_kind", String),
    Column("evidence", String, nullable=False, default=""),
    Column("evidence_number", Integer, nullable=False, default=0),
    Column("means", String, nullable=False, default=""),
)

FINDINGS = Table(
    "finding",
    METADATA,
    Column("position", BigInteger, primary_key=True),  # of the event that it was found by
    Column("incident_id", String, nullable=False),
    Column("finding_id", String, nullable=False),
    Column("deadline_id", String),  # of what was missed; a suspicion has none
    Column("situation_report_id", String, nullable=False, default=""),
    Column("number", Integer, nullable=False, default=0),
    Column("recipient", Text, nullable=False, default=""),
    Column("metric", String),
    Column("fact_id", String, nullable=False, default=""),
    Column("source", Text, nullable=False, default=""),
    Column("known_value", BigInteger, nullable=False, default=0),
    Column("known_at", BigInteger),
    Column("reported_value", BigInteger, nullable=False, default=0),
    Column("occurred_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("adcode", String, nullable=False),
    Column("exercise", String, nullable=False),
)
Index("finding_by_incident", FINDINGS.c.incident_id)

Change = (
    deadlines.DeadlineRebased
    | deadlines.DeadlineWarned
    | deadlines.DeadlineMissed
    | deadlines.DeadlineMet
    | deadlines.DeadlineLifted
)
Step = deadlines.DeadlineStarted | Change


def apply(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    if isinstance(event, deadlines.ConcealmentSuspected):
        connection.execute(FINDINGS.insert(), _concealment(recorded, event))
    elif isinstance(event, deadlines.DeadlineStarted):
        connection.execute(DEADLINES.insert(), _started(recorded, event))
        connection.execute(STEPS.insert(), _step(recorded, event))
    elif isinstance(event, Change):
        connection.execute(
            update(DEADLINES)
            .where(
                DEADLINES.c.incident_id == event.incident_id,
                DEADLINES.c.deadline_id == event.deadline_id,
            )
            .values(**_changed(recorded, event), position=recorded.position)
        )
        connection.execute(STEPS.insert(), _step(recorded, event))
        if isinstance(event, deadlines.DeadlineMissed):
            connection.execute(FINDINGS.insert(), _missed(recorded, event))


def _changed(recorded: Recorded, event: Change) -> dict[str, object]:
    column = DEADLINES.c
    missed = column.missed_recorded_at.is_not(None)
    match event:
        case deadlines.DeadlineRebased():
            return {
                "name": event.name,
                "rule": event.rule,
                "rules_version": event.rules_version,
                "law": event.law,
                "started_at": micros(event.started_at),
                "due_at": micros(event.due_at),
                "cause_id": str(recorded.id),
                **_mark(event.started_at, event.due_at, event.percent),
            }
        case deadlines.DeadlineWarned():
            return {
                "percent": event.percent,
                **_mark(event.started_at, event.due_at, event.percent),
            }
        case deadlines.DeadlineMissed():
            return {
                "state": case(
                    (column.met_at.is_not(None), DeadlineState.LATE), else_=DeadlineState.OVERDUE
                ),
                "percent": deadlines.EXPIRY,
                "missed_recorded_at": micros(recorded.created_at),
                **STOPPED,
            }
        case deadlines.DeadlineMet():
            return {
                "state": case((missed, DeadlineState.LATE), else_=DeadlineState.MET),
                "met_at": micros(event.occurred_at),
                "met_recorded_at": micros(recorded.created_at),
                **_evidence(event),
                **STOPPED,
            }
        case deadlines.DeadlineLifted():
            return {
                "state": case((missed, DeadlineState.MISSED), else_=DeadlineState.LIFTED),
                "lifted": event.why,
                **STOPPED,
            }
        case _:
            assert_never(event)


STOPPED: Mapping[str, object] = {"mark": None, "mark_at": None}


def _mark(started_at: datetime, due_at: datetime, rung: int) -> dict[str, object]:
    mark = deadlines.next_mark(started_at, due_at, rung)
    return {"mark": mark.percent, "mark_at": micros(mark.at)}


def _started(recorded: Recorded, event: deadlines.DeadlineStarted) -> dict[str, object]:
    return {
        "incident_id": event.incident_id,
        "deadline_id": event.deadline_id,
        "state": DeadlineState.OPEN,
        "clock": event.clock,
        "number": event.number,
        "name": event.name,
        "rule": event.rule,
        "rules_version": event.rules_version,
        "law": event.law,
        "owed_by": event.owed_by,
        "recipient": event.recipient,
        "recipient_name": event.recipient_name,
        "started_at": micros(event.started_at),
        "due_at": micros(event.due_at),
        **_mark(event.started_at, event.due_at, 0),
        "cause_id": str(recorded.id),
        "adcode": event.adcode,
        "exercise": recorded.metadata.get("exercise", ""),
        "position": recorded.position,
    }


def _evidence(event: deadlines.DeadlineMet) -> dict[str, object]:
    return {
        "evidence_kind": event.kind,
        "evidence": event.evidence,
        "evidence_number": event.number,
        "means": event.means,
    }


def _step(recorded: Recorded, event: Step) -> dict[str, object]:
    """Return a step of the history; what an event says nothing of is left empty."""
    said: dict[str, object] = {}
    match event:
        case deadlines.DeadlineStarted():
            said = {"rule": event.rule, "started_at": micros(event.started_at)}
        case deadlines.DeadlineRebased():
            said = {
                "rule": event.rule,
                "started_at": micros(event.started_at),
                "previous_due_at": micros(event.previous_due_at),
                "why": event.why,
            }
        case deadlines.DeadlineWarned():
            said = {"percent": event.percent}
        case deadlines.DeadlineMet():
            said = _evidence(event)
        case deadlines.DeadlineLifted():
            said = {"why": event.why}
        case deadlines.DeadlineMissed():
            said = {"percent": deadlines.EXPIRY}
        case _:
            assert_never(event)
    if isinstance(event, deadlines.DeadlineStarted | deadlines.DeadlineRebased):
        said["due_at"] = micros(event.due_at)
    return {
        "incident_id": event.incident_id,
        "deadline_id": event.deadline_id,
        "position": recorded.position,
        "event_id": str(recorded.id),
        "kind": STEP_KINDS[type(event)],
        "occurred_at": micros(event.occurred_at),
        "recorded_at": micros(recorded.created_at),
        **said,
    }


STEP_KINDS: Mapping[type[Step], str] = {
    deadlines.DeadlineStarted: "started",
    deadlines.DeadlineRebased: "rebased",
    deadlines.DeadlineWarned: "warned",
    deadlines.DeadlineMissed: "missed",
    deadlines.DeadlineMet: "met",
    deadlines.DeadlineLifted: "lifted",
}


def _missed(recorded: Recorded, event: deadlines.DeadlineMissed) -> dict[str, object]:
    return {
        **_finding(recorded, event),
        "finding_id": event.deadline_id,
        "deadline_id": event.deadline_id,
    }


def _concealment(recorded: Recorded, event: deadlines.ConcealmentSuspected) -> dict[str, object]:
    return {
        **_finding(recorded, event),
        "finding_id": f"{event.situation_report_id}.{event.fact_id}",
        "situation_report_id": event.situation_report_id,
        "number": event.number,
        "recipient": event.recipient,
        "metric": event.metric,
        "fact_id": event.fact_id,
        "source": event.source,
        "known_value": event.known_value,
        "known_at": micros(event.known_at),
        "reported_value": event.reported_value,
    }


def _finding(
    recorded: Recorded, event: deadlines.DeadlineMissed | deadlines.ConcealmentSuspected
) -> dict[str, object]:
    return {
        "position": recorded.position,
        "incident_id": event.incident_id,
        "occurred_at": micros(event.occurred_at),
        "recorded_at": micros(recorded.created_at),
        "adcode": event.adcode,
        "exercise": recorded.metadata.get("exercise", ""),
    }
