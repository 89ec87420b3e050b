"""One row per risk site, with what the latest patrol found."""

from __future__ import annotations

from typing import Any, assert_never

from sqlalchemy import Connection

from services.resources.codec import RISK_SITES
from services.resources.domain.risk_site import (
    Entry,
    RiskSitePatrolled,
    RiskSiteRegistered,
    RiskSiteRevised,
    Standing,
)
from services.resources.projections import tables
from services.runtime.recorded import Recorded
from services.runtime.times import micros


def apply(connection: Connection, recorded: Recorded) -> None:
    event = RISK_SITES.decode(recorded.type, recorded.data)
    match event:
        case RiskSiteRegistered():
            tables.put(
                connection,
                tables.risk_sites,
                recorded,
                site_id=event.site_id,
                **_entry(event.entry),
                state=Standing.NORMAL.value,
                finding="",
                patrolled_by="",
                patrolled_at=None,
            )
        case RiskSiteRevised():
            tables.change(
                connection, tables.risk_sites, recorded, event.site_id, **_entry(event.entry)
            )
        case RiskSitePatrolled():
            row = tables.row(connection, tables.risk_sites, site_id=event.site_id)
            at = micros(event.occurred_at)
            newest = row.patrolled_at is None or at >= row.patrolled_at
            found = {
                "state": event.state.value,
                "finding": event.finding,
                "patrolled_by": event.patrolled_by,
                "patrolled_at": at,
            }
            tables.change(
                connection,
                tables.risk_sites,
                recorded,
                event.site_id,
                **(found if newest else {}),
            )
        case _:
            assert_never(event)


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind.value,
        "name": entry.name,
        **tables.located(entry.place),
        "is_key": entry.key,
        "threatened_households": entry.threatened_households,
        "threatened_people": entry.threatened_people,
        "responsible": entry.responsible,
        "responsible_phone": entry.responsible_phone,
        "monitor": entry.monitor,
        "monitor_phone": entry.monitor_phone,
        "instructions": entry.instructions,
        "shelter_id": entry.shelter_id,
        "source": entry.source,
    }
