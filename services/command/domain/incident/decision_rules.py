"""What a decision must have, who may approve it, and what may come to it afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from services.command.domain.incident.decision_classes import (
    GENERAL,
    DecisionClass,
    DecisionClasses,
    Step,
    named,
    require_urgency,
)
from services.command.domain.incident.decisions import (
    ApproveDecision,
    BasisKind,
    Command,
    CompleteDecisionStep,
    Decision,
    DecisionApproved,
    DecisionRecorded,
    DecisionRejected,
    DecisionRevoked,
    Decisions,
    DecisionStepCompleted,
    DissentRecorded,
    Event,
    Known,
    RecordDecision,
    RecordDissent,
    RejectDecision,
    Standing,
    StepDone,
)
from services.runtime.rejection import AlreadyExists, Forbidden, NotFound, Rejection

NOTHING = Known()


def decide(
    classes: DecisionClasses,
    command: Command,
    adcode: str,
    decisions: Decisions,
    known: Known = NOTHING,
) -> list[Event]:
    if isinstance(command, RecordDecision):
        return record(classes, command, adcode, decisions, known)
    decision = _named(command.incident_id, command.decision_id, decisions)
    match command:
        case CompleteDecisionStep():
            return complete(command, adcode, decision)
        case ApproveDecision():
            class_ = classes.of(decision.decision_class)
            return approve(class_, command, adcode, decisions, known)
        case RejectDecision():
            class_ = classes.of(decision.decision_class)
            return reject(class_, command, adcode, decision, known)
        case RecordDissent():
            return dissent(command, adcode, decision)
        case _:
            assert_never(command)


def record(
    classes: DecisionClasses,
    command: RecordDecision,
    adcode: str,
    decisions: Decisions,
    known: Known,
) -> list[Event]:
    """Record what was decided; it holds at once unless its class wants a second person first.

    A revocation always waits for its second person: else its rejection would have to bring back
    what it had ended.
    """
    if command.decision_id in decisions.made:
        raise AlreadyExists(
            "DECISION_EXISTS",
            f"decision {command.decision_id} is recorded; a decision is never edited",
            decision_id=command.decision_id,
        )
    key = command.decision_class or GENERAL
    if command.revokes:
        key = _revocable(command.incident_id, command.revokes, decisions).decision_class
    class_ = classes.of(key)
    _require_known_basis(command, decisions, known)
    for step in command.steps:
        _require_done(step, command)
    missing = class_.missing(step.step for step in command.steps)
    urgency = require_urgency(class_) if command.urgent else None
    if missing and urgency is None:
        raise _incomplete(command, key, class_, missing)
    if class_.approvers is not None and command.approver == command.by.subject:
        raise _own(command)
    first = urgency is not None and urgency.before_approval and not command.revokes
    awaits = class_.approvers is not None
    standing = Standing.PROPOSED if awaits and not first else Standing.EFFECTIVE
    due = bool(missing) or (awaits and first)
    events: list[Event] = [
        DecisionRecorded(
            incident_id=command.incident_id,
            adcode=adcode,
            decision_id=command.decision_id,
            decision_class=key,
            subject=command.subject,
            text=command.text,
            options=command.options,
            basis=command.basis,
            required_steps=class_.steps,
            steps=command.steps,
            open_steps=missing,
            urgent=command.urgent,
            complete_by=command.occurred_at + urgency.within if urgency and due else None,
            standing=standing,
            awaits_approval=awaits,
            approver=command.approver,
            authority=command.authority,
            dissents=command.dissents,
            revokes=command.revokes,
            rules_version=classes.version,
            decided_by=command.by.subject,
            decider_posts=tuple(sorted(known.posts)),
            jurisdiction=command.by.jurisdiction,
            occurred_at=command.occurred_at,
        )
    ]
    if command.revokes and standing is Standing.EFFECTIVE:
        events.append(_revocation(command, adcode, command.revokes))
    return events


def complete(command: CompleteDecisionStep, adcode: str, decision: Decision) -> list[Event]:
    done = command.done
    before = decision.done.get(done.step)
    if before == done:
        return []
    if before is not None:
        raise Rejection(
            "STEP_DONE",
            f"{named([done.step])} was done by {before.done_by} ({before.reference}); "
            "what is recorded is never edited",
            decision_id=command.decision_id,
            step=done.step,
            done_by=before.done_by,
        )
    if decision.standing is Standing.REJECTED and done.step not in decision.open_steps:
        raise Rejection(
            "DECISION_REJECTED",
            f"decision {command.decision_id} was rejected by {decision.settled_by}: "
            "it needs no further step",
            decision_id=command.decision_id,
            rejected_by=decision.settled_by,
        )
    _require_done(done, command)
    return [
        DecisionStepCompleted(
            incident_id=command.incident_id,
            adcode=adcode,
            decision_id=command.decision_id,
            step=done.step,
            done_by=done.done_by,
            reference=done.reference,
            done_at=done.done_at,
            late=_is_late(done, decision),
            open_steps=tuple(step for step in decision.open_steps if step is not done.step),
            recorded_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def approve(
    class_: DecisionClass,
    command: ApproveDecision,
    adcode: str,
    decisions: Decisions,
    known: Known,
) -> list[Event]:
    decision = decisions.made[command.decision_id]
    settled = (decision.standing, decision.settled_by)
    if settled == (Standing.EFFECTIVE, command.by.subject):
        return []
    _require_second_person(class_, command, decision, known)
    events: list[Event] = [
        DecisionApproved(
            incident_id=command.incident_id,
            adcode=adcode,
            decision_id=command.decision_id,
            authority=command.authority or decision.authority,
            approved_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]
    if decision.revokes:
        _revocable(command.incident_id, decision.revokes, decisions)
        events.append(_revocation(command, adcode, decision.revokes))
    return events


def reject(
    class_: DecisionClass, command: RejectDecision, adcode: str, decision: Decision, known: Known
) -> list[Event]:
    settled = (decision.standing, decision.settled_by)
    if settled == (Standing.REJECTED, command.by.subject):
        return []
    _require_second_person(class_, command, decision, known)
    return [
        DecisionRejected(
            incident_id=command.incident_id,
            adcode=adcode,
            decision_id=command.decision_id,
            reason=command.reason,
            was_effective=decision.standing is Standing.EFFECTIVE,
            rejected_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def dissent(command: RecordDissent, adcode: str, decision: Decision) -> list[Event]:
    """Hear who disagrees, whatever has become of the decision."""
    if command.dissent in decision.dissents:
        return []
    return [
        DissentRecorded(
            incident_id=command.incident_id,
            adcode=adcode,
            decision_id=command.decision_id,
            dissenter=command.dissent.dissenter,
            text=command.dissent.text,
            recorded_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def require_settled(incident_id: str, decisions: Decisions) -> None:
    """Refuse to close while a decision waits for its approval or for a step: nobody could add it.

    A missing step is flagged, and a closed incident is read-only.
    """
    open_ = sorted(
        decision_id
        for decision_id, decision in decisions.made.items()
        if decision.flagged or decision.standing is Standing.PROPOSED
    )
    if open_:
        raise Rejection(
            "DECISIONS_OPEN",
            f"decisions of incident {incident_id} lack a step or an approval: {', '.join(open_)}",
            incident_id=incident_id,
            decisions=",".join(open_),
        )


def _named(incident_id: str, decision_id: str, decisions: Decisions) -> Decision:
    if decision_id not in decisions.made:
        raise unknown(incident_id, decision_id)
    return decisions.made[decision_id]


def _revocable(incident_id: str, decision_id: str, decisions: Decisions) -> Decision:
    decision = _named(incident_id, decision_id, decisions)
    if decision.standing is not Standing.EFFECTIVE:
        raise Rejection(
            "DECISION_NOT_EFFECTIVE",
            f"decision {decision_id} is {decision.standing}: only what holds can be revoked",
            decision_id=decision_id,
            standing=decision.standing,
        )
    if decision.revokes:
        raise Rejection(
            "REVOCATION_FINAL",
            f"decision {decision_id} revokes {decision.revokes}; what shall hold again is "
            "decided anew",
            decision_id=decision_id,
            revokes=decision.revokes,
        )
    return decision


def _revocation(
    command: RecordDecision | ApproveDecision, adcode: str, revoked: str
) -> DecisionRevoked:
    return DecisionRevoked(
        incident_id=command.incident_id,
        adcode=adcode,
        decision_id=revoked,
        revoked_by=command.decision_id,
        occurred_at=command.occurred_at,
    )


def _require_second_person(
    class_: DecisionClass,
    command: ApproveDecision | RejectDecision,
    decision: Decision,
    known: Known,
) -> None:
    if not decision.awaits_approval:
        by = f" by {decision.settled_by}" if decision.settled_by else ""
        raise Rejection(
            "APPROVAL_NOT_AWAITED",
            f"decision {command.decision_id} is {decision.standing}{by} and awaits no approval",
            decision_id=command.decision_id,
            standing=decision.standing,
            settled_by=decision.settled_by,
        )
    if command.by.subject == decision.decided_by:
        raise _own(command)
    class_.require_approver(command.by, known.posts, decision.jurisdiction, decision.decider_posts)


def _require_known_basis(command: RecordDecision, decisions: Decisions, known: Known) -> None:
    there = {
        BasisKind.REPORT: known.reports,
        BasisKind.FACT: known.facts,
        BasisKind.SITUATION_REPORT: known.situation_reports,
        BasisKind.DECISION: decisions.made,
    }
    for basis in command.basis:
        if basis.kind in there and basis.reference not in there[basis.kind]:
            raise Rejection(
                "BASIS_UNKNOWN",
                f"incident {command.incident_id} has no {basis.kind} {basis.reference} "
                "to rest a decision on",
                incident_id=command.incident_id,
                kind=basis.kind,
                reference=basis.reference,
            )


def _require_done(step: StepDone, command: RecordDecision | CompleteDecisionStep) -> None:
    if step.done_at > command.occurred_at:
        raise Rejection(
            "STEP_NOT_DONE_YET",
            f"{named([step.step])} is said to be done at {step.done_at.isoformat()}, after "
            f"{command.occurred_at.isoformat()}",
            decision_id=command.decision_id,
            step=step.step,
        )


def _is_late(done: StepDone, decision: Decision) -> bool:
    by = decision.complete_by
    return by is not None and done.step in decision.open_steps and done.done_at > by


def _incomplete(
    command: RecordDecision, key: str, class_: DecisionClass, missing: Iterable[Step]
) -> Rejection:
    allowed = "" if class_.urgency is None else ", or say why it is urgent"
    return Rejection(
        "DECISION_INCOMPLETE",
        f"a decision of class {class_.name} {key} lacks {named(missing)}: "
        f"say when each was done and by whom{allowed}",
        decision_id=command.decision_id,
        decision_class=key,
        missing=",".join(missing),
    )


def _own(command: RecordDecision | ApproveDecision | RejectDecision) -> Forbidden:
    return Forbidden(
        "APPROVER_IS_DECIDER",
        f"{command.by.subject} takes decision {command.decision_id}: another person approves it",
        decision_id=command.decision_id,
        subject=command.by.subject,
    )


def unknown(incident_id: str, decision_id: str) -> NotFound:
    return NotFound(
        "NO_SUCH_DECISION",
        f"incident {incident_id} has no decision {decision_id}",
        incident_id=incident_id,
        decision_id=decision_id,
    )
