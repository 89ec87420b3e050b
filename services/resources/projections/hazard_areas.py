"""One row per hazard area, with the box that it lies in."""

from __future__ import annotations

from typing import Any, assert_never

import msgspec
from sqlalchemy import Connection

from services.resources.codec import HAZARD_AREAS
from services.resources.domain.hazard_area import (
    HazardAreaDeclared,
    HazardAreaLifted,
    HazardAreaRedrawn,
    Rings,
)
from services.resources.projections import exercises, tables
from services.runtime.recorded import Recorded
from services.runtime.times import micros


def rings_of(row: Any) -> Rings:
    return msgspec.json.decode(row.rings, type=Rings)


def apply(connection: Connection, recorded: Recorded) -> None:
    event = HAZARD_AREAS.decode(recorded.type, recorded.data)
    exercises.tell(connection, recorded, event.occurred_at)
    match event:
        case HazardAreaDeclared():
            tables.put(
                connection,
                tables.hazard_areas,
                recorded,
                hazard_area_id=event.hazard_area_id,
                name=event.name,
                kind=event.kind,
                reason=event.reason,
                adcode=event.adcode,
                incident_id=event.incident_id,
                in_force=True,
                declared_by=event.declared_by,
                declared_at=micros(event.occurred_at),
                lift_reason="",
                **_drawn(event),
            )
        case HazardAreaRedrawn():
            tables.change(
                connection,
                tables.hazard_areas,
                recorded,
                event.hazard_area_id,
                **_drawn(event),
            )
        case HazardAreaLifted():
            tables.change(
                connection,
                tables.hazard_areas,
                recorded,
                event.hazard_area_id,
                in_force=False,
                lifted_at=micros(event.occurred_at),
                lift_reason=event.reason,
            )
        case _:
            assert_never(event)


def _drawn(event: HazardAreaDeclared | HazardAreaRedrawn) -> dict[str, Any]:
    longitudes, latitudes = zip(*event.rings[0], strict=True)
    return {
        "rings": tables.json(event.rings),
        "south": min(latitudes),
        "west": min(longitudes),
        "north": max(latitudes),
        "east": max(longitudes),
        "drawn_at": micros(event.occurred_at),
        "ends_at": None if event.ends_at is None else micros(event.ends_at),
    }
