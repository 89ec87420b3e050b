"""Between rows of figures and messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from anlan.command.v1 import fact_service_pb2 as pb
from anlan.command.v1 import figure_pb2 as figure_pb
from services.command.domain.incident.facts import Metric, SourceKind
from services.runtime.times import stamp

METRICS = {
    Metric.DEAD: figure_pb.METRIC_DEAD,
    Metric.MISSING: figure_pb.METRIC_MISSING,
    Metric.SERIOUSLY_INJURED: figure_pb.METRIC_SERIOUSLY_INJURED,
    Metric.SLIGHTLY_INJURED: figure_pb.METRIC_SLIGHTLY_INJURED,
    Metric.TRAPPED: figure_pb.METRIC_TRAPPED,
    Metric.PEOPLE_AFFECTED: figure_pb.METRIC_PEOPLE_AFFECTED,
    Metric.PEOPLE_MOVED: figure_pb.METRIC_PEOPLE_MOVED,
    Metric.PEOPLE_THREATENED: figure_pb.METRIC_PEOPLE_THREATENED,
    Metric.HOUSES_COLLAPSED: figure_pb.METRIC_HOUSES_COLLAPSED,
    Metric.HOUSES_DAMAGED: figure_pb.METRIC_HOUSES_DAMAGED,
    Metric.DIRECT_LOSS_YUAN: figure_pb.METRIC_DIRECT_LOSS_YUAN,
    Metric.THREATENED_LOSS_YUAN: figure_pb.METRIC_THREATENED_LOSS_YUAN,
    Metric.FOREST_BURNED_SQUARE_METRES: figure_pb.METRIC_FOREST_BURNED_SQUARE_METRES,
}
SOURCE_KINDS = {
    SourceKind.REPORT: figure_pb.SOURCE_KIND_REPORT,
    SourceKind.TOWNSHIP: figure_pb.SOURCE_KIND_TOWNSHIP,
    SourceKind.DEPARTMENT: figure_pb.SOURCE_KIND_DEPARTMENT,
    SourceKind.HOSPITAL: figure_pb.SOURCE_KIND_HOSPITAL,
    SourceKind.SCENE: figure_pb.SOURCE_KIND_SCENE,
    SourceKind.ENTERPRISE: figure_pb.SOURCE_KIND_ENTERPRISE,
    SourceKind.SENSOR: figure_pb.SOURCE_KIND_SENSOR,
    SourceKind.UPSTREAM: figure_pb.SOURCE_KIND_UPSTREAM,
    SourceKind.MEDIA: figure_pb.SOURCE_KIND_MEDIA,
    SourceKind.OTHER: figure_pb.SOURCE_KIND_OTHER,
    SourceKind.TOWNSHIPS: figure_pb.SOURCE_KIND_TOWNSHIPS,
}
STATES = {
    "live": figure_pb.FIGURE_STATE_LIVE,
    "superseded": figure_pb.FIGURE_STATE_SUPERSEDED,
    "withdrawn": figure_pb.FIGURE_STATE_WITHDRAWN,
    "left": figure_pb.FIGURE_STATE_LEFT,
}
STANDS_BY = {
    "": figure_pb.STANDS_BY_UNSPECIFIED,
    "newest": figure_pb.STANDS_BY_NEWEST,
    "declaration": figure_pb.STANDS_BY_DECLARATION,
    "townships": figure_pb.STANDS_BY_TOWNSHIPS,
}
STEPS = {
    "reported": pb.LineageStep.KIND_REPORTED,
    "recorded": pb.LineageStep.KIND_RECORDED,
    "corrected": pb.LineageStep.KIND_CORRECTED,
    "withdrawn": pb.LineageStep.KIND_WITHDRAWN,
    "declared": pb.LineageStep.KIND_DECLARED,
    "grade_proposed": pb.LineageStep.KIND_GRADE_PROPOSED,
    "graded": pb.LineageStep.KIND_GRADED,
    "situation_report": pb.LineageStep.KIND_SITUATION_REPORT,
    "decision": pb.LineageStep.KIND_DECISION,
    "absorbed": pb.LineageStep.KIND_ABSORBED,
    "left": pb.LineageStep.KIND_LEFT,
}

METRIC_OF = {number: metric for metric, number in METRICS.items()}
SOURCE_KIND_OF = {number: kind for kind, number in SOURCE_KINDS.items()}


def figure(row: Any, standing: Sequence[str]) -> figure_pb.Figure:
    """Translate a row of FIGURES with its ``reporter``; ``standing`` names what stands."""
    return figure_pb.Figure(
        incident_id=row.incident_id,
        fact_id=row.fact_id,
        metric=METRICS[Metric(row.metric)],
        value=row.value,
        source_kind=SOURCE_KINDS[SourceKind(row.source_kind)],
        source=row.source,
        reporter=row.reporter,
        township=row.scope,
        note=row.note,
        basis=row.basis,
        state=STATES[row.state],
        standing=row.fact_id in standing,
        recorded_by=row.recorded_by,
        occur_time=stamp(row.occurred_at),
        record_time=stamp(row.recorded_at),
        corrects=row.corrects,
        correction_reason=row.correction_reason,
        superseded_by=row.superseded_by,
        ended_by=row.ended_by,
        end_reason=row.end_reason,
        end_time=stamp(row.ended_at),
        end_record_time=stamp(row.end_recorded_at),
        declared_by=row.declared_by,
        declare_reason=row.declare_reason,
        declare_time=stamp(row.declared_at),
        record_position=row.recorded_position,
        position=row.position,
    )


def metric_figures(stands: Any, rows: Sequence[Any]) -> figure_pb.MetricFigures:
    """Translate a row of STANDING with the ``rows`` of the figures of its metric."""
    standing = msgspec.json.decode(stands.fact_ids, type=list[str])
    message = figure_pb.MetricFigures(
        incident_id=stands.incident_id,
        metric=METRICS[Metric(stands.metric)],
        standing_value=stands.value,
        stands_by=STANDS_BY[stands.stands_by],
        standing_fact_ids=standing,
        conflicting=stands.conflicting,
        live=[figure(row, standing) for row in rows if row.state == "live"],
        ended=[figure(row, standing) for row in rows if row.state != "live"],
        position=stands.position,
    )
    if stands.lapsed_fact_id:
        message.authority_lapsed.CopyFrom(
            figure_pb.LapsedAuthority(
                fact_id=stands.lapsed_fact_id,
                lapsed_by=stands.lapsed_by,
                reason=stands.lapse_reason,
                lapse_time=stamp(stands.lapsed_at),
            )
        )
    return message


def step(row: Any, value: int) -> pb.LineageStep:
    return pb.LineageStep(
        kind=STEPS[row.kind],
        fact_id=row.fact_id,
        value=value,
        reference=row.reference,
        reason=row.reason,
        actor=row.actor,
        occur_time=stamp(row.occurred_at),
        record_time=stamp(row.recorded_at),
        event_id=row.event_id,
        position=row.position,
    )


def values(numbers: Mapping[Metric, int]) -> list[figure_pb.FigureValue]:
    return [
        figure_pb.FigureValue(metric=METRICS[metric], value=value)
        for metric, value in numbers.items()
    ]
