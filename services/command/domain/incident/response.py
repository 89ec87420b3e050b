"""响应: the level at which the authorities respond, from activation to termination.

A response is activated under a plan that is in force, or, where none is named, in free words:
then it stands flagged as activated without a published plan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.command.domain.levels import Level
from services.command.domain.plan.content import InForce
from services.runtime.actor import Actor

__all__ = [
    "ActivateResponse",
    "Approval",
    "ApproveResponse",
    "Approved",
    "ChangeResponseLevel",
    "Command",
    "Event",
    "Level",
    "Response",
    "ResponseActivated",
    "ResponseApproved",
    "ResponseLevelChanged",
    "ResponseTerminated",
    "TerminateResponse",
    "evolve",
]


class Approval(StrEnum):
    """How it is known that who may approve has approved."""

    STATED = "stated"  # no plan says who may: the approver is as named
    OWN = "own"  # the caller may
    RECORDED = "recorded"  # the approver said so before, under an own token
    AWAITED = "awaited"  # urgent: it was said by word of mouth, and is flagged until it is recorded


# Commands.  ``under`` is the plan's version, looked up for the command; None without a plan.
# ``urgent`` says why an approval could not be waited for; empty where it was.


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateResponse:
    """``clauses`` are the start conditions that people judged to be met."""

    by: Actor
    incident_id: str
    decision_id: str
    level: Level
    plan: str
    approver: str
    reason: str
    occurred_at: datetime
    under: InForce | None = None
    clauses: tuple[str, ...] = ()
    urgent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeResponseLevel:
    by: Actor
    incident_id: str
    decision_id: str
    level: Level
    approver: str
    reason: str
    occurred_at: datetime
    under: InForce | None = None
    clauses: tuple[str, ...] = ()
    urgent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateResponse:
    by: Actor
    incident_id: str
    decision_id: str
    approver: str
    reason: str
    occurred_at: datetime
    under: InForce | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveResponse:
    """Approve ``level``, before it is decided or after; None approves the termination."""

    by: Actor
    incident_id: str
    under: InForce
    level: Level | None
    note: str
    occurred_at: datetime


Ordering = ActivateResponse | ChangeResponseLevel | TerminateResponse
Command = Ordering | ApproveResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseActivated:
    """``plan_id`` is empty, and ``plan_version`` 0, where no published plan was named."""

    incident_id: str
    adcode: str
    level: Level
    plan: str
    plan_id: str
    plan_version: int
    clauses: tuple[str, ...]
    approver: str
    approval: Approval
    urgent: str
    reason: str
    decision_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseLevelChanged:
    incident_id: str
    adcode: str
    previous_level: Level
    level: Level
    plan: str
    plan_id: str
    plan_version: int
    clauses: tuple[str, ...]
    approver: str
    approval: Approval
    urgent: str
    reason: str
    decision_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseTerminated:
    incident_id: str
    adcode: str
    previous_level: Level | None
    plan: str
    plan_id: str
    plan_version: int
    approver: str
    approval: Approval
    reason: str
    decision_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseApproved:
    """``title`` is what the plan calls the approver of ``level``; of a termination it is None."""

    incident_id: str
    adcode: str
    plan_id: str
    plan_version: int
    level: Level | None
    title: str
    note: str
    approved_by: str
    occurred_at: datetime


Ordered = ResponseActivated | ResponseLevelChanged | ResponseTerminated
Event = Ordered | ResponseApproved


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """An approval that waits to be used."""

    plan_id: str
    plan_version: int
    level: Level | None
    approved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """``level`` is None while no response is active; ``since`` when the last one was activated.

    ``awaits`` is the level that was ordered in haste and is not approved yet.
    """

    level: Level | None = None
    plan: str = ""
    plan_id: str = ""
    plan_version: int = 0
    since: datetime | None = None
    awaits: Level | None = None
    approvals: frozenset[Approved] = frozenset()


def evolve(response: Response, event: Event) -> Response:
    match event:
        case ResponseActivated():
            return Response(
                level=event.level,
                plan=event.plan,
                plan_id=event.plan_id,
                plan_version=event.plan_version,
                since=event.occurred_at,
                awaits=event.level if event.approval is Approval.AWAITED else None,
            )
        case ResponseLevelChanged():
            awaits = event.level if event.approval is Approval.AWAITED else None
            return replace(response, level=event.level, awaits=awaits, approvals=frozenset())
        case ResponseTerminated():
            return replace(response, level=None, approvals=frozenset())
        case ResponseApproved():
            if response.awaits is not None and _settles(response, event):
                return replace(response, awaits=None)
            approved = Approved(
                plan_id=event.plan_id,
                plan_version=event.plan_version,
                level=event.level,
                approved_by=event.approved_by,
            )
            return replace(response, approvals=response.approvals | {approved})
        case _:
            assert_never(event)


def _settles(response: Response, event: ResponseApproved) -> bool:
    awaited = (response.plan_id, response.plan_version, response.awaits)
    return awaited == (event.plan_id, event.plan_version, event.level)
