"""Whether a response may be activated, raised, lowered, ended: under which plan, by whose word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from services.command.domain.grades import Grade
from services.command.domain.incident.facts import Fact, Metric
from services.command.domain.incident.response import (
    ActivateResponse,
    Approval,
    Approved,
    ApproveResponse,
    ChangeResponseLevel,
    Command,
    Event,
    Ordering,
    Response,
    ResponseActivated,
    ResponseApproved,
    ResponseLevelChanged,
    ResponseTerminated,
    TerminateResponse,
)
from services.command.domain.levels import Level
from services.command.domain.plan.content import Condition, InForce, LevelRule
from services.runtime.actor import Actor
from services.runtime.rejection import Forbidden, Invalid, Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What an incident is, and what is known of it: ``standing`` are its figures."""

    adcode: str
    type_code: str
    grade: Grade | None
    standing: Mapping[Metric, Fact]

    @property
    def figures(self) -> Mapping[Metric, int]:
        return {metric: fact.value for metric, fact in self.standing.items()}


def decide(command: Command, situation: Situation, response: Response) -> list[Event]:
    match command:
        case ActivateResponse():
            return activate(command, situation, response)
        case ChangeResponseLevel():
            return change_level(command, situation, response)
        case TerminateResponse():
            return terminate(command, situation, response)
        case ApproveResponse():
            return approve(command, situation, response)
        case _:
            assert_never(command)


def activate(command: ActivateResponse, situation: Situation, response: Response) -> list[Event]:
    under = command.under
    if response.level is not None:
        plan_id, version = (under.plan_id, under.version) if under else ("", 0)
        same = (response.plan_id, response.plan_version) == (plan_id, version)
        if same and response.level is command.level:
            return []
        raise _active(command.incident_id, response.level, "change its level instead")
    if under is not None:
        _require_applicable(under, situation)
    approval = _approval(command, command.level, situation, response)
    return [
        ResponseActivated(
            incident_id=command.incident_id,
            adcode=situation.adcode,
            level=command.level,
            plan=command.plan if under is None else under.content.title,
            plan_id="" if under is None else under.plan_id,
            plan_version=0 if under is None else under.version,
            clauses=_started(command, situation),
            approver=command.approver,
            approval=approval,
            urgent=command.urgent,
            reason=command.reason,
            decision_id=command.decision_id,
            occurred_at=command.occurred_at,
        )
    ]


def change_level(
    command: ChangeResponseLevel, situation: Situation, response: Response
) -> list[Event]:
    """Raise it as it is activated; who may order the higher level may also lower it."""
    if response.level is None:
        raise _no_response(command.incident_id)
    if response.level is command.level:
        return []
    _require_same_plan(command, response)
    raises = not response.level.includes(command.level)
    higher = command.level if raises else response.level
    approval = _approval(command, higher, situation, response)
    return [
        ResponseLevelChanged(
            incident_id=command.incident_id,
            adcode=situation.adcode,
            previous_level=response.level,
            level=command.level,
            plan=response.plan,
            plan_id=response.plan_id,
            plan_version=response.plan_version,
            clauses=_started(command, situation) if raises else _named(command),
            approver=command.approver,
            approval=approval,
            urgent=command.urgent,
            reason=command.reason,
            decision_id=command.decision_id,
            occurred_at=command.occurred_at,
        )
    ]


def terminate(command: TerminateResponse, situation: Situation, response: Response) -> list[Event]:
    """End it by the word of whoever may order its level."""
    if response.level is None:
        raise _no_response(command.incident_id)
    _require_same_plan(command, response)
    return [
        ResponseTerminated(
            incident_id=command.incident_id,
            adcode=situation.adcode,
            previous_level=response.level,
            plan=response.plan,
            plan_id=response.plan_id,
            plan_version=response.plan_version,
            approver=command.approver,
            approval=_approval(command, response.level, situation, response),
            reason=command.reason,
            decision_id=command.decision_id,
            occurred_at=command.occurred_at,
        )
    ]


