"""What happens to a plan (预案), and the vocabulary that its acts share.

``body`` is the authority or panel that acted, ``reference`` the number of its paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.command.domain.plan.content import Content


class Stage(StrEnum):
    """How far a version has come."""

    DRAFT = "draft"
    REVIEWED = "reviewed"
    ASSESSED = "assessed"
    PUBLISHED = "published"
    FILED = "filed"
    EXERCISED = "exercised"


class Verdict(StrEnum):
    PASSED = "passed"
    RETURNED = "returned"  # to its drafters


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDrafted:
    plan_id: str
    adcode: str
    version: int
    content: Content
    recorded_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRevised:
    """``version`` is a draft from here on, whatever of it had been reviewed."""

    plan_id: str
    adcode: str
    version: int
    content: Content
    reason: str
    recorded_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReviewed:
    plan_id: str
    adcode: str
    version: int
    verdict: Verdict
    body: str
    reference: str
    opinion: str
    recorded_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAssessed:
    plan_id: str
    adcode: str
    version: int
    verdict: Verdict
    body: str
    reference: str
    opinion: str
    recorded_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPublished:
    """In force from here on, in place of ``supersedes``, which is 0 where none was."""

    plan_id: str
    adcode: str
    version: int
    supersedes: int
    title: str
    body: str
    reference: str
    recorded_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFiled:
    plan_id: str
    adcode: str
    version: int
    body: str
    reference: str
    recorded_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanExercised:
    plan_id: str
    adcode: str
    version: int
    body: str
    reference: str
    opinion: str
    recorded_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRetired:
    plan_id: str
    adcode: str
    title: str
    body: str
    reference: str
    reason: str
    recorded_by: str
    occurred_at: datetime


Advanced = PlanReviewed | PlanAssessed | PlanPublished | PlanFiled | PlanExercised
Event = PlanDrafted | PlanRevised | Advanced | PlanRetired


def stage_of(event: Advanced) -> Stage:
    """Return the stage at which an act leaves its version."""
    match event:
        case PlanReviewed(verdict=Verdict.RETURNED) | PlanAssessed(verdict=Verdict.RETURNED):
            return Stage.DRAFT
        case PlanReviewed():
            return Stage.REVIEWED
        case PlanAssessed():
            return Stage.ASSESSED
        case PlanPublished():
            return Stage.PUBLISHED
        case PlanFiled():
            return Stage.FILED
        case PlanExercised():
            return Stage.EXERCISED
        case _:
            assert_never(event)
