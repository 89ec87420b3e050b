"""Assignments as rows of the board, the incidents that units may be sent to, what they need."""

from __future__ import annotations

from typing import assert_never

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    and_,
    select,
    update,
)

from services.dispatch.codec import ASSIGNMENT_CODEC, INCIDENT_REF_CODEC, NEED_REF_CODEC
from services.dispatch.domain import events, incident_ref, need_ref
from services.dispatch.domain.events import Stage
from services.runtime.readmodel import Projection
from services.runtime.recorded import Recorded
from services.runtime.times import micros

METADATA = MetaData()
# The order of the board: who waits for an acknowledgement too long, who is out, what is over.
OVERDUE, OPEN, CLOSED = 0, 1, 2

ASSIGNMENTS = Table(
    "assignment",
    METADATA,
    Column("assignment_id", String, primary_key=True),
    Column("incident_id", String, nullable=False, index=True),
    Column("unit_id", String, nullable=False, index=True),
    Column("unit_kind", String, nullable=False, default=""),
    Column("state", String, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("destination", Text, nullable=False),
    Column("dispatched_by", String, nullable=False),
    Column("call_at", BigInteger),
    Column("dispatched_at", BigInteger),
    Column("acknowledged_at", BigInteger),
    Column("en_route_at", BigInteger),
    Column("on_scene_at", BigInteger),
    Column("cleared_at", BigInteger),
    Column("acknowledge_due_at", BigInteger),
    Column("close_reason", Text, nullable=False, default=""),
    Column("override_reason", Text, nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("exercise", String, nullable=False),
    Column("opened_position", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("position", BigInteger, nullable=False, index=True),
)
INCIDENTS = Table(
    "incident",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("noted", Boolean, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("replaced_by", String, nullable=False, default=""),
    Column("place", Text, nullable=False),
    Column("call_at", BigInteger),
    Column("version", Integer, nullable=False),
    Column("exercise", String, nullable=False),
    Column("position", BigInteger, nullable=False),
)
NEEDS = Table(
    "need",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("need_id", String, primary_key=True),
    Column("noted", Boolean, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("category", String, nullable=False, default=""),
    Column("item", Text, nullable=False, default=""),
    Column("quantity", BigInteger, nullable=False, default=0),
    Column("unit", String, nullable=False, default=""),
    Column("adcode", String, nullable=False, default=""),
    Column("address", Text, nullable=False, default=""),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("needed_by", BigInteger),
    Column("note", Text, nullable=False, default=""),
    Column("committed", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    Column("raised_at", BigInteger),
    Column("opened_position", BigInteger, nullable=False),
    Column("exercise", String, nullable=False),
    Column("position", BigInteger, nullable=False),
)
Index("need_open", NEEDS.c.ended, NEEDS.c.opened_position)
Index("need_by_position", NEEDS.c.position)
Index("assignment_board", ASSIGNMENTS.c.rank, ASSIGNMENTS.c.opened_position)
Index("assignment_waiting", ASSIGNMENTS.c.state, ASSIGNMENTS.c.acknowledge_due_at)
Index("assignment_dispatched", ASSIGNMENTS.c.exercise, ASSIGNMENTS.c.dispatched_at)


def apply(connection: Connection, recorded: Recorded) -> None:
    """Fold one event into the rows."""
    type_, data = recorded.type, recorded.data
    match recorded.category:
        case "assignment":
            _assignment(connection, recorded, ASSIGNMENT_CODEC.decode(type_, data))
        case "incident_ref":
            _incident(connection, recorded, INCIDENT_REF_CODEC.decode(type_, data))
        case "unit_need":
            _need(connection, recorded, NEED_REF_CODEC.decode(type_, data))


DISPATCH = Projection(
    name="dispatch.v2",
    categories=("assignment", "incident_ref", "unit_need"),
    tables=METADATA,
    apply=apply,
)


def _assignment(connection: Connection, recorded: Recorded, event: events.Event) -> None:
    changed: dict[str, object] = {}
    match event:
        case events.AssignmentRequested():
            connection.execute(ASSIGNMENTS.insert(), _requested(recorded, event))
            return
        case events.AssignmentRefused():
            changed = _closed(Stage.REFUSED, f"{event.reason}: {event.message}")
        case events.UnitDispatched():
            changed = {
                "state": Stage.DISPATCHED,
                "unit_kind": event.unit_kind,
                "dispatched_at": micros(event.occurred_at),
                "acknowledge_due_at": micros(event.acknowledge_due_at),
            }
        case events.AcknowledgementOverdue():
            changed = {"rank": OVERDUE}
        case events.AssignmentAcknowledged():
            changed = _reached(Stage.ACKNOWLEDGED, event)
        case events.UnitEnRoute():
            changed = _reached(Stage.EN_ROUTE, event)
        case events.UnitOnScene():
            changed = _reached(Stage.ON_SCENE, event)
        case events.AssignmentCleared(late=False):
            changed = {
                "cleared_at": micros(event.occurred_at),
                **_closed(Stage.CLEARED, event.disposition),
            }
        case events.AssignmentCleared():
            changed = {"cleared_at": micros(event.occurred_at)}
            _correct_disposition(connection, recorded.key, event.disposition)
        case events.AssignmentDeclined():
            changed = _closed(Stage.DECLINED, event.reason)
        case events.AssignmentCancelled():
            changed = _closed(Stage.CANCELLED, event.reason)
        case events.AssignmentMoved():
            changed = {"incident_id": event.incident_id}
        case _:
            assert_never(event)
    connection.execute(
        update(ASSIGNMENTS)
        .where(ASSIGNMENTS.c.assignment_id == recorded.key)
        .values(**changed, revision=recorded.revision, position=recorded.position)
    )


def _requested(recorded: Recorded, event: events.AssignmentRequested) -> dict[str, object]:
    return {
        "assignment_id": recorded.key,
        "incident_id": event.incident_id,
        "unit_id": event.unit_id,
        "state": Stage.REQUESTED,
        "rank": OPEN,
        "destination": _json(event.destination),
        "dispatched_by": event.requested_by,
        "call_at": None if event.call_at is None else micros(event.call_at),
        "override_reason": event.override_reason,
        "requested_at": micros(recorded.created_at),
        "exercise": recorded.metadata.get("exercise", ""),
        "opened_position": recorded.position,
        "revision": recorded.revision,
        "position": recorded.position,
    }


def _reached(
    stage: Stage, event: events.AssignmentAcknowledged | events.UnitEnRoute | events.UnitOnScene
) -> dict[str, object]:
    said: dict[str, object] = {f"{stage}_at": micros(event.occurred_at)}
    return said if event.late else {**said, "state": stage, "rank": OPEN}


def _closed(stage: Stage, reason: str) -> dict[str, object]:
    return {"state": stage, "rank": CLOSED, "close_reason": reason}


def _correct_disposition(connection: Connection, assignment_id: str, disposition: str) -> None:
    connection.execute(
        update(ASSIGNMENTS)
        .where(ASSIGNMENTS.c.assignment_id == assignment_id, ASSIGNMENTS.c.state == Stage.CLEARED)
        .values(close_reason=disposition)
    )


def _incident(connection: Connection, recorded: Recorded, event: incident_ref.Event) -> None:
    mine = INCIDENTS.c.incident_id == recorded.key
    row = connection.execute(select(INCIDENTS).where(mine)).first()
    known = (
        incident_ref.INITIAL
        if row is None
        else incident_ref.Known(
            version=row.version, noted=row.noted, is_open=row.is_open, into=row.replaced_by
        )
    )
    now = incident_ref.evolve(known, event)
    changed: dict[str, object] = {
        "noted": now.noted,
        "is_open": now.is_open,
        "replaced_by": now.into,
        "version": now.version,
        "position": recorded.position,
    }
    if isinstance(event, incident_ref.IncidentNoted):
        changed |= {"place": _json(event.place), "call_at": micros(event.call_at)}
    if row is not None:
        connection.execute(update(INCIDENTS).where(mine).values(**changed))
        return
    fresh = {
        "incident_id": recorded.key,
        "place": "",
        "exercise": recorded.metadata.get("exercise", ""),
    }
    connection.execute(INCIDENTS.insert(), fresh | changed)


def _need(connection: Connection, recorded: Recorded, event: need_ref.Event) -> None:
    column = NEEDS.c
    mine = and_(column.incident_id == event.incident_id, column.need_id == event.need_id)
    row = connection.execute(select(NEEDS).where(mine)).first()
    known = (
        need_ref.INITIAL
        if row is None
        else need_ref.Known(
            version=row.version,
            noted=row.noted,
            ended=row.ended,
            committed=row.committed,
            remaining=row.remaining,
        )
    )
    now = need_ref.evolve(known, event)
    changed: dict[str, object] = {
        "noted": now.noted,
        "ended": now.ended,
        "version": now.version,
        "committed": now.committed,
        "remaining": now.remaining,
        "position": recorded.position,
    }
    if isinstance(event, need_ref.UnitNeedNoted):
        changed |= _asked(event)
    if row is not None:
        connection.execute(update(NEEDS).where(mine).values(**changed))
        return
    fresh = {
        "incident_id": event.incident_id,
        "need_id": event.need_id,
        "opened_position": recorded.position,
        "exercise": recorded.metadata.get("exercise", ""),
    }
    connection.execute(NEEDS.insert(), fresh | changed)


def _asked(event: need_ref.UnitNeedNoted) -> dict[str, object]:
    return {
        "category": event.category,
        "item": event.item,
        "quantity": event.quantity,
        "unit": event.unit,
        "adcode": event.place.adcode,
        "address": event.place.address,
        "latitude": event.place.latitude,
        "longitude": event.place.longitude,
        "needed_by": None if event.needed_by is None else micros(event.needed_by),
        "note": event.note,
        "raised_at": micros(event.occurred_at),
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
