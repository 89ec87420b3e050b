"""No interleaving gives a unit to two, or fills a shelter twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
)
from sqlalchemy import select

from services.resources.codec import UNIT
from services.resources.domain import unit, unit_make, unit_roster, unit_status
from services.resources.domain.mobilisation import Mandate
from services.resources.domain.vocabulary import Standing
from services.resources.projections import tables
from services.resources.projections.units import Status, holds_of
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.times import micros
from tests import machines
from tests.resources.world import START, World

HOME = Place(adcode="431281102")
PEOPLE = {
    name: Actor(subject=name, roles=("dispatcher",), jurisdiction="431281")
    for name in ("zhao", "qian")
}
people = strategies.sampled_from(sorted(PEOPLE))
holders = strategies.sampled_from(["a1", "a2", "a3", "zhao.console", "qian.console"])


UNMANDATED = {"UNIT_CHANGED_FORCE", "MOBILISATION_APPROVAL_REQUIRED", "FORCE_NOT_ELIGIBLE"}
mandates = strategies.one_of(
    strategies.none(),
    strategies.builds(
        Mandate,
        force_id=strategies.sampled_from(["blue", "blue", "red"]),
        force_name=strategies.just("队"),
        basis=strategies.sampled_from(["direct", "direct", ""]),
        lacks=strategies.sampled_from([(), (), ("insurance",)]),
        approvers=strategies.just("县长"),
    ),
)


class Holds(RuleBasedStateMachine):
    """One unit, five holders, two persons, and a clock that only the test moves.

    ``truth`` is who ought to hold it, kept by the plainest of rules.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.now = START
        self.truth: dict[str, tuple[str, datetime | None, bool]] = {}
        self.in_service = True
        self.rests_until: datetime | None = None
        self.said: tuple[datetime, Standing] | None = None
        self.force_id = ""
        self.world.obey(
            UNIT,
            "u",
            unit.RegisterUnit(
                by=PEOPLE["zhao"],
                unit_id="u",
                name="船",
                kind="boat",
                capabilities=(),
                home=HOME,
                staffing=1,
                contact="",
                occurred_at=START,
            ),
        )

    def live(self) -> dict[str, tuple[str, datetime | None, bool]]:
        return {
            holder: hold
            for holder, hold in self.truth.items()
            if hold[1] is None or hold[1] > self.now
        }

    @rule(seconds=strategies.integers(0, 100))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def the_alarm_rings(self) -> None:
        self.world.obey(UNIT, "u", unit.ExpireReservation(unit_id="u", now=self.now))
        self.truth = self.live()

    def rests(self) -> bool:
        return self.rests_until is not None and self.rests_until > self.now

    def is_off(self) -> bool:
        return self.said is not None and self.said[1] is Standing.NOT_AVAILABLE

    @rule()
    def time_is_kept(self) -> None:
        self.world.obey(UNIT, "u", unit_roster.KeepTime(unit_id="u", now=self.now))
        if not self.rests():
            self.rests_until = None

    @rule(seconds=strategies.integers(1, 200))
    def rest(self, seconds: int) -> None:
        until = self.now + timedelta(seconds=seconds)
        command = unit_roster.RestUnit(
            by=PEOPLE["zhao"], unit_id="u", until=until, reason="轮换", occurred_at=self.now
        )
        _, refusal = self.world.attempt(UNIT, "u", command)
        assert (refusal is not None) == bool(self.live())
        if refusal is None:
            self.rests_until = until

    @rule(ago=strategies.integers(0, 60), standing=strategies.sampled_from(list(Standing)))
    def say(self, ago: int, standing: Standing) -> None:
        at = self.now - timedelta(seconds=ago)
        command = unit_status.SetUnitStatus(
            by=PEOPLE["zhao"],
            unit_id="u",
            word=standing.value,
            codes=("Station",),
            standing=standing,
            reassignable=False,
            source=unit_status.Source.DEVICE,
            vocabulary="1",
            occurred_at=at,
        )
        self.world.obey(UNIT, "u", command)
        if self.said is None or self.said[0] <= at:
            self.said = (at, standing)

    @rule(force_id=strategies.sampled_from(["", "", "blue"]))
    def belong(self, force_id: str) -> None:
        said: dict[str, Any] = {"by": PEOPLE["zhao"], "unit_id": "u", "occurred_at": self.now}
        command = (
            unit_make.AttachUnit(**said, force_id=force_id, force_class="social")
            if force_id
            else unit_make.DetachUnit(**said, reason="到期")
        )
        self.world.obey(UNIT, "u", command)
        self.force_id = force_id

    def no_mandate(self, given: Mandate | None) -> str:
        """Return why a mandate does not carry the order of the unit; empty where it does."""
        if not self.force_id:
            return ""
        if given is None or given.force_id != self.force_id:
            return "UNIT_CHANGED_FORCE"
        if not given.basis:
            return "MOBILISATION_APPROVAL_REQUIRED"
        return "FORCE_NOT_ELIGIBLE" if given.lacks else ""

    @rule(
        who=people,
        holder=holders,
        ttl=strategies.integers(1, 120),
        override=strategies.booleans(),
        mandate=mandates,
    )
    def reserve(
        self, who: str, holder: str, ttl: int, mandate: Mandate | None, *, override: bool
    ) -> None:
        command = unit.ReserveUnit(
            by=PEOPLE[who],
            unit_id="u",
            holder=holder,
            incident_id="i",
            ttl=timedelta(seconds=ttl),
            override_reason="急" if override else "",
            occurred_at=self.now,
            now=self.now,
            mandate=mandate,
        )
        live = self.live()
        exclusive = next((h for h in live if live[h][2]), None)
        mine = exclusive is not None and live[exclusive][0] == who and live[exclusive][1]
        new, refusal = self.world.attempt(UNIT, "u", command)
        if refusal is not None:
            assert holder not in live
            if refusal.reason in UNMANDATED:
                assert refusal.reason == self.no_mandate(mandate)
                return
            assert not self.no_mandate(mandate)
            if refusal.reason == "UNIT_OUT_OF_SERVICE":
                assert not self.in_service
                return
            if refusal.reason in {"UNIT_RESTING", "UNIT_NOT_AVAILABLE"}:
                assert not override
                assert self.rests() if refusal.reason == "UNIT_RESTING" else self.is_off()
                return
            assert refusal.reason == "UNIT_HELD"
            assert live
            assert not override
            assert not mine
            told = refusal.context["holder"]
            assert told == exclusive if exclusive else told in live
            assert refusal.context["held_by"] == live[told][0]
            return
        if holder in live:
            assert not new
            return
        assert self.in_service
        assert not self.no_mandate(mandate)
        if self.rests() or self.is_off():
            assert override
            self.rests_until = None
            if self.said is None or self.said[0] <= self.now:
                self.said = (self.now, Standing.AVAILABLE)
        if mine and exclusive is not None:
            del live[exclusive]
            exclusive = None
            live[holder] = (who, self.now + timedelta(seconds=ttl), True)
        else:
            live[holder] = (who, self.now + timedelta(seconds=ttl), not live)
        self.truth = live

    @rule(who=people, holder=holders)
    def confirm(self, who: str, holder: str) -> None:
        command = unit.ConfirmReservation(
            by=PEOPLE[who], unit_id="u", holder=holder, occurred_at=START, now=self.now
        )
        live = self.live()
        _, refusal = self.world.attempt(UNIT, "u", command)
        if refusal is not None:
            assert holder not in live
            assert refusal.reason in {"UNIT_NOT_HELD", "RESERVATION_LAPSED"}
            if refusal.context["holder"]:
                assert refusal.context["holder"] in live
            return
        held_by, _, exclusive = live[holder]
        self.truth[holder] = (held_by, None, exclusive)

    @rule(who=people, holder=holders)
    def release(self, who: str, holder: str) -> None:
        self.world.obey(
            UNIT,
            "u",
            unit.ReleaseUnit(
                by=PEOPLE[who], unit_id="u", holder=holder, reason="cleared", occurred_at=START
            ),
        )
        self.truth.pop(holder, None)

    @rule(back=strategies.sampled_from([True, True, False]))
    def serve(self, *, back: bool) -> None:
        command: unit.Command = (
            unit.PutUnitInService(by=PEOPLE["zhao"], unit_id="u", occurred_at=START)
            if back
            else unit.PutUnitOutOfService(
                by=PEOPLE["zhao"],
                unit_id="u",
                reason="坏了",
                expected_back_at=None,
                occurred_at=START,
            )
        )
        self.world.obey(UNIT, "u", command)
        self.in_service = back

    @invariant()
    def one_exclusive_hold_at_most_and_rows_agree(self) -> None:
        state = self.world.state(UNIT, "u")
        assert sum(not hold.override_reason for hold in state.holds) <= 1
        live = {h.holder: h for h in state.holds if not h.lapsed(self.now)}
        assert {
            holder: (hold.held_by, hold.expires_at, not hold.override_reason)
            for holder, hold in live.items()
        } == self.live()
        row = self.world.connection.execute(select(tables.units)).one()
        assert holds_of(row) == state.holds
        assert (row.status == Status.OUT_OF_SERVICE) == (not self.in_service)
        assert (row.status == Status.AVAILABLE) == (self.in_service and not state.holds)
        self.the_primary_status_is_the_worst_of_all(state, row)
        assert (row.next_expiry is None) == all(h.expires_at is None for h in state.holds)

    def the_primary_status_is_the_worst_of_all(self, state: unit.Unit, row: Any) -> None:
        said = self.said[1] if self.said else Standing.AVAILABLE
        assert (state.said.standing if state.said else Standing.AVAILABLE) is said
        resting = state.roster.resting
        assert (resting and resting.until) == self.rests_until
        assert row.rest_until == (self.rests_until and micros(self.rests_until))
        assert row.force_id == state.make.force_id == self.force_id
        if not self.in_service or state.holds:
            assert row.primary_status == Standing.NOT_AVAILABLE
        elif self.rests_until and said is Standing.AVAILABLE:
            assert row.primary_status == Standing.CONDITIONAL
        else:
            assert row.primary_status == said

    def teardown(self) -> None:
        self.world.close()


MACHINES = [(Holds, 25, 40)]


@pytest.mark.parametrize(("machine", "runs", "steps"), MACHINES)
def test_an_invariant_holds(machine: type[RuleBasedStateMachine], runs: int, steps: int) -> None:
    machines.run(machine, runs, steps)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("machine", [machine for machine, _, _ in MACHINES])
def test_an_invariant_holds_for_long(machine: type[RuleBasedStateMachine]) -> None:
    assert machines.run(machine, runs=300, steps=100) >= 5_000
