"""What happens to mutual aid (跨区域增援): the facts, and the vocabulary they share.

The words are those of EDXL-RM 1.0 (OASIS).  ``adcode`` is the requester's, so that each fact can be
addressed from itself.  ``spoken_by`` names who said it at the other side, where it was recorded for
them; empty where they recorded it themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.runtime.place import Place


class Direction(StrEnum):
    """Seen from the regions that this suite serves: we are helped, or we help."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"


class Reply(StrEnum):
    """EDXL-RM's response types: received and not dealt with; will get back to you; no."""

    ACKNOWLEDGE = "acknowledge"
    ACCEPT = "accept"
    DECLINE = "decline"


class UnitState(StrEnum):
    COMMITTED = "committed"
    EN_ROUTE = "en_route"
    ARRIVED = "arrived"
    RELEASED = "released"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


class Ending(StrEnum):
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """``here`` where this suite serves its region, so that its people speak through it."""

    adcode: str
    name: str
    contact: str
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """So many units of a kind."""

    item_id: str
    kind: str
    capabilities: tuple[str, ...]
    quantity: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit as its own authority names and describes it."""

    unit_id: str
    item_id: str
    name: str
    kind: str
    capabilities: tuple[str, ...]
    staffing: int
    contact: str
    arrives_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AidRequested:
    """``rings`` is False where its time was over when it was recorded: then no clock is set."""

    aid_id: str
    incident_id: str
    adcode: str
    direction: Direction
    requester: Authority
    recipients: tuple[Authority, ...]
    place: Place
    items: tuple[Item, ...]
    until: datetime
    reply_due_at: datetime
    reason: str
    requested_by: str
    rings: bool
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AidOffered:
    """``rings`` is False where its time was over when it was recorded: then no clock is set."""

    aid_id: str
    incident_id: str
    adcode: str
    direction: Direction
    requester: Authority
    helper: Authority
    place: Place
    items: tuple[Item, ...]
    until: datetime
    reason: str
    offered_by: str
    rings: bool
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AidAnswered:
    """``late`` where something newer was known: kept as said, and the reply stays."""

    aid_id: str
    incident_id: str
    adcode: str
    helper: str
    reply: Reply
    reason: str
    late: bool
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AidRequisitioned:
    """``items`` are numbers by item: all that is ordered of this helper, not an addition."""

    aid_id: str
    incident_id: str
    adcode: str
    helper: str
    items: dict[str, int]
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AidCommitted:
    aid_id: str
    incident_id: str
    adcode: str
    helper: str
    units: tuple[Unit, ...]
    over_committed: bool
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AidUnitReported:
    """``late`` where something later was known: kept as said, and the state stays."""

    aid_id: str
    incident_id: str
    adcode: str
    helper: str
    unit_id: str
    unit_state: UnitState
    note: str
    late: bool
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AidStatusRequested:
    aid_id: str
    incident_id: str
    adcode: str
    helper: str
    question: str
    asked_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AidUnitsReleased:
    aid_id: str
    incident_id: str
    adcode: str
    helper: str
    unit_ids: tuple[str, ...]
    reason: str
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AidReturnRequested:
    aid_id: str
    incident_id: str
    adcode: str
    helper: str
    unit_ids: tuple[str, ...]
    reason: str
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AidReturnAnswered:
    """Releases nothing: that is said by AidUnitsReleased."""

    aid_id: str
    incident_id: str
    adcode: str
    helper: str
    reply: Reply
    reason: str
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AidExtensionRequested:
    aid_id: str
    incident_id: str
    adcode: str
    helper: str
    until: datetime
    reason: str
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AidExtensionAnswered:
    """``until`` is what was asked for; it holds when ``reply`` accepts."""

    aid_id: str
    incident_id: str
    adcode: str
    helper: str
    reply: Reply
    until: datetime
    reason: str
    spoken_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AidAnswerOverdue:
    """The answers were due, and the numbers asked for are not covered.

    ``helpers`` have neither committed anything nor declined.
    """

    aid_id: str
    incident_id: str
    adcode: str
    helpers: tuple[str, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AidTermEnded:
    """The time for which ``unit_ids`` were lent has ended, and they were not let go."""

    aid_id: str
    incident_id: str
    adcode: str
    helper: str
    unit_ids: tuple[str, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AidEnded:
    aid_id: str
    incident_id: str
    adcode: str
    ending: Ending
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AidMoved:
    """It follows our incident, which was merged, to ``incident_id``, and goes on."""

    aid_id: str
    incident_id: str
    adcode: str
    from_incident_id: str
    occurred_at: datetime


Event = (
    AidRequested
    | AidOffered
    | AidAnswered
    | AidRequisitioned
    | AidCommitted
    | AidUnitReported
    | AidStatusRequested
    | AidUnitsReleased
    | AidReturnRequested
    | AidReturnAnswered
    | AidExtensionRequested
    | AidExtensionAnswered
    | AidAnswerOverdue
    | AidTermEnded
    | AidEnded
    | AidMoved
)
