"""People over three shelters, and one village's relief clock, against the plainest of counts."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)
from sqlalchemy import select

from services.resources.codec import RELIEF, SHELTER
from services.resources.domain import relief, shelter
from services.resources.domain.relief import Basis, Need, Owed
from services.resources.projections import tables
from services.resources.projections.relief import State, folded
from services.runtime.actor import Actor
from services.runtime.place import Place
from tests import machines
from tests.resources.world import START, World

HE = Actor(subject="warden.he", roles=("warden",), jurisdiction="431281")
CAPACITY = 10
SHELTERS = ["school", "gym", "hall"]
shelters = strategies.sampled_from(SHELTERS)
groups = strategies.sampled_from(["h1", "h2", "h3", "h4"])
care = strategies.builds(shelter.Care, children=strategies.integers(0, 3))


class Sheltered(RuleBasedStateMachine):
    """Each step of a move may come late or twice; ``present`` and ``road`` say who is where."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.number = 0
        self.admitted = self.left = 0
        self.present: Counter[tuple[str, str]] = Counter()
        self.road: dict[str, shelter.PeopleSentOn] = {}
        self.arrived: dict[str, shelter.PeopleSentOn] = {}
        self.refused: dict[str, shelter.PeopleSentOn] = {}
        self.every: dict[str, shelter.PeopleSentOn] = {}
        for name in SHELTERS:
            command = shelter.RegisterShelter(
                **self.said(name), name=name, place=Place(adcode="431281102"), capacity=CAPACITY
            )
            self.world.obey(SHELTER, name, command)
            self.open(name)

    def said(self, name: str) -> dict[str, Any]:
        return {"by": HE, "shelter_id": name, "occurred_at": START}

    def obey(self, command: shelter.Command) -> list[shelter.Event]:
        new, _ = self.world.attempt(SHELTER, command.shelter_id, command)
        return [SHELTER.codec.decode(event.type, event.data) for event in new]

    def inside(self, name: str) -> int:
        return sum(people for (at, _), people in self.present.items() if at == name)

    def kept(self, name: str) -> int:
        """Return the beds of those who left for another shelter and are not known to be there."""
        moves = {**self.road, **self.arrived, **self.refused}
        return sum(sent.people for sent in moves.values() if sent.shelter_id == name)

    def is_open(self, name: str) -> bool:
        return isinstance(self.world.state(SHELTER, name), shelter.Open)

    def open(self, name: str) -> None:
        self.obey(shelter.OpenShelter(**self.said(name), incident_id="flood", warden="he"))

    @rule(name=shelters)
    def a_shelter_opens(self, name: str) -> None:
        self.open(name)

    @rule(name=shelters)
    def a_shelter_closes(self, name: str) -> None:
        was_open = self.is_open(name)
        closed = self.obey(shelter.CloseShelter(**self.said(name)))
        assert bool(closed) == (was_open and not self.inside(name) and not self.kept(name))

    @rule(
        name=shelters,
        group=groups,
        people=strategies.integers(1, 6),
        needing=care,
        additional=strategies.booleans(),
    )
    def a_household_comes(
        self, name: str, group: str, people: int, needing: shelter.Care, *, additional: bool
    ) -> None:
        command = shelter.AdmitPeople(
            **self.said(name),
            group_id=group,
            people=people,
            from_adcode="",
            care=needing if needing.most <= people else shelter.NO_CARE,
            additional=additional,
        )
        fits = self.inside(name) + self.kept(name) + people <= CAPACITY
        again = not additional and self.present[name, group]
        new = self.obey(command)
        assert bool(new) == (self.is_open(name) and fits and not again)
        if new:
            self.admitted += people
            self.present[name, group] += people
            assert additional or not self.obey(command), "the same household counts once"

    @rule(name=shelters, group=groups, people=strategies.integers(0, 6), needing=care)
    def some_leave(self, name: str, group: str, people: int, needing: shelter.Care) -> None:
        command = shelter.DischargePeople(
            **self.said(name), group_id=group, people=people, destination="家", care=needing
        )
        for event in self.obey(command):
            assert isinstance(event, shelter.PeopleDischarged)
            assert event.people == people or not people
            self.left += event.people
            self.present[name, group] -= event.people

    @rule(name=shelters, to=shelters, group=groups, people=strategies.integers(0, 4))
    def some_are_sent_on(self, name: str, to: str, group: str, people: int) -> None:
        self.number += 1
        command = shelter.SendPeopleOn(
            **self.said(name),
            move_id=f"m{self.number}",
            to_shelter_id=to,
            group_id=group,
            people=people,
            care=shelter.NO_CARE,
            reason="",
        )
        for event in self.obey(command):
            assert isinstance(event, shelter.PeopleSentOn)
            self.present[name, group] -= event.people
            self.road[event.move_id] = self.every[event.move_id] = event

    @precondition(lambda self: self.every)
    @rule(number=strategies.integers(0))
    def the_other_shelter_decides(self, number: int) -> None:
        sent = [*self.every.values()][number % len(self.every)]
        to = sent.to_shelter_id
        room = self.is_open(to) and (self.inside(to) + self.kept(to) + sent.people <= CAPACITY)
        decided = self.obey(shelter.TakePeopleOver(shelter_id=to, sent=sent))
        assert bool(decided) == (sent.move_id in self.road), "a move is decided once"
        if not decided:
            return
        del self.road[sent.move_id]
        if room:
            assert isinstance(decided[0], shelter.PeopleTakenOver)
            self.present[to, sent.group_id] += sent.people
            self.arrived[sent.move_id] = sent
        else:
            assert isinstance(decided[0], shelter.MoveRefused)
            self.refused[sent.move_id] = sent

    @precondition(lambda self: self.every)
    @rule(number=strategies.integers(0))
    def the_first_shelter_hears(self, number: int) -> None:
        sent = [*self.every.values()][number % len(self.every)]
        about: dict[str, Any] = {
            "shelter_id": sent.shelter_id,
            "move_id": sent.move_id,
            "occurred_at": START,
        }
        to = self.world.state(SHELTER, sent.to_shelter_id)
        refusal = to.moves.settled.get(sent.move_id)
        if refusal is None:
            return
        if not refusal:
            heard = self.obey(shelter.CompleteMove(**about))
            assert bool(heard) == (self.arrived.pop(sent.move_id, None) is not None)
            return
        heard = self.obey(shelter.TurnPeopleBack(**about, reason=refusal))
        assert bool(heard) == (self.refused.pop(sent.move_id, None) is not None)
        if heard:
            self.present[sent.shelter_id, sent.group_id] += sent.people

    @invariant()
    def nobody_is_lost_and_nobody_counts_twice(self) -> None:
        waiting = {**self.road, **self.refused}
        on_the_road = sum(sent.people for sent in waiting.values())
        assert self.admitted == sum(self.present.values()) + on_the_road + self.left
        connection = self.world.connection
        for row in connection.execute(select(tables.shelters)).all():
            state = self.world.state(SHELTER, row.shelter_id)
            assert row.occupancy == self.inside(row.shelter_id)
            assert row.moving == self.kept(row.shelter_id)
            assert row.occupancy + row.moving <= CAPACITY
            if isinstance(state, shelter.Open):
                assert row.occupancy == state.occupancy
                assert state.vacancies == CAPACITY - row.occupancy - row.moving
        rows = connection.execute(select(tables.households)).all()
        for row in rows:
            assert row.people == self.present[row.shelter_id, row.group_id]
            assert 0 <= row.children <= row.people
        assert sum(row.people for row in rows) == sum(self.present.values())

    def teardown(self) -> None:
        self.world.close()


