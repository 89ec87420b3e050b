"""What each side of mutual aid may say.  ``by`` records it; ``spoken_by`` said it there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.dispatch.domain.aid.events import Authority, Direction, Item, Reply, Unit, UnitState
from services.runtime.actor import Actor
from services.runtime.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAid:
    by: Actor
    aid_id: str
    incident_id: str
    direction: Direction
    requester: Authority
    recipients: tuple[Authority, ...]
    place: Place
    items: tuple[Item, ...]
    until: datetime
    reply_due_at: datetime
    rings: bool
    reason: str
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferAid:
    by: Actor
    aid_id: str
    incident_id: str
    direction: Direction
    requester: Authority
    helper: Authority
    place: Place
    items: tuple[Item, ...]
    until: datetime
    rings: bool
    reason: str
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAid:
    by: Actor
    aid_id: str
    helper: str
    reply: Reply
    reason: str
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RequisitionAid:
    by: Actor
    aid_id: str
    helper: str
    items: dict[str, int]
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitAid:
    by: Actor
    aid_id: str
    helper: str
    units: tuple[Unit, ...]
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportUnit:
    by: Actor
    aid_id: str
    helper: str
    unit_id: str
    unit_state: UnitState
    note: str
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStatus:
    by: Actor
    aid_id: str
    helper: str
    question: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseUnits:
    """Without ``unit_ids`` all that the helper has lent."""

    by: Actor
    aid_id: str
    helper: str
    unit_ids: tuple[str, ...]
    reason: str
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReturn:
    """Without ``unit_ids`` all that the helper has lent."""

    by: Actor
    aid_id: str
    helper: str
    unit_ids: tuple[str, ...]
    reason: str
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerReturn:
    by: Actor
    aid_id: str
    helper: str
    reply: Reply
    reason: str
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestExtension:
    by: Actor
    aid_id: str
    helper: str
    until: datetime
    reason: str
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerExtension:
    by: Actor
    aid_id: str
    helper: str
    reply: Reply
    reason: str
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAid:
    by: Actor
    aid_id: str
    reason: str
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RingAid:
    """Says that the time ``due_at`` has come, to whatever was due by then."""

    aid_id: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveAid:
    """Lets it follow its incident.  ``sources`` are the incidents that went to ``incident_id``."""

    aid_id: str
    sources: frozenset[str]
    incident_id: str
    occurred_at: datetime


Spoken = (
    AnswerAid
    | RequisitionAid
    | CommitAid
    | ReportUnit
    | ReleaseUnits
    | RequestReturn
    | AnswerReturn
    | RequestExtension
    | AnswerExtension
    | CancelAid
)
Command = RequestAid | OfferAid | Spoken | RequestStatus | RingAid | MoveAid
