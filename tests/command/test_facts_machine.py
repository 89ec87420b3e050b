"""Any order of wishes about figures, repeated, stale and belated: one stands, none is lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import cache, reduce
from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Connection, Engine, StaticPool, create_engine, select

from services.command.domain.casualties import Casualties
from services.command.domain.incident import (
    decider,
    facts,
    figures,
    grading,
    lifecycle,
    merge,
    split,
)
from services.command.domain.incident.facts import Fact, Metric, SourceKind
from services.command.domain.incident.grade_tables import propose
from services.command.projections import COMMAND
from services.command.projections.facts import FIGURES, STANDING, STEPS, standing
from services.command.projections.incidents import INCIDENTS
from services.command.projections.shared import METADATA
from services.runtime.rejection import Rejection
from tests.command import figured
from tests.command import incidents as known
from tests.command.rows import recorded

IDS = ["a", "b", "c", "d"]
REPORTED = [f"{report}.{metric}" for report in ("r1", "r2") for metric in ("dead", "trapped")]
people = st.sampled_from([known.LI, known.LI, known.ZHANG, known.STRANGER])
ids = st.sampled_from(IDS)
any_fact = st.sampled_from(["a", "a", "b", "c", "d", "r1.dead", "r1.trapped", "r2.dead"])
metrics = st.sampled_from([Metric.DEAD, Metric.MISSING, Metric.TRAPPED])
values = st.integers(0, 40)
scopes = st.sampled_from(["", "", "431281102", "431281103"])
moments = st.integers(-90, 90).map(lambda minutes: known.NOW + timedelta(minutes=minutes))
harm = st.builds(Casualties, dead=values, trapped=values)
settling: st.SearchStrategy[decider.Act] = st.one_of(
    st.builds(
        replace,
        st.just(figured.record),
        by=people,
        fact_id=ids,
        metric=metrics,
        value=values,
        scope=scopes,
        occurred_at=moments,
    ),
    st.builds(
        replace,
        st.just(figured.correct),
        by=people,
        fact_id=ids,
        corrects=any_fact,
        value=values,
        authoritative=st.booleans(),
        occurred_at=moments,
    ),
    st.builds(replace, st.just(figured.withdraw), by=people, fact_id=any_fact),
    st.builds(replace, st.just(figured.declare), by=people, fact_id=any_fact),
    st.builds(replace, st.just(known.attach), casualties=harm, reported_at=moments),
)
ending = st.sampled_from([known.close, known.reopen, known.reopen])
acts = st.one_of(settling, settling, settling, settling, settling, ending)


def of(state: decider.State) -> decider.Open:
    incident = decider.there(state)
    assert incident is not None
    return incident


def live(state: decider.State) -> dict[str, Fact]:
    held = of(state).facts
    return {key: fact for key, fact in held.known.items() if key not in held.ended}


class Figures(RuleBasedStateMachine):
    """Plays the store: a wish decided on an old state is decided again on the newest."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[decider.Event] = []
        self.states: list[decider.State] = []
        self.wishes: list[decider.Act] = []

    @property
    def state(self) -> decider.State:
        return self.states[-1]

    @initialize(harmed=harm)
    def open(self, harmed: Casualties) -> None:
        command = replace(known.open_, casualties=harmed)
        self.states.append(decider.INITIAL)
        self.take(known.decide(command, decider.INITIAL))

    def take(self, events: Sequence[decider.Event]) -> None:
        for event in events:
            self.events.append(event)
            self.states.append(decider.evolve(self.state, event))

    @rule(act=acts)
    def ask(self, act: decider.Act) -> None:
        try:
            events = known.decide(act, self.state)
        except Rejection:
            events = []
        self.take(events)
        self.wishes.append(act)
        if events:
            with suppress(Rejection):
                assert known.decide(act, self.state) == []

    @precondition(lambda self: self.wishes)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.ask(data.draw(st.sampled_from(self.wishes)))

    @rule(data=st.data(), act=acts)
    def decide_on_an_old_state(self, data: st.DataObject, act: decider.Act) -> None:
        with suppress(Rejection):
            known.decide(act, data.draw(st.sampled_from(self.states)))
        self.ask(act)

    @rule(data=st.data())
    def reorder_history(self, data: st.DataObject) -> None:
        reduce(decider.evolve, data.draw(st.permutations(self.events)), decider.INITIAL)

    @invariant()
    def exactly_one_value_stands_of_what_anybody_speaks_of(self) -> None:
        said = live(self.state)
        stands = of(self.state).facts.standing
        assert set(stands) == {fact.metric for fact in said.values()}
        for metric, fact in stands.items():
            parts = [said[part] for part in fact.parts or (fact.fact_id,)]
            assert all(part.metric is metric for part in parts)
            assert fact.value == sum(part.value for part in parts)
            assert len(parts) == 1 or len({part.scope for part in parts} - {""}) == len(parts)

    @invariant()
    def nothing_that_was_said_is_lost(self) -> None:
        reported = [
            fact.fact_id
            for e in self.events
            if isinstance(e, lifecycle.IncidentOpened | lifecycle.ReportAttached)
            for fact in facts.said_by_report(e.report_id, e.casualties, e.reported_at)
        ]
        made = [
            e.fact_id
            for e in self.events
            if isinstance(e, figures.FigureRecorded | figures.FigureCorrected)
        ]
        assert sorted([*reported, *made]) == sorted(of(self.state).facts.known)

    @invariant()
    def lineage_reaches_a_recorded_source(self) -> None:
        corrects = {
            e.fact_id: e.corrects for e in self.events if isinstance(e, figures.FigureCorrected)
        }
        roots = {e.fact_id for e in self.events if isinstance(e, figures.FigureRecorded)}
        for fact_id in of(self.state).facts.known:
            chain = [fact_id]
            while chain[-1] in corrects:
                chain.append(corrects[chain[-1]])
                assert len(chain) <= len(corrects) + 1
            assert chain[-1] in roots or chain[-1] in REPORTED
            assert all(of(self.state).facts.known[link].source for link in chain)

    @invariant()
    def a_value_vanishes_only_by_a_named_act(self) -> None:
        for (before, after), event in zip(pairwise(self.states[1:]), self.events[1:], strict=True):
            if gone := set(live(before)) - set(live(after)):
                assert isinstance(event, figures.FigureCorrected | figures.FigureWithdrawn)
                named = (
                    event.corrects if isinstance(event, figures.FigureCorrected) else event.fact_id
                )
                assert gone == {named}
                assert event.reason

    @invariant()
    def authority_is_one_persons_over_one_live_figure(self) -> None:
        held = of(self.state).facts
        authoritative = [live(self.state)[fact_id] for fact_id in held.authoritative]
        assert len({(fact.metric, fact.scope) for fact in authoritative}) == len(authoritative)
        for fact in authoritative:
            if not fact.scope:
                assert held.standing[fact.metric] == fact

    @invariant()
    def what_is_proposed_is_what_the_figures_say(self) -> None:
        incident = of(self.state)
        if isinstance(self.state, decider.Open):
            said = {metric: fact.value for metric, fact in incident.facts.standing.items()}
            proposal = propose(known.RULES.grading, incident.type_code, said, known.CALLED)
            assert (incident.grading.proposed, incident.grading.rule_id) == (
                proposal.grade,
                proposal.rule_id,
            )

    @invariant()
    def replay_gives_the_same_state(self) -> None:
        assert decider.fold(self.events, decider.INITIAL) == self.state


