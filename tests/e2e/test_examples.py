"""Every public RPC has an example in the docs, and every command line there works.

The calls are made with `buf curl`; ``ANLAN_GRPCURL=FILE`` makes them with that `grpcurl` as well.
``ANLAN_WRITE_DOCS=1 pytest tests/e2e/test_examples.py`` writes docs/examples anew.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from services.cli import plans, tokens
from services.cli.player import Outcome, Player
from services.cli.receiver import listening
from services.cli.rpc import find, public
from services.cli.scenario import Person, Scenario
from services.cli.scenario_file import load
from services.cli.suite import DEFAULT_PORT_BASE, SERVICES
from services.cli.suite import Suite as Ports
from tests.e2e.examples import Asked, Book, Example, Recorder, Run, settled
from tests.service import ROOT
from tests.suite import RunningSuite

DRILLS = (
    "drills/flood-2026.yaml",
    "drills/chemical-2026.yaml",
    "tests/e2e/tour-aid.yaml",
    "tests/e2e/tour.yaml",
    "tests/e2e/tour-forces.yaml",
    "tests/e2e/tour-map.yaml",
    "tests/e2e/tour-runcards.yaml",
    "tests/e2e/tour-planned.yaml",
    "tests/e2e/tour-supplies.yaml",
    "tests/e2e/tour-assignments.yaml",
    "tests/e2e/tour-shelters.yaml",
    "tests/e2e/tour-sites.yaml",
    "tests/e2e/tour-callups.yaml",
)
INCIDENT, TOWN = {"incident_id": "tour"}, {"adcode": "431281102"}
WATCHED: dict[str, dict[str, Any]] = {
    "command.DeadlineService/WatchDeadlines": INCIDENT,
    "command.DecisionService/WatchDecisions": INCIDENT,
    "command.FactService/WatchFigures": INCIDENT,
    "command.IncidentService/WatchIncidents": TOWN,
    "command.NeedService/WatchNeeds": INCIDENT,
    "command.PlanService/WatchPlans": TOWN,
    "command.ReportService/WatchReports": TOWN,
    "command.SituationReportService/WatchSituationReports": INCIDENT,
    "command.TaskService/WatchTasks": INCIDENT,
    "dispatch.AidService/WatchAid": {"incident_id": "tour-aid"},
    "dispatch.AccountabilityService/WatchRollCalls": {"incident_id": "tour-assignments"},
    "dispatch.AssignmentService/WatchAssignments": INCIDENT,
    "dispatch.NeedService/WatchForceNeeds": INCIDENT,
    "resources.ForceService/WatchForces": {"adcode": "431281"},
    "dispatch.RecommendationService/WatchRecommendations": {"incident_id": "tour-runcards"},
    "dispatch.RunCardService/WatchRunCards": {"adcode": "431281"},
    "resources.HazardAreaService/WatchHazardAreas": {"incident_id": "tour-map"},
    "resources.MapService/WatchFeatures": {"filter": {"layers": ["LAYER_INCIDENTS"]}},
    "resources.NeedService/WatchSupplyNeeds": INCIDENT,
    "resources.PositionService/WatchPositions": {},
    "resources.StockService/WatchStock": {"item": "water"},
    "resources.StockService/WatchStockAlarms": {},
    "resources.SupplyRequestService/WatchSupplyRequests": {"incident_id": "tour-supplies"},
    "resources.TransferService/WatchTransfers": {"incident_id": "tour-supplies"},
    "resources.ReliefService/WatchReliefClocks": {"incident_id": "tour-shelters"},
    "resources.RiskSiteService/WatchRiskSites": {"adcode": "431281106"},
    "resources.LandingPointService/WatchLandingPoints": {"adcode": "431281"},
    "resources.ExpertService/WatchExperts": {"adcode": "431281"},
    "resources.ShelterService/WatchHouseholds": {"incident_id": "tour-shelters"},
    "resources.ShelterService/WatchShelterNeeds": {"incident_id": "tour-shelters"},
    "resources.ShelterService/WatchShelters": {"adcode": "431281106"},
    "resources.UnitService/WatchUnits": {"filter": {"capabilities": ["forest_fire"]}},
    "audit.TimelineService/ReplayTimeline": INCIDENT,
}
BUF = Path(sys.executable).with_name("buf")
GRPCURL = os.environ.get("ANLAN_GRPCURL", "")
AT_ONCE, WITHIN_S = 4, 20.0
LATEST_SAID = timedelta(hours=13)
"""Nothing that an example says of the wall clock's time is further ahead than this."""


def test_no_rpc_is_without_an_example() -> None:
    called = {str(act.rpc) for path in DRILLS for act in load(ROOT / path).acts()}
    clock = "command.ExerciseService/AdvanceExerciseClock"  # the player's own
    assert {str(rpc) for rpc in public()} - called - set(WATCHED) - {clock} == set()


