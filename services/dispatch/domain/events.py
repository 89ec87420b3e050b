"""What happens to an assignment (派遣): the facts, and the vocabulary they share.

``adcode`` is the destination's, so that each fact can be addressed from itself.  ``late`` marks
what was said after a later state was known, or instead of another time: it is kept as said, and
the state stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.runtime.place import Place
from services.runtime.rejection import AlreadyExists, Forbidden, Invalid, NotFound, Rejection


class Stage(StrEnum):
    """How far an assignment has come."""

    REQUESTED = "requested"
    DISPATCHED = "dispatched"
    ACKNOWLEDGED = "acknowledged"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    CLEARED = "cleared"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class RefusalKind(StrEnum):
    RULE = "rule"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    FORBIDDEN = "forbidden"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentRequested:
    """The intent.

    With ``said`` the unit went at ``occurred_at``, in somebody's words; else when it is had.
    """

    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    destination: Place
    order: str
    call_at: datetime | None
    acknowledge_within_s: float
    override_reason: str
    requested_by: str
    said: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentRefused:
    """The unit could not be had.  Keeps the whole refusal, so that it can be said again."""

    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    kind: RefusalKind
    reason: str
    message: str
    context: dict[str, str]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitDispatched:
    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    unit_kind: str
    destination: Place
    order: str
    acknowledge_due_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentAcknowledged:
    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    late: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgementOverdue:
    """Nobody acknowledged by ``due_at``, which is when this occurred."""

    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    due_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitEnRoute:
    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    late: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOnScene:
    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    late: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentCleared:
    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    disposition: str
    late: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentDeclined:
    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentCancelled:
    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentMoved:
    """It follows its incident, which was merged or split, to ``incident_id``, and goes on."""

    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    from_incident_id: str
    occurred_at: datetime


Milestone = AssignmentAcknowledged | UnitEnRoute | UnitOnScene | AssignmentCleared
Event = (
    AssignmentRequested
    | AssignmentRefused
    | UnitDispatched
    | AcknowledgementOverdue
    | Milestone
    | AssignmentDeclined
    | AssignmentCancelled
    | AssignmentMoved
)

_KINDS: dict[RefusalKind, type[Rejection]] = {
    RefusalKind.NOT_FOUND: NotFound,
    RefusalKind.ALREADY_EXISTS: AlreadyExists,
    RefusalKind.FORBIDDEN: Forbidden,
}


def kind_of(refusal: Rejection) -> RefusalKind:
    if isinstance(refusal, Invalid):
        return RefusalKind.INVALID
    found = (kind for kind, cls in _KINDS.items() if isinstance(refusal, cls))
    return next(found, RefusalKind.RULE)


def said_again(event: AssignmentRefused) -> Rejection:
    """Return the refusal as it was pronounced the first time."""
    context = event.context
    if event.kind is RefusalKind.INVALID:
        return Invalid(
            event.reason,
            field=context.get("field", ""),
            got=context.get("got", ""),
            allowed=context.get("allowed", ""),
        )
    return _KINDS.get(event.kind, Rejection)(event.reason, event.message, **context)
