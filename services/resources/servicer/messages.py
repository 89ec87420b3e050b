"""Rows to messages, and the enums both ways."""

from __future__ import annotations

from typing import Any

import msgspec

from anlan.resources.v1 import unit_service_pb2 as unit_pb
from anlan.type.v1 import place_pb2
from services.resources.domain import unit_status
from services.resources.domain.unit import Hold
from services.resources.domain.unit_roster import Member, Roster, Shift
from services.resources.domain.unit_status import Said, Source
from services.resources.domain.vocabulary import Standing
from services.resources.projections.units import Status, holds_of, make_of, roster_of, said_of
from services.runtime import place
from services.runtime.times import stamp, to_proto

STATUSES = {
    Status.AVAILABLE: unit_pb.UNIT_STATUS_AVAILABLE,
    Status.RESERVED: unit_pb.UNIT_STATUS_RESERVED,
    Status.ASSIGNED: unit_pb.UNIT_STATUS_ASSIGNED,
    Status.OUT_OF_SERVICE: unit_pb.UNIT_STATUS_OUT_OF_SERVICE,
}
STATUS_OF = {number: status for status, number in STATUSES.items()}


PRIMARY = {
    Standing.AVAILABLE: unit_pb.PRIMARY_STATUS_AVAILABLE,
    Standing.CONDITIONAL: unit_pb.PRIMARY_STATUS_CONDITIONALLY_AVAILABLE,
    Standing.NOT_AVAILABLE: unit_pb.PRIMARY_STATUS_NOT_AVAILABLE,
}
PRIMARY_OF = {number: standing for standing, number in PRIMARY.items()}
SOURCES = {
    Source.CREW: unit_pb.STATUS_SOURCE_CREW,
    Source.CONSOLE: unit_pb.STATUS_SOURCE_CONSOLE,
    Source.DEVICE: unit_pb.STATUS_SOURCE_DEVICE,
}
SOURCE_OF = {number: source for source, number in SOURCES.items()}


def unit(row: Any) -> unit_pb.Unit:
    make, roster, spoken = make_of(row), roster_of(row), said_of(row)
    message = unit_pb.Unit(
        unit_id=row.unit_id,
        name=row.name,
        kind=row.kind,
        capabilities=msgspec.json.decode(row.capabilities),
        home=place_of(row),
        staffing=row.staffing,
        contact=row.contact,
        status=STATUSES[Status(row.status)],
        out_of_service_reason=row.out_of_service_reason,
        expected_back_time=stamp(row.expected_back_at),
        holds=[_hold(hold) for hold in holds_of(row)],
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
        type=make.type,
        force_id=make.force_id,
        attributes=make.attributes,
        primary_status=PRIMARY[Standing(row.primary_status)],
        primary_reasons=msgspec.json.decode(row.primary_reasons),
        secondary_statuses=unit_status.secondary(spoken, in_service=row.in_service),
        crew_on_duty=row.crew_on_duty,
        minimum_staffing=make.minimum_staffing,
        rest_until_time=stamp(row.rest_until),
        mobilisation_class=make.force_class,
        crew=[_member(member, roster) for member in roster.crew],
        qualifications=roster.qualified,
        shifts=[_shift(shift) for shift in roster.shifts],
        equipment=[
            unit_pb.Equipment(item=one.item, quantity=one.quantity, note=one.note)
            for one in make.equipment
        ],
    )
    if spoken is not None:
        message.status_fact.CopyFrom(_spoken(spoken, row.said_recorded_at))
    return message


def _member(member: Member, roster: Roster) -> unit_pb.CrewMember:
    return unit_pb.CrewMember(
        member_id=member.member_id,
        name=member.name,
        contact=member.contact,
        qualifications=[
            unit_pb.Qualification(
                code=one.code,
                certificate=one.certificate,
                expire_time=to_proto(one.expires_at),
            )
            for one in member.qualifications
        ],
        on_duty=member.member_id in roster.on_duty,
    )


def _shift(shift: Shift) -> unit_pb.Shift:
    return unit_pb.Shift(
        shift_id=shift.shift_id,
        start_time=to_proto(shift.starts_at),
        end_time=to_proto(shift.ends_at),
        member_ids=shift.member_ids,
        begun=shift.begun,
    )


def _spoken(said: Said, recorded_at: int) -> unit_pb.StatusFact:
    return unit_pb.StatusFact(
        word=said.word,
        source=SOURCES[said.source],
        set_by=said.set_by,
        occur_time=to_proto(said.occurred_at),
        record_time=stamp(recorded_at),
    )


def _hold(hold: Hold) -> unit_pb.Hold:
    return unit_pb.Hold(
        holder=hold.holder,
        incident_id=hold.incident_id,
        held_by=hold.held_by,
        expire_time=to_proto(hold.expires_at),
        override_reason=hold.override_reason,
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
