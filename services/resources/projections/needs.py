"""One row per need of supplies or shelter, whatever of it was heard first."""

from __future__ import annotations

from sqlalchemy import Connection, and_, select, update

from services.resources.codec import NEEDS
from services.resources.domain import need_ref
from services.resources.projections import tables
from services.resources.projections.tables import needs
from services.runtime.recorded import Recorded
from services.runtime.times import micros


def apply(connection: Connection, recorded: Recorded) -> None:
    event = NEEDS.decode(recorded.type, recorded.data)
    column = needs.c
    mine = and_(column.incident_id == event.incident_id, column.need_id == event.need_id)
    row = connection.execute(select(needs).where(mine)).first()
    known = (
        need_ref.INITIAL
        if row is None
        else need_ref.Known(
            version=row.version,
            noted=row.noted,
            ended=row.ended,
            committed=row.committed,
            remaining=row.remaining,
        )
    )
    now = need_ref.evolve(known, event)
    changed: dict[str, object] = {
        "noted": now.noted,
        "ended": now.ended,
        "version": now.version,
        "committed": now.committed,
        "remaining": now.remaining,
        **tables.trace(recorded),
    }
    if isinstance(event, need_ref.SupplyNeedNoted):
        changed |= _asked(event)
    if row is not None:
        connection.execute(update(needs).where(mine).values(**changed))
        return
    fresh = {
        "incident_id": event.incident_id,
        "need_id": event.need_id,
        "opened_position": recorded.position,
    }
    connection.execute(needs.insert(), fresh | changed)


def _asked(event: need_ref.SupplyNeedNoted) -> dict[str, object]:
    return {
        "category": event.category,
        "item": event.item,
        "quantity": event.quantity,
        "unit": event.unit,
        "adcode": event.place.adcode,
        "address": event.place.address,
        "latitude": event.place.latitude,
        "longitude": event.place.longitude,
        "needed_by": None if event.needed_by is None else micros(event.needed_by),
        "note": event.note,
        "raised_at": micros(event.occurred_at),
    }
