"""Assignments as rows of the board."""

from __future__ import annotations

from typing import assert_never

import msgspec
from sqlalchemy import Connection, update

from services.dispatch.codec import ASSIGNMENT_CODEC
from services.dispatch.domain import events
from services.dispatch.domain.events import Stage
from services.dispatch.projections.tables import ASSIGNMENTS, CLOSED, OPEN, OVERDUE
from services.runtime.recorded import Recorded
from services.runtime.times import micros


def apply(connection: Connection, recorded: Recorded) -> None:
    event = ASSIGNMENT_CODEC.decode(recorded.type, recorded.data)
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
        "destination": msgspec.json.encode(event.destination).decode(),
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
