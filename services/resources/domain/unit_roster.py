"""Who a unit's crew are, what they can do and until when, and who is on duty."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.runtime.actor import Actor

OUT_TOO_LONG = "out too long"


@dataclass(frozen=True, slots=True)
class Qualification:
    """``expires_at`` is None for one that does not expire."""

    code: str
    certificate: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Member:
    member_id: str
    name: str
    contact: str = ""
    qualifications: tuple[Qualification, ...] = ()


# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignCrew:
    """Puts a person on the crew, or says anew who that is and what papers they hold."""

    by: Actor
    unit_id: str
    member: Member
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RelieveCrew:
    by: Actor
    unit_id: str
    member_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleShift:
    by: Actor
    unit_id: str
    shift_id: str
    starts_at: datetime
    ends_at: datetime
    member_ids: tuple[str, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StartShift:
    by: Actor
    unit_id: str
    shift_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndShift:
    """Before its time; one that has not begun is called off."""

    by: Actor
    unit_id: str
    shift_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RestUnit:
    by: Actor
    unit_id: str
    until: datetime
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRest:
    by: Actor
    unit_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepTime:
    """Says what has come by ``now``: shifts begin and end, rest is over, papers expire."""

    unit_id: str
    now: datetime


Command = (
    AssignCrew | RelieveCrew | ScheduleShift | StartShift | EndShift | RestUnit | EndRest | KeepTime
)


# Events.  What time brought says when that was, however late it was noticed.


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitCrewAssigned:
    unit_id: str
    adcode: str
    member: Member
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitCrewRelieved:
    unit_id: str
    adcode: str
    member_id: str
    name: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitQualificationLapsed:
    unit_id: str
    adcode: str
    member_id: str
    name: str
    code: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitShiftScheduled:
    unit_id: str
    adcode: str
    shift_id: str
    starts_at: datetime
    ends_at: datetime
    member_ids: tuple[str, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitShiftStarted:
    unit_id: str
    adcode: str
    shift_id: str
    member_ids: tuple[str, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitShiftEnded:
    unit_id: str
    adcode: str
    shift_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRestStarted:
    """``out_since`` is when the unit was first sent, where that is why it rests."""

    unit_id: str
    adcode: str
    until: datetime
    reason: str
    out_since: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRestEnded:
    unit_id: str
    adcode: str
    reason: str
    occurred_at: datetime


Event = (
    UnitCrewAssigned
    | UnitCrewRelieved
    | UnitQualificationLapsed
    | UnitShiftScheduled
    | UnitShiftStarted
    | UnitShiftEnded
    | UnitRestStarted
    | UnitRestEnded
)


# State.


@dataclass(frozen=True, slots=True)
class Shift:
    shift_id: str
    starts_at: datetime
    ends_at: datetime
    member_ids: tuple[str, ...]
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Resting:
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Roster:
    """``lapsed`` are pairs of a member and the code of a qualification that has expired."""

    crew: tuple[Member, ...] = ()
    lapsed: tuple[tuple[str, str], ...] = ()
    shifts: tuple[Shift, ...] = ()
    resting: Resting | None = None

    def member(self, member_id: str) -> Member | None:
        return next((member for member in self.crew if member.member_id == member_id), None)

    def shift(self, shift_id: str) -> Shift | None:
        return next((shift for shift in self.shifts if shift.shift_id == shift_id), None)

    @property
    def on_duty(self) -> frozenset[str]:
        """The members of every shift that has begun and not ended."""
        return frozenset(id_ for shift in self.shifts if shift.begun for id_ in shift.member_ids)

    @property
    def qualified(self) -> tuple[str, ...]:
        """What somebody on duty may do today."""
        return tuple(
            sorted(
                {
                    qualification.code
                    for member in self.crew
                    if member.member_id in self.on_duty
                    for qualification in member.qualifications
                    if (member.member_id, qualification.code) not in self.lapsed
                }
            )
        )

    def next_turn(self) -> datetime | None:
        """Return when time next changes something here, if nobody does before."""
        turns = [shift.ends_at if shift.begun else shift.starts_at for shift in self.shifts]
        if self.resting is not None:
            turns.append(self.resting.until)
        turns += [
            qualification.expires_at
            for member in self.crew
            for qualification in member.qualifications
            if qualification.expires_at is not None
            and (member.member_id, qualification.code) not in self.lapsed
        ]
        return min(turns, default=None)
