"""The board's rows say what the clocks of the domain say, whatever led there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, select

from services.command.domain.incident import decider
from services.command.domain.incident.facts import Metric, SourceKind
from services.command.domain.incident.series import SituationReportKind
from services.command.domain.incident.statutes import Milestone
from services.command.projections import COMMAND
from services.command.projections.deadlines import DEADLINES, FINDINGS, STEPS
from services.command.projections.shared import METADATA
from services.runtime.times import micros
from tests.command import incidents as known
from tests.command.clocked import (
    Story,
    at,
    china,
    figure,
    milestone,
    notice,
    opening,
    report,
    sending,
)
from tests.command.rows import recorded


def rows(events: Sequence[decider.Event], exercise: str = "") -> dict[str, list[Any]]:
    engine = create_engine("sqlite://")
    METADATA.create_all(engine)
    with engine.begin() as connection:
        for event in recorded(events, exercise):
            COMMAND.apply(connection, event)
        found = {table.name: _all(connection, table) for table in (DEADLINES, STEPS, FINDINGS)}
    engine.dispose()
    return found


def _all(connection: Connection, table: Any) -> list[Any]:
    return list(connection.execute(select(table)))


def landslide() -> Story:
    return Story(opening("11D01"))


def late() -> Story:
    story = Story(opening("11D01"))
    story.ring_all(at(130))
    story.do(notice("n1", 140, "prefecture_department"))
    return story


def skipped() -> Story:
    """Return a flood of which a morning's report was never given."""
    story = Story(opening("11A01"), known.activate)
    story.ring_all(china("2026-06-20T10:00"))
    return story


def moved() -> Story:
    story = Story(opening("11D01"))
    story.ring_all(at(60))
    story.do(milestone(Milestone.OCCURRED, -30))
    return story


STORIES = {
    "runs": (landslide, {"disaster-initial-1": "open", "disaster-leaders-1": "open"}),
    "late": (late, {"disaster-initial-1": "late", "disaster-leaders-1": "overdue"}),
    "skipped": (
        skipped,
        {
            "disaster-initial-1": "overdue",
            "disaster-leaders-1": "overdue",
            "disaster-daily-1": "missed",
            "disaster-daily-2": "overdue",
            "disaster-daily-3": "open",
        },
    ),
    "moved": (
        moved,
        {
            "disaster-township-1": "met",
            "disaster-initial-1": "open",
            "disaster-leaders-1": "open",
        },
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_the_board_says_how_each_clock_stands(name: str) -> None:
    tell, expected = STORIES[name]

    found = rows(tell().events)["statutory_deadline"]

    assert {row.deadline_id: row.state for row in found} == expected


@pytest.mark.parametrize("name", STORIES)
def test_rows_and_domain_agree_on_times_and_marks(name: str) -> None:
    tell, _ = STORIES[name]
    story = tell()
    was = decider.there(story.state)
    assert was is not None
    found = {row.deadline_id: row for row in rows(story.events)["statutory_deadline"]}

    for one in was.deadlines:
        row = found[one.deadline_id]
        assert (row.started_at, row.due_at) == (micros(one.started_at), micros(one.due_at))
        mark = one.next_mark if one.running else None
        assert row.mark == (mark.percent if mark else None)
        assert row.mark_at == (micros(mark.at) if mark else None)
        assert row.percent == one.rung


def test_the_history_keeps_every_step_and_its_evidence() -> None:
    steps = [
        row
        for row in rows(late().events)["statutory_deadline_step"]
        if row.deadline_id == "disaster-initial-1"
    ]

    assert [(row.kind, row.percent) for row in steps] == [
        ("started", 0),
        ("warned", 50),
        ("warned", 80),
        ("missed", 100),
        ("met", 0),
    ]
    assert (steps[-1].evidence_kind, steps[-1].evidence, steps[-1].means) == (
        "notice",
        "n1",
        "phone",
    )
    assert steps[-1].occurred_at == micros(at(140))


def test_findings_are_misses_and_suspicions() -> None:
    story = late()
    story.do(figure("f1", 141, Metric.DEAD, 3, SourceKind.HOSPITAL, "市一医院"))
    story.do(figure("f2", 150, Metric.DEAD, 1, SourceKind.TOWNSHIP, "安江镇"))
    story.do(report("s1", 160, type_code="11D01"))
    found = rows(story.events, "drill")["finding"]

    assert [(row.finding_id, row.deadline_id) for row in found if "-initial" in row.finding_id] == [
        ("disaster-initial-1", "disaster-initial-1")
    ]
    assert [row.finding_id for row in found if row.deadline_id is None] == ["s1.f1"]
    suspicion = found[-1]
    assert (suspicion.known_value, suspicion.reported_value) == (3, 1)
    assert suspicion.exercise == "drill"


def test_nothing_rings_of_a_clock_that_was_met_or_lifted() -> None:
    story = landslide()
    story.do(report("s1", 10, SituationReportKind.INITIAL, "11D01"))
    story.do(sending("s1", 11))
    story.do(notice("n1", 12, "county_government"))

    found = rows(story.events)["statutory_deadline"]

    assert {row.state for row in found} == {"met"}
    assert {row.mark_at for row in found} == {None}
