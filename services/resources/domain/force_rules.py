"""Who may call up a force, approve that it is ordered, and pay for it: the rules of `force`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from services.resources.domain import ended_incident, force_following, region
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
from services.resources.domain.mobilisation import Mandate, Mobilisation
from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists, Forbidden, Invalid, NotFound, Rejection

DIRECT = "direct"


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


def register(command: RegisterForce, state: State) -> list[Event]:
    region.require(command.by, command.adcode)
    command.rules.of(command.force_class)
    registered = ForceRegistered(
        force_id=command.force_id,
        name=command.name,
        force_class=command.force_class,
        adcode=command.adcode,
        responsible=command.responsible,
        contact=command.contact,
        occurred_at=command.occurred_at,
    )
    match state:
        case None:
            return [registered]
        case Force(registered=before):
            if replace(registered, occurred_at=before.occurred_at) == before:
                return []
            raise AlreadyExists(
                "FORCE_EXISTS",
                f"{command.force_id} is registered already, as {before.name}",
                force_id=command.force_id,
                name=before.name,
            )
        case _:
            assert_never(state)


def appoint(command: AppointForceLead, force: Force) -> list[Event]:
    before = force.registered
    if (command.responsible, command.contact) == (before.responsible, before.contact):
        return []
    return [
        ForceLeadAppointed(
            force_id=command.force_id,
            adcode=before.adcode,
            responsible=command.responsible,
            contact=command.contact,
            previous=before.responsible,
            occurred_at=command.occurred_at,
        )
    ]


def recognise(command: RecogniseForce, force: Force) -> list[Event]:
    _require_ahead("valid_until_time", command.valid_until, command.occurred_at)
    recognised = ForceRecognised(
        force_id=command.force_id,
        adcode=force.registered.adcode,
        authority=command.authority,
        level=command.level,
        branches=command.branches,
        document=command.document,
        valid_until=command.valid_until,
        occurred_at=command.occurred_at,
    )
    before = force.recognised
    if before is not None and replace(recognised, occurred_at=before.occurred_at) == before:
        return []
    return [recognised]


def withdraw_recognition(command: WithdrawRecognition, force: Force) -> list[Event]:
    if force.recognised is None:
        return []
    return [
        ForceRecognitionWithdrawn(
            force_id=command.force_id,
            adcode=force.registered.adcode,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def insure(command: InsureForce, force: Force) -> list[Event]:
    _require_ahead("valid_until_time", command.valid_until, command.occurred_at)
    insured = ForceInsured(
        force_id=command.force_id,
        adcode=force.registered.adcode,
        insurer=command.insurer,
        policy=command.policy,
        people=command.people,
        valid_until=command.valid_until,
        occurred_at=command.occurred_at,
    )
    before = force.insured
    if before is not None and replace(insured, occurred_at=before.occurred_at) == before:
        return []
    return [insured]


def approve(command: ApproveMobilisation, force: Force) -> list[Event]:
    _require_approver(command.by, command.rules, force)
    if command.valid_until is not None:
        _require_ahead("valid_until_time", command.valid_until, command.occurred_at)
    approval = Approval(
        command.approval_id,
        command.incident_id,
        command.unit_ids,
        command.by.subject,
        command.valid_until,
    )
    known = force.approvals.get(command.approval_id)
    if known == approval:
        return []
    if known is not None or command.approval_id in force.withdrawn:
        raise AlreadyExists(
            "APPROVAL_EXISTS",
            f"{command.force_id} has an approval {command.approval_id} already",
            force_id=command.force_id,
            approval_id=command.approval_id,
            incident_id=known.incident_id if known else "",
        )
    return [
        MobilisationApproved(
            force_id=command.force_id,
            adcode=force.registered.adcode,
            approval_id=command.approval_id,
            incident_id=command.incident_id,
            unit_ids=command.unit_ids,
            approved_by=command.by.subject,
            document=command.document,
            note=command.note,
            valid_until=command.valid_until,
            rules_version=command.rules.version,
            occurred_at=command.occurred_at,
        )
    ]


def withdraw(command: WithdrawMobilisation, force: Force) -> list[Event]:
    """End an approval.  What was ordered on it stays ordered: a unit is called back by its own."""
    _require_approver(command.by, command.rules, force)
    approval = force.approvals.get(command.approval_id)
    if approval is None:
        if command.approval_id in force.withdrawn:
            return []
        raise NotFound(
            "NO_SUCH_APPROVAL",
            f"{command.force_id} has no approval {command.approval_id}",
            force_id=command.force_id,
            approval_id=command.approval_id,
        )
    return [
        MobilisationWithdrawn(
            force_id=command.force_id,
            adcode=force.registered.adcode,
            approval_id=approval.approval_id,
            incident_id=approval.incident_id,
            withdrawn_by=command.by.subject,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def call_up(command: CallUpForce, force: Force) -> list[Event]:
    known = force.call_ups.get(command.call_up_id)
    if known is not None:
        its = (known.called_for, known.incident_id)
        if command.incident_id in its and known.task == command.task:
            return []
        raise AlreadyExists(
            "CALL_UP_EXISTS",
            f"{command.force_id} has a call-up {command.call_up_id} already, for "
            f"{known.incident_id}",
            force_id=command.force_id,
            call_up_id=command.call_up_id,
            incident_id=known.incident_id,
        )
    ended_incident.require_open(command.incident_id, command.heard)
    at = command.occurred_at
    given = mandate(command.rules, force, command.by, "", command.incident_id, at)
    if not given.basis:
        raise approval_required(given, command.incident_id)
    if given.lacks and not command.override_reason:
        raise not_eligible(given)
    return [
        ForceCalledUp(
            force_id=command.force_id,
            adcode=force.registered.adcode,
            call_up_id=command.call_up_id,
            incident_id=command.incident_id,
            task=command.task,
            called_by=command.by.subject,
            mandate=given.basis,
            lacked=given.lacks,
            override_reason=command.override_reason if given.lacks else "",
            rules_version=command.rules.version,
            occurred_at=command.occurred_at,
        )
    ]


def stand_down(command: StandDownForce, force: Force) -> list[Event]:
    called = _call_up(command.force_id, command.call_up_id, force)
    if called.stood_down_at is not None:
        return []
    return [
        ForceStoodDown(
            force_id=command.force_id,
            adcode=force.registered.adcode,
            call_up_id=called.call_up_id,
            incident_id=called.incident_id,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def compensate(command: CompensateForce, force: Force) -> list[Event]:
    called = _call_up(command.force_id, command.call_up_id, force)
    payment = Payment(command.compensation_id, command.amount_fen, command.payer, command.basis)
    for paid in called.payments:
        if paid == payment:
            return []
        if paid.compensation_id == payment.compensation_id:
            raise AlreadyExists(
                "COMPENSATION_EXISTS",
                f"{paid.compensation_id} is {paid.amount_fen} fen from {paid.payer} already",
                compensation_id=paid.compensation_id,
                amount_fen=str(paid.amount_fen),
                payer=paid.payer,
            )
    return [
        ForceCompensated(
            force_id=command.force_id,
            adcode=force.registered.adcode,
            call_up_id=called.call_up_id,
            incident_id=called.incident_id,
            compensation_id=payment.compensation_id,
            amount_fen=payment.amount_fen,
            total_fen=called.paid_fen + payment.amount_fen,
            payer=payment.payer,
            basis=payment.basis,
            occurred_at=command.occurred_at,
        )
    ]


def mandate(
    rules: Mobilisation, force: Force, person: Actor, unit_id: str, incident_id: str, at: datetime
) -> Mandate:
    """Return on what ``person`` may order a unit of this force, or the force where none is named.

    A call-up of the force for the incident carries every unit of it, and what it was overridden to
    lack; an approval carries the units that it names.
    """
    registered = force.registered
    lacks = force.lacks(rules, at)
    basis = ""
    called = next((one for one in force.call_ups.values() if one.serves(incident_id)), None)
    if called is not None:
        basis = f"call-up {called.call_up_id}"
        lacks = () if called.overridden else lacks
    elif rules.may_order(registered.force_class, registered.adcode, person):
        basis = DIRECT
    else:
        for approval in force.approvals.values():
            if approval.covers(unit_id, incident_id, at):
                basis = f"approval {approval.approval_id}"
    return Mandate(
        force_id=registered.force_id,
        force_name=registered.name,
        basis=basis,
        lacks=lacks,
        approvers=rules.approvers(registered.force_class),
    )


def approval_required(given: Mandate, incident_id: str, unit_id: str = "") -> Rejection:
    return Rejection(
        "MOBILISATION_APPROVAL_REQUIRED",
        f"{given.force_name} is not yours to order: it needs the approval of {given.approvers}",
        force_id=given.force_id,
        force_name=given.force_name,
        unit_id=unit_id,
        incident_id=incident_id,
        may_approve=given.approvers,
    )


def not_eligible(given: Mandate, unit_id: str = "") -> Rejection:
    return Rejection(
        "FORCE_NOT_ELIGIBLE",
        f"{given.force_name} has no valid {' and '.join(given.lacks)}: "
        "CallUpForce with an override_reason calls it up all the same",
        force_id=given.force_id,
        force_name=given.force_name,
        unit_id=unit_id,
        lacks=", ".join(given.lacks),
    )


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


def _call_up(force_id: str, call_up_id: str, force: Force) -> CallUp:
    if call_up_id not in force.call_ups:
        raise NotFound(
            "NO_SUCH_CALL_UP",
            f"{force_id} was not called up under {call_up_id}",
            force_id=force_id,
            call_up_id=call_up_id,
        )
    return force.call_ups[call_up_id]


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


def _require_approver(by: Actor, rules: Mobilisation, force: Force) -> None:
    registered = force.registered
    if rules.may_approve(registered.force_class, registered.adcode, by):
        return
    may_approve = rules.approvers(registered.force_class)
    raise Forbidden(
        "NOT_AN_APPROVER",
        f"{by.subject} may not approve that {registered.name} is ordered: {may_approve} may",
        force_id=registered.force_id,
        subject=by.subject,
        jurisdiction=by.jurisdiction,
        may_approve=may_approve,
    )


def _require_ahead(field: str, moment: datetime, after: datetime) -> None:
    if moment <= after:
        raise Invalid(
            "ENDS_TOO_EARLY",
            field=field,
            got=moment.isoformat(),
            allowed=f"after {after.isoformat()}",
        )
