"""A plan, and what the tests of plans and responses share of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.command.domain.grades import Grade
from services.command.domain.incident.facts import Metric
from services.command.domain.levels import Level
from services.command.domain.plan import decider
from services.command.domain.plan.commands import (
    AssessPlan,
    DraftPlan,
    FilePlan,
    PublishPlan,
    RecordPlanExercise,
    RetirePlan,
    ReviewPlan,
    RevisePlan,
)
from services.command.domain.plan.content import (
    Approver,
    Condition,
    Content,
    InForce,
    LevelRule,
    PlanKind,
    Step,
    Threshold,
)
from services.command.domain.plan.events import (
    PlanAssessed,
    PlanDrafted,
    PlanExercised,
    PlanFiled,
    PlanPublished,
    PlanRetired,
    PlanReviewed,
    PlanRevised,
    Verdict,
)
from tests.command.incidents import CALLED, person
from tests.spec import spec

given = spec(decider.decide, decider.evolve, decider.INITIAL)

ISSUED = CALLED - timedelta(days=100)
YI = person("planner.yi")

LOW = Approver(title="办公室主任", roles=("commander", "leader"))
CITY = Approver(title="副指挥长", roles=("commander", "leader"), adcode="431281")
HIGH = Approver(title="指挥长", roles=("leader",), adcode="431281")


def step(step_id: str, level: Level, minutes: int | None, *after: str) -> Step:
    return Step(
        step_id=step_id,
        level=level,
        title=f"做{step_id}",
        instructions=f"{step_id}的要求",
        department="市应急管理局",
        within_minutes=minutes,
        after=after,
    )


def condition(
    clause: str, *metrics: Metric, at_least: int = 1, grade: Grade | None = None
) -> Condition:
    thresholds = (Threshold(metrics=metrics, at_least=at_least),) if metrics else ()
    return Condition(clause=clause, text=f"条件{clause}", thresholds=thresholds, grade=grade)


dead_or_missing = (Metric.DEAD, Metric.MISSING)
content = Content(
    kind=PlanKind.SPECIAL,
    title="地质灾害应急预案",
    sample=False,
    source="测试",
    under="plan-general",
    types=("11D",),
    levels=(
        LevelRule(
            level=Level.IV,
            approver=LOW,
            conditions=(condition("4.1", Metric.TRAPPED), condition("4.2")),
        ),
        LevelRule(
            level=Level.III,
            approver=CITY,
            conditions=(condition("5.1", *dead_or_missing, at_least=3), condition("5.2")),
        ),
        LevelRule(
            level=Level.II,
            approver=HIGH,
            conditions=(condition("6.1", grade=Grade.MAJOR), condition("6.2")),
        ),
    ),
    steps=(
        step("verify", Level.IV, 15),
        step("move", Level.IV, 60, "verify"),
        step("relief", Level.IV, None),
        step("post", Level.III, 60),
        step("count", Level.III, 120, "move"),
        step("army", Level.II, 120, "post"),
    ),
    roles=(),
    resources=(),
    termination="险情排除",
)
under = InForce(plan_id="p1", version=1, adcode="431281", content=content)

named: dict[str, Any] = {"by": YI, "plan_id": "p1"}
paper: dict[str, Any] = {"version": 1, "body": "市政府", "occurred_at": ISSUED}
draft = DraftPlan(**named, adcode="431281", content=content, occurred_at=ISSUED)
revise = RevisePlan(**named, content=content, reason="汛后总结", occurred_at=ISSUED)
review = ReviewPlan(**named, **paper, verdict=Verdict.PASSED, reference="评审 1", opinion="同意")
assess = AssessPlan(**named, **paper, verdict=Verdict.PASSED, reference="评估 1", opinion="同意")
publish = PublishPlan(**named, **paper, reference="洪政办发 8")
file = FilePlan(**named, **paper, reference="备 21")
exercise = RecordPlanExercise(**named, **paper, reference="flood-2026", opinion="转移偏慢")
retire = RetirePlan(
    **named, body="市政府", reference="洪政办发 9", reason="并入总体预案", occurred_at=ISSUED
)

told: dict[str, Any] = {
    "plan_id": "p1",
    "adcode": "431281",
    "recorded_by": "planner.yi",
    "occurred_at": ISSUED,
}
noted: dict[str, Any] = {**told, "version": 1, "body": "市政府"}
drafted = PlanDrafted(**told, version=1, content=content)
revised = PlanRevised(**told, version=2, content=content, reason="汛后总结")
reviewed = PlanReviewed(**noted, verdict=Verdict.PASSED, reference="评审 1", opinion="同意")
assessed = PlanAssessed(**noted, verdict=Verdict.PASSED, reference="评估 1", opinion="同意")
published = PlanPublished(**noted, supersedes=0, title=content.title, reference="洪政办发 8")
filed = PlanFiled(**noted, reference="备 21")
exercised = PlanExercised(**noted, reference="flood-2026", opinion="转移偏慢")
retired = PlanRetired(
    **told, title=content.title, body="市政府", reference="洪政办发 9", reason="并入总体预案"
)
in_force = (drafted, reviewed, assessed, published)
