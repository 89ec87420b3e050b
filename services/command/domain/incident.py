"""An incident: from its opening to its closure, and who commands it at every instant between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.command.domain.casualties import Casualties
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import AlreadyExists, Forbidden, NotFound, Rejection


class Grade(StrEnum):
    """事件等级, from small to great; not the same as the response level."""

    ORDINARY = "ordinary"  # 一般
    LARGER = "larger"  # 较大
    MAJOR = "major"  # 重大
    ESPECIALLY_MAJOR = "especially_major"  # 特别重大


class Level(StrEnum):
    """响应级别: IV is the lowest, I the highest."""

    IV = "IV"
    III = "III"
    II = "II"
    I = "I"  # noqa: E741 - the level's name


class SituationReportKind(StrEnum):
    INITIAL = "initial"  # 初报
    FOLLOW_UP = "follow_up"  # 续报
    FINAL = "final"  # 核报


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a decision rests on: a report, a reading, a plan's clause, an order."""

    kind: str
    reference: str
    text: str


# Commands.


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
class GradeIncident:
    by: Actor
    incident_id: str
    grade: Grade
    basis: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateResponse:
    by: Actor
    incident_id: str
    level: Level
    plan: str
    approver: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeResponseLevel:
    by: Actor
    incident_id: str
    level: Level
    approver: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateResponse:
    by: Actor
    incident_id: str
    approver: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EstablishCommand:
    by: Actor
    incident_id: str
    commander: str
    command_post: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeTransfer:
    by: Actor
    incident_id: str
    to: str
    briefing: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptTransfer:
    by: Actor
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDecision:
    by: Actor
    incident_id: str
    decision_id: str
    subject: str
    text: str
    basis: tuple[Basis, ...]
    approver: str
    authority: str
    occurred_at: datetime


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


Act = (
    AttachReport
    | GradeIncident
    | ActivateResponse
    | ChangeResponseLevel
    | TerminateResponse
    | EstablishCommand
    | ProposeTransfer
    | AcceptTransfer
    | RecordDecision
    | SubmitSituationReport
    | CloseIncident
    | ReopenIncident
)
Command = OpenIncident | Act


# Events.  ``adcode`` is the incident's, so that each can be addressed from itself.


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
class IncidentGraded:
    incident_id: str
    adcode: str
    grade: Grade
    basis: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseActivated:
    incident_id: str
    adcode: str
    level: Level
    plan: str
    approver: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseLevelChanged:
    incident_id: str
    adcode: str
    previous_level: Level
    level: Level
    approver: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseTerminated:
    incident_id: str
    adcode: str
    approver: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEstablished:
    incident_id: str
    adcode: str
    commander: str
    command_post: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferProposed:
    incident_id: str
    adcode: str
    outgoing: str
    incoming: str
    briefing: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTransferred:
    incident_id: str
    adcode: str
    outgoing: str
    incoming: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecorded:
    incident_id: str
    adcode: str
    decision_id: str
    subject: str
    text: str
    basis: tuple[Basis, ...]
    approver: str
    authority: str
    decided_by: str
    occurred_at: datetime


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


Event = (
    IncidentOpened
    | ReportAttached
    | IncidentGraded
    | ResponseActivated
    | ResponseLevelChanged
    | ResponseTerminated
    | CommandEstablished
    | TransferProposed
    | CommandTransferred
    | DecisionRecorded
    | SituationReportSubmitted
    | IncidentClosed
    | IncidentReopened
)


# State: only what a decision needs.


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """``level`` is None while no response is active; ``proposed_to`` is a transfer's taker.

    ``final_report`` tells that the series of situation reports has ended.
    """

    adcode: str
    reports: frozenset[str]
    grade: Grade | None = None
    level: Level | None = None
    commander: str | None = None
    command_post: str = ""
    proposed_to: str | None = None
    briefing: str = ""
    situation_reports: frozenset[str] = frozenset()
    final_report: bool = False
    decisions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Closed:
    """Read-only; what it was comes back when it is reopened."""

    was: Open


State = Open | Closed | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    if isinstance(command, OpenIncident):
        return open_(command, state)
    match state:
        case Open():
            _within(command, state)
            return act(command, state)
        case Closed(was):
            _within(command, was)
            if isinstance(command, ReopenIncident):
                return reopen(command, was)
            if isinstance(command, CloseIncident):
                return []
            raise closed(command.incident_id)
        case None:
            raise unknown(command.incident_id)
        case _:
            assert_never(state)


