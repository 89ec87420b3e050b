"""A planned start (预定出动): which units a run card sends at a time to come.

Written down whole before the first assignment is preplanned, and once for a recommendation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import AlreadyExists, Forbidden, Invalid, Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A unit, and the assignment that will send it."""

    assignment_id: str
    unit_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStart:
    """``units`` are the picks that are meant, ``picked`` all that the recommendation picked.

    ``start_at`` is what somebody says, ``planned_start_at`` what the card says; None for neither.
    """

    by: Actor
    recommendation_id: str
    incident_id: str
    incident_type: str
    units: tuple[Planned, ...]
    picked: tuple[str, ...]
    start_at: datetime | None
    planned_start_at: datetime | None
    destination: Place
    order: str
    call_at: datetime | None
    acknowledge_within_s: float
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPlanned:
    recommendation_id: str
    incident_id: str
    incident_type: str
    adcode: str
    units: tuple[Planned, ...]
    start_at: datetime
    destination: Place
    order: str
    call_at: datetime | None
    acknowledge_within_s: float
    planned_by: str
    occurred_at: datetime


Command = PlanStart
Event = StartPlanned
State = StartPlanned | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the plan; of two who plan the same start the second is told who was first."""
    if state is not None:
        raise AlreadyExists(
            "START_PLANNED",
            f"{state.planned_by} has planned {len(state.units)} units of "
            f"{state.recommendation_id} for {state.start_at.isoformat()}",
            recommendation_id=state.recommendation_id,
            planned_by=state.planned_by,
            start_time=state.start_at.isoformat(),
            assignment_ids=", ".join(one.assignment_id for one in state.units),
        )
    adcode = command.destination.adcode
    if not command.by.covers(adcode):
        raise Forbidden(
            "OUTSIDE_JURISDICTION",
            f"{adcode} is outside {command.by.jurisdiction}, the jurisdiction of "
            f"{command.by.subject}",
            adcode=adcode,
            jurisdiction=command.by.jurisdiction,
            subject=command.by.subject,
        )
    _recommended(command)
    return [
        StartPlanned(
            recommendation_id=command.recommendation_id,
            incident_id=command.incident_id,
            incident_type=command.incident_type,
            adcode=adcode,
            units=command.units,
            start_at=_to_come(command),
            destination=command.destination,
            order=command.order,
            call_at=command.call_at,
            acknowledge_within_s=command.acknowledge_within_s,
            planned_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(state: State, event: Event) -> State:
    return state or event


def _recommended(command: PlanStart) -> None:
    if not command.units:
        raise Rejection(
            "NOBODY_RECOMMENDED",
            f"recommendation {command.recommendation_id} picks no unit: there is nobody to plan",
            recommendation_id=command.recommendation_id,
        )
    for number, one in enumerate(command.units):
        if one.unit_id not in command.picked:
            raise Invalid(
                "UNIT_NOT_RECOMMENDED",
                field=f"unit_ids[{number}]",
                got=one.unit_id,
                allowed=f"{', '.join(command.picked)}; any other unit by PreplanAssignment",
            )


def _to_come(command: PlanStart) -> datetime:
    start_at = command.start_at or command.planned_start_at
    if start_at is None:
        raise Invalid(
            "DISPATCH_TIME_MISSING",
            field="dispatch_time",
            got="nothing",
            allowed="a time to come: the card that was followed plans none",
        )
    if start_at <= command.occurred_at:
        raise Invalid(
            "DISPATCH_TIME_PAST",
            field="dispatch_time",
            got=start_at.isoformat(),
            allowed=f"after {command.occurred_at.isoformat()}; what is to go now is not preplanned",
        )
    return start_at
