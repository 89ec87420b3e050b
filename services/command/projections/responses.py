"""What was ordered and approved of responses, as rows: one for each act."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, Text, func, select

from services.command.domain.incident import decider
from services.command.domain.incident.response import (
    Event,
    ResponseActivated,
    ResponseApproved,
    ResponseLevelChanged,
    ResponseTerminated,
)
from services.command.projections.shared import METADATA
from services.runtime.recorded import Recorded
from services.runtime.times import micros

ACTIVATED, CHANGED, TERMINATED, APPROVED = "activated", "changed", "terminated", "approved"

RESPONSE_ACTS = Table(
    "response_act",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("kind", String, nullable=False),
    Column("activation", Integer, nullable=False),  # which of the incident, from 1; 0 before it
    Column("level", String),
    Column("plan", Text, nullable=False, default=""),
    Column("plan_id", String, nullable=False),
    Column("plan_version", Integer, nullable=False),
    Column("approver", Text, nullable=False),
    Column("approval", String, nullable=False, default=""),
    Column("decision_id", String, nullable=False, default=""),
    Column("occurred_at", BigInteger, nullable=False),
)


def apply(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    if isinstance(event, Event):
        activation = _activations(connection, event.incident_id)
        if isinstance(event, ResponseActivated):
            activation += 1
        row = {
            "incident_id": event.incident_id,
            "position": recorded.position,
            "activation": activation,
            "plan_id": event.plan_id,
            "plan_version": event.plan_version,
            "occurred_at": micros(event.occurred_at),
            **_act(event),
        }
        connection.execute(RESPONSE_ACTS.insert(), row)


def _act(event: Event) -> dict[str, object]:
    if isinstance(event, ResponseApproved):
        return {"kind": APPROVED, "level": event.level, "approver": event.approved_by}
    ordered = {
        "plan": event.plan,
        "approver": event.approver,
        "approval": event.approval,
        "decision_id": event.decision_id,
    }
    match event:
        case ResponseActivated():
            return {"kind": ACTIVATED, "level": event.level, **ordered}
        case ResponseLevelChanged():
            return {"kind": CHANGED, "level": event.level, **ordered}
        case ResponseTerminated():
            return {"kind": TERMINATED, "level": None, **ordered}


def _activations(connection: Connection, incident_id: str) -> int:
    column = RESPONSE_ACTS.c
    newest = select(func.max(column.activation)).where(column.incident_id == incident_id)
    return int(connection.scalar(newest) or 0)
