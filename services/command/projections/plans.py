"""Plans as rows: one each, one for each version, one for each act on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    String,
    Table,
    Text,
    and_,
    case,
    delete,
    update,
)

from services.command.domain.plan.events import (
    Advanced,
    Event,
    PlanAssessed,
    PlanDrafted,
    PlanExercised,
    PlanFiled,
    PlanPublished,
    PlanRetired,
    PlanReviewed,
    PlanRevised,
    Stage,
    stage_of,
)
from services.command.projections.shared import METADATA, json
from services.runtime.recorded import Recorded
from services.runtime.times import micros

SUPERSEDED, RETIRED = "superseded", "retired"

PLANS = Table(
    "plan",
    METADATA,
    Column("plan_id", String, primary_key=True),
    Column("adcode", String, nullable=False),
    Column("state", String, nullable=False),
    Column("newest", Integer, nullable=False),
    Column("in_force", Integer, nullable=False, default=0),
    Column("exercise", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("position", BigInteger, nullable=False, index=True),
)
PLAN_VERSIONS = Table(
    "plan_version",
    METADATA,
    Column("plan_id", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("stage", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("title", Text, nullable=False),
    Column("sample", Boolean, nullable=False),
    Column("content", Text, nullable=False),
    Column("drafted_at", BigInteger, nullable=False),
    Column("since", BigInteger),
    Column("until", BigInteger),
)
PLAN_ACTS = Table(
    "plan_act",
    METADATA,
    Column("plan_id", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("kind", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("verdict", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("recorded_by", String, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
)

KINDS: Mapping[type[Event], str] = {
    PlanDrafted: "drafted",
    PlanRevised: "revised",
    PlanReviewed: "reviewed",
    PlanAssessed: "assessed",
    PlanPublished: "published",
    PlanFiled: "filed",
    PlanExercised: "exercised",
    PlanRetired: "retired",
}


def apply(connection: Connection, recorded: Recorded, event: Event) -> None:
    """Fold what happens to a plan; versions that were in force keep until when."""
    match event:
        case PlanDrafted():
            connection.execute(PLANS.insert(), _plan(recorded, event))
            connection.execute(PLAN_VERSIONS.insert(), _version(event))
        case PlanRevised():
            connection.execute(delete(PLAN_VERSIONS).where(_of(event)))
            connection.execute(PLAN_VERSIONS.insert(), _version(event))
        case PlanPublished():
            _end_force(connection, event, SUPERSEDED)
            connection.execute(
                update(PLAN_VERSIONS)
                .where(_of(event))
                .values(stage=stage_of(event), since=micros(event.occurred_at))
            )
        case PlanReviewed() | PlanAssessed() | PlanFiled() | PlanExercised():
            connection.execute(
                update(PLAN_VERSIONS).where(_of(event)).values(stage=stage_of(event))
            )
        case PlanRetired():
            _end_force(connection, event, RETIRED)
        case _:
            assert_never(event)
    connection.execute(PLAN_ACTS.insert(), _act(recorded, event))
    connection.execute(
        update(PLANS)
        .where(PLANS.c.plan_id == event.plan_id)
        .values(**_changed(event), revision=recorded.revision, position=recorded.position)
    )


def _changed(event: Event) -> dict[str, object]:
    """Return what becomes of the plan's row, whose state is its newest version's."""
    match event:
        case PlanDrafted() | PlanRevised():
            return {"state": Stage.DRAFT, "newest": event.version}
        case PlanRetired():
            return {"state": RETIRED, "in_force": 0}
        case PlanPublished():
            return {"state": stage_of(event), "in_force": event.version}
        case PlanReviewed() | PlanAssessed():
            return {"state": stage_of(event)}
        case PlanFiled() | PlanExercised():
            newest = PLANS.c.newest == event.version  # a later draft may be under way
            return {"state": case((newest, str(stage_of(event))), else_=PLANS.c.state)}
        case _:
            assert_never(event)


def _end_force(connection: Connection, event: PlanPublished | PlanRetired, stage: str) -> None:
    column = PLAN_VERSIONS.c
    in_force = and_(
        column.plan_id == event.plan_id, column.since.is_not(None), column.until.is_(None)
    )
    connection.execute(
        update(PLAN_VERSIONS).where(in_force).values(stage=stage, until=micros(event.occurred_at))
    )


def _of(event: PlanDrafted | PlanRevised | Advanced) -> ColumnElement[bool]:
    column = PLAN_VERSIONS.c
    return and_(column.plan_id == event.plan_id, column.version == event.version)


def _plan(recorded: Recorded, event: PlanDrafted) -> dict[str, object]:
    return {
        "plan_id": event.plan_id,
        "adcode": event.adcode,
        "state": Stage.DRAFT,
        "newest": event.version,
        "exercise": recorded.metadata.get("exercise", ""),
        "revision": recorded.revision,
        "position": recorded.position,
    }


def _version(event: PlanDrafted | PlanRevised) -> dict[str, object]:
    return {
        "plan_id": event.plan_id,
        "version": event.version,
        "stage": Stage.DRAFT,
        "kind": event.content.kind,
        "title": event.content.title,
        "sample": event.content.sample,
        "content": json(event.content),
        "drafted_at": micros(event.occurred_at),
    }


def _act(recorded: Recorded, event: Event) -> dict[str, object]:
    return {
        "plan_id": event.plan_id,
        "position": recorded.position,
        "kind": KINDS[type(event)],
        "version": 0 if isinstance(event, PlanRetired) else event.version,
        "body": getattr(event, "body", ""),
        "reference": getattr(event, "reference", ""),
        "verdict": getattr(event, "verdict", ""),
        "text": getattr(event, "opinion", getattr(event, "reason", "")),
        "recorded_by": event.recorded_by,
        "occurred_at": micros(event.occurred_at),
    }
