"""Clocks are rebuilt from the store: whoever dies, each mark is recorded once and within a second.

A real node and a real service, killed while clocks run, in earnest and in a scripted exercise.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from anlan.command.v1 import deadline_service_pb2 as pb
from anlan.command.v1 import exercise_service_pb2 as exercise_pb
from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.command.v1.deadline_service_pb2_grpc import DeadlineServiceStub
from anlan.command.v1.exercise_service_pb2_grpc import ExerciseServiceStub
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.type.v1 import place_pb2
from services.command.codec import INCIDENT_CODEC
from services.command.domain.incident.deadlines import DeadlineMissed, DeadlineWarned
from services.runtime.recorded import Recorded
from services.runtime.store import EventStore
from tests.broker import Broker
from tests.node import Node
from tests.service import Caller, Service, Tokens, request_id

NIGHT = datetime(2026, 6, 18, 1, 10, tzinfo=UTC)
CLOCK = "disaster-initial-1"
TOO_LATE = timedelta(seconds=1)


@dataclass
class Post:
    """A service that can be killed, and the log that it writes."""

    node: Node
    service: Service
    officer: Caller
    director: Caller

    @asynccontextmanager
    async def store(self) -> AsyncIterator[EventStore]:
        store = EventStore(self.node.uri)
        await store.connect()
        try:
            yield store
        finally:
            await store.close()

    async def rung(self, incident_id: str) -> list[tuple[int, datetime, datetime]]:
        """Return each mark of the clock: which, the instant it is of, when it was recorded."""
        async with self.store() as store:
            log = await store.read(f"incident-{incident_id}")
        return [mark for event in log if (mark := _mark(event)) is not None]

    async def until_rung(self, incident_id: str, percent: int) -> None:
        """Wait until a mark is on the board."""
        async with self.service.channel() as channel, asyncio.timeout(30):
            watch = DeadlineServiceStub(channel).WatchDeadlines(
                pb.WatchDeadlinesRequest(incident_id=incident_id),
                metadata=self.officer.metadata,
                wait_for_ready=True,
            )
            async for seen in watch:
                if seen.deadline.deadline_id == CLOCK and seen.deadline.percent >= percent:
                    break
            watch.cancel()

    async def open(self, said_at: datetime, exercise: str = "") -> str:
        """Open an incident whose first report was said then."""
        metadata = replace(self.officer, exercise=exercise).metadata
        submit = report_pb.SubmitReportRequest(
            request_id=request_id(),
            source=report_pb.REPORT_SOURCE_POLICE_110,
            reporter="村民 13800000000",
            type_code="11D01",
            place=place_pb2.Place(adcode="431281102"),
            text="屋后山体滑坡",
        )
        submit.occur_time.FromDatetime(said_at)
        async with self.service.channel() as channel:
            reports: Any = ReportServiceStub(channel)
            submitted = await reports.SubmitReport(submit, metadata=metadata, wait_for_ready=True)
            verify = report_pb.VerifyReportRequest(
                request_id=request_id(), report_id=submitted.report_id, title="安江滑坡"
            )
            verify.occur_time.FromDatetime(said_at)
            verified = await reports.VerifyReport(verify, metadata=metadata)
        return str(verified.incident_id)


def _mark(event: Recorded) -> tuple[int, datetime, datetime] | None:
    match INCIDENT_CODEC.decode(event.type, event.data):
        case DeadlineWarned(deadline_id="disaster-initial-1") as warned:
            return warned.percent, warned.occurred_at, event.created_at
        case DeadlineMissed(deadline_id="disaster-initial-1") as missed:
            return 100, missed.occurred_at, event.created_at
        case _:
            return None


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    folder: Path = tmp_path_factory.mktemp("clocks")
    tokens = Tokens(tmp_path_factory.mktemp("tokens"))
    node = Node.start(folder / "node")
    broker = Broker.start(folder / "broker")
    service = Service.start("command", folder, tokens, node.uri, broker.url)
    officer = tokens.caller("duty.wang", "duty_officer")
    director = tokens.caller("director.wu", "director")
    try:
        yield Post(node, service, officer, director)
    finally:
        service.stop()
        broker.stop()
        node.stop()


async def test_a_mark_is_recorded_within_a_second_although_the_service_was_killed(
    post: Post,
) -> None:
    began = datetime.now(UTC)
    half, passed = timedelta(hours=1), timedelta(minutes=96)
    falls_while_dead = await post.open(began - half + timedelta(seconds=1))
    falls_afterwards = await post.open(began - half + timedelta(seconds=6))
    rung_already = await post.open(began - passed)
    await post.until_rung(rung_already, 80)

    post.service.kill()
    await asyncio.to_thread(post.service.restart)
    ready = datetime.now(UTC)
    for incident_id in (falls_while_dead, falls_afterwards):
        await post.until_rung(incident_id, 50)
    post.service.kill()
    await asyncio.to_thread(post.service.restart)

    for incident_id in (falls_while_dead, falls_afterwards):
        [(percent, due, recorded)] = await post.rung(incident_id)
        assert percent == 50
        assert due <= recorded <= max(due, ready) + TOO_LATE
    assert [percent for percent, _, _ in await post.rung(rung_already)] == [50, 80]


def to(clock: datetime, exercise_id: str) -> exercise_pb.AdvanceExerciseClockRequest:
    shown = Timestamp()
    shown.FromDatetime(clock)
    return exercise_pb.AdvanceExerciseClockRequest(
        request_id=request_id(), exercise_id=exercise_id, clock=shown
    )


async def test_an_exercise_rings_by_its_own_clock_although_the_service_was_killed(
    post: Post,
) -> None:
    director = replace(post.director, exercise="night").metadata

    async def advance(request: exercise_pb.AdvanceExerciseClockRequest) -> None:
        async with post.service.channel() as channel:
            exercises: Any = ExerciseServiceStub(channel)
            await exercises.AdvanceExerciseClock(request, metadata=director, wait_for_ready=True)

    await advance(to(NIGHT, "night"))
    incident_id = await post.open(NIGHT, "night")
    post.service.kill()
    await asyncio.to_thread(post.service.restart)
    before = await post.rung(incident_id)  # long due on the wall

    await advance(to(NIGHT + timedelta(minutes=60), "night"))
    half = await post.rung(incident_id)
    forward = to(NIGHT + timedelta(minutes=121), "night")
    dying = asyncio.create_task(advance(forward))
    await post.until_rung(incident_id, 80)
    post.service.kill()
    await asyncio.to_thread(post.service.restart)
    with suppress(grpc.aio.AioRpcError):
        await dying
    await advance(forward)
    await advance(forward)

    assert before == []
    assert [(percent, due) for percent, due, _ in half] == [(50, NIGHT + timedelta(minutes=60))]
    assert [(percent, due) for percent, due, _ in await post.rung(incident_id)] == [
        (50, NIGHT + timedelta(minutes=60)),
        (80, NIGHT + timedelta(minutes=96)),
        (100, NIGHT + timedelta(minutes=120)),
    ]
