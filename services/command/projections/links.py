"""What incidents are to each other as rows, and how rows follow what is merged and split."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    String,
    Table,
    Text,
    delete,
    update,
)

from services.command.domain.incident import decider, lifecycle, links, merge, split
from services.command.projections.needs import NEEDS
from services.command.projections.objectives import OBJECTIVES
from services.command.projections.reports import REPORTS
from services.command.projections.shared import METADATA
from services.command.projections.tasks import TASKS
from services.runtime.recorded import Recorded
from services.runtime.times import micros


class Relation(StrEnum):
    """What the other is to this one; replacing and replaced are EIDO's words."""

    PARENT = "parent"
    CHILD = "child"
    RELATED = "related"
    REPLACING = "replacing"
    REPLACED = "replaced"
    SPLIT_FROM = "split_from"
    SPLIT_INTO = "split_into"


INVERSE = {
    Relation.PARENT: Relation.CHILD,
    Relation.RELATED: Relation.RELATED,
    Relation.REPLACING: Relation.REPLACED,
    Relation.SPLIT_FROM: Relation.SPLIT_INTO,
}

# Both ends of a link have a row of it.
LINKS = Table(
    "incident_link",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("other_id", String, primary_key=True),
    Column("relation", String, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("linked_by", String, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
)
Index("link_in_order", LINKS.c.incident_id, LINKS.c.position, LINKS.c.other_id)


def apply(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    match event:
        case links.IncidentLinked():
            _link(connection, recorded, event, event.other_id, Relation(event.kind))
        case links.IncidentUnlinked():
            _unlink(connection, event.incident_id, event.other_id, Relation(event.kind))
        case merge.IncidentMerged():
            _link(connection, recorded, event, event.into, Relation.REPLACING)
        case merge.IncidentAbsorbed():
            _absorb(connection, recorded, event)
        case split.IncidentSplitOff():
            _link(connection, recorded, event, event.source_id, Relation.SPLIT_FROM)
            for old, task in event.tasks.items():
                values = {"objective_id": task.asked.objective_id}
                _move(connection, recorded, TASKS.c.task_id, event, {old: old}, values)
        case lifecycle.IncidentOpened() | lifecycle.ReportAttached():
            _belong(connection, recorded, event.incident_id, [event.report_id])
        case _:
            pass


def _absorb(connection: Connection, recorded: Recorded, event: merge.IncidentAbsorbed) -> None:
    """Let reports and what is still to be done follow into the incident that replaces theirs."""
    _belong(connection, recorded, event.incident_id, event.reports)
    for old, task in event.tasks.items():
        values = {"objective_id": task.asked.objective_id}
        _move(connection, recorded, TASKS.c.task_id, event, {old: task.asked.task_id}, values)
    for old, need in event.needs.items():
        values = {"objective_id": need.asked.objective_id}
        _move(connection, recorded, NEEDS.c.need_id, event, {old: need.asked.need_id}, values)
    aims = {old: aim.wanted.objective_id for old, aim in event.objectives.items()}
    _move(connection, recorded, OBJECTIVES.c.objective_id, event, aims, {})


def _move(
    connection: Connection,
    recorded: Recorded,
    key: ColumnElement[str],
    event: merge.IncidentAbsorbed | split.IncidentSplitOff,
    renamed: Mapping[str, str],
    values: Mapping[str, str],
) -> None:
    """Give rows of the source to the incident of ``event``, under the ids that they get there."""
    table = key.table
    for old, new in renamed.items():
        connection.execute(
            update(table)
            .where(table.c.incident_id == event.source_id, key == old)
            .values(
                {
                    "incident_id": event.incident_id,
                    key.name: new,
                    "position": recorded.position,
                    **values,
                }
            )
        )


def _belong(
    connection: Connection, recorded: Recorded, incident_id: str, report_ids: Collection[str]
) -> None:
    connection.execute(
        update(REPORTS)
        .where(REPORTS.c.report_id.in_(report_ids), REPORTS.c.incident_id != incident_id)
        .values(incident_id=incident_id, position=recorded.position)
    )


def _link(
    connection: Connection,
    recorded: Recorded,
    event: links.IncidentLinked | merge.IncidentMerged | split.IncidentSplitOff,
    other_id: str,
    relation: Relation,
) -> None:
    _unlink(connection, event.incident_id, other_id, relation)  # the other end may have said it
    about = {
        "reason": event.reason,
        "linked_by": recorded.metadata.get("actor", ""),
        "occurred_at": micros(event.occurred_at),
        "position": recorded.position,
    }
    ends = [
        {"incident_id": event.incident_id, "other_id": other_id, "relation": relation},
        {"incident_id": other_id, "other_id": event.incident_id, "relation": INVERSE[relation]},
    ]
    connection.execute(LINKS.insert(), [end | about for end in ends])


def _unlink(connection: Connection, incident_id: str, other_id: str, relation: Relation) -> None:
    for about, other, kind in (
        (incident_id, other_id, relation),
        (other_id, incident_id, INVERSE[relation]),
    ):
        connection.execute(
            delete(LINKS).where(
                LINKS.c.incident_id == about,
                LINKS.c.other_id == other,
                LINKS.c.relation == kind,
            )
        )
