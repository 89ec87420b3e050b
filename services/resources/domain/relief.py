"""The relief clock (10小时基本救助) of one village in one incident: owed from when it was hit.

Facts may come before the village is said to be affected, and in any order: what is met, and when,
follows from the times that they say themselves.  What a clock rang stays, whatever is known later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import reduce
from typing import assert_never

from services.resources.domain import region
from services.runtime.actor import Actor
from services.runtime.rejection import Invalid, NotFound


class Need(StrEnum):
    FOOD = "food"
    WATER = "water"
    BED = "bed"
    MEDICAL = "medical"


class Basis(StrEnum):
    ADMISSION = "admission"
    CONSUMPTION = "consumption"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Versioned reference data: within how many hours, and whom a unit of supplies serves.

    ``serves`` has, by the relief that an item is listed for, the need that it meets and the people
    that one unit of measure is enough for; a unit that is not listed is enough for one.
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Serving:
        need: Need
        people_per: dict[str, int] = field(default_factory=dict)

    version: str
    source: str
    within_hours: float
    warn_percent: tuple[int, ...]
    serves: dict[str, Serving]

    @property
    def within(self) -> timedelta:
        return timedelta(hours=self.within_hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    need: Need
    people: int


# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordVillageAffected:
    """``occurred_at`` is when the village was hit."""

    by: Actor
    incident_id: str
    adcode: str
    households: int
    people: int
    owed: tuple[Owed, ...]
    source: str
    within: timedelta
    warn_percent: tuple[int, ...]
    rules_version: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRelief:
    """``people`` have it by what ``reference`` names; a larger count of the same replaces it."""

    incident_id: str
    adcode: str
    need: Need
    people: int
    basis: Basis
    reference: str
    source: str
    note: str
    occurred_at: datetime
    by: Actor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RingRelief:
    """Sent by the clock itself; ``occurred_at`` is the instant of the mark at ``percent``."""

    incident_id: str
    adcode: str
    percent: int
    occurred_at: datetime


Command = RecordVillageAffected | CountRelief | RingRelief


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class VillageAffected:
    incident_id: str
    adcode: str
    households: int
    people: int
    owed: tuple[Owed, ...]
    source: str
    started_at: datetime
    due_at: datetime
    marks: tuple[int, ...]
    rules_version: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedFiguresRevised:
    """``started_at`` and ``due_at`` are the earliest that were ever said."""

    incident_id: str
    adcode: str
    households: int
    people: int
    owed: tuple[Owed, ...]
    source: str
    started_at: datetime
    due_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliefCounted:
    incident_id: str
    adcode: str
    need: Need
    people: int
    basis: Basis
    reference: str
    source: str
    note: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliefNeedMet:
    """``occurred_at`` is when the last who needs it had it, so the facts that are known."""

    incident_id: str
    adcode: str
    need: Need
    people: int
    late: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliefNeedReopened:
    """More people need it than was thought: ``short`` have it not."""

    incident_id: str
    adcode: str
    need: Need
    short: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VillageRelieved:
    incident_id: str
    adcode: str
    late: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliefWarned:
    incident_id: str
    adcode: str
    percent: int
    open_needs: tuple[Need, ...]
    due_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliefMissed:
    """Something was not there in time as far as was known; it stays for ever."""

    incident_id: str
    adcode: str
    open_needs: tuple[Need, ...]
    occurred_at: datetime


Event = (
    VillageAffected
    | AffectedFiguresRevised
    | ReliefCounted
    | ReliefNeedMet
    | ReliefNeedReopened
    | VillageRelieved
    | ReliefWarned
    | ReliefMissed
)


# State.

EXPIRY = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    households: int
    people: int
    owed: Mapping[Need, int]
    started_at: datetime
    due_at: datetime
    marks: tuple[int, ...]
    rung: int = 0
    missed: bool = False
    relieved_at: datetime | None = None

    @property
    def next_mark(self) -> tuple[int, datetime] | None:
        """Return the next mark and its instant; None once all is there, or all have rung."""
        percent = next((mark for mark in self.marks if mark > self.rung), None)
        if percent is None or self.relieved_at is not None:
            return None
        return percent, self.started_at + (self.due_at - self.started_at) * percent / EXPIRY


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    people: int
    at: datetime
    basis: Basis
    source: str


Facts = Mapping[tuple[Need, Basis, str], Fact]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """``facts`` are by need, basis and reference; ``met`` is what was said to be met, and when."""

    clock: Clock | None = None
    facts: Facts = field(default_factory=dict)
    met: Mapping[Need, datetime] = field(default_factory=dict)

    def served(self, need: Need) -> int:
        return sum(fact.people for key, fact in self.facts.items() if key[0] is need)

    @property
    def open_needs(self) -> tuple[Need, ...]:
        owed = self.clock.owed if self.clock else {}
        return tuple(need for need in Need if need in owed and need not in self.met)


State = Relief
INITIAL: State = Relief()


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, and what follows from them."""
    match command:
        case RecordVillageAffected():
            new = affected(command, state)
        case CountRelief():
            new = count(command, state)
        case RingRelief():
            return ring(command, state)
        case _:
            assert_never(command)
    return [*new, *settle(reduce(evolve, new, state), command)] if new else []


