"""kill -9 under load: what was acknowledged is there once, in order, and whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import grpc
import grpc.aio
import pytest
from esdbclient import AsyncEventStoreDBClient, RecordedEvent
from esdbclient.protos.Grpc import streams_pb2, streams_pb2_grpc

from tests.eventstore.test_batches import request
from tests.node import Node

BATCH = 5
WRITERS = 16


@asynccontextmanager
async def open_stub(node: Node) -> AsyncIterator[streams_pb2_grpc.StreamsStub]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{node.port}") as channel:
        yield streams_pb2_grpc.StreamsStub(channel)  # type: ignore[no-untyped-call]


class Load:
    """Each writer fills its own stream with batches over one call, until the node dies."""

    def __init__(self, round_: int) -> None:
        self._round = round_
        self.sent: dict[str, list[list[str]]] = {}
        self.acknowledged: dict[str, int] = {}
        self.positions: dict[str, int] = {}
        self.count = 0
        self.enough = asyncio.Event()

    async def write(self, stub: streams_pb2_grpc.StreamsStub, writer: int, enough: int) -> None:
        stream = f"load-{self._round}.{writer}"
        self.sent[stream], self.acknowledged[stream] = [], 0
        call = stub.BatchAppend()
        try:
            while True:
                revision = len(self.sent[stream]) * BATCH - 1
                batch = request(stream, revision=revision, count=BATCH, correlation_id=str(uuid4()))
                self.sent[stream].append([e.id.string for e in batch.proposed_messages])
                await call.write(batch)
                response = await call.read()
                if response is grpc.aio.EOF:
                    return
                assert isinstance(response, streams_pb2.BatchAppendResp)
                assert response.WhichOneof("result") == "success", response
                self.acknowledged[stream] += 1
                self.positions[stream] = response.success.position.commit_position
                self.count += 1
                if self.count >= enough:
                    self.enough.set()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return
        finally:
            call.cancel()

    def check(self, stored: dict[str, list[RecordedEvent]]) -> None:
        for stream, batches in self.sent.items():
            found = stored.get(stream, [])
            assert [e.stream_position for e in found] == list(range(len(found)))
            assert len(found) % BATCH == 0, "a batch is half-written"
            sent = [event_id for batch in batches for event_id in batch]
            assert [str(e.id) for e in found] == sent[: len(found)]
            acknowledged = self.acknowledged[stream] * BATCH
            assert acknowledged <= len(found) <= acknowledged + BATCH
            if acknowledged:
                assert found[acknowledged - 1].commit_position == self.positions[stream]


async def read_everything(node: Node) -> list[RecordedEvent]:
    client = AsyncEventStoreDBClient(node.uri)
    await client.connect()
    try:
        return [e async for e in await client.read_all()]
    finally:
        await client.close()


async def kill_under_load(node: Node, rounds: int, enough: int) -> None:
    loads: list[Load] = []
    for round_ in range(rounds):
        load = Load(round_)
        loads.append(load)
        async with open_stub(node) as stub:
            writers = [asyncio.create_task(load.write(stub, n, enough)) for n in range(WRITERS)]
            async with asyncio.timeout(30):
                await load.enough.wait()
                node.kill()
                await asyncio.gather(*writers)
        node.restart()

        events = await read_everything(node)
        positions = [e.commit_position for e in events]
        assert positions == sorted(set(positions))  # type: ignore[type-var]
        stored: dict[str, list[RecordedEvent]] = {}
        for event in events:
            stored.setdefault(event.stream_name, []).append(event)
        assert len({e.id for e in events}) == len(events)
        for earlier in loads:
            earlier.check(stored)


async def test_nothing_acknowledged_is_lost_to_a_kill(own_node: Node) -> None:
    await kill_under_load(own_node, rounds=2, enough=300)


@pytest.mark.long
async def test_nothing_acknowledged_is_lost_to_many_kills(own_node: Node) -> None:
    await kill_under_load(own_node, rounds=25, enough=200)


async def test_a_write_that_was_cut_off_can_be_repeated(own_node: Node) -> None:
    """The client cannot know whether it was written; the same request finds out."""
    batch = request("unknown", revision=-1, count=3)
    async with open_stub(own_node) as stub:
        call = stub.BatchAppend()
        await call.write(batch)
        own_node.kill()
        call.cancel()
    own_node.restart()
    async with open_stub(own_node) as stub:
        positions = set()
        for _ in range(2):
            call = stub.BatchAppend()
            await call.write(batch)
            positions.add((await call.read()).success.position.commit_position)
            call.cancel()
    assert positions == {3}
    assert len(await read_everything(own_node)) == 3
