"""预案: what a plan says: what it is for, who may start it and when, and who then does what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from services.command.domain.grades import Grade
from services.command.domain.incident.facts import Metric
from services.command.domain.levels import Level
from services.runtime.actor import Actor, region_prefix
from services.runtime.rejection import Invalid


class PlanKind(StrEnum):
    """「1+N+X」: one general plan, special plans under it, and what is under those."""

    GENERAL = "general"  # 总体预案
    SPECIAL = "special"  # 专项预案
    DEPARTMENT = "department"  # 部门预案
    ACTION_CARD = "action_card"  # 现场处置方案, 应急处置卡


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Reached when the sum of ``metrics`` is ``at_least`` so much."""

    metrics: tuple[Metric, ...]
    at_least: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A clause that starts a level (启动条件).

    It holds by the record where every threshold is reached and the confirmed grade is at least
    ``grade``.  One that names neither is for people to judge: rain, water levels, magnitudes.
    """

    clause: str
    text: str
    thresholds: tuple[Threshold, ...] = ()
    grade: Grade | None = None

    @property
    def is_judged(self) -> bool:
        return not self.thresholds and self.grade is None

    def holds(self, figures: Mapping[Metric, int], grade: Grade | None) -> bool:
        """Whether the record alone says so; never for one that people judge."""
        if self.is_judged:
            return False
        graded = self.grade is None or (grade is not None and grade.rank >= self.grade.rank)
        return graded and all(
            sum(figures.get(metric, 0) for metric in one.metrics) >= one.at_least
            for one in self.thresholds
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """Who approves a level: one of ``roles``, whose jurisdiction holds ``adcode``.

    Without ``adcode`` it need only hold the place of the incident.
    """

    title: str
    roles: tuple[str, ...]
    adcode: str = ""

    def may_be(self, actor: Actor, place: str) -> bool:
        """Whether ``actor`` approves for an incident at ``place``."""
        return bool({*self.roles} & {*actor.roles}) and actor.covers(self.adcode or place)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRule:
    level: Level
    approver: Approver
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A task of a department from ``level`` on, due some minutes after that level begins.

    ``after`` are the steps that must be done before it.
    """

    step_id: str
    level: Level
    title: str
    instructions: str
    department: str
    within_minutes: int | None = None
    after: tuple[str, ...] = ()

    @property
    def within(self) -> timedelta | None:
        return None if self.within_minutes is None else timedelta(minutes=self.within_minutes)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRole:
    """A role of the command post that a level fills, and with whom."""

    level: Level
    role: str
    holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedResource:
    level: Level
    kind: str
    quantity: int
    unit: str
    purpose: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """``types`` are beginnings of GB/T 35561 codes; ``under`` is the plan above this one.

    A ``sample`` may be exercised, and is not in earnest anybody's plan.
    """

    kind: PlanKind
    title: str
    sample: bool
    source: str
    under: str
    types: tuple[str, ...]
    levels: tuple[LevelRule, ...]
    steps: tuple[Step, ...]
    roles: tuple[WantedRole, ...]
    resources: tuple[WantedResource, ...]
    termination: str

    def covers(self, type_code: str) -> bool:
        return type_code.startswith(self.types)

    def rule(self, level: Level) -> LevelRule | None:
        return next((rule for rule in self.levels if rule.level is level), None)

    def steps_at(self, level: Level) -> tuple[Step, ...]:
        """Return the steps of ``level`` and of every lower one."""
        return tuple(step for step in self.steps if level.includes(step.level))


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """A version of a plan, as an incident is responded to under it."""

    plan_id: str
    version: int
    adcode: str
    content: Content

    @property
    def name(self) -> str:
        return f"{self.content.title}（第{self.version}版）"

    def applies(self, type_code: str, place: str) -> bool:
        """Whether the plan is made for an incident of this type at this place."""
        return self.content.covers(type_code) and place.startswith(region_prefix(self.adcode))

    def reference(self, part: str) -> str:
        """Return the name of a step or a clause of this version, unique among all plans."""
        return f"{self.plan_id}/{self.version}/{part}"


def check(content: Content) -> None:
    """Raise Invalid PLAN_INCONSISTENT for a plan that could not be followed."""
    levels = {rule.level for rule in content.levels}
    _unique("levels.level", (rule.level for rule in content.levels))
    _unique(
        "levels.conditions.clause",
        (condition.clause for rule in content.levels for condition in rule.conditions),
    )
    _unique("steps.step_id", (step.step_id for step in content.steps))
    for field, parts in (
        ("steps.level", content.steps),
        ("roles.level", content.roles),
        ("resources.level", content.resources),
    ):
        for part in parts:
            if part.level not in levels:
                raise _inconsistent(field, part.level, f"one of {', '.join(sorted(levels))}")
    _check_order({step.step_id: step for step in content.steps})


def _check_order(steps: Mapping[str, Step]) -> None:
    for step in steps.values():
        for name in step.after:
            earlier = steps.get(name)
            if earlier is None:
                raise _inconsistent("steps.after", name, "a step of this plan")
            if not step.level.includes(earlier.level):
                raise _inconsistent(
                    "steps.after",
                    f"{name}, of level {earlier.level}",
                    f"a step that level {step.level} has, for {step.step_id} must follow it",
                )
            same = earlier.level is step.level
            if same and step.within and earlier.within and step.within < earlier.within:
                raise _inconsistent(
                    "steps.within",
                    f"{step.step_id} in {step.within}",
                    f"at least {earlier.within}, the time of {name}, which it follows",
                )
    _check_acyclic(steps)


def _check_acyclic(steps: Mapping[str, Step]) -> None:
    left = dict(steps)
    while left:
        free = [name for name, step in left.items() if not any(n in left for n in step.after)]
        if not free:
            raise _inconsistent("steps.after", ", ".join(sorted(left)), "steps without a circle")
        for name in free:
            del left[name]


def _unique(field: str, values: Iterable[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise _inconsistent(field, value, "each only once")
        seen.add(value)


def _inconsistent(field: str, got: str, allowed: str) -> Invalid:
    return Invalid("PLAN_INCONSISTENT", field=f"content.{field}", got=got, allowed=allowed)
