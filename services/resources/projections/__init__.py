"""What is at hand: units, supplies and shelters, rebuilt by replaying from zero."""

from __future__ import annotations

from sqlalchemy import Connection

from services.resources.codec import (
    DEPOT,
    DEVICE,
    EXPERT,
    FORCE,
    HAZARD_AREA,
    LANDING_POINT,
    NEED_REF,
    PLOT,
    RELIEF,
    RISK_SITE,
    SHELTER,
    STOCK,
    SUPPLY_REQUEST,
    TRANSFER,
    UNIT,
)
from services.resources.projections import (
    devices,
    experts,
    forces,
    hazard_areas,
    landing_points,
    needs,
    plots,
    relief,
    risk_sites,
    shelters,
    stocks,
    supply_requests,
    transfers,
    units,
)
from services.resources.projections.tables import TABLES
from services.runtime.readmodel import Projection
from services.runtime.recorded import Recorded

CATEGORIES = [
    decider.category
    for decider in (
        UNIT,
        FORCE,
        DEPOT,
        STOCK,
        TRANSFER,
        SUPPLY_REQUEST,
        SHELTER,
        RELIEF,
        RISK_SITE,
        LANDING_POINT,
        EXPERT,
        NEED_REF,
        DEVICE,
        HAZARD_AREA,
        PLOT,
    )
]


def apply(connection: Connection, recorded: Recorded) -> None:
    match recorded.category:
        case UNIT.category:
            units.apply(connection, recorded)
        case FORCE.category:
            forces.apply(connection, recorded)
        case DEPOT.category:
            stocks.apply_depot(connection, recorded)
        case STOCK.category:
            stocks.apply_stock(connection, recorded)
        case TRANSFER.category:
            transfers.apply(connection, recorded)
        case SUPPLY_REQUEST.category:
            supply_requests.apply(connection, recorded)
        case SHELTER.category:
            shelters.apply(connection, recorded)
        case RISK_SITE.category:
            risk_sites.apply(connection, recorded)
        case LANDING_POINT.category:
            landing_points.apply(connection, recorded)
        case EXPERT.category:
            experts.apply(connection, recorded)
        case RELIEF.category:
            relief.apply(connection, recorded)
        case NEED_REF.category:
            needs.apply(connection, recorded)
        case DEVICE.category:
            devices.apply(connection, recorded)
        case HAZARD_AREA.category:
            hazard_areas.apply(connection, recorded)
        case PLOT.category:
            plots.apply(connection, recorded)


RESOURCES = Projection(name="resources.v10", categories=CATEGORIES, tables=TABLES, apply=apply)
