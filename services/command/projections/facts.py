"""Figures as rows: each as it was said, what stands of each metric, and every event about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    String,
    Table,
    Text,
    and_,
    select,
    update,
)

from services.command.domain.incident import (
    decider,
    decisions,
    facts,
    figures,
    grading,
    lifecycle,
    series,
)
from services.command.domain.incident.facts import Fact, Metric, SourceKind
from services.command.projections import incidents
from services.command.projections.shared import METADATA, json
from services.runtime.recorded import Recorded
from services.runtime.times import EPOCH, micros

FIGURES = Table(
    "figure",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("fact_id", String, primary_key=True),
    Column("metric", String, nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("source_kind", String, nullable=False),
    Column("source", Text, nullable=False),
    Column("scope", String, nullable=False),
    Column("note", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("corrects", String, nullable=False),
    Column("correction_reason", Text, nullable=False),
    Column("recorded_by", String, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("state", String, nullable=False),
    Column("superseded_by", String, nullable=False, default=""),
    Column("ended_by", String, nullable=False, default=""),
    Column("end_reason", Text, nullable=False, default=""),
    Column("ended_at", BigInteger),
    Column("end_recorded_at", BigInteger),
    Column("declared_by", String, nullable=False, default=""),
    Column("declare_reason", Text, nullable=False, default=""),
    Column("declared_at", BigInteger),
    Column("recorded_position", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
)
Index("figure_by_metric", FIGURES.c.incident_id, FIGURES.c.metric)
STANDING = Table(
    "standing_figure",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("metric", String, primary_key=True),
    Column("value", BigInteger),  # none when all that was said was withdrawn
    Column("fact_ids", Text, nullable=False),
    Column("stands_by", String, nullable=False),
    Column("conflicting", Boolean, nullable=False),
    Column("lapsed_fact_id", String, nullable=False, default=""),
    Column("lapsed_by", String, nullable=False, default=""),
    Column("lapse_reason", Text, nullable=False, default=""),
    Column("lapsed_at", BigInteger),
    Column("position", BigInteger, nullable=False, index=True),
)
STEPS = Table(
    "figure_step",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("fact_id", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("kind", String, nullable=False),
    Column("reference", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", String, nullable=False),
    Column("event_id", String, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
)
LIVE, SUPERSEDED, WITHDRAWN = "live", "superseded", "withdrawn"


def apply(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    match event:
        case lifecycle.IncidentOpened() | lifecycle.ReportAttached():
            _reported(connection, recorded, event)
        case figures.FigureRecorded() | figures.FigureCorrected():
            _recorded(connection, recorded, event)
        case figures.FigureWithdrawn():
            _withdrawn(connection, recorded, event)
        case figures.FigureDeclaredAuthoritative():
            _declared(connection, recorded, event)
        case _:
            used = {
                fact_id: (kind, reference, reason)
                for name, kind, reference, reason in _uses(event)
                for fact_id in _parts(connection, event.incident_id, name)
            }
            for fact_id, use in used.items():
                _tell(connection, recorded, event, fact_id, *use)


def _reported(
    connection: Connection,
    recorded: Recorded,
    event: lifecycle.IncidentOpened | lifecycle.ReportAttached,
) -> None:
    said = facts.said_by_report(event.report_id, event.casualties, event.reported_at)
    for fact in said:
        _insert(connection, recorded, event.incident_id, fact, {})
        _tell(connection, recorded, event, fact.fact_id, "recorded", event.report_id)
    _settle(connection, recorded, event.incident_id, [fact.metric for fact in said])


def _recorded(
    connection: Connection,
    recorded: Recorded,
    event: figures.FigureRecorded | figures.FigureCorrected,
) -> None:
    fact = Fact(
        fact_id=event.fact_id,
        metric=event.metric,
        value=event.value,
        source_kind=event.source_kind,
        source=event.source,
        occurred_at=event.occurred_at,
        scope=event.scope,
        note=event.note,
        basis=event.basis,
    )
    if isinstance(event, figures.FigureRecorded):
        _insert(connection, recorded, event.incident_id, fact, {})
        _tell(connection, recorded, event, fact.fact_id, "recorded", event.basis)
        _settle(connection, recorded, event.incident_id, [event.metric])
        return
    correction: dict[str, object] = {
        "corrects": event.corrects,
        "correction_reason": event.reason,
    }
    _end(connection, recorded, event, event.corrects, event.corrected_by)
    _insert(connection, recorded, event.incident_id, fact, correction)
    _tell(connection, recorded, event, fact.fact_id, "corrected", event.corrects, event.reason)
    if event.authority is figures.Authority.DECLARED:
        _declare(connection, event, event.corrected_by)
    lapsed = _lapsed(event, event.corrects, event.corrected_by)
    _settle(connection, recorded, event.incident_id, [event.metric], lapsed)


def _withdrawn(connection: Connection, recorded: Recorded, event: figures.FigureWithdrawn) -> None:
    _end(connection, recorded, event, event.fact_id, event.withdrawn_by)
    _tell(connection, recorded, event, event.fact_id, "withdrawn", "", event.reason)
    lapsed = _lapsed(event, event.fact_id, event.withdrawn_by)
    _settle(connection, recorded, event.incident_id, [event.metric], lapsed)


def _declared(
    connection: Connection, recorded: Recorded, event: figures.FigureDeclaredAuthoritative
) -> None:
    _declare(connection, event, event.declared_by)
    _tell(connection, recorded, event, event.fact_id, "declared", event.previous, event.reason)
    _settle(connection, recorded, event.incident_id, [event.metric])


def _insert(
    connection: Connection,
    recorded: Recorded,
    incident_id: str,
    fact: Fact,
    correction: Mapping[str, object],
) -> None:
    known = select(FIGURES.c.fact_id).where(_of(incident_id, fact.fact_id))
    if connection.execute(known).first() is not None:
        return
    row = {
        "incident_id": incident_id,
        "fact_id": fact.fact_id,
        "metric": fact.metric,
        "value": fact.value,
        "source_kind": fact.source_kind,
        "source": fact.source,
        "scope": fact.scope,
        "note": fact.note,
        "basis": fact.basis,
        "corrects": "",
        "correction_reason": "",
        "recorded_by": recorded.metadata.get("actor", ""),
        "occurred_at": micros(fact.occurred_at),
        "recorded_at": micros(recorded.created_at),
        "state": LIVE,
        "recorded_position": recorded.position,
        "position": recorded.position,
        **correction,
    }
    connection.execute(FIGURES.insert(), row)


def _end(
    connection: Connection,
    recorded: Recorded,
    event: figures.FigureCorrected | figures.FigureWithdrawn,
    fact_id: str,
    by: str,
) -> None:
    corrected = isinstance(event, figures.FigureCorrected)
    connection.execute(
        update(FIGURES)
        .where(_of(event.incident_id, fact_id))
        .values(
            state=SUPERSEDED if corrected else WITHDRAWN,
            superseded_by=event.fact_id if corrected else "",
            ended_by=by,
            end_reason=event.reason,
            ended_at=micros(event.occurred_at),
            end_recorded_at=micros(recorded.created_at),
            declared_by="",
            declare_reason="",
            declared_at=None,
            position=recorded.position,
        )
    )


def _declare(
    connection: Connection,
    event: figures.FigureCorrected | figures.FigureDeclaredAuthoritative,
    by: str,
) -> None:
    """Let the declaration hold for this figure alone of all about the same."""
    other = FIGURES.alias()
    scope = select(other.c.scope).where(
        other.c.incident_id == event.incident_id, other.c.fact_id == event.fact_id
    )
    same = and_(
        FIGURES.c.incident_id == event.incident_id,
        FIGURES.c.metric == event.metric,
        FIGURES.c.scope == scope.scalar_subquery(),
    )
    connection.execute(
        update(FIGURES)
        .where(same, FIGURES.c.declared_by != "")
        .values(declared_by="", declare_reason="", declared_at=None)
    )
    connection.execute(
        update(STANDING)
        .where(STANDING.c.incident_id == event.incident_id, STANDING.c.metric == event.metric)
        .where(STANDING.c.lapsed_fact_id.in_(select(FIGURES.c.fact_id).where(same)))
        .values(lapsed_fact_id="", lapsed_by="", lapse_reason="", lapsed_at=None)
    )
    connection.execute(
        update(FIGURES)
        .where(_of(event.incident_id, event.fact_id))
        .values(declared_by=by, declare_reason=event.reason, declared_at=micros(event.occurred_at))
    )


def _lapsed(
    event: figures.FigureCorrected | figures.FigureWithdrawn, fact_id: str, by: str
) -> Mapping[str, object]:
    if event.authority is not figures.Authority.LAPSED:
        return {}
    return {
        "lapsed_fact_id": fact_id,
        "lapsed_by": by,
        "lapse_reason": event.reason,
        "lapsed_at": micros(event.occurred_at),
    }


def _settle(
    connection: Connection,
    recorded: Recorded,
    incident_id: str,
    metrics: Iterable[Metric],
    lapsed: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Write down what stands now of these metrics, by the same rule as decisions follow."""
    harmed = False
    for metric in metrics:
        harmed = harmed or metric in facts.CASUALTIES
        rows = connection.execute(
            select(FIGURES)
            .where(FIGURES.c.incident_id == incident_id, FIGURES.c.metric == metric)
            .where(FIGURES.c.state == LIVE)
            .order_by(FIGURES.c.recorded_position)
        ).all()
        values = {**_standing(rows), **lapsed, "position": recorded.position}
        changed = connection.execute(
            update(STANDING)
            .where(STANDING.c.incident_id == incident_id, STANDING.c.metric == metric)
            .values(**values)
        )
        if not changed.rowcount:
            row = {"incident_id": incident_id, "metric": metric, **values}
            connection.execute(STANDING.insert(), row)
    if harmed:
        incidents.keep_casualties(connection, incident_id, standing(connection, incident_id))


