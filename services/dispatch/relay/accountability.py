"""What the world may know of roll calls and withdrawals."""

from __future__ import annotations

from typing import Any, assert_never

from google.protobuf.message import Message

from anlan.events.v1 import accountability_events_pb2 as pb
from services.dispatch.domain import roll_call, withdrawal
from services.runtime.times import to_proto


def of_withdrawal(event: withdrawal.Event) -> Message:
    about: dict[str, Any] = {
        "withdrawal_id": event.withdrawal_id,
        "incident_id": event.incident_id,
        "assignment_ids": event.assignment_ids,
        "reason": event.reason,
        "occur_time": to_proto(event.occurred_at),
    }
    match event:
        case withdrawal.WithdrawalOrdered():
            return pb.WithdrawalOrdered(**about)
        case withdrawal.WithdrawalMoved():
            return pb.WithdrawalMoved(**about, from_incident_id=event.from_incident_id)
        case _:
            assert_never(event)


def of_roll_call(event: roll_call.Event) -> Message | None:
    about = {"roll_call_id": event.roll_call_id, "incident_id": event.incident_id}
    at = to_proto(event.occurred_at)
    match event:
        case roll_call.RollCallStarted():
            return pb.RollCallStarted(
                **about,
                unit_ids=[unit.unit_id for unit in event.units],
                reason=event.reason,
                due_time=to_proto(event.due_at),
                occur_time=at,
            )
        case roll_call.UnitAccounted():
            return None
        case roll_call.PersonnelMissing():
            return pb.PersonnelMissing(
                **about,
                unit_id=event.unit_id,
                missing=event.missing,
                names=event.names,
                occur_time=at,
            )
        case roll_call.RollCallOverdue():
            return pb.RollCallOverdue(**about, silent_unit_ids=event.silent, occur_time=at)
        case roll_call.RollCallCompleted():
            return pb.RollCallCompleted(**about, people=event.people, occur_time=at)
        case roll_call.RollCallEnded():
            return pb.RollCallEnded(
                **about,
                silent_unit_ids=event.silent,
                missing=event.missing,
                reason=event.reason,
                occur_time=at,
            )
        case roll_call.RollCallMoved():
            return pb.RollCallMoved(
                **about,
                from_incident_id=event.from_incident_id,
                silent_unit_ids=event.silent,
                missing=event.missing,
                due_time=to_proto(event.due_at),
                occur_time=at,
            )
        case _:
            assert_never(event)
