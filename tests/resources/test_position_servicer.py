"""Positions over real gRPC: each batch answered, each refusal named, the newest kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from anlan.resources.v1 import hazard_area_service_pb2 as hazard_pb
from anlan.resources.v1 import position_service_pb2 as pb
from anlan.resources.v1 import unit_service_pb2 as unit_pb
from anlan.type.v1 import place_pb2, read_pb2
from services.runtime.store import EventStore
from tests.resources.conftest import Api, Field
from tests.resources.positions import (
    ANJIANG,
    SECOND,
    WITHIN_S,
    a_fix,
    a_unit,
    an_area,
    fresh,
    now,
    report,
    square,
    where,
)
from tests.service import Tokens, read_refusal, refusal, request_id

INSIDE, OUTSIDE = (27.25, 110.25), (27.29, 110.25)
AT_THE_EDGE = (27.26 + 0.0001, 110.25)


async def test_every_batch_is_answered_and_of_each_unit_the_newest_is_kept(
    api: Api, field: Field
) -> None:
    one, other = await a_unit(api.units, api.registrar), await a_unit(api.units, api.registrar)
    at = now()

    answers = await report(
        field.positions,
        field.gateway,
        [a_fix(one, at, accuracy_m=8, speed_mps=3.5, heading_deg=270), a_fix(other, at)],
        [a_fix(one, at - SECOND, (27.1, 110.0)), a_fix(other, at + SECOND, (27.2, 110.2))],
        [a_fix(one, at, accuracy_m=8, speed_mps=3.5, heading_deg=270)],
    )

    told = [(answer.taken, answer.superseded, answer.refused) for answer in answers]
    assert told == [(2, 0, 0), (1, 1, 0), (1, 0, 0)]
    found = await where(field.positions, api.zhao, one)
    assert (found.point.latitude, found.point.longitude) == ANJIANG
    assert (found.accuracy_m, found.speed_mps, found.heading_deg) == (8, 3.5, 270)
    assert found.fix_time.ToMilliseconds() == int(at.timestamp() * 1000)
    assert found.source == "gateway.radio"
    assert not found.stale
    moved = await where(field.positions, api.zhao, other)
    assert moved.point.latitude == 27.2
    assert not moved.HasField("accuracy_m")


async def test_what_cannot_be_taken_is_named_and_the_rest_is_taken(
    api: Api, field: Field, tokens: Tokens
) -> None:
    unit_id, at = await a_unit(api.units, api.registrar), now()
    bad = pb.Fix(unit_id=unit_id, latitude=27.3, longitude=110.1)
    bad.fix_time.seconds = 1 << 50
    batch = [
        a_fix(unit_id, at, (0, 0)),
        a_fix(unit_id, at, (127.3, 110.1)),
        a_fix("nobody", at),
        bad,
        a_fix(unit_id, at),
        a_fix(unit_id, at + 120 * SECOND),
    ]

    [answer] = await report(field.positions, field.gateway, batch)

    assert (answer.taken, answer.superseded, answer.refused) == (1, 0, 5)
    assert {one.index: one.reason for one in answer.refusals} == {
        0: "NO_FIX",
        1: "OUT_OF_RANGE",
        2: "NO_SUCH_UNIT",
        3: "TIME_OUT_OF_RANGE",
        5: "CLOCK_AHEAD",
    }
    elsewhere = tokens.caller("gateway.far", "gateway", "431271")
    in_drill = tokens.caller("gateway.radio", "gateway", exercise="drill-1")
    later = [a_fix(unit_id, at + SECOND)]
    [far] = await report(field.positions, elsewhere, later)
    [mixed] = await report(field.positions, in_drill, later)
    assert far.refusals[0].reason == "OUTSIDE_JURISDICTION"
    assert mixed.refusals[0].reason == "EXERCISE_MISMATCH"


async def test_a_batch_that_breaks_a_rule_ends_the_stream(field: Field, api: Api) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await report(field.positions, field.gateway, [])
    assert read_refusal(ended.value).fields == ("fixes",)
    with pytest.raises(grpc.aio.AioRpcError) as forbidden:
        await report(field.positions, api.storekeeper, [a_fix("boat", now())])
    assert forbidden.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_old_positions_are_marked_stale_and_found_as_such(api: Api, field: Field) -> None:
    fresh_one, stale_one = [await a_unit(api.units, api.registrar) for _ in range(2)]
    at, corner = now(), (26.5, 109.5)
    await report(
        field.positions,
        field.gateway,
        [a_fix(fresh_one, at, corner), a_fix(stale_one, at - 1801 * SECOND, corner)],
    )
    box = place_pb2.Box(south=26.4, west=109.4, north=26.6, east=109.6)

    stale = await field.positions.ListPositions(
        pb.ListPositionsRequest(box=box, stale_only=True), metadata=api.zhao.metadata
    )

    [found] = stale.positions
    assert (found.unit_id, found.stale) == (stale_one, True)
    assert found.age.seconds >= 1801
    page = pb.ListPositionsRequest(box=box, page_size=1)
    first = await field.positions.ListPositions(page, metadata=api.zhao.metadata)
    page.page_token = first.next_page_token
    second = await field.positions.ListPositions(page, metadata=api.zhao.metadata)
    both = [first.positions[0].unit_id, second.positions[0].unit_id]
    assert (both, second.next_page_token) == (sorted([fresh_one, stale_one]), "")


async def test_a_watcher_sees_who_moves_and_resumes_where_it_was(api: Api, field: Field) -> None:
    unit_id, at = await a_unit(api.units, api.registrar), now()
    box = place_pb2.Box(south=25, west=111, north=25.1, east=111.1)
    before = (await where_everybody(field, api)).cursor
    request = pb.WatchPositionsRequest(box=box, resume_cursor=before)
    async with asyncio.timeout(WITHIN_S):
        watch = field.positions.WatchPositions(request, metadata=api.zhao.metadata)
        reading = asyncio.ensure_future(watch.read())
        await report(field.positions, field.gateway, [a_fix(unit_id, at, (25.05, 111.05))])
        first = await reading
        assert [one.unit_id for one in first.positions] == [unit_id]
        watch.cancel()
        await report(field.positions, field.gateway, [a_fix(unit_id, at + SECOND, (25.06, 111.05))])
        request.resume_cursor = first.cursor
        again = await field.positions.WatchPositions(request, metadata=api.zhao.metadata).read()
    assert [one.point.latitude for one in again.positions] == [25.06]


async def where_everybody(field: Field, api: Api) -> pb.WatchPositionsResponse:
    """Return the first message of a watch from the start, which has everybody."""
    unit_id = await a_unit(api.units, api.registrar)
    await report(field.positions, field.gateway, [a_fix(unit_id, now())])
    watch = field.positions.WatchPositions(pb.WatchPositionsRequest(), metadata=api.zhao.metadata)
    answer: pb.WatchPositionsResponse = await watch.read()
    watch.cancel()
    return answer


async def test_who_never_reported_has_no_position(api: Api, field: Field) -> None:
    unit_id = await a_unit(api.units, api.registrar)
    request = pb.GetPositionRequest(unit_id=unit_id)
    none = await refusal(field.positions.GetPosition(request, metadata=api.zhao.metadata))
    assert (none.code, none.reason) == (grpc.StatusCode.NOT_FOUND, "NO_POSITION")


async def test_where_a_unit_was_is_noted_when_its_status_changes(
    api: Api, field: Field, store: EventStore
) -> None:
    unit_id, at = await a_unit(api.units, api.registrar), now()
    await report(field.positions, field.gateway, [a_fix(unit_id, at, accuracy_m=5)])
    await api.units.ReserveUnit(
        unit_pb.ReserveUnitRequest(
            request_id=request_id(),
            unit_id=unit_id,
            holder="assignment",
            incident_id="flood",
            ttl=Duration(seconds=600),
        ),
        metadata=api.zhao.metadata,
    )

    position = await written(store, f"unit-{unit_id}", "UnitPositionNoted.v1")
    moved = [a_fix(unit_id, at + SECOND, (27.1, 110.0))]
    await report(field.positions, field.gateway, moved)

    read = read_pb2.ReadOptions(as_of_position=position)
    noted = await where(field.positions, api.zhao, unit_id, read=read)
    assert (noted.point.latitude, noted.point.longitude) == ANJIANG
    assert (noted.accuracy_m, noted.HasField("receive_time")) == (5, False)
    events = await store.read(f"unit-{unit_id}")
    assert [event.type for event in events].count("UnitPositionNoted.v1") == 1


async def test_an_entry_is_written_once_however_often_the_unit_reports_inside(
    api: Api, field: Field, store: EventStore
) -> None:
    unit_id, at = await a_unit(api.units, api.registrar), now() - 60 * SECOND
    area_id = await an_area(field.areas, api.commander, INSIDE, 0.01, incident_id="flood")
    path = [INSIDE, INSIDE, AT_THE_EDGE, INSIDE, AT_THE_EDGE, OUTSIDE, OUTSIDE, INSIDE]
    wanted = ["UnitEnteredHazardArea.v1", "UnitLeftHazardArea.v1", "UnitEnteredHazardArea.v1"]

    for count, place in enumerate(path):
        await report(field.positions, field.gateway, [a_fix(unit_id, at + count * SECOND, place)])
        crossings = sum(1 for step in (0, 5, 7) if step <= count)
        await written(
            store, f"unit-{unit_id}", wanted[crossings - 1], times=crossings // 2 + crossings % 2
        )

    events = await store.read(f"unit-{unit_id}")
    assert [event.type for event in events if "HazardArea" in event.type] == wanted
    seen = await field.areas.GetHazardArea(
        hazard_pb.GetHazardAreaRequest(
            hazard_area_id=area_id,
            read=read_pb2.ReadOptions(min_position=events[-1].position),
        ),
        metadata=api.zhao.metadata,
    )
    assert list(seen.unit_ids) == [unit_id]


async def test_who_is_inside_when_an_area_is_declared_redrawn_or_lifted_is_written_down(
    api: Api, field: Field, store: EventStore
) -> None:
    unit_id = await a_unit(api.units, api.registrar)
    here, there = (27.45, 110.45), (27.48, 110.45)
    await report(field.positions, field.gateway, [a_fix(unit_id, now(), here)])
    area_id = await an_area(field.areas, api.commander, here, 0.01)
    await written(store, f"unit-{unit_id}", "UnitEnteredHazardArea.v1")
    about: dict[str, Any] = {
        "request_id": request_id(),
        "hazard_area_id": area_id,
        "reason": "水退",
    }
    await field.areas.RedrawHazardArea(
        hazard_pb.RedrawHazardAreaRequest(**about, polygon=square(there, 0.01)),
        metadata=api.commander.metadata,
    )
    await written(store, f"unit-{unit_id}", "UnitLeftHazardArea.v1")
    about["request_id"] = request_id()
    await field.areas.RedrawHazardArea(
        hazard_pb.RedrawHazardAreaRequest(**about, polygon=square(here, 0.01)),
        metadata=api.commander.metadata,
    )
    await written(store, f"unit-{unit_id}", "UnitEnteredHazardArea.v1", times=2)
    about["request_id"] = request_id()
    await field.areas.LiftHazardArea(
        hazard_pb.LiftHazardAreaRequest(**about), metadata=api.commander.metadata
    )
    await written(store, f"unit-{unit_id}", "UnitLeftHazardArea.v1", times=2)
    events = await store.read(f"unit-{unit_id}")
    left = [event.data.decode() for event in events if event.type == "UnitLeftHazardArea.v1"]
    assert ['"why":"moved"' in left[0], '"why":"lifted"' in left[1]] == [True, True]


async def written(store: EventStore, stream: str, type_: str, times: int = 1) -> int:
    """Wait until an event of this type is in a stream; return where the last is."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            events = await store.read(stream)
            found = [event.position for event in events if event.type == type_]
            if len(found) >= times:
                return found[-1]
            await asyncio.sleep(0.05)


