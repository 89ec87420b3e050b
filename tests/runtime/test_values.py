"""Times, places, pages and actors as they come in and go out."""

from __future__ import annotations

import base64
import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from anlan.command.v1 import incident_service_pb2 as pb
from anlan.type.v1 import place_pb2, read_pb2
from services.runtime import paging, place, reading, reference, times
from services.runtime.actor import Actor, region_prefix
from services.runtime.place import Regions
from services.runtime.rejection import Invalid
from services.runtime.settings import REPOSITORY

NOW = datetime(2026, 6, 18, 1, 10, 0, 123_456, tzinfo=UTC)
instants = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(instants)
def test_a_time_survives_the_database_and_the_wire(moment: datetime) -> None:
    stamp = times.to_proto(moment)

    assert times.of_micros(times.micros(moment)) == moment
    assert times.stamp(times.micros(moment)) == stamp
    assert stamp is not None
    assert times.from_proto(stamp) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@pytest.mark.parametrize(
    "known",
    [
        place.Place(adcode="431281102", address="沅江村 三组"),
        place.Place(adcode="431281102", latitude=27.2, longitude=109.83),
        place.Place(adcode="431281102", latitude=0.0, longitude=0.0),
    ],
)
def test_a_place_survives_the_wire(known: place.Place) -> None:
    message = place_pb2.Place()

    place.write(message, known)

    assert place.read(place_pb2.Place.FromString(message.SerializeToString())) == known


def test_no_time_stays_no_time() -> None:
    assert times.to_proto(None) is None
    assert times.of_micros(None) is None
    assert times.stamp(None) is None


def said_at(moment: datetime | None) -> pb.GradeIncidentRequest:
    return pb.GradeIncidentRequest(occur_time=times.to_proto(moment))


def test_what_is_not_said_happened_now_to_the_millisecond() -> None:
    assert times.said(said_at(None), "occur_time", NOW) == NOW.replace(microsecond=123_000)


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(days=40), timedelta(days=49 * 365)])
def test_late_is_normal(ago: timedelta) -> None:
    assert times.said(said_at(NOW - ago), "occur_time", NOW) <= NOW


@pytest.mark.parametrize(
    "moment",
    [NOW + times.MAX_SKEW + timedelta(seconds=1), NOW - times.MAX_AGE - timedelta(seconds=1)],
)
def test_the_future_and_the_ancient_are_refused(moment: datetime) -> None:
    with pytest.raises(Invalid) as refused:
        times.said(said_at(moment), "occur_time", NOW)

    assert (refused.value.reason, refused.value.context["field"]) == (
        "TIME_OUT_OF_RANGE",
        "occur_time",
    )


@pytest.mark.parametrize("seconds", [10**12, -(10**12), 2**63 - 1, -(2**63)])
def test_a_time_that_no_calendar_has_is_refused(seconds: int) -> None:
    request = pb.GradeIncidentRequest(occur_time=Timestamp(seconds=seconds))

    with pytest.raises(Invalid):
        times.said(request, "occur_time", NOW)


@given(st.lists(st.one_of(st.integers(-(2**63) + 1, 2**63 - 1), st.text()), min_size=1, max_size=3))
def test_a_page_token_gives_its_key_back(key: list[int | str]) -> None:
    assert paging.key(paging.token(*key), [type(part) for part in key]) == tuple(key)


def test_the_first_page_has_no_key() -> None:
    assert paging.key("", (int,)) is None


@given(st.text(min_size=1))
def test_what_is_no_page_token_is_refused_and_nothing_else_happens(text: str) -> None:
    key = None
    with suppress(Invalid):
        key = paging.key(text, (int,))

    assert key is None or isinstance(key[0], int)


@pytest.mark.parametrize("value", [[2**63], [-(2**70)], [True], ["1"], [1, 2], [], {"a": 1}, 1.5])
def test_a_token_of_another_list_is_refused(value: object) -> None:
    forged = base64.urlsafe_b64encode(msgspec.json.encode(value)).decode()

    with pytest.raises(Invalid):
        paging.key(forged, (int,))


