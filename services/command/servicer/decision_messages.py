"""Between decisions as rows, values and messages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from anlan.command.v1 import decision_pb2 as decision_pb
from anlan.command.v1 import decision_service_pb2 as pb
from anlan.command.v1 import incident_service_pb2 as incident_pb
from services.command.domain.incident import decision_classes, decisions
from services.command.domain.incident.decision_classes import Step
from services.command.domain.incident.decisions import BasisKind, Standing
from services.command.projections.decisions import BasisRow, DissentRow
from services.runtime.actor import Actor
from services.runtime.times import said, stamp, to_proto

BASIS_KINDS = {
    BasisKind.REPORT: incident_pb.Basis.KIND_REPORT,
    BasisKind.FACT: incident_pb.Basis.KIND_FACT,
    BasisKind.SITUATION_REPORT: incident_pb.Basis.KIND_SITUATION_REPORT,
    BasisKind.DECISION: incident_pb.Basis.KIND_DECISION,
    BasisKind.PLAN_CLAUSE: incident_pb.Basis.KIND_PLAN_CLAUSE,
    BasisKind.READING: incident_pb.Basis.KIND_READING,
    BasisKind.RECOMMENDATION: incident_pb.Basis.KIND_RECOMMENDATION,
    BasisKind.ORDER: incident_pb.Basis.KIND_ORDER,
    BasisKind.LAW: incident_pb.Basis.KIND_LAW,
    BasisKind.OTHER: incident_pb.Basis.KIND_OTHER,
}
STEPS = {
    Step.PUBLIC_PARTICIPATION: decision_pb.DECISION_STEP_PUBLIC_PARTICIPATION,
    Step.EXPERT_ARGUMENT: decision_pb.DECISION_STEP_EXPERT_ARGUMENT,
    Step.RISK_ASSESSMENT: decision_pb.DECISION_STEP_RISK_ASSESSMENT,
    Step.LEGALITY_REVIEW: decision_pb.DECISION_STEP_LEGALITY_REVIEW,
    Step.COLLECTIVE_DISCUSSION: decision_pb.DECISION_STEP_COLLECTIVE_DISCUSSION,
}
STATES = {
    Standing.PROPOSED: decision_pb.DECISION_STATE_PROPOSED,
    Standing.EFFECTIVE: decision_pb.DECISION_STATE_EFFECTIVE,
    Standing.REJECTED: decision_pb.DECISION_STATE_REJECTED,
    Standing.REVOKED: decision_pb.DECISION_STATE_REVOKED,
}

BASIS_KIND_OF = {number: kind for kind, number in BASIS_KINDS.items()}
STEP_OF = {number: step for step, number in STEPS.items()}
STATE_OF = {number: standing for standing, number in STATES.items()}


def recorded(
    request: incident_pb.RecordDecisionRequest | pb.RevokeDecisionRequest,
    by: Actor,
    decision_id: str,
    now: datetime,
) -> decisions.RecordDecision:
    """Return what is to be decided; a revocation names no class, for it has that of the revoked."""
    decision_class, revokes = (
        (request.decision_class, "")
        if isinstance(request, incident_pb.RecordDecisionRequest)
        else ("", request.revokes)
    )
    return decisions.RecordDecision(
        by=by,
        incident_id=request.incident_id,
        decision_id=decision_id,
        subject=request.subject,
        text=request.text,
        basis=tuple(
            decisions.Basis(
                kind=BASIS_KIND_OF[basis.kind],
                reference=basis.reference,
                text=basis.text,
                position=basis.position,
            )
            for basis in request.basis
        ),
        approver=request.approver,
        authority=request.authority,
        occurred_at=said(request, "occur_time", now),
        decision_class=decision_class,
        options=tuple(
            decisions.Option(text=option.text, chosen=option.chosen, reason=option.reason)
            for option in request.options
        ),
        steps=tuple(step_done(step, now) for step in request.steps),
        urgent=request.urgent,
        dissents=tuple(dissent(voice, by) for voice in request.dissents),
        revokes=revokes,
    )


def step_done(message: decision_pb.StepDone, now: datetime) -> decisions.StepDone:
    return decisions.StepDone(
        step=STEP_OF[message.step],
        done_by=message.done_by,
        reference=message.reference,
        done_at=said(message, "done_time", now),
    )


def dissent(message: decision_pb.Dissent, by: Actor) -> decisions.Dissent:
    return decisions.Dissent(dissenter=message.dissenter or by.subject, text=message.text)


def decision(row: Any) -> incident_pb.Decision:
    return incident_pb.Decision(
        decision_id=row.decision_id,
        subject=row.subject,
        text=row.text,
        basis=_all(row.basis, BasisRow, _basis),
        approver=row.approver,
        authority=row.authority,
        decided_by=row.decided_by,
        occur_time=stamp(row.occurred_at),
        incident_id=row.incident_id,
        decision_class=row.decision_class,
        state=STATES[Standing(row.standing)],
        options=_all(row.options, decisions.Option, _option),
        required_steps=_all(row.required_steps, Step, STEPS.__getitem__),
        rules_version=row.rules_version,
        steps=_all(row.steps, decisions.StepDone, _step),
        open_steps=_all(row.open_steps, Step, STEPS.__getitem__),
        urgent=row.urgent,
        complete_by_time=stamp(row.complete_by),
        awaits_approval=row.awaits_approval,
        approved_by=row.approved_by,
        approve_time=stamp(row.approved_at),
        approval_authority=row.approval_authority,
        rejected_by=row.rejected_by,
        reject_reason=row.reject_reason,
        dissents=_all(row.dissents, DissentRow, _dissent),
        revokes=row.revokes,
        revoked_by=row.revoked_by,
        event_id=row.event_id,
        record_position=row.position,
        position=row.changed_position,
        flagged=row.flagged,
    )


def consequence(row: Any) -> pb.Consequence:
    return pb.Consequence(
        position=row.position,
        event_id=row.event_id,
        type=row.type,
        incident_id=row.incident_id,
        actor=row.actor,
        occur_time=stamp(row.occurred_at),
    )


def decision_class(key: str, class_: decision_classes.DecisionClass) -> pb.DecisionClass:
    message = pb.DecisionClass(
        decision_class=key,
        name=class_.name,
        required_steps=[STEPS[step] for step in class_.steps],
        source=class_.source,
    )
    if class_.approvers is not None:
        message.two_persons = True
        message.approver_roles.extend(sorted(class_.approvers.roles))
        message.approver_post_roles.extend(sorted(class_.approvers.post_roles))
        message.approver_tier = class_.approvers.tier
    if class_.urgency is not None:
        message.urgent_within_hours = class_.urgency.within_hours
        message.urgent_before_approval = class_.urgency.before_approval
    return message


def _all(stored: str, kind: type[Any], write: Callable[[Any], Any]) -> list[Any]:
    return [write(one) for one in msgspec.json.decode(stored, type=list[kind])]  # type: ignore[valid-type]


def _basis(row: BasisRow) -> incident_pb.Basis:
    return incident_pb.Basis(
        kind=BASIS_KINDS[row.kind],
        reference=row.reference,
        text=row.text,
        position=row.position,
        on_record=row.on_record,
    )


def _option(option: decisions.Option) -> decision_pb.DecisionOption:
    return decision_pb.DecisionOption(text=option.text, chosen=option.chosen, reason=option.reason)


def _step(done: decisions.StepDone) -> decision_pb.StepDone:
    return decision_pb.StepDone(
        step=STEPS[done.step],
        done_by=done.done_by,
        reference=done.reference,
        done_time=to_proto(done.done_at),
    )


def _dissent(row: DissentRow) -> decision_pb.Dissent:
    return decision_pb.Dissent(
        dissenter=row.dissenter,
        text=row.text,
        recorded_by=row.recorded_by,
        occur_time=stamp(row.occurred_at),
    )