def act(command: Act, state: Open) -> list[Event]:
    """Decide what may be done with an open incident."""
    match command:
        case AttachReport():
            return attach(command, state)
        case GradeIncident():
            return grade(command, state)
        case ActivateResponse():
            return activate(command, state)
        case ChangeResponseLevel():
            return change_level(command, state)
        case TerminateResponse():
            return terminate(command, state)
        case EstablishCommand():
            return establish(command, state)
        case ProposeTransfer():
            return propose(command, state)
        case AcceptTransfer():
            return accept(command, state)
        case RecordDecision():
            return record_decision(command, state)
        case SubmitSituationReport():
            return submit_situation_report(command, state)
        case CloseIncident():
            return close(command, state)
        case ReopenIncident():
            return []
        case _:
            assert_never(command)


def open_(command: OpenIncident, state: State) -> list[Event]:
    match state:
        case None:
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
        case Open(reports=reports) | Closed(Open(reports=reports)) if command.report_id in reports:
            return []
        case _:
            raise exists(command.incident_id)


def attach(command: AttachReport, state: Open) -> list[Event]:
    if command.report_id in state.reports:
        return []
    return [
        ReportAttached(
            incident_id=command.incident_id,
            adcode=state.adcode,
            report_id=command.report_id,
            casualties=command.casualties,
            reported_at=command.reported_at,
            occurred_at=command.occurred_at,
        )
    ]


def grade(command: GradeIncident, state: Open) -> list[Event]:
    if state.grade is command.grade:
        return []
    return [
        IncidentGraded(
            incident_id=command.incident_id,
            adcode=state.adcode,
            grade=command.grade,
            basis=command.basis,
            occurred_at=command.occurred_at,
        )
    ]


