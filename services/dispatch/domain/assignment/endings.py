"""How an assignment ends otherwise than by being cleared."""

from __future__ import annotations

from typing import assert_never

from services.dispatch.domain.assignment import rules
from services.dispatch.domain.assignment.commands import (
    CancelAssignment,
    DeclineAssignment,
    DivertAssignment,
    WithdrawAssignment,
)
from services.dispatch.domain.assignment.state import Over, Preplanned, Requested, There, Underway
from services.dispatch.domain.events import (
    AssignmentCancelled,
    AssignmentDeclined,
    AssignmentDiverted,
    AssignmentWithdrawn,
    Event,
    Stage,
)
from services.runtime.rejection import Rejection


def decline(command: DeclineAssignment, state: There) -> list[Event]:
    order = state.order
    match state:
        case Preplanned() | Requested():
            raise rules.not_dispatched(order)
        case Underway() if command.way.leads(state.stage, Stage.DECLINED):
            rules.no_mayday(order, mayday=state.known.mayday)
            return [
                AssignmentDeclined(
                    **rules.about(order), reason=command.reason, occurred_at=command.occurred_at
                )
            ]
        case Underway():
            raise Rejection(
                "UNIT_UNDER_WAY",
                f"{order.unit_id} has set out already: clear or cancel {command.assignment_id}",
                assignment_id=command.assignment_id,
                unit_id=order.unit_id,
                state=state.stage.upper(),
            )
        case Over(ending=Stage.DECLINED):
            return []
        case Over():
            raise rules.closed(state)
        case _:
            assert_never(state)


def cancel(command: CancelAssignment | WithdrawAssignment, state: There) -> list[Event]:
    match state:
        case Preplanned() | Requested():
            pass
        case Underway():
            rules.no_mayday(state.order, mayday=state.known.mayday)
        case Over(ending=Stage.CANCELLED):
            return []
        case Over():
            raise rules.closed(state)
        case _:
            assert_never(state)
    return [
        AssignmentCancelled(
            **rules.about(state.order), reason=command.reason, occurred_at=command.occurred_at
        )
    ]


def divert(command: DivertAssignment, state: There) -> list[Event]:
    """End it for another, once: of two that want its unit the second is told so."""
    match state:
        case Preplanned() | Requested():
            raise rules.not_dispatched(state.order)
        case Underway():
            command.way.require(command.assignment_id, state.stage, Stage.DIVERTED)
            rules.no_mayday(state.order, mayday=state.known.mayday)
            return [
                AssignmentDiverted(
                    **rules.about(state.order),
                    to_assignment_id=command.to_assignment_id,
                    to_incident_id=command.to_incident_id,
                    reason=command.reason,
                    diverted_by=command.by.subject,
                    occurred_at=command.occurred_at,
                )
            ]
        case Over(diverted_to=command.to_assignment_id):
            return []
        case Over():
            raise rules.closed(state)
        case _:
            assert_never(state)


def withdraw(command: WithdrawAssignment, state: There) -> list[Event]:
    match state:
        case Preplanned() | Requested():
            return cancel(command, state)
        case Underway():
            command.way.require(command.assignment_id, state.stage, Stage.WITHDRAWN)
            rules.no_mayday(state.order, mayday=state.known.mayday)
            return [
                AssignmentWithdrawn(
                    **rules.about(state.order),
                    withdrawal_id=command.withdrawal_id,
                    reason=command.reason,
                    withdrawn_by=command.by.subject,
                    occurred_at=command.occurred_at,
                )
            ]
        case Over(ending=Stage.WITHDRAWN):
            return []
        case Over():
            raise rules.closed(state)
        case _:
            assert_never(state)
