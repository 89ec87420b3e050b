"""What the machine itself costs: bare calls and streams, fsynced appends, bare SQL."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import apsw
import grpc
import msgspec
import uvloop
from esdbclient.protos.Grpc import streams_pb2
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from anlan.resources.v1 import position_service_pb2 as pb

METHOD = "/bench.Echo/Empty"
TAKE = "/bench.Echo/Take"
POUR = "/bench.Echo/Pour"
KEEP, GIVE = "/bench.Echo/Keep", "/bench.Echo/Give"
WATCH, TELL = "/bench.Echo/Watch", "/bench.Echo/Tell"
M = TypeVar("M", bound=Message)


async def _empty(_: Empty, __: Any) -> Empty:
    return Empty()


async def _take(requests: AsyncIterator[Any], _: Any) -> AsyncIterator[Any]:
    async for request in requests:
        yield pb.ReportPositionsResponse(taken=len(request.fixes))


async def _pour(asked: tuple[int, list[bytes]], _: Any) -> AsyncIterator[streams_pb2.ReadResp]:
    count, sample = asked
    messages = [streams_pb2.ReadResp.FromString(message) for message in sample]
    for message in itertools.islice(itertools.cycle(messages), count):
        yield message


class _Crowd:
    """Whoever watches is sent whatever somebody tells."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[bytes]] = set()

    async def watch(self, _: bytes, __: Any) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._queues.add(queue)
        yield b""
        while True:
            yield await queue.get()

    async def tell(self, message: bytes, _: Any) -> bytes:
        for queue in self._queues:
            queue.put_nowait(message)
        return b""


async def _serve() -> None:
    grpc.aio.init_grpc_aio()
    server = grpc.aio.server()
    kept = b""
    crowd = _Crowd()

    async def keep(message: bytes, _: Any) -> bytes:
        nonlocal kept
        kept = message
        return b""

    async def give(_: bytes, __: Any) -> bytes:
        return kept

    handler = grpc.unary_unary_rpc_method_handler(_empty, Empty.FromString, Empty.SerializeToString)
    taking = grpc.stream_stream_rpc_method_handler(
        _take,
        pb.ReportPositionsRequest.FromString,
        pb.ReportPositionsResponse.SerializeToString,
    )
    pouring = grpc.unary_stream_rpc_method_handler(
        _pour,
        msgspec.msgpack.Decoder(tuple[int, list[bytes]]).decode,
        streams_pb2.ReadResp.SerializeToString,
    )
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Empty": handler,
        "Take": taking,
        "Pour": pouring,
        "Keep": grpc.unary_unary_rpc_method_handler(keep),
        "Give": grpc.unary_unary_rpc_method_handler(give),
        "Watch": grpc.unary_stream_rpc_method_handler(crowd.watch),
        "Tell": grpc.unary_unary_rpc_method_handler(crowd.tell),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[str]:
    """Serve empty calls from another process; yields its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.floors", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()


def empty_call(channel: grpc.aio.Channel) -> Any:
    return channel.unary_unary(
        METHOD, request_serializer=Empty.SerializeToString, response_deserializer=Empty.FromString
    )


async def given(channel: grpc.aio.Channel, message: M) -> Callable[[], Awaitable[M]]:
    """Return a call that is answered with ``message``, which the server has ready as bytes."""
    keep: Any = channel.unary_unary(KEEP)
    await keep(message.SerializeToString())
    give: Any = channel.unary_unary(GIVE, response_deserializer=type(message).FromString)
    return lambda: give(b"")


def poured(
    channel: grpc.aio.Channel, count: int, sample: list[bytes]
) -> AsyncIterator[streams_pb2.ReadResp]:
    """Return ``count`` messages like those of ``sample``, streamed by a server that has them."""
    call: Any = channel.unary_stream(
        POUR,
        request_serializer=msgspec.msgpack.encode,
        response_deserializer=streams_pb2.ReadResp.FromString,
    )
    answers: AsyncIterator[streams_pb2.ReadResp] = call((count, sample))
    return answers


def fsynced_appends(file: Path, count: int) -> list[float]:
    """Return the seconds of each of ``count`` committed one-row transactions of about 420 bytes."""
    database = apsw.Connection(str(file))
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE IF NOT EXISTS event (position INTEGER PRIMARY KEY, data BLOB)")
    seconds = []
    for _ in range(count):
        started = time.perf_counter()
        with database:
            database.execute("INSERT INTO event (data) VALUES (?)", (b"x" * 420,))
        seconds.append(time.perf_counter() - started)
    database.close()
    return seconds


async def queries(file: Path, sql: str, bindings: Sequence[Sequence[Any]]) -> list[float]:
    """Return the seconds of a query of the rows in ``file`` with each of the bindings."""

    def run() -> list[float]:
        database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        seconds = []
        for values in bindings:
            started = time.perf_counter()
            database.execute(sql, values).fetchall()
            seconds.append(time.perf_counter() - started)
        database.close()
        return seconds

    return await asyncio.to_thread(run)


if __name__ == "__main__":
    uvloop.run(_serve())
