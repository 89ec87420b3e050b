"""Where a helicopter can come down, whether it may now, and which such place is nearest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from anlan.resources.v1 import landing_point_service_pb2 as pb
from anlan.resources.v1.landing_point_service_pb2_grpc import LandingPointServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from services.resources.domain.landing_point import (
    INITIAL,
    CloseLandingPoint,
    LandingPointClosed,
    LandingPointOpened,
    LandingPointRegistered,
    LandingPointRevised,
    OpenLandingPoint,
    RegisterLandingPoint,
    decide,
    evolve,
)
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import Forbidden, Invalid
from tests.resources import history
from tests.resources.conftest import Api
from tests.service import Service, refusal, request_id
from tests.spec import spec

given = spec(decide, evolve, INITIAL)
register, _, close, _, open_, _ = (command for _, _, command in history.of_landing_points())
assert isinstance(register, RegisterLandingPoint)
assert isinstance(close, CloseLandingPoint)
assert isinstance(open_, OpenLandingPoint)
at: dict[str, Any] = {"landing_point_id": "pitch", "occurred_at": register.occurred_at}
here: dict[str, Any] = {**at, "adcode": "431281102"}
registered = LandingPointRegistered(**at, entry=register.entry, vocabulary_version="1")
closed = LandingPointClosed(**here, reason="积水", expected_open_at=history.DAWN)
opened = LandingPointOpened(**here, note="车已移走")


def test_a_list_that_is_loaded_twice_changes_nothing() -> None:
    given().when(register).then(registered)
    given(registered).when(register).then()
    other = replace(register.entry, night_lighting=False)
    given(registered, closed).when(replace(register, entry=other)).then(
        LandingPointRevised(**at, entry=other, vocabulary_version="1")
    )


def test_one_is_closed_and_opened_and_said_again_it_is_no_news() -> None:
    given().when(close).then_refused("NO_SUCH_LANDING_POINT")
    given(registered).when(open_).then()
    given(registered).when(close).then(closed)
    given(registered, closed).when(close).then()
    given(registered, closed).when(replace(close, reason="停放车辆")).then(
        replace(closed, reason="停放车辆")
    )
    given(registered, closed).when(open_).then(opened)
    given(registered, closed, opened).when(close).then(closed)


def test_a_revision_does_not_open_what_is_closed() -> None:
    revised = LandingPointRevised(**at, entry=register.entry, vocabulary_version="1")
    given(registered, closed, revised).when(open_).then(opened)


@pytest.mark.parametrize(
    ("wrong", "reason", "field", "allowed"),
    [
        ({"kind": "runway"}, "LANDING_POINT_KIND_UNKNOWN", "kind", "sports_ground"),
        ({"surface": "mud"}, "SURFACE_UNKNOWN", "surface", "grass"),
        ({"place": Place(adcode="431281102")}, "POINT_REQUIRED", "place.point", "latitude"),
    ],
)
def test_nonsense_is_refused_with_what_is_allowed(
    wrong: dict[str, Any], reason: str, field: str, allowed: str
) -> None:
    with pytest.raises(Invalid, match=allowed) as refused:
        decide(replace(register, entry=replace(register.entry, **wrong)), None)
    assert (refused.value.reason, refused.value.context["field"]) == (reason, field)


def test_one_does_not_open_before_it_was_closed() -> None:
    early = replace(close, expected_open_at=close.occurred_at)
    given(registered).when(early).then_refused("OPENING_TOO_EARLY")


def test_a_landing_point_is_its_own_regions() -> None:
    neighbour = Actor(subject="lu", roles=("registrar",), jurisdiction="431281101")
    for command in (register, close, open_):
        with pytest.raises(Forbidden):
            given(registered).when(replace(command, by=neighbour)).outcome()


# Over gRPC.


@pytest.fixture
async def points(resources: Service) -> AsyncIterator[Any]:
    async with resources.channel() as channel:
        yield LandingPointServiceStub(channel)


def a_point(latitude: float, **more: Any) -> pb.RegisterLandingPointRequest:
    fields: dict[str, Any] = {
        "request_id": request_id(),
        "landing_point_id": f"point-{uuid4().hex[:6]}",
        "name": "操场",
        "kind": "sports_ground",
        "length_m": 80,
        "width_m": 45,
        "surface": "grass",
        **more,
    }
    return pb.RegisterLandingPointRequest(
        place=place_pb2.Place(
            adcode="431281102", point=place_pb2.Point(latitude=latitude, longitude=110.45)
        ),
        **fields,
    )


async def test_the_nearest_that_is_open_lit_and_large_enough_is_found(
    api: Api, points: Any
) -> None:
    small, near, far = (
        a_point(27.400, width_m=12, night_lighting=True),
        a_point(27.401, night_lighting=True, max_weight_kg=5000),
        a_point(27.420, max_weight_kg=13_000),
    )
    for request in (small, near, far):
        answer = await points.RegisterLandingPoint(request, metadata=api.registrar.metadata)
        assert answer.changed
    again = a_point(27.420, landing_point_id=far.landing_point_id, max_weight_kg=13_000)
    answer = await points.RegisterLandingPoint(again, metadata=api.registrar.metadata)
    assert (answer.changed, answer.etag) == (False, "0")
    read = read_pb2.ReadOptions(min_position=answer.position)

    async def found(read: read_pb2.ReadOptions = read, **wanted: Any) -> list[str]:
        answer = await points.FindNearestLandingPoints(
            pb.FindNearestLandingPointsRequest(
                point=place_pb2.Point(latitude=27.3999, longitude=110.45),
                within_m=5000,
                filter=pb.LandingPointFilter(**wanted),
                read=read,
            ),
            metadata=api.zhao.metadata,
        )
        return [one.landing_point.landing_point_id for one in answer.candidates]

    names = [one.landing_point_id for one in (small, near, far)]
    assert await found() == names
    assert await found(min_side_m=40) == names[1:]
    assert await found(night_lighting=True, min_side_m=40) == names[1:2]
    assert await found(weight_kg=8000) == names[2:]

    shut = await points.CloseLandingPoint(
        pb.CloseLandingPointRequest(
            request_id=request_id(), landing_point_id=near.landing_point_id, reason="积水"
        ),
        metadata=api.registrar.metadata,
    )
    after = read_pb2.ReadOptions(min_position=shut.position)
    assert await found(after, open=True) == [names[0], names[2]]
    before = read_pb2.ReadOptions(as_of_position=shut.position - 1)
    assert await found(before, open=True) == names

    seen = await points.GetLandingPoint(
        pb.GetLandingPointRequest(landing_point_id=near.landing_point_id, read=after),
        metadata=api.zhao.metadata,
    )
    assert (seen.landing_point.open, seen.landing_point.closed_reason) == (False, "积水")
    assert not seen.landing_point.HasField("elevation_m"), "nobody measured it"


async def test_landing_points_come_in_pages_and_a_watcher_goes_on_where_it_was(
    api: Api, points: Any
) -> None:
    mine = sorted([a_point(27.45) for _ in range(3)], key=lambda one: one.landing_point_id)
    for request in mine:
        written = await points.RegisterLandingPoint(request, metadata=api.registrar.metadata)
    listing = pb.ListLandingPointsRequest(
        page_size=2,
        filter=pb.LandingPointFilter(
            box=place_pb2.Box(south=27.44, west=110.44, north=27.46, east=110.46)
        ),
        read=read_pb2.ReadOptions(min_position=written.position),
    )
    seen: list[str] = []
    while True:
        page = await points.ListLandingPoints(listing, metadata=api.zhao.metadata)
        seen += [one.landing_point_id for one in page.landing_points]
        listing.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert seen == [one.landing_point_id for one in mine]

    watching = pb.WatchLandingPointsRequest(resume_position=written.position - 1, adcode="431281")
    watch = points.WatchLandingPoints(watching, metadata=api.zhao.metadata)
    told = await watch.read()
    watch.cancel()
    assert told.position == written.position


async def test_what_is_asked_of_a_landing_point_that_is_none_is_refused(
    api: Api, points: Any
) -> None:
    unknown = pb.GetLandingPointRequest(landing_point_id="nowhere")
    said = await refusal(points.GetLandingPoint(unknown, metadata=api.zhao.metadata))
    assert said.reason == "NO_SUCH_LANDING_POINT"
    outside = a_point(28.9)
    said = await refusal(points.RegisterLandingPoint(outside, metadata=api.registrar.metadata))
    assert (said.reason, said.metadata["field"]) == ("POINT_OUTSIDE_ADCODE", "place.point")
    said = await refusal(points.RegisterLandingPoint(a_point(27.4), metadata=api.zhao.metadata))
    assert said.metadata["capability"] == "site.keep"