TestFigures = Figures.TestCase
TestFigures.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def history(wishes: Sequence[decider.Act]) -> list[decider.Event]:
    """Return what is stored when all of this is wished, one after the other."""
    harmed = replace(known.opened, casualties=Casualties(dead=2, trapped=2))
    events: list[decider.Event] = [harmed]
    for wish in [replace(figured.record, fact_id="a"), *wishes]:
        with suppress(Rejection):
            events += known.decide(wish, decider.fold(events, decider.INITIAL))
    return events


@cache
def _empty() -> Engine:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    METADATA.create_all(engine)
    return engine


@contextmanager
def rows_of(events: Sequence[decider.Event]) -> Iterator[Connection]:
    """Fold the events into rows that are gone afterwards."""
    with _empty().connect() as connection:
        for event in recorded(events):
            COMMAND.apply(connection, event)
        yield connection
        connection.rollback()


@settings(max_examples=60, deadline=None)
@given(st.lists(settling, min_size=4, max_size=14))
def test_the_rows_say_what_stands_as_decisions_see_it(wishes: list[decider.Act]) -> None:
    events = history(wishes)
    incident = of(decider.fold(events, decider.INITIAL))
    stands = {metric: fact.value for metric, fact in incident.facts.standing.items()}
    with rows_of(events) as connection:
        rows = {row.fact_id: row for row in connection.execute(select(FIGURES))}
        shown = standing(connection, "i1")
        by = {row.metric: row for row in connection.execute(select(STANDING))}
        row = connection.execute(select(INCIDENTS)).one()

    assert shown == stands
    assert {key for key, row in rows.items() if row.state == "live"} == set(
        incident.facts.known
    ) - set(incident.facts.ended)
    assert {key for key, row in rows.items() if row.declared_by} == incident.facts.authoritative
    for metric, fact in incident.facts.standing.items():
        assert msgspec.json.decode(by[metric].fact_ids) == [*(fact.parts or (fact.fact_id,))]
        assert by[metric].conflicting == facts.conflicting(incident.facts.live(metric))
    assert msgspec.json.decode(row.casualties, type=Casualties) == facts.casualties(stands)
    assert row.proposed_grade == incident.grading.proposed


