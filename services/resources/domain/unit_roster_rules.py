"""The rules of a unit's crew, shifts and rest, and how their facts add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from services.resources.domain import moments
from services.resources.domain.unit_roster import (
    AssignCrew,
    Command,
    EndRest,
    EndShift,
    Event,
    KeepTime,
    RelieveCrew,
    Resting,
    RestUnit,
    Roster,
    ScheduleShift,
    Shift,
    StartShift,
    UnitCrewAssigned,
    UnitCrewRelieved,
    UnitQualificationLapsed,
    UnitRestEnded,
    UnitRestStarted,
    UnitShiftEnded,
    UnitShiftScheduled,
    UnitShiftStarted,
)
from services.runtime.rejection import AlreadyExists, NotFound, Rejection

TIME_IS_UP = "time is up"


def decide(command: Command, roster: Roster, adcode: str) -> list[Event]:
    """Return the facts a command adds to a unit of the region ``adcode``."""
    match command:
        case AssignCrew():
            return assign(command, roster, adcode)
        case RelieveCrew():
            return relieve(command, roster, adcode)
        case ScheduleShift():
            return schedule(command, roster, adcode)
        case StartShift():
            return start(command, roster, adcode)
        case EndShift():
            return end(command, roster, adcode)
        case RestUnit():
            return rest(command, roster, adcode)
        case EndRest():
            if roster.resting is None:
                return []
            return [_rested(command.unit_id, adcode, command.reason, command.occurred_at)]
        case KeepTime():
            return keep_time(command.unit_id, command.now, roster, adcode)
        case _:
            assert_never(command)


def assign(command: AssignCrew, roster: Roster, adcode: str) -> list[Event]:
    member = command.member
    if roster.member(member.member_id) == member:
        return []
    return [
        UnitCrewAssigned(
            unit_id=command.unit_id,
            adcode=adcode,
            member=member,
            occurred_at=command.occurred_at,
        ),
        *(
            UnitQualificationLapsed(
                unit_id=command.unit_id,
                adcode=adcode,
                member_id=member.member_id,
                name=member.name,
                code=qualification.code,
                occurred_at=qualification.expires_at,
            )
            for qualification in member.qualifications
            if qualification.expires_at is not None
            and qualification.expires_at <= command.occurred_at
        ),
    ]


def relieve(command: RelieveCrew, roster: Roster, adcode: str) -> list[Event]:
    member = roster.member(command.member_id)
    if member is None:
        return []
    return [
        UnitCrewRelieved(
            unit_id=command.unit_id,
            adcode=adcode,
            member_id=member.member_id,
            name=member.name,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def schedule(command: ScheduleShift, roster: Roster, adcode: str) -> list[Event]:
    moments.require_after(
        command.starts_at, command.ends_at, "SHIFT_ENDS_TOO_EARLY", field="end_time"
    )
    shift = Shift(command.shift_id, command.starts_at, command.ends_at, command.member_ids)
    before = roster.shift(command.shift_id)
    if before is not None:
        if replace(before, begun=False) == shift:
            return []
        raise AlreadyExists(
            "SHIFT_EXISTS",
            f"{command.unit_id} has a shift {command.shift_id} already",
            unit_id=command.unit_id,
            shift_id=command.shift_id,
            starts_at=before.starts_at.isoformat(),
            ends_at=before.ends_at.isoformat(),
        )
    for member_id in command.member_ids:
        if roster.member(member_id) is None:
            raise NotFound(
                "NO_SUCH_MEMBER",
                f"{member_id} is not of the crew of {command.unit_id}",
                unit_id=command.unit_id,
                member_id=member_id,
                crew=", ".join(member.member_id for member in roster.crew),
            )
        for other in roster.shifts:
            beside = other.starts_at < shift.ends_at and shift.starts_at < other.ends_at
            if beside and member_id in other.member_ids:
                raise Rejection(
                    "SHIFT_OVERLAPS",
                    f"{member_id} is on the shift {other.shift_id} until "
                    f"{other.ends_at.isoformat()}",
                    unit_id=command.unit_id,
                    member_id=member_id,
                    shift_id=other.shift_id,
                    ends_at=other.ends_at.isoformat(),
                )
    scheduled = UnitShiftScheduled(
        unit_id=command.unit_id,
        adcode=adcode,
        shift_id=shift.shift_id,
        starts_at=shift.starts_at,
        ends_at=shift.ends_at,
        member_ids=shift.member_ids,
        occurred_at=command.occurred_at,
    )
    if shift.starts_at > command.occurred_at:
        return [scheduled]
    return [scheduled, _started(command.unit_id, adcode, shift, shift.starts_at)]


def start(command: StartShift, roster: Roster, adcode: str) -> list[Event]:
    shift = _there(command.unit_id, command.shift_id, roster)
    if shift.begun:
        return []
    return [_started(command.unit_id, adcode, shift, command.occurred_at)]


def end(command: EndShift, roster: Roster, adcode: str) -> list[Event]:
    shift = _there(command.unit_id, command.shift_id, roster)
    return [_ended(command.unit_id, adcode, shift, command.reason, command.occurred_at)]


def rest(command: RestUnit, roster: Roster, adcode: str) -> list[Event]:
    moments.require_after(
        command.occurred_at, command.until, "REST_ENDS_TOO_EARLY", field="until_time"
    )
    if roster.resting == Resting(command.until, command.reason):
        return []
    return [
        UnitRestStarted(
            unit_id=command.unit_id,
            adcode=adcode,
            until=command.until,
            reason=command.reason,
            out_since=None,
            occurred_at=command.occurred_at,
        )
    ]


def keep_time(unit_id: str, now: datetime, roster: Roster, adcode: str) -> list[Event]:
    """Return what time has brought by ``now``, in the order in which it came."""
    brought: list[Event] = []
    for shift in roster.shifts:
        if not shift.begun and shift.starts_at <= now:
            brought.append(_started(unit_id, adcode, shift, shift.starts_at))
        if shift.ends_at <= now:
            brought.append(_ended(unit_id, adcode, shift, TIME_IS_UP, shift.ends_at))
    if roster.resting is not None and roster.resting.until <= now:
        brought.append(_rested(unit_id, adcode, TIME_IS_UP, roster.resting.until))
    brought += [
        UnitQualificationLapsed(
            unit_id=unit_id,
            adcode=adcode,
            member_id=member.member_id,
            name=member.name,
            code=qualification.code,
            occurred_at=qualification.expires_at,
        )
        for member in roster.crew
        for qualification in member.qualifications
        if qualification.expires_at is not None
        and qualification.expires_at <= now
        and (member.member_id, qualification.code) not in roster.lapsed
    ]
    return sorted(brought, key=lambda event: event.occurred_at)


def evolve(roster: Roster, event: Event) -> Roster:
    """Fold one fact into the roster.  Total."""
    match event:
        case UnitCrewAssigned(member=member):
            others = [one for one in roster.crew if one.member_id != member.member_id]
            crew = sorted([*others, member], key=lambda one: one.member_id)
            lapsed = tuple(pair for pair in roster.lapsed if pair[0] != member.member_id)
            return replace(roster, crew=tuple(crew), lapsed=lapsed)
        case UnitCrewRelieved(member_id=member_id):
            return replace(
                roster,
                crew=tuple(one for one in roster.crew if one.member_id != member_id),
                lapsed=tuple(pair for pair in roster.lapsed if pair[0] != member_id),
                shifts=tuple(
                    replace(
                        shift, member_ids=tuple(id_ for id_ in shift.member_ids if id_ != member_id)
                    )
                    for shift in roster.shifts
                ),
            )
        case UnitQualificationLapsed():
            lapsed = tuple(sorted({*roster.lapsed, (event.member_id, event.code)}))
            return replace(roster, lapsed=lapsed)
        case UnitShiftScheduled():
            shift = Shift(event.shift_id, event.starts_at, event.ends_at, event.member_ids)
            shifts = sorted([*roster.shifts, shift], key=lambda one: (one.starts_at, one.shift_id))
            return replace(roster, shifts=tuple(shifts))
        case UnitShiftStarted(shift_id=shift_id):
            return replace(
                roster,
                shifts=tuple(
                    replace(shift, begun=True) if shift.shift_id == shift_id else shift
                    for shift in roster.shifts
                ),
            )
        case UnitShiftEnded(shift_id=shift_id):
            left = tuple(shift for shift in roster.shifts if shift.shift_id != shift_id)
            return replace(roster, shifts=left)
        case UnitRestStarted():
            return replace(roster, resting=Resting(event.until, event.reason))
        case UnitRestEnded():
            return replace(roster, resting=None)
        case _:
            assert_never(event)


def _there(unit_id: str, shift_id: str, roster: Roster) -> Shift:
    shift = roster.shift(shift_id)
    if shift is None:
        raise NotFound(
            "NO_SUCH_SHIFT",
            f"{unit_id} has no shift {shift_id} that is to come or not over",
            unit_id=unit_id,
            shift_id=shift_id,
        )
    return shift


def _started(unit_id: str, adcode: str, shift: Shift, at: datetime) -> UnitShiftStarted:
    return UnitShiftStarted(
        unit_id=unit_id,
        adcode=adcode,
        shift_id=shift.shift_id,
        member_ids=shift.member_ids,
        occurred_at=at,
    )


def _ended(unit_id: str, adcode: str, shift: Shift, reason: str, at: datetime) -> UnitShiftEnded:
    return UnitShiftEnded(
        unit_id=unit_id, adcode=adcode, shift_id=shift.shift_id, reason=reason, occurred_at=at
    )


def _rested(unit_id: str, adcode: str, reason: str, at: datetime) -> UnitRestEnded:
    return UnitRestEnded(unit_id=unit_id, adcode=adcode, reason=reason, occurred_at=at)
