"""What the law wants of an incident as it now stands, beside what its clocks say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import assert_never

from services.command.domain.incident.deadline_rules import missed
from services.command.domain.incident.deadlines import (
    Deadline,
    DeadlineLifted,
    DeadlineMet,
    DeadlineRebased,
    Deadlines,
    DeadlineStarted,
    Event,
    Evidence,
    Why,
    evolve,
    settle,
)
from services.command.domain.incident.starts import Case, Grounds, News
from services.command.domain.incident.statutes import (
    EvidenceKind,
    Rule,
    Start,
    Statutes,
    Window,
)

NEVER = datetime.max.replace(tzinfo=UTC)
NEW_PERIOD = {Start.STABLE, Start.CHANGE}
"""What can start a clock anew after it was met; everything else happens once."""


def follow(statutes: Statutes, case: Case, deadlines: Deadlines, news: News) -> list[Event]:
    """Start, re-base, meet, miss and lift whatever the news make of the clocks.

    A clock goes on to one new period at a time: the alarm brings it up to date.
    """
    watch = _Watch(statutes, case, deadlines, news)
    for clock, rules in statutes.clocks(case.type_code).items():
        watch.keep(clock, rules)
    return watch.events


def closing(statutes: Statutes, case: Case, deadlines: Deadlines, at: datetime) -> list[Event]:
    """Return what becomes of the clocks when the incident is closed.

    Series of reports end; what is owed already stays owed and rings on.
    """
    settled = settle(deadlines, at)
    return follow(statutes, case, settled, News(at=at, closing=True))


def lift(case: Case, deadlines: Deadlines, why: Why, at: datetime) -> list[Event]:
    """Return the lifting of all that is still owed."""
    return [_lifted(case, one, why, at) for one in deadlines if one.owed]


class _Watch:
    """The clocks of one incident while one thing after another becomes of them."""

    def __init__(self, statutes: Statutes, case: Case, deadlines: Deadlines, news: News) -> None:
        self.events: list[Event] = []
        self._statutes = statutes
        self._case = case
        self._deadlines = deadlines
        self._news = news
        self._grounds = Grounds(statutes, case, news)
        self._evidence = defaultdict[EvidenceKind, list[tuple[int, Evidence]]](list)
        for number, one in enumerate(deadlines.evidence):
            self._evidence[one.kind].append((number, one))

    def keep(self, clock: str, rules: Sequence[Rule]) -> None:
        by_id = {rule.rule: rule for rule in rules}
        last = self._deadlines.last(clock)
        wanted = self._wanted(rules, last)
        if wanted is not None:
            self._set(clock, *wanted)
        for period in self._deadlines.clocks.get(clock, ()):
            if period.owed and (rule := by_id.get(period.rule)) is not None:
                self._meet(period, rule)
        for period in self._deadlines.clocks.get(clock, ()):
            if period.running and period.due_at <= self._news.at:
                self._add(missed(period, self._case.incident_id, self._case.adcode))
        if wanted is None:
            self._lift(clock, rules)
        else:
            self._go_on(clock, wanted[0])

    def _wanted(self, rules: Sequence[Rule], last: Deadline | None) -> tuple[Rule, Window] | None:
        """Return the rule that governs now, with its window; None where nothing is owed."""
        windows = [
            (rule, self._statutes.window(rule, start))
            for rule in rules
            if (start := self._grounds.start(rule, last, self._deadlines)) is not None
        ]
        windows += [
            (rule, Window(opens_at=one.started_at, due_at=one.due_at, closes_at=one.closes_at))
            for one in self._news.brought
            for rule in rules
            if one.rule == rule.rule
        ]
        return min(windows, key=lambda one: one[1].due_at, default=None)

    def _set(self, clock: str, rule: Rule, window: Window) -> None:
        """Start the clock that is owed and does not run, or move it back."""
        last = self._deadlines.last(clock)
        if last is None or last.lifted_at is not None:
            self._begin(rule, window, 1 if last is None else last.number + 1)
        elif last.met_at is not None:
            if rule.starts in NEW_PERIOD and (
                rule.starts is Start.CHANGE or window.opens_at > last.met_at
            ):
                self._begin(rule, window, last.number + 1)
            elif not rule.recurs and not last.missed and window.due_at < last.met_at:
                self._rebase(last, rule, window)
                moved = self._deadlines.last(clock)
                assert moved is not None
                self._add(missed(moved, self._case.incident_id, self._case.adcode))
        elif (
            not last.missed
            and window.due_at < last.due_at
            and (not rule.recurs or last.number == 1 or rule.rule != last.rule)
        ):
            self._rebase(last, rule, window)

    def _begin(self, rule: Rule, window: Window, number: int) -> None:
        self._add(
            DeadlineStarted(
                incident_id=self._case.incident_id,
                adcode=self._case.adcode,
                deadline_id=f"{rule.clock}-{number}",
                clock=rule.clock,
                number=number,
                name=rule.name,
                rule=rule.rule,
                rules_version=self._statutes.version,
                law=rule.law,
                owed_by=rule.owed_by,
                recipient=rule.recipient,
                recipient_name=self._statutes.recipients[rule.recipient].name,
                started_at=window.opens_at,
                due_at=window.due_at,
                closes_at=window.closes_at,
                occurred_at=self._news.at,
            )
        )

    def _rebase(self, last: Deadline, rule: Rule, window: Window) -> None:
        self._add(
            DeadlineRebased(
                incident_id=self._case.incident_id,
                adcode=self._case.adcode,
                deadline_id=last.deadline_id,
                name=rule.name,
                rule=rule.rule,
                rules_version=self._statutes.version,
                law=rule.law,
                previous_rule=last.rule,
                previous_started_at=last.started_at,
                previous_due_at=last.due_at,
                started_at=window.opens_at,
                due_at=window.due_at,
                closes_at=window.closes_at,
                percent=last.rung,
                why=Why.EARLIER_START if rule.rule == last.rule else Why.GRADE,
                occurred_at=self._news.at,
            )
        )

    def _meet(self, period: Deadline, rule: Rule) -> None:
        """Meet a clock by the earliest evidence; one that comes too late is missed first."""
        proofs = (
            (one.at, number, one)
            for kind in rule.met_by.of
            for number, one in self._evidence[kind]
            if self._proves(one, period, rule)
        )
        earliest = min(proofs, default=None)
        if earliest is None:
            return
        found = earliest[-1]
        late = found.at > period.due_at
        if late and not period.missed:
            self._add(missed(period, self._case.incident_id, self._case.adcode))
        self._add(
            DeadlineMet(
                incident_id=self._case.incident_id,
                adcode=self._case.adcode,
                deadline_id=period.deadline_id,
                name=period.name,
                recipient_name=period.recipient_name,
                kind=found.kind,
                evidence=found.reference,
                number=found.number,
                means=found.means,
                late=late,
                occurred_at=found.at,
            )
        )

    def _proves(self, one: Evidence, period: Deadline, rule: Rule) -> bool:
        proof = rule.met_by
        if one.kind is EvidenceKind.REPORT:
            return True
        if one.at < period.started_at or one.at >= (period.closes_at or NEVER):
            return False
        match one.kind:
            case EvidenceKind.MILESTONE:
                return one.milestone is proof.milestone
            case EvidenceKind.FIGURE:
                return one.by == rule.owed_by
            case EvidenceKind.NOTICE:
                return one.by == rule.owed_by and self._reached(one, rule)
            case EvidenceKind.SITUATION_REPORT:
                kinds = not proof.reports or one.report in proof.reports
                stated = all(
                    one.figures.get(metric, 0) == self._case.figures.get(metric, 0)
                    for metric in proof.stating
                )
                return kinds and stated and self._reached(one, rule)
            case _:
                assert_never(one.kind)

    def _reached(self, one: Evidence, rule: Rule) -> bool:
        means = not rule.met_by.means or one.means in rule.met_by.means
        return means and self._statutes.is_recipient(rule.recipient, one.recipient)

    def _lift(self, clock: str, rules: Sequence[Rule]) -> None:
        """Let go of what is not owed any more; what was missed stays missed.

        A miss stays owed, unless it was one of a series that has ended.
        """
        series = any(rule.recurs for rule in rules)
        for period in self._deadlines.clocks.get(clock, ()):
            if period.running or (period.owed and series):
                self._add(_lifted(self._case, period, self._why(rules), self._news.at))

    def _why(self, rules: Sequence[Rule]) -> Why:
        stable = self._deadlines.stable_at is not None
        if stable and any(rule.until_stable for rule in rules):
            return Why.CLOSED if self._news.closing else Why.STABLE
        if not stable and any(rule.starts is Start.STABLE for rule in rules):
            return Why.RESUMED
        return Why.NOT_OWED

    def _go_on(self, clock: str, rule: Rule) -> None:
        """Begin the next period of a series, and let go of those that nothing can meet any more."""
        last = self._deadlines.last(clock)
        if rule.recurs and last is not None and last.ended and last.lifted_at is None:
            window = self._statutes.following(rule, last.due_at)
            self._begin(rule, window, last.number + 1)
        for period in self._deadlines.clocks.get(clock, ())[:-1]:
            if period.owed and (period.closes_at or NEVER) <= self._news.at:
                self._add(_lifted(self._case, period, Why.NEXT_DUE, self._news.at))

    def _add(self, event: Event) -> None:
        self.events.append(event)
        self._deadlines = evolve(self._deadlines, event)


def _lifted(case: Case, period: Deadline, why: Why, at: datetime) -> DeadlineLifted:
    return DeadlineLifted(
        incident_id=case.incident_id,
        adcode=case.adcode,
        deadline_id=period.deadline_id,
        name=period.name,
        why=why,
        occurred_at=at,
    )
