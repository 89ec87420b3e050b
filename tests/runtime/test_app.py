"""A service ends when it is told to, ends when it must, and is healthy only when it is ready."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from anlan.command.v1 import incident_service_pb2 as pb
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from services.runtime import serve
from services.runtime.identity import DevelopmentIssuer
from services.runtime.serve import refuse_insecure
from services.runtime.settings import Settings
from services.runtime.store import NO_STREAM, EventStore, Proposed
from tests.broker import Broker
from tests.node import Node
from tests.runtime.served import served
from tests.service import Service, Tokens


@dataclass
class Suite:
    node: Node
    broker: Broker
    tokens: Tokens
    service: Service


def started(folder: Path) -> Iterator[Suite]:
    node = Node.start(folder / "node")
    broker = Broker.start(folder / "broker")
    tokens = Tokens(folder)
    service = Service.start("command", folder, tokens, node.uri, broker.url)
    try:
        yield Suite(node, broker, tokens, service)
    finally:
        service.kill()
        broker.kill()
        node.kill()


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    yield from started(tmp_path_factory.mktemp("suite"))


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[Suite]:
    yield from started(tmp_path)


@pytest.mark.parametrize("times", [2, pytest.param(50, marks=[pytest.mark.long])])
@pytest.mark.timeout(600)
async def test_a_service_that_is_told_to_stop_ends_within_its_grace(
    suite: Suite, times: int
) -> None:
    service = suite.service
    metadata = suite.tokens.caller("duty.wang", "duty_officer").metadata
    for _ in range(times):
        async with service.channel() as channel:
            watch = IncidentServiceStub(channel).WatchIncidents(
                pb.WatchIncidentsRequest(), metadata=metadata
            )
            reading = asyncio.create_task(watch.read())
            await asyncio.sleep(0.1)
            started = time.monotonic()
            code = await asyncio.to_thread(service.stop)
            took_s = time.monotonic() - started
            await asyncio.gather(reading, return_exceptions=True)

        assert code == 0, service.log.read_text()[-3000:]
        assert took_s < serve.GRACE_S
        await asyncio.to_thread(service.restart)


async def test_a_service_whose_events_nobody_can_read_ends_and_says_so(doomed: Suite) -> None:
    store = EventStore(doomed.node.uri)
    await store.connect()
    try:
        nonsense = Proposed(uuid4(), "FromTheFuture.v9", b"{}", {})
        await store.append("incident-i1", [nonsense], NO_STREAM)
        code = await asyncio.to_thread(doomed.service.process.wait, 15)
    finally:
        await store.close()

    assert code not in {0, None}
    assert "FromTheFuture.v9" in doomed.service.log.read_text()


async def test_a_service_is_not_healthy_before_its_rows_have_caught_up(suite: Suite) -> None:
    service = suite.service
    service.kill()
    suite.node.kill()
    starting = asyncio.create_task(asyncio.to_thread(service.restart))
    answers = []
    async with service.channel() as channel:
        health = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]
        for _ in range(2):
            answer = await health.Check(
                health_pb2.HealthCheckRequest(), timeout=30, wait_for_ready=True
            )
            answers.append(answer.status)
            await asyncio.sleep(0.1)
    await asyncio.to_thread(suite.node.restart)
    await starting

    assert answers == [health_pb2.HealthCheckResponse.NOT_SERVING] * 2


async def test_a_stopping_server_finishes_the_calls_under_way(tmp_path: Path) -> None:
    began = asyncio.Event()

    async def finish(_: object, __: object) -> pb.GradeIncidentResponse:
        began.set()
        await asyncio.sleep(0.3)
        return pb.GradeIncidentResponse(etag="done")

    async with served(tmp_path) as api:
        api.told.grade = finish
        asking = asyncio.ensure_future(api.grade())
        await began.wait()
        await api.server.stop()

        assert (await asking).etag == "done"


async def test_a_stopping_server_ends_its_watches_at_once(tmp_path: Path) -> None:
    async def endless(_: Any, __: Any) -> AsyncIterator[Any]:
        yield pb.WatchIncidentsResponse(position=1)
        await asyncio.sleep(60)

    async with served(tmp_path) as api:
        api.told.watch = endless
        watch = api.stub.WatchIncidents(pb.WatchIncidentsRequest(), metadata=api.metadata())
        await watch.read()
        async with asyncio.timeout(serve.GRACE_S / 2):
            await api.server.stop()

        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await watch.read()

    assert ended.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_health_turns_with_the_server(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        health = health_pb2_grpc.HealthStub(api.channel)  # type: ignore[no-untyped-call]
        watching = health.Watch(health_pb2.HealthCheckRequest())
        first = await watching.read()
        await api.server.ready()
        second = await watching.read()
        watching.cancel()

    assert [first.status, second.status] == [
        health_pb2.HealthCheckResponse.NOT_SERVING,
        health_pb2.HealthCheckResponse.SERVING,
    ]


KEYS: dict[str, Any] = {"tls_certificate": Path("cert.pem"), "tls_key": Path("key.pem")}


@pytest.mark.parametrize(
    "settings",
    [
        Settings(listen="0.0.0.0:443"),
        Settings(listen="10.0.0.7:443"),
        Settings(listen="[::]:443"),
        Settings(listen="anlan.example:443"),
        Settings(listen="0.0.0.0:443", issuer="https://issuer.example"),
        Settings(listen="0.0.0.0:443", issuer=DevelopmentIssuer.NAME, **KEYS),
    ],
    ids=lambda s: f"{s.listen} {s.issuer} {bool(s.tls_key)}",
)
def test_what_others_could_reach_is_not_served_insecurely(settings: Settings) -> None:
    with pytest.raises(SystemExit, match="refusing to serve"):
        refuse_insecure(settings)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(listen="127.0.0.1:0"),
        Settings(listen="localhost:0"),
        Settings(listen="[::1]:0"),
        Settings(listen="0.0.0.0:443", allow_insecure=True),
        Settings(listen="0.0.0.0:443", issuer="https://issuer.example", **KEYS),
    ],
    ids=lambda s: f"{s.listen} {s.allow_insecure}",
)
def test_what_is_safe_is_served(settings: Settings) -> None:
    refuse_insecure(settings)
