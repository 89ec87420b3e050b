"""The unit API over real gRPC: one holder at a time, losers told, nothing twice."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from anlan.resources.v1 import unit_service_pb2 as pb
from anlan.type.v1 import place_pb2, read_pb2
from services.runtime.store import EventStore
from tests.resources.conftest import Api
from tests.service import Caller, Refusal, Tokens, read_refusal, refusal, request_id

ANJIANG = place_pb2.Point(latitude=27.3194, longitude=110.1031)
QIANCHENG = place_pb2.Point(latitude=27.2, longitude=109.83)
CONTENDERS = 50


def fresh(name: str) -> str:
    return f"{name}-{uuid4().hex[:8]}"


async def a_unit(api: Api, caller: Caller | None = None, **more: Any) -> str:
    unit_id = fresh("boat")
    request: dict[str, Any] = {
        "request_id": request_id(),
        "unit_id": unit_id,
        "name": "冲锋舟",
        "kind": "boat",
        "capabilities": ["swift_water"],
        "home": place_pb2.Place(adcode="431281102", address="安江镇", point=ANJIANG),
        "staffing": 4,
        "contact": "13800000000",
        **more,
    }
    await api.units.RegisterUnit(
        pb.RegisterUnitRequest(**request), metadata=(caller or api.registrar).metadata
    )
    return unit_id


def a_reservation(unit_id: str, holder: str = "", **more: Any) -> pb.ReserveUnitRequest:
    fields: dict[str, Any] = {
        "request_id": request_id(),
        "unit_id": unit_id,
        "holder": holder or fresh("assignment"),
        "incident_id": "flood",
        "ttl": Duration(seconds=60),
        **more,
    }
    return pb.ReserveUnitRequest(**fields)


async def get(api: Api, unit_id: str, position: int) -> pb.Unit:
    request = pb.GetUnitRequest(unit_id=unit_id, read=read_pb2.ReadOptions(min_position=position))
    response = await api.units.GetUnit(request, metadata=api.zhao.metadata)
    unit: pb.Unit = response.unit
    return unit


async def test_a_unit_is_registered_and_found(api: Api) -> None:
    unit_id = await a_unit(api)
    again = await refusal(
        api.units.RegisterUnit(
            pb.RegisterUnitRequest(
                request_id=request_id(),
                unit_id=unit_id,
                name="别的船",
                kind="boat",
                home=place_pb2.Place(adcode="431281102"),
            ),
            metadata=api.registrar.metadata,
        )
    )

    assert again.code is grpc.StatusCode.ALREADY_EXISTS
    assert again.reason == "UNIT_EXISTS"
    reserved = await api.units.ReserveUnit(a_reservation(unit_id), metadata=api.zhao.metadata)
    unit = await get(api, unit_id, reserved.position)
    assert unit.name == "冲锋舟"
    assert unit.home.point == ANJIANG
    assert unit.status == pb.UNIT_STATUS_RESERVED
    assert unit.holds[0].held_by == "dispatcher.zhao"
    assert unit.holds[0].expire_time == reserved.expire_time
    assert unit.etag == reserved.etag


async def test_of_fifty_who_reach_for_one_unit_one_gets_it_and_all_others_are_told_who(
    api: Api, tokens: Tokens
) -> None:
    unit_id = await a_unit(api)
    requests = [a_reservation(unit_id) for _ in range(CONTENDERS)]
    callers = [tokens.caller(f"dispatcher.{n}", "dispatcher") for n in range(CONTENDERS)]

    outcomes = await asyncio.gather(
        *(
            outcome(api.units.ReserveUnit(request, metadata=caller.metadata))
            for request, caller in zip(requests, callers, strict=True)
        )
    )

    [winner] = [n for n, lost in enumerate(outcomes) if lost is None]
    losers = [lost for lost in outcomes if lost is not None]
    assert len(losers) == CONTENDERS - 1
    for lost in losers:
        assert lost.code is grpc.StatusCode.FAILED_PRECONDITION
        assert lost.reason == "UNIT_HELD"
        assert lost.metadata["holder"] == requests[winner].holder
        assert lost.metadata["held_by"] == f"dispatcher.{winner}"
        assert lost.metadata["incident_id"] == "flood"


async def outcome(call: Any) -> Refusal | None:
    """Return how the call was refused, None where it was not."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return read_refusal(error)
    return None


