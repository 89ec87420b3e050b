"""Any order of wishes, repeated and belated: one commander at every instant, closed is closed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import reduce
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.command.domain import report, report_rules
from services.command.domain.grades import Grade
from services.command.domain.incident import decider, lifecycle, response, series, transfer
from services.command.domain.incident.decider import Closed, Open
from services.command.domain.incident.response import Level
from services.command.domain.incident.series import SituationReportKind
from services.runtime.rejection import Rejection
from tests.command import incidents as known
from tests.command import test_report_domain as reports

PEOPLE = [known.LI, known.ZHANG, known.CHEN, known.STRANGER]
NAMES = [person.subject for person in PEOPLE]

people = st.sampled_from(PEOPLE)
names = st.sampled_from(NAMES)
ids = st.sampled_from(["a", "b", "c"])
levels = st.sampled_from(Level)
acts: st.SearchStrategy[decider.Act] = st.one_of(
    st.builds(replace, st.just(known.attach), by=people, report_id=ids),
    st.builds(replace, st.just(known.grade), by=people, grade=st.sampled_from(Grade)),
    st.builds(replace, st.just(known.activate), by=people, level=levels),
    st.builds(replace, st.just(known.raise_), by=people, level=levels),
    st.builds(replace, st.just(known.terminate), by=people),
    st.builds(replace, st.just(known.establish), by=people, commander=names),
    st.builds(replace, st.just(known.propose), by=people, to=names, briefing=ids),
    st.builds(replace, st.just(known.acknowledge), by=people),
    st.builds(replace, st.just(known.accept), by=people),
    st.builds(replace, st.just(known.record), by=people, decision_id=ids),
    st.builds(
        replace,
        st.just(known.tell),
        by=people,
        situation_report_id=ids,
        kind=st.sampled_from(SituationReportKind),
    ),
    st.builds(replace, st.just(known.close), by=people),
    st.builds(replace, st.just(known.reopen), by=people),
)


class Incident(RuleBasedStateMachine):
    """Plays the store: a wish decided on an old state is decided again on the newest."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[decider.State] = [decider.INITIAL]
        self.events: list[decider.Event] = []
        self.wishes: list[decider.Command] = []

    @property
    def state(self) -> decider.State:
        return self.states[-1]

    def ask(self, command: decider.Command) -> None:
        before = self.state
        try:
            events = known.decide(command, before)
        except Rejection as refusal:
            events = []
            self.check_refusal(command, refusal)
        if isinstance(before, Closed):
            assert all(isinstance(event, lifecycle.IncidentReopened) for event in events)
        for event in events:
            self.events.append(event)
            self.states.append(decider.evolve(self.state, event))
        if events:
            self.check_done(command)
        self.wishes.append(command)

    def check_refusal(self, command: decider.Command, refusal: Rejection) -> None:
        if isinstance(self.state, Closed) and command.by is not known.STRANGER:
            assert refusal.reason in {"INCIDENT_CLOSED", "INCIDENT_EXISTS"}

    def check_done(self, command: decider.Command) -> None:
        """Check that the same wish does nothing a second time."""
        with suppress(Rejection):
            assert known.decide(command, self.state) == []

    @rule(report_id=ids)
    def open(self, report_id: str) -> None:
        self.ask(replace(known.open_, report_id=report_id))

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

    @rule(data=st.data())
    def reorder_history(self, data: st.DataObject) -> None:
        shuffled = data.draw(st.permutations(self.events))
        reduce(decider.evolve, shuffled, decider.INITIAL)

    @invariant()
    def replay_gives_the_same_state(self) -> None:
        assert reduce(decider.evolve, self.events, decider.INITIAL) == self.state

    @invariant()
    def somebody_commands_from_the_first_establishment_on(self) -> None:
        commanders = [
            was.post.commander for state in self.states if (was := decider.there(state)) is not None
        ]
        for earlier, later in pairwise(commanders):
            assert later is not None or earlier is None

    @invariant()
    def command_passes_only_from_its_holder_to_whom_it_was_offered(self) -> None:
        for before, event in zip(self.states, self.events, strict=False):
            if isinstance(event, transfer.CommandTransferred):
                assert isinstance(before, Open)
                waiting = before.post.handover
                assert waiting.acknowledged
                assert waiting.pending is not None
                assert (before.post.commander, waiting.pending.incoming) == (
                    event.outgoing,
                    event.incoming,
                )

    @invariant()
    def numbers_and_levels_are_in_order(self) -> None:
        told = [e for e in self.events if isinstance(e, series.SituationReportSubmitted)]
        assert [event.number for event in told] == list(range(1, len(told) + 1))
        for before, event in zip(self.states, self.events, strict=False):
            if isinstance(event, response.ResponseLevelChanged):
                assert isinstance(before, Open)
                assert before.response.level is event.previous_level is not event.level

    @invariant()
    def nobody_acts_from_outside(self) -> None:
        assert all(
            getattr(event, "submitted_by", getattr(event, "decided_by", ""))
            != known.STRANGER.subject
            for event in self.events
        )


TestIncident = Incident.TestCase
TestIncident.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(known.EVENTS), max_size=12), acts)
def test_an_incident_survives_any_history(history: list[decider.Event], act: decider.Act) -> None:
    state = reduce(decider.evolve, history, decider.INITIAL)
    with suppress(Rejection):
        known.decide(act, state)


settling = st.sampled_from([*reports.SETTLING, reports.submit])
facts = st.sampled_from([reports.submitted, reports.verified, reports.joined, reports.rejected])


@settings(max_examples=200, deadline=None)
@given(st.lists(facts, max_size=8), st.lists(settling, max_size=8))
def test_a_report_settles_once_whatever_is_asked(
    history: list[report.Event], wishes: list[report.Command]
) -> None:
    state = reduce(report_rules.evolve, history, report.INITIAL)
    settlements = 0
    for wish in wishes:
        try:
            events = report_rules.decide(wish, state)
        except Rejection:
            continue
        settlements += sum(not isinstance(event, report.ReportSubmitted) for event in events)
        state = reduce(report_rules.evolve, events, state)

    assert settlements <= 1
