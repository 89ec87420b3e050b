"""One map: what is where, by layer, box, polygon and region; now, then, and as it moves."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from anlan.command.v1 import incident_pb2 as command_pb
from anlan.events.v1 import incident_events_pb2 as incident_pb
from anlan.resources.v1 import expert_service_pb2 as expert_pb
from anlan.resources.v1 import hazard_area_service_pb2 as hazard_pb
from anlan.resources.v1 import landing_point_service_pb2 as point_pb
from anlan.resources.v1 import map_service_pb2 as pb
from anlan.resources.v1 import risk_site_service_pb2 as site_pb
from anlan.resources.v1 import shelter_service_pb2 as shelter_pb
from anlan.resources.v1 import unit_service_pb2 as unit_pb
from anlan.resources.v1.expert_service_pb2_grpc import ExpertServiceStub
from anlan.resources.v1.landing_point_service_pb2_grpc import LandingPointServiceStub
from anlan.resources.v1.risk_site_service_pb2_grpc import RiskSiteServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from services.resources.domain.fix import Fix
from services.resources.domain.plot import Aspect, ChangePlot, PlotIncident
from services.resources.reactions.plots import plotted
from services.resources.servicer import geojson
from services.resources.servicer.layers import LAYERS, Feature
from services.resources.servicer.picture import Picture, changed_rows
from services.runtime.place import metres
from services.runtime.readmodel import Seen
from services.runtime.recorded import Recorded
from tests.resources import history
from tests.resources.conftest import Api, Field
from tests.resources.positions import (
    SECOND,
    WITHIN_S,
    a_fix,
    a_unit,
    an_area,
    fresh,
    now,
    report,
    square,
)
from tests.resources.test_whereabouts_domain import NOW
from tests.resources.world import NAMESPACE, World
from tests.service import Service, refusal, request_id

UNITS, AREAS = pb.LAYER_UNITS, pb.LAYER_HAZARD_AREAS
places = st.tuples(st.floats(109, 111), st.floats(26.5, 27.5))


def a_feature(number: int, point: tuple[float, float], position: int = 1) -> Feature:
    return Feature(
        layer=UNITS,
        id=f"u{number}",
        name="",
        state="available",
        adcode="431281102",
        exercise="",
        revision=0,
        position=position,
        at=0,
        point=point,
        properties={"placed_by": "home"},
    )


def a_fix_at(unit: int, point: tuple[float, float], second: int) -> Fix:
    at = NOW + timedelta(seconds=second)
    return Fix(
        unit_id=f"u{unit}",
        latitude=point[1],
        longitude=point[0],
        fixed_at=at,
        received_at=at,
        source="phone",
    )


@settings(max_examples=50, deadline=None)
@given(
    st.lists(places, min_size=1, max_size=150),
    st.lists(st.tuples(st.integers(0, 149), places), max_size=60),
    places,
    st.integers(1, 20),
)
def test_the_nearest_and_those_within_are_whom_a_plain_search_finds(
    homes: list[tuple[float, float]],
    moves: list[tuple[int, tuple[float, float]]],
    here: tuple[float, float],
    limit: int,
) -> None:
    picture = Picture()
    picture.change((a_feature(number, home) for number, home in enumerate(homes)), 1)
    at = {f"u{number}": home for number, home in enumerate(homes)}
    for second, (unit, point) in enumerate(moves):
        picture.move(UNITS, [(second + 1, a_fix_at(unit, point, second))])
        if f"u{unit}" in at:
            at[f"u{unit}"] = point

    found = picture.nearest([UNITS], here, limit, math.inf, lambda _: True)
    plain = sorted(metres((here[1], here[0]), (north, east)) for east, north in at.values())

    assert [distance for distance, _ in found] == pytest.approx(plain[:limit], abs=0.01)
    assert {one.id: one.point for _, one in found}.items() <= at.items()
    area = shapely.Point(here).buffer(0.3, quad_segs=2)
    inside = {id_ for id_, point in at.items() if area.intersects(shapely.Point(point))}
    assert {feature.id for feature in picture.within([UNITS], area)} == inside
    near = picture.nearest([UNITS], here, limit, 30_000, lambda one: one.id != "u0")
    assert [distance for distance, _ in near] == pytest.approx(
        sorted(
            distance
            for id_, (east, north) in at.items()
            if (distance := metres((here[1], here[0]), (north, east))) <= 30_000 and id_ != "u0"
        )[:limit],
        abs=0.01,
    )


def test_a_row_that_changes_does_not_put_a_unit_back_where_it_was() -> None:
    picture = Picture()
    picture.change([a_feature(0, (110, 27))], 1)
    picture.move(UNITS, [(1, a_fix_at(0, (110.5, 27.5), 0))])
    picture.change([a_feature(0, (110, 27), position=2)], 2)
    [unit] = picture.within([UNITS], None)
    assert (unit.point, unit.position) == ((110.5, 27.5), 2)
    picture.change([a_feature(0, (110, 27), position=1)], 1)
    assert picture.changed_after(1) == [unit], "what was read late changes nothing"


def test_what_has_a_place_no_more_is_near_nothing() -> None:
    picture = Picture()
    picture.change([a_feature(0, (110, 27)), a_feature(1, (110.1, 27))], 1)
    picture.change([replace(a_feature(0, (110, 27), position=2), point=None)], 2)
    found = picture.nearest([UNITS], (110, 27), 5, math.inf, lambda _: True)
    assert [feature.id for _, feature in found] == ["u1"]
    everywhere = shapely.box(-180, -90, 180, 90)
    assert [feature.id for feature in picture.within([UNITS], everywhere)] == ["u1"]


def test_a_shipment_is_drawn_at_the_depot_that_it_left_or_reached_last() -> None:
    world = World()
    seen: list[tuple[bool, tuple[float, float] | None, str]] = []
    try:
        for act in history.of_stocks():
            world.obey(*act)
            drawn = [one for one in changed_rows(0)(world.connection, Seen()) if one.id == "t1"]
            seen += [(one.over, one.point, one.adcode) for one in drawn]
    finally:
        world.close()
    home = (history.HOME.longitude, history.HOME.latitude)
    assert {(point, adcode) for _, point, adcode in seen} == {(home, "431281102")}
    assert seen[0][0] is False


def test_geojson_has_longitude_first_and_turns_outlines_counter_clockwise() -> None:
    clockwise = ((0.0, 0.0), (0.0, 4.0), (4.0, 4.0), (4.0, 0.0), (0.0, 0.0))
    hole = ((1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 2.0), (1.0, 1.0))
    outline, inner = geojson.wound((clockwise, hole))
    assert shapely.LinearRing(outline).is_ccw
    assert not shapely.LinearRing(inner).is_ccw
    assert (outline[0], inner[0]) == (outline[-1], inner[-1])


# What the map notes of incidents.


def of_command(message: Any, revision: int) -> Recorded:
    return Recorded(
        id=NAMESPACE,
        type=message.DESCRIPTOR.full_name,
        stream="incident-flood",
        revision=revision,
        position=revision,
        created_at=NOW,
        data=message.SerializeToString(),
        metadata={},
    )


def test_of_an_incident_the_map_notes_place_grade_response_and_end() -> None:
    opened = incident_pb.IncidentOpened(incident_id="flood", title="洪水", type_code="11A")
    opened.place.adcode = "431281102"
    graded = incident_pb.IncidentGraded(incident_id="flood", grade=command_pb.GRADE_MAJOR)
    raised = incident_pb.ResponseLevelChanged(
        incident_id="flood", level=command_pb.RESPONSE_LEVEL_II
    )
    ended = incident_pb.ResponseTerminated(incident_id="flood")

    first = plotted(of_command(opened, 1))
    assert isinstance(first, PlotIncident)
    assert (first.title, first.place.adcode, first.place.latitude) == ("洪水", "431281102", None)
    told = [plotted(of_command(one, n)) for n, one in enumerate((graded, raised, ended), 2)]
    assert [
        (one.aspect, one.value, one.version) for one in told if isinstance(one, ChangePlot)
    ] == [
        (Aspect.GRADE, "major", 2),
        (Aspect.RESPONSE, "II", 3),
        (Aspect.RESPONSE, "", 4),
    ]
    assert plotted(of_command(shelter_pb.Shelter(), 1)) is None


# Over real gRPC.

CORNER = (27.03, 109.6)  # where nothing else of these tests is
BOX = place_pb2.Box(south=27.0, west=109.57, north=27.06, east=109.63)


async def collection(field: Field, caller: Any, filter_: pb.FeatureFilter, **read: Any) -> Any:
    answer = await field.map.GetFeatureCollection(
        pb.GetFeatureCollectionRequest(filter=filter_, **read), metadata=caller.metadata
    )
    document = json.loads(answer.geojson)
    assert document["type"] == "FeatureCollection"
    assert len(document["features"]) == answer.features
    for feature in document["features"]:
        assert feature["type"] == "Feature"
        assert {"layer", "id", "name", "state", "age_s", "etag"} <= feature["properties"].keys()
        assert shapely.from_geojson(json.dumps(feature["geometry"])).is_valid
    return {feature["properties"]["id"]: feature for feature in document["features"]}


async def test_every_layer_is_drawn_where_it_is_and_units_where_they_are_now(
    api: Api, field: Field
) -> None:
    at_home = await a_unit(api.units, api.registrar, CORNER)
    away = await a_unit(api.units, api.registrar, (27.3, 110.1))
    await report(field.positions, field.gateway, [a_fix(away, now(), CORNER, accuracy_m=9)])
    area = await an_area(field.areas, api.commander, CORNER, 0.01)
    shelter = fresh("school")
    place = place_pb2.Place(
        adcode="431281102", point=place_pb2.Point(latitude=27.3194, longitude=110.1031)
    )
    registered = await api.shelters.RegisterShelter(
        shelter_pb.RegisterShelterRequest(
            request_id=request_id(), shelter_id=shelter, name="学校", place=place, capacity=9
        ),
        metadata=api.registrar.metadata,
    )
    read = read_pb2.ReadOptions(min_position=registered.position)

    found = await collection(field, api.zhao, pb.FeatureFilter(box=BOX), read=read)

    assert found.keys() >= {at_home, away, area}
    assert found[away]["geometry"] == {"type": "Point", "coordinates": [CORNER[1], CORNER[0]]}
    seen = found[away]["properties"]
    assert (seen["placed_by"], seen["stale"], seen["accuracy_m"]) == ("position", False, 9)
    assert seen["age_s"] < 60
    assert found[at_home]["properties"]["placed_by"] == "home"
    assert found[area]["geometry"]["type"] == "Polygon"
    shelters = pb.FeatureFilter(layers=[pb.LAYER_SHELTERS], adcode="431281102")
    drawn = await collection(field, api.zhao, shelters)
    assert drawn[shelter]["properties"]["state"] == "standby"
    assert {feature["properties"]["layer"] for feature in drawn.values()} == {"shelters"}
    tight = square(CORNER, 0.001)
    small = pb.FeatureFilter(layers=[UNITS, AREAS], polygon=tight)
    assert {at_home, away, area} <= (await collection(field, api.zhao, small)).keys()
    far = pb.FeatureFilter(box=BOX, adcode="431271")
    assert await collection(field, api.zhao, far) == {}


async def test_what_is_over_is_drawn_for_who_asks(api: Api, field: Field) -> None:
    area = await an_area(field.areas, api.commander, (26.4, 109.4), 0.01)
    box = place_pb2.Box(south=26.35, west=109.35, north=26.45, east=109.45)
    lifted = await lift(field, api, area)
    read = read_pb2.ReadOptions(min_position=lifted)
    before = read_pb2.ReadOptions(as_of_position=lifted - 1)

    assert await collection(field, api.zhao, pb.FeatureFilter(box=box), read=read) == {}
    over = pb.FeatureFilter(box=box, include_over=True)
    assert (await collection(field, api.zhao, over))[area]["properties"]["state"] == "lifted"
    then = await collection(field, api.zhao, pb.FeatureFilter(box=box), read=before)
    assert then[area]["properties"]["state"] == "in_force"


async def lift(field: Field, api: Api, area_id: str) -> int:
    request = hazard_pb.LiftHazardAreaRequest(
        request_id=request_id(), hazard_area_id=area_id, reason="排除"
    )
    answer = await field.areas.LiftHazardArea(request, metadata=api.commander.metadata)
    position: int = answer.position
    return position


async def test_features_come_in_pages_each_once(api: Api, field: Field) -> None:
    mine = {await a_unit(api.units, api.registrar, (27.03, 109.7)) for _ in range(5)}
    box = place_pb2.Box(south=27.0, west=109.67, north=27.06, east=109.73)
    request = pb.ListFeaturesRequest(page_size=2, filter=pb.FeatureFilter(box=box, layers=[UNITS]))
    seen: list[str] = []
    while True:
        page = await field.map.ListFeatures(request, metadata=api.zhao.metadata)
        seen += [feature.id for feature in page.features]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert (seen, set(seen)) == (sorted(mine), mine)


async def test_the_nearest_are_found_by_where_they_are_now(api: Api, field: Field) -> None:
    near, far = [await a_unit(api.units, api.registrar, (27.3, 110.1)) for _ in range(2)]
    await report(
        field.positions,
        field.gateway,
        [a_fix(near, now(), (25.2, 112.2)), a_fix(far, now(), (25.3, 112.2))],
    )
    area = await an_area(field.areas, api.commander, (25.21, 112.2), 0.005)
    request = pb.FindNearestFeaturesRequest(
        point=place_pb2.Point(latitude=25.2, longitude=112.2),
        within_m=20_000,
        filter=pb.FeatureFilter(layers=[UNITS, AREAS]),
    )
    request.read.min_position = await declared_at(field, api, area)

    found = await field.map.FindNearestFeatures(request, metadata=api.zhao.metadata)

    assert [one.feature.id for one in found.candidates] == [near, area, far]
    distances = [one.distance_m for one in found.candidates]
    assert distances == pytest.approx([0, 556, 11_119], abs=5)


async def declared_at(field: Field, api: Api, area_id: str) -> int:
    """Wait until the rows have an area; return where its declaration stands."""
    watch = field.areas.WatchHazardAreas(
        hazard_pb.WatchHazardAreasRequest(), metadata=api.zhao.metadata
    )
    async for change in watch:
        if change.hazard_area.hazard_area_id == area_id:
            break
    watch.cancel()
    position: int = change.position
    return position


async def test_a_watcher_sees_what_changes_what_moves_and_what_goes_out_of_sight(
    api: Api, field: Field
) -> None:
    box = place_pb2.Box(south=27.0, west=109.77, north=27.06, east=109.83)
    filter_ = pb.FeatureFilter(layers=[UNITS], box=box)
    unit_id = await a_unit(api.units, api.registrar, (27.03, 109.8))
    async with asyncio.timeout(WITHIN_S):
        request = pb.WatchFeaturesRequest(filter=filter_)
        watch = field.map.WatchFeatures(request, metadata=api.zhao.metadata)
        first = await watch.read()
        assert (first.feature.id, first.matches) == (unit_id, True)

        await out_of_service(api, unit_id)
        changed = await watch.read()
        assert (changed.feature.state, changed.matches) == ("out_of_service", True)

        await report(field.positions, field.gateway, [a_fix(unit_id, now(), (27.04, 109.8))])
        moved = await watch.read()
        assert json.loads(moved.feature.geojson)["geometry"]["coordinates"] == [109.8, 27.04]
        # A note in the log may tell of the move before its own turn comes.
        assert (moved.cursor, moved.position) > (changed.cursor, changed.position)

        await report(
            field.positions, field.gateway, [a_fix(unit_id, now() + SECOND, (25.7, 112.0))]
        )
        gone = await watch.read()
        assert (gone.feature.id, gone.matches) == (unit_id, False)
        watch.cancel()

        request.resume_position, request.resume_cursor = moved.position, moved.cursor
        resumed = field.map.WatchFeatures(request, metadata=api.zhao.metadata)
        while (again := await resumed.read()).feature.id != unit_id:
            assert not again.matches
        assert not again.matches
        resumed.cancel()


async def out_of_service(api: Api, unit_id: str) -> None:
    await api.units.PutUnitOutOfService(
        unit_pb.PutUnitOutOfServiceRequest(request_id=request_id(), unit_id=unit_id, reason="漏水"),
        metadata=api.zhao.metadata,
    )


async def test_a_polygon_that_is_none_is_refused(api: Api, field: Field) -> None:
    open_ring = square(CORNER, 0.01)
    open_ring.rings[0].points[-1].latitude += 0.001
    request = pb.ListFeaturesRequest(filter=pb.FeatureFilter(polygon=open_ring))
    said = await refusal(field.map.ListFeatures(request, metadata=api.zhao.metadata))
    assert (said.reason, said.metadata["field"]) == ("POLYGON_INVALID", "filter.polygon")


async def test_every_layer_is_drawn_unless_some_are_named(api: Api, field: Field) -> None:
    assert {layer.number for layer in LAYERS} == set(pb.Layer.values()) - {0}
    everything = await field.map.ListFeatures(pb.ListFeaturesRequest(), metadata=api.zhao.metadata)
    assert not everything.positions_incomplete


async def test_what_a_county_keeps_lists_of_is_drawn_and_told_as_it_changes(
    api: Api, field: Field, resources: Service
) -> None:
    box = place_pb2.Box(south=27.0, west=110.3, north=27.04, east=110.34)
    place = place_pb2.Place(
        adcode="431281102", point=place_pb2.Point(latitude=27.02, longitude=110.32)
    )
    wanted = pb.FeatureFilter(box=box, adcode="431281")
    site, point, expert = fresh("slope"), fresh("pitch"), fresh("expert")
    ask: dict[str, Any] = {"metadata": api.registrar.metadata}
    async with resources.channel() as channel, asyncio.timeout(WITHIN_S):
        await RiskSiteServiceStub(channel).RegisterRiskSite(
            site_pb.RegisterRiskSiteRequest(
                request_id=request_id(),
                site_id=site,
                kind=site_pb.RISK_SITE_KIND_GEOLOGICAL,
                name="屋背滑坡",
                place=place,
                responsible="村主任",
            ),
            **ask,
        )
        points = LandingPointServiceStub(channel)
        await points.RegisterLandingPoint(
            point_pb.RegisterLandingPointRequest(
                request_id=request_id(),
                landing_point_id=point,
                name="操场",
                kind="sports_ground",
                place=place,
                length_m=80,
                width_m=40,
                surface="grass",
            ),
            **ask,
        )
        experts = ExpertServiceStub(channel)
        registered = await experts.RegisterExpert(
            expert_pb.RegisterExpertRequest(
                request_id=request_id(),
                expert_id=expert,
                name="石工",
                adcode="431281",
                types=[expert_pb.EXPERT_TYPE_ON_SCENE],
                fields=["geology"],
                home=place,
            ),
            **ask,
        )
        read = read_pb2.ReadOptions(min_position=registered.position)
        drawn = await collection(field, api.zhao, wanted, read=read)
        states = {id_: one["properties"]["state"] for id_, one in drawn.items()}
        assert states == {site: "normal", point: "open", expert: "available"}
        assert {one["properties"]["layer"] for one in drawn.values()} == {
            "risk_sites",
            "landing_points",
            "experts",
        }

        watch = field.map.WatchFeatures(
            pb.WatchFeaturesRequest(resume_position=registered.position, filter=wanted),
            metadata=api.zhao.metadata,
        )
        await points.CloseLandingPoint(
            point_pb.CloseLandingPointRequest(
                request_id=request_id(), landing_point_id=point, reason="积水"
            ),
            **ask,
        )
        assert await next_of(watch, point) == ("closed", True)
        said: dict[str, Any] = {"metadata": api.zhao.metadata}
        await experts.CallUpExpert(
            expert_pb.CallUpExpertRequest(
                request_id=request_id(),
                expert_id=expert,
                incident_id="flood",
                type=expert_pb.EXPERT_TYPE_ON_SCENE,
                task="看滑坡",
            ),
            **said,
        )
        assert await next_of(watch, expert) == ("called_up", True)
        there = place_pb2.Place(
            adcode="431281106", point=place_pb2.Point(latitude=27.12, longitude=109.73)
        )
        await experts.RecordExpertArrival(
            expert_pb.RecordExpertArrivalRequest(
                request_id=request_id(), expert_id=expert, place=there
            ),
            **said,
        )
        assert await next_of(watch, expert) == ("arrived", False), "who arrives elsewhere leaves"
        await experts.ReleaseExpert(
            expert_pb.ReleaseExpertRequest(
                request_id=request_id(), expert_id=expert, reason="看完"
            ),
            **said,
        )
        assert await next_of(watch, expert) == ("available", True), "and is home again"
        await experts.RetireExpert(
            expert_pb.RetireExpertRequest(request_id=request_id(), expert_id=expert, reason="退"),
            **ask,
        )
        assert await next_of(watch, expert) == ("retired", False), "who retires is over"
        watch.cancel()


async def next_of(watch: Any, id_: str) -> tuple[str, bool]:
    """Return the state of a feature when a watcher hears of it next, and whether it matches."""
    while (told := await watch.read()).feature.id != id_:
        pass
    return told.feature.state, told.matches
