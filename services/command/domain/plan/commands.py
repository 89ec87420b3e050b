"""What can be done with a plan (预案).

``body`` is the authority or panel that acts, ``reference`` the number of its paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.command.domain.plan.content import Content
from services.command.domain.plan.events import Verdict
from services.runtime.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftPlan:
    by: Actor
    plan_id: str
    adcode: str
    content: Content
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisePlan:
    by: Actor
    plan_id: str
    content: Content
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPlan:
    by: Actor
    plan_id: str
    version: int
    verdict: Verdict
    body: str
    reference: str
    opinion: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessPlan:
    by: Actor
    plan_id: str
    version: int
    verdict: Verdict
    body: str
    reference: str
    opinion: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishPlan:
    by: Actor
    plan_id: str
    version: int
    body: str
    reference: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlan:
    by: Actor
    plan_id: str
    version: int
    body: str
    reference: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPlanExercise:
    """``reference`` names the exercise; ``opinion`` is its evaluation."""

    by: Actor
    plan_id: str
    version: int
    body: str
    reference: str
    opinion: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetirePlan:
    by: Actor
    plan_id: str
    body: str
    reference: str
    reason: str
    occurred_at: datetime


Step = ReviewPlan | AssessPlan | PublishPlan | FilePlan | RecordPlanExercise
Command = DraftPlan | RevisePlan | Step | RetirePlan
