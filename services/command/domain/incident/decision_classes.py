"""决定类别: what each class of decision needs before it holds, and who may approve it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from services.runtime.actor import Actor, region_prefix
from services.runtime.rejection import Forbidden, Invalid, Rejection

GENERAL = "general"


class Step(StrEnum):
    """The five statutory steps of a major administrative decision, in their lawful order.

    重大行政决策程序暂行条例 (State Council order 713), chapters 2 and 3.
    """

    PUBLIC_PARTICIPATION = "public_participation"
    EXPERT_ARGUMENT = "expert_argument"
    RISK_ASSESSMENT = "risk_assessment"
    LEGALITY_REVIEW = "legality_review"
    COLLECTIVE_DISCUSSION = "collective_discussion"


STEP_NAMES = {
    Step.PUBLIC_PARTICIPATION: "公众参与",
    Step.EXPERT_ARGUMENT: "专家论证",
    Step.RISK_ASSESSMENT: "风险评估",
    Step.LEGALITY_REVIEW: "合法性审查",
    Step.COLLECTIVE_DISCUSSION: "集体讨论",
}


class Tier(StrEnum):
    """How far a jurisdiction reaches: that of a region's government, or wider."""

    NATION = "nation"
    PROVINCE = "province"
    PREFECTURE = "prefecture"
    COUNTY = "county"
    TOWNSHIP = "township"


_DIGITS = {
    Tier.NATION: 0,
    Tier.PROVINCE: 2,
    Tier.PREFECTURE: 4,
    Tier.COUNTY: 6,
    Tier.TOWNSHIP: 9,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvers:
    """Who may be the second person: by role, or by post on the incident; from which tier up.

    ``post_roles`` are in order of rank, the highest first.
    """

    roles: frozenset[str]
    post_roles: tuple[str, ...]
    tier: Tier

    def entitle(self, by: Actor, posts: Collection[str], decider_posts: Collection[str]) -> bool:
        """Whether the post outranks the decider's, or the role is enough where there is no post."""
        if not posts:
            return not self.roles.isdisjoint(by.roles)
        rank = self._rank(posts)
        return rank < len(self.post_roles) and rank <= self._rank(decider_posts)

    def _rank(self, posts: Collection[str]) -> int:
        ranks = (rank for rank, role in enumerate(self.post_roles) if role in posts)
        return min(ranks, default=len(self.post_roles))


@dataclass(frozen=True, slots=True, kw_only=True)
class Urgency:
    """What an emergency may postpone: the steps, and with ``before_approval`` the approval too."""

    within_hours: int
    before_approval: bool

    @property
    def within(self) -> timedelta:
        return timedelta(hours=self.within_hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionClass:
    """``approvers`` are there where two persons are needed, ``urgency`` where it may come first.

    ``source`` says from which rule the class follows, and how sure that is.
    """

    name: str
    steps: tuple[Step, ...]
    source: str
    approvers: Approvers | None = None
    urgency: Urgency | None = None

    def missing(self, done: Iterable[Step]) -> tuple[Step, ...]:
        """Return the steps that are required and not ``done``, in the lawful order."""
        kept = set(done)
        return tuple(step for step in Step if step in self.steps and step not in kept)

    def require_approver(
        self, by: Actor, posts: Collection[str], decided_in: str, decider_posts: Collection[str]
    ) -> None:
        """Refuse who may not approve; ``posts`` are those that ``by`` holds on the incident.

        No subordinate may: neither one whose region lies inside the decider's, ``decided_in``,
        nor one who serves on the incident in a lower post, whatever role the token names.
        """
        approvers = self.approvers
        if approvers is None:
            return
        entitled = approvers.entitle(by, posts, decider_posts)
        reaches = len(region_prefix(by.jurisdiction)) <= _DIGITS[approvers.tier]
        if entitled and reaches and by.covers(decided_in):
            return
        allowed = [*sorted(approvers.roles), *approvers.post_roles]
        raise Forbidden(
            "APPROVAL_NOT_AUTHORISED",
            f"{by.subject} ({', '.join([*by.roles, *sorted(posts)])}, {by.jurisdiction}) may not "
            f"approve a decision of class {self.name}: it takes one of {', '.join(allowed)} with "
            f"the jurisdiction of a {approvers.tier} or wider, and neither region nor post below "
            "the decider's",
            subject=by.subject,
            jurisdiction=by.jurisdiction,
            roles=",".join(sorted(approvers.roles)),
            post_roles=",".join(approvers.post_roles),
            tier=approvers.tier,
            decided_in=decided_in,
            decider_posts=",".join(sorted(decider_posts)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionClasses:
    """The classes of decisions, by key; versioned reference data."""

    version: str
    source: str
    classes: Mapping[str, DecisionClass]

    def __post_init__(self) -> None:
        if GENERAL not in self.classes:
            raise ValueError(f"no class {GENERAL}")

    def of(self, key: str) -> DecisionClass:
        """Return a class.  Raises Invalid for one that the table does not have."""
        if key not in self.classes:
            raise Invalid(
                "DECISION_CLASS_UNKNOWN",
                field="decision_class",
                got=key,
                allowed=", ".join(sorted(self.classes)),
            )
        return self.classes[key]


def named(steps: Iterable[Step]) -> str:
    """Return steps as people read them, each with its key: ``合法性审查 legality_review``."""
    return "、".join(f"{STEP_NAMES[step]} {step}" for step in steps)


def require_urgency(class_: DecisionClass) -> Urgency:
    """Return what urgency may postpone.  Raises Rejection where it may postpone nothing."""
    if class_.urgency is None:
        raise Rejection(
            "URGENCY_NOT_ALLOWED",
            f"a decision of class {class_.name} may not be taken before its steps are done",
            decision_class=class_.name,
        )
    return class_.urgency
