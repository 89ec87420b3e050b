"""The type strings of stored events.  Append-only: a string, once written, is read for ever."""

from __future__ import annotations

from typing import Any

from services.resources.domain import (
    depot,
    device,
    hazard_area,
    need_ref,
    plot,
    shelter,
    stock,
    stock_rules,
    transfer,
    unit,
    unit_rules,
    whereabouts,
)
from services.resources.domain.lots import UNMARKED
from services.runtime.codec import Codec
from services.runtime.decider import Decider


def consumed_v2(v1: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew neither lots nor where it went."""
    unsaid = ("adcode", "group_id", "item_class", "unit", "relief", "items_version")
    lots = [{"lot_id": UNMARKED, "quantity": v1["quantity"]}]
    return {**dict.fromkeys(unsaid, ""), **v1, "lots": lots}


UNITS: Codec[unit.Event] = Codec(
    {
        "UnitRegistered.v1": unit.UnitRegistered,
        "UnitPutInService.v1": unit.UnitPutInService,
        "UnitPutOutOfService.v1": unit.UnitPutOutOfService,
        "UnitReserved.v1": unit.UnitReserved,
        "UnitReservationConfirmed.v1": unit.UnitReservationConfirmed,
        "UnitReservationExpired.v1": unit.UnitReservationExpired,
        "UnitReleased.v1": unit.UnitReleased,
        "UnitHoldMoved.v1": unit.UnitHoldMoved,
        "UnitPositionNoted.v1": whereabouts.UnitPositionNoted,
        "UnitEnteredHazardArea.v1": whereabouts.UnitEnteredHazardArea,
        "UnitLeftHazardArea.v1": whereabouts.UnitLeftHazardArea,
    }
)
DEPOTS: Codec[depot.Event] = Codec({"DepotRegistered.v1": depot.DepotRegistered})
STOCKS: Codec[stock.Event] = Codec(
    {
        "StockReceived.v1": stock.StockReceived,
        "StockReserved.v1": stock.StockReserved,
        "StockReleased.v1": stock.StockReleased,
        "StockShipped.v1": stock.StockShipped,
        "ShipmentUndone.v1": stock.ShipmentUndone,
        "StockArrived.v1": stock.StockArrived,
        "StockConsumed.v2": stock.StockConsumed,
        "StockWrittenOff.v1": stock.StockWrittenOff,
        "StockReturned.v1": stock.StockReturned,
    },
    {"StockConsumed.v1": ("StockConsumed.v2", consumed_v2)},
)
TRANSFERS: Codec[transfer.Event] = Codec(
    {
        "TransferStarted.v1": transfer.TransferStarted,
        "TransferReceived.v1": transfer.TransferReceived,
    }
)
SHELTERS: Codec[shelter.Event] = Codec(
    {
        "ShelterRegistered.v1": shelter.ShelterRegistered,
        "ShelterOpened.v1": shelter.ShelterOpened,
        "PeopleAdmitted.v1": shelter.PeopleAdmitted,
        "PeopleDischarged.v1": shelter.PeopleDischarged,
        "ShelterClosed.v1": shelter.ShelterClosed,
    }
)
NEEDS: Codec[need_ref.Event] = Codec(
    {
        "SupplyNeedNoted.v1": need_ref.SupplyNeedNoted,
        "SupplyNeedCounted.v1": need_ref.SupplyNeedCounted,
        "SupplyNeedEnded.v1": need_ref.SupplyNeedEnded,
    }
)
DEVICES: Codec[device.Event] = Codec(
    {
        "DeviceRegistered.v1": device.DeviceRegistered,
        "DeviceRevoked.v1": device.DeviceRevoked,
    }
)
HAZARD_AREAS: Codec[hazard_area.Event] = Codec(
    {
        "HazardAreaDeclared.v1": hazard_area.HazardAreaDeclared,
        "HazardAreaRedrawn.v1": hazard_area.HazardAreaRedrawn,
        "HazardAreaLifted.v1": hazard_area.HazardAreaLifted,
    }
)
PLOTS: Codec[plot.Event] = Codec(
    {
        "IncidentPlotted.v1": plot.IncidentPlotted,
        "IncidentPlotChanged.v1": plot.IncidentPlotChanged,
    }
)

UNIT = Decider(
    category="unit",
    initial=unit.INITIAL,
    decide=unit_rules.decide,
    evolve=unit_rules.evolve,
    codec=UNITS,
)
DEPOT = Decider(
    category="depot", initial=depot.INITIAL, decide=depot.decide, evolve=depot.evolve, codec=DEPOTS
)
STOCK = Decider(
    category="stock",
    initial=stock.INITIAL,
    decide=stock_rules.decide,
    evolve=stock_rules.evolve,
    codec=STOCKS,
)
TRANSFER = Decider(
    category="transfer",
    initial=transfer.INITIAL,
    decide=transfer.decide,
    evolve=transfer.evolve,
    codec=TRANSFERS,
)
SHELTER = Decider(
    category="shelter",
    initial=shelter.INITIAL,
    decide=shelter.decide,
    evolve=shelter.evolve,
    codec=SHELTERS,
)
NEED_REF = Decider(
    category="supply_need",
    initial=need_ref.INITIAL,
    decide=need_ref.decide,
    evolve=need_ref.evolve,
    codec=NEEDS,
)
DEVICE = Decider(
    category="device",
    initial=device.INITIAL,
    decide=device.decide,
    evolve=device.evolve,
    codec=DEVICES,
)
HAZARD_AREA = Decider(
    category="hazard_area",
    initial=hazard_area.INITIAL,
    decide=hazard_area.decide,
    evolve=hazard_area.evolve,
    codec=HAZARD_AREAS,
)
PLOT = Decider(
    category="incident_plot",
    initial=plot.INITIAL,
    decide=plot.decide,
    evolve=plot.evolve,
    codec=PLOTS,
)
