"""A whole flood, played through the public APIs against the whole suite."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, select
from sqlalchemy.ext.asyncio import create_async_engine

from anlan.command.v1 import deadline_service_pb2 as deadline_pb
from anlan.command.v1 import decision_service_pb2 as decision_pb
from anlan.command.v1 import fact_service_pb2 as fact_pb
from anlan.command.v1 import figure_pb2
from anlan.command.v1.deadline_service_pb2_grpc import DeadlineServiceStub
from anlan.command.v1.decision_service_pb2_grpc import DecisionServiceStub
from anlan.command.v1.fact_service_pb2_grpc import FactServiceStub
from anlan.type.v1 import read_pb2
from services.audit.projections import AUDIT
from services.cli.suite import SERVICES
from services.command.projections import COMMAND
from services.dispatch.projections import DISPATCH
from services.notify.projections import NOTIFY
from services.resources.projections import RESOURCES
from services.runtime.cause import CORRELATION
from services.runtime.projection import Projection
from tests.e2e.story import gaps, log_of, rows, timeline
from tests.suite import RunningSuite

DRILL = "drills/flood-2026.yaml"
ACCIDENT = "drills/chemical-2026.yaml"
PROJECTIONS = {
    "audit": AUDIT,
    "command": COMMAND,
    "dispatch": DISPATCH,
    "notify": NOTIFY,
    "resources": RESOURCES,
}
STORY = (
    "ReportSubmitted.v2",
    "ReportVerified.v1",
    "IncidentOpened.v1",
    "DeadlineStarted.v1",
    "ReportJoined.v1",
    "UnitDispatched.v1",
    "CommandEstablished.v2",
    "FigureRecorded.v1",
    "GradeProposed.v1",
    "IncidentGraded.v2",
    "ResponseApproved.v1",
    "DecisionRecorded.v2",
    "ResponseActivated.v2",
    "TaskAssigned.v1",
    "DecisionRecorded.v2",
    "DecisionApproved.v1",
    "SituationReportSubmitted.v2",
    "SituationReportSent.v1",
    "DeadlineMet.v1",
    "SituationReportAcknowledged.v1",
    "FigureCorrected.v1",
    "FigureDeclaredAuthoritative.v1",
    "TransferProposed.v2",
    "BriefingAcknowledged.v1",
    "CommandTransferred.v2",
    "ResponseLevelChanged.v2",
    "NeedRaised.v1",
    "IncidentAbsorbed.v1",
    "NeedFulfilled.v1",
    "ResponseLevelChanged.v2",
    "DecisionStepCompleted.v1",
    "MilestoneRecorded.v1",
    "ResponseTerminated.v2",
    "IncidentClosed.v1",
)
TOLD = {
    "AcknowledgementOverdue.v1",
    "AssignmentAcknowledged.v1",
    "AssignmentCleared.v1",
    "AssignmentDeclined.v1",
    "AssignmentDiverted.v1",
    "AidCommitted.v1",
    "HeadquartersEstablished.v1",
    "ExpertArrived.v1",
    "ExpertCalledUp.v1",
    "ExpertReleased.v1",
    "NoticeRecorded.v1",
    "NotificationSent.v1",
    "ObjectiveClosed.v1",
    "PeopleAdmitted.v2",
    "RecommendationMade.v1",
    "ResponseMismatched.v1",
    "RoleAssigned.v1",
    "ShelterOpened.v2",
    "StockShipped.v2",
    "SupplyNeedNoted.v1",
    "TaskCompleted.v1",
    "TaskOverdue.v1",
    "TransferReceived.v2",
    "UnitEnRoute.v1",
    "UnitOnScene.v1",
    "WarningDrafted.v1",
}
FLAGGED = {"DeadlineMissed.v1", "ConcealmentSuspected.v1"}


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
    assert FLAGGED & {entry.type for entry in told} == set()
    assert all(entry.exercise == "flood-2026" and entry.actor for entry in told)
    assert all(entry.summary and not entry.summary.startswith(entry.type) for entry in told)

    again = suite.run("drill", "play", DRILL, "--speed", "0")
    assert again.returncode == 0, again.stdout
    assert [event.id for event in await log_of(suite)] == [event.id for event in log]

    shown = suite.run("timeline", "flood-2026", "--json")
    assert shown.returncode == 0, shown.stdout
    assert len(json.loads(shown.stdout)["entries"]) == len(told)


async def test_the_accident_shows_one_late_report_and_nothing_else(
    start_suite: Callable[[], RunningSuite],
) -> None:
    suite = start_suite()

    played = suite.run("drill", "play", ACCIDENT, "--speed", "0")
    assert played.returncode == 0, played.stdout
    log = await log_of(suite)
    last = log[-1].position
    told = await timeline(suite, "chemical-2026", last)
    duty = suite.caller("duty.zhang", "duty_officer").metadata
    decided = max(event.position for event in log if event.category == "incident")
    read = read_pb2.ReadOptions(min_position=decided)
    async with suite.channel("command") as channel:
        found = await DeadlineServiceStub(channel).ListFindings(
            deadline_pb.ListFindingsRequest(incident_id="chemical-2026", read=read), metadata=duty
        )
        figures = await FactServiceStub(channel).ListFigures(
            fact_pb.ListFiguresRequest(
                incident_id="chemical-2026", metrics=[figure_pb2.METRIC_DEAD], read=read
            ),
            metadata=duty,
        )
        open_decisions = await DecisionServiceStub(channel).ListDecisions(
            decision_pb.ListDecisionsRequest(incident_id="chemical-2026", flagged=True, read=read),
            metadata=duty,
        )

    [late] = found.findings
    assert late.kind == deadline_pb.FINDING_KIND_LATE
    assert late.deadline.rule == "accident-province-direct"
    [dead] = figures.metrics
    assert dead.standing_value == 3
    assert {fact.value for fact in dead.live} == {1, 2, 3}
    assert not open_decisions.decisions
    types = [entry.type for entry in told]
    assert types.count("MaydayDeclared.v1") == types.count("MaydayResolved.v1") == 1
    assert types.count("RollCallCompleted.v1") == 1
    assert types.count("ExpertCalledUp.v1") == types.count("ExpertCallUpMoved.v1") == 1
    assert types.count("ExpertReleased.v1") == 2, "one by word, one with the closing"
    assert types.count("DeadlineRebased.v1") == 1
    assert types.count("DeadlineMissed.v1") == 1
    assert types.count("IncidentGraded.v2") == 2


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


async def test_postgresql_holds_the_same_rows(
    start_suite: Callable[[], RunningSuite], postgres_url: str
) -> None:
    suite = start_suite()
    played = suite.run("drill", "play", ACCIDENT, "--speed", "0")
    assert played.returncode == 0, played.stdout
    log = await log_of(suite)
    assert suite.stop() == 0

    engine = create_async_engine(postgres_url)
    for database in databases(suite):
        projection = PROJECTIONS[database.stem]
        concerning = [
            event
            for event in log
            if not projection.categories or event.category in projection.categories
        ]
        async with engine.begin() as connection:
            await connection.run_sync(projection.tables.create_all)
            await connection.run_sync(projection.fold, concerning)
            found = await connection.run_sync(dump, projection)
            await connection.run_sync(projection.tables.drop_all)
        lite = create_engine(f"sqlite:///{database}")
        with lite.connect() as connection:
            assert found == dump(connection, projection), database.stem
        lite.dispose()
    await engine.dispose()


def dump(connection: Connection, projection: Projection) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
        for table in projection.tables.sorted_tables
        if table.name != "checkpoint"
    }


def databases(suite: RunningSuite) -> list[Path]:
    return [found for name in SERVICES for found in suite.data.rglob(f"{name}.db")]
