"""The law's clocks as versioned data: who owes what to whom, from which fact on, for how long."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import assert_never

from services.command.domain.grades import Grade
from services.command.domain.incident.facts import Metric
from services.command.domain.incident.series import Means, SituationReportKind

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
"""The law's days: no summer time since 1991."""
DAY = timedelta(days=1)
INSTANT = timedelta(milliseconds=1)
SATURDAY = 6


class Party(StrEnum):
    """Who owes a report."""

    ENTERPRISE = "enterprise"
    TOWNSHIP = "township"
    COUNTY = "county"
    PREFECTURE = "prefecture"
    PROVINCE = "province"


class Milestone(StrEnum):
    """What happens outside of this system and starts a clock, stops it or meets it."""

    OCCURRED = "occurred"  # 事发
    STABLE = "stable"  # 灾情稳定, 险情排除
    INVESTIGATED = "investigated"  # the government has the investigation's report
    INVESTIGATION_ANSWERED = "investigation_answered"  # 批复


class Start(StrEnum):
    """The fact that a clock runs from."""

    RECEIPT = "receipt"  # 接报: the first report was received
    OCCURRENCE = "occurrence"  # as stated, else the receipt
    STATED_OCCURRENCE = "stated_occurrence"  # no clock before somebody states it
    CONDITION = "condition"  # the rule's condition was known to hold
    CHANGE = "change"  # the figures are not those reported last
    STABLE = "stable"
    INVESTIGATED = "investigated"


class Unit(StrEnum):
    MINUTES = "minutes"
    DAYS = "days"  # to the end of the count-th day after
    WORKING_DAYS = "working_days"
    TIMES_A_DAY = "times_a_day"
    HOUR = "hour"  # data up to 24:00, by this hour of the morning


LONGEST = {
    Unit.MINUTES: 7 * 24 * 60,
    Unit.DAYS: 366,
    Unit.WORKING_DAYS: 250,
    Unit.TIMES_A_DAY: 24,
    Unit.HOUR: 24,
}


