"""One row per landing point, open or closed."""

from __future__ import annotations

from typing import Any, assert_never

from sqlalchemy import Connection

from services.resources.codec import LANDING_POINTS
from services.resources.domain.landing_point import (
    Entry,
    LandingPointClosed,
    LandingPointOpened,
    LandingPointRegistered,
    LandingPointRevised,
)
from services.resources.projections import tables
from services.runtime.recorded import Recorded
from services.runtime.times import micros

OPEN = {"is_open": True, "closed_reason": "", "expected_open_at": None}


def apply(connection: Connection, recorded: Recorded) -> None:
    event = LANDING_POINTS.decode(recorded.type, recorded.data)
    changed: dict[str, Any]
    match event:
        case LandingPointRegistered():
            tables.put(
                connection,
                tables.landing_points,
                recorded,
                landing_point_id=event.landing_point_id,
                **_entry(event.entry),
                **OPEN,
            )
            return
        case LandingPointRevised():
            changed = _entry(event.entry)
        case LandingPointClosed():
            ahead = event.expected_open_at
            changed = {
                "is_open": False,
                "closed_reason": event.reason,
                "expected_open_at": None if ahead is None else micros(ahead),
            }
        case LandingPointOpened():
            changed = OPEN
        case _:
            assert_never(event)
    tables.change(connection, tables.landing_points, recorded, event.landing_point_id, **changed)


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "name": entry.name,
        **tables.located(entry.place),
        "elevation_m": entry.elevation_m,
        "length_m": entry.length_m,
        "width_m": entry.width_m,
        "surface": entry.surface,
        "max_weight_kg": entry.max_weight_kg,
        "night_lighting": entry.night_lighting,
        "restrictions": entry.restrictions,
        "keeper": entry.keeper,
        "keeper_phone": entry.keeper_phone,
        "source": entry.source,
    }
