"""An assignment (派遣): one unit sent to one incident, followed until it is cleared.

Facts come late and out of order, and are kept as they were said; none undoes a newer state.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from services.dispatch.domain.events import (
    AcknowledgementOverdue,
    AssignmentAcknowledged,
    AssignmentCancelled,
    AssignmentCleared,
    AssignmentDeclined,
    AssignmentMoved,
    AssignmentRefused,
    AssignmentRequested,
    Event,
    Milestone,
    RefusalKind,
    Stage,
    UnitDispatched,
    UnitEnRoute,
    UnitOnScene,
)
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import AlreadyExists, Forbidden, NotFound, Rejection

# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAssignment:
    """Asks for a unit.  ``said`` is False where nobody said when, and ``occurred_at`` is now."""

    by: Actor
    assignment_id: str
    incident_id: str
    unit_id: str
    destination: Place
    order: str
    call_at: datetime | None
    acknowledge_within_s: float
    override_reason: str
    said: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseAssignment:
    """Gives up on the unit: what the resources said, or that they said nothing for too long."""

    assignment_id: str
    kind: RefusalKind
    reason: str
    message: str
    context: dict[str, str]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchUnit:
    """Sends a unit that is reserved and confirmed."""

    assignment_id: str
    unit_kind: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseOverdue:
    assignment_id: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveAssignment:
    """Lets it follow its incident.  ``sources`` are the incidents that went to ``incident_id``."""

    assignment_id: str
    sources: frozenset[str]
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeAssignment:
    by: Actor
    assignment_id: str
    said: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEnRoute:
    by: Actor
    assignment_id: str
    said: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOnScene:
    by: Actor
    assignment_id: str
    said: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearAssignment:
    by: Actor
    assignment_id: str
    disposition: str
    said: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineAssignment:
    by: Actor
    assignment_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAssignment:
    by: Actor
    assignment_id: str
    reason: str
    occurred_at: datetime


Progress = AcknowledgeAssignment | RecordEnRoute | RecordOnScene | ClearAssignment
Act = Progress | DeclineAssignment | CancelAssignment
Command = RequestAssignment | RefuseAssignment | DispatchUnit | RaiseOverdue | MoveAssignment | Act


# State: only what a decision needs.


@dataclass(frozen=True, slots=True)
class Requested:
    """Asked for; the unit is not yet had."""

    order: AssignmentRequested


@dataclass(frozen=True, slots=True)
class Underway:
    """``times`` has the newest said time of each milestone."""

    order: AssignmentRequested
    stage: Stage = Stage.DISPATCHED
    overdue: bool = False
    times: dict[Stage, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Over:
    """``ending`` is CLEARED, DECLINED, CANCELLED or REFUSED."""

    order: AssignmentRequested
    ending: Stage
    words: str
    times: dict[Stage, datetime] = field(default_factory=dict)


State = Requested | Underway | Over | None
INITIAL: State = None

_WAY = (Stage.DISPATCHED, Stage.ACKNOWLEDGED, Stage.EN_ROUTE, Stage.ON_SCENE)


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case RequestAssignment():
            return request(command, state)
        case RefuseAssignment():
            return refuse(command, _there(command.assignment_id, state))
        case DispatchUnit():
            return dispatch(command, _there(command.assignment_id, state))
        case RaiseOverdue():
            return raise_overdue(command, _there(command.assignment_id, state))
        case MoveAssignment():
            return move(command, _there(command.assignment_id, state))
        case AcknowledgeAssignment() | RecordEnRoute() | RecordOnScene() | ClearAssignment():
            return progress(command, _own(command, state))
        case DeclineAssignment():
            return decline(command, _own(command, state))
        case CancelAssignment():
            return cancel(command, _own(command, state))
        case _:
            assert_never(command)


def request(command: RequestAssignment, state: State) -> list[Event]:
    if state is not None:
        raise AlreadyExists(
            "ASSIGNMENT_EXISTS",
            f"{command.assignment_id} sends {state.order.unit_id} to {state.order.incident_id}",
            assignment_id=command.assignment_id,
            incident_id=state.order.incident_id,
            unit_id=state.order.unit_id,
        )
    _within(command.by, command.destination.adcode)
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
        )
    ]


def refuse(command: RefuseAssignment, state: Requested | Underway | Over) -> list[Event]:
    """Whoever finished the intent otherwise was first: then there is nothing to refuse."""
    if not isinstance(state, Requested):
        return []
    order = state.order
    return [
        AssignmentRefused(
            assignment_id=command.assignment_id,
            incident_id=order.incident_id,
            unit_id=order.unit_id,
            adcode=order.adcode,
            kind=command.kind,
            reason=command.reason,
            message=command.message,
            context=command.context,
            occurred_at=command.occurred_at,
        )
    ]


def dispatch(command: DispatchUnit, state: Requested | Underway | Over) -> list[Event]:
    if not isinstance(state, Requested):
        return []
    order = state.order
    return [
        UnitDispatched(
            assignment_id=command.assignment_id,
            incident_id=order.incident_id,
            unit_id=order.unit_id,
            adcode=order.adcode,
            unit_kind=command.unit_kind,
            destination=order.destination,
            order=order.order,
            acknowledge_due_at=command.now + timedelta(seconds=order.acknowledge_within_s),
            occurred_at=order.occurred_at if order.said else command.now,
        )
    ]


def raise_overdue(command: RaiseOverdue, state: Requested | Underway | Over) -> list[Event]:
    match state:
        case Underway(order=order, stage=Stage.DISPATCHED, overdue=False):
            return [
                AcknowledgementOverdue(
                    assignment_id=command.assignment_id,
                    incident_id=order.incident_id,
                    unit_id=order.unit_id,
                    adcode=order.adcode,
                    due_at=command.due_at,
                    occurred_at=command.due_at,
                )
            ]
        case _:
            return []


def move(command: MoveAssignment, state: Requested | Underway | Over) -> list[Event]:
    """Let it follow its incident; what is over stays with the one that it was for."""
    order = state.order
    if isinstance(state, Over) or order.incident_id not in command.sources:
        return []
    return [
        AssignmentMoved(
            assignment_id=command.assignment_id,
            incident_id=command.incident_id,
            unit_id=order.unit_id,
            adcode=order.adcode,
            from_incident_id=order.incident_id,
            occurred_at=command.occurred_at,
        )
    ]


def progress(command: Progress, state: Requested | Underway | Over) -> list[Event]:
    """Any milestone may be skipped; one that is behind, or said a second time, is late."""
    milestone = _milestone(command)
    match state:
        case Requested():
            raise Rejection(
                "ASSIGNMENT_NOT_DISPATCHED",
                f"{command.assignment_id} still waits for its unit",
                assignment_id=command.assignment_id,
            )
        case Over(ending=Stage.REFUSED):
            raise _closed(command.assignment_id, state)
        case Underway():
            late = milestone in _WAY[: _WAY.index(state.stage)]
        case Over():
            late = True
        case _:
            assert_never(state)
    known = state.times.get(milestone)
    at = command.occurred_at if command.said or known is None else known
    words = state.words if isinstance(state, Over) and state.ending is Stage.CLEARED else None
    repeated = not isinstance(command, ClearAssignment) or words in {None, command.disposition}
    if known == at and repeated:
        return []
    return [_fact(command, state.order, at, late=late or known is not None)]


def decline(command: DeclineAssignment, state: Requested | Underway | Over) -> list[Event]:
    order = state.order
    match state:
        case Requested():
            raise Rejection(
                "ASSIGNMENT_NOT_DISPATCHED",
                f"{command.assignment_id} still waits for its unit",
                assignment_id=command.assignment_id,
            )
        case Underway(stage=Stage.DISPATCHED | Stage.ACKNOWLEDGED):
            return [
                AssignmentDeclined(
                    assignment_id=command.assignment_id,
                    incident_id=order.incident_id,
                    unit_id=order.unit_id,
                    adcode=order.adcode,
                    reason=command.reason,
                    occurred_at=command.occurred_at,
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
            raise _closed(command.assignment_id, state)
        case _:
            assert_never(state)


def cancel(command: CancelAssignment, state: Requested | Underway | Over) -> list[Event]:
    order = state.order
    match state:
        case Requested() | Underway():
            return [
                AssignmentCancelled(
                    assignment_id=command.assignment_id,
                    incident_id=order.incident_id,
                    unit_id=order.unit_id,
                    adcode=order.adcode,
                    reason=command.reason,
                    occurred_at=command.occurred_at,
                )
            ]
        case Over(ending=Stage.CANCELLED):
            return []
        case Over():
            raise _closed(command.assignment_id, state)
        case _:
            assert_never(state)


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    if isinstance(event, AssignmentRequested):
        return Requested(event)
    if state is None:
        return None
    match event:
        case UnitDispatched():
            return Underway(state.order)
        case AcknowledgementOverdue():
            return replace(state, overdue=True) if isinstance(state, Underway) else state
        case AssignmentMoved(incident_id=incident_id):
            return replace(state, order=replace(state.order, incident_id=incident_id))
        case AssignmentAcknowledged():
            return _reached(state, Stage.ACKNOWLEDGED, event)
        case UnitEnRoute():
            return _reached(state, Stage.EN_ROUTE, event)
        case UnitOnScene():
            return _reached(state, Stage.ON_SCENE, event)
        case AssignmentCleared(disposition=disposition):
            return _over(_reached(state, Stage.CLEARED, event), Stage.CLEARED, disposition)
        case AssignmentDeclined(reason=reason):
            return _over(state, Stage.DECLINED, reason)
        case AssignmentCancelled(reason=reason):
            return _over(state, Stage.CANCELLED, reason)
        case AssignmentRefused(reason=reason):
            return _over(state, Stage.REFUSED, reason)
        case _:
            assert_never(event)


def _reached(state: State, milestone: Stage, event: Milestone) -> State:
    match state:
        case Underway():
            times = {**state.times, milestone: event.occurred_at}
            if event.late or milestone not in _WAY:
                return replace(state, times=times)
            return replace(state, stage=milestone, overdue=False, times=times)
        case Over():
            return replace(state, times={**state.times, milestone: event.occurred_at})
        case _:
            return state


def _over(state: State, ending: Stage, words: str) -> State:
    match state:
        case Requested(order):
            return Over(order, ending, words)
        case Underway():
            return Over(state.order, ending, words, state.times)
        case Over() if state.ending is ending:
            return replace(state, words=words)
        case _:
            return state


def _milestone(command: Progress) -> Stage:
    match command:
        case AcknowledgeAssignment():
            return Stage.ACKNOWLEDGED
        case RecordEnRoute():
            return Stage.EN_ROUTE
        case RecordOnScene():
            return Stage.ON_SCENE
        case ClearAssignment():
            return Stage.CLEARED
        case _:
            assert_never(command)


def _fact(command: Progress, order: AssignmentRequested, at: datetime, *, late: bool) -> Milestone:
    def about(cls: type[AssignmentAcknowledged | UnitEnRoute | UnitOnScene]) -> Milestone:
        return cls(
            assignment_id=command.assignment_id,
            incident_id=order.incident_id,
            unit_id=order.unit_id,
            adcode=order.adcode,
            late=late,
            occurred_at=at,
        )

    match command:
        case AcknowledgeAssignment():
            return about(AssignmentAcknowledged)
        case RecordEnRoute():
            return about(UnitEnRoute)
        case RecordOnScene():
            return about(UnitOnScene)
        case ClearAssignment():
            return AssignmentCleared(
                assignment_id=command.assignment_id,
                incident_id=order.incident_id,
                unit_id=order.unit_id,
                adcode=order.adcode,
                disposition=command.disposition,
                late=late,
                occurred_at=at,
            )
        case _:
            assert_never(command)


def _there(assignment_id: str, state: State) -> Requested | Underway | Over:
    if state is None:
        raise NotFound(
            "NO_SUCH_ASSIGNMENT", f"no assignment {assignment_id}", assignment_id=assignment_id
        )
    return state


def _own(command: Act, state: State) -> Requested | Underway | Over:
    found = _there(command.assignment_id, state)
    _within(command.by, found.order.adcode)
    return found


def _within(by: Actor, adcode: str) -> None:
    if not by.covers(adcode):
        raise Forbidden(
            "OUTSIDE_JURISDICTION",
            f"{adcode} is outside {by.jurisdiction}, the jurisdiction of {by.subject}",
            adcode=adcode,
            jurisdiction=by.jurisdiction,
            subject=by.subject,
        )


def _closed(assignment_id: str, state: Over) -> Rejection:
    return Rejection(
        "ASSIGNMENT_CLOSED",
        f"{assignment_id} is {state.ending} already: {state.words}",
        assignment_id=assignment_id,
        state=state.ending.upper(),
        close_reason=state.words,
    )
