"""A read model made from nothing: as fast as a bare stream brings its events, in constant memory.

Run as a program it is the process whose memory is watched: it replays the log of a node into a
database of its own, or takes in a bare stream of the same messages and does nothing with them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc
import msgspec
import uvloop
from esdbclient.protos.Grpc import streams_pb2, streams_pb2_grpc

from services.dispatch.projections import CATEGORIES, DISPATCH
from services.runtime.readmodel import ReadModel
from services.runtime.recorded import Recorded
from services.runtime.store import EventStore
from tests.bench import floors, nights
from tests.bench.measure import Row
from tests.node import Node

EVENTS, FEWER = 1_000_000, 100_000
SAMPLE = 1_000
WARM_SHARE = 0.1
"""Memory is looked at after this share of the events, and at the end."""
GROWTH = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """``warm_mib`` and ``end_mib`` are the process's memory early on and at the end."""

    seconds: float
    events: int
    warm_mib: float
    end_mib: float

    @property
    def rate(self) -> float:
        return self.events / self.seconds

    @property
    def memory(self) -> str:
        return f"{self.warm_mib:.0f} MiB after a tenth, {self.end_mib:.0f} MiB at the end"


async def replay(folder: Path) -> list[Row]:
    """Measure a tenth of what `whole_replay` does, which takes minutes."""
    return await _replay(folder, FEWER)


async def whole_replay(folder: Path) -> list[Row]:
    return await _replay(folder, EVENTS)


async def _replay(folder: Path, events: int) -> list[Row]:
    nights.fill(folder / "node", range(events // len(nights.LIFE)))
    node = Node.start(folder / "node")
    try:
        (folder / "sample").write_bytes(msgspec.msgpack.encode(await _sample(node)))
        async with floors.echo() as address:
            bare = await _child("bare", address, str(events), str(folder / "sample"))
        read = await _child("read", node.uri, str(events), "")
        folded = await _child("fold", node.uri, str(events), str(folder / "rows.db"))
    finally:
        node.stop()
    floor = f"{bare.rate:,.0f}/s = a bare stream of the same messages, parsed"
    return [
        Row(
            path=f"replay of {events:,} events, each as an object",
            measured=f"{read.rate:,.0f}/s; {read.memory}",
            floor=floor,
            ratio=read.rate / bare.rate,
        ),
        Row(
            path=f"replay of {events:,} events into the rows of dispatch",
            measured=f"{folded.rate:,.0f}/s; {folded.memory}",
            floor=floor,
            ratio=folded.rate / bare.rate,
            goal="≥ 0.7 × the bare stream, in constant memory",
            met=folded.rate >= 0.7 * bare.rate and folded.end_mib <= GROWTH * folded.warm_mib,
        ),
    ]


async def _sample(node: Node) -> list[bytes]:
    """Return the first messages that the node sends, as they are on the wire."""
    request = streams_pb2.ReadReq()
    options = request.options
    options.all.start.SetInParent()
    options.count = SAMPLE
    options.no_filter.SetInParent()
    options.uuid_option.string.SetInParent()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{node.port}") as channel:
        stub: Any = streams_pb2_grpc.StreamsStub(channel)  # type: ignore[no-untyped-call]
        return [answer.SerializeToString() async for answer in stub.Read(request)]


async def _child(mode: str, *arguments: str) -> Taken:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.replay", mode, *arguments, stdout=PIPE
    )
    said, _ = await process.communicate()
    return Taken(**json.loads(said))


async def _taking(mode: str, address: str, events: int, file: Path) -> Taken:
    """Take in ``events``, and tell how long it took."""
    warm = 0.0
    started = time.perf_counter()
    async with contextlib.aclosing(SOURCES[mode](address, events, file)) as taken:
        async for number in taken:
            if not warm and number >= WARM_SHARE * events:
                warm = _memory_mib()
            if number >= events:
                break
    seconds = time.perf_counter() - started
    return Taken(seconds=seconds, events=events, warm_mib=warm, end_mib=_memory_mib())


async def _bare(address: str, events: int, file: Path) -> AsyncGenerator[int, None]:
    sample = msgspec.msgpack.decode(await asyncio.to_thread(file.read_bytes))
    async with grpc.aio.insecure_channel(address) as channel:
        number = 0
        async for _ in floors.poured(channel, events, sample):
            number += 1
            yield number


async def _read(address: str, _: int, __: Path) -> AsyncGenerator[int, None]:
    store = EventStore(address)
    await store.connect()
    number = 0
    async with contextlib.aclosing(store.subscribe(CATEGORIES)) as told:
        async for item in told:
            if isinstance(item, Recorded):
                number += 1
                yield number
    await store.close()


async def _fold(address: str, _: int, file: Path) -> AsyncGenerator[int, None]:
    store = EventStore(address)
    await store.connect()
    model = ReadModel(DISPATCH, store, f"sqlite+aiosqlite:///{file}")
    await model.open()
    following = asyncio.create_task(model.run())
    try:
        while await model.advanced(model.seen.position):
            yield model.seen.position
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await model.close()
        await store.close()


SOURCES: dict[str, Callable[[str, int, Path], AsyncGenerator[int, None]]] = {
    "bare": _bare,
    "read": _read,
    "fold": _fold,
}


def _memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(mode: str, address: str, events: str, file: str) -> None:
    async def run() -> Taken:
        grpc.aio.init_grpc_aio()
        return await _taking(mode, address, int(events), Path(file))

    print(json.dumps(asdict(uvloop.run(run()))))


if __name__ == "__main__":
    main(*sys.argv[1:])
