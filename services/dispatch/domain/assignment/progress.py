"""How far a unit has come, by whoever says so, whenever that arrives."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from services.dispatch.domain.assignment import rules
from services.dispatch.domain.assignment.commands import (
    AcknowledgeAssignment,
    ClearAssignment,
    OverrideAssignment,
    Progress,
    RecordAtDestination,
    RecordEnRoute,
    RecordInitiatingAction,
    RecordOnScene,
    RecordStaged,
    RecordTransporting,
)
from services.dispatch.domain.assignment.state import Over, Preplanned, Requested, There, Underway
from services.dispatch.domain.assignment.ways import ORDER
from services.dispatch.domain.events import (
    ActionInitiated,
    AssignmentAcknowledged,
    AssignmentCleared,
    AssignmentOverridden,
    AssignmentRequested,
    Event,
    Milestone,
    Stage,
    UnitAtDestination,
    UnitEnRoute,
    UnitOnScene,
    UnitStaged,
    UnitTransporting,
)
from services.runtime.rejection import Rejection


def progress(command: Progress, state: There) -> list[Event]:
    """Go on along the way, or keep what was said too late or a second time as it was said."""
    milestone = _milestone(command)
    match state:
        case Preplanned() | Requested():
            raise rules.not_dispatched(state.order)
        case Over(ending=Stage.REFUSED):
            raise rules.closed(state)
        case Underway():
            if _goes_on(command, milestone, state):
                command.way.require(command.assignment_id, state.stage, milestone)
                if milestone is Stage.CLEARED:
                    rules.no_mayday(state.order, mayday=state.known.mayday)
                return [_fact(command, state.order, command.occurred_at, late=False)]
        case Over():
            pass
        case _:
            assert_never(state)
    known = state.known.times.get(milestone)
    at = command.occurred_at if command.said or known is None else known
    if known == at and _words_are_known(command, state):
        return []
    return [_fact(command, state.order, at, late=True)]


def record_initiating_action(command: RecordInitiatingAction, state: There) -> list[Event]:
    """Keep when the first effective action began; a key pressed again moves no time."""
    match state:
        case Preplanned() | Requested():
            raise rules.not_dispatched(state.order)
        case Over(ending=Stage.REFUSED):
            raise rules.closed(state)
        case Underway() | Over():
            known = state.known.acted_at
        case _:
            assert_never(state)
    at = command.occurred_at if command.said or known is None else known
    if known == at:
        return []
    return [
        ActionInitiated(
            **rules.about(state.order),
            late=known is not None or isinstance(state, Over),
            source=command.source,
            occurred_at=at,
        )
    ]


def override(command: OverrideAssignment, state: There) -> list[Event]:
    """Set the state although no edge leads there, and say who set what aside and why.

    Back as well as forward: what was reached beyond is forgotten.  What is over stays over, for
    its unit may be with somebody else.
    """
    match state:
        case Preplanned() | Requested():
            raise rules.not_dispatched(state.order)
        case Over():
            raise rules.closed(state)
        case Underway(stage=command.to):
            return []
        case Underway():
            pass
        case _:
            assert_never(state)
    if command.to is Stage.CLEARED:
        rules.no_mayday(state.order, mayday=state.known.mayday)
    overridden = AssignmentOverridden(
        **rules.about(state.order),
        previous=state.stage,
        to=command.to,
        reason=command.reason,
        authority=command.authority,
        overridden_by=command.by.subject,
        ways_version=command.way.version,
        occurred_at=command.occurred_at,
    )
    return [overridden, _set_to(command, state.order)]


def _goes_on(command: Progress, milestone: Stage, state: Underway) -> bool:
    """Whether a fact moves the state: what is behind, only where the way leads back to it.

    Devices' clocks differ, so that a station which is reached for the first time counts whatever
    its time; one that is reached again must be newer.
    """
    if milestone is Stage.CLEARED:
        return True
    if milestone is state.stage:
        return False
    since = state.known.times.get(state.stage)
    newer = since is not None and command.occurred_at > since
    if ORDER.index(milestone) > ORDER.index(state.stage):
        return milestone not in state.known.times or newer
    return newer and command.way.leads(state.stage, milestone)


def _words_are_known(command: Progress, state: Underway | Over) -> bool:
    match command:
        case ClearAssignment(disposition=disposition):
            cleared = isinstance(state, Over) and state.ending is Stage.CLEARED
            return not cleared or disposition == state.words  # type: ignore[union-attr]
        case RecordTransporting(to=to):
            return to in {"", state.known.carried_to}
        case _:
            return True


def _milestone(command: Progress) -> Stage:
    match command:
        case AcknowledgeAssignment():
            return Stage.ACKNOWLEDGED
        case RecordEnRoute():
            return Stage.EN_ROUTE
        case RecordStaged():
            return Stage.STAGED
        case RecordOnScene():
            return Stage.ON_SCENE
        case RecordTransporting():
            return Stage.TRANSPORTING
        case RecordAtDestination():
            return Stage.AT_DESTINATION
        case ClearAssignment():
            return Stage.CLEARED
        case _:
            assert_never(command)


def _fact(command: Progress, order: AssignmentRequested, at: datetime, *, late: bool) -> Milestone:
    said = {**rules.about(order), "late": late, "occurred_at": at, "source": command.source}
    match command:
        case AcknowledgeAssignment():
            return AssignmentAcknowledged(**said)
        case RecordEnRoute():
            return UnitEnRoute(**said)
        case RecordStaged():
            return UnitStaged(**said)
        case RecordOnScene():
            return UnitOnScene(**said)
        case RecordTransporting(to=to):
            return UnitTransporting(**said, to=to)
        case RecordAtDestination():
            return UnitAtDestination(**said)
        case ClearAssignment(disposition=disposition):
            return AssignmentCleared(**said, disposition=disposition)
        case _:
            assert_never(command)


def _set_to(command: OverrideAssignment, order: AssignmentRequested) -> Milestone:
    said = {
        **rules.about(order),
        "late": False,
        "occurred_at": command.occurred_at,
        "source": command.source,
    }
    match command.to:
        case Stage.ACKNOWLEDGED:
            return AssignmentAcknowledged(**said)
        case Stage.EN_ROUTE:
            return UnitEnRoute(**said)
        case Stage.STAGED:
            return UnitStaged(**said)
        case Stage.ON_SCENE:
            return UnitOnScene(**said)
        case Stage.TRANSPORTING:
            return UnitTransporting(**said, to="")
        case Stage.AT_DESTINATION:
            return UnitAtDestination(**said)
        case Stage.CLEARED:
            return AssignmentCleared(**said, disposition=command.reason)
        case _:
            raise Rejection(
                "OVERRIDE_IMPOSSIBLE",
                f"{order.assignment_id} cannot be set to {command.to.upper()}: that has a command",
                assignment_id=order.assignment_id,
                requested=command.to.upper(),
            )
