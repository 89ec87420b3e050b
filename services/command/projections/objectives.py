"""Objectives as rows."""

from __future__ import annotations

from typing import Any, assert_never

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    String,
    Table,
    Text,
    and_,
    bindparam,
    select,
    update,
)

from services.command.domain.incident import decider, objectives
from services.command.domain.incident.objectives import ObjectiveState
from services.command.projections.shared import METADATA
from services.runtime.recorded import Recorded
from services.runtime.times import micros

OBJECTIVES = Table(
    "objective",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("objective_id", String, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("measure", Text, nullable=False),
    Column("due_at", BigInteger),
    Column("state", String, nullable=False),
    Column("percent", Integer, nullable=False, default=0),
    Column("note", Text, nullable=False, default=""),
    Column("reported_at", BigInteger),
    Column("set_by", String, nullable=False),
    Column("set_at", BigInteger, nullable=False),
    Column("closed_by", String, nullable=False, default=""),
    Column("closed_at", BigInteger),
    Column("close_note", Text, nullable=False, default=""),
    Column("opened_position", BigInteger, nullable=False, index=True),
    Column("position", BigInteger, nullable=False),
)

# Built once: building a statement costs more than running it.
MINE = and_(
    OBJECTIVES.c.incident_id == bindparam("about"),
    OBJECTIVES.c.objective_id == bindparam("objective"),
)
ROW, CHANGE = select(OBJECTIVES).where(MINE), update(OBJECTIVES).where(MINE)


def apply(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    if isinstance(event, objectives.ObjectiveSet):
        connection.execute(OBJECTIVES.insert(), _set(recorded, event))
    elif isinstance(event, objectives.Event):
        mine = {"about": event.incident_id, "objective": event.objective_id}
        row = connection.execute(ROW, mine).one()
        changed = {**_changed(row, event), "position": recorded.position}
        connection.execute(CHANGE, mine | changed)


def _changed(row: Any, event: objectives.Event) -> dict[str, object]:
    at = micros(event.occurred_at)
    match event:
        case objectives.ObjectiveSet():
            return {}
        case objectives.ObjectiveProgressReported():
            if row.reported_at is not None and at < row.reported_at:  # said before what stands
                return {}
            return {"percent": event.percent, "note": event.note, "reported_at": at}
        case objectives.ObjectiveClosed():
            return {
                "state": event.outcome,
                "closed_by": event.closed_by,
                "closed_at": at,
                "close_note": event.note,
            }
        case _:
            assert_never(event)


def _set(recorded: Recorded, event: objectives.ObjectiveSet) -> dict[str, object]:
    return {
        "incident_id": event.incident_id,
        "objective_id": event.objective_id,
        "kind": event.kind,
        "text": event.text,
        "measure": event.measure,
        "due_at": None if event.due_at is None else micros(event.due_at),
        "state": ObjectiveState.OPEN,
        "set_by": event.set_by,
        "set_at": micros(event.occurred_at),
        "opened_position": recorded.position,
        "position": recorded.position,
    }
