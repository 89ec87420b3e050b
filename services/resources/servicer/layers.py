"""What is on the map: one entry per layer, from a row to what is drawn.

Another layer is another entry in LAYERS: its table, the column of its ids, and a function from its
row.  The table needs the columns of `tables._trace`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from sqlalchemy import Table

from anlan.resources.v1 import map_service_pb2 as pb
from services.resources.domain.fix import Fix
from services.resources.domain.hazard_area import Rings
from services.resources.domain.plot import Standing
from services.resources.domain.route import Stop
from services.resources.projections import experts, tables
from services.resources.projections.hazard_areas import rings_of
from services.resources.projections.transfers import legs_of
from services.resources.projections.units import Status, inside_of
from services.runtime.times import micros

Point = tuple[float, float]
"""Longitude, latitude: RFC 7946's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """Something with a place: ``point``, or ``rings`` for an area, or neither while unknown.

    ``over`` is what is not drawn unless it is asked for.  ``at`` is when it last changed, and
    of a unit when it was there; ``noted_at`` when the log last says where a unit was, else 0.
    All are microseconds.
    """

    layer: int
    id: str
    name: str
    state: str
    adcode: str
    exercise: str
    revision: int
    position: int
    at: int
    point: Point | None = None
    rings: Rings | None = None
    over: bool = False
    noted_at: int = 0
    at_depot: str = ""
    """Where a shipment stands, or stood last: it has its place and code from there."""
    fix: Fix | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layer:
    number: int
    table: Table
    draw: Callable[[Any], Feature]


def _common(row: Any) -> dict[str, Any]:
    return {
        "adcode": row.adcode,
        "exercise": row.exercise,
        "revision": row.revision,
        "position": row.position,
        "at": row.changed_at,
    }


def _located(row: Any) -> Point | None:
    if row.latitude is None or row.longitude is None:
        return None
    return (row.longitude, row.latitude)


def unit(row: Any) -> Feature:
    noted = row.noted_at is not None
    properties = {
        "kind": row.kind,
        "type": row.type,
        "force_id": row.force_id,
        "primary_status": row.primary_status,
        "crew_on_duty": row.crew_on_duty,
        "capabilities": msgspec.json.decode(row.capabilities),
        "staffing": row.staffing,
        "hazard_areas": inside_of(row),
        "placed_by": "log" if noted else "home",
    }
    return Feature(
        **{**_common(row), "at": row.noted_at or row.changed_at},
        layer=pb.LAYER_UNITS,
        id=row.unit_id,
        name=row.name,
        state=Status(row.status).value,
        point=(row.noted_longitude, row.noted_latitude) if noted else _located(row),
        noted_at=row.noted_at or 0,
        properties=properties,
    )


def incident(row: Any) -> Feature:
    return Feature(
        **_common(row),
        layer=pb.LAYER_INCIDENTS,
        id=row.incident_id,
        name=row.title,
        state=row.state,
        over=not row.plotted or row.state != Standing.OPEN,
        point=_located(row),
        properties={
            "type_code": row.type_code,
            "grade": row.grade,
            "response": row.response,
            "address": row.address,
        },
    )


def hazard_area(row: Any) -> Feature:
    return Feature(
        **_common(row),
        layer=pb.LAYER_HAZARD_AREAS,
        id=row.hazard_area_id,
        name=row.name,
        state="in_force" if row.in_force else "lifted",
        over=not row.in_force,
        rings=rings_of(row),
        properties={
            "kind": row.kind,
            "reason": row.reason,
            "incident_id": row.incident_id,
            "declared_by": row.declared_by,
        },
    )


def shelter(row: Any) -> Feature:
    return Feature(
        **_common(row),
        layer=pb.LAYER_SHELTERS,
        id=row.shelter_id,
        name=row.name,
        state="open" if row.is_open else "standby",
        point=_located(row),
        properties={
            "capacity": row.capacity,
            "occupancy": row.occupancy,
            "incident_id": row.incident_id,
            "address": row.address,
        },
    )


def depot(row: Any) -> Feature:
    return Feature(
        **_common(row),
        layer=pb.LAYER_DEPOTS,
        id=row.depot_id,
        name=row.name,
        state="",
        point=_located(row),
        properties={"keeper": row.keeper, "address": row.address},
    )


def risk_site(row: Any) -> Feature:
    return Feature(
        **_common(row),
        layer=pb.LAYER_RISK_SITES,
        id=row.site_id,
        name=row.name,
        state=row.state,
        point=_located(row),
        properties={
            "kind": row.kind,
            "key": row.is_key,
            "threatened_people": row.threatened_people,
            "responsible": row.responsible,
            "responsible_phone": row.responsible_phone,
            "instructions": row.instructions,
            "shelter_id": row.shelter_id,
            "finding": row.finding,
        },
    )


def landing_point(row: Any) -> Feature:
    return Feature(
        **_common(row),
        layer=pb.LAYER_LANDING_POINTS,
        id=row.landing_point_id,
        name=row.name,
        state="open" if row.is_open else "closed",
        point=_located(row),
        properties={
            "kind": row.kind,
            "elevation_m": row.elevation_m,
            "length_m": row.length_m,
            "width_m": row.width_m,
            "surface": row.surface,
            "max_weight_kg": row.max_weight_kg,
            "night_lighting": row.night_lighting,
            "restrictions": row.restrictions,
            "closed_reason": row.closed_reason,
        },
    )


def expert(row: Any) -> Feature:
    """Draw an expert at home, or where they said that they arrived, until they are released."""
    return Feature(
        **_common(row),
        layer=pb.LAYER_EXPERTS,
        id=row.expert_id,
        name=row.name,
        state=row.state,
        over=row.state == experts.Standing.RETIRED,
        point=_located(row),
        properties={
            "types": msgspec.json.decode(row.types),
            "fields": msgspec.json.decode(row.fields),
            "organisation": row.organisation,
            "incident_id": row.incident_id,
            "placed_by": row.placed_by,
        },
    )


def transfer(row: Any) -> Feature:
    """Draw a shipment at the last stop that it has left or reached; nobody follows its truck."""
    legs = legs_of(row)
    reached = [one.leg.stop for one in legs if one.arrived_at is not None]
    stop = reached[-1] if reached else Stop(depot_id=row.from_depot_id)
    following = next((one.leg for one in legs if one.arrived_at is None), None)
    place = stop.place
    return Feature(
        layer=pb.LAYER_TRANSFERS,
        id=row.transfer_id,
        name=row.item,
        state="closed" if row.closed else "in_transit",
        adcode="" if place is None else place.adcode,
        exercise=row.exercise,
        revision=row.revision,
        position=row.position,
        at=row.changed_at,
        point=None if place is None else _located(place),
        over=row.closed,
        at_depot=stop.depot_id,
        properties={
            "quantity": row.quantity,
            "from_depot_id": row.from_depot_id,
            "to_depot_id": row.to_depot_id,
            "incident_id": row.incident_id,
            "under_way": row.under_way,
            "next_stop": ""
            if following is None
            else following.stop.depot_id or following.stop.name,
            "carrier": "" if following is None else following.carrier,
            "placed_by": "last_stop",
        },
    )


LAYERS = (
    Layer(pb.LAYER_UNITS, tables.units, unit),
    Layer(pb.LAYER_INCIDENTS, tables.plots, incident),
    Layer(pb.LAYER_HAZARD_AREAS, tables.hazard_areas, hazard_area),
    Layer(pb.LAYER_SHELTERS, tables.shelters, shelter),
    Layer(pb.LAYER_DEPOTS, tables.depots, depot),
    Layer(pb.LAYER_RISK_SITES, tables.risk_sites, risk_site),
    Layer(pb.LAYER_LANDING_POINTS, tables.landing_points, landing_point),
    Layer(pb.LAYER_EXPERTS, tables.experts, expert),
    Layer(pb.LAYER_TRANSFERS, tables.transfers, transfer),
)


def moved(feature: Feature, fix: Fix) -> Feature:
    """Return a unit where its newest position has it."""
    point = (fix.longitude, fix.latitude)
    return replace(feature, at=micros(fix.fixed_at), point=point, fix=fix)
