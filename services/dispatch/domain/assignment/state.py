"""What a decision needs to know of an assignment, and how its facts add up to that."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from services.dispatch.domain.assignment.ways import ORDER
from services.dispatch.domain.events import (
    AcknowledgementOverdue,
    ActionInitiated,
    AssignmentAcknowledged,
    AssignmentCancelled,
    AssignmentCleared,
    AssignmentDeclined,
    AssignmentDiverted,
    AssignmentMoved,
    AssignmentOverridden,
    AssignmentPreplanned,
    AssignmentRefused,
    AssignmentRequested,
    AssignmentWithdrawn,
    CrewHandedOver,
    Event,
    MaydayDeclared,
    MaydayResolved,
    Milestone,
    RefusalAnswered,
    Stage,
    UnitAtDestination,
    UnitDispatched,
    UnitEnRoute,
    UnitOnScene,
    UnitStaged,
    UnitTransporting,
)


@dataclass(frozen=True, slots=True)
class Preplanned:
    """Decided, and not yet asked for: ``order`` is what will be."""

    order: AssignmentRequested


@dataclass(frozen=True, slots=True)
class Requested:
    """Asked for; the unit is not yet had."""

    order: AssignmentRequested


@dataclass(frozen=True, slots=True)
class Known:
    """What was said on the way.

    ``times`` has the newest said time of each milestone, ``acted_at`` that of the initiating
    action, ``carried_to`` where somebody was last carried, ``leader`` who led the crew last.
    """

    times: dict[Stage, datetime] = field(default_factory=dict)
    acted_at: datetime | None = None
    carried_to: str = ""
    leader: str = ""
    mayday: bool = False


@dataclass(frozen=True, slots=True)
class Underway:
    order: AssignmentRequested
    stage: Stage = Stage.DISPATCHED
    overdue: bool = False
    known: Known = field(default_factory=Known)


@dataclass(frozen=True, slots=True)
class Over:
    """``ending`` is CLEARED, DECLINED, CANCELLED, REFUSED, DIVERTED or WITHDRAWN.

    It ``asks`` where a plan came to nothing and nobody has said what is done instead.
    """

    order: AssignmentRequested
    ending: Stage
    words: str
    known: Known = field(default_factory=Known)
    diverted_to: str = ""
    asks: bool = False


There = Preplanned | Requested | Underway | Over
State = There | None
INITIAL: State = None


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    if isinstance(event, AssignmentRequested):
        return Requested(event)
    if isinstance(event, AssignmentPreplanned):
        return Preplanned(planned(event))
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
        case UnitStaged():
            return _reached(state, Stage.STAGED, event)
        case UnitOnScene():
            return _reached(state, Stage.ON_SCENE, event)
        case UnitTransporting(to=to):
            return _learnt(_reached(state, Stage.TRANSPORTING, event), carried_to=to)
        case UnitAtDestination():
            return _reached(state, Stage.AT_DESTINATION, event)
        case ActionInitiated(occurred_at=at):
            return _learnt(state, acted_at=at)
        case AssignmentOverridden(to=to):
            return _set_back(state, to)
        case CrewHandedOver(incoming=incoming):
            return _learnt(state, leader=incoming)
        case MaydayDeclared():
            return _learnt(state, mayday=True)
        case MaydayResolved():
            return _learnt(state, mayday=False)
        case AssignmentCleared(disposition=disposition):
            return _over(_reached(state, Stage.CLEARED, event), Stage.CLEARED, disposition)
        case AssignmentDeclined(reason=reason):
            return _over(state, Stage.DECLINED, reason)
        case AssignmentCancelled(reason=reason):
            return _over(state, Stage.CANCELLED, reason)
        case AssignmentRefused(reason=reason, asks=asks):
            return _asking(_over(state, Stage.REFUSED, reason), asks=asks)
        case RefusalAnswered():
            return _asking(state, asks=False)
        case AssignmentWithdrawn(reason=reason):
            return _over(state, Stage.WITHDRAWN, reason)
        case AssignmentDiverted(reason=reason, to_assignment_id=to_assignment_id):
            over = _over(state, Stage.DIVERTED, reason)
            if isinstance(over, Over) and over.ending is Stage.DIVERTED:
                return replace(over, diverted_to=to_assignment_id)
            return over
        case _:
            assert_never(event)


def planned(plan: AssignmentPreplanned) -> AssignmentRequested:
    """Return what is asked for when the time of a plan has come."""
    return AssignmentRequested(
        assignment_id=plan.assignment_id,
        incident_id=plan.incident_id,
        unit_id=plan.unit_id,
        adcode=plan.adcode,
        destination=plan.destination,
        order=plan.order,
        call_at=plan.call_at,
        acknowledge_within_s=plan.acknowledge_within_s,
        override_reason=plan.override_reason,
        requested_by=plan.requested_by,
        said=False,
        occurred_at=plan.dispatch_at,
        incident_type=plan.incident_type,
    )


def _reached(state: There, milestone: Stage, event: Milestone) -> There:
    match state:
        case Underway(known=known):
            then = replace(known, times={**known.times, milestone: event.occurred_at})
            if event.late or milestone not in ORDER:
                return replace(state, known=then)
            return replace(state, stage=milestone, overdue=False, known=then)
        case Over(known=known):
            then = replace(known, times={**known.times, milestone: event.occurred_at})
            return replace(state, known=then)
        case Preplanned() | Requested():
            return state
        case _:
            assert_never(state)


def _learnt(state: There, **changed: object) -> There:
    match state:
        case Underway() | Over():
            return replace(state, known=replace(state.known, **changed))  # type: ignore[arg-type]
        case Preplanned() | Requested():
            return state
        case _:
            assert_never(state)


def _set_back(state: There, to: Stage) -> There:
    """Forget what was reached beyond ``to``: it proved to be wrong, or is to be reached again."""
    if not isinstance(state, Underway) or to not in ORDER:
        return state
    beyond = set(ORDER[ORDER.index(to) :])
    known = state.known
    kept = {stage: at for stage, at in known.times.items() if stage not in beyond}
    acted_at = None if Stage.ON_SCENE in beyond else known.acted_at
    return replace(state, known=replace(known, times=kept, acted_at=acted_at))


def _asking(state: There, *, asks: bool) -> There:
    return replace(state, asks=asks) if isinstance(state, Over) else state


def _over(state: There, ending: Stage, words: str) -> There:
    match state:
        case Preplanned(order) | Requested(order):
            return Over(order, ending, words)
        case Underway():
            return Over(state.order, ending, words, state.known)
        case Over() if state.ending is ending:
            return replace(state, words=words)
        case Over():
            return state
        case _:
            assert_never(state)
