"""A timeline is every event of an incident, in the order of the log, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from anlan.audit.v1 import timeline_service_pb2 as pb
from anlan.audit.v1.timeline_service_pb2_grpc import TimelineServiceStub
from anlan.type.v1 import read_pb2
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.store import NO_STREAM, EventStore, Proposed
from tests.node import Node
from tests.service import Caller, Service, Tokens

OFFICER = Actor(subject="duty.wang", roles=("duty_officer",), jurisdiction="431281")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    return Tokens(tmp_path_factory.mktemp("tokens"))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node.start(tmp_path_factory.mktemp("node"))
    yield node
    node.stop()


@pytest.fixture(scope="module")
def audit(
    tmp_path_factory: pytest.TempPathFactory, tokens: Tokens, node: Node
) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("audit")
    service = Service.start("audit", folder, tokens, node.uri, "nats://127.0.0.1:1")
    yield service
    service.stop()


@dataclass(frozen=True)
class Log:
    """Writes events as services do."""

    store: EventStore

    async def write(
        self, stream: str, type_: str, data: str, story: str, caused_by: str = "", after: int = -1
    ) -> tuple[UUID, int]:
        command = uuid4()
        cause = Cause(
            command_id=command,
            causation_id=caused_by or str(command),
            correlation_id=story,
            actor=OFFICER,
        )
        event = Proposed(uuid4(), type_, data.encode(), cause.metadata())
        return event.id, await self.store.append(stream, [event], after)


@pytest.fixture
async def log(node: Node) -> AsyncIterator[Log]:
    store = EventStore(node.uri)
    await store.connect()
    yield Log(store)
    await store.close()


@dataclass(frozen=True)
class Api:
    stub: Any
    auditor: Caller

    async def timeline(
        self, incident_id: str, position: int, **more: Any
    ) -> list[pb.TimelineEntry]:
        entries: list[pb.TimelineEntry] = []
        request = pb.GetTimelineRequest(
            incident_id=incident_id,
            read=read_pb2.ReadOptions(min_position=position),
            **more,
        )
        while True:
            page = await self.stub.GetTimeline(request, metadata=self.auditor.metadata)
            entries.extend(page.entries)
            if not page.next_page_token:
                return entries
            request.page_token = page.next_page_token


@pytest.fixture
async def api(audit: Service, tokens: Tokens) -> AsyncIterator[Api]:
    async with audit.channel() as channel:
        yield Api(TimelineServiceStub(channel), tokens.caller("auditor.zhao", "auditor"))


async def test_a_report_that_joined_late_is_told_from_its_beginning(log: Log, api: Api) -> None:
    incident, report = f"i{uuid4().hex}", f"r{uuid4().hex}"
    said = '{"occurred_at":"2026-06-18T01:00:00Z","text":"滑坡"}'
    await log.write(f"report-{report}", "ReportSubmitted.v1", said, report)
    await log.write(f"incident-{incident}", "IncidentOpened.v1", "{}", incident)
    joined = f'{{"report_id":"{report}","incident_id":"{incident}"}}'
    _, position = await log.write(f"report-{report}", "ReportJoined.v1", joined, incident, after=0)

    entries = await api.timeline(incident, position, page_size=2)

    assert [entry.type for entry in entries] == [
        "ReportSubmitted.v1",
        "IncidentOpened.v1",
        "ReportJoined.v1",
    ]
    assert entries[0].occur_time.ToJsonString() == "2026-06-18T01:00:00Z"
    assert entries[0].record_time.seconds > entries[0].occur_time.seconds
    assert (entries[0].actor, entries[0].jurisdiction) == ("duty.wang", "431281")
    assert "滑坡" in entries[0].summary


async def test_an_event_names_the_event_that_caused_it(log: Log, api: Api) -> None:
    incident = f"i{uuid4().hex}"
    cause, first = await log.write(f"incident-{incident}", "IncidentOpened.v1", "{}", incident)
    _, last = await log.write(
        f"notification-{uuid4().hex}", "NotificationRequested.v1", "{}", incident, str(cause)
    )

    entries = await api.timeline(incident, last)

    assert [entry.cause_position for entry in entries] == [0, first]
    assert await api.timeline(incident, last, causation_id=str(cause)) == [entries[1]]


async def test_a_replay_follows_what_is_recorded_from_now_on(log: Log, api: Api) -> None:
    incident = f"i{uuid4().hex}"
    stream = f"incident-{incident}"
    await log.write(stream, "IncidentOpened.v1", "{}", incident)
    replay = api.stub.ReplayTimeline(
        pb.ReplayTimelineRequest(incident_id=incident, follow=True),
        metadata=api.auditor.metadata,
    )
    async with asyncio.timeout(10):
        first = await replay.read()
        await log.write(stream, "IncidentGraded.v1", "{}", incident, after=0)
        second = await replay.read()
    replay.cancel()

    assert [first.entry.type, second.entry.type] == ["IncidentOpened.v1", "IncidentGraded.v1"]


async def test_another_systems_event_is_kept_as_it_is(log: Log, api: Api) -> None:
    story = f"i{uuid4().hex}"
    _, position = await log.write(f"foreign-{story}", "Thing", "not json", story)

    entries = await api.timeline(story, position)

    assert [(entry.type, entry.data) for entry in entries] == [("Thing", "not json")]


async def test_the_timeline_is_the_log_and_rebuilds_to_the_same(
    log: Log, api: Api, audit: Service
) -> None:
    incident = f"i{uuid4().hex}"
    position = NO_STREAM
    for revision in range(20):
        _, position = await log.write(
            f"incident-{incident}", "IncidentGraded.v1", "{}", incident, after=revision - 1
        )
    before = await api.timeline(incident, position)
    audit.stop()
    for file in audit.log.parent.glob("audit.db*"):
        file.unlink()
    audit.restart()

    assert await api.timeline(incident, position) == before
    assert [entry.revision for entry in before] == list(range(20))
