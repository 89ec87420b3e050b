"""The API of response levels: what plans say of an incident, and whose word a level needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from anlan.command.v1 import response_service_pb2 as pb
from anlan.command.v1.incident_service_pb2 import GRADE_UNSPECIFIED, RESPONSE_LEVEL_UNSPECIFIED
from anlan.command.v1.response_service_pb2_grpc import ResponseServiceServicer
from services.command.domain.grades import Grade
from services.command.domain.incident import lifecycle
from services.command.domain.incident.facts import Metric
from services.command.domain.incident.response import ApproveResponse
from services.command.domain.incident.tasks import TaskState
from services.command.domain.levels import Level
from services.command.domain.plan.content import Condition, InForce, LevelRule, PlanKind
from services.command.projections.facts import STANDING
from services.command.projections.incidents import INCIDENTS
from services.command.projections.plans import PLAN_VERSIONS, PLANS
from services.command.projections.responses import APPROVED, RESPONSE_ACTS
from services.command.projections.tasks import OPEN, TASKS
from services.command.servicer import messages, plan_messages
from services.command.servicer.acting import Incidents, act
from services.command.servicer.figure_messages import METRICS
from services.command.servicer.planning import Planning
from services.runtime import call, reading
from services.runtime.actor import Actor
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import Invalid
from services.runtime.times import said


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the rows say of an incident, as far as the start of a level depends on it."""

    incident: Any
    standing: Mapping[Metric, Any]
    approvals: Sequence[Any]
    given: frozenset[str]

    @property
    def grade(self) -> Grade | None:
        return Grade(self.incident.grade) if self.incident.grade else None

    @property
    def figures(self) -> Mapping[Metric, int]:
        return {metric: row.value for metric, row in self.standing.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseServicer(ResponseServiceServicer):
    incidents: Incidents
    planning: Planning
    model: ReadModel
    now: Callable[[], datetime]

    async def ApproveResponse(
        self, request: pb.ApproveResponseRequest, context: Any
    ) -> pb.ApproveResponseResponse:
        caller, key = call.current(), request.incident_id
        cause = caller.cause(request.request_id, key)
        at = said(request, "occur_time", self.now())
        under = await self.planning.of_response(key, cause)
        if request.plan_id and (under is None or under.plan_id != request.plan_id):
            under = await self.planning.in_force(request.plan_id, cause, at)
        if under is None:
            raise Invalid(
                "PLAN_REQUIRED",
                field="plan_id",
                got="none",
                allowed=f"a plan: the response of {key} is under none",
            )
        command = ApproveResponse(
            by=caller.actor,
            incident_id=key,
            under=under,
            level=messages.LEVEL_OF[request.level] if request.level else None,
            note=request.note,
            occurred_at=at,
        )
        written = await act(self.incidents, request, command)
        return pb.ApproveResponseResponse(etag=written.etag, position=written.position)

    async def GetActivationProposal(
        self, request: pb.GetActivationProposalRequest, context: Any
    ) -> pb.GetActivationProposalResponse:
        key = request.incident_id
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (
                await connection.execute(select(INCIDENTS).where(INCIDENTS.c.incident_id == key))
            ).first()
            if row is None:
                raise lifecycle.unknown(key)
            known = await _known(connection, row)
            plans = await _plans(connection, row)
        active = bool(row.level)
        response = pb.GetActivationProposalResponse(
            incident_id=key,
            grade=messages.GRADES[known.grade] if known.grade else GRADE_UNSPECIFIED,
            active_level=messages.LEVELS[Level(row.level)]
            if active
            else RESPONSE_LEVEL_UNSPECIFIED,
            active_plan_id=row.plan_id if active else "",
            active_plan_version=row.plan_version if active else 0,
            plans=[_proposal(plan, known, call.current().actor) for plan in plans],
        )
        reading.freshen(response.freshness, seen)
        return response


async def _known(connection: AsyncConnection, incident: Any) -> Known:
    key = incident.incident_id
    standing = await connection.execute(
        select(STANDING).where(STANDING.c.incident_id == key, STANDING.c.value.is_not(None))
    )
    acts = await connection.execute(
        select(RESPONSE_ACTS)
        .where(RESPONSE_ACTS.c.incident_id == key)
        .order_by(RESPONSE_ACTS.c.position.desc())
    )
    approvals = []
    for row in acts:
        if row.kind != APPROVED:
            break
        approvals.append(row)
    return Known(
        incident=incident,
        standing={Metric(row.metric): row for row in standing},
        approvals=approvals,
        given=await _given(connection, incident),
    )


async def _given(connection: AsyncConnection, incident: Any) -> frozenset[str]:
    """Return the steps that would not be asked again: open, or done in this activation."""
    given: ColumnElement[bool] = TASKS.c.state.in_(OPEN)
    if incident.level:
        since = TASKS.c.assigned_at >= incident.activated_at
        given = or_(given, and_(TASKS.c.state == TaskState.COMPLETED, since))
    steps = await connection.execute(
        select(TASKS.c.plan_step).where(TASKS.c.incident_id == incident.incident_id, given)
    )
    return frozenset(steps.scalars())


async def _plans(connection: AsyncConnection, incident: Any) -> list[InForce]:
    """Return the plan that the response is under, else all in force that are made for it."""
    statement = select(PLANS, PLAN_VERSIONS.c.version, PLAN_VERSIONS.c.content).join_from(
        PLANS, PLAN_VERSIONS, PLANS.c.plan_id == PLAN_VERSIONS.c.plan_id
    )
    if incident.level and incident.plan_id:
        statement = statement.where(
            PLANS.c.plan_id == incident.plan_id, PLAN_VERSIONS.c.version == incident.plan_version
        )
    else:
        statement = statement.where(PLAN_VERSIONS.c.version == PLANS.c.in_force)
    rows = await connection.execute(statement.order_by(PLANS.c.plan_id))
    found = [
        InForce(
            plan_id=row.plan_id,
            version=row.version,
            adcode=row.adcode,
            content=plan_messages.stored(row.content),
        )
        for row in rows
        if row.exercise in {"", incident.exercise}
    ]
    made = [plan for plan in found if plan.applies(incident.type_code, incident.adcode)]
    return sorted(made, key=lambda plan: plan.content.kind is PlanKind.GENERAL)


def _proposal(plan: InForce, known: Known, caller: Actor) -> pb.PlanProposal:
    content = plan.content
    levels = [_level(plan, rule, known, caller) for rule in _from_low(content.levels)]
    started = [level.level for level in levels if level.started]
    return pb.PlanProposal(
        plan_id=plan.plan_id,
        plan_version=plan.version,
        title=content.title,
        kind=plan_messages.KINDS[content.kind],
        sample=content.sample,
        levels=levels,
        proposed_level=started[-1] if started else RESPONSE_LEVEL_UNSPECIFIED,
    )


def _from_low(rules: Sequence[LevelRule]) -> list[LevelRule]:
    return sorted(rules, key=lambda rule: rule.level.rank)


def _level(plan: InForce, rule: LevelRule, known: Known, caller: Actor) -> pb.LevelProposal:
    content, level = plan.content, rule.level
    return pb.LevelProposal(
        level=messages.LEVELS[level],
        started=any(
            condition.holds(known.figures, known.grade)
            for higher in content.levels
            if higher.level.includes(level)
            for condition in higher.conditions
        ),
        conditions=[_finding(condition, known) for condition in rule.conditions],
        approver=plan_messages.approver_message(rule.approver),
        approved_by=[
            row.approver
            for row in known.approvals
            if (row.plan_id, row.plan_version, row.level) == (plan.plan_id, plan.version, level)
        ],
        caller_may_approve=rule.approver.may_be(caller, known.incident.adcode),
        tasks=[
            plan_messages.step_message(step)
            for step in content.steps_at(level)
            if plan.reference(step.step_id) not in known.given
        ],
        roles=[
            plan_messages.role_message(role) for role in content.roles if level.includes(role.level)
        ],
        resources=[
            plan_messages.resource_message(resource)
            for resource in content.resources
            if level.includes(resource.level)
        ],
    )


def _finding(condition: Condition, known: Known) -> pb.ConditionFinding:
    spoken = dict.fromkeys(m for one in condition.thresholds for m in one.metrics)
    return pb.ConditionFinding(
        condition=plan_messages.condition_message(condition),
        holds=condition.holds(known.figures, known.grade),
        judged=condition.is_judged,
        figures=[
            pb.ConditionFigure(
                metric=METRICS[metric],
                value=row.value,
                fact_ids=msgspec.json.decode(row.fact_ids, type=list[str]),
                position=row.position,
            )
            for metric in spoken
            if (row := known.standing.get(metric)) is not None
        ],
    )
