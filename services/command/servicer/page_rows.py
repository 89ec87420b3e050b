"""What the page of an incident reads, built once: building a statement costs more than running it.

``INCIDENT`` is whose page it is, ``WALL`` the instant of the wall clock in microseconds since 1970.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    Select,
    String,
    Table,
    bindparam,
    case,
    cast,
    func,
    select,
)

from services.command.projections.command_post import HEADQUARTERS, HOLDINGS, TENURES, TRANSFERS
from services.command.projections.deadlines import DEADLINES, OWED
from services.command.projections.decisions import DECISIONS
from services.command.projections.exercises import clock
from services.command.projections.facts import FIGURES, LIVE, STANDING
from services.command.projections.incidents import INCIDENTS
from services.command.projections.links import LINKS
from services.command.projections.needs import NEEDS
from services.command.projections.needs import OPEN as OPEN_NEEDS
from services.command.projections.objectives import OBJECTIVES
from services.command.projections.responses import RESPONSE_ACTS
from services.command.projections.series import SENDINGS, SITUATION_REPORTS
from services.command.projections.tasks import OPEN as OPEN_TASKS
from services.command.projections.tasks import TASKS
from services.command.servicer.deadline import ROWS as DEADLINE_ROWS
from services.command.servicer.fact import figure_rows
from services.command.servicer.need import need_rows
from services.command.servicer.task import task_rows

SHOWN = 20
INCIDENT = bindparam("incident", type_=String)
WALL = bindparam("wall", type_=BigInteger)
STANDING_IDS = bindparam("standing", type_=String, expanding=True)


def _of(table: Table) -> Select[Any]:
    return select(table).where(table.c.incident_id == INCIDENT)


def _newest(table: Table, order: Column[Any]) -> Select[Any]:
    return _of(table).order_by(order.desc()).limit(SHOWN)


def _first(rows: Select[Any], table: Table, key: Column[Any], *order: Any) -> Select[Any]:
    """Return the first rows: what sorts is their keys only, for the rows are wide."""
    mine = table.c.incident_id == INCIDENT
    keys = select(key).where(mine).order_by(*order).limit(SHOWN)
    return rows.where(mine, key.in_(keys)).order_by(*order)


def _then(is_open: ColumnElement[bool]) -> ColumnElement[int]:
    return case((is_open, 0), else_=1)


def _number(table: Table, *which: ColumnElement[bool]) -> Any:
    counted = select(func.count()).select_from(table).where(table.c.incident_id == INCIDENT, *which)
    return cast(counted.scalar_subquery(), Integer)


INCIDENT_ROW = _of(INCIDENTS)
NEWEST_DECISIONS = _newest(DECISIONS, DECISIONS.c.position)
NEWEST_ACTS = _newest(RESPONSE_ACTS, RESPONSE_ACTS.c.position)
NEWEST_REPORTS = _newest(SITUATION_REPORTS, SITUATION_REPORTS.c.number)
SENT = _of(SENDINGS).order_by(SENDINGS.c.position)

STANDS = _of(STANDING).order_by(STANDING.c.metric)
NEWEST_FIRST = (FIGURES.c.occurred_at.desc(), FIGURES.c.recorded_position.desc())
NEWEST_SAID = (
    select(FIGURES.c.fact_id)
    .where(FIGURES.c.incident_id == INCIDENT, FIGURES.c.state == LIVE)
    .order_by(*NEWEST_FIRST)
    .limit(SHOWN)
)
SAID = figure_rows().where(FIGURES.c.incident_id == INCIDENT, FIGURES.c.fact_id.in_(NEWEST_SAID))
SAID_BEFORE = figure_rows().where(
    FIGURES.c.incident_id == INCIDENT, FIGURES.c.fact_id.in_(STANDING_IDS)
)

POST = {
    table: _of(table).order_by(table.c.position)
    for table in (TENURES, TRANSFERS, HEADQUARTERS, HOLDINGS)
}

FIRST_OBJECTIVES = _first(
    select(OBJECTIVES),
    OBJECTIVES,
    OBJECTIVES.c.objective_id,
    _then(OBJECTIVES.c.state == "open"),
    OBJECTIVES.c.opened_position.desc(),
)
FIRST_TASKS = _first(
    task_rows(WALL),
    TASKS,
    TASKS.c.task_id,
    _then(TASKS.c.state.in_(OPEN_TASKS)),
    TASKS.c.opened_position.desc(),
)
FIRST_NEEDS = _first(
    need_rows(WALL),
    NEEDS,
    NEEDS.c.need_id,
    _then(NEEDS.c.state.in_(OPEN_NEEDS)),
    NEEDS.c.opened_position.desc(),
)
FIRST_DEADLINES = _first(
    DEADLINE_ROWS,
    DEADLINES,
    DEADLINES.c.deadline_id,
    _then(DEADLINES.c.state.in_(OWED)),
    DEADLINES.c.due_at,
    DEADLINES.c.deadline_id,
)
FIRST_LINKS = (
    select(LINKS, INCIDENTS.c.title, INCIDENTS.c.state)
    .join(INCIDENTS, INCIDENTS.c.incident_id == LINKS.c.other_id)
    .where(LINKS.c.incident_id == INCIDENT)
    .order_by(LINKS.c.position, LINKS.c.other_id, LINKS.c.relation)
    .limit(SHOWN)
)

COUNTS = select(
    _number(DECISIONS).label("decisions"),
    _number(SITUATION_REPORTS).label("situation_reports"),
    _number(FIGURES, FIGURES.c.state == LIVE).label("figures"),
    _number(OBJECTIVES).label("objectives"),
    _number(TASKS).label("tasks"),
    _number(TASKS, TASKS.c.state.in_(OPEN_TASKS)).label("open_tasks"),
    _number(
        TASKS,
        TASKS.c.state.in_(OPEN_TASKS),
        TASKS.c.due_at <= clock(TASKS.c.exercise, WALL),
    ).label("overdue_tasks"),
    _number(NEEDS).label("needs"),
    _number(NEEDS, NEEDS.c.state.in_(OPEN_NEEDS)).label("open_needs"),
    _number(DEADLINES).label("deadlines"),
    _number(LINKS).label("links"),
    _number(RESPONSE_ACTS).label("response_acts"),
)
