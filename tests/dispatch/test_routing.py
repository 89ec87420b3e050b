"""Times from an OSRM server over real HTTP, and what happens without one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.dispatch.domain.recommendation import engine
from services.dispatch.domain.recommendation.inputs import Verdict
from services.dispatch.policies.routing import Routed, Routing
from tests.dispatch.cards import asked, boat


@asynccontextmanager
async def osrm(body: object, asks: list[str]) -> AsyncIterator[str]:
    """Serve one answer to every request; the paths that were asked for go to ``asks``."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asks.append(head.decode().split(" ")[1])
        text = json.dumps(body).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(text)
        )
        writer.write(text)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def times(url: str, *boats: str) -> Routed:
    routing = Routing(url, "driving")
    try:
        return await routing.times(
            asked(*(boat(name, number + 1.0) for number, name in enumerate(boats)))
        )
    finally:
        await routing.close()


async def test_a_routed_time_decides_over_the_crows_flight() -> None:
    asks: list[str] = []
    async with osrm({"code": "Ok", "durations": [[900.0], [300.0], [None]]}, asks) as url:
        routed = await times(url, "near", "far", "cut_off")

    assert routed == Routed(seconds={"near": 900.0, "far": 300.0})
    assert asks[0].startswith("/table/v1/driving/110.1,")
    assert "destinations=3" in asks[0]
    night = asked(boat("near", 1, routed_s=900.0), boat("far", 2, routed_s=300.0))
    first = engine.recommend(night).picks[0]
    assert (first.unit_id, first.verdict) == ("far", Verdict.CLOSEST_BY_ETA)


async def test_never_more_than_the_nearest_25_are_asked_for() -> None:
    asks: list[str] = []
    async with osrm({"code": "Ok", "durations": [[1.0]] * 25}, asks) as url:
        routed = await times(url, *(f"b{number:02}" for number in range(40)))

    assert sorted(routed.seconds) == [f"b{number:02}" for number in range(25)]


async def test_a_router_that_is_away_or_talks_nonsense_is_named_as_the_fall_back() -> None:
    away = await times("http://127.0.0.1:1", "b1")
    async with osrm({"code": "NoTable"}, []) as url:
        refused = await times(url, "b1")

    assert away.fallback.startswith("OSRM_UNAVAILABLE")
    assert refused.fallback.startswith("OSRM_UNAVAILABLE")
    assert not away.seconds
    assert await times("", "b1") == Routed()
