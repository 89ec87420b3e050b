"""Phones speak OsmAnd's and Traccar's HTTP: what they say is taken in, and only from who may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import httpx
import pytest

from anlan.resources.v1 import position_service_pb2 as pb
from services.resources.servicer.phones import Unreadable, instant, of_query
from services.runtime.http import serve
from services.runtime.settings import Settings
from tests.resources.conftest import Api, Field
from tests.resources.positions import SECOND, a_unit, fresh, now, where
from tests.service import Tokens, refusal, request_id

SECRET = "a-long-secret-of-a-phone"
NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "said",
    [
        "1780315200",
        "1780315200000",
        "1780315200.0",
        "2026-06-01T12:00:00Z",
        "2026-06-01T20:00:00+08:00",
        "2026-06-01 12:00:00",
        1780315200,
    ],
)
def test_an_instant_is_read_in_every_form_that_apps_send(said: Any) -> None:
    assert instant(said) == NOON


def test_milliseconds_and_what_is_no_instant() -> None:
    assert instant("1780315200123") == NOON + timedelta(milliseconds=123)
    assert instant(None) is None
    for wrong in ("noon", "nan", "inf", "9e99"):
        with pytest.raises(Unreadable, match="timestamp"):
            instant(wrong)


def test_speed_comes_in_knots_and_negative_is_unknown() -> None:
    sent = of_query({"id": "p", "lat": "27.3", "lon": "110.1", "speed": "10", "bearing": "-1"})
    assert sent.speed_mps == pytest.approx(5.14444)
    assert sent.heading_deg is None
    assert of_query({"deviceid": "p", "location": "27.3,110.1", "heading": "9"}).heading_deg == 9


@pytest.fixture
async def http(field: Field) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=field.phones, timeout=10) as client:
        yield client


async def a_phone(api: Api, field: Field, unit_id: str, secret: str = SECRET) -> str:
    device_id = fresh("phone")
    await field.positions.RegisterDevice(
        pb.RegisterDeviceRequest(
            request_id=request_id(),
            device_id=device_id,
            unit_id=unit_id,
            secret=secret,
            description="艇长手机",
        ),
        metadata=api.registrar.metadata,
    )
    return device_id


async def test_osmand_by_get_and_by_post(api: Api, field: Field, http: httpx.AsyncClient) -> None:
    unit_id, at = await a_unit(api.units, api.registrar), now()
    device_id = await a_phone(api, field, unit_id)
    said = {"id": device_id, "token": SECRET, "lat": "27.31", "lon": "110.11", "batt": "80"}
    moment = int(at.timestamp() * 1000)

    got = await http.get("/", params={**said, "timestamp": moment, "accuracy": 12, "bearing": 90})

    assert (got.status_code, got.json()) == (200, {"taken": True})
    found = await where(field.positions, api.zhao, unit_id)
    assert (found.point.latitude, found.accuracy_m, found.heading_deg) == (27.31, 12, 90)
    assert (found.source, found.fix_time.ToMilliseconds()) == (device_id, moment)
    posted = await http.post("/", data={**said, "lat": "27.32", "timestamp": moment + 1000})
    assert posted.json() == {"taken": True}
    in_url = await http.post("/", params={**said, "lat": "27.33", "timestamp": moment + 2000})
    assert in_url.json() == {"taken": True}
    assert (await where(field.positions, api.zhao, unit_id)).point.latitude == 27.33


async def test_the_json_of_newer_traccar_apps(
    api: Api, field: Field, http: httpx.AsyncClient
) -> None:
    unit_id, at = await a_unit(api.units, api.registrar), now()
    device_id = await a_phone(api, field, unit_id)
    coords = {"latitude": 27.34, "longitude": 110.14, "accuracy": 4.5, "speed": 2, "heading": -1}
    body = {
        "device_id": device_id,
        "location": {
            "timestamp": at.isoformat(),
            "coords": {**coords, "altitude": 210.0},
            "is_moving": True,
            "battery": {"level": 0.7, "is_charging": False},
        },
    }

    told = await http.post("/", params={"token": SECRET}, json=body)

    assert told.json() == {"taken": True}
    found = await where(field.positions, api.zhao, unit_id)
    assert (found.point.longitude, found.speed_mps) == (110.14, 2)
    assert not found.HasField("heading_deg")
    alive = {"device_id": device_id, "location": {"timestamp": at.isoformat(), "event": "beat"}}
    sign = await http.post("/", headers={"authorization": f"Bearer {SECRET}"}, json=alive)
    assert (sign.status_code, sign.json()["reason"]) == (202, "NO_FIX")


async def test_what_can_never_become_right_is_not_sent_again_and_says_why(
    api: Api, field: Field, http: httpx.AsyncClient
) -> None:
    unit_id, at = await a_unit(api.units, api.registrar), now()
    who = {"id": await a_phone(api, field, unit_id), "token": SECRET, "lat": "27.3", "lon": "110"}

    async def said(**more: Any) -> tuple[int, Any]:
        answer = await http.get("/", params={**who, "timestamp": at.timestamp(), **more})
        return answer.status_code, answer.json().get("reason", "")

    assert await said() == (200, "")
    assert await said() == (200, ""), "said again, it is still the newest"
    assert await said(timestamp=(at - SECOND).timestamp()) == (202, "SUPERSEDED")
    assert await said(lat="0", lon="0") == (202, "NO_FIX")
    assert await said(timestamp=(at + 120 * SECOND).timestamp()) == (202, "CLOCK_AHEAD")
    assert await said(lat="97") == (202, "OUT_OF_RANGE")
    assert await said(lat="north") == (400, "UNREADABLE")
    assert await said(id="") == (400, "UNREADABLE")
    assert (await http.post("/", content=b"x" * 100_000)).status_code == 400
    wrong = await http.post("/", json={"device_id": 5})
    assert (wrong.status_code, wrong.json()["reason"]) == (400, "UNREADABLE")


async def test_only_a_device_that_is_trusted_may_say_where_a_unit_is(
    api: Api, field: Field, http: httpx.AsyncClient
) -> None:
    unit_id = await a_unit(api.units, api.registrar)
    device_id = await a_phone(api, field, unit_id)
    place = {"lat": "27.3", "lon": "110.1"}

    async def code(**who: str) -> int:
        return (await http.get("/", params={**place, **who})).status_code

    assert await code(id=device_id, token=SECRET) == 200
    assert await code(id=device_id, token=SECRET[:-1]) == 401
    assert await code(id=device_id) == 401
    assert await code(id="nobody", token=SECRET) == 401
    assert await code(id="../unit-1", token=SECRET) == 401
    await field.positions.RevokeDevice(
        pb.RevokeDeviceRequest(request_id=request_id(), device_id=device_id, reason="遗失"),
        metadata=api.registrar.metadata,
    )
    assert await code(id=device_id, token=SECRET) == 401, "at once, whatever the rows know"


async def test_a_device_is_registered_by_who_may_for_a_unit_that_is_there(
    api: Api, field: Field, tokens: Tokens
) -> None:
    unit_id = await a_unit(api.units, api.registrar)
    fields: dict[str, Any] = {
        "request_id": request_id(),
        "device_id": fresh("phone"),
        "unit_id": unit_id,
        "secret": SECRET,
    }
    register = field.positions.RegisterDevice
    ours = api.registrar.metadata
    nobody = await refusal(
        register(pb.RegisterDeviceRequest(**{**fields, "unit_id": "nobody"}), metadata=ours)
    )
    assert nobody.reason == "NO_SUCH_UNIT"
    drill = tokens.caller("registrar.wu", "registrar", exercise="drill-1")
    mixed = await refusal(register(pb.RegisterDeviceRequest(**fields), metadata=drill.metadata))
    assert mixed.reason == "EXERCISE_MISMATCH"
    crew = tokens.caller("crew.wu", "crew")
    denied = await refusal(register(pb.RegisterDeviceRequest(**fields), metadata=crew.metadata))
    assert denied.code is grpc.StatusCode.PERMISSION_DENIED
    short = {**fields, "secret": "short"}
    weak = await refusal(register(pb.RegisterDeviceRequest(**short), metadata=ours))
    assert weak.fields == ("secret",)
    first = await register(pb.RegisterDeviceRequest(**fields), metadata=ours)
    again = await register(pb.RegisterDeviceRequest(**fields), metadata=ours)
    assert again == first
    request = pb.ListDevicesRequest(unit_id=unit_id)
    request.read.min_position = first.position
    listed = await field.positions.ListDevices(request, metadata=api.zhao.metadata)
    [device] = listed.devices
    assert (device.device_id, device.registered_by) == (fields["device_id"], "registrar.wu")
    assert SECRET not in str(listed)


async def test_phones_are_not_served_in_plain_text_to_other_machines() -> None:
    with pytest.raises(SystemExit, match=r"refusing to serve 0\.0\.0\.0:5055"):
        await serve(None, "0.0.0.0:5055", Settings())
