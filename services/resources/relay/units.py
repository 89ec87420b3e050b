"""What the world may know of units; who their people are stays here."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import hazard_events_pb2 as hazard_pb
from anlan.events.v1 import unit_events_pb2 as unit_pb
from anlan.type.v1 import place_pb2
from services.resources.domain import unit, unit_make, unit_roster, unit_status, whereabouts
from services.runtime import place
from services.runtime.times import to_proto

EXPIRED = "expired"


def of_unit(event: unit.Event) -> tuple[str, Message | None]:
    occur_time = to_proto(event.occurred_at)
    match event:
        case unit.UnitRegistered():
            registered = unit_pb.UnitRegistered(
                unit_id=event.unit_id,
                name=event.name,
                kind=event.kind,
                capabilities=event.capabilities,
                occur_time=occur_time,
            )
            place.write(registered.home, event.home)
            return event.home.adcode, registered
        case unit.UnitPutInService():
            return event.adcode, unit_pb.UnitPutInService(
                unit_id=event.unit_id, occur_time=occur_time
            )
        case unit.UnitPutOutOfService():
            return event.adcode, unit_pb.UnitPutOutOfService(
                unit_id=event.unit_id, reason=event.reason, occur_time=occur_time
            )
        case unit.UnitReserved():
            return event.adcode, unit_pb.UnitReserved(
                unit_id=event.unit_id,
                holder=event.holder,
                incident_id=event.incident_id,
                expire_time=to_proto(event.expires_at),
                occur_time=occur_time,
            )
        case unit.UnitReleased() | unit.UnitReservationExpired():
            return event.adcode, unit_pb.UnitReleased(
                unit_id=event.unit_id,
                holder=event.holder,
                reason=event.reason if isinstance(event, unit.UnitReleased) else EXPIRED,
                occur_time=occur_time,
            )
        case whereabouts.UnitEnteredHazardArea():
            return event.adcode, hazard_pb.UnitEnteredHazardArea(
                unit_id=event.unit_id,
                hazard_area_id=event.hazard_area_id,
                incident_id=event.incident_id,
                point=_point(event.latitude, event.longitude),
                accuracy_m=event.accuracy_m,
                area_name=event.area_name,
                occur_time=occur_time,
            )
        case whereabouts.UnitLeftHazardArea():
            return event.adcode, hazard_pb.UnitLeftHazardArea(
                unit_id=event.unit_id,
                hazard_area_id=event.hazard_area_id,
                incident_id=event.incident_id,
                why=event.why.value,
                point=_point(event.latitude, event.longitude),
                occur_time=occur_time,
            )
        case (
            unit.UnitReservationConfirmed() | unit.UnitHoldMoved() | whereabouts.UnitPositionNoted()
        ):
            return event.adcode, None
        case _:
            return event.adcode, of_keeping(event)


def of_keeping(event: unit_make.Event | unit_roster.Event | unit_status.Event) -> Message | None:
    """Translate what a unit is, who is on it and what it says; who its people are stays here."""
    occur_time = to_proto(event.occurred_at)
    match event:
        case unit_make.UnitClassified():
            return unit_pb.UnitClassified(
                unit_id=event.unit_id,
                type=event.type,
                attributes=event.attributes,
                minimum_staffing=event.minimum_staffing,
                occur_time=occur_time,
            )
        case unit_make.UnitAttached():
            return unit_pb.UnitAttached(
                unit_id=event.unit_id,
                force_id=event.force_id,
                force_class=event.force_class,
                occur_time=occur_time,
            )
        case unit_make.UnitDetached():
            return unit_pb.UnitDetached(
                unit_id=event.unit_id,
                force_id=event.force_id,
                reason=event.reason,
                occur_time=occur_time,
            )
        case unit_status.UnitStatusSet():
            return unit_pb.UnitStatusSet(
                unit_id=event.unit_id,
                word=event.word,
                codes=event.codes,
                source=event.source.value,
                late=event.late,
                occur_time=occur_time,
            )
        case unit_status.UnitRecalled():
            return unit_pb.UnitRecalled(
                unit_id=event.unit_id,
                word=event.word,
                reason=event.reason,
                occur_time=occur_time,
            )
        case unit_roster.UnitRestStarted():
            return unit_pb.UnitRestStarted(
                unit_id=event.unit_id,
                until_time=to_proto(event.until),
                reason=event.reason,
                occur_time=occur_time,
            )
        case unit_roster.UnitRestEnded():
            return unit_pb.UnitRestEnded(
                unit_id=event.unit_id, reason=event.reason, occur_time=occur_time
            )
        case unit_roster.UnitShiftStarted():
            return unit_pb.UnitShiftStarted(
                unit_id=event.unit_id,
                shift_id=event.shift_id,
                people=len(event.member_ids),
                occur_time=occur_time,
            )
        case unit_roster.UnitShiftEnded():
            return unit_pb.UnitShiftEnded(
                unit_id=event.unit_id,
                shift_id=event.shift_id,
                reason=event.reason,
                occur_time=occur_time,
            )
        case (
            unit_make.UnitEquipped()
            | unit_roster.UnitCrewAssigned()
            | unit_roster.UnitCrewRelieved()
            | unit_roster.UnitQualificationLapsed()
            | unit_roster.UnitShiftScheduled()
        ):
            return None


def _point(latitude: float | None, longitude: float | None) -> place_pb2.Point | None:
    if latitude is None or longitude is None:
        return None
    return place_pb2.Point(latitude=latitude, longitude=longitude)
