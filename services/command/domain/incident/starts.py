"""From when on a rule of the law binds an incident."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from services.command.domain.grades import Grade
from services.command.domain.incident import (
    deadlines,
    figures,
    grading,
    lifecycle,
    merge,
    response,
    series,
    split,
)
from services.command.domain.incident.deadlines import Deadline, Deadlines
from services.command.domain.incident.facts import Fact, Facts, Metric
from services.command.domain.incident.statutes import (
    Condition,
    EvidenceKind,
    Milestone,
    Rule,
    Start,
    Statutes,
)

OF_INTEREST = (
    lifecycle.Event
    | figures.Event
    | grading.GradeProposed
    | grading.IncidentGraded
    | response.Event
    | series.Event
    | merge.IncidentAbsorbed
    | merge.MergeAbandoned
    | split.Event
    | deadlines.Event
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the clocks of an incident hang on, besides what was received and sent.

    ``figures`` are the values of the facts ``standing``.  ``grade`` is the one in force, confirmed
    or proposed since; ``reaches`` tells the one that figures reach.
    """

    incident_id: str
    adcode: str
    type_code: str
    facts: Facts
    standing: Mapping[Metric, Fact]
    figures: Mapping[Metric, int]
    grade: Grade | None
    responding: bool
    reaches: Callable[[Mapping[Metric, int]], Grade | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What just happened: ``at`` its latest instant, ``said_at`` that of its earliest figure.

    ``graded_at`` is when a grade that was just given or proposed was reached, ``brought`` the
    clocks of an incident that was just merged into this one.
    """

    at: datetime
    said_at: datetime | None = None
    graded_at: datetime | None = None
    brought: tuple[Deadline, ...] = ()
    closing: bool = False


def news(events: Iterable[object], brought: tuple[Deadline, ...] = ()) -> News | None:
    """Return what events tell the clocks; None when nothing that they hang on has happened."""
    at, said, graded = list[datetime](), list[datetime](), list[datetime]()
    for event in events:
        match event:
            case lifecycle.IncidentOpened() | lifecycle.ReportAttached():
                said.append(event.reported_at)
            case figures.FigureRecorded() | figures.FigureCorrected():
                said.append(event.occurred_at)
            case grading.GradeProposed() | grading.IncidentGraded():
                graded.append(event.reached_at)
            case _ if not isinstance(event, OF_INTEREST):
                continue
        at.append(event.occurred_at)
    if not at:
        return None
    return News(
        at=max(at),
        said_at=min(said, default=None),
        graded_at=min(graded, default=None),
        brought=brought,
    )


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a rule's start is looked for in."""

    statutes: Statutes
    case: Case
    news: News

    def start(self, rule: Rule, last: Deadline | None, known: Deadlines) -> datetime | None:
        """Return from when the rule binds; None while it does not.

        ``last`` is the last period of its clock.
        """
        if rule.until_stable and known.stable_at is not None:
            return None
        if rule.when is not None and not rule.when.holds(
            self.case.grade, self.case.figures, responding=self.case.responding
        ):
            return None
        start = self._fact(rule, last, known)
        if start is None:
            return None
        if rule.recurs and last is not None and last.lifted_at is not None:
            start = max(start, last.lifted_at)
        return start

    def _fact(self, rule: Rule, last: Deadline | None, known: Deadlines) -> datetime | None:
        match rule.starts:
            case Start.RECEIPT:
                return known.received_at
            case Start.OCCURRENCE:
                return known.milestones.get(Milestone.OCCURRED, known.received_at)
            case Start.STATED_OCCURRENCE:
                return known.milestones.get(Milestone.OCCURRED)
            case Start.CONDITION:
                when = rule.when
                return known.received_at if when is None else self._known_at(rule, when, last)
            case Start.CHANGE:
                return self._changed_at(rule, known)
            case Start.STABLE:
                return known.stable_at
            case Start.INVESTIGATED:
                return known.milestones.get(Milestone.INVESTIGATED)
            case _:
                assert_never(rule.starts)

    def _known_at(self, rule: Rule, when: Condition, last: Deadline | None) -> datetime:
        """Return since when it was known that the condition holds.

        Searched only where the news may have changed the answer.
        """
        said_at = self.news.said_at
        if last is None or last.rule != rule.rule or last.lifted_at is not None:
            return self._counted_at(when) or self.news.graded_at or self.news.at
        if said_at is None or self.statutes.window(rule, said_at).due_at >= last.due_at:
            return last.started_at
        return min(self._counted_at(when) or last.started_at, last.started_at)

    def _counted_at(self, when: Condition) -> datetime | None:
        """Return when the figures that now reach a condition had first been said to reach it."""
        if not self._counts(when, self.case.figures):
            return None
        over_time = self.case.facts.over_time()
        return next((at for at, counted in over_time if self._counts(when, counted)), None)

    def _counts(self, when: Condition, counted: Mapping[Metric, int]) -> bool:
        return when.counted(counted) or when.graded(self.case.reaches(counted))

    def _changed_at(self, rule: Rule, known: Deadlines) -> datetime | None:
        """Return since when the figures are not those that the recipient has been told."""
        sent = [
            one
            for one in known.evidence
            if one.kind is EvidenceKind.SITUATION_REPORT
            and one.reference in known.reported  # and not of the incident that it was split off
            and self.statutes.is_recipient(rule.recipient, one.recipient)
        ]
        occurred = known.milestones.get(Milestone.OCCURRED, known.received_at)
        if not sent or occurred is None:
            return None
        last = max(sent, key=lambda one: one.number)
        start = min(
            (
                fact.occurred_at
                for metric in rule.met_by.stating
                if (fact := self.case.standing.get(metric)) is not None
                and fact.value != last.figures.get(metric, 0)
            ),
            default=None,
        )
        last_day = occurred + timedelta(days=rule.within_days)
        return start if start is not None and start <= last_day else None
