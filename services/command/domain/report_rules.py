"""What may be done with a report, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from services.command.domain.report import (
    AcknowledgeOrder,
    Command,
    CorrectionAnnounced,
    Event,
    Expected,
    JoinReport,
    OrderAcknowledged,
    Received,
    RejectReport,
    ReportJoined,
    ReportRejected,
    ReportSubmitted,
    ReportSuperseded,
    ReportVerified,
    Settled,
    State,
    SubmitReport,
    SupersedeReport,
    VerifyReport,
)
from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists, Forbidden, NotFound, Rejection


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
        case SupersedeReport():
            return supersede(command, state)
        case AcknowledgeOrder():
            return acknowledge(command, state)
        case _:
            assert_never(command)


def submit(command: SubmitReport, state: State) -> list[Event]:
    """Take a report as it was said; an order or an alert that comes again is the same one."""
    submitted = ReportSubmitted(
        report_id=command.report_id,
        source=command.source,
        reporter=command.reporter,
        type_code=command.type_code,
        place=command.place,
        casualties=command.casualties,
        text=command.text,
        callback=command.callback,
        order=command.order,
        alert=command.alert,
        occurred_at=command.occurred_at,
    )
    correction = CorrectionAnnounced(
        report_id=command.report_id, corrects=command.corrects, occurred_at=command.occurred_at
    )
    told: list[Event] = [submitted, correction] if command.corrects else [submitted]
    match state:
        case None:
            return told
        case Expected(superseded_by):
            late = [
                ReportSuperseded(
                    report_id=command.report_id,
                    by_report_id=by_report_id,
                    occurred_at=command.occurred_at,
                )
                for by_report_id in superseded_by
            ]
            return [*told, *late]
        case Received(said) | Settled(said):
            if _again(submitted, said):
                return []
            raise _exists(said)
        case _:
            assert_never(state)


def supersede(command: SupersedeReport, state: State) -> list[Event]:
    if state is not None and command.by_report_id in state.superseded_by:
        return []
    return [
        ReportSuperseded(
            report_id=command.report_id,
            by_report_id=command.by_report_id,
            occurred_at=command.occurred_at,
        )
    ]


def acknowledge(command: AcknowledgeOrder, state: State) -> list[Event]:
    """Tell once that an order was read, by whoever read it first."""
    if state is None or isinstance(state, Expected):
        raise unknown(command.report_id)
    _within(command.by, state.said)
    order = state.said.order
    if order is None:
        raise Rejection(
            "NOT_AN_ORDER",
            f"report {command.report_id} came from {state.said.source} and is no order",
            report_id=command.report_id,
            source=state.said.source,
        )
    if state.acknowledged:
        return []
    return [
        OrderAcknowledged(
            report_id=command.report_id,
            issuer=order.issuer,
            number=order.number,
            acknowledged_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def verify(command: VerifyReport, state: State) -> list[Event]:
    match state:
        case Received(said):
            _within(command.by, said)
            _require_newest(state)
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
        case None | Expected():
            raise unknown(command.report_id)
        case _:
            assert_never(state)


def join(command: JoinReport, state: State) -> list[Event]:
    match state:
        case Received(said):
            _within(command.by, said)
            _require_newest(state)
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
        case Settled() if command.attached:
            return []
        case Settled():
            raise _settled(command.report_id, state)
        case None | Expected():
            raise unknown(command.report_id)
        case _:
            assert_never(state)


def reject(command: RejectReport, state: State) -> list[Event]:
    match state:
        case Received(said):
            _within(command.by, said)
            _require_newest(state)
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
        case None | Expected():
            raise unknown(command.report_id)
        case _:
            assert_never(state)


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case ReportSubmitted():
            if state is None:
                return Received(event)
            if isinstance(state, Expected):
                return Received(event, superseded_by=state.superseded_by)
            return state
        case CorrectionAnnounced(corrects=corrects):
            if state is None or isinstance(state, Expected):
                return state
            return replace(state, corrects=corrects)
        case ReportSuperseded(by_report_id=by):
            if state is None:
                return Expected((by,))
            if by in state.superseded_by:
                return state
            return replace(state, superseded_by=(*state.superseded_by, by))
        case OrderAcknowledged():
            if state is None or isinstance(state, Expected):
                return state
            return replace(state, acknowledged=True)
        case ReportVerified() | ReportJoined() | ReportRejected():
            return _settle(state, event) if isinstance(state, Received) else state
        case _:
            assert_never(event)


def _settle(state: Received, event: ReportVerified | ReportJoined | ReportRejected) -> Settled:
    verified = event if isinstance(event, ReportVerified) else None
    return Settled(
        state.said,
        "" if isinstance(event, ReportRejected) else event.incident_id,
        event.occurred_at,
        verified=verified is not None,
        title="" if verified is None else verified.title,
        type_code="" if verified is None else verified.type_code,
        corrects=state.corrects,
        superseded_by=state.superseded_by,
        acknowledged=state.acknowledged,
    )


def _again(submitted: ReportSubmitted, said: ReportSubmitted) -> bool:
    """Whether it is the same order or alert, whoever brings it again and whenever."""
    if submitted.alert is not None and said.alert is not None:
        return submitted.alert.document == said.alert.document
    if submitted.order is not None and said.order is not None:
        told = (submitted.order, submitted.text)
        return told == (said.order, said.text)
    return False


def _exists(said: ReportSubmitted) -> AlreadyExists:
    if said.alert is not None:
        return AlreadyExists(
            "ALERT_EXISTS",
            f"{said.alert.sender} sent another message as {said.alert.identifier} at "
            f"{said.alert.sent_at.isoformat()}: a correction has an identifier of its own",
            report_id=said.report_id,
            identifier=said.alert.identifier,
            sender=said.alert.sender,
        )
    if said.order is not None:
        return AlreadyExists(
            "ORDER_EXISTS",
            f"{said.order.issuer} gave another order as {said.order.number}: "
            "a correction has a number of its own",
            report_id=said.report_id,
            issuer=said.order.issuer,
            order_number=said.order.number,
        )
    return AlreadyExists(
        "REPORT_EXISTS",
        f"report {said.report_id} was submitted already",
        report_id=said.report_id,
    )


def _require_newest(state: Received) -> None:
    """Refuse to settle what its sender has taken back: the later report is the one to settle."""
    if state.superseded_by:
        latest = state.superseded_by[-1]
        raise Rejection(
            "REPORT_SUPERSEDED",
            f"report {state.said.report_id} was corrected by its sender: settle {latest}",
            report_id=state.said.report_id,
            superseded_by=latest,
        )


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


def unknown(report_id: str) -> NotFound:
    return NotFound("NO_SUCH_REPORT", f"there is no report {report_id}", report_id=report_id)
