"""The incident's page: everything that is going on about it, read in one transaction.

Of each list at most ``SHOWN`` rows are read, with how many there are: an incident of thousands of
events has a page as short as any.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, Table, case, func, or_, select

from anlan.command.v1 import incident_service_pb2 as pb
from services.command.domain.incident.contents import SituationReportTable
from services.command.domain.incident.facts import Metric
from services.command.domain.incident.grade_tables import GradeTables
from services.command.domain.incident.objectives import ObjectiveState
from services.command.domain.incident.roles import PostTable
from services.command.domain.incident_types import IncidentTypes
from services.command.domain.levels import Level
from services.command.projections.command_post import HEADQUARTERS, HOLDINGS, TENURES, TRANSFERS
from services.command.projections.deadlines import DEADLINES, OWED
from services.command.projections.decisions import DECISIONS
from services.command.projections.facts import FIGURES, LIVE, STANDING
from services.command.projections.incidents import INCIDENTS
from services.command.projections.links import LINKS
from services.command.projections.needs import NEEDS
from services.command.projections.needs import OPEN as OPEN_NEEDS
from services.command.projections.objectives import OBJECTIVES
from services.command.projections.responses import (
    ACTIVATED,
    APPROVED,
    CHANGED,
    RESPONSE_ACTS,
    TERMINATED,
)
from services.command.projections.series import SENDINGS, SITUATION_REPORTS
from services.command.projections.tasks import OPEN as OPEN_TASKS
from services.command.projections.tasks import TASKS
from services.command.servicer import (
    deadline_messages,
    decision_messages,
    figure_messages,
    grade,
    link_messages,
    messages,
    need_messages,
    post_messages,
    series_messages,
    task_messages,
)
from services.command.servicer.deadline import ROWS as DEADLINE_ROWS
from services.command.servicer.fact import figure_rows
from services.command.servicer.need import need_rows
from services.command.servicer.task import task_rows
from services.runtime.times import of_micros, to_proto

SHOWN, SHOWN_OF_A_METRIC = 50, 5
RESPONSE_ACT_KINDS = {
    ACTIVATED: pb.ResponseAct.KIND_ACTIVATED,
    CHANGED: pb.ResponseAct.KIND_CHANGED,
    TERMINATED: pb.ResponseAct.KIND_TERMINATED,
    APPROVED: pb.ResponseAct.KIND_APPROVED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The reference tables by which rows are told in people's words."""

    types: IncidentTypes
    reports: SituationReportTable
    grades: GradeTables
    post: PostTable