def affected(command: RecordVillageAffected, state: State) -> list[Event]:
    region.require(command.by, command.adcode)
    needs = [owed.need for owed in command.owed]
    if len(needs) != len(set(needs)):
        raise Invalid(
            "NEED_TWICE", field="needs", got=", ".join(needs), allowed="each need at most once"
        )
    for number, owed in enumerate(command.owed):
        if owed.people > command.people:
            raise Invalid(
                "NEED_EXCEEDS_PEOPLE",
                field=f"needs[{number}].people",
                got=str(owed.people),
                allowed=f"at most {command.people}, as many as are affected",
            )
    clock = state.clock
    if clock is None:
        return [
            VillageAffected(
                incident_id=command.incident_id,
                adcode=command.adcode,
                households=command.households,
                people=command.people,
                owed=command.owed,
                source=command.source,
                started_at=command.occurred_at,
                due_at=command.occurred_at + command.within,
                marks=(*command.warn_percent, EXPIRY),
                rules_version=command.rules_version,
                occurred_at=command.occurred_at,
            )
        ]
    started_at = min(clock.started_at, command.occurred_at)
    same = (clock.households, clock.people, clock.started_at) == (
        command.households,
        command.people,
        started_at,
    )
    if same and clock.owed == {owed.need: owed.people for owed in command.owed}:
        return []
    return [
        AffectedFiguresRevised(
            incident_id=command.incident_id,
            adcode=command.adcode,
            households=command.households,
            people=command.people,
            owed=command.owed,
            source=command.source,
            started_at=started_at,
            due_at=clock.due_at - (clock.started_at - started_at),
            occurred_at=command.occurred_at,
        )
    ]


def count(command: CountRelief, state: State) -> list[Event]:
    if command.by is not None:  # a person says so: of a village that is affected, in their region
        region.require(command.by, command.adcode)
        if state.clock is None:
            raise NotFound(
                "NO_SUCH_RELIEF_CLOCK",
                f"{command.adcode} is not recorded as affected in {command.incident_id}",
                incident_id=command.incident_id,
                adcode=command.adcode,
            )
    before = state.facts.get((command.need, command.basis, command.reference))
    if before is not None and before.people >= command.people and before.at <= command.occurred_at:
        return []
    return [
        ReliefCounted(
            incident_id=command.incident_id,
            adcode=command.adcode,
            need=command.need,
            people=command.people,
            basis=command.basis,
            reference=command.reference,
            source=command.source,
            note=command.note,
            occurred_at=command.occurred_at,
        )
    ]