class EvidenceKind(StrEnum):
    """What meets a clock."""

    SITUATION_REPORT = "situation_report"  # as it was sent
    NOTICE = "notice"  # told outside of the series, such as 电话快报 or 通报
    REPORT = "report"  # one that this headquarters received
    FIGURE = "figure"  # said by who owes the report
    MILESTONE = "milestone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    unit: Unit
    count: int

    def __post_init__(self) -> None:
        least = 0 if self.unit is Unit.DAYS else 1
        if not least <= self.count <= LONGEST[self.unit]:
            raise ValueError(f"{self.count} {self.unit}: {least} to {LONGEST[self.unit]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """The sum of the ``metrics`` is at least a number."""

    metrics: tuple[Metric, ...]
    at_least: int

    def reached(self, figures: Mapping[Metric, int]) -> bool:
        return sum(figures.get(metric, 0) for metric in self.metrics) >= self.at_least


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Any one of: a ``grade`` at least, a threshold of ``figures``, an active ``response``.

    Never from the grade ``below`` on, where another rule of the same clock takes over.
    """

    grade: Grade | None = None
    below: Grade | None = None
    figures: tuple[Threshold, ...] = ()
    response: bool = False

    def graded(self, grade: Grade | None) -> bool:
        return self.grade is not None and grade is not None and grade.rank >= self.grade.rank

    def counted(self, figures: Mapping[Metric, int]) -> bool:
        return any(threshold.reached(figures) for threshold in self.figures)

    def holds(
        self, grade: Grade | None, figures: Mapping[Metric, int], *, responding: bool
    ) -> bool:
        if self.below is not None and grade is not None and grade.rank >= self.below.rank:
            return False
        return self.graded(grade) or self.counted(figures) or (self.response and responding)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What meets a clock: evidence of one of the kinds ``of``, and what it must be like.

    Empty ``reports`` are situation reports of any kind, empty ``means`` any means.  ``stating``
    are metrics of which a situation report must give the values that stand.
    """

    of: tuple[EvidenceKind, ...]
    reports: tuple[SituationReportKind, ...] = ()
    means: tuple[Means, ...] = ()
    milestone: Milestone | None = None
    stating: tuple[Metric, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One statutory clock for the types with these prefixes.

    Rules of one ``clock`` are one duty: whichever gives the earliest time governs it.
    ``provenance`` says how far the text was checked against the ``law`` that it comes from.
    """

    rule: str
    clock: str
    name: str
    types: tuple[str, ...]
    owed_by: Party
    recipient: str
    starts: Start
    period: Period
    met_by: Proof
    law: str
    provenance: str
    except_types: tuple[str, ...] = ()
    when: Condition | None = None
    within_days: int = 0
    recurs: bool = False
    until_stable: bool = False

    def concerns(self, type_code: str) -> bool:
        return type_code.startswith(self.types) and not type_code.startswith(
            self.except_types or ("-",)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """``pattern`` is the whole of what people write when they mean it."""

    name: str
    pattern: str

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as wrong:
            raise ValueError(f"{self.name}: {self.pattern}: {wrong}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When a clock runs: evidence counts from ``opens_at`` on, before ``closes_at`` if any."""

    opens_at: datetime
    due_at: datetime
    closes_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statutes:
    """``keeps`` says whose clocks this headquarters watches.

    ``holidays`` are working days of the week that are free, ``workdays`` the weekend's that are
    worked instead (调休).  ``accounted`` names the metrics of a situation report that must together
    account for what a source says of a metric: a missing person may be reported dead.
    """

    version: str = ""
    source: str = ""
    keeps: tuple[Party, ...] = ()
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()
    recipients: Mapping[str, Recipient] = field(default_factory=dict)
    accounted: Mapping[Metric, tuple[Metric, ...]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for rule in self.rules:
            if rule.rule in seen:
                raise ValueError(f"two rules {rule.rule}")
            if rule.recipient not in self.recipients:
                raise ValueError(f"{rule.rule}: no recipient {rule.recipient}")
            if rule.period.unit is Unit.TIMES_A_DAY and not rule.recurs:
                raise ValueError(f"{rule.rule}: so many times a day, yet it does not recur")
            seen.add(rule.rule)

    def clocks(self, type_code: str) -> dict[str, list[Rule]]:
        """Return the rules for a type that this headquarters keeps, by clock."""
        found: dict[str, list[Rule]] = {}
        for rule in self.rules:
            if rule.owed_by in self.keeps and rule.concerns(type_code):
                found.setdefault(rule.clock, []).append(rule)
        return found

    def is_recipient(self, recipient: str, said: str) -> bool:
        """Whether ``said``, an id or what somebody wrote, means the recipient."""
        known = self.recipients.get(recipient)
        return said == recipient or (
            known is not None and re.fullmatch(known.pattern, said.strip()) is not None
        )

    def window(self, rule: Rule, start: datetime) -> Window:
        """Return when a clock that starts at ``start`` runs.

        A day counts from the day after and ends at 24:00 (民法典 第二百零一条, 第二百零三条).
        """
        day, count = start.astimezone(CHINA).date(), rule.period.count
        match rule.period.unit:
            case Unit.MINUTES:
                due, opens = start + timedelta(minutes=count), start
            case Unit.DAYS:
                due, opens = _midnight(day + (count + 1) * DAY), start
            case Unit.WORKING_DAYS:
                due, opens = _midnight(self._working_day(day, count) + DAY), start
            case Unit.TIMES_A_DAY:
                slot = DAY / count
                opens = _midnight(day) + ((start - _midnight(day)) // slot + 1) * slot
                due = opens + slot
            case Unit.HOUR:
                opens = _midnight(day + DAY)
                due = opens + timedelta(hours=count)
            case _:
                assert_never(rule.period.unit)
        if not rule.recurs:
            return Window(opens_at=opens, due_at=due)
        follows = opens + DAY if rule.period.unit is Unit.HOUR else due
        return Window(opens_at=opens, due_at=due, closes_at=follows)

    def following(self, rule: Rule, due_at: datetime) -> Window:
        """Return the window after the one that was due, in the same rhythm."""
        return self.window(rule, due_at - INSTANT)

    def is_working_day(self, day: date) -> bool:
        in_the_week = day.isoweekday() < SATURDAY
        return day in self.workdays or (in_the_week and day not in self.holidays)

    def _working_day(self, day: date, count: int) -> date:
        while count:
            day += DAY
            count -= self.is_working_day(day)
        return day


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=CHINA).astimezone(UTC)
