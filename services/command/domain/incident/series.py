"""初报, 续报, 核报: the series of situation reports that the law wants of an incident."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.command.domain.casualties import Casualties
from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists, Rejection


class SituationReportKind(StrEnum):
    INITIAL = "initial"  # 初报
    FOLLOW_UP = "follow_up"  # 续报
    FINAL = "final"  # 核报


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitSituationReport:
    by: Actor
    incident_id: str
    situation_report_id: str
    kind: SituationReportKind
    recipient: str
    casualties: Casualties
    people_moved: int
    text: str
    occurred_at: datetime


Command = SubmitSituationReport


@dataclass(frozen=True, slots=True, kw_only=True)
class SituationReportSubmitted:
    """``number`` counts the incident's reports from 1."""

    incident_id: str
    adcode: str
    situation_report_id: str
    kind: SituationReportKind
    number: int
    recipient: str
    casualties: Casualties
    people_moved: int
    text: str
    submitted_by: str
    occurred_at: datetime


Event = SituationReportSubmitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """``ended`` by its 核报, until the incident is reopened."""

    submitted: frozenset[str] = frozenset()
    ended: bool = False


def decide(command: Command, adcode: str, series: Series) -> list[Event]:
    """One 初报, then 续报, and one 核报 that ends the series until the incident is reopened."""
    if command.situation_report_id in series.submitted:
        raise AlreadyExists(
            "SITUATION_REPORT_EXISTS",
            f"situation report {command.situation_report_id} was submitted; send a follow-up",
            situation_report_id=command.situation_report_id,
        )
    first = not series.submitted
    initial = command.kind is SituationReportKind.INITIAL
    if first != initial or series.ended:
        expected = (
            "none: the final report was given"
            if series.ended
            else ("initial" if first else "follow_up or final")
        )
        raise Rejection(
            "SITUATION_REPORT_OUT_OF_SERIES",
            f"the next report of the series cannot be {command.kind}; expected {expected}",
            incident_id=command.incident_id,
            got=command.kind,
            expected=expected,
        )
    return [
        SituationReportSubmitted(
            incident_id=command.incident_id,
            adcode=adcode,
            situation_report_id=command.situation_report_id,
            kind=command.kind,
            number=len(series.submitted) + 1,
            recipient=command.recipient,
            casualties=command.casualties,
            people_moved=command.people_moved,
            text=command.text,
            submitted_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(series: Series, event: Event) -> Series:
    return replace(
        series,
        submitted=series.submitted | {event.situation_report_id},
        ended=event.kind is SituationReportKind.FINAL,
    )


def resume(series: Series) -> Series:
    """Let the series of an incident that was reopened go on."""
    return replace(series, ended=False)
