"""Recommending among ten thousand units: the whole call, stored with what it rests on."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import grpc
import numpy as np
from google.protobuf.empty_pb2 import Empty

from anlan.dispatch.v1 import recommendation_service_pb2 as pb
from anlan.dispatch.v1.recommendation_service_pb2_grpc import RecommendationServiceStub
from anlan.resources.v1 import unit_service_pb2 as unit_pb
from anlan.resources.v1.unit_service_pb2_grpc import UnitServiceStub
from anlan.type.v1 import place_pb2
from tests.bench import floors
from tests.bench.measure import Row, ms, percentile, timed
from tests.bench.quiet import all_heard
from tests.service import request_id
from tests.suite import RunningSuite

UNITS, SAMPLES, WRITERS = 10_000, 300, 32
NUMBERS = itertools.count()
KINDS = ("engine", "boat", "medical", "rescue_team", "excavator")


async def recommending(suite: RunningSuite) -> list[Row]:
    someone = suite.caller("dispatcher.wang", "administrator").metadata
    async with (
        floors.echo() as address,
        grpc.aio.insecure_channel(address) as bare,
        suite.channel("resources") as resources,
        suite.channel("dispatch") as dispatch,
    ):
        position = await _register(UnitServiceStub(resources), someone)
        stub, empty = RecommendationServiceStub(dispatch), floors.empty_call(bare)
        first = await stub.RecommendUnits(_question(position), metadata=someone)
        await all_heard(suite)
        floor = percentile(await timed(SAMPLES, lambda: empty(Empty())), 0.5) + _distances()
        seconds = await timed(SAMPLES, lambda: stub.RecommendUnits(_question(0), metadata=someone))
    judged = len(first.recommendation.picks) + len(first.recommendation.others)
    counted = sum(rest.count for rest in first.recommendation.rest)
    assert judged + counted >= UNITS
    return [
        Row(
            path=f"RecommendUnits among {UNITS:,} units, stored",
            measured=f"p50 {ms(percentile(seconds, 0.5))}, p99 {ms(percentile(seconds, 0.99))}",
            floor=f"{ms(floor)} = an empty call + {UNITS:,} distances in numpy",
            ratio=percentile(seconds, 0.5) / floor,
            goal="p50 < 20 ms",
            met=percentile(seconds, 0.5) < 0.020,
        )
    ]


def _question(position: int) -> pb.RecommendUnitsRequest:
    """Ask for units to another place each time."""
    number = next(NUMBERS)
    request = pb.RecommendUnitsRequest(
        request_id=request_id(),
        place=_place(27.05 + number % 89 / 220, 109.6 + number % 83 / 95),
        min_position=position,
    )
    request.wants.add(kinds=["engine"], number=3)
    request.wants.add(kinds=["medical", "boat"], number=2)
    return request


async def _register(units: Any, someone: Any) -> int:
    numbers = iter(range(UNITS))
    last = 0

    async def write() -> None:
        nonlocal last
        for number in numbers:
            request = unit_pb.RegisterUnitRequest(
                request_id=request_id(),
                unit_id=f"bench-{number}",
                name=f"第{number}组",
                kind=KINDS[number % len(KINDS)],
                home=_place(27.0 + number % 97 / 210, 109.55 + number % 101 / 105),
                staffing=6,
            )
            answer = await units.RegisterUnit(request, metadata=someone)
            last = max(last, answer.position)

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    return last


def _place(latitude: float, longitude: float) -> place_pb2.Place:
    point = place_pb2.Point(latitude=latitude, longitude=longitude)
    return place_pb2.Place(adcode="431281", point=point)


def _distances() -> float:
    """Return the median seconds of the bare arithmetic."""
    points = np.random.default_rng(1).normal(size=(UNITS, 3))
    seconds = []
    for _ in range(SAMPLES):
        started = time.perf_counter()
        chords = points - points[0]
        np.arcsin(np.minimum(1.0, np.sqrt(np.einsum("ij,ij->i", chords, chords)) / 2))
        seconds.append(time.perf_counter() - started)
    return percentile(seconds, 0.5)
