"""法定时限: statutory clocks, started by facts, met with evidence or missed for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.command.domain.incident.facts import Metric
from services.command.domain.incident.series import Means, SituationReportKind
from services.command.domain.incident.statutes import EvidenceKind, Milestone, Party
from services.runtime.actor import Actor

WARNINGS, EXPIRY = (50, 80), 100
MARKS = (*WARNINGS, EXPIRY)
"""Hundredths of a period at which a clock rings."""


class Why(StrEnum):
    """Why a clock was re-based or lifted."""

    EARLIER_START = "earlier_start"  # what starts it was known earlier than was thought
    GRADE = "grade"  # another rule governs at this grade
    NOT_OWED = "not_owed"  # grade or figures no longer reach the rule
    STABLE = "stable"
    CLOSED = "closed"
    RESUMED = "resumed"  # it was not stable after all
    MERGED = "merged"  # whoever replaces the incident owes it
    NEXT_DUE = "next_due"  # the next report of the series came due


@dataclass(frozen=True, slots=True, kw_only=True)
class RingDeadline:
    """Sent by the clock itself; ``occurred_at`` is the instant of the mark at ``percent``."""

    by: Actor
    incident_id: str
    deadline_id: str
    percent: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMilestone:
    """``reference`` is the document that says so, if there is one."""

    by: Actor
    incident_id: str
    milestone: Milestone
    reference: str
    note: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordNotice:
    """Somebody told an authority outside of the series of situation reports."""

    by: Actor
    incident_id: str
    notice_id: str
    party: Party
    recipient: str
    means: Means
    text: str
    occurred_at: datetime


Command = RingDeadline | RecordMilestone | RecordNotice


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneRecorded:
    incident_id: str
    adcode: str
    milestone: Milestone
    reference: str
    note: str
    recorded_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRecorded:
    incident_id: str
    adcode: str
    notice_id: str
    party: Party
    recipient: str
    means: Means
    text: str
    recorded_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineStarted:
    """``number`` counts the clock's periods from 1; evidence counts before ``closes_at`` only."""

    incident_id: str
    adcode: str
    deadline_id: str
    clock: str
    number: int
    name: str
    rule: str
    rules_version: str
    law: str
    owed_by: Party
    recipient: str
    recipient_name: str
    started_at: datetime
    due_at: datetime
    closes_at: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineRebased:
    """The law sets an earlier time than was thought; it never sets a later one.

    ``percent`` is the last mark that the clock has rung.
    """

    incident_id: str
    adcode: str
    deadline_id: str
    name: str
    rule: str
    rules_version: str
    law: str
    previous_rule: str
    previous_started_at: datetime
    previous_due_at: datetime
    started_at: datetime
    due_at: datetime
    closes_at: datetime | None
    percent: int
    why: Why
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineWarned:
    incident_id: str
    adcode: str
    deadline_id: str
    name: str
    owed_by: Party
    recipient_name: str
    percent: int
    started_at: datetime
    due_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineMissed:
    """漏报 until a report comes, which makes it 迟报; the miss stays for ever."""

    incident_id: str
    adcode: str
    deadline_id: str
    name: str
    owed_by: Party
    recipient_name: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineMet:
    """``evidence`` is an id of its ``kind``; ``late`` where it says itself that it came too late.

    ``occurred_at`` is when the evidence says that it happened.
    """

    incident_id: str
    adcode: str
    deadline_id: str
    name: str
    recipient_name: str
    kind: EvidenceKind
    evidence: str
    number: int
    means: str
    late: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineLifted:
    """No longer owed, or no longer to be made good where it was missed."""

    incident_id: str
    adcode: str
    deadline_id: str
    name: str
    why: Why
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcealmentSuspected:
    """瞒报: a fact known before a situation report says more than the report accounts for.

    Raised once for each fact.
    """

    incident_id: str
    adcode: str
    situation_report_id: str
    number: int
    recipient: str
    metric: Metric
    fact_id: str
    source: str
    known_value: int
    known_at: datetime
    reported_value: int
    occurred_at: datetime


