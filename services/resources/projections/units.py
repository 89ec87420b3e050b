"""One row per unit, with everybody who holds it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, assert_never

import msgspec
from sqlalchemy import Connection

from services.resources.codec import UNITS
from services.resources.domain import (
    unit,
    unit_hold_rules,
    unit_make,
    unit_roster,
    unit_roster_rules,
    unit_status,
)
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
from services.resources.domain.unit_make import Make
from services.resources.domain.unit_roster import Roster
from services.resources.domain.unit_status import Said
from services.resources.domain.whereabouts import (
    UnitEnteredHazardArea,
    UnitLeftHazardArea,
    UnitPositionNoted,
)
from services.resources.projections import tables
from services.runtime.recorded import Recorded
from services.runtime.times import micros


class Status(StrEnum):
    """Who has a unit; follows from its service and its holds."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    ASSIGNED = "assigned"
    OUT_OF_SERVICE = "out_of_service"


def holds_of(row: Any) -> tuple[Hold, ...]:
    return msgspec.json.decode(row.holds, type=tuple[Hold, ...])


def make_of(row: Any) -> Make:
    return msgspec.json.decode(row.make, type=Make)


def roster_of(row: Any) -> Roster:
    return msgspec.json.decode(row.roster, type=Roster)


def said_of(row: Any) -> Said | None:
    return msgspec.json.decode(row.said, type=Said | None)


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
                capabilities=tables.json(event.capabilities),
                **tables.located(event.home),
                staffing=event.staffing,
                contact=event.contact,
                in_service=True,
                out_of_service_reason="",
                expected_back_at=None,
                said_recorded_at=None,
                **_columns(Parts(staffing=event.staffing)),
            )
        case UnitPutInService():
            _turn(
                connection,
                recorded,
                event,
                in_service=True,
                out_of_service_reason="",
                expected_back_at=None,
            )
        case UnitPutOutOfService():
            _turn(
                connection,
                recorded,
                event,
                in_service=False,
                out_of_service_reason=event.reason,
                expected_back_at=event.expected_back_at and micros(event.expected_back_at),
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
            _turn(connection, recorded, event)


def _cross(
    connection: Connection, recorded: Recorded, event: UnitEnteredHazardArea | UnitLeftHazardArea
) -> None:
    row = tables.row(connection, tables.units, unit_id=event.unit_id)
    inside = [area for area in inside_of(row) if area != event.hazard_area_id]
    if isinstance(event, UnitEnteredHazardArea):
        inside.append(event.hazard_area_id)
    changed = tables.json(inside)
    tables.change(connection, tables.units, recorded, event.unit_id, hazard_areas=changed)


Turning = (
    UnitPutInService
    | UnitPutOutOfService
    | unit.HoldEvent
    | unit_make.Event
    | unit_roster.Event
    | unit_status.Event
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything from which it follows whether a unit can be had."""

    staffing: int
    in_service: bool = True
    holds: tuple[Hold, ...] = ()
    make: Make = field(default_factory=Make)
    roster: Roster = field(default_factory=Roster)
    said: Said | None = None


def _turn(connection: Connection, recorded: Recorded, event: Turning, **service: Any) -> None:
    row = tables.row(connection, tables.units, unit_id=event.unit_id)
    before = Parts(
        staffing=row.staffing,
        in_service=row.in_service,
        holds=holds_of(row),
        make=make_of(row),
        roster=roster_of(row),
        said=said_of(row),
    )
    after = _after(before, event)
    if after.said is not before.said:
        service["said_recorded_at"] = micros(recorded.created_at)
    columns = {**_columns(after), **service}
    tables.change(connection, tables.units, recorded, event.unit_id, **columns)


def _after(parts: Parts, event: Turning) -> Parts:
    match event:
        case UnitPutInService() | UnitPutOutOfService():
            return replace(parts, in_service=isinstance(event, UnitPutInService))
        case (
            UnitReserved()
            | UnitReservationConfirmed()
            | UnitReservationExpired()
            | UnitReleased()
            | UnitHoldMoved()
        ):
            return replace(parts, holds=unit_hold_rules.held(parts.holds, event))
        case (
            unit_make.UnitClassified()
            | unit_make.UnitAttached()
            | unit_make.UnitDetached()
            | unit_make.UnitEquipped()
        ):
            return replace(parts, make=unit_make.evolve(parts.make, event))
        case unit_status.UnitStatusSet():
            return replace(parts, said=unit_status.evolve(parts.said, event))
        case unit_status.UnitRecalled():
            return replace(
                parts,
                said=unit_status.evolve(parts.said, event),
                roster=replace(parts.roster, resting=None),
            )
        case (
            unit_roster.UnitCrewAssigned()
            | unit_roster.UnitCrewRelieved()
            | unit_roster.UnitQualificationLapsed()
            | unit_roster.UnitShiftScheduled()
            | unit_roster.UnitShiftStarted()
            | unit_roster.UnitShiftEnded()
            | unit_roster.UnitRestStarted()
            | unit_roster.UnitRestEnded()
        ):
            return replace(parts, roster=unit_roster_rules.evolve(parts.roster, event))
        case _:
            assert_never(event)


def _columns(parts: Parts) -> dict[str, Any]:
    expiries = [micros(hold.expires_at) for hold in parts.holds if hold.expires_at is not None]
    if not parts.in_service:
        status = Status.OUT_OF_SERVICE
    elif not parts.holds:
        status = Status.AVAILABLE
    elif len(expiries) == len(parts.holds):
        status = Status.RESERVED
    else:
        status = Status.ASSIGNED
    make, roster = parts.make, parts.roster
    standing, why = unit_status.primary(
        in_service=parts.in_service,
        is_held=bool(parts.holds),
        said=parts.said,
        roster=roster,
        minimum_staffing=make.minimum_staffing,
    )
    turn, resting = roster.next_turn(), roster.resting
    return {
        "holds": tables.json(parts.holds),
        "status": status.value,
        "next_expiry": min(expiries, default=None),
        "make": tables.json(make),
        "roster": tables.json(roster),
        "said": tables.json(parts.said),
        "type": make.type,
        "force_id": make.force_id,
        "attributes": tables.json(make.attributes),
        "primary_status": standing.value,
        "primary_reasons": tables.json(why),
        "qualified": tables.json(roster.qualified),
        "crew_on_duty": len(roster.on_duty) if roster.crew else parts.staffing,
        "rest_until": resting and micros(resting.until),
        "next_turn": turn and micros(turn),
    }
