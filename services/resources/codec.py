"""The type strings of stored events.  Append-only: a string, once written, is read for ever."""

from __future__ import annotations

from typing import Any

from services.resources.domain import (
    depot,
    device,
    ended_incident,
    expert,
    expert_rules,
    force,
    force_rules,
    hazard_area,
    landing_point,
    need_ref,
    plot,
    relief,
    risk_site,
    shelter,
    shelter_rules,
    stock,
    stock_fold,
    stock_rules,
    supply_request,
    supply_request_notes,
    supply_request_rules,
    transfer,
    transfer_rules,
    unit,
    unit_make,
    unit_roster,
    unit_rules,
    unit_status,
    whereabouts,
)
from services.resources.domain.lots import UNMARKED
from services.runtime.codec import Codec
from services.runtime.decider import Decider

Json = dict[str, Any]


def unmarked(quantity: int) -> list[Json]:
    """Return the lots of what version 1 of an event counted without any."""
    return [{"lot_id": UNMARKED, "quantity": quantity}] if quantity else []


def received_v2(v1: Json) -> Json:
    return {**v1, "lot_id": UNMARKED, "expires_on": None, "waybill": "", "counted_by": ""}


def shipped_v2(v1: Json) -> Json:
    leg = {"stop": {"depot_id": v1["to_depot_id"]}, "carrier": v1["carrier"]}
    unsaid = {"supply_request_id": "", "waybill": "", "expired_reason": ""}
    kept = {key: value for key, value in v1.items() if key != "carrier"}
    return {**kept, **unsaid, "lots": unmarked(v1["quantity"]), "legs": [leg]}


def undone_v2(v1: Json) -> Json:
    return {**v1, "lots": unmarked(v1["quantity"]), "supply_request_id": ""}


def arrived_v2(v1: Json) -> Json:
    return {**v1, "lots": unmarked(v1["received"]), "damaged": 0}


def consumed_v2(v1: Json) -> Json:
    """Version 1 knew neither lots nor where it went."""
    unsaid = ("adcode", "group_id", "item_class", "unit", "relief", "items_version")
    return {**dict.fromkeys(unsaid, ""), **v1, "lots": unmarked(v1["quantity"])}


def written_off_v2(v1: Json) -> Json:
    return {**v1, "lots": unmarked(v1["quantity"]), "written_off_by": ""}


def returned_v2(v1: Json) -> Json:
    return {**v1, "lots": unmarked(v1["quantity"])}


def started_v2(v1: Json) -> Json:
    """Version 1 left who carried it to the shipment."""
    leg = {"stop": {"depot_id": v1["to_depot_id"]}}
    unsaid = {"supply_request_id": "", "waybill": ""}
    return {**v1, **unsaid, "lots": unmarked(v1["quantity"]), "legs": [leg]}


def receipt_v2(v1: Json) -> Json:
    """Version 1 did not number receipts: 0 is told by its place among them."""
    unsaid = ("incident_id", "supply_request_id", "receipt_number", "said_by")
    lots, gone = unmarked(v1["received"]), unmarked(v1["lost"])
    return {
        **dict.fromkeys(unsaid, ""),
        **v1,
        "number": 0,
        "damaged": 0,
        "lots": lots,
        "gone": gone,
    }


