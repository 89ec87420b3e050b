"""Calling a force up, standing it down, and paying for what it did in between."""

from __future__ import annotations

from services.resources.domain import ended_incident
from services.resources.domain.force import (
    CallUp,
    CallUpForce,
    CompensateForce,
    Event,
    Force,
    ForceCalledUp,
    ForceCompensated,
    ForceStoodDown,
    Payment,
    StandDownForce,
)
from services.resources.domain.force_mandate_rules import approval_required, mandate, not_eligible
from services.runtime.rejection import AlreadyExists, NotFound


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


def _call_up(force_id: str, call_up_id: str, force: Force) -> CallUp:
    if call_up_id not in force.call_ups:
        raise NotFound(
            "NO_SUCH_CALL_UP",
            f"{force_id} was not called up under {call_up_id}",
            force_id=force_id,
            call_up_id=call_up_id,
        )
    return force.call_ups[call_up_id]
