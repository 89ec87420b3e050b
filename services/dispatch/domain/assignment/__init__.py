"""An assignment (派遣): one unit sent to one incident, followed until it is cleared.

Facts come late and out of order, and are kept as they were said; none undoes a newer state.
"""

from __future__ import annotations

from typing import assert_never

from services.dispatch.domain.assignment import crew, endings, ordering, progress, rules
from services.dispatch.domain.assignment.commands import (
    AcknowledgeAssignment,
    Act,
    AnswerRefusal,
    CancelAssignment,
    ClearAssignment,
    Command,
    DeclareMayday,
    DeclineAssignment,
    DispatchUnit,
    DivertAssignment,
    HandOverCrew,
    MoveAssignment,
    OverrideAssignment,
    PreplanAssignment,
    Progress,
    RaiseOverdue,
    RecordAtDestination,
    RecordEnRoute,
    RecordInitiatingAction,
    RecordOnScene,
    RecordStaged,
    RecordTransporting,
    RefuseAssignment,
    RequestAssignment,
    RequestPreplanned,
    ResolveMayday,
    WithdrawAssignment,
)
from services.dispatch.domain.assignment.state import (
    INITIAL,
    Over,
    Preplanned,
    Requested,
    State,
    There,
    Underway,
    evolve,
)
from services.dispatch.domain.events import Event

__all__ = [
    "INITIAL",
    "AcknowledgeAssignment",
    "Act",
    "AnswerRefusal",
    "CancelAssignment",
    "ClearAssignment",
    "Command",
    "DeclareMayday",
    "DeclineAssignment",
    "DispatchUnit",
    "DivertAssignment",
    "HandOverCrew",
    "MoveAssignment",
    "Over",
    "OverrideAssignment",
    "PreplanAssignment",
    "Preplanned",
    "Progress",
    "RaiseOverdue",
    "RecordAtDestination",
    "RecordEnRoute",
    "RecordInitiatingAction",
    "RecordOnScene",
    "RecordStaged",
    "RecordTransporting",
    "RefuseAssignment",
    "RequestAssignment",
    "RequestPreplanned",
    "Requested",
    "ResolveMayday",
    "State",
    "There",
    "Underway",
    "WithdrawAssignment",
    "decide",
    "evolve",
]


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case RequestAssignment():
            return ordering.request(command, state)
        case PreplanAssignment():
            return ordering.preplan(command, state)
        case RefuseAssignment():
            return ordering.refuse(command, rules.there(command.assignment_id, state))
        case DispatchUnit():
            return ordering.dispatch(command, rules.there(command.assignment_id, state))
        case RaiseOverdue():
            return ordering.raise_overdue(command, rules.there(command.assignment_id, state))
        case MoveAssignment():
            return ordering.move(command, rules.there(command.assignment_id, state))
        case _:
            return act(command, rules.own(command.by, command.assignment_id, state))


def act(command: Act, state: There) -> list[Event]:
    """Decide what somebody asks who must have a say where the assignment is."""
    match command:
        case RequestPreplanned():
            return ordering.request_preplanned(command, state)
        case AnswerRefusal():
            return ordering.answer_refusal(command, state)
        case (
            AcknowledgeAssignment()
            | RecordEnRoute()
            | RecordStaged()
            | RecordOnScene()
            | RecordTransporting()
            | RecordAtDestination()
            | ClearAssignment()
        ):
            return progress.progress(command, state)
        case RecordInitiatingAction():
            return progress.record_initiating_action(command, state)
        case OverrideAssignment():
            return progress.override(command, state)
        case DeclineAssignment():
            return endings.decline(command, state)
        case CancelAssignment():
            return endings.cancel(command, state)
        case DivertAssignment():
            return endings.divert(command, state)
        case WithdrawAssignment():
            return endings.withdraw(command, state)
        case HandOverCrew():
            return crew.hand_over(command, state)
        case DeclareMayday():
            return crew.declare_mayday(command, state)
        case ResolveMayday():
            return crew.resolve_mayday(command, state)
        case _:
            assert_never(command)