TEN_HOURS = timedelta(hours=10)
VILLAGE: dict[str, Any] = {"incident_id": "flood", "adcode": "431281106211"}
hours = strategies.integers(-2, 14).map(lambda hour: START + timedelta(hours=hour))
needs = strategies.sampled_from([Need.BED, Need.WATER])


class Relieved(RuleBasedStateMachine):
    """Facts in any order, repeated and revised: what they mean follows from what they say."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.facts: dict[tuple[Need, str], tuple[int, datetime]] = {}
        self.owed: dict[Need, int] = {}
        self.started_at: datetime | None = None
        self.missed: list[bool] = []

    def obey(self, command: relief.Command) -> list[relief.Event]:
        new = self.world.obey(RELIEF, "flood.431281106211", command)
        return [RELIEF.codec.decode(event.type, event.data) for event in new]

    @rule(
        need=needs,
        household=strategies.sampled_from("abcd"),
        people=strategies.integers(1, 5),
        at=hours,
    )
    def something_comes(self, need: Need, household: str, people: int, at: datetime) -> None:
        command = relief.CountRelief(
            **VILLAGE,
            need=need,
            people=people,
            basis=Basis.ADMISSION,
            reference=household,
            source="school",
            note="",
            occurred_at=at,
        )
        self.obey(command)
        assert not self.obey(command)
        before = self.facts.get((need, household), (0, at))
        self.facts[need, household] = (max(people, before[0]), min(at, before[1]))

    @rule(people=strategies.integers(1, 12), at=hours, dry=strategies.booleans())
    def figures_come(self, people: int, at: datetime, *, dry: bool) -> None:
        owed = {Need.BED: people} if dry else {Need.BED: people, Need.WATER: 1}
        command = relief.RecordVillageAffected(
            by=HE,
            **VILLAGE,
            households=1,
            people=people,
            owed=tuple(Owed(need=need, people=number) for need, number in owed.items()),
            source="镇",
            within=TEN_HOURS,
            warn_percent=(50, 80),
            rules_version="1",
            occurred_at=at,
        )
        self.obey(command)
        assert not self.obey(command)
        self.owed = owed
        self.started_at = min(at, self.started_at or at)

    @rule(percent=strategies.sampled_from([50, 80, 100]))
    def the_clock_rings(self, percent: int) -> None:
        ring = relief.RingRelief(**VILLAGE, percent=percent, occurred_at=START)
        before = self.world.state(RELIEF, "flood.431281106211")
        new = self.obey(ring)
        if new:
            assert before.open_needs, "nobody is warned of what is there"
            assert before.clock.rung < percent
        assert not self.obey(ring)

    def expected(self, need: Need, people: int) -> datetime | None:
        """Return the earliest instant said at which so many were served, by trying each."""
        told = [(served, at) for (of, _), (served, at) in self.facts.items() if of is need]
        for instant in sorted(at for _, at in told):
            if sum(served for served, at in told if at <= instant) >= people:
                return max(instant, self.started_at or instant)
        return None

    @invariant()
    def what_is_met_follows_from_the_facts_alone(self) -> None:
        state = self.world.state(RELIEF, "flood.431281106211")
        row = self.world.connection.execute(select(tables.reliefs)).first()
        assert row is None or folded(row) == state
        if row is None or self.started_at is None:
            assert state.clock is None
            return
        assert state.clock.started_at == self.started_at
        assert state.clock.due_at == self.started_at + TEN_HOURS
        met = {need: self.expected(need, people) for need, people in self.owed.items()}
        assert state.met == {need: at for need, at in met.items() if at is not None}
        all_met = [at for at in met.values() if at is not None]
        relieved_at = max(all_met) if len(all_met) == len(met) else None
        assert state.clock.relieved_at == relieved_at
        assert (row.mark_at is None) == (relieved_at is not None or state.clock.rung == 100)
        if relieved_at is not None:
            late = relieved_at > state.clock.due_at
            assert row.state == (State.MET_LATE if late else State.MET)
        self.missed.append(state.clock.missed)
        assert self.missed == sorted(self.missed), "a miss stays for ever"

    def teardown(self) -> None:
        self.world.close()


MACHINES = [(Sheltered, 40, 50), (Relieved, 25, 40)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("machine", "runs", "steps"), MACHINES)
def test_an_invariant_holds(machine: type[RuleBasedStateMachine], runs: int, steps: int) -> None:
    machines.run(machine, runs, steps)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("machine", [machine for machine, _, _ in MACHINES])
def test_an_invariant_holds_for_long(machine: type[RuleBasedStateMachine]) -> None:
    assert machines.run(machine, runs=300, steps=100) >= 5_000
