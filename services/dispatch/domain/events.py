"""What happens to an assignment (派遣): the facts, and the vocabulary they share.

``adcode`` is the destination's, so that each fact can be addressed from itself.  ``late`` marks
what was said after a later state was known, or instead of another time: it is kept as said, and
the state stays.  When each was recorded is the store's to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.dispatch.domain.refusals import RefusalKind
from services.runtime.place import Place


class Stage(StrEnum):
    """How far an assignment has come, or how it ended."""

    PREPLANNED = "preplanned"
    REQUESTED = "requested"
    DISPATCHED = "dispatched"
    ACKNOWLEDGED = "acknowledged"
    EN_ROUTE = "en_route"
    STAGED = "staged"
    ON_SCENE = "on_scene"
    TRANSPORTING = "transporting"
    AT_DESTINATION = "at_destination"
    CLEARED = "cleared"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    DIVERTED = "diverted"
    WITHDRAWN = "withdrawn"


class Source(StrEnum):
    """Whose word a fact is.  ``UNSAID`` stands in facts from before it was asked."""

    UNSAID = "unsaid"
    CONSOLE = "console"
    CREW = "crew"
    DEVICE = "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTimes:
    """How a call came in, as far as the telephone exchange tells (NENA-STA-020).

    ``first_answered_at`` is when the centre answered that took it first and passed it on.
    """

    first_answered_at: datetime | None = None
    rang_at: datetime | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentRequested:
    """The intent.

    With ``said`` the unit went at ``occurred_at``, in somebody's words; else when it is had.
    ``incident_type`` is the incident's when it was asked.  With ``diverted_from`` the unit comes
    from that assignment, hold and all.  ``by_clock`` marks a plan whose time has come: nobody
    waits for the answer.
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
    incident_type: str = ""
    diverted_from: str = ""
    call: CallTimes | None = None
    diversion_reason: str = ""
    by_clock: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentPreplanned:
    """Decided now, to be asked for at ``dispatch_at``: until then it holds no unit."""

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
    dispatch_at: datetime
    incident_type: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentRefused:
    """The unit could not be had.  Keeps the whole refusal, so that it can be said again.

    With ``asks`` it stays on the board until somebody has said what becomes of it.
    """

    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    kind: RefusalKind
    reason: str
    message: str
    context: dict[str, str]
    occurred_at: datetime
    asks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalAnswered:
    """Somebody has seen that a plan came to nothing, and says what is done instead."""

    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    answer: str
    answered_by: str
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
    source: Source = Source.UNSAID


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
    source: Source = Source.UNSAID


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOnScene:
    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    late: bool
    occurred_at: datetime
    source: Source = Source.UNSAID


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitStaged:
    """It waits near the scene (集结待命) to be called forward."""

    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    late: bool
    occurred_at: datetime
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTransporting:
    """It carries somebody from the scene ``to`` a hospital, a shelter or home."""

    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    to: str
    late: bool
    occurred_at: datetime
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitAtDestination:
    """It has arrived where it carried them."""

    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    late: bool
    occurred_at: datetime
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionInitiated:
    """Its first effective action at the scene (初战展开) began.  Changes no state.

    ``late`` marks another time for what was known.
    """

    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    late: bool
    occurred_at: datetime
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentOverridden:
    """Somebody set it to ``to`` although its way does not lead there; that follows as a fact.

    ``ways_version`` is the table that was set aside, ``authority`` who or what allowed it.
    """

    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    previous: Stage
    to: Stage
    reason: str
    authority: str
    overridden_by: str
    ways_version: str
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
    source: Source = Source.UNSAID


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
class AssignmentDiverted:
    """The unit goes to another incident, under another assignment that has its hold."""

    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    to_assignment_id: str
    to_incident_id: str
    reason: str
    diverted_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentWithdrawn:
    """It was ordered out of the scene; ``withdrawal_id`` is the order."""

    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    withdrawal_id: str
    reason: str
    withdrawn_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CrewHandedOver:
    """One shift gave it to the next, which goes on with ``crew`` people."""

    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    outgoing: str
    incoming: str
    crew: int
    briefing: str
    handed_over_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MaydayDeclared:
    """People of the unit are in danger of their lives themselves."""

    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    situation: str
    declared_by: str
    source: Source
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MaydayResolved:
    """``outcome`` says what became of them."""

    assignment_id: str
    incident_id: str
    unit_id: str
    adcode: str
    outcome: str
    resolved_by: str
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


Progress = (
    AssignmentAcknowledged
    | UnitEnRoute
    | UnitStaged
    | UnitOnScene
    | UnitTransporting
    | UnitAtDestination
)
Milestone = Progress | AssignmentCleared
Ending = (
    AssignmentRefused
    | AssignmentCleared
    | AssignmentDeclined
    | AssignmentCancelled
    | AssignmentDiverted
    | AssignmentWithdrawn
)
Event = (
    AssignmentPreplanned
    | AssignmentRequested
    | UnitDispatched
    | AcknowledgementOverdue
    | Progress
    | ActionInitiated
    | AssignmentOverridden
    | AssignmentMoved
    | RefusalAnswered
    | CrewHandedOver
    | MaydayDeclared
    | MaydayResolved
    | Ending
)
