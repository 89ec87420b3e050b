"""Assignments as rows of the board: who is in danger first, then who does not answer."""

from __future__ import annotations

from functools import cache
from typing import Any, assert_never

import msgspec
from sqlalchemy import ColumnElement, Connection, Update, bindparam, case, or_, update

from services.dispatch.codec import ASSIGNMENT_CODEC
from services.dispatch.domain import events
from services.dispatch.domain.assignment.ways import ORDER
from services.dispatch.domain.events import Stage
from services.dispatch.projections.tables import (
    ASSIGNMENTS,
    CLOSED,
    MAYDAY,
    OPEN,
    OVERDUE,
    PLANNED,
)
from services.runtime.place import Place
from services.runtime.recorded import Recorded
from services.runtime.times import micros

ENDINGS = (
    Stage.CLEARED,
    Stage.DECLINED,
    Stage.CANCELLED,
    Stage.REFUSED,
    Stage.DIVERTED,
    Stage.WITHDRAWN,
)
# Built once: building a statement costs more than running it.
BEGIN = ASSIGNMENTS.insert()
RANKING = frozenset({"state", "overdue", "mayday", "asks"})
TIMES = {stage: f"{stage}_at" for stage in ORDER[1:]}


def apply(connection: Connection, recorded: Recorded) -> None:
    event = ASSIGNMENT_CODEC.decode(recorded.type, recorded.data)
    match event:
        case events.AssignmentPreplanned():
            row = _begun(recorded, event, Stage.PREPLANNED)
            connection.execute(BEGIN, row | {"preplanned_at": micros(event.dispatch_at)})
        case events.AssignmentRequested() if recorded.revision == 0:
            row = _begun(recorded, event, Stage.REQUESTED)
            connection.execute(BEGIN, row | {"diverted_from": event.diverted_from})
        case events.AssignmentCleared(late=True):
            _correct_disposition(connection, recorded.key, event.disposition)
            _change(connection, recorded, _told(recorded, event))
        case _:
            _change(connection, recorded, _changed(recorded, event))


def _changed(recorded: Recorded, event: events.Event) -> dict[str, Any]:
    match event:
        case events.AssignmentPreplanned() | events.AssignmentRequested():
            return {"state": Stage.REQUESTED, "requested_at": micros(recorded.created_at)}
        case events.AssignmentRefused():
            closed = _closed(Stage.REFUSED, f"{event.reason}: {event.message}")
            return closed | {"asks": event.asks}
        case events.RefusalAnswered():
            return {"asks": False, "refusal_answer": event.answer}
        case events.UnitDispatched():
            return {
                "state": Stage.DISPATCHED,
                "unit_kind": event.unit_kind,
                "dispatched_at": micros(event.occurred_at),
                "acknowledge_due_at": micros(event.acknowledge_due_at),
            }
        case events.AcknowledgementOverdue():
            return {"overdue": True}
        case events.AssignmentAcknowledged():
            return _reached(recorded, Stage.ACKNOWLEDGED, event)
        case events.UnitEnRoute():
            return _reached(recorded, Stage.EN_ROUTE, event)
        case events.UnitStaged():
            return _reached(recorded, Stage.STAGED, event)
        case events.UnitOnScene():
            return _reached(recorded, Stage.ON_SCENE, event)
        case events.UnitTransporting():
            carried = {"transport_to": event.to} if event.to else {}
            return _reached(recorded, Stage.TRANSPORTING, event) | carried
        case events.UnitAtDestination():
            return _reached(recorded, Stage.AT_DESTINATION, event)
        case events.ActionInitiated():
            return {"initiating_action_at": micros(event.occurred_at)}
        case events.AssignmentOverridden():
            return _set_back(event)
        case events.AssignmentCleared():
            return _told(recorded, event) | _closed(Stage.CLEARED, event.disposition)
        case events.AssignmentDeclined():
            return _closed(Stage.DECLINED, event.reason)
        case events.AssignmentCancelled():
            return _closed(Stage.CANCELLED, event.reason)
        case events.AssignmentDiverted():
            closed = _closed(Stage.DIVERTED, event.reason)
            return closed | {"diverted_to": event.to_assignment_id}
        case events.AssignmentWithdrawn():
            at = micros(event.occurred_at)
            return _closed(Stage.WITHDRAWN, event.reason) | {"withdrawn_at": at}
        case events.AssignmentMoved():
            return {"incident_id": event.incident_id}
        case events.CrewHandedOver():
            return {
                "crew_leader": event.incoming,
                "crew": event.crew,
                "handed_over_at": micros(event.occurred_at),
            }
        case events.MaydayDeclared():
            return {
                "mayday": True,
                "mayday_situation": event.situation,
                "mayday_by": event.declared_by,
                "mayday_at": micros(event.occurred_at),
            }
        case events.MaydayResolved():
            return {"mayday": False, "mayday_situation": "", "mayday_by": "", "mayday_at": None}
        case _:
            assert_never(event)


