"""What the machine itself costs: empty calls, fsynced appends, a bare HTTP exchange."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import grpc
import uvloop
from google.protobuf.empty_pb2 import Empty

from anlan.resources.v1 import position_service_pb2 as pb

METHOD = "/bench.Echo/Empty"
TAKE = "/bench.Echo/Take"


async def _empty(_: Empty, __: Any) -> Empty:
    return Empty()


async def _take(requests: AsyncIterator[Any], _: Any) -> AsyncIterator[Any]:
    async for request in requests:
        yield pb.ReportPositionsResponse(taken=len(request.fixes))


async def _serve() -> None:
    grpc.aio.init_grpc_aio()
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(_empty, Empty.FromString, Empty.SerializeToString)
    taking = grpc.stream_stream_rpc_method_handler(
        _take,
        pb.ReportPositionsRequest.FromString,
        pb.ReportPositionsResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("bench.Echo", {"Empty": handler, "Take": taking}),)
    )
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


if __name__ == "__main__":
    uvloop.run(_serve())
