"""One row per shelter, per household in it, and per need of it."""

from __future__ import annotations

from typing import Any, assert_never

from sqlalchemy import Connection, and_, func, select, update

from services.resources.codec import SHELTERS
from services.resources.domain.shelter import (
    NO_CARE,
    Care,
    MoveCompleted,
    MoveRefused,
    PeopleAdmitted,
    PeopleDischarged,
    PeopleSentOn,
    PeopleTakenOver,
    PeopleTurnedBack,
    ShelterClosed,
    ShelterInspected,
    ShelterNeedEnded,
    ShelterNeedRaised,
    ShelterOpened,
    ShelterRegistered,
)
from services.resources.projections import exercises, tables
from services.resources.projections.tables import households, shelter_needs
from services.runtime.recorded import Recorded
from services.runtime.times import micros

NOBODY = {
    "occupancy": 0,
    "households": 0,
    "moving": 0,
    "children": 0,
    "elderly": 0,
    "disabled": 0,
    "ill": 0,
}
NOT_OPEN = {
    **NOBODY,
    "is_open": False,
    "incident_id": "",
    "warden": "",
    "contact": "",
    "reason": "",
    "open_needs": 0,
}

Event = (
    PeopleAdmitted
    | PeopleTakenOver
    | PeopleTurnedBack
    | PeopleDischarged
    | PeopleSentOn
    | MoveCompleted
)


def apply(connection: Connection, recorded: Recorded) -> None:
    event = SHELTERS.decode(recorded.type, recorded.data)
    exercises.tell(connection, recorded, event.occurred_at)
    match event:
        case ShelterRegistered():
            tables.put(
                connection,
                tables.shelters,
                recorded,
                shelter_id=event.shelter_id,
                name=event.name,
                **tables.located(event.place),
                kind=event.kind.value,
                capacity=event.capacity,
                day_capacity=event.day_capacity,
                inspection="",
                inspector="",
                findings="",
                inspected_at=None,
                **NOT_OPEN,
            )
        case ShelterInspected():
            _change(
                connection,
                recorded,
                event.shelter_id,
                inspection=event.result.value,
                inspector=event.inspector,
                findings=event.findings,
                inspected_at=micros(event.occurred_at),
            )
        case ShelterOpened():
            _change(
                connection,
                recorded,
                event.shelter_id,
                is_open=True,
                incident_id=event.incident_id,
                warden=event.warden,
                contact=event.contact,
                reason=event.reason,
            )
        case PeopleAdmitted() | PeopleTakenOver() | PeopleTurnedBack():
            _count(connection, recorded, event)
        case PeopleDischarged() | PeopleSentOn() | MoveCompleted():
            _count(connection, recorded, event)
        case MoveRefused():  # the shelter that they left tells
            _change(connection, recorded, event.shelter_id)
        case ShelterNeedRaised():
            _raise(connection, recorded, event)
        case ShelterNeedEnded():
            _end(connection, recorded, event)
        case ShelterClosed():
            _change(connection, recorded, event.shelter_id, **NOT_OPEN)
        case _:
            assert_never(event)


def _change(connection: Connection, recorded: Recorded, shelter_id: str, **values: Any) -> None:
    tables.change(connection, tables.shelters, recorded, shelter_id, **values)


def _count(connection: Connection, recorded: Recorded, event: Event) -> None:
    """Move the household's row, and count the shelter's anew from all of them."""
    _move(connection, recorded, event)
    column = households.c
    sums = {
        "occupancy": func.sum(column.people),
        "moving": func.sum(column.moving),
        "households": func.count().filter(column.people > 0),
        **{name: func.sum(column[name]) for name in ("children", "elderly", "disabled", "ill")},
    }
    counted = connection.execute(
        select(*(sum_.label(name) for name, sum_ in sums.items())).where(
            column.shelter_id == event.shelter_id
        )
    ).one()
    _change(connection, recorded, event.shelter_id, **dict(zip(sums, counted, strict=True)))


def _move(connection: Connection, recorded: Recorded, event: Event) -> None:
    column = households.c
    mine = and_(column.shelter_id == event.shelter_id, column.group_id == event.group_id)
    row = connection.execute(select(households).where(mine)).first()
    people, moving, care = (row.people, row.moving, care_of(row)) if row else (0, 0, NO_CARE)
    since = micros(event.occurred_at)
    changed: dict[str, Any] = {"since": since, **tables.trace(recorded)}
    match event:
        case PeopleAdmitted() | PeopleTakenOver():
            shelter = tables.row(connection, tables.shelters, shelter_id=event.shelter_id)
            people, care = people + event.people, care.plus(event.care)
            changed |= {
                "incident_id": event.incident_id or shelter.incident_id,
                "head": event.head or (row.head if row else ""),
                "from_adcode": event.from_adcode,
                "destination": "",
            }
            if row is None or not (row.people or row.moving):
                changed["admitted_at"] = since
        case PeopleTurnedBack():
            people, moving = people + event.people, moving - event.people
            care = care.plus(event.care)
            changed["destination"] = ""
        case PeopleDischarged():
            people -= event.people
            care = care.minus(event.care, people)
            changed["destination"] = event.destination
        case PeopleSentOn():
            people, moving = people - event.people, moving + event.people
            care = care.minus(event.care, people)
            changed["destination"] = event.to_shelter_id
        case MoveCompleted():
            moving -= event.people
        case _:
            assert_never(event)
    changed |= {
        "people": people,
        "moving": moving,
        "children": care.children,
        "elderly": care.elderly,
        "disabled": care.disabled,
        "ill": care.ill,
    }
    if row is None:
        key = {"shelter_id": event.shelter_id, "group_id": event.group_id}
        connection.execute(households.insert(), key | changed)
    else:
        connection.execute(update(households).where(mine).values(**changed))


def care_of(row: Any) -> Care:
    return Care(children=row.children, elderly=row.elderly, disabled=row.disabled, ill=row.ill)


def _raise(connection: Connection, recorded: Recorded, event: ShelterNeedRaised) -> None:
    tables.put(
        connection,
        shelter_needs,
        recorded,
        shelter_id=event.shelter_id,
        need_id=event.need_id,
        opened_position=recorded.position,
        incident_id=event.incident_id,
        adcode=event.adcode,
        item=event.item,
        quantity=event.quantity,
        unit=event.unit,
        note=event.note,
        needed_by=None if event.needed_by is None else micros(event.needed_by),
        raised_at=micros(event.occurred_at),
        is_over=False,
        met=False,
        outcome="",
    )
    _count_needs(connection, recorded, event.shelter_id)


def _end(connection: Connection, recorded: Recorded, event: ShelterNeedEnded) -> None:
    column = shelter_needs.c
    connection.execute(
        update(shelter_needs)
        .where(
            column.shelter_id == event.shelter_id,
            column.need_id == event.need_id,
            ~column.is_over,
        )
        .values(is_over=True, met=event.met, outcome=event.outcome, **tables.trace(recorded))
    )
    _count_needs(connection, recorded, event.shelter_id)


def _count_needs(connection: Connection, recorded: Recorded, shelter_id: str) -> None:
    column = shelter_needs.c
    still = select(func.count()).where(column.shelter_id == shelter_id, ~column.is_over)
    _change(connection, recorded, shelter_id, open_needs=connection.execute(still).scalar_one())
