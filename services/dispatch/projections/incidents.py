"""The incidents that units may be sent to."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, Select, String, literal, select, update

from services.dispatch.codec import INCIDENT_REF_CODEC
from services.dispatch.domain import incident_ref
from services.dispatch.projections.tables import INCIDENTS
from services.runtime.recorded import Recorded
from services.runtime.times import micros


def whole(incident_id: str) -> Select[tuple[str]]:
    """Return the ids of an incident and of all that was merged into it, through others too."""
    known = select(literal(incident_id, String).label("incident_id")).cte("known", recursive=True)
    column = INCIDENTS.c
    merged = select(column.incident_id).where(column.replaced_by == known.c.incident_id)
    return select(known.union(merged).c.incident_id)


def apply(connection: Connection, recorded: Recorded) -> None:
    event = INCIDENT_REF_CODEC.decode(recorded.type, recorded.data)
    mine = INCIDENTS.c.incident_id == recorded.key
    row = connection.execute(select(INCIDENTS).where(mine)).first()
    known = (
        incident_ref.INITIAL
        if row is None
        else incident_ref.Known(
            version=row.version, noted=row.noted, is_open=row.is_open, into=row.replaced_by
        )
    )
    now = incident_ref.evolve(known, event)
    changed: dict[str, object] = {
        "noted": now.noted,
        "is_open": now.is_open,
        "replaced_by": now.into,
        "version": now.version,
        "position": recorded.position,
    }
    if isinstance(event, incident_ref.IncidentNoted):
        changed |= {
            "place": msgspec.json.encode(event.place).decode(),
            "call_at": micros(event.call_at),
        }
    if row is not None:
        connection.execute(update(INCIDENTS).where(mine).values(**changed))
        return
    fresh = {
        "incident_id": recorded.key,
        "place": "",
        "exercise": recorded.metadata.get("exercise", ""),
    }
    connection.execute(INCIDENTS.insert(), fresh | changed)
