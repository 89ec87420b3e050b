"""What becomes of a force: which rules decide each command, and how facts add up."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from services.resources.domain import force_following, region
from services.resources.domain.force import (
    AppointForceLead,
    Approval,
    ApproveMobilisation,
    CallUp,
    CallUpForce,
    Command,
    CompensateForce,
    Event,
    Force,
    ForceCalledUp,
    ForceCallUpMoved,
    ForceCallUpOutlasted,
    ForceCallUpResumed,
    ForceCompensated,
    ForceInsured,
    ForceLeadAppointed,
    ForceRecognised,
    ForceRecognitionWithdrawn,
    ForceRegistered,
    ForceStoodDown,
    InsureForce,
    MarkForceCallUp,
    MobilisationApproved,
    MobilisationWithdrawn,
    MoveForceCallUp,
    Payment,
    RecogniseForce,
    RegisterForce,
    StandDownForce,
    State,
    WithdrawMobilisation,
    WithdrawRecognition,
)
from services.resources.domain.force_call_up_rules import call_up, compensate, stand_down
from services.resources.domain.force_mandate_rules import approve, withdraw
from services.resources.domain.force_standing_rules import (
    appoint,
    insure,
    recognise,
    register,
    withdraw_recognition,
)
from services.runtime.rejection import NotFound


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case RegisterForce():
            return register(command, state)
        case AppointForceLead():
            return appoint(command, _there(command, state))
        case RecogniseForce():
            return recognise(command, _there(command, state))
        case WithdrawRecognition():
            return withdraw_recognition(command, _there(command, state))
        case InsureForce():
            return insure(command, _there(command, state))
        case ApproveMobilisation():
            return approve(command, _known(command.force_id, state))
        case WithdrawMobilisation():
            return withdraw(command, _known(command.force_id, state))
        case CallUpForce():
            return call_up(command, _known(command.force_id, state))
        case StandDownForce():
            return stand_down(command, _there(command, state))
        case CompensateForce():
            return compensate(command, _there(command, state))
        case MoveForceCallUp():
            return force_following.move(command, state)
        case MarkForceCallUp():
            return force_following.mark(command, state)
        case _:
            assert_never(command)


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    if isinstance(event, ForceRegistered):
        return Force(event)
    if state is None:
        return None
    match event:
        case ForceLeadAppointed():
            lead = replace(state.registered, responsible=event.responsible, contact=event.contact)
            return replace(state, registered=lead)
        case ForceRecognised():
            return replace(state, recognised=event)
        case ForceRecognitionWithdrawn():
            return replace(state, recognised=None)
        case ForceInsured():
            return replace(state, insured=event)
        case MobilisationApproved():
            approval = Approval(
                event.approval_id,
                event.incident_id,
                event.unit_ids,
                event.approved_by,
                event.valid_until,
            )
            return replace(state, approvals={**state.approvals, event.approval_id: approval})
        case MobilisationWithdrawn(approval_id=ended):
            return replace(
                state,
                approvals={id_: one for id_, one in state.approvals.items() if id_ != ended},
                withdrawn=state.withdrawn | {ended},
            )
        case ForceCalledUp():
            called = CallUp(
                event.call_up_id,
                event.incident_id,
                event.task,
                bool(event.override_reason),
                event.occurred_at,
                called_for=event.incident_id,
            )
            return replace(state, call_ups={**state.call_ups, event.call_up_id: called})
        case (
            ForceCallUpMoved()
            | ForceCallUpOutlasted()
            | ForceCallUpResumed()
            | ForceStoodDown()
            | ForceCompensated()
        ):
            return replace(state, call_ups=_after(state.call_ups, event))
        case _:
            assert_never(event)


def _after(
    call_ups: dict[str, CallUp],
    event: ForceCallUpMoved
    | ForceCallUpOutlasted
    | ForceCallUpResumed
    | ForceStoodDown
    | ForceCompensated,
) -> dict[str, CallUp]:
    called = call_ups.get(event.call_up_id)
    if called is None:
        return call_ups
    match event:
        case ForceCallUpMoved():
            called = replace(called, incident_id=event.incident_id, outlasted_at=None)
        case ForceCallUpOutlasted():
            called = replace(called, outlasted_at=event.occurred_at)
        case ForceCallUpResumed():
            called = replace(called, outlasted_at=None)
        case ForceStoodDown():
            called = replace(called, stood_down_at=event.occurred_at)
        case ForceCompensated():
            payment = Payment(event.compensation_id, event.amount_fen, event.payer, event.basis)
            called = replace(called, payments=(*called.payments, payment))
        case _:
            assert_never(event)
    return {**call_ups, event.call_up_id: called}


def _known(force_id: str, state: State) -> Force:
    if state is None:
        raise NotFound("NO_SUCH_FORCE", f"no force {force_id} is registered", force_id=force_id)
    return state


def _there(
    command: AppointForceLead
    | RecogniseForce
    | WithdrawRecognition
    | InsureForce
    | StandDownForce
    | CompensateForce,
    state: State,
) -> Force:
    force = _known(command.force_id, state)
    region.require(command.by, force.registered.adcode)
    return force
