"""Roll calls: who was called, who has answered, who is missing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, assert_never

import msgspec
from sqlalchemy import Connection, select, update

from services.dispatch.codec import ROLL_CALL_CODEC
from services.dispatch.domain import roll_call
from services.dispatch.projections.tables import ROLL_CALLS
from services.runtime.recorded import Recorded
from services.runtime.times import micros

RUNNING, COMPLETED, ENDED = "running", "completed", "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One of those who were called; ``answered_at`` is None while it is silent."""

    assignment_id: str
    unit_id: str
    expected: int = 0
    present: int = 0
    names: tuple[str, ...] = ()
    answered_by: str = ""
    source: str = ""
    answered_at: int | None = None


def units_of(row: Any) -> tuple[Unit, ...]:
    return msgspec.json.decode(row.units, type=tuple[Unit, ...])


def apply(connection: Connection, recorded: Recorded) -> None:
    event = ROLL_CALL_CODEC.decode(recorded.type, recorded.data)
    mine = ROLL_CALLS.c.roll_call_id == recorded.key
    changed: dict[str, Any]
    match event:
        case roll_call.RollCallStarted():
            connection.execute(ROLL_CALLS.insert(), _started(recorded, event))
            return
        case roll_call.UnitAccounted() | roll_call.PersonnelMissing():
            row = connection.execute(select(ROLL_CALLS.c.units).where(mine)).one()
            units = tuple(
                _answered(unit, event) if unit.unit_id == event.unit_id else unit
                for unit in units_of(row)
            )
            changed = _counted(units)
        case roll_call.RollCallOverdue():
            changed = {"overdue": True}
        case roll_call.RollCallCompleted():
            changed = {"state": COMPLETED, "ended_at": micros(event.occurred_at)}
        case roll_call.RollCallEnded():
            changed = {
                "state": ENDED,
                "ended_at": micros(event.occurred_at),
                "end_reason": event.reason,
            }
        case roll_call.RollCallMoved():
            changed = {
                "incident_id": event.incident_id,
                "from_incident_id": event.from_incident_id,
            }
        case _:
            assert_never(event)
    connection.execute(
        update(ROLL_CALLS)
        .where(mine)
        .values(**changed, revision=recorded.revision, position=recorded.position)
    )


def _started(recorded: Recorded, event: roll_call.RollCallStarted) -> dict[str, Any]:
    units = tuple(
        Unit(assignment_id=unit.assignment_id, unit_id=unit.unit_id) for unit in event.units
    )
    return {
        "roll_call_id": recorded.key,
        "incident_id": event.incident_id,
        "adcode": event.adcode,
        "state": RUNNING,
        "overdue": False,
        **_counted(units),
        "reason": event.reason,
        "started_by": event.started_by,
        "started_at": micros(event.occurred_at),
        "due_at": micros(event.due_at),
        "exercise": recorded.metadata.get("exercise", ""),
        "opened_position": recorded.position,
        "revision": recorded.revision,
        "position": recorded.position,
    }


def _answered(unit: Unit, event: roll_call.UnitAccounted | roll_call.PersonnelMissing) -> Unit:
    if isinstance(event, roll_call.PersonnelMissing):
        return replace(unit, names=event.names)
    return replace(
        unit,
        expected=event.expected,
        present=event.present,
        names=(),
        answered_by=event.answered_by,
        source=event.source,
        answered_at=micros(event.occurred_at),
    )


def _counted(units: tuple[Unit, ...]) -> dict[str, Any]:
    return {
        "units": msgspec.json.encode(units).decode(),
        "missing": sum(unit.expected - unit.present for unit in units),
        "silent": sum(unit.answered_at is None for unit in units),
    }
