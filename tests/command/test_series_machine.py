"""Any order of figures, reports, sendings and receipts: the series stays what the law wants."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.command.domain.incident import decider, figures, lifecycle, series
from services.command.domain.incident.facts import Metric, SourceKind
from services.command.domain.incident.series import SituationReportKind
from services.runtime.rejection import AlreadyExists, Rejection
from tests.command import incidents as known

TABLE = known.RULES.situation_reports
METRICS = [Metric.DEAD, Metric.MISSING, Metric.TRAPPED, Metric.PEOPLE_MOVED]
REPORTS, SENDINGS = ["s1", "s2", "s3", "s4", "s5"], ["a", "b"]
FACTS = ["f1", "f2", "f3", "f4"]

metrics = st.sampled_from(METRICS)
minutes = st.integers(-90, 90).map(lambda minute: known.NOW + timedelta(minutes=minute))
words = st.sampled_from(["", " ", "说明"])
contents = st.dictionaries(
    st.sampled_from(["time_place_extent", "course", "measures", "affected"]), words
)
whole = st.just({"time_place_extent": "稔禾村", "course": "滑坡", "measures": "搜救"})
explained = st.one_of(
    st.just(dict.fromkeys(METRICS, "核实后更正")), st.dictionaries(metrics, words)
)
submissions = st.builds(
    replace,
    st.just(known.tell),
    situation_report_id=st.sampled_from(REPORTS),
    kind=st.sampled_from(SituationReportKind),
    contents=st.one_of(whole, contents),
    claimed=st.one_of(st.just({}), st.dictionaries(metrics, st.integers(1, 4), max_size=1)),
    explanations=explained,
    zero_report=st.booleans(),
    corrects=st.sampled_from(["", "", *REPORTS]),
    occurred_at=minutes,
)
kinds = [*[SituationReportKind.FOLLOW_UP] * 7, SituationReportKind.FINAL]
acceptable = st.builds(
    replace,
    submissions,
    kind=st.sampled_from(kinds),
    contents=whole,
    claimed=st.just({}),
    explanations=st.sampled_from([{}, dict.fromkeys(METRICS, "核实后更正")]),
    zero_report=st.booleans(),
)


def figure(
    metric: Metric, value: int, fact_id: str, at: datetime, scope: str = ""
) -> figures.RecordFigure:
    return figures.RecordFigure(
        by=known.LI,
        incident_id="i1",
        fact_id=fact_id,
        metric=metric,
        value=value,
        source_kind=SourceKind.SCENE,
        source="现场",
        scope=scope,
        note="",
        basis="",
        occurred_at=at,
    )


spoken = st.builds(
    figure,
    metrics,
    st.sampled_from([0, 1, 2, 3, 7, 600]),
    st.sampled_from(FACTS),
    minutes,
    st.sampled_from(["", "431281102"]),
)
withdrawn = st.builds(
    figures.WithdrawFigure,
    by=st.just(known.LI),
    incident_id=st.just("i1"),
    fact_id=st.sampled_from([*FACTS, "r1.trapped"]),
    reason=st.just("误报"),
    occurred_at=minutes,
)
sent = st.builds(
    replace,
    st.just(known.send),
    situation_report_id=st.sampled_from(REPORTS),
    sending_id=st.sampled_from(SENDINGS),
    means=st.sampled_from(series.Means),
    occurred_at=minutes,
)
received = st.builds(
    replace,
    st.just(known.receive),
    situation_report_id=st.sampled_from(REPORTS),
    sending_id=st.sampled_from(SENDINGS),
    occurred_at=minutes,
)


class SituationReports(RuleBasedStateMachine):
    """Plays the store: a wish decided on an old state is decided again on the newest."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[decider.State] = [decider.INITIAL]
        self.events: list[decider.Event] = []
        self.wishes: list[decider.Command] = []
        self.told: list[series.SituationReportSubmitted] = []
        self.sent: list[series.SituationReportSent] = []

    def ask(self, command: decider.Command) -> None:
        self.wishes.append(command)
        try:
            events = known.decide(command, self.states[-1])
        except Rejection:
            return
        for event in events:
            self.check(event, self.states[-1])
            self.events.append(event)
            self.states.append(decider.evolve(self.states[-1], event))
        if events and isinstance(command, series.Command):
            self.check_done(command)
        if events and isinstance(command, series.SubmitSituationReport):
            assert command.claimed.items() <= self.told[-1].figures.items()

    def check_done(self, command: series.Command) -> None:
        """Check that the same wish is not obeyed a second time."""
        with suppress(AlreadyExists):
            assert known.decide(command, self.states[-1]) == []

    def check(self, event: decider.Event, before: decider.State) -> None:
        if isinstance(event, series.Event):
            assert isinstance(before, decider.Open)
            match event:
                case series.SituationReportSubmitted():
                    self.check_place(event)
                    self.check_figures(event, before)
                    self.told.append(event)
                case series.SituationReportSent():
                    assert event.number <= len(self.told)
                    assert self.told[event.number - 1].kind is event.kind
                    self.sent.append(event)
                case series.SituationReportAcknowledged():
                    self.check_receipt(event)

    def check_place(self, event: series.SituationReportSubmitted) -> None:
        """Numbers are contiguous, one initial comes first, nothing follows a final one."""
        assert event.number == len(self.told) + 1
        assert (event.kind is SituationReportKind.INITIAL) == (event.number == 1)
        if self.told and self.told[-1].kind is SituationReportKind.FINAL:
            last = self.events.index(self.told[-1])
            assert any(isinstance(e, lifecycle.IncidentReopened) for e in self.events[last:])
        if event.zero_report or event.corrects:
            assert event.kind is SituationReportKind.FOLLOW_UP
        assert event.corrects in {"", *(earlier.situation_report_id for earlier in self.told)}

    def check_figures(self, event: series.SituationReportSubmitted, before: decider.Open) -> None:
        """Every figure stands at that instant, and no large change goes unexplained."""
        standing = before.facts.standing
        assert event.figures == {metric: fact.value for metric, fact in standing.items()}
        assert set(event.fact_ids) == set(standing)
        assert all(
            fact_id in before.facts.known for ids in event.fact_ids.values() for fact_id in ids
        )
        assert all(text.strip() for text in event.contents.values())
        assert event.contents["course"]
        if not event.zero_report:
            assert {"affected", "measures"} <= set(event.contents)
        if not self.told:
            return
        for metric in Metric:
            was, now = self.told[-1].figures.get(metric, 0), event.figures.get(metric, 0)
            if event.zero_report:
                assert was == now
            count = TABLE.counts[metric]
            large = count.rise if now > was else count.drop
            fewer, more = sorted((was, now))
            if more - fewer >= large.by and more >= fewer * large.times:
                assert event.explanations[metric].strip()

    def check_receipt(self, event: series.SituationReportAcknowledged) -> None:
        about = (event.situation_report_id, event.sending_id)
        [sending] = [
            e
            for e in self.events
            if isinstance(e, series.SituationReportSent)
            and (e.situation_report_id, e.sending_id) == about
        ]
        assert event.occurred_at >= sending.sent_at
        assert not any(
            isinstance(e, series.SituationReportAcknowledged)
            and (e.situation_report_id, e.sending_id) == about
            for e in self.events
        )

    @initialize()
    def open(self) -> None:
        self.ask(known.open_)

    @rule(wish=submissions)
    def submit(self, wish: series.SubmitSituationReport) -> None:
        self.ask(wish)

    @rule(wish=acceptable)
    def submit_what_is_next(self, wish: series.SubmitSituationReport) -> None:
        """Ask for what the series takes, so that it grows however the rest is drawn."""
        number = len(self.told)
        kind = wish.kind if number else SituationReportKind.INITIAL
        plain = kind is not SituationReportKind.FOLLOW_UP
        self.ask(
            replace(
                wish,
                situation_report_id=f"n{number}",
                kind=kind,
                zero_report=wish.zero_report and not plain,
                corrects="n0" if wish.corrects and not plain else "",
            )
        )

    @rule(wish=st.one_of(spoken, withdrawn))
    def say(self, wish: figures.Command) -> None:
        self.ask(wish)

    @rule(metric=metrics, value=st.sampled_from([0, 1, 2, 3, 7, 600]))
    def say_what_nobody_said(self, metric: Metric, value: int) -> None:
        """Let a figure change for certain: the newest that is said stands."""
        at = known.NOW + timedelta(days=len(self.events))
        fact_id = f"g{len(self.events)}"
        self.ask(figure(metric, value, fact_id, at))

    @rule(wish=st.one_of(sent, received))
    def send(self, wish: series.Command) -> None:
        self.ask(wish)

    @precondition(lambda self: self.told)
    @rule(wish=sent, data=st.data())
    def send_what_was_submitted(self, wish: series.RecordSending, data: st.DataObject) -> None:
        report = data.draw(st.sampled_from(self.told))
        self.ask(replace(wish, situation_report_id=report.situation_report_id))

    @precondition(lambda self: self.sent)
    @rule(wish=received, data=st.data())
    def receive_what_was_sent(
        self, wish: series.AcknowledgeSituationReport, data: st.DataObject
    ) -> None:
        sending = data.draw(st.sampled_from(self.sent))
        self.ask(
            replace(
                wish,
                situation_report_id=sending.situation_report_id,
                sending_id=sending.sending_id,
            )
        )

    @rule()
    def grade(self) -> None:
        self.ask(known.grade)

    @precondition(lambda self: self.told)
    @rule()
    def close(self) -> None:
        self.ask(known.close)

    @precondition(lambda self: isinstance(self.states[-1], decider.Closed))
    @rule()
    def reopen(self) -> None:
        self.ask(known.reopen)

    @precondition(lambda self: self.wishes)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.ask(data.draw(st.sampled_from(self.wishes)))

    @rule(data=st.data(), wish=submissions)
    def decide_on_an_old_state(
        self, data: st.DataObject, wish: series.SubmitSituationReport
    ) -> None:
        with suppress(Rejection):
            known.decide(wish, data.draw(st.sampled_from(self.states)))
        self.ask(wish)

    @rule(data=st.data())
    def reorder_history(self, data: st.DataObject) -> None:
        decider.fold(data.draw(st.permutations(self.events)), decider.INITIAL)

    @invariant()
    def replay_gives_the_same_state(self) -> None:
        assert decider.fold(self.events, decider.INITIAL) == self.states[-1]


TestSituationReports = SituationReports.TestCase
TestSituationReports.settings = settings(max_examples=60, stateful_step_count=45, deadline=None)
