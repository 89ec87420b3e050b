"""Who may hold a unit: reservation, confirmation and release, and how holds add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from services.resources.domain import region, unit_roster, unit_status
from services.resources.domain.force_mandate_rules import approval_required, not_eligible
from services.resources.domain.unit import (
    TAKEN_OVER,
    TAKEN_UP,
    ConfirmReservation,
    Event,
    Hold,
    HoldEvent,
    MoveHold,
    OutOfService,
    ReleaseUnit,
    ReserveUnit,
    Unit,
    UnitHoldMoved,
    UnitReleased,
    UnitReservationConfirmed,
    UnitReservationExpired,
    UnitReserved,
)
from services.resources.domain.vocabulary import Standing
from services.runtime.rejection import Rejection, Unavailable


def reserve(command: ReserveUnit, unit: Unit) -> list[Event]:
    region.require(command.by, unit.adcode)
    lapsed = expire(command.now, unit)
    holds = tuple(hold for hold in unit.holds if not hold.lapsed(command.now))
    if any(hold.holder == command.holder for hold in holds):
        return []
    _require_mandate(command, unit)
    if unit.out_of_service is not None:
        raise _out_of_service(command.unit_id, unit.out_of_service)
    before = [*lapsed, *_recalled(command, unit)]
    if not holds:
        return [*before, _reserved(command, unit, "")]
    taken = next((hold for hold in holds if hold.holder == command.from_holder), None)
    if taken is not None:
        return [*before, *_take_over(taken, command, unit)]
    first = holds[0]
    own = first.held_by == command.by.subject and not first.override_reason
    if own and first.expires_at is not None:
        up = ReleaseUnit(
            by=command.by,
            unit_id=command.unit_id,
            holder=first.holder,
            reason=TAKEN_UP,
            occurred_at=command.occurred_at,
        )
        return [*before, *release(up, unit), _reserved(command, unit, "")]
    if command.override_reason:
        return [*before, _reserved(command, unit, command.override_reason)]
    raise held_by("UNIT_HELD", command.unit_id, first)


def _take_over(taken: Hold, command: ReserveUnit, unit: Unit) -> list[Event]:
    """Pass a hold on in one append: the unit is never free between the two."""
    let_go = UnitReleased(
        unit_id=command.unit_id,
        adcode=unit.adcode,
        holder=taken.holder,
        incident_id=taken.incident_id,
        reason=TAKEN_OVER,
        occurred_at=command.occurred_at,
    )
    reserved = _reserved(command, unit, taken.override_reason)
    if taken.expires_at is not None:
        return [let_go, reserved]
    confirmed = UnitReservationConfirmed(
        unit_id=command.unit_id,
        adcode=unit.adcode,
        holder=command.holder,
        occurred_at=command.occurred_at,
    )
    return [let_go, reserved, confirmed]


def confirm(command: ConfirmReservation, unit: Unit) -> list[Event]:
    region.require(command.by, unit.adcode)
    own = unit.hold_of(command.holder)
    if own is None:
        live = [hold for hold in unit.holds if not hold.lapsed(command.now)]
        if live:
            raise held_by("UNIT_NOT_HELD", command.unit_id, live[0], requested=command.holder)
        raise Rejection(
            "UNIT_NOT_HELD",
            f"{command.unit_id} is held by nobody, {command.holder} included",
            unit_id=command.unit_id,
            requested=command.holder,
            holder="",
        )
    if own.expires_at is None:
        return []
    if own.lapsed(command.now):
        raise Rejection(
            "RESERVATION_LAPSED",
            f"{command.holder} held {command.unit_id} until {own.expires_at.isoformat()} only",
            unit_id=command.unit_id,
            requested=command.holder,
            holder="",
            expires_at=own.expires_at.isoformat(),
        )
    return [
        UnitReservationConfirmed(
            unit_id=command.unit_id,
            adcode=unit.adcode,
            holder=command.holder,
            occurred_at=command.occurred_at,
        )
    ]


def release(command: ReleaseUnit, unit: Unit) -> list[Event]:
    region.require(command.by, unit.adcode)
    hold = unit.hold_of(command.holder)
    if hold is None:
        return []
    released = UnitReleased(
        unit_id=command.unit_id,
        adcode=unit.adcode,
        holder=hold.holder,
        incident_id=hold.incident_id,
        reason=command.reason,
        occurred_at=command.occurred_at,
    )
    return [released, *_owed_rest(command, unit)]


def expire(now: datetime, unit: Unit) -> list[Event]:
    return [
        UnitReservationExpired(
            unit_id=unit.registered.unit_id,
            adcode=unit.adcode,
            holder=hold.holder,
            incident_id=hold.incident_id,
            occurred_at=hold.expires_at,
        )
        for hold in unit.holds
        if hold.expires_at is not None and hold.lapsed(now)
    ]


def move(command: MoveHold, unit: Unit) -> list[Event]:
    hold = unit.hold_of(command.holder)
    if hold is None or hold.incident_id == command.incident_id:
        return []
    return [
        UnitHoldMoved(
            unit_id=command.unit_id,
            adcode=unit.adcode,
            holder=hold.holder,
            incident_id=command.incident_id,
            from_incident_id=hold.incident_id,
            occurred_at=command.occurred_at,
        )
    ]


def held(holds: tuple[Hold, ...], event: HoldEvent) -> tuple[Hold, ...]:
    """Return who holds a unit after ``event``, the exclusive hold first."""
    match event:
        case UnitReserved():
            hold = Hold(
                holder=event.holder,
                incident_id=event.incident_id,
                held_by=event.held_by,
                expires_at=event.expires_at,
                override_reason=event.override_reason,
            )
            return (*holds, hold) if hold.override_reason else (hold, *holds)
        case UnitReservationConfirmed(holder=holder):
            return tuple(
                replace(hold, expires_at=None) if hold.holder == holder else hold for hold in holds
            )
        case UnitReservationExpired(holder=holder) | UnitReleased(holder=holder):
            return tuple(hold for hold in holds if hold.holder != holder)
        case UnitHoldMoved(holder=holder, incident_id=incident_id):
            return tuple(
                replace(hold, incident_id=incident_id) if hold.holder == holder else hold
                for hold in holds
            )
        case _:
            assert_never(event)


def _require_mandate(command: ReserveUnit, unit: Unit) -> None:
    """Raise unless the order of a force's unit rests on somebody's authority (ADR 0015)."""
    if not unit.make.force_id:
        return
    given = command.mandate
    if given is None or given.force_id != unit.make.force_id:
        raise Unavailable(
            "UNIT_CHANGED_FORCE",
            f"{command.unit_id} went to {unit.make.force_id} this moment: ask again",
            unit_id=command.unit_id,
            force_id=unit.make.force_id,
        )
    if not given.basis:
        raise approval_required(given, command.incident_id, command.unit_id)
    if given.lacks:
        raise not_eligible(given, command.unit_id)


def _recalled(command: ReserveUnit, unit: Unit) -> list[Event]:
    """Return the recall of a unit that rests or is off, or raise where nothing overrides that."""
    resting, said = unit.roster.resting, unit.said
    rests = resting is not None and command.occurred_at < resting.until
    is_off = said is not None and said.standing is Standing.NOT_AVAILABLE
    if not rests and not is_off:
        return []
    word = said.word if said is not None and is_off else ""
    if command.override_reason:
        return [
            unit_status.UnitRecalled(
                unit_id=command.unit_id,
                adcode=unit.adcode,
                word=word,
                reason=command.override_reason,
                recalled_by=command.by.subject,
                occurred_at=command.occurred_at,
            )
        ]
    if resting is not None and rests:
        raise Rejection(
            "UNIT_RESTING",
            f"{command.unit_id} rests until {resting.until.isoformat()} ({resting.reason})",
            unit_id=command.unit_id,
            rest_until=resting.until.isoformat(),
            rest_reason=resting.reason,
        )
    assert said is not None
    raise Rejection(
        "UNIT_NOT_AVAILABLE",
        f"{command.unit_id} said {word or ', '.join(said.codes)} at "
        f"{said.occurred_at.isoformat()} ({said.set_by})",
        unit_id=command.unit_id,
        word=word,
        set_by=said.set_by,
        since=said.occurred_at.isoformat(),
    )


def _owed_rest(command: ReleaseUnit, unit: Unit) -> list[Event]:
    """Return the rest of a unit that comes home after it was out too long."""
    if command.rest is None or unit.out_since is None or len(unit.holds) > 1:
        return []
    if command.occurred_at - unit.out_since < command.rest.after:
        return []
    return [
        unit_roster.UnitRestStarted(
            unit_id=command.unit_id,
            adcode=unit.adcode,
            until=command.occurred_at + command.rest.lasting,
            reason=unit_roster.OUT_TOO_LONG,
            out_since=unit.out_since,
            occurred_at=command.occurred_at,
        )
    ]


def out_since(
    before: datetime | None, holds: tuple[Hold, ...], event: HoldEvent
) -> datetime | None:
    if not holds:
        return None
    if before is None and isinstance(event, UnitReservationConfirmed):
        return event.occurred_at
    return before


def _reserved(command: ReserveUnit, unit: Unit, override_reason: str) -> UnitReserved:
    return UnitReserved(
        unit_id=command.unit_id,
        adcode=unit.adcode,
        holder=command.holder,
        incident_id=command.incident_id,
        held_by=command.by.subject,
        expires_at=command.now + command.ttl,
        override_reason=override_reason,
        occurred_at=command.occurred_at,
        mandate=command.mandate.basis if command.mandate and unit.make.force_id else "",
    )


def held_by(reason: str, unit_id: str, hold: Hold, **more: str) -> Rejection:
    until = "" if hold.expires_at is None else hold.expires_at.isoformat()
    where = f" for {hold.incident_id}" if hold.incident_id else ""
    return Rejection(
        reason,
        f"{unit_id} is held by {hold.holder} ({hold.held_by}){where}"
        + (f" until {until}" if until else ""),
        unit_id=unit_id,
        holder=hold.holder,
        held_by=hold.held_by,
        incident_id=hold.incident_id,
        expires_at=until,
        **more,
    )


def _out_of_service(unit_id: str, out: OutOfService) -> Rejection:
    back = "" if out.expected_back_at is None else out.expected_back_at.isoformat()
    return Rejection(
        "UNIT_OUT_OF_SERVICE",
        f"{unit_id} is out of service: {out.reason}" + (f"; back at {back}" if back else ""),
        unit_id=unit_id,
        out_of_service_reason=out.reason,
        expected_back_at=back,
    )