def reserved_v2(v1: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew no forces, on whose authority a unit is ordered."""
    return {**v1, "mandate": ""}


def registered_v2(v1: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew beds only."""
    return {**v1, "kind": "", "day_capacity": v1["capacity"]}


def opened_v2(v1: dict[str, Any]) -> dict[str, Any]:
    return {**v1, "contact": "", "reason": ""}


def admitted_v2(v1: dict[str, Any]) -> dict[str, Any]:
    """Version 1 counted heads."""
    unsaid = {"incident_id": "", "head": "", "care": {}, "inside": 0, "vacancies": None}
    return {**v1, **unsaid}


def discharged_v2(v1: dict[str, Any]) -> dict[str, Any]:
    return {**v1, "care": {}, "vacancies": None}


UNITS: Codec[unit.Event] = Codec(
    {
        "UnitRegistered.v1": unit.UnitRegistered,
        "UnitPutInService.v1": unit.UnitPutInService,
        "UnitPutOutOfService.v1": unit.UnitPutOutOfService,
        "UnitReserved.v2": unit.UnitReserved,
        "UnitReservationConfirmed.v1": unit.UnitReservationConfirmed,
        "UnitReservationExpired.v1": unit.UnitReservationExpired,
        "UnitReleased.v1": unit.UnitReleased,
        "UnitHoldMoved.v1": unit.UnitHoldMoved,
        "UnitPositionNoted.v1": whereabouts.UnitPositionNoted,
        "UnitEnteredHazardArea.v1": whereabouts.UnitEnteredHazardArea,
        "UnitLeftHazardArea.v1": whereabouts.UnitLeftHazardArea,
        "UnitClassified.v1": unit_make.UnitClassified,
        "UnitAttached.v1": unit_make.UnitAttached,
        "UnitDetached.v1": unit_make.UnitDetached,
        "UnitEquipped.v1": unit_make.UnitEquipped,
        "UnitCrewAssigned.v1": unit_roster.UnitCrewAssigned,
        "UnitCrewRelieved.v1": unit_roster.UnitCrewRelieved,
        "UnitQualificationLapsed.v1": unit_roster.UnitQualificationLapsed,
        "UnitShiftScheduled.v1": unit_roster.UnitShiftScheduled,
        "UnitShiftStarted.v1": unit_roster.UnitShiftStarted,
        "UnitShiftEnded.v1": unit_roster.UnitShiftEnded,
        "UnitRestStarted.v1": unit_roster.UnitRestStarted,
        "UnitRestEnded.v1": unit_roster.UnitRestEnded,
        "UnitStatusSet.v1": unit_status.UnitStatusSet,
        "UnitRecalled.v1": unit_status.UnitRecalled,
    },
    {"UnitReserved.v1": ("UnitReserved.v2", reserved_v2)},
)
FORCES: Codec[force.Event] = Codec(
    {
        "ForceRegistered.v1": force.ForceRegistered,
        "ForceLeadAppointed.v1": force.ForceLeadAppointed,
        "ForceRecognised.v1": force.ForceRecognised,
        "ForceRecognitionWithdrawn.v1": force.ForceRecognitionWithdrawn,
        "ForceInsured.v1": force.ForceInsured,
        "MobilisationApproved.v1": force.MobilisationApproved,
        "MobilisationWithdrawn.v1": force.MobilisationWithdrawn,
        "ForceCalledUp.v1": force.ForceCalledUp,
        "ForceCallUpMoved.v1": force.ForceCallUpMoved,
        "ForceCallUpOutlasted.v1": force.ForceCallUpOutlasted,
        "ForceCallUpResumed.v1": force.ForceCallUpResumed,
        "ForceStoodDown.v1": force.ForceStoodDown,
        "ForceCompensated.v1": force.ForceCompensated,
    }
)
DEPOTS: Codec[depot.Event] = Codec({"DepotRegistered.v1": depot.DepotRegistered})
STOCKS: Codec[stock.Event] = Codec(
    {
        "StockReceived.v2": stock.StockReceived,
        "StockReserved.v1": stock.StockReserved,
        "StockReleased.v1": stock.StockReleased,
        "StockShipped.v2": stock.StockShipped,
        "ShipmentUndone.v2": stock.ShipmentUndone,
        "StockArrived.v2": stock.StockArrived,
        "StockConsumed.v2": stock.StockConsumed,
        "StockWrittenOff.v2": stock.StockWrittenOff,
        "StockReturned.v2": stock.StockReturned,
        "StockCounted.v1": stock.StockCounted,
        "StockGained.v1": stock.StockGained,
        "StockLost.v1": stock.StockLost,
        "LotExpired.v1": stock.LotExpired,
        "MinimumStockSet.v1": stock.MinimumStockSet,
        "StockFellBelowMinimum.v1": stock.StockFellBelowMinimum,
        "StockRecovered.v1": stock.StockRecovered,
    },
    {
        "StockReceived.v1": ("StockReceived.v2", received_v2),
        "StockShipped.v1": ("StockShipped.v2", shipped_v2),
        "ShipmentUndone.v1": ("ShipmentUndone.v2", undone_v2),
        "StockArrived.v1": ("StockArrived.v2", arrived_v2),
        "StockConsumed.v1": ("StockConsumed.v2", consumed_v2),
        "StockWrittenOff.v1": ("StockWrittenOff.v2", written_off_v2),
        "StockReturned.v1": ("StockReturned.v2", returned_v2),
    },
)
TRANSFERS: Codec[transfer.Event] = Codec(
    {
        "TransferStarted.v2": transfer.TransferStarted,
        "TransferHandedOver.v1": transfer.TransferHandedOver,
        "TransferDeparted.v1": transfer.TransferDeparted,
        "TransferDiverted.v1": transfer.TransferDiverted,
        "TransferTurnedBack.v1": transfer.TransferTurnedBack,
        "TransferReceived.v2": transfer.TransferReceived,
    },
    {
        "TransferStarted.v1": ("TransferStarted.v2", started_v2),
        "TransferReceived.v1": ("TransferReceived.v2", receipt_v2),
    },
)
SUPPLY_REQUESTS: Codec[supply_request.Event] = Codec(
    {
        "SupplyRequested.v1": supply_request.SupplyRequested,
        "SupplyRequestApproved.v1": supply_request.SupplyRequestApproved,
        "SupplyRequestDeclined.v1": supply_request.SupplyRequestDeclined,
        "SupplyRequestAccepted.v1": supply_request.SupplyRequestAccepted,
        "SuppliesCommitted.v1": supply_request.SuppliesCommitted,
        "SupplyCommitmentWithdrawn.v1": supply_request.SupplyCommitmentWithdrawn,
        "SupplyShipmentNoted.v1": supply_request.SupplyShipmentNoted,
        "SupplyDeliveryNoted.v1": supply_request.SupplyDeliveryNoted,
        "SupplyDiversionNoted.v1": supply_request.SupplyDiversionNoted,
        "SupplyRequestCompleted.v1": supply_request.SupplyRequestCompleted,
        "SupplyRequestCancelled.v1": supply_request.SupplyRequestCancelled,
        "NeedServed.v1": supply_request.NeedServed,
    }
)
SHELTERS: Codec[shelter.Event] = Codec(
    {
        "ShelterRegistered.v2": shelter.ShelterRegistered,
        "ShelterInspected.v1": shelter.ShelterInspected,
        "ShelterOpened.v2": shelter.ShelterOpened,
        "PeopleAdmitted.v2": shelter.PeopleAdmitted,
        "PeopleDischarged.v2": shelter.PeopleDischarged,
        "PeopleSentOn.v1": shelter.PeopleSentOn,
        "PeopleTakenOver.v1": shelter.PeopleTakenOver,
        "MoveRefused.v1": shelter.MoveRefused,
        "MoveCompleted.v1": shelter.MoveCompleted,
        "PeopleTurnedBack.v1": shelter.PeopleTurnedBack,
        "ShelterNeedRaised.v1": shelter.ShelterNeedRaised,
        "ShelterNeedEnded.v1": shelter.ShelterNeedEnded,
        "ShelterClosed.v1": shelter.ShelterClosed,
    },
    {
        "ShelterRegistered.v1": ("ShelterRegistered.v2", registered_v2),
        "ShelterOpened.v1": ("ShelterOpened.v2", opened_v2),
        "PeopleAdmitted.v1": ("PeopleAdmitted.v2", admitted_v2),
        "PeopleDischarged.v1": ("PeopleDischarged.v2", discharged_v2),
    },
)
RISK_SITES: Codec[risk_site.Event] = Codec(
    {
        "RiskSiteRegistered.v1": risk_site.RiskSiteRegistered,
        "RiskSiteRevised.v1": risk_site.RiskSiteRevised,
        "RiskSitePatrolled.v1": risk_site.RiskSitePatrolled,
    }
)
LANDING_POINTS: Codec[landing_point.Event] = Codec(
    {
        "LandingPointRegistered.v1": landing_point.LandingPointRegistered,
        "LandingPointRevised.v1": landing_point.LandingPointRevised,
        "LandingPointClosed.v1": landing_point.LandingPointClosed,
        "LandingPointOpened.v1": landing_point.LandingPointOpened,
    }
)
EXPERTS: Codec[expert.Event] = Codec(
    {
        "ExpertRegistered.v1": expert.ExpertRegistered,
        "ExpertRevised.v1": expert.ExpertRevised,
        "ExpertBecameUnavailable.v1": expert.ExpertBecameUnavailable,
        "ExpertBecameAvailable.v1": expert.ExpertBecameAvailable,
        "ExpertRetired.v1": expert.ExpertRetired,
        "ExpertCalledUp.v1": expert.ExpertCalledUp,
        "ExpertArrived.v1": expert.ExpertArrived,
        "ExpertCallUpMoved.v1": expert.ExpertCallUpMoved,
        "ExpertReleased.v1": expert.ExpertReleased,
    }
)
RELIEFS: Codec[relief.Event] = Codec(
    {
        "VillageAffected.v1": relief.VillageAffected,
        "AffectedFiguresRevised.v1": relief.AffectedFiguresRevised,
        "ReliefCounted.v1": relief.ReliefCounted,
        "ReliefNeedMet.v1": relief.ReliefNeedMet,
        "ReliefNeedReopened.v1": relief.ReliefNeedReopened,
        "VillageRelieved.v1": relief.VillageRelieved,
        "ReliefWarned.v1": relief.ReliefWarned,
        "ReliefMissed.v1": relief.ReliefMissed,
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
ENDED_INCIDENTS: Codec[ended_incident.Event] = Codec(
    {
        "IncidentEndNoted.v1": ended_incident.IncidentEndNoted,
        "IncidentResumptionNoted.v1": ended_incident.IncidentResumptionNoted,
        "IncidentReplacementNoted.v1": ended_incident.IncidentReplacementNoted,
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
FORCE = Decider(
    category="force",
    initial=force.INITIAL,
    decide=force_rules.decide,
    evolve=force_rules.evolve,
    codec=FORCES,
)
DEPOT = Decider(
    category="depot", initial=depot.INITIAL, decide=depot.decide, evolve=depot.evolve, codec=DEPOTS
)
STOCK = Decider(
    category="stock",
    initial=stock.INITIAL,
    decide=stock_rules.decide,
    evolve=stock_fold.evolve,
    codec=STOCKS,
)
TRANSFER = Decider(
    category="transfer",
    initial=transfer.INITIAL,
    decide=transfer_rules.decide,
    evolve=transfer_rules.evolve,
    codec=TRANSFERS,
)
SUPPLY_REQUEST = Decider(
    category="supply_request",
    initial=supply_request.INITIAL,
    decide=supply_request_rules.decide,
    evolve=supply_request_notes.evolve,
    codec=SUPPLY_REQUESTS,
)
SHELTER = Decider(
    category="shelter",
    initial=shelter.INITIAL,
    decide=shelter_rules.decide,
    evolve=shelter.evolve,
    codec=SHELTERS,
)
RISK_SITE = Decider(
    category="risk_site",
    initial=risk_site.INITIAL,
    decide=risk_site.decide,
    evolve=risk_site.evolve,
    codec=RISK_SITES,
)
LANDING_POINT = Decider(
    category="landing_point",
    initial=landing_point.INITIAL,
    decide=landing_point.decide,
    evolve=landing_point.evolve,
    codec=LANDING_POINTS,
)
EXPERT = Decider(
    category="expert",
    initial=expert.INITIAL,
    decide=expert_rules.decide,
    evolve=expert_rules.evolve,
    codec=EXPERTS,
)
RELIEF = Decider(
    category="relief",
    initial=relief.INITIAL,
    decide=relief.decide,
    evolve=relief.evolve,
    codec=RELIEFS,
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
ENDED_INCIDENT = Decider(
    category="ended_incident",
    initial=ended_incident.INITIAL,
    decide=ended_incident.decide,
    evolve=ended_incident.evolve,
    codec=ENDED_INCIDENTS,
)
PLOT = Decider(
    category="incident_plot",
    initial=plot.INITIAL,
    decide=plot.decide,
    evolve=plot.evolve,
    codec=PLOTS,
)
