"""From intent to order: asked for or preplanned, had or refused, followed and missed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.dispatch.domain.assignment import rules
from services.dispatch.domain.assignment.commands import (
    AnswerRefusal,
    DispatchUnit,
    MoveAssignment,
    PreplanAssignment,
    RaiseOverdue,
    RefuseAssignment,
    RequestAssignment,
    RequestPreplanned,
)
from services.dispatch.domain.assignment.state import (
    Over,
    Preplanned,
    Requested,
    State,
    There,
    Underway,
)
from services.dispatch.domain.events import (
    AcknowledgementOverdue,
    AssignmentMoved,
    AssignmentPreplanned,
    AssignmentRefused,
    AssignmentRequested,
    Event,
    RefusalAnswered,
    Stage,
    UnitDispatched,
)
from services.runtime.rejection import AlreadyExists, Invalid, Rejection


def request(command: RequestAssignment, state: State) -> list[Event]:
    _new(command.assignment_id, state)
    rules.within(command.by, command.destination.adcode)
    return [
        AssignmentRequested(
            assignment_id=command.assignment_id,
            incident_id=command.incident_id,
            unit_id=command.unit_id,
            adcode=command.destination.adcode,
            destination=command.destination,
            order=command.order,
            call_at=command.call_at,
            acknowledge_within_s=command.acknowledge_within_s,
            override_reason=command.override_reason,
            requested_by=command.by.subject,
            said=command.said,
            occurred_at=command.occurred_at,
            incident_type=command.incident_type,
            diverted_from=command.diverted_from,
            call=command.call,
            diversion_reason=command.diversion_reason,
        )
    ]


def preplan(command: PreplanAssignment, state: State) -> list[Event]:
    _new(command.assignment_id, state)
    rules.within(command.by, command.destination.adcode)
    if command.dispatch_at <= command.occurred_at:
        raise Invalid(
            "DISPATCH_TIME_PAST",
            field="dispatch_time",
            got=command.dispatch_at.isoformat(),
            allowed=f"after {command.occurred_at.isoformat()}; what is to go now is not preplanned",
        )
    return [
        AssignmentPreplanned(
            assignment_id=command.assignment_id,
            incident_id=command.incident_id,
            unit_id=command.unit_id,
            adcode=command.destination.adcode,
            destination=command.destination,
            order=command.order,
            call_at=command.call_at,
            acknowledge_within_s=command.acknowledge_within_s,
            override_reason=command.override_reason,
            requested_by=command.by.subject,
            dispatch_at=command.dispatch_at,
            incident_type=command.incident_type,
            occurred_at=command.occurred_at,
        )
    ]


def request_preplanned(command: RequestPreplanned, state: There) -> list[Event]:
    """Ask for it once; what is asked for, out or over already is left as it is."""
    if not isinstance(state, Preplanned):
        return []
    return [replace(state.order, by_clock=command.by_clock, occurred_at=command.occurred_at)]


def refuse(command: RefuseAssignment, state: There) -> list[Event]:
    """Whoever finished the intent otherwise was first: then there is nothing to refuse."""
    if not isinstance(state, Preplanned | Requested):
        return []
    return [
        AssignmentRefused(
            **rules.about(state.order),
            kind=command.kind,
            reason=command.reason,
            message=command.message,
            context=command.context,
            occurred_at=command.occurred_at,
            asks=isinstance(state, Requested) and state.order.by_clock,
        )
    ]


def answer_refusal(command: AnswerRefusal, state: There) -> list[Event]:
    """Take off the board what asked somebody: the first answer counts."""
    match state:
        case Over(asks=True):
            return [
                RefusalAnswered(
                    **rules.about(state.order),
                    answer=command.answer,
                    answered_by=command.by.subject,
                    occurred_at=command.occurred_at,
                )
            ]
        case Over(order=order, ending=Stage.REFUSED) if order.by_clock:
            return []
        case _:
            raise Rejection(
                "NOTHING_ASKED",
                f"{command.assignment_id} asks nobody: it is no plan whose unit could not be had",
                assignment_id=command.assignment_id,
            )


def dispatch(command: DispatchUnit, state: There) -> list[Event]:
    if not isinstance(state, Requested):
        return []
    order = state.order
    return [
        UnitDispatched(
            **rules.about(order),
            unit_kind=command.unit_kind,
            destination=order.destination,
            order=order.order,
            acknowledge_due_at=command.now + timedelta(seconds=order.acknowledge_within_s),
            occurred_at=order.occurred_at if order.said else command.now,
        )
    ]


def raise_overdue(command: RaiseOverdue, state: There) -> list[Event]:
    match state:
        case Underway(order=order, stage=Stage.DISPATCHED, overdue=False):
            return [
                AcknowledgementOverdue(
                    **rules.about(order), due_at=command.due_at, occurred_at=command.due_at
                )
            ]
        case _:
            return []


def move(command: MoveAssignment, state: There) -> list[Event]:
    """Let it follow its incident; what is over stays with the one that it was for."""
    order = state.order
    if isinstance(state, Over) or order.incident_id not in command.sources:
        return []
    return [
        AssignmentMoved(
            **(rules.about(order) | {"incident_id": command.incident_id}),
            from_incident_id=order.incident_id,
            occurred_at=command.occurred_at,
        )
    ]


def _new(assignment_id: str, state: State) -> None:
    if state is not None:
        raise AlreadyExists(
            "ASSIGNMENT_EXISTS",
            f"{assignment_id} sends {state.order.unit_id} to {state.order.incident_id}",
            assignment_id=assignment_id,
            incident_id=state.order.incident_id,
            unit_id=state.order.unit_id,
        )
