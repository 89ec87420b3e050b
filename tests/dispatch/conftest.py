from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import grpc
import pytest
from sqlalchemy import select

from anlan.command.v1 import incident_service_pb2 as command_pb
from anlan.dispatch.v1 import assignment_service_pb2 as pb
from anlan.dispatch.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from anlan.events.v1 import incident_events_pb2 as incident_pb
from anlan.type.v1 import place_pb2
from services.dispatch import main
from services.dispatch.projections.tables import INCIDENTS
from services.runtime import broker, peer
from services.runtime.published import Publication, headers
from services.runtime.readmodel import ReadModel
from services.runtime.recorded import Recorded
from services.runtime.settings import Settings
from services.runtime.store import EventStore
from tests.broker import Broker
from tests.dispatch.peers import Incidents, Units, serve
from tests.node import Node
from tests.service import Caller, Tokens

DYKE = place_pb2.Place(adcode="431281102", address="安江镇大堤")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    return Tokens(tmp_path_factory.mktemp("tokens"))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node.start(tmp_path_factory.mktemp("node"))
    try:
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    server = Broker.start(tmp_path_factory.mktemp("broker"))
    try:
        yield server
    finally:
        server.stop()


@dataclass
class Dispatch:
    """The service as main.py wires it, in this process, with a clock that can be put forward."""

    settings: Settings
    tokens: Tokens
    units: Units
    incidents: Incidents
    ahead: timedelta = timedelta()
    stub: Any = None
    address: str = ""
    model: ReadModel = None  # type: ignore[assignment]
    js: Any = None
    dispatcher: Caller = field(init=False)

    def __post_init__(self) -> None:
        self.dispatcher = self.tokens.caller("diao.lin", "dispatcher")

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def ask(self, method: str, request: Any, by: Caller | None = None) -> Any:
        """Call; a mutating request gets a request_id where it has none."""
        if "request_id" in request.DESCRIPTOR.fields_by_name and not request.request_id:
            request.request_id = str(uuid4())
        metadata = (by or self.dispatcher).metadata
        return await getattr(self.stub, method)(request, metadata=metadata, timeout=20)

    async def create(self, by: Caller | None = None, **fields: Any) -> pb.CreateAssignmentResponse:
        answer: pb.CreateAssignmentResponse = await self.ask(
            "CreateAssignment", pb.CreateAssignmentRequest(**fields), by
        )
        return answer

    async def get(self, assignment_id: str, position: int = 0) -> pb.Assignment:
        request = pb.GetAssignmentRequest(assignment_id=assignment_id)
        request.read.min_position = position
        answer = await self.ask("GetAssignment", request)
        found: pb.Assignment = answer.assignment
        return found

    async def until(self, assignment_id: str, state: Any) -> pb.Assignment:
        """Watch until an assignment is in a state."""
        watch = self.stub.WatchAssignments(
            pb.WatchAssignmentsRequest(), metadata=self.dispatcher.metadata, timeout=30
        )
        async for news in watch:
            found: pb.Assignment = news.assignment
            if found.assignment_id == assignment_id and state(found):
                watch.cancel()
                return found
        raise AssertionError(f"{assignment_id} never came to that")

    def incident(self, exercise: str = "", *, closed: bool = False, adcode: str = "") -> str:
        """Return the id of an incident that command knows and dispatch does not."""
        incident_id = str(uuid4())
        place = place_pb2.Place(adcode=adcode) if adcode else DYKE
        message = command_pb.Incident(
            incident_id=incident_id, place=place, exercise=exercise, etag="3"
        )
        message.state = (
            command_pb.INCIDENT_STATE_CLOSED if closed else command_pb.INCIDENT_STATE_VERIFIED
        )
        message.report_time.FromDatetime(datetime(2026, 6, 18, 19, 0, tzinfo=UTC))
        message.open_time.FromDatetime(datetime(2026, 6, 18, 19, 5, tzinfo=UTC))
        self.incidents.known[incident_id] = message
        return incident_id

    def unit(self, kind: str = "boat") -> str:
        unit_id = f"{kind}-{uuid4()}"
        self.units.kinds[unit_id] = kind
        return unit_id

    async def hear(self, message: Any, revision: int, exercise: str = "") -> None:
        """Publish an incident's public event as command does."""
        event = Recorded(
            id=uuid4(),
            type="",
            stream=f"incident-{message.incident_id}",
            revision=revision,
            position=next(POSITIONS),
            created_at=datetime.now(UTC),
            data=b"",
            metadata={"actor": "zhi.ban", "exercise": exercise, "command_id": str(uuid4())},
        )
        name = message.DESCRIPTOR.name
        publication = Publication(
            f"anlan.431281102.incident.{name}.{message.incident_id}",
            message.DESCRIPTOR.full_name,
            message.SerializeToString(),
        )
        await self.js.publish(
            publication.subject,
            publication.payload,
            headers=headers(event, publication, "/anlan/command"),
        )

    async def noted(self, incident_id: str, *, is_open: bool) -> None:
        """Wait until the news of an incident is in the rows."""
        statement = select(INCIDENTS.c.is_open).where(INCIDENTS.c.incident_id == incident_id)
        while True:
            async with self.model.read() as (connection, seen):
                found = (await connection.execute(statement)).scalar()
            if found is is_open:
                return
            assert await self.model.advanced(seen.position, 20)

    async def put_forward(self, seconds: float) -> None:
        """Put the clock forward; some news makes whoever sleeps look at it."""
        self.ahead += timedelta(seconds=seconds)
        opened = incident_pb.IncidentOpened(incident_id=str(uuid4()), place=DYKE)
        await self.hear(opened, 0)
        await self.noted(opened.incident_id, is_open=True)


POSITIONS = count(1)


@pytest.fixture
async def dispatch(
    node: Node, nats: Broker, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Dispatch]:
    monkeypatch.setattr(peer, "GIVE_UP_AFTER_S", 0.1)
    units, incidents = Units(), Incidents()  # type: ignore[abstract]
    peers, address = await serve(units, incidents)
    settings = Settings(
        esdb_uri=node.uri,
        nats_url=nats.url,
        jwks=str(tokens.issuer.jwks),
        service_token_file=tokens.service_file,
        resources_address=address,
        command_address=address,
    )
    client = await broker.connect(nats.url, "test")
    js = client.jetstream()
    await broker.ensure_stream(js, "ANLAN_COMMAND", ["anlan.*.report.>", "anlan.*.incident.>"])
    await broker.ensure_stream(js, "ANLAN_RESOURCES", ["anlan.*.unit.>"])
    dispatch = Dispatch(settings, tokens, units, incidents, js=js)
    try:
        async with main.wired(settings, dispatch.now) as (server, model, tasks):
            listening = await server.start(main.NAMES)
            beside = [asyncio.create_task(task) for task in (model.run(), *tasks)]
            dispatch.model, dispatch.address = model, listening
            try:
                async with grpc.aio.insecure_channel(listening) as channel:
                    dispatch.stub = AssignmentServiceStub(channel)
                    await model.caught_up.wait()
                    yield dispatch
            finally:
                await server.stop()
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
    finally:
        await client.close()
        await peers.stop(None)


@pytest.fixture
async def store(node: Node) -> AsyncIterator[EventStore]:
    store = EventStore(node.uri)
    await store.connect()
    try:
        yield store
    finally:
        await store.close()
