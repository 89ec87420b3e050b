"""The figures API: requests in, commands out, and figures with their lineage.  No rules here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec
from sqlalchemy import Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from anlan.command.v1 import fact_service_pb2 as pb
from anlan.command.v1 import figure_pb2 as figure_pb
from anlan.command.v1.fact_service_pb2_grpc import FactServiceServicer
from services.command.domain.incident import figures
from services.command.domain.incident.facts import SourceKind
from services.command.projections.facts import FIGURES, LIVE, STANDING, STEPS
from services.command.projections.reports import REPORTS
from services.command.servicer import figure_messages as messages
from services.command.servicer.acting import Incidents, act
from services.runtime import call, paging, reading
from services.runtime.handle import derived_id
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.times import said, stamp

WATCH_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class FactServicer(FactServiceServicer):
    incidents: Incidents
    model: ReadModel
    regions: Regions
    now: Callable[[], datetime]

    async def RecordFigure(
        self, request: pb.RecordFigureRequest, context: Any
    ) -> pb.RecordFigureResponse:
        if request.township:
            self.regions.check(request.township, "township")
        fact_id = request.fact_id or derived_id(request.request_id, "figure")
        command = figures.RecordFigure(
            by=call.current().actor,
            incident_id=request.incident_id,
            fact_id=fact_id,
            metric=messages.METRIC_OF[request.metric],
            value=request.value,
            source_kind=messages.SOURCE_KIND_OF[request.source_kind],
            source=request.source,
            scope=request.township,
            note=request.note,
            basis=request.basis,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.RecordFigureResponse(
            fact_id=fact_id, etag=written.etag, position=written.position
        )

    async def CorrectFigure(
        self, request: pb.CorrectFigureRequest, context: Any
    ) -> pb.CorrectFigureResponse:
        fact_id = request.fact_id or derived_id(request.request_id, "figure")
        command = figures.CorrectFigure(
            by=call.current().actor,
            incident_id=request.incident_id,
            fact_id=fact_id,
            corrects=request.corrects,
            value=request.value,
            source_kind=messages.SOURCE_KIND_OF[request.source_kind],
            source=request.source,
            note=request.note,
            basis=request.basis,
            reason=request.reason,
            authoritative=request.authoritative,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.CorrectFigureResponse(
            fact_id=fact_id, etag=written.etag, position=written.position
        )

    async def WithdrawFigure(
        self, request: pb.WithdrawFigureRequest, context: Any
    ) -> pb.WithdrawFigureResponse:
        command = figures.WithdrawFigure(
            by=call.current().actor,
            incident_id=request.incident_id,
            fact_id=request.fact_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.WithdrawFigureResponse(etag=written.etag, position=written.position)

    async def DeclareAuthoritative(
        self, request: pb.DeclareAuthoritativeRequest, context: Any
    ) -> pb.DeclareAuthoritativeResponse:
        command = figures.DeclareAuthoritative(
            by=call.current().actor,
            incident_id=request.incident_id,
            fact_id=request.fact_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
        )
        written = await act(self.incidents, request, command)
        return pb.DeclareAuthoritativeResponse(etag=written.etag, position=written.position)

    async def GetFigure(self, request: pb.GetFigureRequest, context: Any) -> pb.GetFigureResponse:
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            statement = _alike(request.incident_id, request.fact_id)
            rows = {row.fact_id: row for row in await connection.execute(statement)}
            if request.fact_id not in rows:
                raise figures.unknown(request.incident_id, request.fact_id)
            chain = _chain(rows, request.fact_id)
            standing = await connection.scalar(
                select(STANDING.c.fact_ids)
                .where(STANDING.c.incident_id == request.incident_id)
                .where(STANDING.c.metric == rows[request.fact_id].metric)
            )
            steps = await connection.execute(
                select(STEPS)
                .where(STEPS.c.incident_id == request.incident_id)
                .where(STEPS.c.fact_id.in_([row.fact_id for row in chain]))
            )
        lineage = [_reported(row) for row in chain if row.source_kind == SourceKind.REPORT]
        lineage += [messages.step(step, rows[step.fact_id].value) for step in steps]
        response = pb.GetFigureResponse(
            figure=messages.figure(
                rows[request.fact_id], msgspec.json.decode(standing or "[]", type=list[str])
            ),
            lineage=sorted(lineage, key=lambda step: step.position),
        )
        reading.freshen(response.freshness, seen)
        return response

    async def ListFigures(
        self, request: pb.ListFiguresRequest, context: Any
    ) -> pb.ListFiguresResponse:
        size = paging.limit(request.page_size)
        column = STANDING.c
        statement = select(STANDING).where(column.incident_id == request.incident_id)
        statement = statement.order_by(column.metric).limit(size + 1)
        if after := paging.key(request.page_token, (str,)):
            statement = statement.where(column.metric > after[0])
        if request.metrics:
            metrics = [messages.METRIC_OF[metric] for metric in request.metrics]
            statement = statement.where(column.metric.in_(metrics))
        if request.conflicting_only:
            statement = statement.where(column.conflicting)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            stands = (await connection.execute(statement)).all()
            found = await _of(connection, stands[:size], ended=request.include_ended)
        response = pb.ListFiguresResponse(metrics=found)
        if len(stands) > size:
            response.next_page_token = paging.token(stands[size - 1].metric)
        reading.freshen(response.freshness, seen)
        return response

    async def WatchFigures(
        self, request: pb.WatchFiguresRequest, context: Any
    ) -> AsyncIterator[pb.WatchFiguresResponse]:
        """Send what changed; one report may change several metrics at one position."""
        column = STANDING.c
        last = request.resume_position
        while True:
            statement = select(STANDING).where(column.position > last)
            statement = statement.order_by(column.position, column.metric).limit(WATCH_PAGE)
            if request.incident_id:
                statement = statement.where(column.incident_id == request.incident_id)
            async with self.model.read() as (connection, seen):
                stands: Sequence[Any] = (await connection.execute(statement)).all()
                if len(stands) == WATCH_PAGE:  # the last position may not be whole
                    stands = [row for row in stands if row.position < stands[-1].position]
                found = await _of(connection, stands, ended=False)
            ends = [now.position < then.position for now, then in pairwise(found)] + [True]
            for metric, whole in zip(found, ends, strict=False):
                last = metric.position if whole else metric.position - 1
                yield pb.WatchFiguresResponse(metric=metric, position=last)
            if not found:
                await self.model.advanced(seen.position)


def figure_rows() -> Select[Any]:
    """Return the figures, each with what its report says of where it comes from."""
    said_so = and_(
        FIGURES.c.source_kind == SourceKind.REPORT, FIGURES.c.basis == REPORTS.c.report_id
    )
    return select(
        FIGURES,
        func.coalesce(REPORTS.c.reporter, "").label("reporter"),
        REPORTS.c.recorded_by.label("report_recorded_by"),
        REPORTS.c.event_id.label("report_event_id"),
        REPORTS.c.occurred_at.label("report_occurred_at"),
        REPORTS.c.recorded_at.label("report_recorded_at"),
        REPORTS.c.opened_position.label("report_position"),
    ).join_from(FIGURES, REPORTS, said_so, isouter=True)


def _alike(incident_id: str, fact_id: str) -> Select[Any]:
    """Return the figures of the metric that this one speaks of."""
    other = FIGURES.alias()
    metric = select(other.c.metric).where(
        other.c.incident_id == incident_id, other.c.fact_id == fact_id
    )
    return figure_rows().where(
        FIGURES.c.incident_id == incident_id, FIGURES.c.metric == metric.scalar_subquery()
    )


async def _of(
    connection: AsyncConnection, stands: Iterable[Any], *, ended: bool
) -> list[figure_pb.MetricFigures]:
    """Return what is said of the metrics in these rows of STANDING, newest first."""
    keys = [(row.incident_id, row.metric) for row in stands]
    statement = figure_rows().where(
        FIGURES.c.incident_id.in_({incident_id for incident_id, _ in keys}),
        FIGURES.c.metric.in_({metric for _, metric in keys}),
    )
    if not ended:
        statement = statement.where(FIGURES.c.state == LIVE)
    statement = statement.order_by(FIGURES.c.occurred_at.desc(), FIGURES.c.recorded_position.desc())
    said_of: dict[tuple[str, str], list[Any]] = {key: [] for key in keys}
    for row in await connection.execute(statement) if keys else ():
        if (row.incident_id, row.metric) in said_of:
            said_of[row.incident_id, row.metric].append(row)
    return [messages.metric_figures(row, said_of[row.incident_id, row.metric]) for row in stands]


def _chain(rows: dict[str, Any], fact_id: str) -> list[Any]:
    """Return a figure with all that it corrected and all that corrected it."""
    chain = [rows[fact_id]]
    while chain[0].corrects in rows:
        chain.insert(0, rows[chain[0].corrects])
    while chain[-1].superseded_by in rows:
        chain.append(rows[chain[-1].superseded_by])
    return chain


def _reported(row: Any) -> pb.LineageStep:
    return pb.LineageStep(
        kind=pb.LineageStep.KIND_REPORTED,
        fact_id=row.fact_id,
        value=row.value,
        reference=row.basis,
        actor=row.report_recorded_by,
        occur_time=stamp(row.report_occurred_at),
        record_time=stamp(row.report_recorded_at),
        event_id=row.report_event_id,
        position=row.report_position,
    )
