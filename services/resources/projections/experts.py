"""One row per expert: what they know, where they are, and who has called them up."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection

from services.resources.codec import EXPERTS
from services.resources.domain import expert_rules
from services.resources.domain.expert import Expert, ExpertRegistered
from services.resources.projections import tables
from services.runtime.recorded import Recorded

HOME, ARRIVAL = "home", "arrival"


class Standing(StrEnum):
    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    CALLED_UP = "called_up"
    ARRIVED = "arrived"
    RETIRED = "retired"


def expert_of(row: Any) -> Expert:
    return msgspec.json.decode(row.folded, type=Expert)


def standing(expert: Expert) -> Standing:
    """Return how an expert stands; whom an incident has, it has, available or not."""
    running = expert.running
    if expert.retired is not None:
        return Standing.RETIRED
    if running is not None:
        return Standing.CALLED_UP if running.arrived_at is None else Standing.ARRIVED
    return Standing.AVAILABLE if expert.unavailable is None else Standing.UNAVAILABLE


def apply(connection: Connection, recorded: Recorded) -> None:
    event = EXPERTS.decode(recorded.type, recorded.data)
    if isinstance(event, ExpertRegistered):
        columns = _columns(Expert(event.entry))
        tables.put(connection, tables.experts, recorded, expert_id=event.expert_id, **columns)
        return
    row = tables.row(connection, tables.experts, expert_id=event.expert_id)
    after = expert_rules.evolve(expert_of(row), event)
    assert after is not None
    tables.change(connection, tables.experts, recorded, event.expert_id, **_columns(after))


def _columns(expert: Expert) -> dict[str, Any]:
    entry, running = expert.entry, expert.running
    there = running and running.place
    place = there or entry.home
    return {
        "name": entry.name,
        "adcode": entry.adcode,
        "types": tables.json(entry.types),
        "fields": tables.json(entry.fields),
        "organisation": entry.organisation,
        "folded": tables.json(expert),
        "state": standing(expert).value,
        "incident_id": running.incident_id if running else "",
        "placed_by": ARRIVAL if there else HOME,
        "latitude": place.latitude,
        "longitude": place.longitude,
    }
