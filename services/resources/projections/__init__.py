"""What is at hand: units, supplies and shelters, rebuilt by replaying from zero."""

from __future__ import annotations

from sqlalchemy import Connection

from services.resources.codec import DEPOT, NEED_REF, SHELTER, STOCK, TRANSFER, UNIT
from services.resources.projections import needs, shelters, stocks, units
from services.resources.projections.tables import TABLES
from services.runtime.readmodel import Projection
from services.runtime.recorded import Recorded

CATEGORIES = [decider.category for decider in (UNIT, DEPOT, STOCK, TRANSFER, SHELTER, NEED_REF)]


def apply(connection: Connection, recorded: Recorded) -> None:
    match recorded.category:
        case UNIT.category:
            units.apply(connection, recorded)
        case DEPOT.category:
            stocks.apply_depot(connection, recorded)
        case STOCK.category:
            stocks.apply_stock(connection, recorded)
        case TRANSFER.category:
            stocks.apply_transfer(connection, recorded)
        case SHELTER.category:
            shelters.apply(connection, recorded)
        case NEED_REF.category:
            needs.apply(connection, recorded)


RESOURCES = Projection(name="resources.v2", categories=CATEGORIES, tables=TABLES, apply=apply)