async def test_an_area_lapses_when_its_time_has_come(api: Api, field: Field) -> None:
    end = pb.Position().fix_time
    end.FromDatetime(now() + SECOND)
    area_id = await an_area(field.areas, api.commander, (26.7, 110.7), 0.01, end_time=end)
    watch = field.areas.WatchHazardAreas(
        hazard_pb.WatchHazardAreasRequest(), metadata=api.zhao.metadata
    )
    async with asyncio.timeout(WITHIN_S):
        async for change in watch:
            if change.hazard_area.hazard_area_id == area_id and not change.hazard_area.in_force:
                break
    watch.cancel()
    assert change.hazard_area.lift_reason == "expired"
    assert change.hazard_area.lift_time == end.__class__(
        seconds=end.seconds, nanos=end.nanos // 1_000_000 * 1_000_000
    )


async def test_in_a_drill_an_area_lapses_when_the_drill_has_come_so_far(
    field: Field, tokens: Tokens, store: EventStore
) -> None:
    began = now() - timedelta(days=150)
    caller = tokens.caller("commander.li", "commander", exercise=fresh("drill"))
    end, at, later = (pb.Position().fix_time for _ in range(3))
    at.FromDatetime(began)
    end.FromDatetime(began + timedelta(hours=1))
    later.FromDatetime(began + timedelta(hours=2))
    area_id = await an_area(field.areas, caller, ANJIANG, 0.01, occur_time=at, end_time=end)
    still = await an_area(field.areas, caller, ANJIANG, 0.01, occur_time=at)
    before = await store.read(f"hazard_area-{area_id}")
    await field.areas.LiftHazardArea(
        hazard_pb.LiftHazardAreaRequest(
            request_id=request_id(), hazard_area_id=still, reason="水退", occur_time=later
        ),
        metadata=caller.metadata,
    )
    await written(store, f"hazard_area-{area_id}", "HazardAreaLifted.v1")

    assert [event.type for event in before] == ["HazardAreaDeclared.v1"]
    [_, lifted] = await store.read(f"hazard_area-{area_id}")
    assert b'"reason":"expired"' in lifted.data


