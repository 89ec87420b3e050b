"""A depot (物资储备库): where supplies are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.resources.domain import region
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import AlreadyExists, NotFound


class Level(StrEnum):
    """Who keeps it (市级、乡镇级、村级)."""

    CITY = "city"
    TOWNSHIP = "township"
    VILLAGE = "village"


LEVELS = {6: Level.CITY, 9: Level.TOWNSHIP, 12: Level.VILLAGE}


def level_of(adcode: str) -> Level:
    """Return the level of a place: codes of a township have 9 digits, of a village 12."""
    return LEVELS[len(adcode)]


# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterDepot:
    by: Actor
    depot_id: str
    name: str
    place: Place
    keeper: str
    occurred_at: datetime
    level: Level | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterDepot:
    """Asks to move supplies in this depot.  Adds no fact."""

    by: Actor
    depot_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressDepot:
    """Asks whether supplies can be sent to this depot.  Adds no fact."""

    depot_id: str


Command = RegisterDepot | EnterDepot | AddressDepot


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class DepotRegistered:
    """``level`` is None for one that was registered before levels were told apart."""

    depot_id: str
    name: str
    place: Place
    keeper: str
    occurred_at: datetime
    level: Level | None = None


Event = DepotRegistered


# State.


@dataclass(frozen=True, slots=True)
class Depot:
    registered: DepotRegistered


State = Depot | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case RegisterDepot():
            return register(command, state)
        case EnterDepot():
            region.require(command.by, _there(command.depot_id, state).registered.place.adcode)
            return []
        case AddressDepot():
            _there(command.depot_id, state)
            return []
        case _:
            assert_never(command)


def register(command: RegisterDepot, state: State) -> list[Event]:
    region.require(command.by, command.place.adcode)
    registered = DepotRegistered(
        depot_id=command.depot_id,
        name=command.name,
        place=command.place,
        keeper=command.keeper,
        level=command.level or level_of(command.place.adcode),
        occurred_at=command.occurred_at,
    )
    match state:
        case None:
            return [registered]
        case Depot(before):
            level = before.level or level_of(before.place.adcode)
            if replace(registered, occurred_at=before.occurred_at) == replace(before, level=level):
                return []
            raise AlreadyExists(
                "DEPOT_EXISTS",
                f"{command.depot_id} is registered already, as {before.name}",
                depot_id=command.depot_id,
                name=before.name,
            )
        case _:
            assert_never(state)


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case DepotRegistered() if state is None:
            return Depot(event)
        case DepotRegistered():
            return state
        case _:
            assert_never(event)


def _there(depot_id: str, state: State) -> Depot:
    if state is None:
        raise NotFound("NO_SUCH_DEPOT", f"no depot {depot_id} is registered", depot_id=depot_id)
    return state