def activate(command: ActivateResponse, state: Open) -> list[Event]:
    if state.level is command.level:
        return []
    if state.level is not None:
        raise Rejection(
            "RESPONSE_ACTIVE",
            f"a level {state.level} response is active: change its level instead",
            incident_id=command.incident_id,
            level=state.level,
        )
    return [
        ResponseActivated(
            incident_id=command.incident_id,
            adcode=state.adcode,
            level=command.level,
            plan=command.plan,
            approver=command.approver,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def change_level(command: ChangeResponseLevel, state: Open) -> list[Event]:
    if state.level is None:
        raise _no_response(command.incident_id)
    if state.level is command.level:
        return []
    return [
        ResponseLevelChanged(
            incident_id=command.incident_id,
            adcode=state.adcode,
            previous_level=state.level,
            level=command.level,
            approver=command.approver,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def terminate(command: TerminateResponse, state: Open) -> list[Event]:
    if state.level is None:
        raise _no_response(command.incident_id)
    return [
        ResponseTerminated(
            incident_id=command.incident_id,
            adcode=state.adcode,
            approver=command.approver,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def establish(command: EstablishCommand, state: Open) -> list[Event]:
    if state.commander is None:
        return [
            CommandEstablished(
                incident_id=command.incident_id,
                adcode=state.adcode,
                commander=command.commander,
                command_post=command.command_post,
                occurred_at=command.occurred_at,
            )
        ]
    if (state.commander, state.command_post) == (command.commander, command.command_post):
        return []
    raise Rejection(
        "COMMAND_ESTABLISHED",
        f"{state.commander} commands: propose a transfer instead",
        incident_id=command.incident_id,
        commander=state.commander,
    )


def propose(command: ProposeTransfer, state: Open) -> list[Event]:
    """Only who holds command may offer it; to nobody else is it theirs to give."""
    if state.commander is None:
        raise _no_command(command.incident_id)
    if state.commander != command.by.subject:
        raise _not_commander(command, state.commander)
    if command.to == state.commander:
        return []
    if (command.to, command.briefing) == (state.proposed_to, state.briefing):
        return []
    return [
        TransferProposed(
            incident_id=command.incident_id,
            adcode=state.adcode,
            outgoing=state.commander,
            incoming=command.to,
            briefing=command.briefing,
            occurred_at=command.occurred_at,
        )
    ]


def accept(command: AcceptTransfer, state: Open) -> list[Event]:
    if state.commander is None:
        raise _no_command(command.incident_id)
    if state.commander == command.by.subject:
        return []
    if state.proposed_to != command.by.subject:
        raise Rejection(
            "NO_TRANSFER_PROPOSED",
            f"nobody has proposed to hand command to {command.by.subject}",
            incident_id=command.incident_id,
            commander=state.commander,
            subject=command.by.subject,
        )
    return [
        CommandTransferred(
            incident_id=command.incident_id,
            adcode=state.adcode,
            outgoing=state.commander,
            incoming=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def record_decision(command: RecordDecision, state: Open) -> list[Event]:
    if command.decision_id in state.decisions:
        raise AlreadyExists(
            "DECISION_EXISTS",
            f"decision {command.decision_id} is recorded; a decision is never edited",
            decision_id=command.decision_id,
        )
    return [
        DecisionRecorded(
            incident_id=command.incident_id,
            adcode=state.adcode,
            decision_id=command.decision_id,
            subject=command.subject,
            text=command.text,
            basis=command.basis,
            approver=command.approver,
            authority=command.authority,
            decided_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def submit_situation_report(command: SubmitSituationReport, state: Open) -> list[Event]:
    """One 初报, then 续报, and one 核报 that ends the series until the incident is reopened."""
    if command.situation_report_id in state.situation_reports:
        raise AlreadyExists(
            "SITUATION_REPORT_EXISTS",
            f"situation report {command.situation_report_id} was submitted; send a follow-up",
            situation_report_id=command.situation_report_id,
        )
    first = not state.situation_reports
    initial = command.kind is SituationReportKind.INITIAL
    if first != initial or state.final_report:
        expected = (
            "none: the final report was given"
            if state.final_report
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
            adcode=state.adcode,
            situation_report_id=command.situation_report_id,
            kind=command.kind,
            number=len(state.situation_reports) + 1,
            recipient=command.recipient,
            casualties=command.casualties,
            people_moved=command.people_moved,
            text=command.text,
            submitted_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def close(command: CloseIncident, state: Open) -> list[Event]:
    if state.level is not None:
        raise Rejection(
            "RESPONSE_ACTIVE",
            f"a level {state.level} response is active: terminate it first",
            incident_id=command.incident_id,
            level=state.level,
        )
    return [
        IncidentClosed(
            incident_id=command.incident_id,
            adcode=state.adcode,
            summary=command.summary,
            occurred_at=command.occurred_at,
        )
    ]


def reopen(command: ReopenIncident, was: Open) -> list[Event]:
    return [
        IncidentReopened(
            incident_id=command.incident_id,
            adcode=was.adcode,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match state, event:
        case None, IncidentOpened():
            return Open(adcode=event.place.adcode, reports=frozenset({event.report_id}))
        case Closed(was), IncidentReopened():
            return replace(was, final_report=False)
        case Open(), IncidentClosed():
            return Closed(state)
        case Open(), _:
            return _advance(state, event)
        case _:
            return state


def _advance(state: Open, event: Event) -> Open:
    match event:
        case ReportAttached(report_id=report_id):
            return replace(state, reports=state.reports | {report_id})
        case IncidentGraded(grade=new):
            return replace(state, grade=new)
        case ResponseActivated(level=level) | ResponseLevelChanged(level=level):
            return replace(state, level=level)
        case ResponseTerminated():
            return replace(state, level=None)
        case CommandEstablished():
            return replace(
                state,
                commander=event.commander,
                command_post=event.command_post,
                proposed_to=None,
            )
        case TransferProposed(incoming=incoming, briefing=briefing):
            return replace(state, proposed_to=incoming, briefing=briefing)
        case CommandTransferred(incoming=incoming):
            return replace(state, commander=incoming, proposed_to=None)
        case DecisionRecorded(decision_id=decision_id):
            return replace(state, decisions=state.decisions | {decision_id})
        case SituationReportSubmitted():
            return replace(
                state,
                situation_reports=state.situation_reports | {event.situation_report_id},
                final_report=event.kind is SituationReportKind.FINAL,
            )
        case IncidentOpened() | IncidentClosed() | IncidentReopened():
            return state
        case _:
            assert_never(event)


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


def exists(incident_id: str) -> AlreadyExists:
    """Return the refusal of an incident id that another report has opened."""
    return AlreadyExists(
        "INCIDENT_EXISTS",
        f"incident {incident_id} is there already: join the report to it",
        incident_id=incident_id,
    )


def _within(command: Act, state: Open) -> None:
    by = command.by
    if not by.covers(state.adcode):
        raise Forbidden(
            "OUTSIDE_JURISDICTION",
            f"incident {command.incident_id} lies in {state.adcode}, "
            f"{by.subject} acts in {by.jurisdiction}",
            adcode=state.adcode,
            jurisdiction=by.jurisdiction,
            subject=by.subject,
        )


def _no_response(incident_id: str) -> Rejection:
    return Rejection(
        "NO_RESPONSE_ACTIVE",
        f"no response is active on incident {incident_id}: activate one",
        incident_id=incident_id,
    )


def _no_command(incident_id: str) -> Rejection:
    return Rejection(
        "COMMAND_NOT_ESTABLISHED",
        f"nobody commands incident {incident_id} yet",
        incident_id=incident_id,
    )


def _not_commander(command: ProposeTransfer, commander: str) -> Forbidden:
    return Forbidden(
        "NOT_INCIDENT_COMMANDER",
        f"{commander} commands incident {command.incident_id}; only the commander may hand it over",
        incident_id=command.incident_id,
        commander=commander,
        subject=command.by.subject,
    )