@dataclass(frozen=True, slots=True)
class Page:
    """Reads the page of one incident as it is at an instant."""

    connection: Connection
    incident_id: str
    at: datetime
    tables: Tables

    def read(self) -> pb.GetIncidentResponse | None:
        """Return the page without its freshness; None where there is no such incident."""
        row = self._first(INCIDENTS)
        if row is None:
            return None
        page = pb.GetIncidentResponse(
            incident=messages.incident(row, self.tables.types.name(row.type_code), self.at)
        )
        self._decided(page)
        self._reported(page)
        self._figures(page, row)
        self._commanded(page, row)
        self._worked(page)
        self._owed(page)
        counted = page.counts
        shown = (
            (page.decisions, counted.decisions),
            (page.situation_reports, counted.situation_reports),
            ([figure for metric in page.figures for figure in metric.live], counted.figures),
            (page.objectives, counted.objectives),
            (page.tasks, counted.tasks),
            (page.needs, counted.needs),
            (page.deadlines, counted.deadlines),
            (page.links, counted.links),
            (page.response_acts, counted.response_acts),
        )
        page.truncated = any(len(here) < there for here, there in shown)
        return page

    def _decided(self, page: pb.GetIncidentResponse) -> None:
        rows = self._newest(select(DECISIONS), DECISIONS)
        page.counts.decisions = _total(rows)
        page.decisions.extend(decision_messages.decision(row) for row in rows)
        acts = self._newest(select(RESPONSE_ACTS), RESPONSE_ACTS)
        page.counts.response_acts = _total(acts)
        page.response_acts.extend(map(_response_act, acts))

    def _reported(self, page: pb.GetIncidentResponse) -> None:
        column = SITUATION_REPORTS.c
        rows = self._some(
            select(SITUATION_REPORTS)
            .where(column.incident_id == self.incident_id)
            .order_by(column.number.desc())
        )[::-1]
        page.counts.situation_reports = _total(rows)
        if not rows:
            return
        sendings = defaultdict[str, list[Any]](list)
        sent = select(SENDINGS).where(SENDINGS.c.incident_id == self.incident_id)
        for sending in self.connection.execute(sent.order_by(SENDINGS.c.position)):
            sendings[sending.situation_report_id].append(sending)
        page.situation_reports.extend(
            series_messages.situation_report(
                row, sendings[row.situation_report_id], self.tables.reports
            )
            for row in rows
        )

    def _figures(self, page: pb.GetIncidentResponse, incident: Any) -> None:
        """Show what stands of each metric, and beside it the newest of what else is said."""
        stands = self._all(STANDING, STANDING.c.metric)
        standing = [
            fact_id
            for row in stands
            for fact_id in msgspec.json.decode(row.fact_ids, type=list[str])
        ]
        said_of = defaultdict[str, list[Any]](list)
        for row in self._said(standing) if stands else ():
            page.counts.figures = row.total
            said_of[row.metric].append(row)
        page.figures.extend(
            figure_messages.metric_figures(row, said_of[row.metric]) for row in stands
        )
        numbers = {Metric(row.metric): row.value for row in stands if row.value is not None}
        page.grading.CopyFrom(grade.evaluation(self.tables.grades, incident, numbers))
        page.response_fit.CopyFrom(grade.fit(self.tables.grades, incident))

    def _said(self, standing: Sequence[str]) -> Sequence[Any]:
        column = FIGURES.c
        newest_first = (column.occurred_at.desc(), column.recorded_position.desc())
        ranked = (
            select(
                column.fact_id,
                func.row_number()
                .over(partition_by=column.metric, order_by=newest_first)
                .label("rank"),
                func.count().over().label("total"),
            )
            .where(column.incident_id == self.incident_id, column.state == LIVE)
            .subquery()
        )
        return self.connection.execute(
            figure_rows()
            .add_columns(ranked.c.total)
            .join(ranked, ranked.c.fact_id == column.fact_id)
            .where(column.incident_id == self.incident_id)
            .where(or_(ranked.c.rank <= SHOWN_OF_A_METRIC, column.fact_id.in_(standing)))
            .order_by(*newest_first)
        ).all()

    def _commanded(self, page: pb.GetIncidentResponse, incident: Any) -> None:
        tenures = self._all(TENURES, TENURES.c.position)
        if not tenures:
            return
        rows = post_messages.Rows(
            incident=incident,
            tenures=tenures,
            transfers=self._all(TRANSFERS, TRANSFERS.c.position),
            headquarters=self._all(HEADQUARTERS, HEADQUARTERS.c.position),
            holdings=self._all(HOLDINGS, HOLDINGS.c.position),
        )
        page.command_post.CopyFrom(
            post_messages.command_post(rows, self.tables.post, self.at, former=False)
        )

    def _worked(self, page: pb.GetIncidentResponse) -> None:
        aims = self._open_first(
            select(OBJECTIVES), OBJECTIVES, OBJECTIVES.c.state == ObjectiveState.OPEN
        )
        page.counts.objectives = _total(aims)
        page.objectives.extend(map(task_messages.objective, aims))

        is_open = TASKS.c.state.in_(OPEN_TASKS)
        tasks = task_rows(lambda: self.at)
        late = tasks.selected_columns["overdue"]
        tasks = tasks.add_columns(
            func.sum(case((is_open, 1), else_=0)).over().label("total_open"),
            func.sum(case((late, 1), else_=0)).over().label("total_overdue"),
        )
        given = self._open_first(tasks, TASKS, is_open)
        page.counts.tasks = _total(given)
        page.counts.open_tasks = given[0].total_open if given else 0
        page.counts.overdue_tasks = given[0].total_overdue if given else 0
        page.tasks.extend(map(task_messages.task, given))

        is_open = NEEDS.c.state.in_(OPEN_NEEDS)
        needs = need_rows(lambda: self.at).add_columns(
            func.sum(case((is_open, 1), else_=0)).over().label("total_open")
        )
        asked = self._open_first(needs, NEEDS, is_open)
        page.counts.needs = _total(asked)
        page.counts.open_needs = asked[0].total_open if asked else 0
        page.needs.extend(map(need_messages.need, asked))

    def _owed(self, page: pb.GetIncidentResponse) -> None:
        column = DEADLINES.c
        clocks = self._some(
            DEADLINE_ROWS.where(column.incident_id == self.incident_id).order_by(
                case((column.state.in_(OWED), 0), else_=1), column.due_at, column.deadline_id
            )
        )
        page.counts.deadlines = _total(clocks)
        page.deadlines.extend(map(deadline_messages.deadline, clocks))
        links = self._some(
            select(LINKS, INCIDENTS.c.title, INCIDENTS.c.state)
            .join(INCIDENTS, INCIDENTS.c.incident_id == LINKS.c.other_id)
            .where(LINKS.c.incident_id == self.incident_id)
            .order_by(LINKS.c.position, LINKS.c.other_id, LINKS.c.relation)
        )
        page.counts.links = _total(links)
        page.links.extend(map(link_messages.link, links))

    def _first(self, table: Table) -> Any:
        mine = select(table).where(table.c.incident_id == self.incident_id)
        return self.connection.execute(mine).first()

    def _all(self, table: Table, *order: Any) -> Sequence[Any]:
        mine = select(table).where(table.c.incident_id == self.incident_id)
        return self.connection.execute(mine.order_by(*order)).all()

    def _newest(self, rows: Select[Any], table: Table) -> Sequence[Any]:
        """Return the newest rows, the oldest of them first."""
        mine = rows.where(table.c.incident_id == self.incident_id)
        return self._some(mine.order_by(table.c.position.desc()))[::-1]

    def _open_first(self, rows: Select[Any], table: Table, is_open: Any) -> Sequence[Any]:
        mine = rows.where(table.c.incident_id == self.incident_id)
        first = case((is_open, 0), else_=1)
        return self._some(mine.order_by(first, table.c.opened_position.desc()))

    def _some(self, rows: Select[Any]) -> Sequence[Any]:
        """Return at most as many as a page shows, each with how many there are in ``total``."""
        counted = rows.add_columns(func.count().over().label("total")).limit(SHOWN)
        return self.connection.execute(counted).all()


def _total(rows: Sequence[Any]) -> int:
    return rows[0].total if rows else 0


def _response_act(row: Any) -> pb.ResponseAct:
    return pb.ResponseAct(
        kind=RESPONSE_ACT_KINDS[row.kind],
        activation=row.activation,
        level=messages.LEVELS[Level(row.level)] if row.level else pb.RESPONSE_LEVEL_UNSPECIFIED,
        plan=row.plan,
        plan_id=row.plan_id,
        plan_version=row.plan_version,
        approver=row.approver,
        decision_id=row.decision_id,
        occur_time=to_proto(of_micros(row.occurred_at)),
        position=row.position,
    )
