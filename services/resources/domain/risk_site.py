"""A risk site (风险点): where something may happen, whom it threatens, and what to do then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.resources.domain import region
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import NotFound


class Kind(StrEnum):
    GEOLOGICAL = "geological"
    RESERVOIR = "reservoir"
    TAILINGS_POND = "tailings_pond"
    HAZARDOUS_CHEMICALS = "hazardous_chemicals"
    FIREWORKS = "fireworks"
    MINE = "mine"
    OTHER = "other"


class Standing(StrEnum):
    NORMAL = "normal"
    WATCH = "watch"
    DANGER = "danger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of a site, whole: an entry replaces the one before it."""

    kind: Kind
    name: str
    place: Place
    key: bool
    threatened_households: int
    threatened_people: int
    responsible: str
    responsible_phone: str
    monitor: str
    monitor_phone: str
    instructions: str
    shelter_id: str
    source: str


# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRiskSite:
    by: Actor
    site_id: str
    entry: Entry
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPatrol:
    by: Actor
    site_id: str
    state: Standing
    finding: str
    patrolled_by: str
    occurred_at: datetime


Command = RegisterRiskSite | RecordPatrol


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSiteRegistered:
    site_id: str
    entry: Entry
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSiteRevised:
    site_id: str
    entry: Entry
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSitePatrolled:
    site_id: str
    adcode: str
    state: Standing
    finding: str
    patrolled_by: str
    occurred_at: datetime


Event = RiskSiteRegistered | RiskSiteRevised | RiskSitePatrolled

State = Entry | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case RegisterRiskSite():
            return register(command, state)
        case RecordPatrol():
            return patrol(command, state)
        case _:
            assert_never(command)


def register(command: RegisterRiskSite, state: State) -> list[Event]:
    """Take in an entry; the same again is no news, so that a list may be loaded twice."""
    region.require(command.by, command.entry.place.adcode)
    if state is None:
        return [
            RiskSiteRegistered(
                site_id=command.site_id, entry=command.entry, occurred_at=command.occurred_at
            )
        ]
    region.require(command.by, state.place.adcode)
    if state == command.entry:
        return []
    return [
        RiskSiteRevised(
            site_id=command.site_id, entry=command.entry, occurred_at=command.occurred_at
        )
    ]


def patrol(command: RecordPatrol, state: State) -> list[Event]:
    if state is None:
        raise NotFound(
            "NO_SUCH_RISK_SITE",
            f"no risk site {command.site_id} is registered",
            site_id=command.site_id,
        )
    region.require(command.by, state.place.adcode)
    return [
        RiskSitePatrolled(
            site_id=command.site_id,
            adcode=state.place.adcode,
            state=command.state,
            finding=command.finding,
            patrolled_by=command.patrolled_by,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case RiskSiteRegistered() | RiskSiteRevised():
            return event.entry
        case RiskSitePatrolled():
            return state
        case _:
            assert_never(event)
