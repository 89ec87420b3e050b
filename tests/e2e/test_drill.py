"""A whole flood, played through the public APIs against the whole suite."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from services.cli.suite import SERVICES
from services.runtime.cause import CORRELATION
from tests.e2e.story import gaps, log_of, rows, timeline
from tests.suite import RunningSuite

DRILL = "drills/flood-2026.yaml"
STORY = (
    "ReportSubmitted.v1",
    "ReportVerified.v1",
    "IncidentOpened.v1",
    "ReportJoined.v1",
    "UnitDispatched.v1",
    "CommandEstablished.v1",
    "ResponseActivated.v1",
    "DecisionRecorded.v1",
    "CommandTransferred.v1",
    "ResponseLevelChanged.v1",
    "ResponseLevelChanged.v1",
    "ResponseTerminated.v1",
    "IncidentClosed.v1",
)
TOLD = {
    "AcknowledgementOverdue.v1",
    "AssignmentAcknowledged.v1",
    "AssignmentCleared.v1",
    "AssignmentDeclined.v1",
    "IncidentGraded.v1",
    "NotificationSent.v1",
    "PeopleAdmitted.v1",
    "ShelterOpened.v1",
    "SituationReportSubmitted.v1",
    "StockShipped.v1",
    "TransferReceived.v1",
    "UnitEnRoute.v1",
    "UnitOnScene.v1",
    "WarningDrafted.v1",
}


async def test_the_drill_tells_its_story(start_suite: Callable[[], RunningSuite]) -> None:
    suite = start_suite()

    played = suite.run("drill", "play", DRILL, "--speed", "0")
    assert played.returncode == 0, played.stdout
    log = await log_of(suite)
    told = await timeline(suite, "flood-2026", log[-1].position)

    assert gaps(log) == []
    story = [event for event in log if event.metadata.get(CORRELATION) == "flood-2026"]
    assert {str(event.id) for event in story} <= {entry.event_id for entry in told}
    positions = [entry.position for entry in told]
    assert positions == sorted(set(positions))
    types = iter(entry.type for entry in told)
    assert [wanted for wanted in STORY if wanted not in types] == []
    assert TOLD - {entry.type for entry in told} == set()
    assert all(entry.exercise == "flood-2026" and entry.actor for entry in told)
    assert all(entry.summary and not entry.summary.startswith(entry.type) for entry in told)

    again = suite.run("drill", "play", DRILL, "--speed", "0")
    assert again.returncode == 0, again.stdout
    assert [event.id for event in await log_of(suite)] == [event.id for event in log]

    shown = suite.run("timeline", "flood-2026", "--json")
    assert shown.returncode == 0, shown.stdout
    assert len(json.loads(shown.stdout)["entries"]) == len(told)


async def test_dropping_every_read_model_rebuilds_identical_rows(
    start_suite: Callable[[], RunningSuite],
) -> None:
    suite = start_suite()
    played = suite.run("drill", "play", DRILL, "--speed", "0")
    assert played.returncode == 0, played.stdout
    assert suite.stop() == 0
    before = {database.name: rows(database) for database in databases(suite)}
    assert set(before) == {f"{service}.db" for service in SERVICES}
    for database in databases(suite):
        for file in database.parent.glob(f"{database.name}*"):
            file.unlink()

    rebuilt = start_suite()
    assert rebuilt.stop() == 0

    after = {database.name: rows(database) for database in databases(rebuilt)}
    assert after == before


def databases(suite: RunningSuite) -> list[Path]:
    return [found for name in SERVICES for found in suite.data.rglob(f"{name}.db")]
