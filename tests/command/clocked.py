"""The facts and wishes that the tests of the law's clocks share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial, reduce

from services.command.domain.casualties import Casualties
from services.command.domain.incident import deadlines, decider, figures, lifecycle, series
from services.command.domain.incident.deadlines import Deadline
from services.command.domain.incident.facts import Metric, SourceKind
from services.command.domain.incident.series import Means, SituationReportKind
from services.command.domain.incident.statutes import CHINA, Milestone, Party
from services.command.projections.deadlines import Step
from services.runtime.actor import NATION, Actor
from tests.command import incidents as known

decide = partial(decider.decide, known.WHOLE_RULES)
STATUTES = known.WHOLE_RULES.deadlines
ZERO = known.CALLED
CLOCK = Actor(subject="service:command", roles=("service",), jurisdiction=NATION)


def at(minutes: float) -> datetime:
    """Return an instant so many minutes after the first call."""
    return ZERO + timedelta(minutes=minutes)


def china(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA).astimezone(UTC)


def opening(type_code: str, minutes: float = 0, **casualties: int) -> lifecycle.OpenIncident:
    """Open an incident from a report that was said then."""
    return replace(
        known.open_,
        type_code=type_code,
        casualties=Casualties(**casualties),
        reported_at=at(minutes),
        occurred_at=at(minutes),
    )


def figure(
    fact_id: str,
    minutes: float,
    metric: Metric,
    value: int,
    kind: SourceKind = SourceKind.SCENE,
    source: str = "",
) -> figures.RecordFigure:
    return figures.RecordFigure(
        by=known.LI,
        incident_id="i1",
        fact_id=fact_id,
        metric=metric,
        value=value,
        source_kind=kind,
        source=source or fact_id,
        scope="",
        note="",
        basis="",
        occurred_at=at(minutes),
    )


def report(
    report_id: str,
    minutes: float,
    kind: SituationReportKind = SituationReportKind.INITIAL,
    type_code: str = "12D00",
) -> series.SubmitSituationReport:
    form = known.WHOLE_RULES.situation_reports.form(type_code)
    return series.SubmitSituationReport(
        by=known.LI,
        incident_id="i1",
        situation_report_id=report_id,
        kind=kind,
        recipient="怀化市应急管理局",
        contents={content.key: "已核实" for content in form.contents},
        explanations=dict.fromkeys(Metric, "核实"),
        occurred_at=at(minutes),
    )


def sending(
    report_id: str, minutes: float, key: str = "prefecture_department", means: Means = Means.FAX
) -> series.RecordSending:
    in_table = key in known.WHOLE_RULES.situation_reports.recipients
    return series.RecordSending(
        by=known.LI,
        incident_id="i1",
        situation_report_id=report_id,
        sending_id=f"{report_id}-{key}-{means}",
        recipient=STATUTES.recipients[key].name,
        recipient_key=key if in_table else "",
        means=means,
        sent_by="duty.wang",
        note="",
        occurred_at=at(minutes),
    )


def notice(
    notice_id: str,
    minutes: float,
    recipient: str,
    party: Party = Party.COUNTY,
    means: Means = Means.PHONE,
) -> deadlines.RecordNotice:
    return deadlines.RecordNotice(
        by=known.LI,
        incident_id="i1",
        notice_id=notice_id,
        party=party,
        recipient=recipient,
        means=means,
        text="电话快报",
        occurred_at=at(minutes),
    )


def milestone(which: Milestone, minutes: float) -> deadlines.RecordMilestone:
    return deadlines.RecordMilestone(
        by=known.LI,
        incident_id="i1",
        milestone=which,
        reference="",
        note="",
        occurred_at=at(minutes),
    )


def ring(deadline: Deadline) -> deadlines.RingDeadline:
    """Return what the alarm says at a clock's next mark."""
    mark = deadline.next_mark
    return deadlines.RingDeadline(
        by=CLOCK,
        incident_id="i1",
        deadline_id=deadline.deadline_id,
        percent=mark.percent,
        occurred_at=mark.at,
    )


class Story:
    """An incident under the whole law, one command after another."""

    def __init__(self, *commands: decider.Command) -> None:
        self.state: decider.State = None
        self.events: list[decider.Event] = []
        for command in commands:
            self.do(command)

    def do(self, command: decider.Command) -> list[decider.Event]:
        events = decide(command, self.state)
        self.state = reduce(decider.evolve, events, self.state)
        self.events += events
        return events

    @property
    def clocks(self) -> Mapping[str, Deadline]:
        """The last period of each clock."""
        was = decider.there(self.state)
        clocks = {} if was is None else was.deadlines.clocks
        return {clock: periods[-1] for clock, periods in clocks.items()}

    def ring_all(self, until: datetime) -> None:
        """Ring what is due by then in its order, as the alarm would."""
        while due := self._due(until):
            self.do(ring(due))

    def _due(self, until: datetime) -> Deadline | None:
        was = decider.there(self.state)
        running = [one for one in (was.deadlines if was else ()) if one.running]
        ripe = [one for one in running if one.next_mark.at <= until]
        return min(ripe, key=lambda one: one.next_mark.at, default=None)


def of(events: Sequence[decider.Event], *types: type) -> list[str]:
    """Return which clocks the events of some types are of, and what happened to them."""
    return [
        f"{type(event).__name__} {event.deadline_id}"
        for event in events
        if isinstance(event, Step) and isinstance(event, types)
    ]
