"""Any order of wishes about tasks, objectives and needs, repeated, stale and belated."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import reduce
from itertools import pairwise

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.command.codec import INCIDENT_CODEC
from services.command.domain.incident import decider, needs, objectives, tasks
from services.command.domain.incident.decider import Open
from services.command.domain.incident.needs import Need, NeedState
from services.command.domain.incident.objectives import Objective, ObjectiveOutcome
from services.command.domain.incident.tasks import Assignee, Outcome, Task, TaskState
from services.runtime.rejection import Rejection
from tests.command import incidents as known
from tests.command import work

TASK_EDGES = {
    TaskState.ASSIGNED: set(TaskState),
    TaskState.ACCEPTED: set(TaskState),
    TaskState.IN_PROGRESS: {
        TaskState.ASSIGNED,
        TaskState.IN_PROGRESS,
        TaskState.COMPLETED,
        TaskState.CANCELLED,
    },
    TaskState.COMPLETED: {TaskState.COMPLETED},
    TaskState.CANCELLED: {TaskState.CANCELLED},
}
NEED_EDGES = {
    NeedState.OPEN: set(NeedState),
    NeedState.PARTIALLY_MET: {NeedState.PARTIALLY_MET, NeedState.MET, NeedState.CANCELLED},
    NeedState.MET: {NeedState.MET},
    NeedState.CANCELLED: {NeedState.CANCELLED},
}

people = st.sampled_from([known.LI, known.ZHANG, known.CHEN])
names = st.sampled_from(["chen", "mayor.zhang"])
ids = st.sampled_from(["a", "b"])
moments = st.integers(0, 120).map(lambda minutes: known.NOW + timedelta(minutes=minutes))
limits = st.none() | st.integers(121, 240).map(lambda m: known.NOW + timedelta(minutes=m))
percents = st.integers(0, 100)
quantities = st.integers(1, 12)
charge = st.booleans()
acts: st.SearchStrategy[decider.Act] = st.one_of(
    st.builds(
        replace,
        st.just(work.assign),
        by=people,
        task_id=ids,
        assignee=names,
        assignee_kind=st.sampled_from(Assignee),
        due_at=limits,
        objective_id=st.sampled_from(["", "a"]),
        occurred_at=moments,
    ),
    st.builds(
        replace,
        st.just(work.accept),
        by=people,
        task_id=ids,
        in_charge=charge,
        occurred_at=moments,
    ),
    st.builds(
        replace,
        st.just(work.report),
        by=people,
        task_id=ids,
        percent=percents,
        in_charge=charge,
        occurred_at=moments,
    ),
    st.builds(
        replace,
        st.just(work.complete),
        by=people,
        task_id=ids,
        outcome=st.sampled_from(Outcome),
        in_charge=charge,
        occurred_at=moments,
    ),
    st.builds(replace, st.just(work.cancel), task_id=ids, occurred_at=moments),
    st.builds(
        replace,
        st.just(work.hand_over),
        task_id=ids,
        assignee=names,
        assignee_kind=st.sampled_from(Assignee),
        due_at=limits,
        occurred_at=moments,
    ),
    st.builds(
        replace,
        st.just(work.set_),
        objective_id=ids,
        kind=st.sampled_from(["搜救", "保堤"]),
        occurred_at=moments,
    ),
    st.builds(
        replace, st.just(work.progress), objective_id=ids, percent=percents, occurred_at=moments
    ),
    st.builds(
        replace,
        st.just(work.achieve),
        objective_id=ids,
        outcome=st.sampled_from(ObjectiveOutcome),
        occurred_at=moments,
    ),
    st.builds(
        replace,
        st.just(work.ask),
        need_id=ids,
        quantity=quantities,
        needed_by=limits,
        occurred_at=moments,
    ),
    st.builds(
        replace,
        st.just(work.promise),
        by=people,
        need_id=ids,
        commitment_id=ids,
        quantity=quantities,
        occurred_at=moments,
    ),
    st.builds(
        replace, st.just(work.take_back), need_id=ids, commitment_id=ids, occurred_at=moments
    ),
    st.builds(
        replace,
        st.just(work.bring),
        by=people,
        need_id=ids,
        fulfilment_id=st.sampled_from(["a", "b", "c", "d"]),
        commitment_id=st.sampled_from(["", "a", "b"]),
        quantity=quantities,
        occurred_at=moments,
    ),
    st.builds(
        replace,
        st.just(work.drop),
        by=people,
        need_id=ids,
        in_charge=charge,
        occurred_at=moments,
    ),
)


class Work(RuleBasedStateMachine):
    """Plays the store: a wish decided on an old state is decided again on the newest."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[decider.Event] = [known.opened]
        self.states: list[Open] = [self.fold(known.opened, None)]
        self.wishes: list[decider.Act] = []

    @staticmethod
    def fold(event: decider.Event, state: decider.State) -> Open:
        now = decider.evolve(state, event)
        assert isinstance(now, Open)
        return now

    @property
    def state(self) -> Open:
        return self.states[-1]

    def ask(self, command: decider.Act) -> None:
        with suppress(Rejection):
            events = known.decide(command, self.state)
            for event in events:
                self.events.append(event)
                self.states.append(self.fold(event, self.state))
            if events:
                assert self.again(command) == []
        self.wishes.append(command)

    def again(self, command: decider.Act) -> list[decider.Event]:
        """Return what the same wish adds a second time; a refusal adds nothing."""
        try:
            return known.decide(command, self.state)
        except Rejection:
            return []

    @rule(act=acts)
    def act(self, act: decider.Act) -> None:
        self.ask(act)

    @precondition(lambda self: self.wishes)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.ask(data.draw(st.sampled_from(self.wishes)))

    @rule(data=st.data(), act=acts)
    def decide_on_an_old_state(self, data: st.DataObject, act: decider.Act) -> None:
        old = data.draw(st.sampled_from(self.states))
        with suppress(Rejection):
            known.decide(act, old)
        self.ask(act)

    @precondition(lambda self: self.state.work.open())
    @rule(data=st.data(), late=st.booleans())
    def ring(self, data: st.DataObject, late: bool) -> None:  # noqa: FBT001 - drawn
        """Ring a time limit that stands, or one that stood in an older state."""
        source = data.draw(st.sampled_from(self.states)) if late else self.state
        for task in source.work.open():
            if task.asked.due_at is not None:
                self.ask(
                    replace(work.ring, task_id=task.asked.task_id, occurred_at=task.asked.due_at)
                )

    @rule(data=st.data())
    def reorder_history(self, data: st.DataObject) -> None:
        shuffled = data.draw(st.permutations(self.events[1:]))
        start: decider.State = self.states[0]
        reduce(decider.evolve, shuffled, start)

    @invariant()
    def what_is_stored_gives_the_same_state(self) -> None:
        stored = [INCIDENT_CODEC.encode(event) for event in self.events]
        read = [INCIDENT_CODEC.decode(type_, data) for type_, data in stored]
        assert reduce(decider.evolve, read, decider.INITIAL) == self.state

    @invariant()
    def every_part_is_a_value_that_can_be_stored(self) -> None:
        for kept, type_ in (
            (self.state.work.tasks, dict[str, Task]),
            (self.state.objectives.objectives, dict[str, Objective]),
            (self.state.needs.needs, dict[str, Need]),
        ):
            assert msgspec.json.decode(msgspec.json.encode(kept), type=type_) == kept

    @invariant()
    def no_more_comes_or_is_promised_than_was_asked_for(self) -> None:
        for need in self.state.needs.needs.values():
            parts = [
                event
                for event in self.events
                if isinstance(event, needs.NeedFulfilled) and event.need_id == need.asked.need_id
            ]
            assert sum(part.quantity for part in parts) == need.fulfilled <= need.asked.quantity
            assert len({part.fulfilment_id for part in parts}) == len(parts)
            assert (need.remaining == 0) == (need.state is NeedState.MET)
            for promise in need.commitments.values():
                assert 0 <= promise.outstanding <= promise.quantity

    @invariant()
    def an_event_says_what_stands_promised_and_what_is_missing(self) -> None:
        for event, after in zip(self.events, self.states, strict=True):
            if isinstance(
                event, needs.NeedCommitted | needs.NeedCommitmentWithdrawn | needs.NeedFulfilled
            ):
                need = after.needs.needs[event.need_id]
                assert (event.committed, event.remaining) == (need.committed, need.remaining)
            if isinstance(event, needs.NeedCommitted):
                assert event.committed <= event.remaining

    @invariant()
    def states_move_along_their_edges_only(self) -> None:
        for before, after in pairwise(self.states):
            for key, task in before.work.tasks.items():
                assert after.work.tasks[key].state in TASK_EDGES[task.state]
            for key, need in before.needs.needs.items():
                assert after.needs.needs[key].state in NEED_EDGES[need.state]
            for key, aim in before.objectives.objectives.items():
                now = after.objectives.objectives[key]
                ended = aim.state is not objectives.ObjectiveState.OPEN
                assert now == aim or not ended

    @invariant()
    def a_persons_task_is_that_persons_whoever_enters_it(self) -> None:
        for before, event in zip(self.states, self.events[1:], strict=False):
            if isinstance(event, tasks.TaskAccepted):
                task = before.work.tasks[event.task_id]
                asked = task.asked
                assert asked.assignee_kind is Assignee.DEPARTMENT or (
                    event.accepted_by == asked.assignee
                )

    @invariant()
    def a_time_limit_rings_once(self) -> None:
        open_task: dict[str, object] = {}
        for event, after in zip(self.events, self.states, strict=True):
            if isinstance(event, tasks.TaskOverdue):
                task = after.work.tasks[event.task_id]
                assert task.overdue
                assert task.state not in tasks.ENDED
                assert task.asked.due_at == event.due_at != open_task.get(event.task_id)
                open_task[event.task_id] = event.due_at
            if isinstance(event, tasks.TaskReassigned):
                open_task[event.task_id] = (
                    open_task.get(event.task_id)
                    if event.due_at == open_task.get(event.task_id)
                    else None
                )


TestWork = Work.TestCase
TestWork.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
