"""What a unit is: its type, its attributes, what it carries and which force it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.runtime.actor import Actor

# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifyUnit:
    """``vocabulary`` is the version of the words."""

    by: Actor
    unit_id: str
    type: str
    attributes: tuple[str, ...]
    minimum_staffing: int
    vocabulary: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachUnit:
    by: Actor
    unit_id: str
    force_id: str
    force_class: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachUnit:
    by: Actor
    unit_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EquipUnit:
    """Says how many of an item the unit carries from now on; 0 takes it off."""

    by: Actor
    unit_id: str
    item: str
    quantity: int
    note: str
    occurred_at: datetime


Command = ClassifyUnit | AttachUnit | DetachUnit | EquipUnit


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitClassified:
    unit_id: str
    adcode: str
    type: str
    attributes: tuple[str, ...]
    minimum_staffing: int
    vocabulary: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitAttached:
    """``force_class`` says who may order the unit; a force never changes it."""

    unit_id: str
    adcode: str
    force_id: str
    force_class: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitDetached:
    unit_id: str
    adcode: str
    force_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitEquipped:
    unit_id: str
    adcode: str
    item: str
    quantity: int
    note: str
    occurred_at: datetime


Event = UnitClassified | UnitAttached | UnitDetached | UnitEquipped


# State.


@dataclass(frozen=True, slots=True)
class Carried:
    item: str
    quantity: int
    note: str


@dataclass(frozen=True, slots=True)
class Make:
    type: str = ""
    attributes: tuple[str, ...] = ()
    minimum_staffing: int = 0
    force_id: str = ""
    force_class: str = ""
    equipment: tuple[Carried, ...] = ()


def decide(command: Command, make: Make, adcode: str) -> list[Event]:
    """Return the facts a command adds to a unit of the region ``adcode``."""
    match command:
        case ClassifyUnit():
            return _classify(command, make, adcode)
        case AttachUnit():
            if make.force_id == command.force_id:
                return []
            return [
                UnitAttached(
                    unit_id=command.unit_id,
                    adcode=adcode,
                    force_id=command.force_id,
                    force_class=command.force_class,
                    occurred_at=command.occurred_at,
                )
            ]
        case DetachUnit():
            if not make.force_id:
                return []
            return [
                UnitDetached(
                    unit_id=command.unit_id,
                    adcode=adcode,
                    force_id=make.force_id,
                    reason=command.reason,
                    occurred_at=command.occurred_at,
                )
            ]
        case EquipUnit():
            return _equip(command, make, adcode)
        case _:
            assert_never(command)


def evolve(make: Make, event: Event) -> Make:
    match event:
        case UnitClassified():
            return replace(
                make,
                type=event.type,
                attributes=event.attributes,
                minimum_staffing=event.minimum_staffing,
            )
        case UnitAttached():
            return replace(make, force_id=event.force_id, force_class=event.force_class)
        case UnitDetached():
            return replace(make, force_id="", force_class="")
        case UnitEquipped():
            others = [carried for carried in make.equipment if carried.item != event.item]
            if event.quantity:
                others.append(Carried(event.item, event.quantity, event.note))
            return replace(make, equipment=tuple(sorted(others, key=lambda one: one.item)))
        case _:
            assert_never(event)


def _classify(command: ClassifyUnit, make: Make, adcode: str) -> list[Event]:
    asked = (command.type, command.attributes, command.minimum_staffing)
    if asked == (make.type, make.attributes, make.minimum_staffing):
        return []
    return [
        UnitClassified(
            unit_id=command.unit_id,
            adcode=adcode,
            type=command.type,
            attributes=command.attributes,
            minimum_staffing=command.minimum_staffing,
            vocabulary=command.vocabulary,
            occurred_at=command.occurred_at,
        )
    ]


def _equip(command: EquipUnit, make: Make, adcode: str) -> list[Event]:
    wanted = Carried(command.item, command.quantity, command.note)
    carried = next((one for one in make.equipment if one.item == command.item), None)
    if carried == wanted or (carried is None and not command.quantity):
        return []
    return [
        UnitEquipped(
            unit_id=command.unit_id,
            adcode=adcode,
            item=command.item,
            quantity=command.quantity,
            note=command.note,
            occurred_at=command.occurred_at,
        )
    ]
