"""预案: a plan's versions, from draft to retirement, and which of them is in force.

A version is drafted, reviewed 评审, assessed 评估, published 公布, filed 备案 and exercised 演练.
What was published is never changed: a revision 修订 is a new version, and the old one stays in
force until the new one is published or the plan is retired 废止.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from services.command.domain.plan.commands import (
    AssessPlan,
    Command,
    DraftPlan,
    FilePlan,
    PublishPlan,
    RecordPlanExercise,
    RetirePlan,
    ReviewPlan,
    RevisePlan,
    Step,
)
from services.command.domain.plan.content import Content, InForce, check
from services.command.domain.plan.events import (
    Advanced,
    Event,
    PlanAssessed,
    PlanDrafted,
    PlanExercised,
    PlanFiled,
    PlanPublished,
    PlanRetired,
    PlanReviewed,
    PlanRevised,
    Stage,
    stage_of,
)
from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists, Forbidden, Invalid, NotFound, Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """In force from ``since``, when it was published, until ``until``.

    ``papers`` are the acts recorded of it, each by its kind and reference.
    """

    content: Content
    stage: Stage = Stage.DRAFT
    since: datetime | None = None
    until: datetime | None = None
    papers: frozenset[tuple[type[Advanced], str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``newest`` is the number of the last version; ``told_at`` when the last act was done."""

    adcode: str
    told_at: datetime
    versions: Mapping[int, Version] = field(default_factory=dict)
    retired: bool = False

    @property
    def newest(self) -> int:
        return max(self.versions)

    def in_force(self, at: datetime) -> int | None:
        """Return the version that is in force at an instant; None if none is."""
        for number, version in self.versions.items():
            if version.since is None or at < version.since:
                continue
            if version.until is None or at < version.until:
                return number
        return None


