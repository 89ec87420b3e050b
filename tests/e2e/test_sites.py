"""`anlan sites load` on a running suite: every row or why not, once, and on the map."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from anlan.resources.v1 import map_service_pb2 as pb
from anlan.resources.v1 import risk_site_service_pb2 as site_pb
from anlan.resources.v1.map_service_pb2_grpc import MapServiceStub
from anlan.resources.v1.risk_site_service_pb2_grpc import RiskSiteServiceStub
from anlan.type.v1 import read_pb2
from tests.suite import RunningSuite

HEAD = "landing_point_id,kind,name,adcode,latitude,longitude,length_m,width_m,surface"
ROWS = [
    "pitch,sports_ground,操场,431281102,27.3201,110.1042,80,45,grass",
    "moon,crater,月面,431281102,27.3201,110.1042,80,45,grass",
    "far,helipad,别处,431281102,39.9,116.4,30,30,concrete",
    "pad,helipad,停机坪,431281102,27.3301,110.1142,30,30,concrete",
]
SOME = 20
LAYERS = (pb.LAYER_RISK_SITES, pb.LAYER_LANDING_POINTS, pb.LAYER_EXPERTS)


@pytest.mark.timeout(240)
async def test_lists_are_loaded_once_and_drawn(
    start_suite: Callable[[], RunningSuite], tmp_path: Path
) -> None:
    suite = start_suite()
    file = tmp_path / "points.csv"
    file.write_text("\n".join([HEAD, *ROWS]), encoding="utf-8")

    def load(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
        done = suite.run("sites", "load", *arguments, "--json")
        return done.returncode, json.loads(done.stdout)

    code, [first] = load(str(file))
    assert (code, first["new"]) == (1, 2)
    assert [(one["line"], one["id"]) for one in first["refused"]] == [(3, "moon"), (4, "far")]
    assert "kind: got crater, allowed: heliport" in first["refused"][0]["why"]
    assert "latitude, longitude: got 39.9, 116.4" in first["refused"][1]["why"]
    code, [second] = load(str(file))
    assert (second["new"], second["changed"], second["as_before"]) == (0, 0, 2)
    assert second["position"] == first["position"], "loading again writes nothing"

    code, samples = load("--exercise", "spring")
    assert (code, [one["refused"] for one in samples]) == (0, [[], [], []])
    assert [one["new"] for one in samples] == [14, 10, 219]
    code, again = load("--exercise", "spring")
    assert (code, [one["as_before"] for one in again]) == (0, [14, 10, 219])

    drawn = await features(suite, max(one["position"] for one in samples))
    located = {layer: sum(one.layer == layer for one in drawn) for layer in LAYERS}
    assert located[pb.LAYER_LANDING_POINTS] == 12
    assert min(located.values()) > 0
    in_drill = {one.exercise for one in drawn if one.id.startswith("spring-")}
    assert (in_drill, {one.exercise for one in drawn} - in_drill) == ({"spring"}, {""})


@pytest.mark.timeout(240)
async def test_a_service_that_is_killed_in_the_middle_of_a_list_has_every_row_once(
    start_suite: Callable[[], RunningSuite],
) -> None:
    suite = start_suite()
    caller = suite.caller("auditor.tan", "auditor")
    loading = asyncio.create_task(
        asyncio.to_thread(suite.run, "sites", "load", "--exercise", "spring", "--json")
    )
    async with suite.channel("resources") as channel:
        request = site_pb.WatchRiskSitesRequest()
        watch = RiskSiteServiceStub(channel).WatchRiskSites(request, metadata=caller.metadata)
        for _ in range(SOME):
            await watch.read()
        suite.kill("resources")
        with contextlib.suppress(grpc.aio.AioRpcError):
            while await watch.read() is not grpc.aio.EOF:
                pass

    done = await loading

    told = json.loads(done.stdout)
    assert [(one["new"], one["changed"], one["refused"]) for one in told] == [
        (14, 0, []),
        (10, 0, []),
        (219, 0, []),
    ]
    again = json.loads(suite.run("sites", "load", "--exercise", "spring", "--json").stdout)
    assert [one["as_before"] for one in again] == [14, 10, 219]
    assert [one["position"] for one in again] == [one["position"] for one in told]


async def features(suite: RunningSuite, position: int) -> list[Any]:
    request = pb.ListFeaturesRequest(
        page_size=1000,
        filter=pb.FeatureFilter(layers=LAYERS),
        read=read_pb2.ReadOptions(min_position=position),
    )
    caller = suite.caller("auditor.tan", "auditor")
    async with suite.channel("resources") as channel:
        answer = await MapServiceStub(channel).ListFeatures(request, metadata=caller.metadata)
    return [*answer.features]