def _standing(rows: Sequence[Any]) -> dict[str, object]:
    live = [of_row(row) for row in rows]
    if not live:
        return {"value": None, "fact_ids": "[]", "stands_by": "", "conflicting": False}
    declared = {row.fact_id for row in rows if row.declared_by}
    stands = facts.standing_of(live, declared)
    if stands.source_kind is SourceKind.TOWNSHIPS:
        by = "townships"
    else:
        by = "declaration" if stands.fact_id in declared else "newest"
    return {
        "value": stands.value,
        "fact_ids": json(stands.parts or (stands.fact_id,)),
        "stands_by": by,
        "conflicting": facts.conflicting(live),
    }


def standing(connection: Connection, incident_id: str) -> dict[Metric, int]:
    """Return the values that stand of an incident."""
    rows = connection.execute(select(STANDING).where(STANDING.c.incident_id == incident_id))
    return {Metric(row.metric): row.value for row in rows if row.value is not None}


def of_row(row: Any) -> Fact:
    """Return the fact that a row of a figure tells."""
    return Fact(
        fact_id=row.fact_id,
        metric=Metric(row.metric),
        value=row.value,
        source_kind=SourceKind(row.source_kind),
        source=row.source,
        occurred_at=EPOCH + timedelta(microseconds=row.occurred_at),
        scope=row.scope,
        note=row.note,
        basis=row.basis,
    )


