"""Between rows of roll calls and messages: green, warning or critical by versioned timers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from anlan.dispatch.v1 import accountability_service_pb2 as pb
from services.dispatch.domain.events import Source
from services.dispatch.projections.roll_calls import COMPLETED, ENDED, RUNNING, Unit, units_of
from services.dispatch.servicer import messages
from services.runtime.times import micros, stamp

STATES = {
    RUNNING: pb.ROLL_CALL_STATE_RUNNING,
    COMPLETED: pb.ROLL_CALL_STATE_COMPLETED,
    ENDED: pb.ROLL_CALL_STATE_ENDED,
}
GREEN = pb.ACCOUNTABILITY_STATUS_GREEN
WARNING = pb.ACCOUNTABILITY_STATUS_WARNING
CRITICAL = pb.ACCOUNTABILITY_STATUS_CRITICAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Accountability:
    """How long a unit may take to answer, and after which share of that it is warned of."""

    version: str
    source: str
    answer_within_s: float
    warning_share: float
    withdrawn_counted_s: float


def message(row: Any, timers: Accountability, now: datetime) -> pb.RollCall:
    at = min(micros(now), row.ended_at) if row.ended_at is not None else micros(now)
    units = [_unit(unit, row, timers, at) for unit in units_of(row)]
    return pb.RollCall(
        roll_call_id=row.roll_call_id,
        incident_id=row.incident_id,
        from_incident_id=row.from_incident_id,
        state=STATES[row.state],
        status=max((unit.status for unit in units), default=GREEN),
        units=units,
        silent=row.silent,
        missing=row.missing,
        overdue=row.overdue,
        reason=row.reason,
        started_by=row.started_by,
        start_time=stamp(row.started_at),
        due_time=stamp(row.due_at),
        end_time=stamp(row.ended_at),
        end_reason=row.end_reason,
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
    )


def _unit(unit: Unit, row: Any, timers: Accountability, at: int) -> pb.RollCall.Unit:
    answered = unit.answered_at is not None
    return pb.RollCall.Unit(
        assignment_id=unit.assignment_id,
        unit_id=unit.unit_id,
        answered=answered,
        expected=unit.expected,
        present=unit.present,
        missing_names=unit.names,
        answered_by=unit.answered_by,
        source=messages.SOURCES[Source(unit.source or Source.UNSAID)],
        answer_time=stamp(unit.answered_at),
        status=_status(unit, row, timers, at),
    )


def _status(
    unit: Unit, row: Any, timers: Accountability, at: int
) -> pb.AccountabilityStatus.ValueType:
    if unit.answered_at is not None:
        return CRITICAL if unit.present < unit.expected else GREEN
    if at >= row.due_at:
        return CRITICAL
    warned_at = row.due_at - (1 - timers.warning_share) * timers.answer_within_s * 1_000_000
    return WARNING if at >= warned_at else GREEN
