"""Plans between rows, values and messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from anlan.command.v1 import incident_service_pb2 as incident_pb
from anlan.command.v1 import plan_service_pb2 as pb
from services.command.domain.plan.content import (
    Approver,
    Condition,
    Content,
    LevelRule,
    PlanKind,
    Step,
    Threshold,
    WantedResource,
    WantedRole,
)
from services.command.domain.plan.events import Stage, Verdict
from services.command.projections.plans import RETIRED, SUPERSEDED
from services.command.servicer.figure_messages import METRIC_OF, METRICS
from services.command.servicer.messages import GRADE_OF, GRADES, LEVEL_OF, LEVELS
from services.runtime.times import stamp

KINDS = {
    PlanKind.GENERAL: pb.PLAN_KIND_GENERAL,
    PlanKind.SPECIAL: pb.PLAN_KIND_SPECIAL,
    PlanKind.DEPARTMENT: pb.PLAN_KIND_DEPARTMENT,
    PlanKind.ACTION_CARD: pb.PLAN_KIND_ACTION_CARD,
}
STATES = {
    Stage.DRAFT: pb.PLAN_STATE_DRAFT,
    Stage.REVIEWED: pb.PLAN_STATE_REVIEWED,
    Stage.ASSESSED: pb.PLAN_STATE_ASSESSED,
    Stage.PUBLISHED: pb.PLAN_STATE_PUBLISHED,
    Stage.FILED: pb.PLAN_STATE_FILED,
    Stage.EXERCISED: pb.PLAN_STATE_EXERCISED,
    SUPERSEDED: pb.PLAN_STATE_SUPERSEDED,
    RETIRED: pb.PLAN_STATE_RETIRED,
}
VERDICTS = {
    Verdict.PASSED: pb.PLAN_VERDICT_PASSED,
    Verdict.RETURNED: pb.PLAN_VERDICT_RETURNED,
}
ACTS = {
    "drafted": pb.PlanAct.KIND_DRAFTED,
    "revised": pb.PlanAct.KIND_REVISED,
    "reviewed": pb.PlanAct.KIND_REVIEWED,
    "assessed": pb.PlanAct.KIND_ASSESSED,
    "published": pb.PlanAct.KIND_PUBLISHED,
    "filed": pb.PlanAct.KIND_FILED,
    "exercised": pb.PlanAct.KIND_EXERCISED,
    "retired": pb.PlanAct.KIND_RETIRED,
}
KIND_OF = {number: kind for kind, number in KINDS.items()}
VERDICT_OF = {number: verdict for verdict, number in VERDICTS.items()}


def content(message: pb.PlanContent) -> Content:
    return Content(
        kind=KIND_OF[message.kind],
        title=message.title,
        sample=message.sample,
        source=message.source,
        under=message.parent_plan_id,
        types=tuple(message.type_codes),
        levels=tuple(
            LevelRule(
                level=LEVEL_OF[level.level],
                approver=Approver(
                    title=level.approver.title,
                    roles=tuple(level.approver.roles),
                    adcode=level.approver.adcode,
                ),
                conditions=tuple(_condition(condition) for condition in level.conditions),
            )
            for level in message.levels
        ),
        steps=tuple(
            Step(
                step_id=step.step_id,
                level=LEVEL_OF[step.level],
                title=step.title,
                instructions=step.instructions,
                department=step.department,
                within_minutes=step.within_minutes if step.HasField("within_minutes") else None,
                after=tuple(step.after),
            )
            for step in message.steps
        ),
        roles=tuple(
            WantedRole(level=LEVEL_OF[role.level], role=role.role, holder=role.holder)
            for role in message.roles
        ),
        resources=tuple(
            WantedResource(
                level=LEVEL_OF[resource.level],
                kind=resource.kind,
                quantity=resource.quantity,
                unit=resource.unit,
                purpose=resource.purpose,
            )
            for resource in message.resources
        ),
        termination=message.termination,
    )


def _condition(message: pb.PlanCondition) -> Condition:
    return Condition(
        clause=message.clause,
        text=message.text,
        thresholds=tuple(
            Threshold(
                metrics=tuple(METRIC_OF[metric] for metric in threshold.metrics),
                at_least=threshold.at_least,
            )
            for threshold in message.thresholds
        ),
        grade=GRADE_OF[message.grade] if message.grade else None,
    )


def content_message(value: Content) -> pb.PlanContent:
    return pb.PlanContent(
        kind=KINDS[value.kind],
        title=value.title,
        sample=value.sample,
        source=value.source,
        parent_plan_id=value.under,
        type_codes=value.types,
        levels=[
            pb.PlanLevel(
                level=LEVELS[rule.level],
                approver=approver_message(rule.approver),
                conditions=[condition_message(condition) for condition in rule.conditions],
            )
            for rule in value.levels
        ],
        steps=[step_message(step) for step in value.steps],
        roles=[role_message(role) for role in value.roles],
        resources=[resource_message(resource) for resource in value.resources],
        termination=value.termination,
    )


def approver_message(value: Approver) -> pb.PlanApprover:
    return pb.PlanApprover(title=value.title, roles=value.roles, adcode=value.adcode)


def condition_message(value: Condition) -> pb.PlanCondition:
    return pb.PlanCondition(
        clause=value.clause,
        text=value.text,
        thresholds=[
            pb.PlanThreshold(
                metrics=[METRICS[metric] for metric in threshold.metrics],
                at_least=threshold.at_least,
            )
            for threshold in value.thresholds
        ],
        grade=GRADES[value.grade] if value.grade else incident_pb.GRADE_UNSPECIFIED,
    )


def step_message(value: Step) -> pb.PlanStep:
    return pb.PlanStep(
        step_id=value.step_id,
        level=LEVELS[value.level],
        title=value.title,
        instructions=value.instructions,
        department=value.department,
        within_minutes=value.within_minutes,
        after=value.after,
    )


def role_message(value: WantedRole) -> pb.PlanRole:
    return pb.PlanRole(level=LEVELS[value.level], role=value.role, holder=value.holder)


def resource_message(value: WantedResource) -> pb.PlanResource:
    return pb.PlanResource(
        level=LEVELS[value.level],
        kind=value.kind,
        quantity=value.quantity,
        unit=value.unit,
        purpose=value.purpose,
    )


def plan(row: Any) -> pb.Plan:
    return pb.Plan(
        plan_id=row.plan_id,
        adcode=row.adcode,
        kind=KINDS[PlanKind(row.kind)],
        title=row.title,
        sample=row.sample,
        state=STATES[row.state],
        newest_version=row.newest,
        version_in_force=row.in_force,
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
    )


def version(row: Any) -> pb.PlanVersion:
    return pb.PlanVersion(
        version=row.version,
        state=STATES[row.stage],
        content=content_message(stored(row.content)),
        draft_time=stamp(row.drafted_at),
        publish_time=stamp(row.since),
        end_time=stamp(row.until),
    )


def acts(rows: Iterable[Any]) -> list[pb.PlanAct]:
    return [
        pb.PlanAct(
            kind=ACTS[row.kind],
            version=row.version,
            body=row.body,
            reference=row.reference,
            verdict=VERDICTS[Verdict(row.verdict)] if row.verdict else pb.PLAN_VERDICT_UNSPECIFIED,
            text=row.text,
            recorded_by=row.recorded_by,
            occur_time=stamp(row.occurred_at),
            position=row.position,
        )
        for row in rows
    ]


def stored(text: str) -> Content:
    """Return the content that a row keeps."""
    return msgspec.json.decode(text, type=Content)
