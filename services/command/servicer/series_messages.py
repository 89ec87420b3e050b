"""Situation reports between rows, domain values and messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from anlan.command.v1 import incident_service_pb2 as pb
from anlan.command.v1 import situation_report_pb2 as report_pb
from anlan.command.v1 import situation_report_service_pb2 as service_pb
from services.command.domain.incident import facts
from services.command.domain.incident.contents import COURSE, Content, Form, SituationReportTable
from services.command.domain.incident.drafting import Draft, Ground
from services.command.domain.incident.facts import Metric
from services.command.domain.incident.series import Means, SituationReportKind, Tier
from services.command.projections.series import SENDINGS
from services.command.servicer import messages
from services.command.servicer.figure_messages import METRIC_OF, METRICS
from services.runtime.times import stamp

MEANS = {
    Means.PHONE: report_pb.SENDING_MEANS_PHONE,
    Means.FAX: report_pb.SENDING_MEANS_FAX,
    Means.DIRECT_REPORT: report_pb.SENDING_MEANS_DIRECT_REPORT,
    Means.WRITTEN: report_pb.SENDING_MEANS_WRITTEN,
    Means.MESSAGE: report_pb.SENDING_MEANS_MESSAGE,
    Means.IN_PERSON: report_pb.SENDING_MEANS_IN_PERSON,
    Means.OTHER: report_pb.SENDING_MEANS_OTHER,
}
TIERS = {
    Tier.COUNTY: report_pb.RECIPIENT_TIER_COUNTY,
    Tier.PREFECTURE: report_pb.RECIPIENT_TIER_PREFECTURE,
    Tier.PROVINCE: report_pb.RECIPIENT_TIER_PROVINCE,
    Tier.STATE: report_pb.RECIPIENT_TIER_STATE,
}
MEANS_OF = {number: means for means, number in MEANS.items()}


def contents(request: pb.SubmitSituationReportRequest) -> dict[str, str]:
    """Return what was typed; ``text`` is another way to say the course of events."""
    course = {COURSE: request.text} if request.text else {}
    return {**request.contents, **course}


def claimed(request: pb.SubmitSituationReportRequest) -> dict[Metric, int]:
    """Return the figures that a report states; none is not stated, but drawn."""
    stated = {
        **{metric: getattr(request.casualties, metric) for metric in facts.CASUALTIES},
        Metric.PEOPLE_MOVED: request.people_moved,
    }
    return {metric: value for metric, value in stated.items() if value}


def explanations(request: pb.SubmitSituationReportRequest) -> dict[Metric, str]:
    return {METRIC_OF[said.metric]: said.text for said in request.explanations}


async def situation_reports(
    connection: AsyncConnection, rows: Sequence[Any], table: SituationReportTable
) -> list[pb.SituationReport]:
    """Return the reports in these rows, each with its sendings."""
    incident_ids = {row.incident_id for row in rows}
    sendings = defaultdict[tuple[str, str], list[Any]](list)
    if incident_ids:
        found = select(SENDINGS).where(SENDINGS.c.incident_id.in_(incident_ids))
        for sending in await connection.execute(found.order_by(SENDINGS.c.position)):
            sendings[sending.incident_id, sending.situation_report_id].append(sending)
    return [
        situation_report(row, sendings[row.incident_id, row.situation_report_id], table)
        for row in rows
    ]


def situation_report(
    row: Any, sendings: Sequence[Any], table: SituationReportTable
) -> pb.SituationReport:
    figures = msgspec.json.decode(row.figures, type=dict[Metric, int])
    fact_ids = msgspec.json.decode(row.fact_ids, type=dict[Metric, list[str]])
    said = msgspec.json.decode(row.contents, type=dict[str, str])
    explained = msgspec.json.decode(row.explanations, type=dict[Metric, str])
    return pb.SituationReport(
        situation_report_id=row.situation_report_id,
        kind=messages.KINDS[SituationReportKind(row.kind)],
        number=row.number,
        recipient=row.recipient,
        casualties=messages.casualties_message(facts.casualties(figures)),
        people_moved=figures.get(Metric.PEOPLE_MOVED, 0),
        text=said.get(COURSE, ""),
        submitted_by=row.submitted_by,
        occur_time=stamp(row.occurred_at),
        incident_id=row.incident_id,
        contents=_contents(said, table.named(row.form)),
        figures=_figures(figures, fact_ids),
        explanations=[
            report_pb.FigureExplanation(metric=METRICS[metric], text=text)
            for metric, text in explained.items()
        ],
        zero_report=row.zero_report,
        corrects=row.corrects,
        correction_reason=row.correction_reason,
        corrected_by=row.corrected_by,
        table_version=row.table_version,
        sendings=[_sending(sending) for sending in sendings],
        owed_to=_owed(msgspec.json.decode(row.owed_to, type=list[str]), sendings, table),
        record_time=stamp(row.recorded_at),
        exercise=row.exercise,
        position=row.position,
    )


def preview(
    kind: SituationReportKind, ground: Ground, draft: Draft
) -> service_pb.PreviewSituationReportResponse:
    """Return what a draft says and lacks; the caller adds where in the series it would stand."""
    form = ground.form
    given = {*draft.contents, *(content.key for content in draft.missing)}
    return service_pb.PreviewSituationReportResponse(
        kind=messages.KINDS[kind],
        contents=_contents(draft.contents, form),
        missing=_places(draft.missing),
        optional=_places(content for content in form.contents if content.key not in given),
        figures=_figures(draft.figures, draft.fact_ids),
        jumps=[
            service_pb.FigureJump(
                metric=METRICS[jump.metric],
                before=jump.before,
                after=jump.after,
                threshold_by=jump.threshold.by,
                threshold_times=jump.threshold.times,
            )
            for jump in draft.jumps
        ],
        changed=[METRICS[metric] for metric in draft.changed],
        owed_to=_owed(ground.owed_to, (), ground.table),
        table_version=ground.table.version,
    )


def _contents(said: Mapping[str, str], form: Form | None) -> list[report_pb.SituationReportContent]:
    names = {} if form is None else {content.key: content.name for content in form.contents}
    return [
        report_pb.SituationReportContent(key=key, name=names.get(key, ""), text=text)
        for key, text in said.items()
    ]


def _places(wanted: Iterable[Content]) -> list[report_pb.SituationReportContent]:
    return [
        report_pb.SituationReportContent(key=content.key, name=content.name) for content in wanted
    ]


def _figures(
    figures: Mapping[Metric, int], fact_ids: Mapping[Metric, Sequence[str]]
) -> list[report_pb.SituationReportFigure]:
    return [
        report_pb.SituationReportFigure(
            metric=METRICS[metric], value=value, fact_ids=fact_ids.get(metric, ())
        )
        for metric, value in figures.items()
    ]


def _owed(
    keys: Sequence[str], sendings: Sequence[Any], table: SituationReportTable
) -> list[report_pb.OwedRecipient]:
    sent = {sending.recipient_key for sending in sendings}
    received = {s.recipient_key for s in sendings if s.acknowledged_at is not None}
    return [
        report_pb.OwedRecipient(
            key=key,
            name=table.recipients[key].name,
            tier=TIERS[table.recipients[key].tier],
            sent=key in sent,
            acknowledged=key in received,
        )
        if key in table.recipients
        else report_pb.OwedRecipient(key=key, sent=key in sent, acknowledged=key in received)
        for key in keys
    ]


def _sending(row: Any) -> report_pb.SituationReportSending:
    message = report_pb.SituationReportSending(
        sending_id=row.sending_id,
        recipient=row.recipient,
        recipient_key=row.recipient_key,
        tier=TIERS[Tier(row.tier)] if row.tier else report_pb.RECIPIENT_TIER_UNSPECIFIED,
        means=MEANS[Means(row.means)],
        send_time=stamp(row.sent_at),
        sent_by=row.sent_by,
        note=row.note,
    )
    if row.acknowledged_at is not None:
        message.receipt.CopyFrom(
            report_pb.SituationReportReceipt(
                acknowledged_by=row.acknowledged_by,
                acknowledge_time=stamp(row.acknowledged_at),
                reference_number=row.reference_number,
            )
        )
    return message