def ring(command: RingRelief, state: State) -> list[Event]:
    """Warn, or record the miss; a mark that was rung, or that nobody waits for, is no news."""
    clock = state.clock
    mark = clock.next_mark if clock is not None else None
    if clock is None or mark is None or mark[0] != command.percent:
        return []
    if command.percent == EXPIRY:
        return [
            ReliefMissed(
                incident_id=command.incident_id,
                adcode=command.adcode,
                open_needs=state.open_needs,
                occurred_at=command.occurred_at,
            )
        ]
    return [
        ReliefWarned(
            incident_id=command.incident_id,
            adcode=command.adcode,
            percent=command.percent,
            open_needs=state.open_needs,
            due_at=clock.due_at,
            occurred_at=command.occurred_at,
        )
    ]


def settle(state: State, command: RecordVillageAffected | CountRelief) -> list[Event]:
    """Return what the facts mean now and was not said yet."""
    clock = state.clock
    if clock is None:
        return []
    about = {"incident_id": command.incident_id, "adcode": command.adcode}
    said: list[Event] = []
    for need, people in clock.owed.items():
        met_at, before = reached(state.facts, need, people, clock.started_at), state.met.get(need)
        if met_at is None and before is not None:
            short = people - state.served(need)
            said.append(
                ReliefNeedReopened(**about, need=need, short=short, occurred_at=command.occurred_at)
            )
        elif met_at is not None and met_at != before:
            late = met_at > clock.due_at
            said.append(
                ReliefNeedMet(**about, need=need, people=people, late=late, occurred_at=met_at)
            )
    after = reduce(evolve, said, state)
    if after.open_needs:
        return said
    relieved_at = max((after.met[need] for need in clock.owed), default=clock.started_at)
    if after.clock is None or after.clock.relieved_at != relieved_at:
        late = relieved_at > clock.due_at
        said.append(VillageRelieved(**about, late=late, occurred_at=relieved_at))
    return said


def reached(facts: Facts, need: Need, people: int, not_before: datetime) -> datetime | None:
    """Return when the last of ``people`` had it; None while somebody has not.

    What was there before the village was hit is there from then on.
    """
    served = 0
    for at, more in sorted((fact.at, fact.people) for key, fact in facts.items() if key[0] is need):
        served += more
        if served >= people:
            return max(at, not_before)
    return None if people else not_before


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case VillageAffected():
            clock = Clock(
                households=event.households,
                people=event.people,
                owed={owed.need: owed.people for owed in event.owed},
                started_at=event.started_at,
                due_at=event.due_at,
                marks=event.marks,
            )
            return replace(state, clock=clock)
        case AffectedFiguresRevised():
            owed = {one.need: one.people for one in event.owed}
            met = {need: at for need, at in state.met.items() if need in owed}
            changes = {
                "households": event.households,
                "people": event.people,
                "owed": owed,
                "started_at": event.started_at,
                "due_at": event.due_at,
                "relieved_at": None,  # settled anew: more may be owed
            }
            return replace(_tick(state, **changes), met=met)
        case ReliefCounted():
            fact = Fact(
                people=event.people, at=event.occurred_at, basis=event.basis, source=event.source
            )
            key = (event.need, event.basis, event.reference)
            before = state.facts.get(key)
            if before is not None:  # the same household, told again: the most, and since when
                fact = replace(
                    fact, people=max(fact.people, before.people), at=min(fact.at, before.at)
                )
            return replace(state, facts={**state.facts, key: fact})
        case ReliefNeedMet():
            return replace(state, met={**state.met, event.need: event.occurred_at})
        case ReliefNeedReopened():
            met = {need: at for need, at in state.met.items() if need is not event.need}
            return replace(_tick(state, relieved_at=None), met=met)
        case VillageRelieved():
            return _tick(state, relieved_at=event.occurred_at)
        case ReliefWarned():
            return _tick(state, rung=event.percent)
        case ReliefMissed():
            return _tick(state, rung=EXPIRY, missed=True)
        case _:
            assert_never(event)


def _tick(state: State, **changes: object) -> State:
    if state.clock is None:
        return state
    return replace(state, clock=replace(state.clock, **changes))  # type: ignore[arg-type]
