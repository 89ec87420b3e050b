"""Five hundred consoles that watch the board, and one assignment that changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from anlan.dispatch.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from tests.bench import floors, nights
from tests.bench.measure import Row, ms, percentile
from tests.broker import Broker
from tests.node import Node
from tests.service import Caller, Service, Tokens, request_id

WATCHERS, CONNECTIONS, CHANGES, WARM_UP = 500, 50, 60, 5
PATIENCE_S = 60
Watch = Callable[[grpc.aio.Channel], AsyncIterator[Any]]


class Crowd:
    """Everybody who watches, and when each has heard of a change."""

    def __init__(self) -> None:
        self._heard_at: list[float] = []
        self._all = asyncio.Event()

    async def watch(self, answers: AsyncIterator[Any]) -> None:
        async for _ in answers:
            self._heard_at.append(time.perf_counter())
            if len(self._heard_at) == WATCHERS:
                self._all.set()

    async def all_have_heard(self) -> list[float]:
        async with asyncio.timeout(PATIENCE_S):
            await self._all.wait()
        heard_at, self._heard_at = self._heard_at, []
        self._all.clear()
        return heard_at

    async def hears(self, change: Callable[[], Awaitable[Any]]) -> list[float]:
        """Return the seconds from the start of a change until each watcher had it."""
        started = time.perf_counter()
        _, heard_at = await asyncio.gather(change(), self.all_have_heard())
        return [at - started for at in heard_at]


async def five_hundred(folder: Path) -> list[Row]:
    nights.fill(folder / "node", range(CHANGES + WARM_UP), nights.ACKNOWLEDGED)
    tokens = Tokens(folder)
    node, nats = Node.start(folder / "node"), Broker.start(folder / "nats")
    dispatch = None
    try:
        dispatch = Service.start("dispatch", folder, tokens, node.uri, nats.url)
        return [await _watched(dispatch, tokens.caller("diao.lin", "dispatcher"))]
    finally:
        for process in (dispatch, nats, node):
            if process is not None:
                process.stop()


async def _watched(dispatch: Service, by: Caller) -> Row:
    async with floors.echo() as address, dispatch.channel() as channel:
        stub: Any = AssignmentServiceStub(channel)
        page = await stub.ListAssignments(pb.ListAssignmentsRequest(), metadata=by.metadata)
        request = pb.WatchAssignmentsRequest(resume_position=page.freshness.position)
        numbers = iter(range(CHANGES + WARM_UP))

        async def set_out() -> None:
            fact = pb.RecordEnRouteRequest(
                request_id=request_id(), assignment_id=nights.key(next(numbers))
            )
            await stub.RecordEnRoute(fact, metadata=by.metadata)

        def watch(channel: grpc.aio.Channel) -> AsyncIterator[pb.WatchAssignmentsResponse]:
            stub: Any = AssignmentServiceStub(channel)
            return stub.WatchAssignments(request, metadata=by.metadata)  # type: ignore[no-any-return]

        async with _crowd(dispatch.address, watch) as crowd:
            for _ in range(WARM_UP):
                await crowd.hears(set_out)
            seconds = [at for _ in range(CHANGES) for at in await crowd.hears(set_out)]
        answer = pb.WatchAssignmentsResponse(assignment=page.assignments[0], position=1)
        least = await _floor(address, answer.SerializeToString())
    return Row(
        path=f"a change of the board → {WATCHERS} watchers",
        measured=f"p50 {ms(percentile(seconds, 0.5))}, p99 {ms(percentile(seconds, 0.99))}",
        floor=f"p50 {ms(percentile(least, 0.5))}, p99 {ms(percentile(least, 0.99))} = one bare "
        "call and the same bytes on as many bare streams",
        ratio=percentile(seconds, 0.99) / percentile(least, 0.99),
        goal="p99 < 250 ms",
        met=percentile(seconds, 0.99) < 0.250,
    )


async def _floor(address: str, message: bytes) -> list[float]:
    def watch(channel: grpc.aio.Channel) -> AsyncIterator[pb.WatchAssignmentsResponse]:
        call: Any = channel.unary_stream(
            floors.WATCH, response_deserializer=pb.WatchAssignmentsResponse.FromString
        )
        return call(b"")  # type: ignore[no-any-return]

    async with grpc.aio.insecure_channel(address) as channel, _crowd(address, watch) as crowd:
        await crowd.all_have_heard()  # that they are connected
        tell: Any = channel.unary_unary(floors.TELL)
        for _ in range(WARM_UP):
            await crowd.hears(lambda: tell(message))
        return [at for _ in range(CHANGES) for at in await crowd.hears(lambda: tell(message))]


@asynccontextmanager
async def _crowd(address: str, watch: Watch) -> AsyncIterator[Crowd]:
    """Watch over several connections, as consoles behind several gateways do."""
    crowd = Crowd()
    async with AsyncExitStack() as stack:
        watching = []
        for _ in range(CONNECTIONS):
            options = [("grpc.use_local_subchannel_pool", 1)]
            channel = grpc.aio.insecure_channel(address, options=options)
            await stack.enter_async_context(channel)
            watching += [
                asyncio.create_task(crowd.watch(watch(channel)))
                for _ in range(WATCHERS // CONNECTIONS)
            ]
        try:
            yield crowd
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
