"""Ten thousand units that report: taken in over real streams, and found on the map."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from anlan.resources.v1 import map_service_pb2 as map_pb
from anlan.resources.v1 import position_service_pb2 as pb
from anlan.resources.v1 import unit_service_pb2 as unit_pb
from anlan.resources.v1.map_service_pb2_grpc import MapServiceStub
from anlan.resources.v1.unit_service_pb2_grpc import UnitServiceStub
from anlan.type.v1 import place_pb2
from services.runtime.times import to_proto
from tests.bench import floors
from tests.bench.measure import Row, ms, percentile, timed
from tests.service import request_id
from tests.suite import RunningSuite

UNITS, ROUNDS, BATCH, STREAMS, REGISTRARS = 10_000, 10, 100, 20, 64
REPORT = "/anlan.resources.v1.PositionService/ReportPositions"
SAMPLES = 300
HERE = place_pb2.Point(latitude=27.2, longitude=109.9)


async def ten_thousand_units(suite: RunningSuite) -> list[Row]:
    officer = suite.caller("registrar.wu", "administrator").metadata
    batches = _batches(datetime.now(UTC) - timedelta(seconds=10 * ROUNDS))
    async with (
        floors.echo() as address,
        grpc.aio.insecure_channel(address) as bare,
        suite.channel("resources") as channel,
    ):
        await _register(UnitServiceStub(channel), officer)
        floor, _ = await _pour(bare, floors.TAKE, batches, ())
        rate, taken = await _pour(channel, REPORT, batches, officer)
        assert taken == UNITS * ROUNDS, f"{taken} were taken in"
        empty = floors.empty_call(bare)
        idle = percentile(await timed(SAMPLES, lambda: empty(Empty())), 0.5)
        stub = MapServiceStub(channel)
        nearest = map_pb.FindNearestFeaturesRequest(
            point=HERE, filter=map_pb.FeatureFilter(layers=[map_pb.LAYER_UNITS])
        )
        await stub.FindNearestFeatures(nearest, metadata=officer)  # the first one reads the rows
        seconds = await timed(SAMPLES, lambda: stub.FindNearestFeatures(nearest, metadata=officer))
    return [
        Row(
            path=f"positions of {UNITS:,} units, {STREAMS} streams of {BATCH}",
            measured=f"{rate:,.0f}/s taken in",
            floor=f"{floor:,.0f}/s = the same streams, parsed and answered",
            ratio=rate / floor,
            goal="at least 10,000/s",
            met=rate >= 10_000,
        ),
        Row(
            path=f"nearest 5 of {UNITS:,} units, by position",
            measured=f"p50 {ms(percentile(seconds, 0.5))}, p99 {ms(percentile(seconds, 0.99))}",
            floor=f"{ms(idle)} = an empty call",
            ratio=percentile(seconds, 0.5) / idle,
        ),
    ]


def _batches(start: datetime) -> list[bytes]:
    """Return what is sent, written once: a round of all units every ten seconds."""
    written = []
    for number in range(ROUNDS):
        at = to_proto(start + timedelta(seconds=10 * number))
        for first in range(0, UNITS, BATCH):
            fixes = [
                pb.Fix(
                    unit_id=f"bench-{unit}",
                    latitude=27.0 + unit % 100 / 250 + number / 1e4,
                    longitude=109.6 + unit // 100 / 120,
                    fix_time=at,
                    accuracy_m=8,
                    speed_mps=12.5,
                    heading_deg=90,
                )
                for unit in range(first, first + BATCH)
            ]
            written.append(pb.ReportPositionsRequest(fixes=fixes).SerializeToString())
    return written


async def _register(units: Any, officer: Any) -> None:
    turns = asyncio.Semaphore(REGISTRARS)

    async def register(number: int) -> None:
        request = unit_pb.RegisterUnitRequest(
            request_id=request_id(),
            unit_id=f"bench-{number}",
            name=f"{number}号",
            kind="boat",
            home=place_pb2.Place(adcode="431281102"),
        )
        async with turns:
            await units.RegisterUnit(request, metadata=officer, wait_for_ready=True)

    await asyncio.gather(*(register(number) for number in range(UNITS)))


async def _pour(
    channel: grpc.aio.Channel, method: str, batches: Sequence[bytes], metadata: Any
) -> tuple[float, int]:
    """Send the batches over several streams; return positions a second, and how many were taken."""
    call: Any = channel.stream_stream(
        method,
        request_serializer=None,
        response_deserializer=pb.ReportPositionsResponse.FromString,
    )

    async def stream(first: int) -> int:
        async def requests() -> AsyncIterator[bytes]:
            # Each stream has its own units, so that their rounds stay in order.
            for number in range(first, len(batches), STREAMS):
                yield batches[number]

        return sum([answer.taken async for answer in call(requests(), metadata=metadata)])

    started = time.perf_counter()
    taken = sum(await asyncio.gather(*(stream(first) for first in range(STREAMS))))
    return len(batches) * BATCH / (time.perf_counter() - started), taken
