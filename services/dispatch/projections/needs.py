"""What incidents need of personnel, equipment or transport."""

from __future__ import annotations

from sqlalchemy import Connection, and_, select, update

from services.dispatch.codec import NEED_REF_CODEC
from services.dispatch.domain import need_ref
from services.dispatch.projections.tables import NEEDS
from services.runtime.recorded import Recorded
from services.runtime.times import micros


def apply(connection: Connection, recorded: Recorded) -> None:
    event = NEED_REF_CODEC.decode(recorded.type, recorded.data)
    column = NEEDS.c
    mine = and_(column.incident_id == event.incident_id, column.need_id == event.need_id)
    row = connection.execute(select(NEEDS).where(mine)).first()
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
        "position": recorded.position,
    }
    if isinstance(event, need_ref.UnitNeedNoted):
        changed |= _asked(event)
    if row is not None:
        connection.execute(update(NEEDS).where(mine).values(**changed))
        return
    fresh = {
        "incident_id": event.incident_id,
        "need_id": event.need_id,
        "opened_position": recorded.position,
        "exercise": recorded.metadata.get("exercise", ""),
    }
    connection.execute(NEEDS.insert(), fresh | changed)


def _asked(event: need_ref.UnitNeedNoted) -> dict[str, object]:
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
