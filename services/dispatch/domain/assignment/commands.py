"""What may be asked of an assignment.  ``said`` is False where nobody said when: it is now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.dispatch.domain.assignment.ways import Way
from services.dispatch.domain.events import CallTimes, Source, Stage
from services.dispatch.domain.refusals import RefusalKind
from services.runtime.actor import Actor
from services.runtime.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAssignment:
    """Asks for a unit: a free one, or with ``diverted_from`` the one of that assignment."""

    by: Actor
    assignment_id: str
    incident_id: str
    unit_id: str
    destination: Place
    order: str
    call_at: datetime | None
    acknowledge_within_s: float
    override_reason: str
    said: bool
    occurred_at: datetime
    incident_type: str = ""
    diverted_from: str = ""
    call: CallTimes | None = None
    diversion_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreplanAssignment:
    """Decides now what will be asked for at ``dispatch_at``."""

    by: Actor
    assignment_id: str
    incident_id: str
    unit_id: str
    destination: Place
    order: str
    call_at: datetime | None
    acknowledge_within_s: float
    override_reason: str
    incident_type: str
    dispatch_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPreplanned:
    """Asks for what was preplanned: its time has come, or somebody will not wait for it."""

    by: Actor
    assignment_id: str
    by_clock: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRefusal:
    by: Actor
    assignment_id: str
    answer: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseAssignment:
    """Gives up on the unit: what the resources said, or that they said nothing for too long."""

    assignment_id: str
    kind: RefusalKind
    reason: str
    message: str
    context: dict[str, str]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchUnit:
    """Sends a unit that is reserved and confirmed."""

    assignment_id: str
    unit_kind: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseOverdue:
    assignment_id: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveAssignment:
    """Lets it follow its incident.  ``sources`` are the incidents that went to ``incident_id``."""

    assignment_id: str
    sources: frozenset[str]
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeAssignment:
    by: Actor
    assignment_id: str
    said: bool
    source: Source
    way: Way
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEnRoute:
    by: Actor
    assignment_id: str
    said: bool
    source: Source
    way: Way
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStaged:
    by: Actor
    assignment_id: str
    said: bool
    source: Source
    way: Way
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOnScene:
    by: Actor
    assignment_id: str
    said: bool
    source: Source
    way: Way
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordTransporting:
    by: Actor
    assignment_id: str
    to: str
    said: bool
    source: Source
    way: Way
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAtDestination:
    by: Actor
    assignment_id: str
    said: bool
    source: Source
    way: Way
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearAssignment:
    by: Actor
    assignment_id: str
    disposition: str
    said: bool
    source: Source
    way: Way
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordInitiatingAction:
    by: Actor
    assignment_id: str
    said: bool
    source: Source
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideAssignment:
    """Sets it to a state that its way does not lead to.  ``authority`` is who or what allows it."""

    by: Actor
    assignment_id: str
    to: Stage
    reason: str
    authority: str
    way: Way
    source: Source
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineAssignment:
    by: Actor
    assignment_id: str
    reason: str
    way: Way
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAssignment:
    by: Actor
    assignment_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DivertAssignment:
    """Ends it in favour of another of the same unit, which takes over its hold."""

    by: Actor
    assignment_id: str
    to_assignment_id: str
    to_incident_id: str
    reason: str
    way: Way
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawAssignment:
    """Orders the unit out of the scene; one that has not set out is called off."""

    by: Actor
    assignment_id: str
    withdrawal_id: str
    reason: str
    way: Way
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverCrew:
    by: Actor
    assignment_id: str
    outgoing: str
    incoming: str
    crew: int
    briefing: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclareMayday:
    by: Actor
    assignment_id: str
    situation: str
    source: Source
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveMayday:
    by: Actor
    assignment_id: str
    outcome: str
    occurred_at: datetime


Progress = (
    AcknowledgeAssignment
    | RecordEnRoute
    | RecordStaged
    | RecordOnScene
    | RecordTransporting
    | RecordAtDestination
    | ClearAssignment
)
Act = (
    Progress
    | RecordInitiatingAction
    | OverrideAssignment
    | DeclineAssignment
    | CancelAssignment
    | DivertAssignment
    | WithdrawAssignment
    | HandOverCrew
    | DeclareMayday
    | ResolveMayday
    | RequestPreplanned
    | AnswerRefusal
)
Command = (
    RequestAssignment
    | PreplanAssignment
    | RefuseAssignment
    | DispatchUnit
    | RaiseOverdue
    | MoveAssignment
    | Act
)
