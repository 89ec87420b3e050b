"""One row per shelter, with how many are in it."""

from __future__ import annotations

from typing import assert_never

from sqlalchemy import Connection

from services.resources.codec import SHELTERS
from services.resources.domain.shelter import (
    PeopleAdmitted,
    PeopleDischarged,
    ShelterClosed,
    ShelterOpened,
    ShelterRegistered,
)
from services.resources.projections import tables
from services.runtime.recorded import Recorded


def apply(connection: Connection, recorded: Recorded) -> None:
    event = SHELTERS.decode(recorded.type, recorded.data)
    match event:
        case ShelterRegistered():
            tables.put(
                connection,
                tables.shelters,
                recorded,
                shelter_id=event.shelter_id,
                name=event.name,
                **tables.located(event.place),
                capacity=event.capacity,
                is_open=False,
                occupancy=0,
                incident_id="",
                warden="",
            )
        case ShelterOpened():
            tables.change(
                connection,
                tables.shelters,
                recorded,
                event.shelter_id,
                is_open=True,
                incident_id=event.incident_id,
                warden=event.warden,
            )
        case PeopleAdmitted() | PeopleDischarged():
            tables.change(
                connection,
                tables.shelters,
                recorded,
                event.shelter_id,
                occupancy=event.occupancy,
            )
        case ShelterClosed():
            tables.change(
                connection,
                tables.shelters,
                recorded,
                event.shelter_id,
                is_open=False,
                incident_id="",
                warden="",
            )
        case _:
            assert_never(event)