def test_pages_have_a_size() -> None:
    assert (paging.limit(0), paging.limit(7), paging.limit(0, 9)) == (50, 7, 9)


@pytest.fixture(scope="module")
def regions() -> Regions:
    return reference.load(REPOSITORY / "reference", "regions", Regions)


def at(adcode: str, latitude: float, longitude: float) -> place_pb2.Place:
    point = place_pb2.Point(latitude=latitude, longitude=longitude)
    return place_pb2.Place(adcode=adcode, address="稔禾村", point=point)


def test_a_place_comes_and_goes_unchanged(regions: Regions) -> None:
    message = at("431281102", 27.3194, 110.1031)
    back = place_pb2.Place()

    place.write(back, regions.placed(message, "place"))

    assert back == message


def test_a_place_may_have_no_point(regions: Regions) -> None:
    message, back = place_pb2.Place(adcode="431281", address="洪江"), place_pb2.Place()

    place.write(back, regions.placed(message, "place"))

    assert back == message
    assert not back.HasField("point")


@pytest.mark.parametrize("adcode", ["431271", "", "43128", "431281999", "000000", "４３１２８１"])
def test_a_code_that_is_not_served_is_named(regions: Regions, adcode: str) -> None:
    with pytest.raises(Invalid) as refused:
        regions.placed(place_pb2.Place(adcode=adcode), "home")

    assert refused.value.reason == "ADCODE_UNKNOWN"
    assert (refused.value.context["field"], refused.value.context["got"]) == ("home.adcode", adcode)


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(39.9, 116.4), (0, 0), (110.1, 27.3), (math.nan, 110.1), (27.3, math.inf), (-91, 110.1)],
)
def test_a_point_outside_its_region_is_refused(
    regions: Regions, latitude: float, longitude: float
) -> None:
    with pytest.raises(Invalid) as refused:
        regions.placed(at("431281", latitude, longitude), "place")

    assert refused.value.reason == "POINT_OUTSIDE_ADCODE"


@pytest.mark.parametrize(
    ("region", "prefix"),
    [
        ("000000", ""),
        ("430000", "43"),
        ("431200", "4312"),
        ("431281", "431281"),
        ("431280", "431280"),
        ("431281102", "431281102"),
        ("431281102203", "431281102203"),
    ],
)
def test_a_region_begins_the_codes_inside_it(region: str, prefix: str) -> None:
    assert region_prefix(region) == prefix


@pytest.mark.parametrize(
    ("jurisdiction", "adcode", "covered"),
    [
        ("000000", "431281", True),
        ("430000", "431281102", True),
        ("430000", "440000", False),
        ("431281", "431281", True),
        ("431281", "431271", False),
        ("431281102", "431281", False),
        ("431281102", "431281102203", True),
        ("431281102", "431281103", False),
    ],
)
def test_jurisdiction_covers_what_lies_inside(
    jurisdiction: str,
    adcode: str,
    covered: bool,  # noqa: FBT001
) -> None:
    actor = Actor(subject="x", roles=(), jurisdiction=jurisdiction)

    assert actor.covers(adcode) is covered


def test_a_read_has_one_bound_and_that_is_not_ahead() -> None:
    ahead = read_pb2.ReadOptions()
    ahead.as_of_time.FromDatetime(NOW + timedelta(seconds=1))
    for options in (ahead, read_pb2.ReadOptions(min_position=1, as_of_position=1)):
        with pytest.raises(Invalid):
            reading.rows(None, options, NOW)  # type: ignore[arg-type]


def test_reference_data_that_cannot_be_read_ends_the_service_with_its_name() -> None:
    with pytest.raises(SystemExit, match=r"nothing\.json"):
        reference.load(REPOSITORY / "reference", "nothing", Regions)
    with pytest.raises(SystemExit, match=r"authority\.json"):
        reference.load(REPOSITORY / "reference", "authority", Regions)
