"""On whose word a force may be ordered (力量调动权限): approvals, and what an order rests on."""

from __future__ import annotations

from datetime import datetime

from services.resources.domain import moments
from services.resources.domain.force import (
    Approval,
    ApproveMobilisation,
    Event,
    Force,
    MobilisationApproved,
    MobilisationWithdrawn,
    WithdrawMobilisation,
)
from services.resources.domain.mobilisation import Mandate, Mobilisation
from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists, Forbidden, NotFound, Rejection

DIRECT = "direct"


def approve(command: ApproveMobilisation, force: Force) -> list[Event]:
    _require_approver(command.by, command.rules, force)
    moments.require_after(
        command.occurred_at, command.valid_until, "ENDS_TOO_EARLY", field="valid_until_time"
    )
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
