"""What was done with figures, folded into their rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from sqlalchemy import Connection, and_, bindparam, delete, select, update

from services.command.domain.incident import (
    decider,
    decisions,
    facts,
    figures,
    grading,
    lifecycle,
    merge,
    series,
    split,
)
from services.command.domain.incident.facts import Fact, SourceKind
from services.command.projections.facts import (
    FIGURES,
    LEFT,
    LIVE,
    STANDING,
    STEPS,
    SUPERSEDED,
    WITHDRAWN,
    of,
    of_row,
    settle,
)
from services.runtime.recorded import Recorded
from services.runtime.times import micros

# Built once each: building a statement costs more than running it.
_OWN = and_(
    FIGURES.c.incident_id == bindparam("own_incident"),
    FIGURES.c.fact_id == bindparam("own_fact"),
)
_FORGET_LEFT = delete(FIGURES).where(_OWN, FIGURES.c.state == LEFT)
_THERE = select(FIGURES.c.fact_id).where(_OWN)
_SAY, _STEP = FIGURES.insert(), STEPS.insert()

UNDECLARED: Mapping[str, object] = {
    "declared_by": "",
    "declare_reason": "",
    "declared_at": None,
}


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
        case merge.IncidentAbsorbed():
            _absorbed(connection, recorded, event)
        case split.SplitBegun():
            _left(connection, recorded, event)
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
    settle(connection, recorded, event.incident_id, [fact.metric for fact in said])


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
        settle(connection, recorded, event.incident_id, [event.metric])
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
    settle(connection, recorded, event.incident_id, [event.metric], lapsed)


def _withdrawn(connection: Connection, recorded: Recorded, event: figures.FigureWithdrawn) -> None:
    _end(connection, recorded, event, event.fact_id, event.withdrawn_by)
    _tell(connection, recorded, event, event.fact_id, "withdrawn", "", event.reason)
    lapsed = _lapsed(event, event.fact_id, event.withdrawn_by)
    settle(connection, recorded, event.incident_id, [event.metric], lapsed)


def _declared(
    connection: Connection, recorded: Recorded, event: figures.FigureDeclaredAuthoritative
) -> None:
    _declare(connection, event, event.declared_by)
    _tell(connection, recorded, event, event.fact_id, "declared", event.previous, event.reason)
    settle(connection, recorded, event.incident_id, [event.metric])


def _absorbed(connection: Connection, recorded: Recorded, event: merge.IncidentAbsorbed) -> None:
    for old, fact in event.facts.items():
        _insert(connection, recorded, event.incident_id, fact, {})
        came = f"{event.source_id}/{old}"
        _tell(connection, recorded, event, fact.fact_id, "absorbed", came)
    metrics = sorted({fact.metric for fact in event.facts.values()})
    settle(connection, recorded, event.incident_id, metrics)


def _left(connection: Connection, recorded: Recorded, event: split.SplitBegun) -> None:
    """Let figures go with the reports that said them."""
    rows = connection.execute(
        select(FIGURES)
        .where(FIGURES.c.incident_id == event.incident_id, FIGURES.c.state != LEFT)
        .order_by(FIGURES.c.recorded_position)
    ).all()
    known = facts.Facts(
        known={row.fact_id: of_row(row) for row in rows},
        ended={row.fact_id: row.superseded_by for row in rows if row.state != LIVE},
    )
    gone = sorted(facts.said_by(known, {report.report_id for report in event.reports}))
    for fact_id in gone:
        connection.execute(
            update(FIGURES)
            .where(of(event.incident_id, fact_id))
            .values(
                state=LEFT,
                ended_by=event.begun_by,
                end_reason=event.reason,
                ended_at=micros(event.occurred_at),
                end_recorded_at=micros(recorded.created_at),
                position=recorded.position,
                **UNDECLARED,
            )
        )
        _tell(connection, recorded, event, fact_id, "left", event.new_incident_id, event.reason)
    metrics = sorted({known.known[fact_id].metric for fact_id in gone})
    settle(connection, recorded, event.incident_id, metrics)


def _insert(
    connection: Connection,
    recorded: Recorded,
    incident_id: str,
    fact: Fact,
    correction: Mapping[str, object],
) -> None:
    own = {"own_incident": incident_id, "own_fact": fact.fact_id}
    connection.execute(_FORGET_LEFT, own)  # it comes back
    if connection.execute(_THERE, own).first() is not None:
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
    connection.execute(_SAY, row)


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
        .where(of(event.incident_id, fact_id))
        .values(
            state=SUPERSEDED if corrected else WITHDRAWN,
            superseded_by=event.fact_id if corrected else "",
            ended_by=by,
            end_reason=event.reason,
            ended_at=micros(event.occurred_at),
            end_recorded_at=micros(recorded.created_at),
            position=recorded.position,
            **UNDECLARED,
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
        update(FIGURES).where(same, FIGURES.c.declared_by != "").values(**UNDECLARED)
    )
    connection.execute(
        update(STANDING)
        .where(STANDING.c.incident_id == event.incident_id, STANDING.c.metric == event.metric)
        .where(STANDING.c.lapsed_fact_id.in_(select(FIGURES.c.fact_id).where(same)))
        .values(lapsed_fact_id="", lapsed_by="", lapse_reason="", lapsed_at=None)
    )
    connection.execute(
        update(FIGURES)
        .where(of(event.incident_id, event.fact_id))
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
    connection.execute(_STEP, _step(recorded, event, fact_id, kind, reference, reason))


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
