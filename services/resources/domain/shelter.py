"""A shelter (安置点): on standby, or open for an incident with households in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.runtime.actor import Actor
from services.runtime.place import Place


class Kind(StrEnum):
    UNSAID = ""
    CLASS_III = "class_iii"
    EMERGENCY = "emergency"
    SCHOOL = "school"
    VILLAGE_HALL = "village_hall"
    HOTEL = "hotel"
    OTHER = "other"


class Result(StrEnum):
    FIT = "fit"
    DEFECTS = "defects"
    UNFIT = "unfit"  # not to be opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """Who needs particular care; one person may count in several."""

    children: int = 0
    elderly: int = 0
    disabled: int = 0
    ill: int = 0

    def plus(self, other: Care) -> Care:
        return Care(
            children=self.children + other.children,
            elderly=self.elderly + other.elderly,
            disabled=self.disabled + other.disabled,
            ill=self.ill + other.ill,
        )

    def minus(self, other: Care, people: int) -> Care:
        """Return what is left of it among ``people`` who stay: never more than these."""
        return Care(
            children=min(max(0, self.children - other.children), people),
            elderly=min(max(0, self.elderly - other.elderly), people),
            disabled=min(max(0, self.disabled - other.disabled), people),
            ill=min(max(0, self.ill - other.ill), people),
        )

    @property
    def most(self) -> int:
        return max(self.children, self.elderly, self.disabled, self.ill)


NO_CARE = Care()


# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterShelter:
    """``capacity`` is by night; ``day_capacity`` 0 is taken for the same."""

    by: Actor
    shelter_id: str
    name: str
    place: Place
    capacity: int
    kind: Kind = Kind.UNSAID
    day_capacity: int = 0
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectShelter:
    by: Actor
    shelter_id: str
    result: Result
    inspector: str
    findings: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenShelter:
    by: Actor
    shelter_id: str
    incident_id: str
    warden: str
    contact: str = ""
    reason: str = ""
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmitPeople:
    """``elsewhere`` is another shelter where the same household is known to be."""

    by: Actor
    shelter_id: str
    group_id: str
    people: int
    from_adcode: str
    head: str = ""
    care: Care = NO_CARE
    additional: bool = False
    elsewhere: str = ""
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DischargePeople:
    by: Actor
    shelter_id: str
    group_id: str
    people: int
    destination: str
    care: Care = NO_CARE
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPeopleOn:
    """The first half of a move; 0 ``people`` are all of the household."""

    by: Actor
    shelter_id: str
    move_id: str
    to_shelter_id: str
    group_id: str
    people: int
    care: Care
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TakePeopleOver:
    """The second half, which the other shelter decides: once, whatever it decides."""

    shelter_id: str
    sent: PeopleSentOn


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteMove:
    """The other shelter has them: their beds here are free."""

    shelter_id: str
    move_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPeopleBack:
    """They stay where they were, for the other shelter refused them for ``reason``."""

    shelter_id: str
    move_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseShelterNeed:
    by: Actor
    shelter_id: str
    need_id: str
    item: str
    quantity: int
    unit: str
    note: str
    needed_by: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndShelterNeed:
    by: Actor
    shelter_id: str
    need_id: str
    met: bool
    outcome: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseShelter:
    by: Actor
    shelter_id: str
    occurred_at: datetime


Command = (
    RegisterShelter
    | InspectShelter
    | OpenShelter
    | AdmitPeople
    | DischargePeople
    | SendPeopleOn
    | TakePeopleOver
    | CompleteMove
    | TurnPeopleBack
    | RaiseShelterNeed
    | EndShelterNeed
    | CloseShelter
)


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterRegistered:
    shelter_id: str
    name: str
    place: Place
    capacity: int
    kind: Kind
    day_capacity: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterInspected:
    shelter_id: str
    adcode: str
    result: Result
    inspector: str
    findings: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterOpened:
    shelter_id: str
    adcode: str
    incident_id: str
    warden: str
    contact: str
    reason: str
    capacity: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleAdmitted:
    """``occupancy`` are in the shelter then, ``inside`` of the household; ``vacancies`` remain.

    ``inside`` is 0, the incident empty and ``vacancies`` None where an old log does not say.
    """

    shelter_id: str
    adcode: str
    incident_id: str
    group_id: str
    people: int
    head: str
    care: Care
    from_adcode: str
    inside: int
    occupancy: int
    vacancies: int | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleDischarged:
    """``occupancy`` are in the shelter then; ``vacancies`` is None where an old log is silent."""

    shelter_id: str
    adcode: str
    group_id: str
    people: int
    care: Care
    destination: str
    occupancy: int
    vacancies: int | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleSentOn:
    """Their beds are kept until they are taken over: who cannot stay there comes back to them.

    ``vacancies`` are the beds left once they are.
    """

    shelter_id: str
    adcode: str
    incident_id: str
    move_id: str
    to_shelter_id: str
    group_id: str
    people: int
    head: str
    care: Care
    from_adcode: str
    reason: str
    occupancy: int
    vacancies: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleTakenOver:
    shelter_id: str
    adcode: str
    incident_id: str
    move_id: str
    from_shelter_id: str
    group_id: str
    people: int
    head: str
    care: Care
    from_adcode: str
    occupancy: int
    vacancies: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRefused:
    """For good: whatever comes later of this move, they are not here."""

    shelter_id: str
    adcode: str
    move_id: str
    from_shelter_id: str
    group_id: str
    people: int
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveCompleted:
    shelter_id: str
    adcode: str
    move_id: str
    to_shelter_id: str
    group_id: str
    people: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleTurnedBack:
    shelter_id: str
    adcode: str
    move_id: str
    group_id: str
    people: int
    head: str
    care: Care
    reason: str
    occupancy: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterNeedRaised:
    """``opening`` counts how often the shelter was opened: ids of needs are its opening's.

    Where an old log does not say it is 0, and ``place`` None.
    """

    shelter_id: str
    adcode: str
    incident_id: str
    need_id: str
    item: str
    quantity: int
    unit: str
    note: str
    needed_by: datetime | None
    occurred_at: datetime
    opening: int = 0
    name: str = ""
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterNeedEnded:
    shelter_id: str
    adcode: str
    need_id: str
    item: str
    met: bool
    outcome: str
    occurred_at: datetime
    incident_id: str = ""
    opening: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterClosed:
    shelter_id: str
    adcode: str
    occurred_at: datetime


Event = (
    ShelterRegistered
    | ShelterInspected
    | ShelterOpened
    | PeopleAdmitted
    | PeopleDischarged
    | PeopleSentOn
    | PeopleTakenOver
    | MoveRefused
    | MoveCompleted
    | PeopleTurnedBack
    | ShelterNeedRaised
    | ShelterNeedEnded
    | ShelterClosed
)


# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """Those of a household who are inside."""

    people: int = 0
    head: str = ""
    care: Care = NO_CARE
    from_adcode: str = ""
    incident_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """``sent`` are on their way from here; ``settled`` are those decided here, with the refusal."""

    sent: Mapping[str, PeopleSentOn] = field(default_factory=dict)
    settled: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standby:
    registered: ShelterRegistered
    unfit: bool = False
    moves: Moves = field(default_factory=Moves)
    openings: int = 0


@dataclass(frozen=True, slots=True)
class Open:
    """``groups`` has everybody inside, by household."""

    registered: ShelterRegistered
    incident_id: str
    warden: str
    groups: Mapping[str, Household]
    unfit: bool = False
    moves: Moves = field(default_factory=Moves)
    needs: Mapping[str, ShelterNeedRaised] = field(default_factory=dict)
    needs_ever: frozenset[str] = frozenset()
    openings: int = 1

    @property
    def occupancy(self) -> int:
        return sum(household.people for household in self.groups.values())

    @property
    def on_their_way(self) -> int:
        """People who are being moved; their beds are kept."""
        return sum(sent.people for sent in self.moves.sent.values())

    @property
    def vacancies(self) -> int:
        """Beds left."""
        return self.registered.capacity - self.occupancy - self.on_their_way


State = Standby | Open | None
INITIAL: State = None


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    if isinstance(event, ShelterRegistered):
        return Standby(event)
    if state is None:
        return None
    match event:
        case ShelterInspected():
            return replace(state, unfit=event.result is Result.UNFIT)
        case ShelterOpened():
            return Open(
                state.registered,
                event.incident_id,
                event.warden,
                {},
                state.unfit,
                state.moves,
                openings=state.openings + 1,
            )
        case PeopleAdmitted():
            return _add(state, event)
        case PeopleTakenOver():
            return _settle(_add(state, event), event.move_id, "")
        case PeopleTurnedBack():
            came = state.moves.sent.get(event.move_id)
            return state if came is None else _forget(_add(state, came), event.move_id)
        case MoveCompleted():
            return _forget(state, event.move_id)
        case MoveRefused():
            return _settle(state, event.move_id, event.reason)
        case PeopleDischarged():
            return _remove(state, event)
        case PeopleSentOn():
            sent = {**state.moves.sent, event.move_id: event}
            return replace(_remove(state, event), moves=replace(state.moves, sent=sent))
        case ShelterNeedRaised():
            if isinstance(state, Standby):
                return state
            return replace(
                state,
                needs={**state.needs, event.need_id: event},
                needs_ever=state.needs_ever | {event.need_id},
            )
        case ShelterNeedEnded():
            if isinstance(state, Standby):
                return state
            needs = {key: need for key, need in state.needs.items() if key != event.need_id}
            return replace(state, needs=needs)
        case ShelterClosed():
            return Standby(state.registered, state.unfit, state.moves, state.openings)
        case _:
            assert_never(event)


def _add(
    state: Standby | Open, event: PeopleAdmitted | PeopleTakenOver | PeopleSentOn
) -> Standby | Open:
    if isinstance(state, Standby):
        return state
    before = state.groups.get(event.group_id, Household())
    now = Household(
        people=before.people + event.people,
        head=event.head or before.head,
        care=before.care.plus(event.care),
        from_adcode=event.from_adcode or before.from_adcode,
        incident_id=event.incident_id or before.incident_id,
    )
    return replace(state, groups={**state.groups, event.group_id: now})


def _remove(state: Standby | Open, event: PeopleDischarged | PeopleSentOn) -> Standby | Open:
    if isinstance(state, Standby):
        return state
    before = state.groups.get(event.group_id, Household())
    people = before.people - event.people
    groups = {key: inside for key, inside in state.groups.items() if key != event.group_id}
    if people > 0:
        care = before.care.minus(event.care, people)
        groups[event.group_id] = replace(before, people=people, care=care)
    return replace(state, groups=groups)


def _settle(state: Standby | Open, move_id: str, refusal: str) -> Standby | Open:
    settled = {**state.moves.settled, move_id: refusal}
    return replace(state, moves=replace(state.moves, settled=settled))


def _forget(state: Standby | Open, move_id: str) -> Standby | Open:
    sent = {key: event for key, event in state.moves.sent.items() if key != move_id}
    return replace(state, moves=replace(state.moves, sent=sent))
