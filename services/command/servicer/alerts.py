"""Another system's alert as a report: its type, its place, and what it refers to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from anlan.command.v1 import report_service_pb2 as pb
from anlan.type.v1 import place_pb2
from services.command import cap
from services.command.domain import report
from services.command.domain.alert import Alert, Reference
from services.command.domain.casualties import Casualties
from services.command.domain.incident_types import IncidentTypes
from services.runtime.actor import Actor
from services.runtime.place import Place, Regions
from services.runtime.rejection import Invalid
from services.runtime.times import MAX_AGE, MAX_SKEW

LONGEST_ADDRESS, LONGEST_REPORTER = 200, 100
EARNEST = "Actual"
ZEROS = "000"
"""How a code of GB/T 10114 is filled up where it names no township or no village."""


def command(
    request: pb.SubmitCapAlertRequest,
    by: Actor,
    exercise: str,
    now: datetime,
    types: IncidentTypes,
    regions: Regions,
) -> report.SubmitReport:
    """Return the report that a message is.  Raises Invalid, naming the element that is wrong."""
    message = cap.read(request.document)
    alert = message.alert
    _check_status(alert, exercise)
    _check_time(alert.sent_at, now)
    own = [known for known in alert.references if known.sender == alert.sender]
    return report.SubmitReport(
        by=by,
        report_id=alert_id(_named(alert), exercise),
        source=report.Source.SYSTEM,
        reporter=(alert.sender_name or alert.sender)[:LONGEST_REPORTER],
        type_code=_type_code(message, request.type_code, types),
        place=_place(message, request, regions),
        casualties=Casualties(),
        text=message.text,
        alert=alert,
        corrects=tuple(alert_id(known, exercise) for known in own),
        occurred_at=alert.sent_at,
    )


def alert_id(named: Reference, exercise: str) -> str:
    """Return the report that a message is: the same whoever brings it, and apart in each drill."""
    sent = named.sent_at.timestamp()
    return str(uuid5(NAMESPACE_URL, f"{exercise} {named.sender},{named.identifier},{sent}"))


def _named(alert: Alert) -> Reference:
    return Reference(sender=alert.sender, identifier=alert.identifier, sent_at=alert.sent_at)


def _check_status(alert: Alert, exercise: str) -> None:
    """Keep earnest and drills apart: neither may be taken for the other."""
    if (alert.status == EARNEST) == bool(exercise):
        raise Invalid(
            "CAP_STATUS_MISMATCH",
            field="alert.status",
            got=f"{alert.status} {f'in the drill {exercise}' if exercise else 'in earnest'}",
            allowed="Exercise or Test" if exercise else EARNEST,
        )


def _check_time(sent_at: datetime, now: datetime) -> None:
    if not now - MAX_AGE <= sent_at <= now + MAX_SKEW:
        raise Invalid(
            "TIME_OUT_OF_RANGE",
            field="alert.sent",
            got=sent_at.isoformat(),
            allowed=f"{(now - MAX_AGE).isoformat()} to {(now + MAX_SKEW).isoformat()}",
        )


def _type_code(message: cap.Message, given: str, types: IncidentTypes) -> str:
    named = message.type_code
    if named is not None:
        types.check(named.value, named.element)
        return named.value
    if not given:
        raise Invalid(
            "CAP_TYPE_UNKNOWN",
            field="alert.info.eventCode",
            got=message.alert.event or "nothing",
            allowed="a code named GB/T 35561, such a code as the event, or type_code beside it",
        )
    types.check(given, "type_code")
    return given


def _place(message: cap.Message, request: pb.SubmitCapAlertRequest, regions: Regions) -> Place:
    """Return the first area that is served here, else the place that was named beside it.

    A point outside that region is left out: areas of alerts are larger than a county.
    """
    served = [code for code in _codes(message) if code in regions.regions]
    if served:
        return _with_point(served[0], message, regions)
    if request.HasField("place"):
        return regions.placed(request.place, "place")
    for latitude, longitude in message.points:
        for adcode, region in regions.regions.items():
            if region.box is not None and _within(region.box, latitude, longitude):
                return _with_point(adcode, message, regions)
    raise Invalid(
        "CAP_AREA_UNKNOWN",
        field="alert.info.area",
        got=", ".join(f"{c.name} {c.value}" for c in message.geocodes)[:200] or "no geocode",
        allowed=f"a geocode of {', '.join(regions.roots())}, an area in it, or place beside it",
    )


def _codes(message: cap.Message) -> Sequence[str]:
    """Return the codes of regions, the sender's own last."""
    said = [_short(code.value) for code in message.geocodes]
    return [*said, message.region] if message.region else said


def _short(code: str) -> str:
    while len(code) > len("431281") and code.endswith(ZEROS):
        code = code.removesuffix(ZEROS)
    return code


def _with_point(adcode: str, message: cap.Message, regions: Regions) -> Place:
    told = place_pb2.Place(adcode=adcode, address=message.address[:LONGEST_ADDRESS])
    for latitude, longitude in message.points:
        told.point.latitude, told.point.longitude = latitude, longitude
        try:
            return regions.placed(told, "alert.info.area")
        except Invalid:
            told.ClearField("point")
    return regions.placed(told, "alert.info.area")


def _within(box: tuple[float, float, float, float], latitude: float, longitude: float) -> bool:
    south, west, north, east = box
    return south <= latitude <= north and west <= longitude <= east
