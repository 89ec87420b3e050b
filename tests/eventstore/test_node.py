"""The process: its one directory, its end, its other services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
from esdbclient import AsyncEventStoreDBClient, EventStoreDBClient, RecordedEvent, StreamState
from esdbclient.exceptions import GrpcError, ServiceUnavailable
from esdbclient.protos.Grpc import streams_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.eventstore.events import events, ids
from tests.eventstore.test_batches import request
from tests.node import Node, NodeDied


def test_one_directory_has_one_node(own_node: Node) -> None:
    with pytest.raises(NodeDied, match="another event store node is running"):
        Node.start(own_node.data)


async def test_the_directory_is_free_after_a_kill(own_node: Node) -> None:
    own_node.kill()
    own_node.restart()
    async with connected(own_node) as client:
        await client.append_to_stream("a", current_version=StreamState.ANY, events=events(1))


class connected:  # noqa: N801 -- reads as a verb where it is used
    def __init__(self, node: Node) -> None:
        self._client = AsyncEventStoreDBClient(node.uri)

    async def __aenter__(self) -> AsyncEventStoreDBClient:
        await self._client.connect()
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()


async def test_a_restart_keeps_events_positions_and_repetitions(own_node: Node) -> None:
    new = events(3)
    async with connected(own_node) as client:
        position = await client.append_to_stream("a", current_version=StreamState.ANY, events=new)
    own_node.restart()
    async with connected(own_node) as client:
        assert [(e.id, e.commit_position) for e in await client.get_stream("a")] == [
            (one.id, n) for n, one in enumerate(new, 1)
        ]
        assert (
            await client.append_to_stream("a", current_version=StreamState.ANY, events=new)
            == position
        )
        assert (
            await client.append_to_stream("a", current_version=2, events=events(1)) == position + 1
        )


async def exhaust(subscription: AsyncIterator[RecordedEvent]) -> None:
    async for _ in subscription:
        pass


async def test_it_ends_in_order_with_calls_open(own_node: Node) -> None:
    async with connected(own_node) as client:
        everything = await client.subscribe_to_all()
        one = await client.subscribe_to_stream("a")
        async with grpc.aio.insecure_channel(f"127.0.0.1:{own_node.port}") as channel:
            call = streams_pb2_grpc.StreamsStub(channel).BatchAppend()  # type: ignore[no-untyped-call]
            await call.write(request("a"))
            assert (await call.read()).success.current_revision == 0
            assert (await anext(one)).stream_position == 0

            async with asyncio.timeout(6):
                assert await asyncio.to_thread(own_node.stop) == 0
            assert await call.code() is grpc.StatusCode.UNAVAILABLE
        for subscription in (everything, one):
            with pytest.raises(ServiceUnavailable):
                await exhaust(subscription)
    assert '"event": "stopped"' in own_node.log


def test_it_is_found_as_a_cluster_of_one(node: Node) -> None:
    client = EventStoreDBClient(f"esdb+discover://127.0.0.1:{node.port}?Tls=false")
    (member,) = client.gossip.read()
    assert (member.state, member.address, member.port) == (
        "NODE_STATE_LEADER",
        "127.0.0.1",
        node.port,
    )
    client.append_to_stream("discovered", current_version=StreamState.ANY, events=events(1))
    client.close()


async def test_it_is_healthy(node: Node) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{node.port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]
        for service in ("", "event_store.client.streams.Streams"):
            response = await health.Check(health_pb2.HealthCheckRequest(service=service))
            assert response.status == health_pb2.HealthCheckResponse.SERVING


def test_other_services_are_unimplemented(sync_client: EventStoreDBClient) -> None:
    for call in (
        lambda: sync_client.create_subscription_to_all("group"),
        lambda: sync_client.create_projection(name="p", query="fromAll()"),
        sync_client.list_subscriptions,
    ):
        with pytest.raises(GrpcError) as refusal:
            call()
        assert refusal.value.args[0].code() is grpc.StatusCode.UNIMPLEMENTED


async def test_idle_clients_may_ping_often(node: Node, stream: str) -> None:
    frequent = (
        ("grpc.keepalive_time_ms", 1_000),
        ("grpc.keepalive_timeout_ms", 1_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    )
    async with grpc.aio.insecure_channel(f"127.0.0.1:{node.port}", options=frequent) as channel:
        call = streams_pb2_grpc.StreamsStub(channel).BatchAppend()  # type: ignore[no-untyped-call]
        await call.write(request(stream))
        assert (await call.read()).success.current_revision == 0
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(ended := asyncio.ensure_future(call.code())), 3.5)
        await call.write(request(stream))
        assert (await call.read()).success.current_revision == 1
        call.cancel()
        await ended


def test_the_limit_is_an_option(tmp_path: Path) -> None:
    node = Node.start(tmp_path / "small", 0, "--max-append-size", "1000")
    client = EventStoreDBClient(node.uri)
    try:
        with pytest.raises(Exception, match="Max size is 1000"):
            client.append_to_stream("a", current_version=StreamState.ANY, events=events(200))
        new = events(2)
        client.append_to_stream("a", current_version=StreamState.ANY, events=new)
        assert ids(client.get_stream("a")) == ids(new)
    finally:
        client.close()
        node.kill()