Event = (
    MilestoneRecorded
    | NoticeRecorded
    | DeadlineStarted
    | DeadlineRebased
    | DeadlineWarned
    | DeadlineMissed
    | DeadlineMet
    | DeadlineLifted
    | ConcealmentSuspected
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What may meet a clock: who told whom what, and when it was said to be."""

    kind: EvidenceKind
    reference: str
    at: datetime
    by: str = ""
    recipient: str = ""
    means: str = ""
    number: int = 0
    report: SituationReportKind | None = None
    milestone: Milestone | None = None
    figures: Mapping[Metric, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mark:
    percent: int
    at: datetime


def next_mark(started_at: datetime, due_at: datetime, rung: int) -> Mark:
    """Return the mark after the one that was rung last."""
    percent = next(mark for mark in MARKS if mark > rung)
    return Mark(percent, started_at + (due_at - started_at) * percent // 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """One period of one clock.  ``rung`` is the last mark that it rang, 0 for none yet.

    ``handed_over`` to the incident that replaces this one.
    """

    deadline_id: str
    clock: str
    number: int
    name: str
    rule: str
    owed_by: Party
    recipient_name: str
    started_at: datetime
    due_at: datetime
    closes_at: datetime | None
    rung: int = 0
    missed: bool = False
    met_at: datetime | None = None
    lifted_at: datetime | None = None
    handed_over: bool = False

    @property
    def owed(self) -> bool:
        """Whether a report is still wanted, in time or late."""
        return self.met_at is None and self.lifted_at is None

    @property
    def running(self) -> bool:
        return self.owed and not self.missed

    @property
    def ended(self) -> bool:
        """Whether the series may go on to the next period."""
        return self.met_at is not None or self.missed

    @property
    def next_mark(self) -> Mark:
        return next_mark(self.started_at, self.due_at, self.rung)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """``clocks`` hold their periods that are not done with, and always the last one.

    ``reported`` are the figures of each situation report, ``suspected`` the facts that one seems to
    keep back.  ``evidence`` is also what was told of the incident as part of another, which it was
    split off: its clocks start with its own reports, and nobody gains time by splitting.
    """

    received_at: datetime | None = None
    stable_at: datetime | None = None
    milestones: Mapping[Milestone, datetime] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    reported: Mapping[str, Mapping[Metric, int]] = field(default_factory=dict)
    suspected: frozenset[str] = frozenset()
    clocks: Mapping[str, tuple[Deadline, ...]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Deadline]:
        for periods in self.clocks.values():
            yield from periods

    def get(self, deadline_id: str) -> Deadline | None:
        periods = self.clocks.get(deadline_id.rpartition("-")[0], ())
        return next((one for one in periods if one.deadline_id == deadline_id), None)

    def last(self, clock: str) -> Deadline | None:
        periods = self.clocks.get(clock, ())
        return periods[-1] if periods else None


def evolve(deadlines: Deadlines, event: Event) -> Deadlines:
    match event:
        case MilestoneRecorded():
            return _pass(deadlines, event)
        case NoticeRecorded():
            return take(deadlines, told(event))
        case DeadlineStarted():
            return _start(deadlines, event)
        case DeadlineRebased():
            return _change(
                deadlines,
                event.deadline_id,
                rule=event.rule,
                started_at=event.started_at,
                due_at=event.due_at,
                closes_at=event.closes_at,
            )
        case DeadlineWarned():
            return _change(deadlines, event.deadline_id, rung=event.percent)
        case DeadlineMissed():
            return _change(deadlines, event.deadline_id, rung=EXPIRY, missed=True)
        case DeadlineMet():
            return _change(deadlines, event.deadline_id, met_at=event.occurred_at)
        case DeadlineLifted():
            over = event.why is Why.MERGED
            return _change(
                deadlines, event.deadline_id, lifted_at=event.occurred_at, handed_over=over
            )
        case ConcealmentSuspected():
            return replace(deadlines, suspected=deadlines.suspected | {event.fact_id})
        case _:
            assert_never(event)


def _pass(deadlines: Deadlines, event: MilestoneRecorded) -> Deadlines:
    passed = Evidence(
        kind=EvidenceKind.MILESTONE,
        reference=event.reference or event.milestone,
        at=event.occurred_at,
        milestone=event.milestone,
    )
    milestones = {**deadlines.milestones, event.milestone: event.occurred_at}
    after = take(replace(deadlines, milestones=milestones), passed)
    return settle(after, event.occurred_at) if event.milestone is Milestone.STABLE else after


def settle(deadlines: Deadlines, at: datetime) -> Deadlines:
    return replace(deadlines, stable_at=min(deadlines.stable_at or at, at))


def take(deadlines: Deadlines, evidence: Evidence) -> Deadlines:
    return replace(deadlines, evidence=(*deadlines.evidence, evidence))


def told(event: NoticeRecorded) -> Evidence:
    return Evidence(
        kind=EvidenceKind.NOTICE,
        reference=event.notice_id,
        at=event.occurred_at,
        by=event.party,
        recipient=event.recipient,
        means=event.means,
    )


def _start(deadlines: Deadlines, event: DeadlineStarted) -> Deadlines:
    deadline = Deadline(
        deadline_id=event.deadline_id,
        clock=event.clock,
        number=event.number,
        name=event.name,
        rule=event.rule,
        owed_by=event.owed_by,
        recipient_name=event.recipient_name,
        started_at=event.started_at,
        due_at=event.due_at,
        closes_at=event.closes_at,
    )
    before = (one for one in deadlines.clocks.get(event.clock, ()) if one.owed)
    return replace(deadlines, clocks={**deadlines.clocks, event.clock: (*before, deadline)})


def _change(deadlines: Deadlines, deadline_id: str, **changes: object) -> Deadlines:
    clock = deadline_id.rpartition("-")[0]
    periods = tuple(
        replace(one, **changes) if one.deadline_id == deadline_id else one  # type: ignore[arg-type]
        for one in deadlines.clocks.get(clock, ())
    )
    return replace(deadlines, clocks={**deadlines.clocks, clock: periods})
