"""Positions as phones send them: OsmAnd's and Traccar's HTTP (https://www.traccar.org/osmand/).

``GET`` or ``POST /?id=…&token=…&lat=…&lon=…`` with timestamp (seconds, milliseconds or ISO),
accuracy (m), speed (knots, as Traccar has it), bearing or heading (degrees); other parameters,
e.g. batt and altitude, are passed over.  Newer Traccar apps post JSON: ``device_id`` and
``location`` with timestamp (ISO) and coords {latitude, longitude, accuracy, speed in m/s, heading}.

An app sends what is not answered with a 2xx again and again, before anything newer.  So what can
never become right, a fix at 0, 0 or one that is late, is answered 202 with the reason, and only
what the owner of the phone can mend (its id, its token, its URL) is refused.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any
from urllib.parse import parse_qsl
from uuid import NAMESPACE_URL, uuid5

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.resources.domain import device
from services.resources.domain.fix import Fix
from services.resources.positions.intake import Intake
from services.resources.servicer.position import Devices, digest
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.rejection import Unavailable
from services.runtime.times import EPOCH, to_ms

LARGEST_BODY = 64 * 1024
KNOT_MPS = 0.514444
SECONDS_AT_MOST = 1 << 31
"""What is larger is in milliseconds."""
DEVICE_ROLE = "device"
DEVICE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class _Coordinates(msgspec.Struct):
    latitude: float
    longitude: float
    accuracy: float | None = None
    speed: float | None = None
    heading: float | None = None


class _Location(msgspec.Struct):
    timestamp: str | int | float | None = None
    coords: _Coordinates | None = None


class _Posted(msgspec.Struct):
    device_id: str
    location: _Location


class Unreadable(Exception):
    """What was sent is no position; the message says which field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A position as it was sent; ``latitude`` is None in a sign of life without one."""

    device_id: str
    token: str
    latitude: float | None = None
    longitude: float | None = None
    fixed_at: datetime | None = None
    accuracy_m: float | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Phones:
    intake: Intake
    devices: Devices
    now: Callable[[], datetime]

    def application(self) -> Starlette:
        return Starlette(routes=[Route("/", self.receive, methods=["GET", "POST"])])

    async def receive(self, request: Request) -> Response:
        try:
            sent = await _read(request)
        except Unreadable as why:
            return JSONResponse({"taken": False, "reason": "UNREADABLE", "message": str(why)}, 400)
        try:
            return await self._take(sent)
        except Unavailable as later:
            headers = {"retry-after": "1"}
            refusal = {"taken": False, "reason": later.reason, "message": later.message}
            return JSONResponse(refusal, 503, headers=headers)

    async def _take(self, sent: Sent) -> Response:
        registered = await self._known(sent)
        if registered is None:
            why = "no such device, a wrong token, or a device that was revoked"
            return JSONResponse({"taken": False, "reason": "UNKNOWN_DEVICE", "message": why}, 401)
        if sent.latitude is None or sent.longitude is None:
            return JSONResponse({"taken": False, "reason": "NO_FIX"}, 202)
        cause = _cause(registered)
        await self.intake.homes.learn([registered.unit_id], cause)
        home = self.intake.homes[registered.unit_id]
        received_at = self.now()
        fix = Fix(
            unit_id=registered.unit_id,
            latitude=sent.latitude,
            longitude=sent.longitude,
            fixed_at=sent.fixed_at or received_at,
            received_at=received_at,
            source=sent.device_id,
            exercise=home.exercise if home else "",
            accuracy_m=sent.accuracy_m,
            speed_mps=sent.speed_mps,
            heading_deg=sent.heading_deg,
        )
        taken = await self.intake.take([fix], cause.actor, replace(cause, exercise=fix.exercise))
        if taken.taken:
            return JSONResponse({"taken": True})
        for refused in taken.refused:
            said = {"taken": False, "reason": refused.why.reason, "message": refused.why.message}
            return JSONResponse(said, 202)
        return JSONResponse({"taken": False, "reason": "SUPERSEDED"}, 202)

    async def _known(self, sent: Sent) -> device.DeviceRegistered | None:
        """Return the device that holds this token, by the log: one is revoked at once."""
        if not DEVICE_ID.fullmatch(sent.device_id):
            return None
        state = await self.devices.state(sent.device_id)
        if not isinstance(state, device.Trusted):
            return None
        shown = digest(sent.device_id, sent.token)
        same = hmac.compare_digest(state.registered.secret_digest, shown)
        return state.registered if same else None


def _cause(registered: device.DeviceRegistered) -> Cause:
    """Return who looks the unit up; nothing is written under it."""
    about = uuid5(NAMESPACE_URL, f"anlan:resources.phones/{registered.device_id}")
    return Cause(
        command_id=about,
        causation_id=str(about),
        correlation_id=registered.unit_id,
        actor=Actor(
            subject=registered.device_id, roles=(DEVICE_ROLE,), jurisdiction=registered.adcode
        ),
    )


async def _read(request: Request) -> Sent:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise Unreadable(f"body: more than {LARGEST_BODY} bytes")
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    token = bearer if scheme.lower() == "bearer" else ""
    query = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        return _of_json(bytes(body), query.get("token", token))
    if body and "lat" not in query:
        query |= dict(parse_qsl(body.decode("utf-8", "replace")))
    return of_query(query, token)


def _of_json(body: bytes, token: str) -> Sent:
    try:
        posted = msgspec.json.decode(body, type=_Posted)
    except msgspec.DecodeError as wrong:
        raise Unreadable(str(wrong)) from None
    coords = posted.location.coords
    sent = Sent(
        device_id=posted.device_id, token=token, fixed_at=instant(posted.location.timestamp)
    )
    if coords is None:
        return sent
    return replace(
        sent,
        latitude=coords.latitude,
        longitude=coords.longitude,
        accuracy_m=_unless_negative(coords.accuracy),
        speed_mps=_unless_negative(coords.speed),
        heading_deg=_unless_negative(coords.heading),
    )


def of_query(query: Mapping[str, str], token: str = "") -> Sent:
    """Return what the parameters say.  Raises Unreadable."""
    device_id = query.get("id") or query.get("deviceid", "")
    if not device_id:
        raise Unreadable("id: missing; it is the device's id as it was registered")
    latitude, longitude = _number(query, "lat"), _number(query, "lon")
    if "location" in query:
        north, _, east = query["location"].partition(",")
        latitude, longitude = _number({"lat": north}, "lat"), _number({"lon": east}, "lon")
    speed = _number(query, "speed")
    heading = _number(query, "bearing")
    return Sent(
        device_id=device_id,
        token=query.get("token", token),
        latitude=latitude,
        longitude=longitude,
        fixed_at=instant(query.get("timestamp")),
        accuracy_m=_unless_negative(_number(query, "accuracy")),
        speed_mps=None if speed is None else _unless_negative(speed * KNOT_MPS),
        heading_deg=_unless_negative(_number(query, "heading") if heading is None else heading),
    )


def instant(said: str | float | None) -> datetime | None:
    """Return the instant, to the millisecond; None where nothing is said.  Raises Unreadable."""
    if said is None or said == "":
        return None
    try:
        number = float(said)
    except ValueError:
        return _written(str(said))
    if not isfinite(number):
        raise Unreadable(f"timestamp: got {said}")
    seconds = number if number < SECONDS_AT_MOST else number / 1000
    try:
        return EPOCH + timedelta(milliseconds=round(seconds * 1000))
    except OverflowError:
        raise Unreadable(f"timestamp: got {said}, allowed: a calendar time") from None


def _written(said: str) -> datetime:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        raise Unreadable(
            f"timestamp: got {said}, allowed: seconds, milliseconds, or ISO 8601"
        ) from None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return to_ms(aware.astimezone(UTC))


def _number(query: Mapping[str, str], field: str) -> float | None:
    said: Any = query.get(field, "")
    if not said:
        return None
    try:
        return float(said)
    except ValueError:
        raise Unreadable(f"{field}: got {said}, allowed: a number") from None


def _unless_negative(value: float | None) -> float | None:
    """Return None for a negative value, which is how apps say that they do not know."""
    return None if value is None or value < 0 else value