def _change(connection: Connection, recorded: Recorded, changed: dict[str, Any]) -> None:
    ranking = {f"new_{name}": value for name, value in changed.items() if name in RANKING}
    trace = {"revision": recorded.revision, "position": recorded.position, "own": recorded.key}
    connection.execute(_change_of(frozenset(ranking)), changed | ranking | trace)


@cache
def _change_of(ranking: frozenset[str]) -> Update:
    """Return the statement of a change; with what the rank rests on, the rank changes too."""
    statement = update(ASSIGNMENTS).where(ASSIGNMENTS.c.assignment_id == bindparam("own"))
    return statement.values(rank=_rank(ranking)) if ranking else statement


def _rank(ranking: frozenset[str]) -> ColumnElement[int]:
    def now(name: str) -> ColumnElement[Any]:
        column = ASSIGNMENTS.c[name]
        return bindparam(f"new_{name}", type_=column.type) if f"new_{name}" in ranking else column

    return case(
        (now("mayday").is_(True), MAYDAY),
        (now("asks").is_(True), OVERDUE),
        (or_(*(now("state") == ending for ending in ENDINGS)), CLOSED),
        (now("state") == Stage.PREPLANNED, PLANNED),
        (now("overdue").is_(True), OVERDUE),
        else_=OPEN,
    )


def _begun(
    recorded: Recorded,
    event: events.AssignmentPreplanned | events.AssignmentRequested,
    stage: Stage,
) -> dict[str, Any]:
    return {
        "assignment_id": recorded.key,
        "incident_id": event.incident_id,
        "incident_type": event.incident_type,
        "unit_id": event.unit_id,
        "state": stage,
        "rank": PLANNED if stage is Stage.PREPLANNED else OPEN,
        "overdue": False,
        "mayday": False,
        "asks": False,
        "destination": _json(event.destination),
        "dispatched_by": event.requested_by,
        "call_at": None if event.call_at is None else micros(event.call_at),
        **_call(event),
        "override_reason": event.override_reason,
        "requested_at": micros(recorded.created_at),
        "exercise": recorded.metadata.get("exercise", ""),
        "opened_position": recorded.position,
        "revision": recorded.revision,
        "position": recorded.position,
    }


def _call(event: events.AssignmentPreplanned | events.AssignmentRequested) -> dict[str, Any]:
    if isinstance(event, events.AssignmentPreplanned) or event.call is None:
        return {}
    moments = {
        "first_answered_at": event.call.first_answered_at,
        "rang_at": event.call.rang_at,
        "answered_at": event.call.answered_at,
    }
    return {name: None if at is None else micros(at) for name, at in moments.items()}


def _reached(recorded: Recorded, stage: Stage, event: events.Progress) -> dict[str, Any]:
    said = {
        TIMES[stage]: micros(event.occurred_at),
        "last_source": event.source,
        "last_recorded_at": micros(recorded.created_at),
        "last_late": event.late,
    }
    return said if event.late else said | {"state": stage, "overdue": False}


def _told(recorded: Recorded, event: events.AssignmentCleared) -> dict[str, Any]:
    return {
        "cleared_at": micros(event.occurred_at),
        "last_source": event.source,
        "last_recorded_at": micros(recorded.created_at),
        "last_late": event.late,
    }


def _set_back(event: events.AssignmentOverridden) -> dict[str, Any]:
    beyond = ORDER[ORDER.index(event.to) :] if event.to in ORDER else ()
    unsaid: dict[str, Any] = {TIMES[stage]: None for stage in beyond}
    if Stage.ON_SCENE in beyond:
        unsaid["initiating_action_at"] = None
    return unsaid | {"state_override_reason": event.reason}


def _closed(stage: Stage, reason: str) -> dict[str, Any]:
    return {"state": stage, "overdue": False, "close_reason": reason}


def _correct_disposition(connection: Connection, assignment_id: str, disposition: str) -> None:
    connection.execute(
        update(ASSIGNMENTS)
        .where(ASSIGNMENTS.c.assignment_id == assignment_id, ASSIGNMENTS.c.state == Stage.CLEARED)
        .values(close_reason=disposition)
    )


def _json(place: Place) -> str:
    return msgspec.json.encode(place).decode()
