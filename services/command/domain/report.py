"""A report (接报): what somebody said, until it is verified, joined to an incident or rejected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.command.domain.casualties import Casualties
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import AlreadyExists, Forbidden, NotFound, Rejection


class Source(StrEnum):
    POLICE_110 = "police_110"
    FIRE_119 = "fire_119"
    MEDICAL_120 = "medical_120"
    WORK_SAFETY_12350 = "work_safety_12350"
    INFORMATION_OFFICER = "information_officer"
    SENSOR = "sensor"
    UPSTREAM = "upstream"
    OTHER = "other"


# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitReport:
    by: Actor
    report_id: str
    source: Source
    reporter: str
    type_code: str
    place: Place
    casualties: Casualties
    text: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """Finds the report true.  ``type_code`` corrects the report's where it is not empty."""

    by: Actor
    report_id: str
    incident_id: str
    title: str
    type_code: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinReport:
    by: Actor
    report_id: str
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectReport:
    by: Actor
    report_id: str
    reason: str
    occurred_at: datetime


Command = SubmitReport | VerifyReport | JoinReport | RejectReport


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSubmitted:
    report_id: str
    source: Source
    reporter: str
    type_code: str
    place: Place
    casualties: Casualties
    text: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportVerified:
    """Carries all that the incident needs, so that it can be opened from this event alone."""

    report_id: str
    incident_id: str
    title: str
    type_code: str
    place: Place
    casualties: Casualties
    reported_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportJoined:
    report_id: str
    incident_id: str
    casualties: Casualties
    reported_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRejected:
    report_id: str
    reason: str
    occurred_at: datetime


Event = ReportSubmitted | ReportVerified | ReportJoined | ReportRejected


# State.


@dataclass(frozen=True, slots=True)
class Received:
    said: ReportSubmitted


@dataclass(frozen=True, slots=True)
class Settled:
    """``incident_id`` is empty for a report that was rejected; ``title`` is for one verified."""

    said: ReportSubmitted
    incident_id: str
    at: datetime
    verified: bool = False
    title: str = ""
    type_code: str = ""


State = Received | Settled | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case SubmitReport():
            return submit(command, state)
        case VerifyReport():
            return verify(command, state)
        case JoinReport():
            return join(command, state)
        case RejectReport():
            return reject(command, state)
        case _:
            assert_never(command)


def submit(command: SubmitReport, state: State) -> list[Event]:
    if state is not None:
        raise AlreadyExists(
            "REPORT_EXISTS",
            f"report {command.report_id} was submitted already",
            report_id=command.report_id,
        )
    return [
        ReportSubmitted(
            report_id=command.report_id,
            source=command.source,
            reporter=command.reporter,
            type_code=command.type_code,
            place=command.place,
            casualties=command.casualties,
            text=command.text,
            occurred_at=command.occurred_at,
        )
    ]


def verify(command: VerifyReport, state: State) -> list[Event]:
    match state:
        case Received(said):
            _within(command.by, said)
            return [
                ReportVerified(
                    report_id=command.report_id,
                    incident_id=command.incident_id,
                    title=command.title,
                    type_code=command.type_code or said.type_code,
                    place=said.place,
                    casualties=said.casualties,
                    reported_at=said.occurred_at,
                    occurred_at=command.occurred_at,
                )
            ]
        case Settled(incident_id=incident_id, verified=True) if incident_id == command.incident_id:
            return []
        case Settled():
            raise _settled(command.report_id, state)
        case None:
            raise _unknown(command.report_id)
        case _:
            assert_never(state)


def join(command: JoinReport, state: State) -> list[Event]:
    match state:
        case Received(said):
            _within(command.by, said)
            return [
                ReportJoined(
                    report_id=command.report_id,
                    incident_id=command.incident_id,
                    casualties=said.casualties,
                    reported_at=said.occurred_at,
                    occurred_at=command.occurred_at,
                )
            ]
        case Settled(incident_id=incident_id) if incident_id == command.incident_id:
            return []
        case Settled():
            raise _settled(command.report_id, state)
        case None:
            raise _unknown(command.report_id)
        case _:
            assert_never(state)


def reject(command: RejectReport, state: State) -> list[Event]:
    match state:
        case Received(said):
            _within(command.by, said)
            return [
                ReportRejected(
                    report_id=command.report_id,
                    reason=command.reason,
                    occurred_at=command.occurred_at,
                )
            ]
        case Settled(incident_id=""):
            return []
        case Settled():
            raise _settled(command.report_id, state)
        case None:
            raise _unknown(command.report_id)
        case _:
            assert_never(state)


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case ReportSubmitted():
            return Received(event) if state is None else state
        case _ if not isinstance(state, Received):
            return state
        case ReportVerified():
            return Settled(
                state.said,
                event.incident_id,
                event.occurred_at,
                verified=True,
                title=event.title,
                type_code=event.type_code,
            )
        case ReportJoined():
            return Settled(state.said, event.incident_id, event.occurred_at)
        case ReportRejected():
            return Settled(state.said, "", event.occurred_at)
        case _:
            assert_never(event)


def _within(by: Actor, said: ReportSubmitted) -> None:
    if not by.covers(said.place.adcode):
        raise Forbidden(
            "OUTSIDE_JURISDICTION",
            f"report {said.report_id} is about {said.place.adcode}, "
            f"{by.subject} acts in {by.jurisdiction}",
            adcode=said.place.adcode,
            jurisdiction=by.jurisdiction,
            subject=by.subject,
        )


def _settled(report_id: str, state: Settled) -> Rejection:
    if not state.incident_id:
        return Rejection(
            "REPORT_REJECTED", f"report {report_id} was rejected as false", report_id=report_id
        )
    return Rejection(
        "REPORT_IN_INCIDENT",
        f"report {report_id} belongs to incident {state.incident_id}",
        report_id=report_id,
        incident_id=state.incident_id,
    )


def _unknown(report_id: str) -> NotFound:
    return NotFound("NO_SUCH_REPORT", f"there is no report {report_id}", report_id=report_id)
