"""The rows: the same from nothing every time, and the newest figures whatever came first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, select

from services.command.domain import report
from services.command.domain.casualties import Casualties
from services.command.domain.incident import decider, lifecycle, series
from services.command.projections import COMMAND
from services.command.projections.incidents import INCIDENTS
from services.command.projections.reports import REPORTS
from services.command.projections.shared import METADATA
from services.runtime.recorded import Recorded
from services.runtime.times import micros
from tests.command import incidents as known
from tests.command import test_report_domain as reports
from tests.command.rows import recorded


def dump(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table.name: [tuple(row) for row in connection.execute(select(table))]
        for table in METADATA.sorted_tables
    }


def folded(log: Sequence[Recorded], batch: int = 1000) -> dict[str, list[tuple[Any, ...]]]:
    engine = create_engine("sqlite://")
    METADATA.create_all(engine)
    for start in range(0, len(log), batch):
        with engine.begin() as connection:
            for event in log[start : start + batch]:
                COMMAND.apply(connection, event)
    with engine.connect() as connection:
        rows = dump(connection)
    engine.dispose()
    return rows


def incident_row(*events: report.Event | decider.Event, exercise: str = "") -> Any:
    engine = create_engine("sqlite://")
    METADATA.create_all(engine)
    with engine.begin() as connection:
        for event in recorded(events, exercise):
            COMMAND.apply(connection, event)
        row = connection.execute(select(INCIDENTS)).one()
    engine.dispose()
    return row


WHOLE: list[report.Event | decider.Event] = [
    reports.submitted,
    reports.verified,
    known.opened,
    replace(reports.submitted, report_id="r2"),
    replace(reports.joined, report_id="r2"),
    known.attached,
    replace(reports.submitted, report_id="r3"),
    replace(reports.rejected, report_id="r3"),
    known.graded,
    known.activated,
    known.raised,
    known.established,
    known.proposed,
    known.transferred,
    known.recorded,
    known.told,
    known.sent,
    known.received,
    known.terminated,
    known.closed,
    known.reopened,
]


def test_replay_gives_identical_rows() -> None:
    log = recorded(WHOLE)

    assert folded(log) == folded(log) == folded(log, batch=1)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(known.EVENTS[1:-2]), max_size=10), st.integers(1, 5))
def test_any_batches_give_identical_rows(events: list[decider.Event], batch: int) -> None:
    numbered = [
        replace(event, number=n)
        if isinstance(event, series.SituationReportSubmitted)
        else replace(event, sending_id=f"{n}")
        if isinstance(event, series.SituationReportSent)
        else event
        for n, event in enumerate(events, 1)
    ]
    log = recorded([known.opened, *numbered])

    assert folded(log, batch) == folded(log)


def test_every_fact_moves_revision_and_position_of_its_row() -> None:
    for last in range(3, len(WHOLE) + 1):
        rows = folded(recorded(WHOLE[:last]))
        newest = recorded(WHOLE[:last])[-1]
        table = REPORTS if newest.category == "report" else INCIDENTS
        names = [column.name for column in table.columns]
        found = [dict(zip(names, row, strict=True)) for row in rows[table.name]]
        [row] = [row for row in found if row[f"{table.name}_id"] == newest.key]

        assert (row["revision"], row["position"]) == (newest.revision, newest.position)


def test_figures_that_were_said_earlier_do_not_replace_later_ones_whenever_they_arrive() -> None:
    def heard(minutes: int, dead: int) -> lifecycle.ReportAttached:
        said = known.CALLED + timedelta(minutes=minutes)
        harmed = Casualties(dead=dead)
        return replace(known.attached, report_id=f"r{minutes}", reported_at=said, casualties=harmed)

    row = incident_row(known.opened, heard(30, 3), heard(10, 1), heard(20, 2))
    after = incident_row(known.opened, heard(30, 3), known.told, heard(40, 9))

    assert msgspec.json.decode(row.casualties)["dead"] == 3
    assert msgspec.json.decode(row.report_ids) == ["r1", "r30", "r10", "r20"]
    assert msgspec.json.decode(after.casualties)["dead"] == 9


def test_an_incident_row_tells_its_state() -> None:
    def states(*events: decider.Event) -> list[str]:
        return [
            incident_row(known.opened, *events[:count]).state for count in range(len(events) + 1)
        ]

    assert states(
        known.activated, known.raised, known.terminated, known.closed, known.reopened
    ) == ["verified", "responding", "responding", "terminated", "closed", "verified"]


def test_command_in_a_row_is_who_holds_it_and_who_is_offered_it() -> None:
    offered = incident_row(known.opened, known.established, known.proposed)
    held = incident_row(known.opened, known.established, known.proposed, known.transferred)

    assert (offered.commander, offered.proposed_to) == ("commander.li", "mayor.zhang")
    assert (held.commander, held.successor, held.proposed_to) == (
        "commander.li",
        "mayor.zhang",
        None,
    )
    assert held.successor_at == micros(known.NOW)


def test_times_are_kept_to_the_microsecond_and_drills_are_marked() -> None:
    row = incident_row(known.opened, exercise="flood-2026")

    assert row.opened_at == micros(known.NOW)
    assert row.reported_at == micros(known.CALLED)
    assert row.exercise == "flood-2026"
