"""Who may hold a unit and whether it can be sent: the rules of `unit`, and how its facts add up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, assert_never

from services.resources.domain import (
    moments,
    region,
    unit_make,
    unit_roster,
    unit_roster_rules,
    unit_status,
    whereabouts,
)
from services.resources.domain import (
    unit_hold_rules as hold_rules,
)
from services.resources.domain.unit import (
    Command,
    ConfirmReservation,
    Event,
    ExpireReservation,
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
from services.resources.domain.unit_make import Make
from services.resources.domain.whereabouts import (
    EnterHazardArea,
    LeaveHazardArea,
    NotePosition,
    UnitEnteredHazardArea,
    UnitLeftHazardArea,
    UnitPositionNoted,
)
from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists, NotFound


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
            return hold_rules.reserve(command, _there(command.unit_id, state))
        case ConfirmReservation():
            return hold_rules.confirm(command, _there(command.unit_id, state))
        case ReleaseUnit():
            return hold_rules.release(command, _there(command.unit_id, state))
        case ExpireReservation():
            return hold_rules.expire(command.now, _there(command.unit_id, state))
        case MoveHold():
            return hold_rules.move(command, _there(command.unit_id, state))
        case unit_roster.KeepTime():
            unit = _there(command.unit_id, state)
            return [*unit_roster_rules.decide(command, unit.roster, unit.adcode)]
        case (
            unit_make.ClassifyUnit()
            | unit_make.AttachUnit()
            | unit_make.DetachUnit()
            | unit_make.EquipUnit()
        ):
            unit = _ours(command.by, command.unit_id, state)
            return [*unit_make.decide(command, unit.make, unit.adcode)]
        case unit_roster.RestUnit():
            return rest(command, _ours(command.by, command.unit_id, state))
        case (
            unit_roster.AssignCrew()
            | unit_roster.RelieveCrew()
            | unit_roster.ScheduleShift()
            | unit_roster.StartShift()
            | unit_roster.EndShift()
            | unit_roster.EndRest()
        ):
            unit = _ours(command.by, command.unit_id, state)
            return [*unit_roster_rules.decide(command, unit.roster, unit.adcode)]
        case unit_status.SetUnitStatus():
            unit = _ours(command.by, command.unit_id, state)
            return [*unit_status.decide(command, unit.said, unit.adcode)]
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
            return [registered, *_make(command)]
        case Unit(registered=before, make=make):
            if replace(registered, occurred_at=before.occurred_at) == before and _is_of(
                command, make
            ):
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
    moments.require_after(
        command.occurred_at, back, "EXPECTED_BACK_TOO_EARLY", field="expected_back_time"
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


def rest(command: unit_roster.RestUnit, unit: Unit) -> list[Event]:
    """Record that it rests; who is at work does not."""
    live = [hold for hold in unit.holds if not hold.lapsed(command.occurred_at)]
    if live:
        raise hold_rules.held_by("UNIT_HELD", command.unit_id, live[0])
    return [*unit_roster_rules.decide(command, unit.roster, unit.adcode)]


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
            holds = hold_rules.held(state.holds, event)
            return replace(
                state, holds=holds, out_since=hold_rules.out_since(state.out_since, holds, event)
            )
        case (
            unit_make.UnitClassified()
            | unit_make.UnitAttached()
            | unit_make.UnitDetached()
            | unit_make.UnitEquipped()
        ):
            return replace(state, make=unit_make.evolve(state.make, event))
        case unit_status.UnitStatusSet():
            return replace(state, said=unit_status.evolve(state.said, event))
        case unit_status.UnitRecalled():
            return replace(
                state,
                said=unit_status.evolve(state.said, event),
                roster=replace(state.roster, resting=None),
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
            return replace(state, roster=unit_roster_rules.evolve(state.roster, event))
        case UnitPositionNoted() | UnitEnteredHazardArea() | UnitLeftHazardArea():
            return replace(state, whereabouts=whereabouts.evolve(state.whereabouts, event))
        case _:
            assert_never(event)


def _there(unit_id: str, state: State) -> Unit:
    if state is None:
        raise NotFound("NO_SUCH_UNIT", f"no unit {unit_id} is registered", unit_id=unit_id)
    return state


def _ours(by: Actor, unit_id: str, state: State) -> Unit:
    unit = _there(unit_id, state)
    region.require(by, unit.adcode)
    return unit


def _make(command: RegisterUnit) -> list[Event]:
    """Return what a registration says beside who the unit is."""
    said: dict[str, Any] = {
        "by": command.by,
        "unit_id": command.unit_id,
        "occurred_at": command.occurred_at,
    }
    events: list[Event] = []
    if command.type or command.attributes or command.minimum_staffing:
        classify = unit_make.ClassifyUnit(
            **said,
            type=command.type,
            attributes=command.attributes,
            minimum_staffing=command.minimum_staffing,
            vocabulary=command.vocabulary,
        )
        events += unit_make.decide(classify, Make(), command.home.adcode)
    if command.force_id:
        attach = unit_make.AttachUnit(
            **said, force_id=command.force_id, force_class=command.force_class
        )
        events += unit_make.decide(attach, Make(), command.home.adcode)
    return events


def _is_of(command: RegisterUnit, make: Make) -> bool:
    """Whether what a registration says of a unit's make, if anything, is what it is."""
    asked = (command.type, command.attributes, command.minimum_staffing)
    return asked in (
        ("", (), 0),
        (make.type, make.attributes, make.minimum_staffing),
    ) and command.force_id in ("", make.force_id)