async def test_a_repeated_request_gets_its_first_answer_and_writes_nothing(
    api: Api, store: EventStore
) -> None:
    unit_id = await a_unit(api)
    request = a_reservation(unit_id)

    answers = [await api.units.ReserveUnit(request, metadata=api.zhao.metadata) for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert len(await store.read(f"unit-{unit_id}")) == 2


async def test_a_hold_that_nobody_confirms_runs_out_and_watchers_see_it(api: Api) -> None:
    unit_id = await a_unit(api)
    free = pb.UnitFilter(status=pb.UNIT_STATUS_AVAILABLE)
    watch = api.units.WatchUnits(pb.WatchUnitsRequest(filter=free), metadata=api.zhao.metadata)
    changes = (change async for change in watch if change.unit.unit_id == unit_id)

    before = await anext(changes)
    reservation = a_reservation(unit_id, ttl=Duration(seconds=1))
    await api.units.ReserveUnit(reservation, metadata=api.zhao.metadata)
    held, freed = await anext(changes), await anext(changes)
    watch.cancel()

    assert (before.matches, before.unit.status) == (True, pb.UNIT_STATUS_AVAILABLE)
    assert (held.matches, held.unit.status) == (False, pb.UNIT_STATUS_RESERVED)
    assert (freed.matches, freed.unit.status) == (True, pb.UNIT_STATUS_AVAILABLE)
    late = await refusal(
        api.units.ConfirmReservation(
            pb.ConfirmReservationRequest(
                request_id=request_id(), unit_id=unit_id, holder=reservation.holder
            ),
            metadata=api.zhao.metadata,
        )
    )
    assert late.reason == "UNIT_NOT_HELD"


async def test_a_watch_resumes_where_it_was_cut(api: Api) -> None:
    first, second = await a_unit(api), await a_unit(api)
    watch = api.units.WatchUnits(pb.WatchUnitsRequest(), metadata=api.zhao.metadata)
    seen = []
    async for change in watch:
        seen.append(change.unit.unit_id)
        if change.unit.unit_id == second:
            break
    watch.cancel()
    await api.units.ReserveUnit(a_reservation(first), metadata=api.zhao.metadata)

    resumed = api.units.WatchUnits(
        pb.WatchUnitsRequest(resume_position=change.position), metadata=api.zhao.metadata
    )
    again = await anext(aiter(resumed))
    resumed.cancel()

    assert first in seen
    assert again.unit.unit_id == first
    assert again.unit.status == pb.UNIT_STATUS_RESERVED
    assert again.position > change.position


async def test_a_confirmed_hold_stands_until_it_is_released(api: Api) -> None:
    unit_id = await a_unit(api)
    reservation = a_reservation(unit_id)
    held: dict[str, Any] = {"unit_id": unit_id, "holder": reservation.holder}
    await api.units.ReserveUnit(reservation, metadata=api.zhao.metadata)

    confirmed = await api.units.ConfirmReservation(
        pb.ConfirmReservationRequest(request_id=request_id(), **held), metadata=api.zhao.metadata
    )
    assigned = await get(api, unit_id, confirmed.position)
    released = await api.units.ReleaseUnit(
        pb.ReleaseUnitRequest(request_id=request_id(), reason="返回", **held),
        metadata=api.zhao.metadata,
    )
    free = await get(api, unit_id, released.position)

    assert assigned.status == pb.UNIT_STATUS_ASSIGNED
    assert not assigned.holds[0].HasField("expire_time")
    assert free.status == pb.UNIT_STATUS_AVAILABLE
    assert not free.holds


async def test_an_override_needs_its_capability(api: Api) -> None:
    unit_id = await a_unit(api)
    await api.units.ReserveUnit(a_reservation(unit_id), metadata=api.zhao.metadata)
    overriding = a_reservation(unit_id, override_reason="堤坝将溃")

    refused = await refusal(api.units.ReserveUnit(overriding, metadata=api.qian.metadata))
    allowed = await api.units.ReserveUnit(overriding, metadata=api.commander.metadata)

    assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    assert refused.metadata["capability"] == "unit.override"
    holds = (await get(api, unit_id, allowed.position)).holds
    assert [hold.override_reason for hold in holds] == ["", "堤坝将溃"]


async def test_a_service_reserves_on_behalf_of_a_person(api: Api, tokens: Tokens) -> None:
    unit_id = await a_unit(api)
    dispatch = tokens.caller("service:dispatch", "service", "431281")
    on_behalf = (("x-actor", "commander.li"), ("x-actor-roles", "commander"))

    reserved = await api.units.ReserveUnit(
        a_reservation(unit_id), metadata=(*dispatch.metadata, *on_behalf)
    )
    await api.units.ReserveUnit(
        a_reservation(unit_id, override_reason="急"), metadata=(*dispatch.metadata, *on_behalf)
    )
    without = await refusal(
        api.units.ReserveUnit(
            a_reservation(unit_id, override_reason="急"), metadata=dispatch.metadata
        )
    )

    unit = await get(api, unit_id, reserved.position)
    assert unit.holds[0].held_by == "commander.li"
    assert without.code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_unit_of_another_county_is_out_of_reach(api: Api, tokens: Tokens) -> None:
    unit_id = await a_unit(api)
    elsewhere = tokens.caller("dispatcher.xu", "dispatcher,registrar", "431202")

    reserving = await refusal(
        api.units.ReserveUnit(a_reservation(unit_id), metadata=elsewhere.metadata)
    )
    registering = await refusal(a_unit(api, elsewhere))

    assert reserving.reason == registering.reason == "OUTSIDE_JURISDICTION"


async def test_out_of_service_says_why_and_until_when(api: Api) -> None:
    unit_id = await a_unit(api)
    out = pb.PutUnitOutOfServiceRequest(
        request_id=request_id(), unit_id=unit_id, reason="发动机故障", etag="7"
    )
    out.expected_back_time.GetCurrentTime()
    out.expected_back_time.seconds += 3600

    stale = await refusal(api.units.PutUnitOutOfService(out, metadata=api.zhao.metadata))
    out.etag = "0"
    gone = await api.units.PutUnitOutOfService(out, metadata=api.zhao.metadata)
    refused = await refusal(
        api.units.ReserveUnit(a_reservation(unit_id), metadata=api.zhao.metadata)
    )
    unit = await get(api, unit_id, gone.position)
    back = await api.units.PutUnitInService(
        pb.PutUnitInServiceRequest(request_id=request_id(), unit_id=unit_id),
        metadata=api.zhao.metadata,
    )

    assert stale.code is grpc.StatusCode.ABORTED
    assert refused.reason == "UNIT_OUT_OF_SERVICE"
    assert unit.status == pb.UNIT_STATUS_OUT_OF_SERVICE
    assert unit.out_of_service_reason == "发动机故障"
    assert unit.expected_back_time.seconds == out.expected_back_time.seconds
    repaired = await get(api, unit_id, back.position)
    assert repaired.status == pb.UNIT_STATUS_AVAILABLE
    assert not repaired.HasField("expected_back_time")


async def test_the_nearest_units_come_first_with_their_distances(api: Api) -> None:
    kind = "crane"
    far = await a_unit(api, kind=kind, home=place_pb2.Place(adcode="431281101", point=QIANCHENG))
    near = await a_unit(api, kind=kind, home=place_pb2.Place(adcode="431281102", point=ANJIANG))
    nowhere = await a_unit(api, kind=kind, home=place_pb2.Place(adcode="431281102"))
    position = (await a_move(api, nowhere)).position

    response = await api.units.FindNearestUnits(
        pb.FindNearestUnitsRequest(
            point=place_pb2.Point(latitude=27.33, longitude=110.11),
            filter=pb.UnitFilter(kind=kind),
            read=read_pb2.ReadOptions(min_position=position),
        ),
        metadata=api.zhao.metadata,
    )

    found = [(c.unit.unit_id, c.distance_m) for c in response.candidates]
    assert [unit_id for unit_id, _ in found] == [near, far]
    assert found[0][1] == pytest.approx(1_361, abs=5)
    assert found[1][1] == pytest.approx(31_235, rel=0.01)


async def a_move(api: Api, unit_id: str) -> Any:
    return await api.units.ReserveUnit(a_reservation(unit_id), metadata=api.zhao.metadata)


async def test_units_are_listed_by_what_they_are_page_by_page(api: Api) -> None:
    kind = "drone"
    ids = [
        await a_unit(api, kind=kind, capabilities=["night_vision", "lift"][: n % 3])
        for n in range(5)
    ]
    position = (await a_move(api, ids[0])).position
    read = read_pb2.ReadOptions(min_position=position)

    async def listed(**fields: Any) -> list[str]:
        request = pb.ListUnitsRequest(
            page_size=2, filter=pb.UnitFilter(kind=kind, **fields), read=read
        )
        found: list[str] = []
        while True:
            page = await api.units.ListUnits(request, metadata=api.zhao.metadata)
            found += [unit.unit_id for unit in page.units]
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    assert await listed() == sorted(ids)
    assert await listed(capabilities=["lift", "night_vision"]) == [ids[2]]
    assert await listed(capabilities=["night%vision"]) == []
    assert await listed(capabilities=["nightXvision"]) == []
    assert await listed(adcode="431281102") == sorted(ids)
    assert await listed(adcode="431281101") == []
    assert await listed(status=pb.UNIT_STATUS_RESERVED) == [ids[0]]
    around = place_pb2.Box(south=27.3, west=110.0, north=27.4, east=110.2)
    beside = place_pb2.Box(south=27.3, west=110.2, north=27.4, east=110.3)
    assert await listed(box=around) == sorted(ids)
    assert await listed(box=beside) == []


async def test_the_past_is_shown_as_it_was(api: Api) -> None:
    unit_id = await a_unit(api)
    reserved = await a_move(api, unit_id)
    released = await api.units.ReleaseUnit(
        pb.ReleaseUnitRequest(
            request_id=request_id(),
            unit_id=unit_id,
            holder=(await get(api, unit_id, reserved.position)).holds[0].holder,
            reason="返回",
        ),
        metadata=api.zhao.metadata,
    )

    async def at(position: int) -> pb.GetUnitResponse:
        request = pb.GetUnitRequest(
            unit_id=unit_id, read=read_pb2.ReadOptions(as_of_position=position)
        )
        response: pb.GetUnitResponse = await api.units.GetUnit(request, metadata=api.zhao.metadata)
        return response

    then, now = await at(reserved.position), await at(released.position)

    assert then.unit.status == pb.UNIT_STATUS_RESERVED
    assert then.freshness.position == reserved.position
    assert now.unit.status == pb.UNIT_STATUS_AVAILABLE
    instant = pb.GetUnitRequest(unit_id=unit_id)
    instant.read.as_of_time.CopyFrom(then.freshness.event_time)
    by_time = await api.units.GetUnit(instant, metadata=api.zhao.metadata)
    assert by_time.unit.position <= reserved.position


async def test_a_drill_does_not_take_a_unit_in_earnest(api: Api, tokens: Tokens) -> None:
    unit_id = await a_unit(api)
    drill = tokens.caller("dispatcher.zhao", "dispatcher", exercise="drill-1")

    refused = await refusal(api.units.ReserveUnit(a_reservation(unit_id), metadata=drill.metadata))

    assert refused.reason == "EXERCISE_MISMATCH"


async def test_a_wrong_field_is_named(api: Api) -> None:
    unit_id = fresh("boat")
    refused = await refusal(a_unit(api, unit_id=unit_id, home=place_pb2.Place(adcode="999999")))

    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.fields == ("home.adcode",)
