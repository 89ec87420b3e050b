"""The incident's page in one call: everything that goes on, cut to what a page shows, at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from anlan.command.v1 import incident_service_pb2 as pb
from anlan.command.v1 import need_service_pb2 as need_pb
from anlan.command.v1 import task_service_pb2 as task_pb
from services.command.domain.incident import decider
from services.command.domain.incident_types import IncidentTypes
from services.command.projections import COMMAND
from services.command.projections.shared import METADATA
from services.command.servicer.page import Page, Tables
from services.command.servicer.page_rows import SHOWN
from services.runtime import reference
from tests.command import incidents as known
from tests.command import work
from tests.command.rows import recorded

TABLES = Tables(
    types=reference.load(Path("reference"), "incident_types", IncidentTypes),
    reports=known.RULES.situation_reports,
    grades=known.RULES.grading,
    post=known.RULES.post,
)
ENGINE = create_engine("sqlite://", poolclass=StaticPool)
METADATA.create_all(ENGINE)


def page(
    events: Sequence[decider.Event], at: datetime = known.NOW, incident_id: str = "i1"
) -> pb.GetIncidentResponse | None:
    with ENGINE.connect() as connection:  # nothing is committed
        fold(connection, events)
        return Page(connection, incident_id, at, TABLES).read()


def fold(connection: Connection, events: Sequence[decider.Event]) -> None:
    for event in recorded(events):
        COMMAND.apply(connection, event)


def whole(events: Sequence[decider.Event], at: datetime = known.NOW) -> pb.GetIncidentResponse:
    found = page([known.opened, *events], at)
    assert found is not None
    return found


def test_a_page_shows_all_that_goes_on() -> None:
    found = whole(
        [
            known.established,
            known.graded,
            known.recorded,
            known.told,
            work.aimed,
            work.assigned,
            work.accepted,
            work.asked,
            work.promised,
        ]
    )

    assert found.incident.title == "安江滑坡"
    assert found.command_post.commander == "commander.li"
    assert [decision.decision_id for decision in found.decisions] == ["d1"]
    assert [report.number for report in found.situation_reports] == [1]
    assert [aim.objective_id for aim in found.objectives] == ["o1"]
    assert [task.accepted_by for task in found.tasks] == ["chen"]
    assert [need.committed for need in found.needs] == [2000]
    assert [metric.standing_value for metric in found.figures] == [2]
    assert found.grading.readings
    assert not found.truncated
    assert (found.counts.tasks, found.counts.open_tasks, found.counts.overdue_tasks) == (1, 1, 0)
    assert (found.counts.decisions, found.counts.needs, found.counts.open_needs) == (1, 1, 1)


def test_a_page_of_an_incident_where_nothing_is_done_is_short() -> None:
    found = whole([])

    assert not found.HasField("command_post")
    assert not found.tasks
    assert not found.truncated


def test_there_is_no_page_of_what_is_not_there() -> None:
    assert page([known.opened], incident_id="nowhere") is None


def test_long_lists_are_cut_and_counted_and_what_is_open_comes_first() -> None:
    many = range(SHOWN + 5)
    given: list[decider.Event] = [replace(work.assigned, task_id=f"t{n}") for n in many]
    done = [replace(work.completed, task_id=f"t{n}") for n in range(SHOWN)]
    decided = [replace(known.recorded, decision_id=f"d{n}") for n in many]
    met = replace(work.brought, need_id="n0", quantity=2000, committed=0, remaining=0)
    asked = [replace(work.asked, need_id=f"n{n}") for n in range(3)]
    found = whole([*given, *done, *decided, *asked, met])

    assert found.truncated
    assert (len(found.tasks), found.counts.tasks, found.counts.open_tasks) == (SHOWN, SHOWN + 5, 5)
    newest_open = [f"t{n}" for n in reversed(range(SHOWN, SHOWN + 5))]
    assert [task.task_id for task in found.tasks[:5]] == newest_open
    assert found.tasks[5].state == task_pb.TASK_STATE_COMPLETED
    assert [decision.decision_id for decision in found.decisions] == [
        f"d{n}" for n in range(5, SHOWN + 5)
    ]
    assert [need.need_id for need in found.needs] == ["n2", "n1", "n0"]
    assert found.needs[2].state == need_pb.NEED_STATE_MET


def test_time_limits_are_judged_at_the_instant_of_the_page() -> None:
    events: list[decider.Event] = [work.assigned, work.asked]
    before, after = (
        whole(events, work.IN_AN_HOUR - timedelta(seconds=1)),
        whole(events, work.IN_AN_HOUR),
    )

    assert [page.tasks[0].overdue for page in (before, after)] == [False, True]
    assert [page.needs[0].overdue for page in (before, after)] == [False, True]
    assert [page.counts.overdue_tasks for page in (before, after)] == [0, 1]


@pytest.mark.parametrize("number", [10, 300])
def test_a_long_history_costs_no_more_statements_than_a_short_one(number: int) -> None:
    events: list[decider.Event] = [known.opened, known.established]
    for n in range(number):
        events += [replace(work.assigned, task_id=f"t{n}"), replace(work.asked, need_id=f"n{n}")]
    counting = Counting()
    with ENGINE.connect() as connection:
        fold(connection, events)
        counting.connection = connection
        Page(counting, "i1", datetime.now(UTC), TABLES).read()  # type: ignore[arg-type]

    assert counting.statements <= 12


class Counting:
    """A connection that counts what is asked of it."""

    connection: Connection

    def __init__(self) -> None:
        self.statements = 0

    def execute(self, *arguments: Any) -> Any:
        self.statements += 1
        return self.connection.execute(*arguments)
