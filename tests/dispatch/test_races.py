"""Two dispatch processes, crashes between any two steps, lost answers, news in any order.

Whatever happens: a unit is out for one assignment only, an assignment that is under way holds its
unit, the same request gets the same answer, and once recovery has run nothing is left hanging.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from anlan.dispatch.v1 import accountability_service_pb2 as accountability_pb
from anlan.dispatch.v1 import assignment_service_pb2 as pb
from services.dispatch.domain.assignment import Over, Preplanned, Requested, Underway
from services.runtime.actor import Actor
from tests import machines
from tests.dispatch.night import FAR, PEOPLE, UNITS, Night, without_pauses
from tests.dispatch.world import Process

SET_TO = (
    pb.ASSIGNMENT_STATE_EN_ROUTE,
    pb.ASSIGNMENT_STATE_ON_SCENE,
    pb.ASSIGNMENT_STATE_CLEARED,
)
OF_ONE = (
    pb.AcknowledgeAssignmentRequest,
    pb.RecordOnSceneRequest,
    pb.ClearAssignmentRequest,
    pb.CancelAssignmentRequest,
    pb.DeclineAssignmentRequest,
    pb.DispatchPreplannedRequest,
    pb.OverrideAssignmentRequest,
    pb.HandOverAssignmentRequest,
    accountability_pb.DeclareMaydayRequest,
    accountability_pb.ResolveMaydayRequest,
)


class Races(Night):
    # What people do.

    @rule(
        unit=st.sampled_from((*UNITS, "boat-9")),
        who=st.sampled_from(PEOPLE),
        at=st.integers(0, 1),
        far=FAR,
    )
    def create(self, unit: str, who: Actor, at: int, far: int) -> None:
        request = pb.CreateAssignmentRequest(
            request_id=self._new_id(),
            assignment_id=f"a{len(self.requests)}",
            incident_id="i1",
            unit_id=unit,
        )
        self._go_on(self._ask(request, who, at), far)

    @rule(unit=st.sampled_from(UNITS), at=st.integers(0, 1), far=FAR)
    def preplan(self, unit: str, at: int, far: int) -> None:
        request = pb.PreplanAssignmentRequest(
            request_id=self._new_id(),
            assignment_id=f"a{len(self.requests)}",
            incident_id="i1",
            unit_id=unit,
        )
        request.dispatch_time.FromDatetime(self.world.now + timedelta(seconds=30))
        self._go_on(self._ask(request, PEOPLE[0], at), far)

    @precondition(lambda self: self._out())
    @rule(data=st.data(), who=st.sampled_from(PEOPLE), at=st.integers(0, 1), far=FAR)
    def divert(self, data: st.DataObject, who: Actor, at: int, far: int) -> None:
        assignment_id = data.draw(st.sampled_from(self._out()))
        request = pb.DivertAssignmentRequest(
            request_id=self._new_id(),
            assignment_id=assignment_id,
            to_assignment_id=f"a{len(self.requests)}",
            to_incident_id="i2",
            reason="worse there",
        )
        self._go_on(self._ask(request, who, at), far)

    @precondition(lambda self: self.world.assignments())
    @rule(data=st.data(), at=st.integers(0, 1), far=FAR)
    def withdraw(self, data: st.DataObject, at: int, far: int) -> None:
        chosen = data.draw(
            st.lists(st.sampled_from(sorted(self.world.assignments())), min_size=1, unique=True)
        )
        state = self.world.state(chosen[0])
        assert state is not None
        request = accountability_pb.WithdrawUnitsRequest(
            request_id=self._new_id(),
            incident_id=state.order.incident_id,
            assignment_ids=chosen,
            reason="it gives way",
        )
        self._go_on(self._ask(request, PEOPLE[0], at), far)

    @precondition(lambda self: self._planned())
    @rule(data=st.data(), at=st.integers(0, 1), far=FAR)
    def fall_due(self, data: st.DataObject, at: int, far: int) -> None:
        assignment_id = data.draw(st.sampled_from(self._planned()))
        process = self.processes[at]
        ring = process.preplanned.ring
        self._go_on(
            self._begin(process, lambda: ring(assignment_id, self.world.now)),
            far,
        )

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), at=st.integers(0, 1), far=FAR)
    def retry(self, data: st.DataObject, at: int, far: int) -> None:
        request, who = data.draw(st.sampled_from(self.requests))
        self._go_on(self._ask(request, who, at, again=True), far)

    @precondition(lambda self: self.world.assignments())
    @rule(data=st.data(), kind=st.sampled_from(OF_ONE), at=st.integers(0, 1), far=FAR)
    def act(self, data: st.DataObject, kind: Any, at: int, far: int) -> None:
        assignment_id = data.draw(st.sampled_from(sorted(self.world.assignments())))
        words: dict[type[Any], dict[str, Any]] = {
            pb.ClearAssignmentRequest: {"disposition": "done"},
            pb.CancelAssignmentRequest: {"reason": "over"},
            pb.DeclineAssignmentRequest: {"reason": "engine"},
            pb.OverrideAssignmentRequest: {
                "to": data.draw(st.sampled_from(SET_TO)),
                "reason": "a wrong key",
                "authority": "the chief",
            },
            pb.HandOverAssignmentRequest: {"outgoing": "zhang", "incoming": "li"},
            accountability_pb.DeclareMaydayRequest: {"situation": "capsized"},
            accountability_pb.ResolveMaydayRequest: {"outcome": "all out"},
        }
        request = kind(
            request_id=self._new_id(), assignment_id=assignment_id, **words.get(kind, {})
        )
        self._go_on(self._ask(request, PEOPLE[0], at), far)

    # What the suite does by itself.

    @precondition(lambda self: self.world.assignments())
    @rule(data=st.data(), at=st.integers(0, 1), far=FAR)
    def recover(self, data: st.DataObject, at: int, far: int) -> None:
        assignment_id = data.draw(st.sampled_from(sorted(self.world.assignments())))
        process = self.processes[at]
        begun = self._begin(process, lambda: process.sending.recover(assignment_id, self.world.now))
        self._go_on(begun, far)

    @rule(seconds=st.sampled_from((1, 16, 61, 301)))
    def wait(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    @rule()
    def lose_or_find_resources(self) -> None:
        self.world.reachable = not self.world.reachable

    # What must hold.

    @invariant()
    def a_unit_is_out_once_and_held_by_whom_it_is_out_for(self) -> None:
        out: dict[str, str] = {}
        for assignment_id, state in self.world.assignments().items():
            if isinstance(state, Underway):
                unit_id = state.order.unit_id
                assert unit_id not in out, f"{unit_id} is out for {out[unit_id]} too"
                out[unit_id] = assignment_id
                holders = [h.holder for h in self.world.holders(unit_id)]
                assert holders == [assignment_id]

    @invariant()
    def a_unit_that_is_diverted_is_nobody_elses_in_between(self) -> None:
        states = self.world.assignments()
        for assignment_id, state in states.items():
            if not isinstance(state, Requested) or not state.order.diverted_from:
                continue
            source = states[state.order.diverted_from]
            if isinstance(source, Over) and source.diverted_to == assignment_id:
                holders = [h.holder for h in self.world.holders(state.order.unit_id)]
                assert holders in ([state.order.diverted_from], [assignment_id])

    def teardown(self) -> None:
        try:
            for process in self.processes:
                process.die()
            self._settle()
            self._recover_everything()
            self._nothing_is_left_hanging()
            self._repeat_everything()
        finally:
            self.loop.close()

    def _recover_everything(self) -> None:
        self.world.free = self.world.reachable = True
        self.world.now += timedelta(seconds=16)
        process = Process(self.world)
        for assignment_id in sorted(self.world.assignments()):
            if isinstance(self.world.state(assignment_id), Requested):
                self._begin(
                    process,
                    lambda key=assignment_id: process.sending.recover(key, self.world.now),  # type: ignore[misc]
                )
        number = 0
        while number < len(self.world.messages):
            if number not in self.digested:
                self._deliver(process, number)
            number += 1
        self.world.now += timedelta(seconds=61)

    def _nothing_is_left_hanging(self) -> None:
        states = self.world.assignments()
        assert not [key for key, state in states.items() if isinstance(state, Requested)]
        for unit_id in UNITS:
            for hold in self.world.holders(unit_id):
                assert isinstance(states[hold.holder], Underway)
        self.a_unit_is_out_once_and_held_by_whom_it_is_out_for()
        assert not self.failures

    def _repeat_everything(self) -> None:
        self.processes = [Process(self.world)]
        for request, who in list(self.requests):
            self._ask(request, who, 0, again=True)
        assert not self.failures

    def _out(self) -> list[str]:
        states = self.world.assignments()
        return sorted(key for key, state in states.items() if isinstance(state, Underway))

    def _planned(self) -> list[str]:
        states = self.world.assignments()
        return sorted(key for key, state in states.items() if isinstance(state, Preplanned))


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    without_pauses(monkeypatch)


def test_nobody_is_sent_twice_and_nothing_hangs() -> None:
    machines.run(Races, runs=40, steps=30)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_nobody_is_sent_twice_and_nothing_hangs_in_many_more_nights() -> None:
    assert machines.run(Races, runs=300, steps=60) >= 5_000
