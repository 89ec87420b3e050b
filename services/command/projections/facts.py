"""Figures as rows: each as it was said, what stands of each metric, and every event about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

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
    bindparam,
    select,
    update,
)

from services.command.domain.incident import facts
from services.command.domain.incident.facts import Fact, Metric, SourceKind
from services.command.projections import incidents
from services.command.projections.shared import METADATA, json
from services.runtime.recorded import Recorded
from services.runtime.times import EPOCH

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
Index(  # the newest that is live, in order
    "figure_newest",
    FIGURES.c.incident_id,
    FIGURES.c.state,
    FIGURES.c.occurred_at,
    FIGURES.c.recorded_position,
    FIGURES.c.fact_id,
)
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
LIVE, SUPERSEDED, WITHDRAWN, LEFT = "live", "superseded", "withdrawn", "left"
# Built once each: building a statement costs more than running it.
_LIVE_OF = (
    select(
        FIGURES.c.fact_id,
        FIGURES.c.metric,
        FIGURES.c.value,
        FIGURES.c.source_kind,
        FIGURES.c.source,
        FIGURES.c.occurred_at,
        FIGURES.c.scope,
        FIGURES.c.note,
        FIGURES.c.basis,
        FIGURES.c.declared_by,
    )
    .where(FIGURES.c.incident_id == bindparam("own_incident"))
    .where(FIGURES.c.metric == bindparam("own_metric"))
    .where(FIGURES.c.state == LIVE)
    .order_by(FIGURES.c.recorded_position)
)
_SETTLE = update(STANDING).where(
    STANDING.c.incident_id == bindparam("own_incident"),
    STANDING.c.metric == bindparam("own_metric"),
)
_STAND = STANDING.insert()
_STANDING_OF = select(STANDING.c.metric, STANDING.c.value).where(
    STANDING.c.incident_id == bindparam("own_incident")
)


def settle(
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
        own = {"own_incident": incident_id, "own_metric": metric}
        rows = connection.execute(_LIVE_OF, own).all()
        values = {**_standing(rows), **lapsed, "position": recorded.position}
        if not connection.execute(_SETTLE, own | values).rowcount:
            connection.execute(_STAND, {"incident_id": incident_id, "metric": metric, **values})
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
    rows = connection.execute(_STANDING_OF, {"own_incident": incident_id})
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


def of(incident_id: str, fact_id: str) -> ColumnElement[bool]:
    return and_(FIGURES.c.incident_id == incident_id, FIGURES.c.fact_id == fact_id)
