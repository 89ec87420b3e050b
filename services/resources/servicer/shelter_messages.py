"""Shelters, households and what shelters need: rows to messages, and the enums both ways."""

from __future__ import annotations

from typing import Any

from anlan.resources.v1 import shelter_service_pb2 as pb
from services.resources.domain.shelter import Care, Kind, Result
from services.resources.servicer.messages import place_of
from services.runtime.times import stamp

STATES = {False: pb.SHELTER_STATE_STANDBY, True: pb.SHELTER_STATE_OPEN}
IS_OPEN = {number: is_open for is_open, number in STATES.items()}
KINDS = {
    pb.SHELTER_KIND_UNSPECIFIED: Kind.UNSAID,
    pb.SHELTER_KIND_CLASS_III: Kind.CLASS_III,
    pb.SHELTER_KIND_EMERGENCY: Kind.EMERGENCY,
    pb.SHELTER_KIND_SCHOOL: Kind.SCHOOL,
    pb.SHELTER_KIND_VILLAGE_HALL: Kind.VILLAGE_HALL,
    pb.SHELTER_KIND_HOTEL: Kind.HOTEL,
    pb.SHELTER_KIND_OTHER: Kind.OTHER,
}
KIND_NUMBERS = {kind: number for number, kind in KINDS.items()}
RESULTS = {
    pb.INSPECTION_RESULT_FIT: Result.FIT,
    pb.INSPECTION_RESULT_DEFECTS: Result.DEFECTS,
    pb.INSPECTION_RESULT_UNFIT: Result.UNFIT,
}
RESULT_NUMBERS = {result: number for number, result in RESULTS.items()}


def care_in(message: pb.Care) -> Care:
    return Care(
        children=message.children,
        elderly=message.elderly,
        disabled=message.disabled,
        ill=message.ill,
    )


def shelter(row: Any) -> pb.Shelter:
    message = pb.Shelter(
        shelter_id=row.shelter_id,
        name=row.name,
        place=place_of(row),
        state=STATES[row.is_open],
        kind=KIND_NUMBERS[Kind(row.kind)],
        capacity=row.capacity,
        day_capacity=row.day_capacity,
        occupancy=row.occupancy,
        vacancies=vacancies(row) if row.is_open else 0,
        households=row.households,
        care=_care(row),
        incident_id=row.incident_id,
        warden=row.warden,
        contact=row.contact,
        reason=row.reason,
        open_needs=row.open_needs,
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
    )
    if row.inspection:
        message.inspection.CopyFrom(
            pb.ShelterInspection(
                result=RESULT_NUMBERS[Result(row.inspection)],
                inspector=row.inspector,
                findings=row.findings,
                inspect_time=stamp(row.inspected_at),
            )
        )
    return message


def vacancies(row: Any) -> int:
    """Return the beds left, were the shelter open."""
    return int(row.capacity - row.occupancy - row.moving)


def household(row: Any) -> pb.Household:
    return pb.Household(
        group_id=row.group_id,
        shelter_id=row.shelter_id,
        incident_id=row.incident_id,
        head=row.head,
        people=row.people,
        care=_care(row),
        from_adcode=row.from_adcode,
        destination=row.destination,
        moving=row.moving,
        admit_time=stamp(row.admitted_at),
        change_time=stamp(row.since),
        exercise=row.exercise,
        position=row.position,
    )


def need(row: Any) -> pb.ShelterNeed:
    return pb.ShelterNeed(
        shelter_id=row.shelter_id,
        need_id=row.need_id,
        incident_id=row.incident_id,
        adcode=row.adcode,
        item=row.item,
        quantity=row.quantity,
        unit=row.unit,
        note=row.note,
        needed_by_time=stamp(row.needed_by),
        raise_time=stamp(row.raised_at),
        over=row.is_over,
        met=row.met,
        outcome=row.outcome,
        exercise=row.exercise,
        position=row.position,
    )


def _care(row: Any) -> pb.Care:
    return pb.Care(children=row.children, elderly=row.elderly, disabled=row.disabled, ill=row.ill)