@pytest.mark.timeout(480)
async def test_every_example_is_current_and_runs(
    start_suite: Callable[[], RunningSuite], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANLAN_DELIVERY_BACKOFF_S", "0.05")
    since = datetime.now(UTC) - timedelta(seconds=1)
    suite = start_suite()
    addresses = {service: suite.ports.address(service) for service in SERVICES}
    examples: dict[str, Example] = {}
    refused: list[Asked] = []
    for path in DRILLS:
        async with Recorder(addresses, tokens.own(suite.data)) as recorder:
            await play(suite, recorder, load(ROOT / path))
        examples |= recorder.examples
        refused = list(recorder.refused.values())
    for name, fields in WATCHED.items():
        examples[name] = await watched(suite, name, fields)

    printed = await run_all(examples.values(), refused, addresses)

    book = Book(
        run=Run(since=since, until=datetime.now(UTC) + LATEST_SAID),
        examples=examples,
        refusals=printed,
        capabilities=json.loads((ROOT / "reference" / "authority.json").read_text())["rpcs"],
        addresses={service: Ports(DEFAULT_PORT_BASE).address(service) for service in SERVICES},
    )
    for page, text in book.pages().items():
        if os.environ.get("ANLAN_WRITE_DOCS"):
            page.parent.mkdir(exist_ok=True)
            page.write_text(text, encoding="utf-8")
        assert text == page.read_text(encoding="utf-8"), f"{page} is stale: see this file's head"


async def play(suite: RunningSuite, recorder: Recorder, scenario: Scenario) -> None:
    def token(person: Person) -> str:
        return tokens.issue(suite.data, person.subject, person.roles, person.jurisdiction)

    async with listening(0) as receiver:
        await plans.load(recorder, plans.shipped(scenario.plans))
        player = Player(
            scenario=scenario,
            client=recorder,
            token=token,
            told=lambda _: None,
            speed=0,
            patience_s=60,
            receiver_url=receiver.url,
        )
        tally = await player.play()
    unexpected = [one for one in tally.played if one.outcome is Outcome.UNEXPECTED]
    assert unexpected == []


async def watched(suite: RunningSuite, name: str, fields: Mapping[str, Any]) -> Example:
    """Record the first message of a stream."""
    rpc = find(name)
    request = json_format.ParseDict(fields, rpc.request())
    caller = suite.caller("auditor.tan", "auditor")
    async with suite.channel(rpc.service) as channel:
        stream = channel.unary_stream(
            rpc.path,
            request_serializer=rpc.request.SerializeToString,
            response_deserializer=rpc.response.FromString,
        )(request, timeout=WITHIN_S, metadata=caller.metadata)
        answer = await stream.read()
        stream.cancel()
    assert isinstance(answer, rpc.response), f"{rpc} streams nothing"
    return Example(Asked(rpc, request, caller.token), answer)


async def run_all(
    examples: Iterable[Example], refused: Iterable[Asked], addresses: Mapping[str, str]
) -> dict[str, list[tuple[Asked, str]]]:
    """Run every command line; return, by service, what was printed of refusals.

    A repeated request gets its first answer, and what was read is read again.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def run(asked: Asked) -> tuple[bool, str]:
        async with turns:
            return await curled(asked, BUF, asked.buf(addresses[asked.rpc.service]))

    async def run_grpcurl(asked: Asked) -> tuple[bool, str]:
        async with turns:
            return await curled(asked, GRPCURL, asked.grpcurl(addresses[asked.rpc.service]))

    runs = (run, run_grpcurl) if GRPCURL else (run,)

    async def again(example: Example, run: Callable[[Asked], Awaitable[tuple[bool, str]]]) -> str:
        accepted, said = await run(example.asked)
        if not accepted:
            return f"{example.asked.rpc}: {said}"
        answer = settled(json_format.Parse(said, type(example.answer)()))
        first = settled(example.answer)
        return "" if answer == first else f"{example.asked.rpc}: {answer}, first {first}"

    again_each = (again(one, run) for one in examples for run in runs)
    wrong = "\n".join(filter(None, await asyncio.gather(*again_each)))
    if wrong:
        pytest.fail(wrong)
    printed: dict[str, list[tuple[Asked, str]]] = defaultdict(list)
    for asked in refused:
        accepted, said = await run(asked)
        assert not accepted, f"{asked.rpc} was refused, and now is not: {said}"
        if GRPCURL:
            assert not (await run_grpcurl(asked))[0], f"{asked.rpc} is not refused to grpcurl"
        printed[asked.rpc.service].append((asked, said))
    return printed


async def curled(asked: Asked, tool: Path | str, arguments: list[str]) -> tuple[bool, str]:
    """Return whether a command line was accepted, and what it printed: of a stream, the first."""
    process = await asyncio.create_subprocess_exec(
        tool,
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            if asked.rpc.streams:
                said = await _first(process.stdout)
                return bool(said), said
            out, error = await process.communicate()
            return process.returncode == 0, (error if process.returncode else out).decode()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _first(printed: asyncio.StreamReader | None) -> str:
    """Return the first message of a stream, as it was printed."""
    assert printed is not None
    said = ""
    async for line in printed:
        said += line.decode()
        if line == b"}\n":
            break
    return said
