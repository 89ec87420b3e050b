"""A hazard area (危险区、警戒区): where nobody goes unnoticed, until it is lifted or runs out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

import shapely

from services.resources.domain import moments, region
from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists, Invalid, NotFound, Rejection

EXPIRED = "expired"
LEAST_CORNERS = 4
LEAST_SURFACE = 1e-10
"""Square degrees: about one square metre."""

Rings = tuple[tuple[tuple[float, float], ...], ...]
"""Closed lines of (longitude, latitude), the outline first: RFC 7946's order."""


# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclareHazardArea:
    by: Actor
    hazard_area_id: str
    name: str
    kind: str
    reason: str
    adcode: str
    incident_id: str
    rings: Rings
    ends_at: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RedrawHazardArea:
    """A fire grows, water falls: another outline, and another end."""

    by: Actor
    hazard_area_id: str
    reason: str
    rings: Rings
    ends_at: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftHazardArea:
    by: Actor
    hazard_area_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireHazardArea:
    hazard_area_id: str
    now: datetime


Command = DeclareHazardArea | RedrawHazardArea | LiftHazardArea | ExpireHazardArea


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardAreaDeclared:
    hazard_area_id: str
    name: str
    kind: str
    reason: str
    adcode: str
    incident_id: str
    rings: Rings
    ends_at: datetime | None
    declared_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardAreaRedrawn:
    hazard_area_id: str
    adcode: str
    incident_id: str
    reason: str
    rings: Rings
    ends_at: datetime | None
    redrawn_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardAreaLifted:
    """``lifted_by`` is empty and ``reason`` is EXPIRED where its time ran out."""

    hazard_area_id: str
    adcode: str
    incident_id: str
    reason: str
    lifted_by: str
    occurred_at: datetime


Event = HazardAreaDeclared | HazardAreaRedrawn | HazardAreaLifted


# State.


@dataclass(frozen=True, slots=True)
class InForce:
    declared: HazardAreaDeclared
    rings: Rings
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lifted:
    declared: HazardAreaDeclared


State = None | InForce | Lifted
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case DeclareHazardArea():
            return declare(command, state)
        case RedrawHazardArea():
            return redraw(command, _in_force(command.hazard_area_id, state))
        case LiftHazardArea():
            return lift(command, state)
        case ExpireHazardArea():
            return expire(command, state)
        case _:
            assert_never(command)


def declare(command: DeclareHazardArea, state: State) -> list[Event]:
    region.require(command.by, command.adcode)
    _check(command.rings, command.ends_at, command.occurred_at)
    declared = HazardAreaDeclared(
        hazard_area_id=command.hazard_area_id,
        name=command.name,
        kind=command.kind,
        reason=command.reason,
        adcode=command.adcode,
        incident_id=command.incident_id,
        rings=command.rings,
        ends_at=command.ends_at,
        declared_by=command.by.subject,
        occurred_at=command.occurred_at,
    )
    match state:
        case None:
            return [declared]
        case InForce(declared=before) | Lifted(declared=before):
            same = replace(declared, occurred_at=before.occurred_at, declared_by=before.declared_by)
            if same == before and isinstance(state, InForce):
                return []
            raise AlreadyExists(
                "HAZARD_AREA_EXISTS",
                f"{command.hazard_area_id} is taken, by {before.name}: redraw that one, or "
                "declare this one under another id",
                hazard_area_id=command.hazard_area_id,
                name=before.name,
            )
        case _:
            assert_never(state)


def redraw(command: RedrawHazardArea, area: InForce) -> list[Event]:
    region.require(command.by, area.declared.adcode)
    _check(command.rings, command.ends_at, command.occurred_at)
    if (area.rings, area.ends_at) == (command.rings, command.ends_at):
        return []
    return [
        HazardAreaRedrawn(
            hazard_area_id=command.hazard_area_id,
            adcode=area.declared.adcode,
            incident_id=area.declared.incident_id,
            reason=command.reason,
            rings=command.rings,
            ends_at=command.ends_at,
            redrawn_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def lift(command: LiftHazardArea, state: State) -> list[Event]:
    match state:
        case None:
            raise _unknown(command.hazard_area_id)
        case InForce(declared=declared) | Lifted(declared=declared):
            region.require(command.by, declared.adcode)
            if isinstance(state, Lifted):
                return []
            return [_lifted(declared, command.reason, command.by.subject, command.occurred_at)]
        case _:
            assert_never(state)


def expire(command: ExpireHazardArea, state: State) -> list[Event]:
    if not isinstance(state, InForce) or state.ends_at is None or state.ends_at > command.now:
        return []
    return [_lifted(state.declared, EXPIRED, "", state.ends_at)]


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case HazardAreaDeclared():
            return InForce(event, event.rings, event.ends_at)
        case HazardAreaRedrawn():
            return None if state is None else InForce(state.declared, event.rings, event.ends_at)
        case HazardAreaLifted():
            return None if state is None else Lifted(state.declared)
        case _:
            assert_never(event)


def _check(rings: Rings, ends_at: datetime | None, occurred_at: datetime) -> None:
    for number, ring in enumerate(rings):
        if len(ring) < LEAST_CORNERS or ring[0] != ring[-1]:
            raise Invalid(
                "RING_OPEN",
                field=f"polygon.rings[{number}]",
                got=f"{len(ring)} points from {ring[:1]} to {ring[-1:]}",
                allowed="at least four points, the last the same as the first",
            )
    if not rings:
        raise Invalid("POLYGON_EMPTY", field="polygon", got="no ring", allowed="an outline")
    polygon = shapely.Polygon(rings[0], rings[1:])
    surface = polygon.area > LEAST_SURFACE
    if not polygon.is_valid or not surface:
        raise Invalid(
            "POLYGON_INVALID",
            field="polygon",
            got=shapely.is_valid_reason(polygon) if surface else "no surface",
            allowed="an outline, and holes inside it, that cross neither each other nor themselves",
        )
    moments.require_after(occurred_at, ends_at, "END_TOO_EARLY", field="end_time")


def _in_force(hazard_area_id: str, state: State) -> InForce:
    match state:
        case InForce():
            return state
        case None:
            raise _unknown(hazard_area_id)
        case Lifted():
            raise Rejection(
                "HAZARD_AREA_LIFTED",
                f"{hazard_area_id} is lifted: declare another",
                hazard_area_id=hazard_area_id,
            )
        case _:
            assert_never(state)


def _unknown(hazard_area_id: str) -> NotFound:
    return NotFound(
        "NO_SUCH_HAZARD_AREA",
        f"no hazard area {hazard_area_id} was declared",
        hazard_area_id=hazard_area_id,
    )


def _lifted(
    declared: HazardAreaDeclared, reason: str, by: str, occurred_at: datetime
) -> HazardAreaLifted:
    return HazardAreaLifted(
        hazard_area_id=declared.hazard_area_id,
        adcode=declared.adcode,
        incident_id=declared.incident_id,
        reason=reason,
        lifted_by=by,
        occurred_at=occurred_at,
    )
