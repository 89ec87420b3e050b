"""Who is counted and who is missing; how units are ordered out; how a start is planned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.dispatch.domain import roll_call, withdrawal
from services.dispatch.domain.events import Source
from services.runtime.rejection import Rejection
from tests.dispatch.facts import DISPATCHER, minute
from tests.dispatch.test_refusals import (
    all_here,
    called,
    end_call,
    ended_call,
    given_call,
    given_start,
    given_withdrawal,
    move_call,
    move_pull,
    pull_all,
    ring_call,
    start,
    start_call,
    started,
)

ABOUT: dict[str, Any] = {"roll_call_id": "c1", "incident_id": "i1", "adcode": called.adcode}
accounted = roll_call.UnitAccounted(
    **ABOUT,
    unit_id="boat-1",
    expected=6,
    present=6,
    answered_by="diao.lin",
    source=Source.CREW,
    occurred_at=minute(1),
)
two_gone = replace(all_here, present=4, missing=("周某", "吴某"))
short = replace(accounted, present=4)
missing = roll_call.PersonnelMissing(
    **ABOUT, unit_id="boat-1", missing=2, names=("周某", "吴某"), occurred_at=minute(1)
)
others_here = replace(all_here, unit_id="rescue-1", expected=12, present=12)
others_accounted = replace(accounted, unit_id="rescue-1", expected=12, present=12)
completed = roll_call.RollCallCompleted(**ABOUT, people=18, occurred_at=minute(1))
overdue = roll_call.RollCallOverdue(
    **ABOUT, silent=("boat-1", "rescue-1"), due_at=called.due_at, occurred_at=called.due_at
)
moved = roll_call.RollCallMoved(
    **(ABOUT | {"incident_id": "i2"}),
    from_incident_id="i1",
    silent=("boat-1", "rescue-1"),
    missing=0,
    due_at=called.due_at,
    occurred_at=minute(2),
)
ordered = withdrawal.WithdrawalOrdered(
    withdrawal_id="w1",
    incident_id="i1",
    adcode=pull_all.adcode,
    assignment_ids=("a1", "a2"),
    reason=pull_all.reason,
    ordered_by=DISPATCHER.subject,
    occurred_at=pull_all.occurred_at,
)
moved_order = withdrawal.WithdrawalMoved(
    withdrawal_id="w1",
    incident_id="i2",
    adcode=pull_all.adcode,
    from_incident_id="i1",
    assignment_ids=("a2",),
    reason=pull_all.reason,
    occurred_at=minute(2),
)


def test_a_call_names_who_is_out_and_until_when_they_answer() -> None:
    given_call().when(start_call).then(called)


def test_it_is_complete_when_all_have_answered_and_have_their_people() -> None:
    given_call(called).when(all_here).then(accounted)
    given_call(called, accounted).when(others_here).then(others_accounted, completed)
    given_call(called, accounted).when(all_here).then()


def test_who_is_missing_is_named_and_keeps_it_open() -> None:
    given_call(called).when(two_gone).then(short, missing)
    given_call(called, short, missing).when(two_gone).then()
    given_call(called, short, missing).when(others_here).then(others_accounted)
    given_call(called, short, missing, others_accounted).when(all_here).then(accounted, completed)


def test_the_newest_answer_counts() -> None:
    given_call(called, accounted).when(two_gone).then(short, missing)
    given_call(called, accounted, short, missing).when(others_here).then(others_accounted)


def test_silence_rings_once_and_names_the_silent() -> None:
    given_call(called).when(ring_call).then(overdue)
    given_call(called, overdue).when(ring_call).then()
    given_call(called, accounted).when(ring_call).then(replace(overdue, silent=("rescue-1",)))
    given_call(called, short, missing, others_accounted).when(ring_call).then()
    given_call(called, accounted, others_accounted, completed).when(ring_call).then()
    given_call(called, ended_call).when(ring_call).then()


def test_somebody_answers_for_an_end_with_people_missing() -> None:
    given_call(called).when(end_call).then(ended_call)
    given_call(called, short, missing).when(end_call).then(
        replace(ended_call, silent=("rescue-1",), missing=2)
    )


def test_it_follows_its_incident_as_it_stands() -> None:
    there: dict[str, Any] = {"incident_id": "i2"}
    given_call(called).when(move_call).then(moved)
    given_call(called, short, missing).when(move_call).then(
        replace(moved, silent=("rescue-1",), missing=2)
    )
    given_call(called, overdue).when(move_call).then(moved)
    given_call(called, moved).when(ring_call).then(replace(overdue, **there))
    given_call(called, overdue, moved).when(ring_call).then()
    given_call(called, accounted, moved).when(others_here).then(
        replace(others_accounted, **there), replace(completed, **there)
    )
    given_call(called, moved).when(two_gone).then(
        replace(short, **there), replace(missing, **there)
    )
    given_call(called, moved).when(end_call).then(replace(ended_call, **there))


def test_what_is_over_or_elsewhere_follows_nobody() -> None:
    given_call(called, ended_call).when(move_call).then()
    given_call(called, accounted, others_accounted, completed).when(move_call).then()
    given_call(called, moved).when(move_call).then()
    given_call(called).when(replace(move_call, sources=frozenset({"i9"}))).then()


class Counting(RuleBasedStateMachine):
    """Answers in any order, again and corrected: complete exactly when all are there."""

    def __init__(self) -> None:
        super().__init__()
        self.state: roll_call.State = roll_call.evolve(None, called)
        self.past: list[roll_call.Event] = [called]
        self.newest: dict[str, tuple[int, int]] = {}

    def do(self, command: roll_call.Command) -> bool:
        try:
            facts = roll_call.decide(command, self.state)
        except Rejection:
            return False
        for fact in facts:
            self.past.append(fact)
            self.state = roll_call.evolve(self.state, fact)
        return True

    @rule(
        unit=st.sampled_from(["boat-1", "rescue-1", "boat-9"]),
        expected=st.integers(0, 3),
        present=st.integers(0, 4),
    )
    def answer(self, unit: str, expected: int, present: int) -> None:
        said = replace(all_here, unit_id=unit, expected=expected, present=present)
        if self.do(said):
            self.newest[unit] = (expected, present)

    @rule()
    def ring(self) -> None:
        self.do(ring_call)

    @rule(onwards=st.integers(1, 4), back=st.integers(1, 4))
    def merge(self, onwards: int, back: int) -> None:
        """News of merges come in any order; only those of where it is are about it."""
        assert self.state is not None
        before = self.state
        command = replace(
            move_call, sources=frozenset({f"i{back}"}) - {f"i{onwards}"}, incident_id=f"i{onwards}"
        )
        assert self.do(command)
        assert replace(self.state, incident_id=before.incident_id) == before

    @rule(seldom=st.integers(0, 9))
    def end(self, seldom: int) -> None:
        if seldom == 0:
            self.do(end_call)

    @invariant()
    def complete_exactly_when_everybody_is_there(self) -> None:
        full = len(self.newest) == 2 and all(e == p for e, p in self.newest.values())
        over = [one for one in self.past if isinstance(one, roll_call.RollCallCompleted)]
        ended = any(isinstance(one, roll_call.RollCallEnded) for one in self.past)
        assert bool(over) == (full and not ended)
        assert len(over) <= 1
        assert sum(isinstance(one, roll_call.RollCallOverdue) for one in self.past) <= 1

    @invariant()
    def every_fact_is_of_the_incident_that_it_then_was_for(self) -> None:
        here = "i1"
        for fact in self.past:
            if isinstance(fact, roll_call.RollCallMoved):
                assert (fact.from_incident_id, fact.due_at) == (here, called.due_at)
                here = fact.incident_id
            assert fact.incident_id == here


Counting.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestCounting = Counting.TestCase


# Withdrawals and planned starts.


def test_a_withdrawal_is_ordered_whole_and_once() -> None:
    given_withdrawal().when(pull_all).then(ordered)
    given_withdrawal(ordered).when(pull_all).then()


def test_an_order_follows_its_incident_while_somebody_whom_it_covers_is_in() -> None:
    given_withdrawal(ordered).when(move_pull).then(moved_order)
    given_withdrawal(ordered).when(replace(move_pull, still_in=("a9", "a2"))).then(moved_order)
    given_withdrawal(ordered).when(replace(move_pull, still_in=())).then()
    given_withdrawal(ordered).when(replace(move_pull, still_in=("a9",))).then()
    given_withdrawal(ordered, moved_order).when(move_pull).then()
    onwards = replace(move_pull, sources=frozenset({"i2"}), incident_id="i3")
    given_withdrawal(ordered, moved_order).when(onwards).then(
        replace(moved_order, from_incident_id="i2", incident_id="i3")
    )


def test_a_start_is_at_the_cards_time_unless_somebody_says_another() -> None:
    given_start().when(start).then(started)
    given_start().when(replace(start, start_at=minute(90))).then(
        replace(started, start_at=minute(90))
    )
