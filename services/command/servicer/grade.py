"""Why an incident has its grade: the figures, the thresholds and who said what.  Reads only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import select

from anlan.command.v1 import grade_service_pb2 as pb
from anlan.command.v1 import incident_service_pb2 as incident_pb
from anlan.command.v1.grade_service_pb2_grpc import GradeServiceServicer
from services.command.domain.grades import Grade
from services.command.domain.incident import lifecycle
from services.command.domain.incident.facts import Metric
from services.command.domain.incident.grade_tables import (
    NO_RESPONSE,
    GradeTables,
    Reading,
    propose,
)
from services.command.domain.levels import Level
from services.command.projections.facts import STANDING
from services.command.projections.grading import GRADING
from services.command.projections.incidents import INCIDENTS
from services.command.servicer import figure_messages, messages
from services.runtime import paging, reading
from services.runtime.readmodel import ReadModel
from services.runtime.times import EPOCH, stamp

STEPS = {
    "proposed": pb.GradingStep.KIND_PROPOSED,
    "confirmed": pb.GradingStep.KIND_CONFIRMED,
    "overridden": pb.GradingStep.KIND_OVERRIDDEN,
    "by_hand": pb.GradingStep.KIND_BY_HAND,
    "mismatched": pb.GradingStep.KIND_MISMATCHED,
    "matched": pb.GradingStep.KIND_MATCHED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeServicer(GradeServiceServicer):
    model: ReadModel
    tables: GradeTables
    now: Callable[[], datetime]

    async def GetGrading(
        self, request: pb.GetGradingRequest, context: Any
    ) -> pb.GetGradingResponse:
        size = paging.limit(request.page_size)
        steps = select(GRADING).where(GRADING.c.incident_id == request.incident_id)
        steps = steps.order_by(GRADING.c.position.desc()).limit(size + 1)
        if after := paging.key(request.page_token, (int,)):
            steps = steps.where(GRADING.c.position < after[0])
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (
                await connection.execute(
                    select(INCIDENTS).where(INCIDENTS.c.incident_id == request.incident_id)
                )
            ).first()
            stands = await connection.execute(
                select(STANDING.c.metric, STANDING.c.value)
                .where(STANDING.c.incident_id == request.incident_id)
                .where(STANDING.c.value.is_not(None))
            )
            found = (await connection.execute(steps)).all()
        if row is None:
            raise lifecycle.unknown(request.incident_id)
        figures = {Metric(stand.metric): stand.value for stand in stands}
        response = pb.GetGradingResponse(
            incident_id=row.incident_id,
            type_code=row.type_code,
            grade=_grade(row.grade),
            evaluation=evaluation(self.tables, row, figures),
            fit=fit(self.tables, row),
            steps=[_step(step) for step in found[:size]],
        )
        if len(found) > size:
            response.next_page_token = paging.token(found[size - 1].position)
        reading.freshen(response.freshness, seen)
        return response


def evaluation(tables: GradeTables, row: Any, figures: Mapping[Metric, int]) -> pb.Evaluation:
    reported_at = EPOCH + timedelta(microseconds=row.reported_at)
    table = tables.table(row.type_code, reported_at)
    if table is None:
        return pb.Evaluation(not_counted=figure_messages.values(figures))
    proposal = propose(tables, row.type_code, figures, reported_at)
    unread = {metric: value for metric, value in figures.items() if metric not in proposal.numbers}
    return pb.Evaluation(
        table_id=table.table_id,
        table_version=table.version,
        name=table.name,
        basis=table.basis,
        source=table.source,
        note=table.note,
        proposed=_grade(proposal.grade),
        rule_id=proposal.rule_id,
        readings=[_reading(read) for read in table.read(figures)],
        not_counted=figure_messages.values(unread),
    )


def _reading(read: Reading) -> pb.ThresholdReading:
    measure = read.measure
    return pb.ThresholdReading(
        measure_id=measure.measure_id,
        name=measure.name,
        counts=[figure_messages.METRICS[metric] for metric in measure.counts],
        value=read.value,
        reached=_grade(read.reached),
        next=_grade(read.next),
        next_at_least=0 if read.next is None else measure.at_least[read.next],
        short_by=read.short_by,
    )


def fit(tables: GradeTables, row: Any) -> pb.ResponseFit:
    fitting = tables.fitting(row.type_code, Grade(row.grade)) if row.grade else ()
    return pb.ResponseFit(
        level=_level(row.level),
        fitting=_levels(fitting),
        none_fits=NO_RESPONSE in fitting,
        mismatched=row.response_mismatched,
        table_version=tables.version,
    )


def _step(row: Any) -> pb.GradingStep:
    return pb.GradingStep(
        kind=STEPS[row.kind],
        grade=_grade(row.grade),
        previous=_grade(row.previous),
        proposed=_grade(row.proposed),
        basis=row.basis,
        table_id=row.table_id,
        table_version=row.table_version,
        rule_id=row.rule_id,
        numbers=figure_messages.values(msgspec.json.decode(row.numbers, type=dict[Metric, int])),
        fact_ids=msgspec.json.decode(row.facts, type=list[str]),
        level=_level(row.level),
        fitting=_levels(msgspec.json.decode(row.fitting, type=list[str])),
        actor=row.actor,
        reach_time=stamp(row.reached_at),
        occur_time=stamp(row.occurred_at),
        record_time=stamp(row.recorded_at),
        event_id=row.event_id,
        position=row.position,
    )


def _grade(grade: str | None) -> incident_pb.Grade.ValueType:
    return messages.GRADES[Grade(grade)] if grade else incident_pb.GRADE_UNSPECIFIED


def _level(level: str | None) -> incident_pb.ResponseLevel.ValueType:
    return messages.LEVELS[Level(level)] if level else incident_pb.RESPONSE_LEVEL_UNSPECIFIED


def _levels(fitting: tuple[str, ...] | list[str]) -> list[incident_pb.ResponseLevel.ValueType]:
    return [messages.LEVELS[Level(level)] for level in fitting if level != NO_RESPONSE]
