"""What is done with statutory clocks, and what other concerns tell them."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import assert_never

from services.command.domain.incident import figures, lifecycle, response, series, split
from services.command.domain.incident.deadlines import (
    EXPIRY,
    Command,
    Deadline,
    DeadlineMissed,
    Deadlines,
    DeadlineWarned,
    Event,
    Evidence,
    MilestoneRecorded,
    NoticeRecorded,
    RecordMilestone,
    RecordNotice,
    RingDeadline,
    settle,
    take,
    told,
)
from services.command.domain.incident.statutes import EvidenceKind, Party
from services.runtime.rejection import AlreadyExists

OWING = {str(party) for party in Party}


def decide(command: Command, adcode: str, deadlines: Deadlines) -> list[Event]:
    match command:
        case RingDeadline():
            return ring(command, adcode, deadlines)
        case RecordMilestone():
            return record_milestone(command, adcode, deadlines)
        case RecordNotice():
            return record_notice(command, adcode, deadlines)
        case _:
            assert_never(command)


def ring(command: RingDeadline, adcode: str, deadlines: Deadlines) -> list[Event]:
    """Ring one mark, unless the clock has rung it, has stopped or was moved in the meantime."""
    deadline = deadlines.get(command.deadline_id)
    if deadline is None or not deadline.running:
        return []
    mark = deadline.next_mark
    if mark.percent != command.percent or mark.at > command.occurred_at:
        return []
    if mark.percent == EXPIRY:
        return [missed(deadline, command.incident_id, adcode)]
    return [
        DeadlineWarned(
            incident_id=command.incident_id,
            adcode=adcode,
            deadline_id=deadline.deadline_id,
            name=deadline.name,
            owed_by=deadline.owed_by,
            recipient_name=deadline.recipient_name,
            percent=mark.percent,
            started_at=deadline.started_at,
            due_at=deadline.due_at,
            occurred_at=mark.at,
        )
    ]


def missed(deadline: Deadline, incident_id: str, adcode: str) -> DeadlineMissed:
    return DeadlineMissed(
        incident_id=incident_id,
        adcode=adcode,
        deadline_id=deadline.deadline_id,
        name=deadline.name,
        owed_by=deadline.owed_by,
        recipient_name=deadline.recipient_name,
        occurred_at=deadline.due_at,
    )


def record_milestone(command: RecordMilestone, adcode: str, deadlines: Deadlines) -> list[Event]:
    if deadlines.milestones.get(command.milestone) == command.occurred_at:
        return []
    return [
        MilestoneRecorded(
            incident_id=command.incident_id,
            adcode=adcode,
            milestone=command.milestone,
            reference=command.reference,
            note=command.note,
            recorded_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def record_notice(command: RecordNotice, adcode: str, deadlines: Deadlines) -> list[Event]:
    event = NoticeRecorded(
        incident_id=command.incident_id,
        adcode=adcode,
        notice_id=command.notice_id,
        party=command.party,
        recipient=command.recipient,
        means=command.means,
        text=command.text,
        recorded_by=command.by.subject,
        occurred_at=command.occurred_at,
    )
    said = told(event)
    for known in deadlines.evidence:
        if (known.kind, known.reference) == (said.kind, said.reference):
            if known == said:
                return []
            raise AlreadyExists(
                "NOTICE_EXISTS",
                f"notice {command.notice_id} says something else; what was told is never changed",
                notice_id=command.notice_id,
            )
    return [event]


def observe(deadlines: Deadlines, event: object) -> Deadlines:
    """Note what another concern's event tells: reports received and sent, and what is over."""
    match event:
        case lifecycle.IncidentOpened() | lifecycle.ReportAttached():
            received = Evidence(
                kind=EvidenceKind.REPORT, reference=event.report_id, at=event.reported_at
            )
            earliest = min(deadlines.received_at or event.reported_at, event.reported_at)
            return take(replace(deadlines, received_at=earliest), received)
        case figures.FigureRecorded():
            said = Evidence(
                kind=EvidenceKind.FIGURE,
                reference=event.fact_id,
                at=event.occurred_at,
                by=event.source_kind,
            )
            return take(deadlines, said) if str(event.source_kind) in OWING else deadlines
        case series.SituationReportSubmitted():
            reported = {**deadlines.reported, event.situation_report_id: event.figures}
            after = replace(deadlines, reported=reported)
            final = event.kind is series.SituationReportKind.FINAL
            return settle(after, event.occurred_at) if final else after
        case series.SituationReportSent():
            return take(deadlines, _sent(event, deadlines))
        case response.ResponseTerminated() | lifecycle.IncidentClosed():
            return settle(deadlines, event.occurred_at)
        case response.ResponseActivated() | lifecycle.IncidentReopened():
            return replace(deadlines, stable_at=None)
        case split.IncidentSplitOff():
            return reduce(take, event.told, deadlines)
        case _:
            return deadlines


def told_others(deadlines: Deadlines) -> tuple[Evidence, ...]:
    """Return what others have been told of the incident, by reports and by notices."""
    kinds = {EvidenceKind.SITUATION_REPORT, EvidenceKind.NOTICE}
    return tuple(known for known in deadlines.evidence if known.kind in kinds)


def handed_over(deadlines: Deadlines) -> tuple[Deadline, ...]:
    """Return the clocks that ran when the incident was merged into another."""
    return tuple(one for one in deadlines if one.handed_over and not one.missed)


def _sent(event: series.SituationReportSent, deadlines: Deadlines) -> Evidence:
    return Evidence(
        kind=EvidenceKind.SITUATION_REPORT,
        reference=event.situation_report_id,
        at=event.sent_at,
        recipient=event.recipient_key or event.recipient,
        means=event.means,
        number=event.number,
        report=event.kind,
        figures=deadlines.reported.get(event.situation_report_id, {}),
    )
