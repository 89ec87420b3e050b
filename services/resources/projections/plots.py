"""One row per incident for the map, whatever of it was heard first."""

from __future__ import annotations

from typing import Any, assert_never

from sqlalchemy import Connection

from services.resources.codec import PLOTS
from services.resources.domain.plot import IncidentPlotChanged, IncidentPlotted
from services.resources.projections import tables
from services.runtime.recorded import Recorded
from services.runtime.times import micros


def apply(connection: Connection, recorded: Recorded) -> None:
    event = PLOTS.decode(recorded.type, recorded.data)
    changed: dict[str, Any]
    match event:
        case IncidentPlotted():
            changed = {
                "plotted": True,
                "title": event.title,
                "type_code": event.type_code,
                **tables.located(event.place),
                "opened_at": micros(event.occurred_at),
            }
        case IncidentPlotChanged():
            changed = {event.aspect.value: event.value}
        case _:
            assert_never(event)
    about = event.incident_id
    if tables.row(connection, tables.plots, incident_id=about) is None:
        tables.put(connection, tables.plots, recorded, incident_id=about, **changed)
    else:
        tables.change(connection, tables.plots, recorded, about, **changed)