def _uses(event: decider.Event) -> Iterator[tuple[str, str, str, str]]:
    """Yield which facts an event rests on, as what, by which reference and with what reason."""
    match event:
        case grading.GradeProposed():
            for fact_id in event.facts:
                yield fact_id, "grade_proposed", event.rule_id, event.basis
        case grading.IncidentGraded():
            for fact_id in event.facts:
                yield fact_id, "graded", event.rule_id, event.basis
        case series.SituationReportSubmitted():
            for fact_ids in event.fact_ids.values():
                for fact_id in fact_ids:
                    yield fact_id, "situation_report", event.situation_report_id, ""
        case decisions.DecisionRecorded():
            for basis in event.basis:
                if basis.kind is decisions.BasisKind.FACT:
                    yield basis.reference, "decision", event.decision_id, basis.text


def _parts(connection: Connection, incident_id: str, fact_id: str) -> list[str]:
    """Return the facts that one which is used consists of: itself, or the townships of a sum."""
    kind, _, metric = fact_id.partition(":")
    if kind != SourceKind.TOWNSHIPS:
        return [fact_id]
    row = connection.execute(
        select(STANDING.c.fact_ids)
        .where(STANDING.c.incident_id == incident_id)
        .where(STANDING.c.metric == metric)
    ).first()
    return [] if row is None else msgspec.json.decode(row.fact_ids, type=list[str])


def _tell(
    connection: Connection,
    recorded: Recorded,
    event: decider.Event,
    fact_id: str,
    kind: str,
    reference: str,
    reason: str = "",
) -> None:
    connection.execute(STEPS.insert(), _step(recorded, event, fact_id, kind, reference, reason))


def _step(
    recorded: Recorded, event: decider.Event, fact_id: str, kind: str, reference: str, reason: str
) -> dict[str, object]:
    return {
        "incident_id": event.incident_id,
        "fact_id": fact_id,
        "position": recorded.position,
        "kind": kind,
        "reference": reference,
        "reason": reason,
        "actor": recorded.metadata.get("actor", ""),
        "event_id": str(recorded.id),
        "occurred_at": micros(event.occurred_at),
        "recorded_at": micros(recorded.created_at),
    }


def _of(incident_id: str, fact_id: str) -> ColumnElement[bool]:
    return and_(FIGURES.c.incident_id == incident_id, FIGURES.c.fact_id == fact_id)
