"""One row per unit, with everybody who holds it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, assert_never

import msgspec
from sqlalchemy import Connection

from services.resources.codec import UNITS
from services.resources.domain.unit import (
    Hold,
    UnitHoldMoved,
    UnitPutInService,
    UnitPutOutOfService,
    UnitRegistered,
    UnitReleased,
    UnitReservationConfirmed,
    UnitReservationExpired,
    UnitReserved,
)
from services.resources.domain.unit_rules import held
from services.resources.domain.whereabouts import (
    UnitEnteredHazardArea,
    UnitLeftHazardArea,
    UnitPositionNoted,
)
from services.resources.projections import tables
from services.runtime.recorded import Recorded
from services.runtime.times import micros


class Status(StrEnum):
    """Whether a unit can be assigned; follows from its service and its holds."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    ASSIGNED = "assigned"
    OUT_OF_SERVICE = "out_of_service"


def holds_of(row: Any) -> tuple[Hold, ...]:
    return msgspec.json.decode(row.holds, type=tuple[Hold, ...])


def inside_of(row: Any) -> list[str]:
    """Return the hazard areas that a unit is in."""
    return msgspec.json.decode(row.hazard_areas, type=list[str])


def apply(connection: Connection, recorded: Recorded) -> None:
    event = UNITS.decode(recorded.type, recorded.data)
    match event:
        case UnitRegistered():
            tables.put(
                connection,
                tables.units,
                recorded,
                unit_id=event.unit_id,
                name=event.name,
                kind=event.kind,
                capabilities=msgspec.json.encode(event.capabilities).decode(),
                **tables.located(event.home),
                staffing=event.staffing,
                contact=event.contact,
                in_service=True,
                out_of_service_reason="",
                expected_back_at=None,
                **_held((), in_service=True),
            )
        case UnitPutInService():
            _serve(
                connection,
                recorded,
                event.unit_id,
                in_service=True,
                out_of_service_reason="",
                expected_back_at=None,
            )
        case UnitPutOutOfService():
            _serve(
                connection,
                recorded,
                event.unit_id,
                in_service=False,
                out_of_service_reason=event.reason,
                expected_back_at=event.expected_back_at and micros(event.expected_back_at),
            )
        case (
            UnitReserved()
            | UnitReservationConfirmed()
            | UnitReservationExpired()
            | UnitReleased()
            | UnitHoldMoved()
        ):
            row = tables.row(connection, tables.units, unit_id=event.unit_id)
            tables.change(
                connection,
                tables.units,
                recorded,
                event.unit_id,
                **_held(held(holds_of(row), event), in_service=row.in_service),
            )
        case UnitPositionNoted():
            tables.change(
                connection,
                tables.units,
                recorded,
                event.unit_id,
                noted_latitude=event.latitude,
                noted_longitude=event.longitude,
                noted_accuracy_m=event.accuracy_m,
                noted_at=micros(event.fixed_at),
            )
        case UnitEnteredHazardArea() | UnitLeftHazardArea():
            _cross(connection, recorded, event)
        case _:
            assert_never(event)


def _cross(
    connection: Connection, recorded: Recorded, event: UnitEnteredHazardArea | UnitLeftHazardArea
) -> None:
    row = tables.row(connection, tables.units, unit_id=event.unit_id)
    inside = [area for area in inside_of(row) if area != event.hazard_area_id]
    if isinstance(event, UnitEnteredHazardArea):
        inside.append(event.hazard_area_id)
    changed = msgspec.json.encode(inside).decode()
    tables.change(connection, tables.units, recorded, event.unit_id, hazard_areas=changed)


def _serve(connection: Connection, recorded: Recorded, unit_id: str, **service: Any) -> None:
    row = tables.row(connection, tables.units, unit_id=unit_id)
    tables.change(
        connection,
        tables.units,
        recorded,
        unit_id,
        **service,
        **_held(holds_of(row), in_service=service["in_service"]),
    )


def _held(holds: tuple[Hold, ...], *, in_service: bool) -> dict[str, Any]:
    expiries = [micros(hold.expires_at) for hold in holds if hold.expires_at is not None]
    if not in_service:
        status = Status.OUT_OF_SERVICE
    elif not holds:
        status = Status.AVAILABLE
    elif len(expiries) == len(holds):
        status = Status.RESERVED
    else:
        status = Status.ASSIGNED
    return {
        "holds": msgspec.json.encode(holds).decode(),
        "status": status.value,
        "next_expiry": min(expiries, default=None),
    }
