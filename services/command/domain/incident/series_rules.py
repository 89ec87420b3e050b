"""What a situation report must say, and when the series takes one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from services.command.domain.incident.contents import Form
from services.command.domain.incident.drafting import Draft, Ground, draft
from services.command.domain.incident.facts import Fact, Metric
from services.command.domain.incident.series import (
    AcknowledgeSituationReport,
    Command,
    Event,
    Filed,
    RecordSending,
    Sending,
    Series,
    SituationReportAcknowledged,
    SituationReportKind,
    SituationReportSent,
    SituationReportSubmitted,
    SubmitSituationReport,
)
from services.runtime.rejection import AlreadyExists, Invalid, NotFound, Rejection

INITIAL, FOLLOW_UP, FINAL = SituationReportKind


def decide(command: Command, ground: Ground, series: Series) -> Sequence[Event]:
    match command:
        case SubmitSituationReport():
            return submit(command, ground, series)
        case RecordSending():
            return record_sending(command, ground, series)
        case AcknowledgeSituationReport():
            return acknowledge(command, ground.adcode, series)
        case _:
            assert_never(command)


def expected(series: Series) -> tuple[SituationReportKind, ...]:
    """Return what the next report may be, the likeliest first."""
    if series.ended:
        return ()
    return (FOLLOW_UP, FINAL) if series.submitted else (INITIAL,)


def next_kind(
    incident_id: str, wanted: SituationReportKind | None, series: Series
) -> SituationReportKind:
    """Return the kind that is wanted, or the likeliest; refuses what the series does not take."""
    allowed = expected(series)
    if allowed and (wanted is None or wanted in allowed):
        return wanted or allowed[0]
    said = " or ".join(allowed) or "none: the final report was given"
    raise Rejection(
        "SITUATION_REPORT_OUT_OF_SERIES",
        f"the next report of the series cannot be {wanted or 'any'}; expected {said}",
        incident_id=incident_id,
        got=wanted or "",
        expected=said,
    )


def submit(command: SubmitSituationReport, ground: Ground, series: Series) -> list[Event]:
    """One 初报, then 续报, and one 核报 that ends the series until the incident is reopened.

    The contents are those of 国务院令第493号 art. 12 and 应急〔2020〕19号, as the table has them.
    """
    _in_series(command, series)
    require_known(command.contents, ground.form)
    _sourced(command, ground.standing)
    drawn = draft(command.kind, command.contents, ground, series, zero_report=command.zero_report)
    _whole(command, drawn)
    _unchanged(command, drawn, series)
    _explained(command, drawn)
    return [
        SituationReportSubmitted(
            incident_id=command.incident_id,
            adcode=ground.adcode,
            situation_report_id=command.situation_report_id,
            kind=command.kind,
            number=len(series.submitted) + 1,
            recipient=command.recipient,
            form=ground.form.key,
            contents=drawn.contents,
            figures=drawn.figures,
            fact_ids=drawn.fact_ids,
            explanations=command.explanations,
            zero_report=command.zero_report,
            corrects=command.corrects,
            correction_reason=command.correction_reason,
            owed_to=ground.owed_to,
            table_version=ground.table.version,
            submitted_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def record_sending(command: RecordSending, ground: Ground, series: Series) -> list[Event]:
    filed = _filed(command.incident_id, command.situation_report_id, series)
    recipients = ground.table.recipients
    if command.recipient_key and command.recipient_key not in recipients:
        raise Invalid(
            "RECIPIENT_UNKNOWN",
            field="recipient_key",
            got=command.recipient_key,
            allowed=", ".join(f"{key} {known.name}" for key, known in recipients.items()),
        )
    sent = SituationReportSent(
        incident_id=command.incident_id,
        adcode=ground.adcode,
        situation_report_id=command.situation_report_id,
        number=filed.number,
        kind=filed.kind,
        sending_id=command.sending_id,
        recipient=command.recipient,
        recipient_key=command.recipient_key,
        tier=recipients[command.recipient_key].tier if command.recipient_key else None,
        means=command.means,
        sent_by=command.sent_by,
        note=command.note,
        occurred_at=command.occurred_at,
    )
    if command.sending_id not in filed.sendings:
        return [sent]
    first = filed.sendings[command.sending_id].sent
    if first == sent:
        return []
    raise AlreadyExists(
        "SENDING_EXISTS",
        f"sending {command.sending_id} went to {first.recipient} by {first.means} at "
        f"{first.sent_at.isoformat()}; record another under another id",
        sending_id=command.sending_id,
        recipient=first.recipient,
    )


def acknowledge(command: AcknowledgeSituationReport, adcode: str, series: Series) -> list[Event]:
    filed = _filed(command.incident_id, command.situation_report_id, series)
    sending = filed.sendings.get(command.sending_id)
    if sending is None:
        raise NotFound(
            "NO_SUCH_SENDING",
            f"situation report {command.situation_report_id} has no sending {command.sending_id}; "
            f"it has {', '.join(filed.sendings) or 'none'}",
            situation_report_id=command.situation_report_id,
            sending_id=command.sending_id,
        )
    if command.occurred_at < sending.sent.sent_at:
        raise Rejection(
            "ACKNOWLEDGED_BEFORE_SENT",
            f"acknowledged at {command.occurred_at.isoformat()}, "
            f"sent at {sending.sent.sent_at.isoformat()}",
            sending_id=command.sending_id,
            sent_at=sending.sent.sent_at.isoformat(),
            acknowledged_at=command.occurred_at.isoformat(),
        )
    receipt = SituationReportAcknowledged(
        incident_id=command.incident_id,
        adcode=adcode,
        situation_report_id=command.situation_report_id,
        number=filed.number,
        sending_id=command.sending_id,
        recipient=sending.sent.recipient,
        acknowledged_by=command.acknowledged_by,
        reference_number=command.reference_number,
        occurred_at=command.occurred_at,
    )
    return _once(receipt, sending)


def _once(receipt: SituationReportAcknowledged, sending: Sending) -> list[Event]:
    known = sending.receipt
    if known is None:
        return [receipt]
    if known == receipt:
        return []
    raise AlreadyExists(
        "RECEIPT_EXISTS",
        f"{known.acknowledged_by} acknowledged sending {known.sending_id} at "
        f"{known.occurred_at.isoformat()} under {known.reference_number or 'no number'}",
        sending_id=known.sending_id,
        acknowledged_by=known.acknowledged_by,
        reference_number=known.reference_number,
    )


def _in_series(command: SubmitSituationReport, series: Series) -> None:
    if command.situation_report_id in series.submitted:
        raise AlreadyExists(
            "SITUATION_REPORT_EXISTS",
            f"situation report {command.situation_report_id} was submitted; send a follow-up",
            situation_report_id=command.situation_report_id,
        )
    next_kind(command.incident_id, command.kind, series)
    if command.kind is not FOLLOW_UP and (command.zero_report or command.corrects):
        raise Rejection(
            "FOLLOW_UP_ONLY",
            f"a {'zero report' if command.zero_report else 'correction'} is a {FOLLOW_UP}, "
            f"not {command.kind}",
            got=command.kind,
            expected=FOLLOW_UP,
        )
    if command.corrects:
        _filed(command.incident_id, command.corrects, series)


def _filed(incident_id: str, situation_report_id: str, series: Series) -> Filed:
    filed = series.submitted.get(situation_report_id)
    if filed is None:
        raise no_such_report(incident_id, situation_report_id)
    return filed


def no_such_report(incident_id: str, situation_report_id: str) -> NotFound:
    return NotFound(
        "NO_SUCH_SITUATION_REPORT",
        f"incident {incident_id} has no situation report {situation_report_id}",
        incident_id=incident_id,
        situation_report_id=situation_report_id,
    )


def require_known(typed: Iterable[str], form: Form) -> None:
    """Refuse contents that the form of this class of incidents does not have."""
    known = {content.key: content.name for content in form.contents}
    if unknown := [key for key in typed if key not in known]:
        raise Invalid(
            "CONTENT_UNKNOWN",
            field="contents",
            got=", ".join(unknown),
            allowed=", ".join(f"{key} {name}" for key, name in known.items()),
        )


def _sourced(command: SubmitSituationReport, standing: Mapping[Metric, Fact]) -> None:
    """Refuse figures that no fact stands for: they are recorded first, with their source."""
    stands = {
        metric: f"{standing[metric].value} ({standing[metric].fact_id})"
        if metric in standing
        else "nothing"
        for metric, value in command.claimed.items()
        if metric not in standing or standing[metric].value != value
    }
    if stands:
        raise Rejection(
            "FIGURE_WITHOUT_SOURCE",
            "; ".join(f"{m}: got {command.claimed[m]}, {said} stands" for m, said in stands.items())
            + ": record the figure with its source first, or leave it out to have it drawn",
            metric=", ".join(stands),
            got=", ".join(str(command.claimed[metric]) for metric in stands),
            standing=", ".join(stands.values()),
        )


def _whole(command: SubmitSituationReport, drawn: Draft) -> None:
    if drawn.missing:
        raise Rejection(
            "CONTENT_MISSING",
            f"a report of kind {command.kind} needs "
            + ", ".join(f"{content.key} {content.name}" for content in drawn.missing),
            kind=command.kind,
            missing=", ".join(content.key for content in drawn.missing),
        )


def _unchanged(command: SubmitSituationReport, drawn: Draft, series: Series) -> None:
    if not command.zero_report or not drawn.changed or series.last is None:
        return
    before, after = series.last.figures, drawn.figures
    changes = [(metric, before.get(metric, 0), after.get(metric, 0)) for metric in drawn.changed]
    raise Rejection(
        "NOT_UNCHANGED",
        "; ".join(f"{metric}: {was} before, {now} now" for metric, was, now in changes)
        + ": send a follow-up that is no zero report",
        metric=", ".join(drawn.changed),
        before=", ".join(str(was) for _, was, _ in changes),
        after=", ".join(str(now) for _, _, now in changes),
    )


def _explained(command: SubmitSituationReport, drawn: Draft) -> None:
    silent = [j for j in drawn.jumps if not command.explanations.get(j.metric, "").strip()]
    if silent:
        raise Rejection(
            "EXPLANATION_REQUIRED",
            "; ".join(
                f"{jump.metric}: {jump.before} before, {jump.after} now; a change by at least "
                f"{jump.threshold} needs a written explanation"
                for jump in silent
            ),
            metric=", ".join(jump.metric for jump in silent),
            before=", ".join(str(jump.before) for jump in silent),
            after=", ".join(str(jump.after) for jump in silent),
            threshold=", ".join(str(jump.threshold) for jump in silent),
        )
