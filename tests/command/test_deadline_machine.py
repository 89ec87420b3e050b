"""Any order of what happens, is told, is belated and rings: no clock lies, and none forgets."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.command.domain.casualties import Casualties
from services.command.domain.grades import Grade
from services.command.domain.incident import decider, series_rules
from services.command.domain.incident.deadlines import (
    Deadline,
    DeadlineLifted,
    DeadlineMet,
    DeadlineMissed,
    DeadlineRebased,
    DeadlineStarted,
    DeadlineWarned,
)
from services.command.domain.incident.facts import Metric, SourceKind
from services.command.domain.incident.series import Means
from services.command.domain.incident.statutes import Milestone, Party
from services.command.projections.deadlines import Step
from services.runtime.rejection import Rejection
from tests.command import incidents as known
from tests.command.clocked import (
    STATUTES,
    ZERO,
    at,
    decide,
    figure,
    milestone,
    notice,
    opening,
    report,
    ring,
    sending,
)

RULES = {rule.rule for rule in STATUTES.rules}
TYPES = ["11D01", "11A01", "12D00", "12G00", "11A51", "13A00"]

types = st.sampled_from(TYPES)
ids = st.sampled_from(["a", "b", "c", "d"])
minutes = st.one_of(st.integers(-200, 600), st.integers(-2000, 20_000)).map(float)
counts = st.sampled_from([0, 1, 2, 3, 9, 10, 12, 40])
metrics = st.sampled_from(
    [Metric.DEAD, Metric.MISSING, Metric.SERIOUSLY_INJURED, Metric.TRAPPED, Metric.PEOPLE_MOVED]
)
sources = st.sampled_from([SourceKind.SCENE, SourceKind.HOSPITAL, SourceKind.ENTERPRISE])
recipients = st.sampled_from(list(STATUTES.recipients))
means = st.sampled_from([Means.PHONE, Means.FAX])
offsets = st.integers(-40, 40)


def timed(act: decider.Act) -> st.SearchStrategy[decider.Act]:
    return minutes.map(lambda minute: replace(act, occurred_at=at(minute)))


acts: st.SearchStrategy[decider.Act] = st.one_of(
    st.builds(figure, ids, minutes, metrics, counts, sources),
    st.builds(figure, ids, minutes, metrics, counts, sources),
    st.builds(milestone, st.sampled_from(Milestone), minutes),
    st.builds(notice, ids, minutes, recipients, st.sampled_from(Party), means),
    st.builds(sending, ids, minutes, recipients, means),
    st.builds(
        lambda said, recorded, dead: replace(
            known.attach, reported_at=at(said), occurred_at=at(recorded), casualties=dead
        ),
        minutes,
        minutes,
        st.builds(Casualties, dead=counts),
    ),
    st.builds(
        lambda value, minute: replace(known.grade, grade=value, occurred_at=at(minute)),
        st.sampled_from(Grade),
        minutes,
    ),
    timed(known.activate),
    timed(known.terminate),
)


def recipient_of(deadline: Deadline) -> str:
    return next(rule.recipient for rule in STATUTES.rules if rule.rule == deadline.rule)


class Clocks(RuleBasedStateMachine):
    """Plays the store and the alarm: what was decided on an old state is decided again."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[decider.State] = [decider.INITIAL]
        self.events: list[decider.Event] = []
        self.wishes: list[decider.Command] = []
        self.recorded: set[str] = set()
        self.due: dict[str, datetime] = {}
        self.rung: dict[str, int] = {}
        self.missed: set[str] = set()
        self.met: set[str] = set()
        self.lifted: set[str] = set()

    @property
    def state(self) -> decider.State:
        return self.states[-1]

    @property
    def was(self) -> decider.Open:
        was = decider.there(self.state)
        assert was is not None  # opened first of all
        return was

    @property
    def clocks(self) -> list[Deadline]:
        return list(self.was.deadlines)

    def ask(self, command: decider.Command) -> None:
        self.wishes.append(command)
        try:
            events = decide(command, self.state)
        except Rejection:
            return
        for event in events:
            self.check(event)
            self.events.append(event)
            self.states.append(decider.evolve(self.state, event))

    @initialize(type_code=types, minute=minutes, dead=counts)
    def open(self, type_code: str, minute: float, dead: int) -> None:
        self.ask(opening(type_code, minute, dead=dead))

    @rule(act=acts)
    def act(self, act: decider.Act) -> None:
        self.ask(act)

    @rule(minute=minutes)
    def close_and_reopen(self, minute: float) -> None:
        self.ask(replace(known.close, occurred_at=at(minute)))
        self.ring_what_is_due(minute + 300)
        self.ask(replace(known.reopen, occurred_at=at(minute + 500)))

    @precondition(lambda self: any(one.owed for one in self.clocks))
    @rule(data=st.data(), off=offsets, how=means)
    def report_on_a_clock(self, data: st.DataObject, off: int, how: Means) -> None:
        """Send the next report of the series about when it is due, to whom it is owed."""
        was = self.was
        kinds = series_rules.expected(was.series)
        if not kinds:
            return
        deadline = data.draw(st.sampled_from([one for one in self.clocks if one.owed]))
        minute = (deadline.due_at - ZERO) / timedelta(minutes=1) + off
        report_id = f"s{len(self.events)}"
        self.ask(report(report_id, minute, data.draw(st.sampled_from(kinds)), was.type_code))
        self.ask(sending(report_id, minute, recipient_of(deadline), how))

    @precondition(lambda self: any(one.owed for one in self.clocks))
    @rule(data=st.data(), off=offsets, how=means)
    def tell_whom_it_is_owed(self, data: st.DataObject, off: int, how: Means) -> None:
        deadline = data.draw(st.sampled_from([one for one in self.clocks if one.owed]))
        minute = (deadline.due_at - ZERO) / timedelta(minutes=1) + off
        to = recipient_of(deadline)
        self.ask(notice(f"n{len(self.events)}", minute, to, deadline.owed_by, how))

    @precondition(lambda self: self.clocks)
    @rule(data=st.data(), off=offsets, metric=metrics, value=counts)
    def learn_that_it_was_known_before(
        self, data: st.DataObject, off: int, metric: Metric, value: int
    ) -> None:
        deadline = data.draw(st.sampled_from(self.clocks))
        minute = (deadline.started_at - ZERO) / timedelta(minutes=1) + off
        self.ask(figure(f"f{len(self.events)}", minute, metric, value))
        self.ask(milestone(Milestone.OCCURRED, minute - 5))

    @rule(until=minutes)
    def ring_what_is_due(self, until: float) -> None:
        """Ring some of the marks that have come, as an alarm does that may die in between."""
        for _ in range(20):
            ripe = [one for one in self.clocks if one.running and one.next_mark.at <= at(until)]
            if not ripe:
                break
            first = min(ripe, key=lambda one: one.next_mark.at)
            before = len(self.events)
            self.ask(ring(first))
            assert len(self.events) > before, "the alarm would ring this for ever"

    @precondition(lambda self: self.wishes)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.ask(data.draw(st.sampled_from(self.wishes)))

    @rule(data=st.data(), act=acts)
    def decide_on_an_old_state(self, data: st.DataObject, act: decider.Act) -> None:
        old = data.draw(st.sampled_from(self.states))
        with suppress(Rejection):
            decide(act, old)
        self.ask(act)

    @precondition(lambda self: self.events)
    @rule(data=st.data())
    def reorder_history(self, data: st.DataObject) -> None:
        few = data.draw(st.lists(st.sampled_from(self.events), max_size=8))
        reduce(decider.evolve, [*self.events[:1], *few], decider.INITIAL)

    def check(self, event: decider.Event) -> None:
        """Check that nothing is later than it was, or after its end, and no miss undone."""
        if isinstance(self.state, decider.Closed):
            known_as = type(event).__name__
            assert known_as in {"IncidentReopened", "DeadlineWarned", "DeadlineMissed"}
        for name in ("report_id", "situation_report_id", "notice_id", "fact_id", "milestone"):
            self.recorded.add(getattr(event, name, ""))
        if not isinstance(event, Step):
            return
        key = event.deadline_id
        ended = self.met | self.lifted
        match event:
            case DeadlineStarted():
                assert key not in self.due
                assert event.started_at < event.due_at
                assert event.rule in RULES
                assert event.rules_version == STATUTES.version
                self.due[key], self.rung[key] = event.due_at, 0
            case DeadlineRebased():
                assert event.due_at < self.due[key] == event.previous_due_at
                assert event.percent == self.rung[key]
                assert key not in self.missed | self.lifted
                self.due[key] = event.due_at
            case DeadlineWarned():
                assert key not in self.missed | ended
                assert self.rung[key] < event.percent  # each mark once, and in order
                assert event.occurred_at < event.due_at == self.due[key]
                self.rung[key] = event.percent
            case DeadlineMissed():
                assert key not in self.missed | self.lifted
                assert event.occurred_at == self.due[key]
                self.missed.add(key)
            case DeadlineMet():
                assert key not in ended
                assert event.evidence in self.recorded
                assert event.late is (event.occurred_at > self.due[key])
                assert key in self.missed or not event.late
                self.met.add(key)
            case DeadlineLifted():
                assert key not in ended
                self.lifted.add(key)

    def teardown(self) -> None:
        assert reduce(decider.evolve, self.events, decider.INITIAL) == self.state

    @invariant()
    def the_state_knows_what_the_events_told(self) -> None:
        for one in self.clocks:
            key = one.deadline_id
            assert one.due_at == self.due[key]
            assert one.missed is (key in self.missed)
            assert (one.met_at is not None) is (key in self.met)
            assert (one.lifted_at is not None) is (key in self.lifted)
        owed = self.due.keys() - self.met - self.lifted
        assert owed == {one.deadline_id for one in self.clocks if one.owed}

    @invariant()
    def one_period_of_a_clock_runs_at_a_time(self) -> None:
        running = Counter(one.clock for one in self.clocks if one.running)
        assert set(running.values()) <= {1}


TestClocks = Clocks.TestCase
TestClocks.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
