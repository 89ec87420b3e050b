"""What is likely to be the same: near in place, time and type, with the reason and the distance."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import asin, atan2, cos, degrees, radians, sin
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.command.domain import duplicates
from services.command.domain.duplicates import (
    Likeness,
    Match,
    Spot,
    Table,
    TypeRelation,
    around,
    distance,
    match,
    sentence,
)
from services.command.domain.incident_types import IncidentTypes
from services.runtime.place import EARTH_RADIUS_M

TABLE = msgspec.json.decode(Path("reference/duplicates.json").read_bytes(), type=Table)
TYPES = msgspec.json.decode(Path("reference/incident_types.json").read_bytes(), type=IncidentTypes)
CALLED = datetime(2026, 6, 17, 19, 10, tzinfo=UTC)
METRE = 1 / duplicates.DEGREE_M  # degrees of latitude

villager = Spot(
    report_id="r1",
    type_code="11D01",
    adcode="431281102",
    latitude=27.3194,
    longitude=110.1031,
    callback="",
    occurred_at=CALLED,
)


def another(*, metres: float = 0, minutes: float = 0, **changes: object) -> Spot:
    assert villager.latitude is not None
    moved = replace(
        villager,
        report_id="r2",
        latitude=villager.latitude + metres * METRE,
        occurred_at=CALLED + timedelta(minutes=minutes),
    )
    return replace(moved, **changes)  # type: ignore[arg-type]


def found(spot: Spot) -> Match:
    alike = match(TABLE, villager, spot)
    assert alike is not None
    return alike


def test_three_calls_about_one_landslide_are_offered_with_the_reason() -> None:
    alike = found(another(metres=400, minutes=6))
    assert sentence(alike) == "400 m, 6 min, same type"
    assert alike.score == pytest.approx(0.6 * (1 - 400 / 2000) + 0.4 * (1 - 6 / 240))


NEITHER_POINT: Any = {"latitude": None, "longitude": None}
CASES: dict[str, tuple[Spot, Likeness | None, TypeRelation | None]] = {
    "the same place and time": (another(), Likeness.NEAR, TypeRelation.SAME),
    "at the edge of its radius": (another(metres=1999), Likeness.NEAR, TypeRelation.SAME),
    "beyond its radius": (another(metres=2001), None, None),
    "at the end of its time": (another(minutes=240), Likeness.NEAR, TypeRelation.SAME),
    "after its time": (another(minutes=241), None, None),
    "before, as long": (another(minutes=-240), Likeness.NEAR, TypeRelation.SAME),
    "a mud-flow": (another(type_code="11D02"), Likeness.NEAR, TypeRelation.KINDRED),
    "only its sub-class": (another(type_code="11D00"), Likeness.NEAR, TypeRelation.KINDRED),
    "the rain that brings it": (another(type_code="11B03"), Likeness.NEAR, TypeRelation.RELATED),
    "rain two kilometres and more away": (another(type_code="11B03", metres=2100), None, None),
    "a traffic accident": (another(type_code="12H00"), None, None),
    "in the township, no point": (
        another(**NEITHER_POINT),
        Likeness.SAME_TOWNSHIP,
        TypeRelation.SAME,
    ),
    "in a village of the township, no point": (
        another(adcode="431281102201", **NEITHER_POINT),
        Likeness.SAME_TOWNSHIP,
        TypeRelation.SAME,
    ),
    "somewhere in the county": (
        another(adcode="431281", **NEITHER_POINT),
        Likeness.SAME_COUNTY,
        TypeRelation.SAME,
    ),
    "in another township, no point": (another(adcode="431281103", **NEITHER_POINT), None, None),
    "in the other 洪江": (another(adcode="431271", **NEITHER_POINT), None, None),
}


@pytest.mark.parametrize("name", CASES)
def test_likeness_by_the_table(name: str) -> None:
    spot, likeness, relation = CASES[name]
    alike = match(TABLE, villager, spot)
    if likeness is None:
        assert alike is None
    else:
        assert alike is not None
        assert (alike.likenesses, alike.relation) == ((likeness,), relation)


def test_two_in_one_village_without_a_point_are_more_alike_than_in_one_township() -> None:
    village = replace(villager, adcode="431281102201", latitude=None, longitude=None)
    same = match(TABLE, village, replace(village, report_id="r2"))
    township = match(TABLE, village, replace(village, report_id="r2", adcode="431281102202"))
    assert same is not None
    assert township is not None
    assert same.likenesses == (Likeness.SAME_VILLAGE,)
    assert same.score > township.score


def test_two_points_that_are_far_apart_are_not_alike_in_one_village() -> None:
    assert match(TABLE, villager, another(metres=5000)) is None


def test_who_calls_twice_is_recognised_wherever_and_of_whatever_they_speak() -> None:
    caller = replace(villager, callback="13800000000")
    again = another(metres=9000, minutes=30, callback="13800000000", type_code="12H00")
    alike = match(TABLE, caller, again)
    assert alike is not None
    assert alike.likenesses == (Likeness.SAME_CALLER,)
    assert alike.relation is TypeRelation.OTHER
    assert match(TABLE, caller, replace(again, callback="13900000000")) is None
    assert match(TABLE, villager, replace(again, callback="")) is None


def test_what_a_sender_refers_to_itself_is_the_likeliest() -> None:
    far = another(metres=90_000, minutes=3000)
    alike = match(TABLE, villager, far, referred=True)
    assert alike is not None
    assert (alike.score, alike.likenesses) == (1.0, (Likeness.REFERRED_TO,))
    assert sentence(alike) == "referred to, 50.0 h, same type"


def test_the_likeliest_comes_first() -> None:
    spots = {
        "far": another(metres=1500, minutes=5),
        "near": another(metres=100, minutes=5),
        "late": another(metres=100, minutes=200),
        "kin": another(metres=100, minutes=5, type_code="11D02"),
    }
    referred = match(TABLE, villager, another(metres=90_000, minutes=3000), referred=True)
    assert referred is not None
    alike = {"referred": referred, **{key: found(spot) for key, spot in spots.items()}}
    ranked = duplicates.ranked({"same": found(another()), **alike})
    assert [key for key, _ in ranked] == ["referred", "same", "near", "kin", "late", "far"]


@pytest.mark.parametrize("code", TYPES.types)
def test_every_type_of_the_table_has_a_reach(code: str) -> None:
    reach = TABLE.reach(code)
    for other in TYPES.types:
        if TABLE.relation(code, other) is not TypeRelation.OTHER:
            within = TABLE.within(code, other)
            assert within.radius_m <= reach.radius_m
            assert within.minutes <= reach.minutes


def test_the_table_names_only_types_that_there_are() -> None:
    for beginning in [*TABLE.thresholds, *(one for group in TABLE.related for one in group)]:
        assert any(code.startswith(beginning) for code in TYPES.types), beginning


points = st.tuples(st.floats(26.9, 27.5), st.floats(109.5, 110.6)) | st.none()
spots = st.builds(
    lambda point, code, adcode, minutes, caller: Spot(
        report_id="x",
        type_code=code,
        adcode=adcode,
        latitude=point and point[0],
        longitude=point and point[1],
        callback=caller,
        occurred_at=CALLED + timedelta(minutes=minutes),
    ),
    points,
    st.sampled_from(["11D01", "11D02", "11B03", "12G00", "12H00", "11A01"]),
    st.sampled_from(["431281", "431281102", "431281102201", "431281103"]),
    st.integers(-2000, 2000),
    st.sampled_from(["", "110", "119"]),
)


@settings(max_examples=300, deadline=None)
@given(spots, spots)
def test_likeness_is_mutual_and_within_its_bounds(one: Spot, other: Spot) -> None:
    alike = match(TABLE, one, other)
    assert alike == match(TABLE, other, one)
    if alike is None:
        return
    assert 0 <= alike.score <= 1
    if Likeness.NEAR in alike.likenesses:
        reach = TABLE.reach(one.type_code)
        assert alike.distance_m is not None
        assert alike.distance_m <= reach.radius_m
        assert one.latitude is not None
        assert one.longitude is not None
        box = around(one.latitude, one.longitude, reach.radius_m)
        assert box.south <= (other.latitude or 0) <= box.north
        assert box.west <= (other.longitude or 0) <= box.east


@settings(max_examples=200, deadline=None)
@given(st.floats(-89.9, 89.9), st.floats(-180, 180), st.floats(10, 200_000), st.floats(0, 6.28))
def test_the_box_holds_the_circle(
    latitude: float, longitude: float, radius: float, bearing: float
) -> None:
    angle = radius * 0.999 / EARTH_RADIUS_M
    south = radians(latitude)
    north = asin(sin(south) * cos(angle) + cos(south) * sin(angle) * cos(bearing))
    across = atan2(sin(bearing) * sin(angle) * cos(south), cos(angle) - sin(south) * sin(north))
    box = around(latitude, longitude, radius)
    assert box.south <= degrees(north) <= box.north
    assert box.west <= longitude + degrees(across) <= box.east
    here = replace(villager, latitude=latitude, longitude=longitude)
    there = replace(here, latitude=degrees(north), longitude=longitude + degrees(across))
    assert distance(here, there) == pytest.approx(radius * 0.999, rel=1e-3, abs=1)
