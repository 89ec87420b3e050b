"""What the world may know of this service's events, and under which subject it listens for it."""

from __future__ import annotations

from services.resources.codec import (
    DEPOT,
    EXPERT,
    EXPERTS,
    FORCE,
    FORCES,
    HAZARD_AREA,
    HAZARD_AREAS,
    LANDING_POINT,
    LANDING_POINTS,
    RELIEF,
    RELIEFS,
    RISK_SITE,
    RISK_SITES,
    SHELTER,
    SHELTERS,
    STOCK,
    STOCKS,
    SUPPLY_REQUEST,
    SUPPLY_REQUESTS,
    TRANSFER,
    TRANSFERS,
    UNIT,
    UNITS,
)
from services.resources.relay import (
    experts,
    forces,
    places,
    sheltering,
    stocks,
    supply_requests,
    units,
)
from services.runtime.actor import NATION
from services.runtime.published import Publication
from services.runtime.recorded import Recorded

STREAM = "ANLAN_RESOURCES"
CATEGORIES = tuple(
    decider.category
    for decider in (
        UNIT,
        FORCE,
        STOCK,
        TRANSFER,
        SUPPLY_REQUEST,
        SHELTER,
        RELIEF,
        RISK_SITE,
        LANDING_POINT,
        EXPERT,
        DEPOT,
        HAZARD_AREA,
    )
)
SUBJECTS = tuple(f"anlan.*.{category}.>" for category in CATEGORIES)
SOURCE = "/anlan/resources"


def public(recorded: Recorded) -> Publication | None:
    """Translate a private event; None for what stays in the house."""
    match recorded.category:
        case UNIT.category:
            adcode, message = units.of_unit(UNITS.decode(recorded.type, recorded.data))
        case FORCE.category:
            told = FORCES.decode(recorded.type, recorded.data)
            adcode, message = told.adcode, forces.of_force(told)
        case STOCK.category:
            adcode, message = stocks.of_stock(STOCKS.decode(recorded.type, recorded.data))
        case TRANSFER.category:
            adcode, message = "", stocks.of_transfer(TRANSFERS.decode(recorded.type, recorded.data))
        case SUPPLY_REQUEST.category:
            request = SUPPLY_REQUESTS.decode(recorded.type, recorded.data)
            adcode, message = supply_requests.of_request(request)
        case RISK_SITE.category:
            adcode, message = places.of_site(RISK_SITES.decode(recorded.type, recorded.data))
        case LANDING_POINT.category:
            adcode, message = places.of_landing(LANDING_POINTS.decode(recorded.type, recorded.data))
        case EXPERT.category:
            adcode, message = experts.of_expert(EXPERTS.decode(recorded.type, recorded.data))
        case RELIEF.category:
            adcode, message = sheltering.of_relief(RELIEFS.decode(recorded.type, recorded.data))
        case SHELTER.category:
            adcode, message = sheltering.of_shelter(SHELTERS.decode(recorded.type, recorded.data))
        case HAZARD_AREA.category:
            adcode, message = places.of_area(HAZARD_AREAS.decode(recorded.type, recorded.data))
        case _:
            return None
    if message is None:
        return None
    name = message.DESCRIPTOR.name
    region = adcode or recorded.metadata.get("jurisdiction", NATION)
    return Publication(
        subject=f"anlan.{region}.{recorded.category}.{name}.{recorded.key}",
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
    )
