"""Merges between two dispatch processes, crashes between any two steps, news in any order.

Whatever happens: once all news are digested, all work that is under way is for an incident that
goes on, roll calls and orders are what they were, and whoever was ordered out is out.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from uuid import UUID, uuid5

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from anlan.dispatch.v1 import accountability_service_pb2 as accountability_pb
from anlan.dispatch.v1 import assignment_service_pb2 as pb
from anlan.events.v1 import link_events_pb2 as link_pb
from services.dispatch.codec import ROLL_CALL_CODEC, WITHDRAWAL_CODEC
from services.dispatch.domain import roll_call, withdrawal
from services.dispatch.domain.assignment import Over, Requested
from services.dispatch.domain.events import Source
from services.runtime.cause import Cause
from services.runtime.recorded import Recorded
from tests import machines
from tests.dispatch.night import FAR, PEOPLE, UNITS, Night, without_pauses
from tests.dispatch.world import Process

INCIDENTS = ("i1", "i2", "i3", "i4")
SPACE = UUID(int=10)
AT = st.integers(0, 1)


class Merges(Night):
    def __init__(self) -> None:
        super().__init__()
        self.into: dict[str, str] = {}
        self.numbers = count()
        self.in_danger: set[str] = set()

    @initialize()
    def send(self) -> None:
        """Two boats are out, for two incidents."""
        self.world.free = True
        for number, unit_id in enumerate(UNITS):
            self._ask(self._order(f"i{number + 1}", unit_id), PEOPLE[0], 0)
        self.world.free = False

    # What people do; dispatch may not have heard yet that an incident was merged.

    @rule(unit=st.sampled_from(UNITS), incident=st.sampled_from(INCIDENTS), at=AT, far=FAR)
    def send_again(self, unit: str, incident: str, at: int, far: int) -> None:
        self._go_on(self._ask(self._order(incident, unit), PEOPLE[0], at), far)

    @rule(incident=st.sampled_from(INCIDENTS), at=AT, far=FAR)
    def call_the_roll(self, incident: str, at: int, far: int) -> None:
        roll_call_id = f"c{next(self.numbers)}"
        command = roll_call.StartRollCall(
            by=PEOPLE[0],
            roll_call_id=roll_call_id,
            incident_id=incident,
            adcode="431281102",
            units=tuple(roll_call.Called(assignment_id=f"for-{one}", unit_id=one) for one in UNITS),
            reason="",
            answer_within_s=300,
            occurred_at=self.world.now,
            now=self.world.now,
        )
        self._tell(at, far, command)

    @precondition(lambda self: self.world.roll_calls())
    @rule(data=st.data(), unit=st.sampled_from(UNITS), present=st.integers(1, 2), at=AT, far=FAR)
    def answer(self, data: st.DataObject, unit: str, present: int, at: int, far: int) -> None:
        command = roll_call.AnswerRollCall(
            by=PEOPLE[0],
            roll_call_id=self._any_call(data),
            unit_id=unit,
            expected=2,
            present=present,
            missing=(),
            source=Source.CREW,
            occurred_at=self.world.now,
        )
        self._tell(at, far, command)

    @precondition(lambda self: self.world.roll_calls())
    @rule(data=st.data(), at=AT, far=FAR)
    def end_the_call(self, data: st.DataObject, at: int, far: int) -> None:
        command = roll_call.EndRollCall(
            by=PEOPLE[0],
            roll_call_id=self._any_call(data),
            reason="search",
            occurred_at=self.world.now,
        )
        self._tell(at, far, command)

    @rule(data=st.data(), at=AT, far=FAR)
    def order_out(self, data: st.DataObject, at: int, far: int) -> None:
        sent = sorted(self.world.assignments())
        chosen = data.draw(st.lists(st.sampled_from(sent), min_size=1, max_size=2, unique=True))
        state = self.world.state(chosen[0])
        assert state is not None
        request = accountability_pb.WithdrawUnitsRequest(
            request_id=self._new_id(),
            incident_id=state.order.incident_id,
            assignment_ids=chosen,
            reason="it gives way",
        )
        self._go_on(self._ask(request, PEOPLE[0], at), far)

    @rule(data=st.data(), at=AT, far=FAR)
    def fall_in(self, data: st.DataObject, at: int, far: int) -> None:
        assignment_id = data.draw(st.sampled_from(sorted(self.world.assignments())))
        self.in_danger.add(assignment_id)
        request = accountability_pb.DeclareMaydayRequest(
            request_id=self._new_id(), assignment_id=assignment_id, situation="capsized"
        )
        self._go_on(self._ask(request, PEOPLE[0], at), far)

    @precondition(lambda self: len(self.into) < len(INCIDENTS) - 1)
    @rule(data=st.data(), at=AT, far=FAR)
    def merge(self, data: st.DataObject, at: int, far: int) -> None:
        """Command merges what is open into what is open, for good, and says so."""
        still = [one for one in INCIDENTS if one not in self.into]
        about, into = data.draw(st.permutations(still))[:2]
        self.into[about] = into
        message = link_pb.IncidentMerged(incident_id=about, into_incident_id=into)
        message.occur_time.FromDatetime(self.world.now)
        event = uuid5(SPACE, about)
        self.world.position += 1
        self.world.messages.append(
            Recorded(
                id=event,
                type=message.DESCRIPTOR.full_name,
                stream=f"incident-{about}",
                revision=9,
                position=self.world.position,
                created_at=self.world.now,
                data=message.SerializeToString(),
                metadata={"actor": "wei", "role": "commander", "command_id": str(event)},
            )
        )
        self._go_on(self._deliver(self.processes[at], len(self.world.messages) - 1), far)

    # What must hold.

    def teardown(self) -> None:
        try:
            for process in self.processes:
                process.die()
            self._settle()
            self._digest_everything()
            self._all_that_is_under_way_is_for_what_goes_on()
            self._whoever_was_ordered_out_is_out()
            self._every_move_is_one_of_command()
        finally:
            self.loop.close()

    def _digest_everything(self) -> None:
        self.world.free = True
        self.world.now += timedelta(seconds=16)
        process, number = Process(self.world), 0
        while number < len(self.world.messages):
            if number not in self.digested:
                self._deliver(process, number)
            number += 1
        for assignment_id, state in sorted(self.world.assignments().items()):
            if isinstance(state, Requested):
                self._begin(
                    process,
                    lambda key=assignment_id: process.sending.recover(key, self.world.now),  # type: ignore[misc]
                )
        while number < len(self.world.messages):
            self._deliver(process, number)
            number += 1
        assert not self.failures

    def _all_that_is_under_way_is_for_what_goes_on(self) -> None:
        states = self.world.assignments()
        for state in states.values():
            if state is not None and not isinstance(state, Over):
                assert state.order.incident_id not in self.into
        for call in self.world.roll_calls().values():
            assert call is not None
            assert call.over or call.incident_id not in self.into
        for order in self.world.withdrawals().values():
            assert order is not None
            if any(not isinstance(states[one], Over) for one in order.assignment_ids):
                assert order.incident_id not in self.into

    def _whoever_was_ordered_out_is_out(self) -> None:
        for order in self.world.withdrawals().values():
            assert order is not None
            for assignment_id in order.assignment_ids:
                state = self.world.state(assignment_id)
                assert isinstance(state, Over) or assignment_id in self.in_danger

    def _every_move_is_one_of_command(self) -> None:
        """Nothing moves that is over, nothing moves twice, and a move changes nothing else."""
        for key in self.world.roll_calls():
            state: roll_call.State = None
            for fact in self._facts(f"roll_call-{key}"):
                event = ROLL_CALL_CODEC.decode(fact.type, fact.data)
                if isinstance(event, roll_call.RollCallMoved):
                    assert state is not None
                    assert not state.over
                    assert (event.from_incident_id, event.silent) == (
                        state.incident_id,
                        state.silent,
                    )
                    assert event.incident_id in self._way(event.from_incident_id)
                state = roll_call.evolve(state, event)
                assert state is not None
                assert event.incident_id == state.incident_id
        for key in self.world.withdrawals():
            _, *moves = self._facts(f"withdrawal-{key}")
            for fact in moves:
                moved = WITHDRAWAL_CODEC.decode(fact.type, fact.data)
                assert isinstance(moved, withdrawal.WithdrawalMoved)
                assert moved.assignment_ids
                assert moved.incident_id in self._way(moved.from_incident_id)

    # How it is done.

    def _order(self, incident_id: str, unit_id: str) -> pb.CreateAssignmentRequest:
        return pb.CreateAssignmentRequest(
            request_id=self._new_id(),
            assignment_id=f"a{len(self.requests)}",
            incident_id=incident_id,
            unit_id=unit_id,
        )

    def _tell(self, at: int, far: int, command: roll_call.Command) -> None:
        process, id_ = self.processes[at], uuid5(SPACE, f"command {next(self.numbers)}")
        cause = Cause(command_id=id_, causation_id=str(id_), correlation_id="", actor=PEOPLE[0])
        handle = process.calls.handle
        self._go_on(self._begin(process, lambda: handle(command.roll_call_id, command, cause)), far)

    def _any_call(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.world.roll_calls())))

    def _facts(self, stream: str) -> list[Recorded]:
        return self.world.streams[stream]

    def _way(self, incident_id: str) -> list[str]:
        way: list[str] = []
        while incident_id in self.into:
            incident_id = self.into[incident_id]
            way.append(incident_id)
        return way


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    without_pauses(monkeypatch)


def test_nothing_is_left_with_what_was_merged() -> None:
    machines.run(Merges, runs=80, steps=30)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_nothing_is_left_with_what_was_merged_in_many_more_nights() -> None:
    assert machines.run(Merges, runs=400, steps=50) >= 5_000