def approve(command: ApproveResponse, situation: Situation, response: Response) -> list[Event]:
    """Let who may approve a level say so under an own token, before it is ordered or after."""
    under, level = command.under, command.level or response.level
    _require_applicable(under, situation)
    if level is None:
        raise _no_response(command.incident_id)
    rule = _rule(under, level)
    if not rule.approver.may_be(command.by, situation.adcode):
        raise _not_approver(command.by, rule, situation.adcode)
    approved = Approved(
        plan_id=under.plan_id,
        plan_version=under.version,
        level=command.level,
        approved_by=command.by.subject,
    )
    same = (response.plan_id, response.plan_version) == (under.plan_id, under.version)
    ordered = same and response.level is not None and response.level is command.level
    if approved in response.approvals or (ordered and response.awaits is None):
        return []
    return [
        ResponseApproved(
            incident_id=command.incident_id,
            adcode=situation.adcode,
            plan_id=under.plan_id,
            plan_version=under.version,
            level=command.level,
            title=rule.approver.title,
            note=command.note,
            approved_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def started(under: InForce, level: Level, situation: Situation) -> tuple[Condition, ...]:
    """Return the conditions of a level, or of a higher one, that hold by the record."""
    return tuple(
        condition
        for rule in under.content.levels
        if rule.level.includes(level)
        for condition in rule.conditions
        if condition.holds(situation.figures, situation.grade)
    )


def require_none(incident_id: str, response: Response) -> None:
    """Refuse what needs that no response is active, and none unapproved."""
    if response.level is not None:
        raise _active(incident_id, response.level, "terminate it first")
    if response.awaits is not None:
        raise Rejection(
            "APPROVAL_AWAITED",
            f"level {response.awaits} was ordered in haste and is not approved yet: "
            "have it approved first",
            incident_id=incident_id,
            level=response.awaits,
            plan_id=response.plan_id,
        )


def _approval(
    command: Ordering, level: Level, situation: Situation, response: Response
) -> Approval:
    """Return how the approval that ``level`` needs is known.  Raises APPROVAL_REQUIRED."""
    under = command.under
    if under is None:
        return Approval.STATED
    rule = _rule(under, level)
    if rule.approver.may_be(command.by, situation.adcode):
        return Approval.OWN
    wanted = None if isinstance(command, TerminateResponse) else command.level
    if (
        Approved(
            plan_id=under.plan_id,
            plan_version=under.version,
            level=wanted,
            approved_by=command.approver,
        )
        in response.approvals
    ):
        return Approval.RECORDED
    if not isinstance(command, TerminateResponse) and command.urgent:
        return Approval.AWAITED
    raise _approval_required(command, rule, situation.adcode)


def _started(
    command: ActivateResponse | ChangeResponseLevel, situation: Situation
) -> tuple[str, ...]:
    """Return the clauses that start the level: those that hold, and those that people judged."""
    named, under = _named(command), command.under
    if under is None:
        return named
    met = started(under, command.level, situation)
    for clause in named:
        rule, condition = _condition(under, clause)
        if not rule.level.includes(command.level):
            raise _condition_unmet(command, condition, f"it starts level {rule.level}")
        if not condition.is_judged and condition not in met:
            raise _condition_unmet(command, condition, "the record does not say so")
    clauses = dict.fromkeys([*named, *(condition.clause for condition in met)])
    if not clauses:
        raise Rejection(
            "START_CONDITION_REQUIRED",
            f"no start condition of level {command.level} of {under.name} holds by the figures: "
            "name the clause that people judged to be met",
            incident_id=command.incident_id,
            plan_id=under.plan_id,
            version=str(under.version),
            level=command.level,
            allowed=", ".join(c.clause for c in _judged(under, command.level)),
        )
    return tuple(clauses)


def _named(command: ActivateResponse | ChangeResponseLevel) -> tuple[str, ...]:
    if command.under is None:
        if command.clauses:
            raise _clause_unknown(command.clauses[0], "none: no plan is named")
        return ()
    for clause in command.clauses:
        _condition(command.under, clause)
    return command.clauses


def _condition(under: InForce, clause: str) -> tuple[LevelRule, Condition]:
    for rule in under.content.levels:
        for condition in rule.conditions:
            if condition.clause == clause:
                return rule, condition
    known = (c.clause for rule in under.content.levels for c in rule.conditions)
    raise _clause_unknown(clause, f"a start condition of {under.name}: {', '.join(known)}")


def _judged(under: InForce, level: Level) -> list[Condition]:
    return [
        condition
        for rule in under.content.levels
        if rule.level.includes(level)
        for condition in rule.conditions
        if condition.is_judged
    ]


def _rule(under: InForce, level: Level) -> LevelRule:
    rule = under.content.rule(level)
    if rule is None:
        raise Rejection(
            "PLAN_LEVEL_UNKNOWN",
            f"{under.name} knows no level {level}",
            plan_id=under.plan_id,
            version=str(under.version),
            level=level,
            allowed=", ".join(rule.level for rule in under.content.levels),
        )
    return rule


def _require_applicable(under: InForce, situation: Situation) -> None:
    if not under.applies(situation.type_code, situation.adcode):
        raise Rejection(
            "PLAN_NOT_APPLICABLE",
            f"{under.name} is for {', '.join(under.content.types)} in {under.adcode}; "
            f"this is {situation.type_code} in {situation.adcode}",
            plan_id=under.plan_id,
            version=str(under.version),
            type_code=situation.type_code,
            adcode=situation.adcode,
            allowed=", ".join(under.content.types),
        )


def _require_same_plan(
    command: ChangeResponseLevel | TerminateResponse, response: Response
) -> None:
    """Refuse a command that was made for another response, ended and begun anew meanwhile."""
    under = command.under
    named = ("", 0) if under is None else (under.plan_id, under.version)
    if named != (response.plan_id, response.plan_version):
        raise Rejection(
            "RESPONSE_PLAN_CHANGED",
            f"the response is under {response.plan} by now: look again",
            incident_id=command.incident_id,
            plan_id=response.plan_id,
        )


def _approval_required(command: Ordering, rule: LevelRule, place: str) -> Rejection:
    approver = rule.approver
    return Rejection(
        "APPROVAL_REQUIRED",
        f"level {rule.level} is approved by {approver.title} "
        f"({' or '.join(approver.roles)} of {approver.adcode or place}); {command.by.subject} is "
        f"not, and {command.approver} has recorded no approval",
        incident_id=command.incident_id,
        level=rule.level,
        title=approver.title,
        roles=", ".join(approver.roles),
        adcode=approver.adcode or place,
        approver=command.approver,
    )


def _not_approver(by: Actor, rule: LevelRule, place: str) -> Forbidden:
    approver = rule.approver
    return Forbidden(
        "NOT_APPROVER",
        f"level {rule.level} is approved by {approver.title} "
        f"({' or '.join(approver.roles)} of {approver.adcode or place}), not by {by.subject} "
        f"({', '.join(by.roles)} of {by.jurisdiction})",
        level=rule.level,
        title=approver.title,
        roles=", ".join(approver.roles),
        adcode=approver.adcode or place,
        subject=by.subject,
    )


def _condition_unmet(
    command: ActivateResponse | ChangeResponseLevel, condition: Condition, why: str
) -> Rejection:
    return Rejection(
        "START_CONDITION_NOT_MET",
        f"{condition.clause} does not start level {command.level}: {why} ({condition.text})",
        incident_id=command.incident_id,
        clause=condition.clause,
        level=command.level,
    )


def _clause_unknown(clause: str, allowed: str) -> Invalid:
    return Invalid("PLAN_CLAUSE_UNKNOWN", field="clauses", got=clause, allowed=allowed)


def _active(incident_id: str, level: Level, instead: str) -> Rejection:
    return Rejection(
        "RESPONSE_ACTIVE",
        f"a level {level} response is active: {instead}",
        incident_id=incident_id,
        level=level,
    )


def _no_response(incident_id: str) -> Rejection:
    return Rejection(
        "NO_RESPONSE_ACTIVE",
        f"no response is active on incident {incident_id}: activate one",
        incident_id=incident_id,
    )
