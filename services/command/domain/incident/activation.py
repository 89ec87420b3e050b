"""Ordering a response: the decision that it is, the order itself, and the tasks it makes."""

from __future__ import annotations

from collections.abc import Iterable

from services.command.domain.incident import decision_rules, decisions, response_rules, tasks
from services.command.domain.incident.decision_classes import DecisionClasses
from services.command.domain.incident.decisions import Basis, BasisKind
from services.command.domain.incident.response import (
    ActivateResponse,
    ChangeResponseLevel,
    Event,
    Ordering,
    Response,
    TerminateResponse,
)
from services.command.domain.incident.response_rules import Situation
from services.command.domain.levels import Level
from services.command.domain.plan.content import InForce, Step

CLASS = "response_level"
LEVEL_WORDS = {Level.IV: "四级", Level.III: "三级", Level.II: "二级", Level.I: "一级"}

Made = Event | decisions.Event | tasks.TaskAssigned


def decide(
    classes: DecisionClasses,
    command: Ordering,
    situation: Situation,
    response: Response,
    made: decisions.Decisions,
    known: decisions.Known,
    work: tasks.Work,
) -> list[Made]:
    """Return the decision, the order and its tasks, or raise the rule that it breaks.

    A level has the tasks of every lower one.  Lowering it makes none and cancels none: what was
    begun is ended by whoever does it, or called off by name.
    """
    ordered = response_rules.decide(command, situation, response)
    if not ordered:
        return []
    decided = decision_rules.decide(
        classes, _decision(command, situation, response), situation.adcode, made, known
    )
    return [*decided, *ordered, *_tasks(command, situation, response, work)]


def _decision(
    command: Ordering, situation: Situation, response: Response
) -> decisions.RecordDecision:
    under = command.under
    return decisions.RecordDecision(
        by=command.by,
        incident_id=command.incident_id,
        decision_id=command.decision_id,
        subject=_subject(command, response),
        text=command.reason,
        basis=tuple(_basis(command, situation, response)),
        approver=command.approver,
        authority=_plan(command, response) if under is None else under.name,
        occurred_at=command.occurred_at,
        decision_class=CLASS,
        urgent="" if isinstance(command, TerminateResponse) else command.urgent,
    )


def _subject(command: Ordering, response: Response) -> str:
    match command:
        case ActivateResponse():
            return f"启动{LEVEL_WORDS[command.level]}响应"
        case ChangeResponseLevel():
            before = "" if response.level is None else f"由{LEVEL_WORDS[response.level]}"
            return f"响应{before}调整为{LEVEL_WORDS[command.level]}"
        case TerminateResponse():
            return "终止响应"


def _basis(command: Ordering, situation: Situation, response: Response) -> Iterable[Basis]:
    """Name the clauses that start the level, and each figure that they speak of."""
    under = command.under
    if under is None:
        yield Basis(kind=BasisKind.PLAN_CLAUSE, reference=_plan(command, response), text="")
        return
    if isinstance(command, TerminateResponse):
        text = under.content.termination
        yield Basis(kind=BasisKind.PLAN_CLAUSE, reference=under.reference("termination"), text=text)
        return
    met = response_rules.started(under, command.level, situation)
    for rule in under.content.levels:
        for condition in rule.conditions:
            if condition in met or condition.clause in command.clauses:
                reference = under.reference(condition.clause)
                yield Basis(kind=BasisKind.PLAN_CLAUSE, reference=reference, text=condition.text)
    spoken = {m for condition in met for one in condition.thresholds for m in one.metrics}
    for metric, fact in situation.standing.items():
        if metric in spoken:
            text = f"{metric} {fact.value}"
            yield Basis(kind=BasisKind.FACT, reference=fact.fact_id, text=text)


def _plan(command: Ordering, response: Response) -> str:
    return command.plan if isinstance(command, ActivateResponse) else response.plan


def _tasks(
    command: Ordering, situation: Situation, response: Response, work: tasks.Work
) -> list[tasks.TaskAssigned]:
    under = command.under
    if under is None or isinstance(command, TerminateResponse):
        return []
    since = command.occurred_at
    if isinstance(command, ChangeResponseLevel):
        since = response.since or since
        if response.level is not None and response.level.includes(command.level):
            return []
    return tasks.planned(
        (planned(under, step) for step in under.content.steps_at(command.level)),
        incident_id=command.incident_id,
        adcode=situation.adcode,
        work=work,
        since=since,
        assigned_by=command.by.subject,
        occurred_at=command.occurred_at,
    )


def planned(under: InForce, step: Step) -> tasks.PlannedTask:
    return tasks.PlannedTask(
        plan_id=under.plan_id,
        plan_version=str(under.version),
        step_id=step.step_id,
        title=step.title,
        instructions=step.instructions,
        department=step.department,
        within=step.within,
    )
