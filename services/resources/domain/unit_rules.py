"""Who may hold a unit and whether it can be sent: the rules of `unit`, and how its facts add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from services.resources.domain import region, whereabouts
from services.resources.domain.unit import (
    TAKEN_UP,
    Command,
    ConfirmReservation,
    Event,
    ExpireReservation,
    Hold,
    HoldEvent,
    MoveHold,
    OutOfService,
    PutUnitInService,
    PutUnitOutOfService,
    RegisterUnit,
    ReleaseUnit,
    ReserveUnit,
    State,
    Unit,
    UnitHoldMoved,
    UnitPutInService,
    UnitPutOutOfService,
    UnitRegistered,
    UnitReleased,
    UnitReservationConfirmed,
    UnitReservationExpired,
    UnitReserved,
)
from services.resources.domain.whereabouts import (
    EnterHazardArea,
    LeaveHazardArea,
    NotePosition,
    UnitEnteredHazardArea,
    UnitLeftHazardArea,
    UnitPositionNoted,
)
from services.runtime.rejection import AlreadyExists, Invalid, NotFound, Rejection


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case RegisterUnit():
            return register(command, state)
        case PutUnitInService():
            return put_in_service(command, _there(command.unit_id, state))
        case PutUnitOutOfService():
            return put_out_of_service(command, _there(command.unit_id, state))
        case ReserveUnit():
            return reserve(command, _there(command.unit_id, state))
        case ConfirmReservation():
            return confirm(command, _there(command.unit_id, state))
        case ReleaseUnit():
            return release(command, _there(command.unit_id, state))
        case ExpireReservation():
            return expire(command.now, _there(command.unit_id, state))
        case MoveHold():
            return move(command, _there(command.unit_id, state))
        case NotePosition() | EnterHazardArea() | LeaveHazardArea():
            unit = _there(command.unit_id, state)
            return [*whereabouts.decide(command, unit.adcode, unit.whereabouts)]
        case _:
            assert_never(command)


def register(command: RegisterUnit, state: State) -> list[Event]:
    region.require(command.by, command.home.adcode)
    registered = UnitRegistered(
        unit_id=command.unit_id,
        name=command.name,
        kind=command.kind,
        capabilities=command.capabilities,
        home=command.home,
        staffing=command.staffing,
        contact=command.contact,
        occurred_at=command.occurred_at,
    )
    match state:
        case None:
            return [registered]
        case Unit(registered=before):
            if replace(registered, occurred_at=before.occurred_at) == before:
                return []
            raise AlreadyExists(
                "UNIT_EXISTS",
                f"{command.unit_id} is registered already, as {before.name}",
                unit_id=command.unit_id,
                name=before.name,
            )
        case _:
            assert_never(state)


def put_in_service(command: PutUnitInService, unit: Unit) -> list[Event]:
    region.require(command.by, unit.adcode)
    if unit.out_of_service is None:
        return []
    return [
        UnitPutInService(
            unit_id=command.unit_id, adcode=unit.adcode, occurred_at=command.occurred_at
        )
    ]


def put_out_of_service(command: PutUnitOutOfService, unit: Unit) -> list[Event]:
    """Record that it cannot be sent; one that broke down on the road stays held."""
    region.require(command.by, unit.adcode)
    back = command.expected_back_at
    if back is not None and back <= command.occurred_at:
        raise Invalid(
            "EXPECTED_BACK_TOO_EARLY",
            field="expected_back_time",
            got=back.isoformat(),
            allowed=f"after {command.occurred_at.isoformat()}",
        )
    if unit.out_of_service == OutOfService(command.reason, back):
        return []
    return [
        UnitPutOutOfService(
            unit_id=command.unit_id,
            adcode=unit.adcode,
            reason=command.reason,
            expected_back_at=back,
            occurred_at=command.occurred_at,
        )
    ]


def reserve(command: ReserveUnit, unit: Unit) -> list[Event]:
    region.require(command.by, unit.adcode)
    lapsed = expire(command.now, unit)
    holds = tuple(hold for hold in unit.holds if not hold.lapsed(command.now))
    if any(hold.holder == command.holder for hold in holds):
        return []
    if unit.out_of_service is not None:
        raise _out_of_service(command.unit_id, unit.out_of_service)
    if not holds:
        return [*lapsed, _reserved(command, unit, "")]
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
        return [*lapsed, *release(up, unit), _reserved(command, unit, "")]
    if command.override_reason:
        return [*lapsed, _reserved(command, unit, command.override_reason)]
    raise _held("UNIT_HELD", command.unit_id, first)


def confirm(command: ConfirmReservation, unit: Unit) -> list[Event]:
    region.require(command.by, unit.adcode)
    own = unit.hold_of(command.holder)
    if own is None:
        live = [hold for hold in unit.holds if not hold.lapsed(command.now)]
        if live:
            raise _held("UNIT_NOT_HELD", command.unit_id, live[0], requested=command.holder)
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
    return [
        UnitReleased(
            unit_id=command.unit_id,
            adcode=unit.adcode,
            holder=hold.holder,
            incident_id=hold.incident_id,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


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


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    if isinstance(event, UnitRegistered):
        return Unit(event)
    if state is None:
        return None
    match event:
        case UnitPutInService():
            return replace(state, out_of_service=None)
        case UnitPutOutOfService():
            return replace(state, out_of_service=OutOfService(event.reason, event.expected_back_at))
        case (
            UnitReserved()
            | UnitReservationConfirmed()
            | UnitReservationExpired()
            | UnitReleased()
            | UnitHoldMoved()
        ):
            return replace(state, holds=held(state.holds, event))
        case UnitPositionNoted() | UnitEnteredHazardArea() | UnitLeftHazardArea():
            return replace(state, whereabouts=whereabouts.evolve(state.whereabouts, event))
        case _:
            assert_never(event)


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


def _there(unit_id: str, state: State) -> Unit:
    if state is None:
        raise NotFound("NO_SUCH_UNIT", f"no unit {unit_id} is registered", unit_id=unit_id)
    return state


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
    )


def _held(reason: str, unit_id: str, hold: Hold, **more: str) -> Rejection:
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
