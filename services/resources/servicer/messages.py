"""Rows to messages, and the enums both ways."""

from __future__ import annotations

from typing import Any

import msgspec

from anlan.resources.v1 import shelter_service_pb2 as shelter_pb
from anlan.resources.v1 import unit_service_pb2 as unit_pb
from anlan.type.v1 import place_pb2
from services.resources.domain.unit import Hold
from services.resources.projections.units import Status, holds_of
from services.runtime import place
from services.runtime.times import of_micros, to_proto

STATUSES = {
    Status.AVAILABLE: unit_pb.UNIT_STATUS_AVAILABLE,
    Status.RESERVED: unit_pb.UNIT_STATUS_RESERVED,
    Status.ASSIGNED: unit_pb.UNIT_STATUS_ASSIGNED,
    Status.OUT_OF_SERVICE: unit_pb.UNIT_STATUS_OUT_OF_SERVICE,
}
STATUS_OF = {number: status for status, number in STATUSES.items()}

SHELTER_STATES = {False: shelter_pb.SHELTER_STATE_STANDBY, True: shelter_pb.SHELTER_STATE_OPEN}
IS_OPEN = {number: is_open for is_open, number in SHELTER_STATES.items()}

# By what a unit's service and holds make of it: EIDO's primary status, and why.
PRIMARY = {
    Status.AVAILABLE: (unit_pb.PRIMARY_STATUS_AVAILABLE, []),
    Status.RESERVED: (unit_pb.PRIMARY_STATUS_NOT_AVAILABLE, ["HELD"]),
    Status.ASSIGNED: (unit_pb.PRIMARY_STATUS_NOT_AVAILABLE, ["HELD"]),
    Status.OUT_OF_SERVICE: (unit_pb.PRIMARY_STATUS_NOT_AVAILABLE, ["OUT_OF_SERVICE"]),
}


def unit(row: Any) -> unit_pb.Unit:
    primary, reasons = PRIMARY[Status(row.status)]
    return unit_pb.Unit(
        unit_id=row.unit_id,
        name=row.name,
        kind=row.kind,
        capabilities=msgspec.json.decode(row.capabilities),
        home=place_of(row),
        staffing=row.staffing,
        contact=row.contact,
        status=STATUSES[Status(row.status)],
        out_of_service_reason=row.out_of_service_reason,
        expected_back_time=to_proto(of_micros(row.expected_back_at)),
        holds=[_hold(hold) for hold in holds_of(row)],
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
        primary_status=primary,
        primary_reasons=reasons,
        secondary_statuses=["InService" if row.in_service else "OutofService"],
        crew_on_duty=row.staffing,
    )


def _hold(hold: Hold) -> unit_pb.Hold:
    return unit_pb.Hold(
        holder=hold.holder,
        incident_id=hold.incident_id,
        held_by=hold.held_by,
        expire_time=to_proto(hold.expires_at),
        override_reason=hold.override_reason,
    )


def shelter(row: Any) -> shelter_pb.Shelter:
    return shelter_pb.Shelter(
        shelter_id=row.shelter_id,
        name=row.name,
        place=place_of(row),
        state=SHELTER_STATES[row.is_open],
        capacity=row.capacity,
        occupancy=row.occupancy,
        incident_id=row.incident_id,
        warden=row.warden,
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
    )


def place_of(row: Any) -> place_pb2.Place:
    message = place_pb2.Place()
    place.write(
        message,
        place.Place(
            adcode=row.adcode,
            address=row.address,
            latitude=row.latitude,
            longitude=row.longitude,
        ),
    )
    return message