State = Plan | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts that a command adds, or raise the rule that it breaks."""
    if isinstance(command, DraftPlan):
        return _draft(command, state)
    plan = known(command.plan_id, state)
    _within(command.by, command.plan_id, plan.adcode)
    if isinstance(command, RetirePlan):
        return _retire(command, plan)
    if plan.retired:
        raise _retired(command.plan_id)
    if isinstance(command, RevisePlan):
        return _revise(command, plan)
    return _advance(command, plan)


def _draft(command: DraftPlan, plan: State) -> list[Event]:
    _within(command.by, command.plan_id, command.adcode)
    if plan is None:
        check(command.content)
        return [
            PlanDrafted(
                plan_id=command.plan_id,
                adcode=command.adcode,
                version=1,
                content=command.content,
                recorded_by=command.by.subject,
                occurred_at=command.occurred_at,
            )
        ]
    drafted = any(version.content == command.content for version in plan.versions.values())
    if drafted and plan.adcode == command.adcode:
        return []
    raise AlreadyExists(
        "PLAN_EXISTS",
        f"plan {command.plan_id} has {plan.newest} version(s) that say otherwise: revise it",
        plan_id=command.plan_id,
        version=str(plan.newest),
    )


def _revise(command: RevisePlan, plan: Plan) -> list[Event]:
    """Change a draft, or begin the next version of what was published."""
    newest = plan.versions[plan.newest]
    if newest.content == command.content:
        return []
    _in_order(command, plan)
    check(command.content)
    return [
        PlanRevised(
            plan_id=command.plan_id,
            adcode=plan.adcode,
            version=plan.newest if newest.since is None else plan.newest + 1,
            content=command.content,
            reason=command.reason,
            recorded_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


BECOMES: Mapping[type[Step], tuple[type[Advanced], frozenset[Stage]]] = {
    ReviewPlan: (PlanReviewed, frozenset({Stage.DRAFT})),
    AssessPlan: (PlanAssessed, frozenset({Stage.REVIEWED})),
    PublishPlan: (PlanPublished, frozenset({Stage.ASSESSED})),
    FilePlan: (PlanFiled, frozenset({Stage.PUBLISHED})),
    RecordPlanExercise: (PlanExercised, frozenset({Stage.FILED, Stage.EXERCISED})),
}
"""What a step makes of a version, and at which stages it may be taken."""


def _advance(command: Step, plan: Plan) -> list[Event]:
    version = plan.versions.get(command.version)
    if version is None:
        raise no_version(command.plan_id, command.version)
    kind, stages = BECOMES[type(command)]
    if (kind, command.reference) in version.papers:
        return []
    if version.stage not in stages or version.until is not None:
        raise Rejection(
            "PLAN_OUT_OF_ORDER",
            f"version {command.version} of plan {command.plan_id} is "
            f"{'superseded' if version.until else version.stage}: "
            f"{kind.__name__} comes after {' or '.join(sorted(stages))}",
            plan_id=command.plan_id,
            version=str(command.version),
            state="superseded" if version.until else version.stage,
            allowed=", ".join(sorted(stages)),
        )
    _in_order(command, plan)
    match command:
        case ReviewPlan() | AssessPlan():
            return [_judged(command, plan)]
        case PublishPlan():
            return [_published(command, plan, version)]
        case FilePlan():
            return [_filed(command, plan)]
        case RecordPlanExercise():
            return [_exercised(command, plan)]
        case _:
            assert_never(command)


def _judged(command: ReviewPlan | AssessPlan, plan: Plan) -> Event:
    kind = PlanReviewed if isinstance(command, ReviewPlan) else PlanAssessed
    return kind(
        plan_id=command.plan_id,
        adcode=plan.adcode,
        version=command.version,
        verdict=command.verdict,
        body=command.body,
        reference=command.reference,
        opinion=command.opinion,
        recorded_by=command.by.subject,
        occurred_at=command.occurred_at,
    )


def _published(command: PublishPlan, plan: Plan, version: Version) -> Event:
    return PlanPublished(
        plan_id=command.plan_id,
        adcode=plan.adcode,
        version=command.version,
        supersedes=plan.in_force(command.occurred_at) or 0,
        title=version.content.title,
        body=command.body,
        reference=command.reference,
        recorded_by=command.by.subject,
        occurred_at=command.occurred_at,
    )


def _filed(command: FilePlan, plan: Plan) -> Event:
    return PlanFiled(
        plan_id=command.plan_id,
        adcode=plan.adcode,
        version=command.version,
        body=command.body,
        reference=command.reference,
        recorded_by=command.by.subject,
        occurred_at=command.occurred_at,
    )


def _exercised(command: RecordPlanExercise, plan: Plan) -> Event:
    return PlanExercised(
        plan_id=command.plan_id,
        adcode=plan.adcode,
        version=command.version,
        body=command.body,
        reference=command.reference,
        opinion=command.opinion,
        recorded_by=command.by.subject,
        occurred_at=command.occurred_at,
    )


def _retire(command: RetirePlan, plan: Plan) -> list[Event]:
    if plan.retired:
        return []
    _in_order(command, plan)
    return [
        PlanRetired(
            plan_id=command.plan_id,
            adcode=plan.adcode,
            title=plan.versions[plan.newest].content.title,
            body=command.body,
            reference=command.reference,
            reason=command.reason,
            recorded_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    if isinstance(event, PlanDrafted):
        first = Plan(adcode=event.adcode, told_at=event.occurred_at)
        return _with(first, event.version, Version(content=event.content), event)
    if state is None:
        return None
    if isinstance(event, PlanRetired):
        return replace(_ended(state, event), retired=True)
    if isinstance(event, PlanRevised):
        return _with(state, event.version, Version(content=event.content), event)
    version = state.versions.get(event.version)
    if version is None:
        return state
    papers = version.papers | {(type(event), event.reference)}
    advanced = replace(version, stage=stage_of(event), papers=papers)
    if isinstance(event, PlanPublished):
        advanced = replace(advanced, since=event.occurred_at)
        return _with(_ended(state, event), event.version, advanced, event)
    return _with(state, event.version, advanced, event)


def _with(plan: Plan, number: int, version: Version, event: Event) -> Plan:
    versions = {**plan.versions, number: version}
    return replace(plan, versions=versions, told_at=max(plan.told_at, event.occurred_at))


def _ended(plan: Plan, event: PlanPublished | PlanRetired) -> Plan:
    """End what is in force; of what never was, nothing is said."""
    return replace(
        plan,
        told_at=max(plan.told_at, event.occurred_at),
        versions={
            number: replace(version, until=event.occurred_at)
            if version.since is not None and version.until is None
            else version
            for number, version in plan.versions.items()
        },
    )


# What others ask of a plan.


def known(plan_id: str, state: State) -> Plan:
    """Return the plan.  Raises NotFound NO_SUCH_PLAN."""
    if state is None:
        raise unknown(plan_id)
    return state


def in_force(plan_id: str, state: State, at: datetime, *, exercise: bool) -> InForce:
    """Return the version under which a response may be activated at an instant.

    Raises NotFound, Rejection PLAN_NOT_PUBLISHED, and PLAN_IS_SAMPLE in earnest.
    """
    plan = known(plan_id, state)
    number = plan.in_force(at)
    if number is None:
        raise not_published(plan_id, plan, at)
    found = version(plan_id, plan, number)
    if found.content.sample and not exercise:
        raise Rejection(
            "PLAN_IS_SAMPLE",
            f"{found.name} is a sample for exercises: adopt it by a revision before use in earnest",
            plan_id=plan_id,
            version=str(number),
        )
    return found


def version(plan_id: str, state: State, number: int) -> InForce:
    """Return a version, whatever became of it since.  Raises NotFound."""
    plan = known(plan_id, state)
    if number not in plan.versions:
        raise no_version(plan_id, number)
    content = plan.versions[number].content
    return InForce(plan_id=plan_id, version=number, adcode=plan.adcode, content=content)


def not_published(plan_id: str, plan: Plan, at: datetime) -> Rejection:
    """Return the refusal of a plan of which no version is in force."""
    newest = plan.versions[plan.newest]
    state = "retired" if plan.retired else newest.stage
    return Rejection(
        "PLAN_NOT_PUBLISHED",
        f"no version of plan {plan_id} was in force at {at.isoformat()}: "
        f"its newest, {plan.newest}, is {state}; published, filed or exercised is allowed",
        plan_id=plan_id,
        version=str(plan.newest),
        state=state,
        allowed="published, filed, exercised",
    )


def unknown(plan_id: str) -> NotFound:
    return NotFound("NO_SUCH_PLAN", f"there is no plan {plan_id}", plan_id=plan_id)


def no_version(plan_id: str, number: int) -> NotFound:
    return NotFound(
        "NO_SUCH_PLAN_VERSION",
        f"plan {plan_id} has no version {number}",
        plan_id=plan_id,
        version=str(number),
    )


def _retired(plan_id: str) -> Rejection:
    return Rejection("PLAN_RETIRED", f"plan {plan_id} is retired: draft another", plan_id=plan_id)


def _in_order(command: RevisePlan | Step | RetirePlan, plan: Plan) -> None:
    """Refuse an act from before the last, so that what was in force when is never in doubt."""
    if command.occurred_at < plan.told_at:
        raise Invalid(
            "TIME_OUT_OF_RANGE",
            field="occur_time",
            got=command.occurred_at.isoformat(),
            allowed=f"at least {plan.told_at.isoformat()}, when the last act on it was done",
        )


def _within(by: Actor, plan_id: str, adcode: str) -> None:
    if not by.covers(adcode):
        raise Forbidden(
            "OUTSIDE_JURISDICTION",
            f"plan {plan_id} is made for {adcode}, {by.subject} acts in {by.jurisdiction}",
            plan_id=plan_id,
            adcode=adcode,
            jurisdiction=by.jurisdiction,
            subject=by.subject,
        )
