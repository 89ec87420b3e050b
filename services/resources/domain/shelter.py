"""A shelter (安置点): on standby, or open for an incident with people in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.resources.domain import region
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import AlreadyExists, NotFound, Rejection

# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterShelter:
    by: Actor
    shelter_id: str
    name: str
    place: Place
    capacity: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenShelter:
    by: Actor
    shelter_id: str
    incident_id: str
    warden: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmitPeople:
    by: Actor
    shelter_id: str
    group_id: str
    people: int
    from_adcode: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DischargePeople:
    by: Actor
    shelter_id: str
    group_id: str
    people: int
    destination: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseShelter:
    by: Actor
    shelter_id: str
    occurred_at: datetime


Command = RegisterShelter | OpenShelter | AdmitPeople | DischargePeople | CloseShelter


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterRegistered:
    shelter_id: str
    name: str
    place: Place
    capacity: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterOpened:
    shelter_id: str
    adcode: str
    incident_id: str
    warden: str
    capacity: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleAdmitted:
    """``occupancy`` is how many are in the shelter afterwards."""

    shelter_id: str
    adcode: str
    group_id: str
    people: int
    from_adcode: str
    occupancy: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleDischarged:
    """``occupancy`` is how many are in the shelter afterwards."""

    shelter_id: str
    adcode: str
    group_id: str
    people: int
    destination: str
    occupancy: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelterClosed:
    shelter_id: str
    adcode: str
    occurred_at: datetime


Event = ShelterRegistered | ShelterOpened | PeopleAdmitted | PeopleDischarged | ShelterClosed


# State.


@dataclass(frozen=True, slots=True)
class Standby:
    registered: ShelterRegistered


@dataclass(frozen=True, slots=True)
class Open:
    """``groups`` has everybody inside, by household."""

    registered: ShelterRegistered
    incident_id: str
    warden: str
    groups: Mapping[str, int]

    @property
    def occupancy(self) -> int:
        return sum(self.groups.values())


State = Standby | Open | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case RegisterShelter():
            return register(command, state)
        case OpenShelter():
            return open_(command, _there(command, state))
        case AdmitPeople():
            return admit(command, _there(command, state))
        case DischargePeople():
            return discharge(command, _there(command, state))
        case CloseShelter():
            return close(command, _there(command, state))
        case _:
            assert_never(command)


def register(command: RegisterShelter, state: State) -> list[Event]:
    region.require(command.by, command.place.adcode)
    registered = ShelterRegistered(
        shelter_id=command.shelter_id,
        name=command.name,
        place=command.place,
        capacity=command.capacity,
        occurred_at=command.occurred_at,
    )
    match state:
        case None:
            return [registered]
        case Standby(before) | Open(before):
            if replace(registered, occurred_at=before.occurred_at) == before:
                return []
            raise AlreadyExists(
                "SHELTER_EXISTS",
                f"{command.shelter_id} is registered already, as {before.name}",
                shelter_id=command.shelter_id,
                name=before.name,
            )
        case _:
            assert_never(state)


def open_(command: OpenShelter, state: Standby | Open) -> list[Event]:
    match state:
        case Standby(registered):
            return [
                ShelterOpened(
                    shelter_id=command.shelter_id,
                    adcode=registered.place.adcode,
                    incident_id=command.incident_id,
                    warden=command.warden,
                    capacity=registered.capacity,
                    occurred_at=command.occurred_at,
                )
            ]
        case Open(incident_id=incident_id, warden=warden):
            if (incident_id, warden) == (command.incident_id, command.warden):
                return []
            raise Rejection(
                "SHELTER_OPEN",
                f"{command.shelter_id} is open for {incident_id} already, under {warden}",
                shelter_id=command.shelter_id,
                incident_id=incident_id,
                warden=warden,
            )
        case _:
            assert_never(state)


def admit(command: AdmitPeople, state: Standby | Open) -> list[Event]:
    """Add people to a household, which may come in parts."""
    match state:
        case Standby():
            raise _not_open(command.shelter_id)
        case Open(registered, occupancy=occupancy):
            if occupancy + command.people > registered.capacity:
                raise Rejection(
                    "SHELTER_FULL",
                    f"{command.shelter_id} takes {registered.capacity} and has {occupancy}: "
                    f"{command.people} more do not fit",
                    shelter_id=command.shelter_id,
                    capacity=str(registered.capacity),
                    occupancy=str(occupancy),
                    asked=str(command.people),
                )
            return [
                PeopleAdmitted(
                    shelter_id=command.shelter_id,
                    adcode=registered.place.adcode,
                    group_id=command.group_id,
                    people=command.people,
                    from_adcode=command.from_adcode,
                    occupancy=occupancy + command.people,
                    occurred_at=command.occurred_at,
                )
            ]
        case _:
            assert_never(state)


def discharge(command: DischargePeople, state: Standby | Open) -> list[Event]:
    match state:
        case Standby():
            raise _not_open(command.shelter_id)
        case Open(registered, groups=groups, occupancy=occupancy):
            inside = groups.get(command.group_id, 0)
            if command.people > inside:
                raise Rejection(
                    "GROUP_EXCEEDED",
                    f"{inside} of {command.group_id} are in {command.shelter_id}, "
                    f"not {command.people}",
                    shelter_id=command.shelter_id,
                    group_id=command.group_id,
                    inside=str(inside),
                    asked=str(command.people),
                )
            return [
                PeopleDischarged(
                    shelter_id=command.shelter_id,
                    adcode=registered.place.adcode,
                    group_id=command.group_id,
                    people=command.people,
                    destination=command.destination,
                    occupancy=occupancy - command.people,
                    occurred_at=command.occurred_at,
                )
            ]
        case _:
            assert_never(state)


def close(command: CloseShelter, state: Standby | Open) -> list[Event]:
    match state:
        case Standby():
            return []
        case Open(registered, occupancy=occupancy):
            if occupancy:
                raise Rejection(
                    "SHELTER_NOT_EMPTY",
                    f"{occupancy} people are in {command.shelter_id} still",
                    shelter_id=command.shelter_id,
                    occupancy=str(occupancy),
                )
            return [
                ShelterClosed(
                    shelter_id=command.shelter_id,
                    adcode=registered.place.adcode,
                    occurred_at=command.occurred_at,
                )
            ]
        case _:
            assert_never(state)


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    if isinstance(event, ShelterRegistered):
        return Standby(event)
    if state is None:
        return None
    match event:
        case ShelterOpened():
            return Open(state.registered, event.incident_id, event.warden, {})
        case PeopleAdmitted(group_id=group_id, people=people):
            return _moved(state, group_id, people)
        case PeopleDischarged(group_id=group_id, people=people):
            return _moved(state, group_id, -people)
        case ShelterClosed():
            return Standby(state.registered)
        case _:
            assert_never(event)


def _moved(state: Standby | Open, group_id: str, people: int) -> Standby | Open:
    if isinstance(state, Standby):
        return state
    groups = {**state.groups, group_id: state.groups.get(group_id, 0) + people}
    return replace(state, groups={group: inside for group, inside in groups.items() if inside})


def _there(
    command: OpenShelter | AdmitPeople | DischargePeople | CloseShelter, state: State
) -> Standby | Open:
    if state is None:
        raise NotFound(
            "NO_SUCH_SHELTER",
            f"no shelter {command.shelter_id} is registered",
            shelter_id=command.shelter_id,
        )
    region.require(command.by, state.registered.place.adcode)
    return state


def _not_open(shelter_id: str) -> Rejection:
    return Rejection("SHELTER_NOT_OPEN", f"{shelter_id} is not open", shelter_id=shelter_id)