async def test_a_kind_of_danger_that_nobody_knows_is_refused(api: Api, field: Field) -> None:
    request = hazard_pb.DeclareHazardAreaRequest(
        request_id=request_id(),
        hazard_area_id=fresh("area"),
        name="龙",
        kind="dragon",
        reason="有龙",
        adcode="431281102",
        polygon=square(ANJIANG, 0.01),
    )
    said = await refusal(field.areas.DeclareHazardArea(request, metadata=api.commander.metadata))
    assert (said.reason, said.metadata["field"]) == ("HAZARD_KIND_UNKNOWN", "kind")
    assert "toxic_gas" in said.metadata["allowed"]


async def test_a_stream_of_many_batches_is_answered_in_order(api: Api, field: Field) -> None:
    unit_id, at = await a_unit(api.units, api.registrar), now() - 200 * SECOND

    async def requests() -> AsyncIterator[pb.ReportPositionsRequest]:
        for number in range(100):
            batch = [a_fix(unit_id, at + number * SECOND)] * (number + 1)
            yield pb.ReportPositionsRequest(fixes=batch, source="电台")

    call = field.positions.ReportPositions(requests(), metadata=field.gateway.metadata)
    assert [answer.taken async for answer in call] == [*range(1, 101)]
    assert (await where(field.positions, api.zhao, unit_id)).source == "电台"
