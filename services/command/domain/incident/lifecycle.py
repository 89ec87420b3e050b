"""How an incident begins, takes in further reports, ends and begins again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.command.domain.casualties import Casualties
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import AlreadyExists, NotFound, Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIncident:
    by: Actor
    incident_id: str
    title: str
    type_code: str
    place: Place
    report_id: str
    casualties: Casualties
    reported_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachReport:
    by: Actor
    incident_id: str
    report_id: str
    casualties: Casualties
    reported_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseIncident:
    by: Actor
    incident_id: str
    summary: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenIncident:
    by: Actor
    incident_id: str
    reason: str
    occurred_at: datetime


Command = AttachReport | CloseIncident | ReopenIncident


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentOpened:
    incident_id: str
    title: str
    type_code: str
    place: Place
    report_id: str
    casualties: Casualties
    reported_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAttached:
    incident_id: str
    adcode: str
    report_id: str
    casualties: Casualties
    reported_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentClosed:
    incident_id: str
    adcode: str
    summary: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentReopened:
    incident_id: str
    adcode: str
    reason: str
    occurred_at: datetime


Event = IncidentOpened | ReportAttached | IncidentClosed | IncidentReopened


def open_(command: OpenIncident, reports: frozenset[str] | None) -> list[Event]:
    """Open an incident; ``reports`` are those of one that is there already."""
    if reports is None:
        return [
            IncidentOpened(
                incident_id=command.incident_id,
                title=command.title,
                type_code=command.type_code,
                place=command.place,
                report_id=command.report_id,
                casualties=command.casualties,
                reported_at=command.reported_at,
                occurred_at=command.occurred_at,
            )
        ]
    if command.report_id in reports:
        return []
    raise exists(command.incident_id)


def attach(command: AttachReport, adcode: str, reports: frozenset[str]) -> list[Event]:
    if command.report_id in reports:
        return []
    return [
        ReportAttached(
            incident_id=command.incident_id,
            adcode=adcode,
            report_id=command.report_id,
            casualties=command.casualties,
            reported_at=command.reported_at,
            occurred_at=command.occurred_at,
        )
    ]


def close(command: CloseIncident, adcode: str) -> list[Event]:
    return [
        IncidentClosed(
            incident_id=command.incident_id,
            adcode=adcode,
            summary=command.summary,
            occurred_at=command.occurred_at,
        )
    ]


def reopen(command: ReopenIncident, adcode: str) -> list[Event]:
    return [
        IncidentReopened(
            incident_id=command.incident_id,
            adcode=adcode,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def exists(incident_id: str) -> AlreadyExists:
    """Return the refusal of an incident id that another report has opened."""
    return AlreadyExists(
        "INCIDENT_EXISTS",
        f"incident {incident_id} is there already: join the report to it",
        incident_id=incident_id,
    )


def unknown(incident_id: str) -> NotFound:
    return NotFound(
        "NO_SUCH_INCIDENT", f"there is no incident {incident_id}", incident_id=incident_id
    )


def closed(incident_id: str) -> Rejection:
    """Return the refusal of any act but a reopening on a closed incident."""
    return Rejection(
        "INCIDENT_CLOSED",
        f"incident {incident_id} is closed; reopen it with a reason to act on it",
        incident_id=incident_id,
    )
