"""An expert (专家): what one knows, how one is reached, and which incident has called one up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.resources.domain import ended_incident
from services.runtime.actor import Actor
from services.runtime.place import Place


class Type(StrEnum):
    """What an expert is asked for: 辅助决策, 现场处置, 技术支撑."""

    DECIDING = "deciding"
    ON_SCENE = "on_scene"
    TECHNICAL = "technical"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What experts know (reference/experts.json): codes and what people say."""

    version: str
    source: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Qualification:
    """``expires_at`` is None for one that does not run out."""

    name: str
    certificate: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of an expert, whole: an entry replaces the one before it.

    ``adcode`` is whose list it is; ``home`` may be in another county.
    """

    name: str
    adcode: str
    types: tuple[Type, ...]
    fields: tuple[str, ...]
    organisation: str
    phone: str
    second_contact: str
    qualifications: tuple[Qualification, ...]
    home: Place
    source: str


# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterExpert:
    by: Actor
    expert_id: str
    entry: Entry
    vocabulary: Vocabulary
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SetExpertAvailability:
    by: Actor
    expert_id: str
    available: bool
    reason: str
    expected_back_at: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireExpert:
    by: Actor
    expert_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CallUpExpert:
    """``ordered_by`` is whose order it is, where that is another than ``by``.

    ``heard`` is whether the incident is known to be over.
    """

    by: Actor
    expert_id: str
    call_up_id: str
    incident_id: str
    type: Type
    task: str
    ordered_by: str
    occurred_at: datetime
    heard: ended_incident.Heard = ended_incident.INITIAL


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordExpertArrival:
    """An empty ``call_up_id`` is the one that runs; so it is in `ReleaseExpert`."""

    by: Actor
    expert_id: str
    call_up_id: str
    place: Place | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseExpert:
    by: Actor
    expert_id: str
    call_up_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveExpertCallUp:
    """The incident ``source`` was merged into ``incident_id``: no order, but command's news."""

    expert_id: str
    call_up_id: str
    source: str
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndExpertCallUp:
    """The incident is over: whoever it still has is let go.  Again command's news."""

    expert_id: str
    call_up_id: str
    incident_id: str
    reason: str
    occurred_at: datetime


Order = (
    RegisterExpert
    | SetExpertAvailability
    | RetireExpert
    | CallUpExpert
    | RecordExpertArrival
    | ReleaseExpert
)
Command = Order | MoveExpertCallUp | EndExpertCallUp


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertRegistered:
    expert_id: str
    entry: Entry
    vocabulary_version: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertRevised:
    expert_id: str
    entry: Entry
    vocabulary_version: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertBecameUnavailable:
    expert_id: str
    adcode: str
    reason: str
    expected_back_at: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertBecameAvailable:
    expert_id: str
    adcode: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertRetired:
    expert_id: str
    adcode: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertCalledUp:
    expert_id: str
    adcode: str
    name: str
    call_up_id: str
    incident_id: str
    called_as: Type
    task: str
    ordered_by: str
    called_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertArrived:
    """``place`` is None where nobody said where."""

    expert_id: str
    adcode: str
    call_up_id: str
    incident_id: str
    place: Place | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertCallUpMoved:
    """Its incident ``from_incident_id`` was merged into ``incident_id``, which they serve now."""

    expert_id: str
    adcode: str
    call_up_id: str
    from_incident_id: str
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertReleased:
    """``came`` tells whether the expert had arrived."""

    expert_id: str
    adcode: str
    call_up_id: str
    incident_id: str
    came: bool
    reason: str
    occurred_at: datetime


Event = (
    ExpertRegistered
    | ExpertRevised
    | ExpertBecameUnavailable
    | ExpertBecameAvailable
    | ExpertRetired
    | ExpertCalledUp
    | ExpertArrived
    | ExpertCallUpMoved
    | ExpertReleased
)


# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class CallUp:
    """``moved_to`` is the incident that took over the one it was made for; empty for none."""

    called: ExpertCalledUp
    moved_to: str = ""
    arrived_at: datetime | None = None
    place: Place | None = None
    released_at: datetime | None = None
    release_reason: str = ""

    @property
    def incident_id(self) -> str:
        return self.moved_to or self.called.incident_id

    @property
    def runs(self) -> bool:
        return self.released_at is None


@dataclass(frozen=True, slots=True)
class Unavailable:
    reason: str
    expected_back_at: datetime | None


@dataclass(frozen=True, slots=True)
class Expert:
    """``call_ups`` by id, the earliest first; at most the last of them runs."""

    entry: Entry
    unavailable: Unavailable | None = None
    retired: str | None = None
    call_ups: dict[str, CallUp] = field(default_factory=dict)

    @property
    def running(self) -> CallUp | None:
        return next((one for one in self.call_ups.values() if one.runs), None)


State = Expert | None
INITIAL: State = None