def test_every_event_about_a_figure_is_a_step_in_its_lineage() -> None:
    told = replace(known.told, fact_ids={Metric.DEAD: ("f2",)})
    events: list[decider.Event] = [
        known.opened,
        figured.recorded,
        figured.declared,
        replace(figured.corrected, authority=figures.Authority.LAPSED),
        told,
    ]
    with rows_of(events) as connection:
        steps = [
            (row.fact_id, row.kind, row.reference)
            for row in connection.execute(select(STEPS).order_by(STEPS.c.position))
        ]
        stands = connection.execute(select(STANDING).where(STANDING.c.metric == Metric.DEAD)).one()

    assert steps == [
        ("r1.trapped", "recorded", "r1"),
        ("f1", "recorded", ""),
        ("f1", "declared", ""),
        ("f2", "corrected", "f1"),
        ("f2", "situation_report", "s1"),
    ]
    assert (stands.lapsed_fact_id, stands.lapsed_by) == ("f1", "commander.li")


def test_a_lapse_is_shown_until_the_same_is_declared_anew() -> None:
    lapsed = replace(figured.corrected, authority=figures.Authority.LAPSED)
    town = replace(figured.recorded, fact_id="t1", scope="431281102", value=1)
    base: list[decider.Event] = [known.opened, figured.recorded, figured.declared, lapsed, town]

    def shown(fact_id: str) -> str:
        again = replace(figured.declared, fact_id=fact_id)
        with rows_of([*base, again]) as connection:
            row = connection.execute(select(STANDING).where(STANDING.c.metric == Metric.DEAD)).one()
        return str(row.lapsed_fact_id)

    assert shown("t1") == "f1"
    assert shown("f2") == ""


def test_a_grade_is_a_step_of_every_figure_that_it_rests_on() -> None:
    events = history([known.grade])
    assert any(isinstance(event, grading.IncidentGraded) for event in events)
    with rows_of(events) as connection:
        kinds = connection.execute(
            select(STEPS.c.kind).where(STEPS.c.fact_id == "a").order_by(STEPS.c.position)
        ).scalars()

        assert list(kinds) == ["recorded", "grade_proposed", "graded"]


def test_a_report_figure_is_told_as_one() -> None:
    with rows_of([known.opened]) as connection:
        row = connection.execute(select(FIGURES)).one()

    assert (row.fact_id, row.source_kind, row.basis) == ("r1.trapped", SourceKind.REPORT, "r1")


def test_figures_go_with_a_report_that_leaves_and_come_back_with_it() -> None:
    harmed = Casualties(dead=4)
    attached = replace(known.attached, casualties=harmed)
    leaving = split.SplitBegun(
        incident_id="i1",
        adcode="431281102",
        new_incident_id="i2",
        title="托口滑坡",
        type_code="11D01",
        place=known.PLACE,
        reports=(split.Leaving(report_id="r2", casualties=harmed, reported_at=known.CALLED),),
        tasks={},
        assignments=(),
        reason="两处灾害",
        begun_by="duty.wang",
        occurred_at=known.NOW,
    )
    mended = replace(figured.corrected, corrects="r2.dead", previous_value=4, value=5)
    gone: list[decider.Event] = [known.opened, attached, mended, leaving]

    def shown(events: list[decider.Event]) -> tuple[dict[Metric, int], dict[str, str]]:
        with rows_of(events) as connection:
            states = {row.fact_id: row.state for row in connection.execute(select(FIGURES))}
            return standing(connection, "i1"), states

    assert shown(gone[:-1])[0] == {Metric.TRAPPED: 2, Metric.DEAD: 5}
    assert shown(gone) == (
        {Metric.TRAPPED: 2},
        {"r1.trapped": "live", "r2.dead": "left", "f2": "left"},
    )
    assert shown([*gone, attached])[0] == {Metric.TRAPPED: 2, Metric.DEAD: 4}
    for events in (gone, [*gone, attached]):
        stands = of(decider.fold(events, decider.INITIAL)).facts.standing
        assert shown(events)[0] == {metric: fact.value for metric, fact in stands.items()}


def test_figures_of_a_merged_incident_stand_beside_those_that_were_here() -> None:
    theirs = facts.said_by_report("r9", Casualties(trapped=7), known.NOW)
    absorbed = merge.IncidentAbsorbed(
        incident_id="i1",
        adcode="431281102",
        source_id="i2",
        reported_at=known.NOW,
        reports=("r9",),
        replaced=(),
        parent="",
        related=(),
        decisions=(),
        facts={"r9.trapped": theirs[0]},
        tasks={},
        objectives={},
        needs={},
        occurred_at=known.NOW,
    )
    with rows_of([known.opened, absorbed]) as connection:
        row = connection.execute(select(STANDING)).one()
        [step] = connection.execute(select(STEPS).where(STEPS.c.fact_id == "r9.trapped"))

    assert (row.value, row.conflicting) == (7, True)
    assert (step.kind, step.reference) == ("absorbed", "i2/r9.trapped")
