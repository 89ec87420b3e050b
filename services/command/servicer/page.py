"""The incident's page: everything that is going on about it, read in one transaction.

Of each list only the first rows are read, with how many there are: an incident of thousands of
events has a page as short as any.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Executable

from anlan.command.v1 import incident_service_pb2 as pb
from services.command.domain.incident.contents import SituationReportTable
from services.command.domain.incident.facts import Metric
from services.command.domain.incident.grade_tables import GradeTables
from services.command.domain.incident.roles import PostTable
from services.command.domain.incident_types import IncidentTypes
from services.command.domain.levels import Level
from services.command.projections.command_post import HEADQUARTERS, HOLDINGS, TENURES, TRANSFERS
from services.command.projections.responses import ACTIVATED, APPROVED, CHANGED, TERMINATED
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
from services.command.servicer import page_rows as rows
from services.runtime.times import micros, stamp

ACT_KINDS = {
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
        found = self._all(rows.INCIDENT_ROW)
        if not found:
            return None
        [incident] = found
        [counts] = self._all(rows.COUNTS)
        some = self._some
        page = pb.GetIncidentResponse(
            incident=messages.incident(
                incident, self.tables.types.name(incident.type_code), self.at
            ),
            decisions=map(
                decision_messages.decision, some(counts.decisions, rows.NEWEST_DECISIONS)[::-1]
            ),
            situation_reports=self._reports() if counts.situation_reports else (),
            objectives=map(task_messages.objective, some(counts.objectives, rows.FIRST_OBJECTIVES)),
            tasks=map(task_messages.task, some(counts.tasks, rows.FIRST_TASKS)),
            needs=map(need_messages.need, some(counts.needs, rows.FIRST_NEEDS)),
            deadlines=map(deadline_messages.deadline, some(counts.deadlines, rows.FIRST_DEADLINES)),
            links=map(link_messages.link, some(counts.links, rows.FIRST_LINKS)),
            response_acts=map(_response_act, some(counts.response_acts, rows.NEWEST_ACTS)[::-1]),
            command_post=self._command_post(incident),
            response_fit=grade.fit(self.tables.grades, incident),
            counts=pb.IncidentCounts(**counts._mapping),  # noqa: SLF001 - the row's public mapping
        )
        self._figures(page, incident)
        page.truncated = _shown(page) < sum(getattr(counts, name) for name in (*LISTS, "figures"))
        return page

    def _reports(self) -> list[pb.SituationReport]:
        found = self._all(rows.NEWEST_REPORTS)[::-1]
        sendings = defaultdict[str, list[Any]](list)
        for sending in self._all(rows.SENT):
            sendings[sending.situation_report_id].append(sending)
        return [
            series_messages.situation_report(
                row, sendings[row.situation_report_id], self.tables.reports
            )
            for row in found
        ]

    def _figures(self, page: pb.GetIncidentResponse, incident: Any) -> None:
        """Show what stands of each metric, and beside it the newest of what else is said."""
        stands = self._all(rows.STANDS)
        standing = [
            fact_id
            for row in stands
            for fact_id in msgspec.json.decode(row.fact_ids, type=list[str])
        ]
        said = [*self._all(rows.SAID)] if stands else []
        if before := set(standing) - {row.fact_id for row in said}:
            said += self._all(rows.SAID_BEFORE, standing=list(before))
        said_of = defaultdict[str, list[Any]](list)
        for row in sorted(said, key=_when_said, reverse=True):
            said_of[row.metric].append(row)
        page.figures.extend(
            figure_messages.metric_figures(row, said_of[row.metric]) for row in stands
        )
        numbers = {Metric(row.metric): row.value for row in stands if row.value is not None}
        page.grading.CopyFrom(grade.evaluation(self.tables.grades, incident, numbers))

    def _command_post(self, incident: Any) -> Any:
        tenures = self._all(rows.POST[TENURES])
        if not tenures:
            return None
        there = post_messages.Rows(
            incident=incident,
            tenures=tenures,
            transfers=self._all(rows.POST[TRANSFERS]),
            headquarters=self._all(rows.POST[HEADQUARTERS]),
            holdings=self._all(rows.POST[HOLDINGS]),
        )
        return post_messages.command_post(there, self.tables.post, self.at, former=False)

    def _some(self, number: int, statement: Executable) -> Sequence[Any]:
        return self._all(statement) if number else ()

    def _all(self, statement: Executable, **more: Any) -> Sequence[Any]:
        about = {"incident": self.incident_id, "wall": micros(self.at), **more}
        return self.connection.execute(statement, about).all()


LISTS = (
    "decisions",
    "situation_reports",
    "objectives",
    "tasks",
    "needs",
    "deadlines",
    "links",
    "response_acts",
)


def _shown(page: pb.GetIncidentResponse) -> int:
    """Return how many rows the page shows of all that it counts."""
    live = sum(len(metric.live) for metric in page.figures)
    return live + sum(len(getattr(page, name)) for name in LISTS)


def _when_said(row: Any) -> tuple[int, int]:
    return row.occurred_at, row.recorded_position


def _response_act(row: Any) -> pb.ResponseAct:
    return pb.ResponseAct(
        kind=ACT_KINDS[row.kind],
        activation=row.activation,
        level=messages.LEVELS[Level(row.level)] if row.level else pb.RESPONSE_LEVEL_UNSPECIFIED,
        plan=row.plan,
        plan_id=row.plan_id,
        plan_version=row.plan_version,
        approver=row.approver,
        decision_id=row.decision_id,
        occur_time=stamp(row.occurred_at),
        position=row.position,
    )
