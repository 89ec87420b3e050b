"""One who asks and two who help, whose messages are lost, repeated and overtaken."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import create_engine, select

from services.dispatch.codec import AID as AID_DECIDER
from services.dispatch.codec import AID_CODEC
from services.dispatch.domain.aid import commands, events
from services.dispatch.domain.aid.events import Reply, UnitState
from services.dispatch.domain.aid.state import Aid, Standing, evolve
from services.dispatch.projections import DISPATCH, apply
from services.dispatch.projections.aid import folded
from services.dispatch.projections.tables import AID
from services.runtime.actor import Actor
from services.runtime.cause import COMMAND, Cause
from services.runtime.handle import CommandHandler, Written
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection
from services.runtime.store import NO_STREAM, Proposed, StaleRevision
from tests import machines
from tests.dispatch.aid.facts import OTHER, PARTNER, UNTIL, boat, request
from tests.dispatch.facts import DISPATCHER, NOW, minute

SPACE = UUID(int=11)
DELAYED = 3
"""One message of so many waits in the network until something brings it."""
HELPERS = {"431225": PARTNER, "431221": OTHER}
helpers = st.sampled_from(sorted(HELPERS))
replies = st.sampled_from(list(Reply))
names = st.integers(1, 3)
LIVE = {UnitState.COMMITTED, UnitState.EN_ROUTE, UnitState.ARRIVED}


class Store:
    """One stream, as the real store keeps it: expected revision, idempotent by event id."""

    def __init__(self) -> None:
        self.log: list[Recorded] = []

    async def read(self, stream: str, after: int = NO_STREAM) -> list[Recorded]:
        return self.log[after + 1 :]

    async def append(self, stream: str, proposed: list[Proposed], expected: int) -> int:
        if expected != len(self.log) - 1:
            same = self.log[expected + 1 : expected + 1 + len(proposed)]
            if [event.id for event in same] == [event.id for event in proposed]:
                return same[-1].position
            raise StaleRevision(stream)
        for event in proposed:
            self.log.append(
                Recorded(
                    id=event.id,
                    type=event.type,
                    stream=stream,
                    revision=len(self.log),
                    position=len(self.log) + 1,
                    created_at=NOW,
                    data=event.data,
                    metadata=event.metadata,
                )
            )
        return len(self.log)


@dataclass(frozen=True)
class Message:
    id: UUID
    command: Any
    by: Actor


class MutualAid(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.store = Store()
        store: Any = self.store
        self.processes = [CommandHandler(store, AID_DECIDER) for _ in range(2)]
        self.sent: list[Message] = []
        self.answers: dict[UUID, Written] = {}
        self.clock = 0
        self.ended: Any = None
        self.deliver(Message(uuid5(SPACE, "request"), request(), DISPATCHER), 0)

    def teardown(self) -> None:
        self._rows_are_what_the_domain_folds()
        self.loop.close()

    # What each side says.

    @rule(helper=helpers, reply=replies, ago=st.integers(0, 30))
    def answer(self, helper: str, reply: Reply, ago: int) -> None:
        self.say(
            commands.AnswerAid,
            HELPERS[helper],
            ago,
            helper=helper,
            reply=reply,
            reason="x" if reply is Reply.DECLINE else "",
        )

    @rule(helper=helpers, numbers=st.sets(names, min_size=1))
    def commit(self, helper: str, numbers: set[int]) -> None:
        units = tuple(boat(number) for number in sorted(numbers))
        self.say(commands.CommitAid, HELPERS[helper], 0, helper=helper, units=units)

    @rule(
        helper=helpers,
        number=names,
        state=st.sampled_from(
            [UnitState.EN_ROUTE, UnitState.ARRIVED, UnitState.RETURNED, UnitState.WITHDRAWN]
        ),
        ago=st.integers(0, 30),
    )
    def report(self, helper: str, number: int, state: UnitState, ago: int) -> None:
        self.say(
            commands.ReportUnit,
            HELPERS[helper],
            ago,
            helper=helper,
            unit_id=f"boat-{number}",
            unit_state=state,
            note="x",
        )

    @rule(helper=helpers, numbers=st.sets(names))
    def release(self, helper: str, numbers: set[int]) -> None:
        units = tuple(f"boat-{number}" for number in sorted(numbers))
        self.say(commands.ReleaseUnits, DISPATCHER, 0, helper=helper, unit_ids=units, reason="x")

    @rule(helper=helpers)
    def order(self, helper: str) -> None:
        self.say(commands.RequisitionAid, DISPATCHER, 0, helper=helper, items={"boats": 1})

    @rule(helper=helpers)
    def want_back(self, helper: str) -> None:
        self.say(commands.RequestReturn, HELPERS[helper], 0, helper=helper, unit_ids=(), reason="x")

    @rule(helper=helpers, reply=replies)
    def answer_return(self, helper: str, reply: Reply) -> None:
        self.say(commands.AnswerReturn, DISPATCHER, 0, helper=helper, reply=reply, reason="x")

    @rule(helper=helpers, hours=st.integers(1, 5))
    def ask_longer(self, helper: str, hours: int) -> None:
        self.say(
            commands.RequestExtension,
            DISPATCHER,
            0,
            helper=helper,
            until=UNTIL + timedelta(hours=hours),
            reason="x",
        )

    @rule(helper=helpers, reply=replies)
    def answer_longer(self, helper: str, reply: Reply) -> None:
        self.say(
            commands.AnswerExtension, HELPERS[helper], 0, helper=helper, reply=reply, reason="x"
        )

    @rule(often=st.integers(0, 5))
    def cancel(self, often: int) -> None:
        if not often:
            self.say(commands.CancelAid, DISPATCHER, 0, reason="x")

    # What the network and the clock do.

    @rule(pick=st.integers(0), process=st.integers(0, 1))
    def one_comes(self, pick: int, process: int) -> None:
        """Any message that was ever sent, perhaps once more."""
        if self.sent:
            self.deliver(self.sent[pick % len(self.sent)], process)

    @rule(process=st.integers(0, 1))
    def the_newest_comes(self, process: int) -> None:
        if self.sent:
            self.deliver(self.sent[-1], process)

    @rule(process=st.integers(0, 1))
    def time_comes(self, process: int) -> None:
        due = min(self.state.dues(), default=None)
        if due is None:
            return
        before = len(self.store.log)
        command = commands.RingAid(aid_id="aid1", due_at=due)
        message = Message(uuid5(SPACE, f"ring {before}"), command, DISPATCHER)
        self.deliver(message, process)
        assert len(self.store.log) > before or due not in self.state.dues(), (
            "it would ring for ever"
        )

    # What holds.

    @invariant()
    def what_is_said_once_is_written_once(self) -> None:
        written: dict[str, list[int]] = {}
        for recorded in self.store.log:
            written.setdefault(recorded.metadata[COMMAND], []).append(recorded.revision)
        for revisions in written.values():
            assert revisions == list(range(revisions[0], revisions[-1] + 1))

    @invariant()
    def only_named_units_cover_anything(self) -> None:
        state = self.state
        named = [lent for lent in state.units.values() if lent.state in LIVE]
        assert state.committed("boats") == len(named)
        assert state.over_committed == (len(named) > 2)
        if state.ending is None and not named:
            assert state.standing in {Standing.REQUESTED, Standing.DECLINED}

    @invariant()
    def the_end_is_the_end(self) -> None:
        state = self.state
        if self.ended is not None:
            assert (state.ending, state.end_reason) == self.ended
        if state.ending is not None:
            self.ended = (state.ending, state.end_reason)
            assert not any(lent.state in LIVE for lent in state.units.values())
            assert list(state.dues()) == []

    @invariant()
    def clocks_ring_once(self) -> None:
        rung = Counter(
            (type(event).__name__, getattr(event, "helper", ""), event.occurred_at)
            for event in self.history
            if isinstance(event, events.AidAnswerOverdue | events.AidEnded)
        )
        assert max(rung.values(), default=0) <= 1
        assert sum(isinstance(event, events.AidAnswerOverdue) for event in self.history) <= 1

    @invariant()
    def every_unit_goes_a_way_that_there_is(self) -> None:
        where: dict[tuple[str, str], UnitState] = {}
        said: dict[str, datetime] = {}
        for event in self.history:
            match event:
                case events.AidCommitted(helper=helper):
                    for unit in event.units:
                        assert where.get((helper, unit.unit_id)) not in LIVE
                        where[helper, unit.unit_id] = UnitState.COMMITTED
                case events.AidUnitsReleased(helper=helper):
                    for unit_id in event.unit_ids:
                        assert where[helper, unit_id] in LIVE
                        where[helper, unit_id] = UnitState.RELEASED
                case events.AidUnitReported(late=False, unit_state=to):
                    was = where[event.helper, event.unit_id]
                    if to is UnitState.RETURNED:
                        assert was in {UnitState.RELEASED, UnitState.RETURNED}
                    if to is UnitState.WITHDRAWN:
                        assert was in {UnitState.COMMITTED, UnitState.EN_ROUTE}
                    if to in {UnitState.EN_ROUTE, UnitState.ARRIVED}:
                        assert was in LIVE
                        assert not (was is UnitState.ARRIVED and to is UnitState.EN_ROUTE)
                    where[event.helper, event.unit_id] = to
                case events.AidAnswered(late=False):
                    assert event.occurred_at >= said.get(event.helper, NOW)
                    said[event.helper] = event.occurred_at
        assert {key: lent.state for key, lent in self.state.units.items()} == {
            f"{helper}-{unit_id}": state for (helper, unit_id), state in where.items()
        }

    @property
    def history(self) -> list[events.Event]:
        return [AID_CODEC.decode(one.type, one.data) for one in self.store.log]

    @property
    def state(self) -> Aid:
        state = reduce(evolve, self.history, None)
        assert state is not None
        return state

    def say(self, cls: Any, by: Actor, ago: int, **fields: Any) -> None:
        self.clock += 1
        command = cls(
            by=by,
            aid_id="aid1",
            spoken_by="",
            occurred_at=minute(max(0, self.clock - ago)),
            **fields,
        )
        self.sent.append(Message(uuid5(SPACE, str(len(self.sent))), command, by))
        if self.clock % DELAYED:
            self.deliver(self.sent[-1], self.clock % 2)

    def deliver(self, message: Message, process: int) -> None:
        cause = Cause(
            command_id=message.id,
            causation_id=str(message.id),
            correlation_id="i1",
            actor=message.by,
        )
        before = len(self.store.log)
        handling = self.processes[process].handle("aid1", message.command, cause)
        try:
            written = self.loop.run_until_complete(handling)
        except Rejection:
            assert len(self.store.log) == before, "what is refused leaves nothing"
            assert message.id not in self.answers, "it was taken before"
            return
        if len(self.store.log) > before:
            assert message.id not in self.answers, "it was taken before"
            self.answers[message.id] = written
        elif message.id in self.answers:
            assert written == self.answers[message.id], "a repetition gets the first answer"

    def _rows_are_what_the_domain_folds(self) -> None:
        engine = create_engine("sqlite://")
        with engine.begin() as connection:
            DISPATCH.tables.create_all(connection)
            for recorded in self.store.log:
                apply(connection, recorded)
            [row] = connection.execute(select(AID)).all()
        engine.dispose()
        assert folded(row.folded) == self.state
        assert row.revision == len(self.store.log) - 1


def test_whatever_overtakes_what_nothing_is_doubled_or_undone() -> None:
    machines.run(MutualAid, runs=40, steps=50)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_same_for_long() -> None:
    assert machines.run(MutualAid, runs=200, steps=100) >= 5_000
