"""What the world may know of this service's events, and under which subject it listens for it."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import expert_events_pb2 as expert_pb
from anlan.events.v1 import force_events_pb2 as force_pb
from anlan.events.v1 import hazard_events_pb2 as hazard_pb
from anlan.events.v1 import landing_point_events_pb2 as landing_point_pb
from anlan.events.v1 import relief_events_pb2 as relief_pb
from anlan.events.v1 import risk_site_events_pb2 as risk_site_pb
from anlan.events.v1 import shelter_events_pb2 as shelter_pb
from anlan.events.v1 import stock_events_pb2 as stock_pb
from anlan.events.v1 import supply_request_events_pb2 as request_pb
from anlan.events.v1 import unit_events_pb2 as unit_pb
from anlan.type.v1 import place_pb2
from services.resources.codec import (
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
from services.resources.domain import (
    expert,
    force,
    hazard_area,
    landing_point,
    relief,
    risk_site,
    shelter,
    stock,
    supply_request,
    transfer,
    unit,
    unit_make,
    unit_roster,
    unit_status,
    whereabouts,
)
from services.resources.servicer import polygons
from services.runtime import place
from services.runtime.actor import NATION
from services.runtime.recorded import Recorded
from services.runtime.relay import Publication
from services.runtime.times import to_proto

STREAM = "ANLAN_RESOURCES"
SUBJECTS = [
    f"anlan.*.{category}.>"
    for category in (
        "unit",
        "force",
        "stock",
        "transfer",
        "supply_request",
        "shelter",
        "relief",
        "risk_site",
        "landing_point",
        "expert",
        "depot",
        "hazard_area",
    )
]
SOURCE = "/anlan/resources"
EXPIRED = "expired"


def public(recorded: Recorded) -> Publication | None:
    """Translate a private event; None for what stays in the house."""
    match recorded.category:
        case UNIT.category:
            adcode, message = of_unit(UNITS.decode(recorded.type, recorded.data))
        case FORCE.category:
            told = FORCES.decode(recorded.type, recorded.data)
            adcode, message = told.adcode, of_force(told)
        case STOCK.category:
            adcode, message = of_stock(STOCKS.decode(recorded.type, recorded.data))
        case TRANSFER.category:
            adcode, message = "", of_transfer(TRANSFERS.decode(recorded.type, recorded.data))
        case SUPPLY_REQUEST.category:
            request = SUPPLY_REQUESTS.decode(recorded.type, recorded.data)
            adcode, message = of_request(request)
        case RISK_SITE.category:
            adcode, message = of_site(RISK_SITES.decode(recorded.type, recorded.data))
        case LANDING_POINT.category:
            adcode, message = of_landing(LANDING_POINTS.decode(recorded.type, recorded.data))
        case EXPERT.category:
            adcode, message = of_expert(EXPERTS.decode(recorded.type, recorded.data))
        case RELIEF.category:
            adcode, message = of_relief(RELIEFS.decode(recorded.type, recorded.data))
        case SHELTER.category:
            adcode, message = of_shelter(SHELTERS.decode(recorded.type, recorded.data))
        case HAZARD_AREA.category:
            adcode, message = of_area(HAZARD_AREAS.decode(recorded.type, recorded.data))
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


def of_unit(event: unit.Event) -> tuple[str, Message | None]:
    occur_time = to_proto(event.occurred_at)
    match event:
        case unit.UnitRegistered():
            registered = unit_pb.UnitRegistered(
                unit_id=event.unit_id,
                name=event.name,
                kind=event.kind,
                capabilities=event.capabilities,
                occur_time=occur_time,
            )
            place.write(registered.home, event.home)
            return event.home.adcode, registered
        case unit.UnitPutInService():
            return event.adcode, unit_pb.UnitPutInService(
                unit_id=event.unit_id, occur_time=occur_time
            )
        case unit.UnitPutOutOfService():
            return event.adcode, unit_pb.UnitPutOutOfService(
                unit_id=event.unit_id, reason=event.reason, occur_time=occur_time
            )
        case unit.UnitReserved():
            return event.adcode, unit_pb.UnitReserved(
                unit_id=event.unit_id,
                holder=event.holder,
                incident_id=event.incident_id,
                expire_time=to_proto(event.expires_at),
                occur_time=occur_time,
            )
        case unit.UnitReleased() | unit.UnitReservationExpired():
            return event.adcode, unit_pb.UnitReleased(
                unit_id=event.unit_id,
                holder=event.holder,
                reason=event.reason if isinstance(event, unit.UnitReleased) else EXPIRED,
                occur_time=occur_time,
            )
        case whereabouts.UnitEnteredHazardArea():
            return event.adcode, hazard_pb.UnitEnteredHazardArea(
                unit_id=event.unit_id,
                hazard_area_id=event.hazard_area_id,
                incident_id=event.incident_id,
                point=_point(event.latitude, event.longitude),
                accuracy_m=event.accuracy_m,
                area_name=event.area_name,
                occur_time=occur_time,
            )
        case whereabouts.UnitLeftHazardArea():
            return event.adcode, hazard_pb.UnitLeftHazardArea(
                unit_id=event.unit_id,
                hazard_area_id=event.hazard_area_id,
                incident_id=event.incident_id,
                why=event.why.value,
                point=_point(event.latitude, event.longitude),
                occur_time=occur_time,
            )
        case (
            unit.UnitReservationConfirmed() | unit.UnitHoldMoved() | whereabouts.UnitPositionNoted()
        ):
            return event.adcode, None
        case _:
            return event.adcode, of_keeping(event)


def of_keeping(event: unit_make.Event | unit_roster.Event | unit_status.Event) -> Message | None:
    """Translate what a unit is, who is on it and what it says; who its people are stays here."""
    occur_time = to_proto(event.occurred_at)
    match event:
        case unit_make.UnitClassified():
            return unit_pb.UnitClassified(
                unit_id=event.unit_id,
                type=event.type,
                attributes=event.attributes,
                minimum_staffing=event.minimum_staffing,
                occur_time=occur_time,
            )
        case unit_make.UnitAttached():
            return unit_pb.UnitAttached(
                unit_id=event.unit_id,
                force_id=event.force_id,
                force_class=event.force_class,
                occur_time=occur_time,
            )
        case unit_make.UnitDetached():
            return unit_pb.UnitDetached(
                unit_id=event.unit_id,
                force_id=event.force_id,
                reason=event.reason,
                occur_time=occur_time,
            )
        case unit_status.UnitStatusSet():
            return unit_pb.UnitStatusSet(
                unit_id=event.unit_id,
                word=event.word,
                codes=event.codes,
                source=event.source.value,
                late=event.late,
                occur_time=occur_time,
            )
        case unit_status.UnitRecalled():
            return unit_pb.UnitRecalled(
                unit_id=event.unit_id,
                word=event.word,
                reason=event.reason,
                occur_time=occur_time,
            )
        case unit_roster.UnitRestStarted():
            return unit_pb.UnitRestStarted(
                unit_id=event.unit_id,
                until_time=to_proto(event.until),
                reason=event.reason,
                occur_time=occur_time,
            )
        case unit_roster.UnitRestEnded():
            return unit_pb.UnitRestEnded(
                unit_id=event.unit_id, reason=event.reason, occur_time=occur_time
            )
        case unit_roster.UnitShiftStarted():
            return unit_pb.UnitShiftStarted(
                unit_id=event.unit_id,
                shift_id=event.shift_id,
                people=len(event.member_ids),
                occur_time=occur_time,
            )
        case unit_roster.UnitShiftEnded():
            return unit_pb.UnitShiftEnded(
                unit_id=event.unit_id,
                shift_id=event.shift_id,
                reason=event.reason,
                occur_time=occur_time,
            )
        case (
            unit_make.UnitEquipped()
            | unit_roster.UnitCrewAssigned()
            | unit_roster.UnitCrewRelieved()
            | unit_roster.UnitQualificationLapsed()
            | unit_roster.UnitShiftScheduled()
        ):
            return None


def of_force(event: force.Event) -> Message | None:
    occur_time = to_proto(event.occurred_at)
    match event:
        case force.ForceRegistered():
            return force_pb.ForceRegistered(
                force_id=event.force_id,
                name=event.name,
                force_class=event.force_class,
                adcode=event.adcode,
                occur_time=occur_time,
            )
        case force.ForceRecognised():
            return force_pb.ForceRecognised(
                force_id=event.force_id,
                authority=event.authority,
                level=event.level,
                branches=event.branches,
                valid_until_time=to_proto(event.valid_until),
                occur_time=occur_time,
            )
        case force.ForceRecognitionWithdrawn():
            return force_pb.ForceRecognitionWithdrawn(
                force_id=event.force_id, reason=event.reason, occur_time=occur_time
            )
        case force.MobilisationApproved():
            return force_pb.MobilisationApproved(
                force_id=event.force_id,
                approval_id=event.approval_id,
                incident_id=event.incident_id,
                unit_ids=event.unit_ids,
                approved_by=event.approved_by,
                valid_until_time=to_proto(event.valid_until),
                occur_time=occur_time,
            )
        case force.MobilisationWithdrawn():
            return force_pb.MobilisationWithdrawn(
                force_id=event.force_id,
                approval_id=event.approval_id,
                incident_id=event.incident_id,
                reason=event.reason,
                occur_time=occur_time,
            )
        case force.ForceCalledUp():
            return force_pb.ForceCalledUp(
                force_id=event.force_id,
                call_up_id=event.call_up_id,
                incident_id=event.incident_id,
                task=event.task,
                lacked=event.lacked,
                override_reason=event.override_reason,
                occur_time=occur_time,
            )
        case force.ForceStoodDown():
            return force_pb.ForceStoodDown(
                force_id=event.force_id,
                call_up_id=event.call_up_id,
                incident_id=event.incident_id,
                reason=event.reason,
                occur_time=occur_time,
            )
        case force.ForceCompensated():
            return force_pb.ForceCompensated(
                force_id=event.force_id,
                call_up_id=event.call_up_id,
                incident_id=event.incident_id,
                amount_fen=event.amount_fen,
                total_fen=event.total_fen,
                occur_time=occur_time,
            )
        case force.ForceLeadAppointed() | force.ForceInsured():
            return None


def of_stock(event: stock.Event) -> tuple[str, Message | None]:
    occur_time = to_proto(event.occurred_at)
    match event:
        case stock.StockShipped():
            return "", stock_pb.StockShipped(
                transfer_id=event.transfer_id,
                depot_id=event.depot_id,
                to_depot_id=event.to_depot_id,
                item=event.item,
                quantity=event.quantity,
                incident_id=event.incident_id,
                supply_request_id=event.supply_request_id,
                waybill=event.waybill,
                occur_time=occur_time,
            )
        case stock.StockConsumed():
            return event.adcode, stock_pb.StockConsumed(
                depot_id=event.depot_id,
                item=event.item,
                item_class=event.item_class,
                relief=event.relief,
                quantity=event.quantity,
                unit=event.unit,
                incident_id=event.incident_id,
                adcode=event.adcode,
                group_id=event.group_id,
                purpose=event.purpose,
                items_version=event.items_version,
                occur_time=occur_time,
            )
        case stock.LotExpired(lot=lot):
            return "", stock_pb.LotExpired(
                depot_id=event.depot_id,
                item=event.item,
                lot_id=lot.lot_id,
                quantity=lot.quantity,
                expire_date="" if lot.expires_on is None else lot.expires_on.isoformat(),
                occur_time=occur_time,
            )
        case stock.StockFellBelowMinimum() | stock.StockRecovered():
            fell = isinstance(event, stock.StockFellBelowMinimum)
            crossed = stock_pb.StockFellBelowMinimum if fell else stock_pb.StockRecovered
            return "", crossed(
                depot_id=event.depot_id,
                item=event.item,
                usable=event.usable,
                minimum=event.minimum,
                occur_time=occur_time,
            )
        case _:
            return "", None


def of_transfer(event: transfer.Event) -> Message | None:
    occur_time = to_proto(event.occurred_at)
    match event:
        case transfer.TransferStarted() | transfer.TransferDeparted():
            return None
        case transfer.TransferHandedOver():
            return stock_pb.TransferHandedOver(
                transfer_id=event.transfer_id,
                leg=event.leg,
                counted=event.counted,
                lost=event.lost,
                damaged=event.damaged,
                reason=event.reason,
                depot_id=event.from_depot_id,
                item=event.item,
                supply_request_id=event.supply_request_id,
                occur_time=occur_time,
            )
        case transfer.TransferDiverted() | transfer.TransferTurnedBack():
            return stock_pb.TransferDiverted(
                transfer_id=event.transfer_id,
                item=event.item,
                quantity=event.quantity,
                was_to_depot_id=event.was_to_depot_id,
                was_for_incident_id=event.was_for_incident_id,
                was_for_supply_request_id=event.was_for_supply_request_id,
                to_depot_id=event.to_depot_id,
                incident_id=getattr(event, "incident_id", ""),
                supply_request_id=getattr(event, "supply_request_id", ""),
                reason=event.reason,
                turned_back=isinstance(event, transfer.TransferTurnedBack),
                occur_time=occur_time,
            )
        case transfer.TransferReceived():
            return stock_pb.TransferReceived(
                transfer_id=event.transfer_id,
                number=event.number,
                received=event.received,
                lost=event.lost,
                damaged=event.damaged,
                reason=event.reason,
                said_by=event.said_by,
                depot_id=event.from_depot_id,
                to_depot_id=event.to_depot_id,
                item=event.item,
                incident_id=event.incident_id,
                supply_request_id=event.supply_request_id,
                occur_time=occur_time,
            )


def of_request(event: supply_request.Event) -> tuple[str, Message | None]:
    occur_time = to_proto(event.occurred_at)
    id_ = event.supply_request_id
    match event:
        case supply_request.SupplyRequested():
            requested = request_pb.SupplyRequested(
                supply_request_id=id_,
                item=event.item,
                quantity=event.quantity,
                unit=event.unit,
                item_class=event.item_class,
                incident_id=event.incident_id,
                need_id=event.need_id,
                needed_by_time=to_proto(event.needed_by),
                occur_time=occur_time,
            )
            place.write(requested.place, event.place)
            return event.place.adcode, requested
        case supply_request.SupplyRequestApproved():
            return "", request_pb.SupplyRequestApproved(
                supply_request_id=id_,
                asked=event.asked,
                quantity=event.quantity,
                reason=event.reason,
                occur_time=occur_time,
            )
        case supply_request.SupplyRequestDeclined():
            return "", request_pb.SupplyRequestDeclined(
                supply_request_id=id_, reason=event.reason, occur_time=occur_time
            )
        case supply_request.SuppliesCommitted():
            return "", request_pb.SuppliesCommitted(
                supply_request_id=id_,
                commitment_id=event.commitment_id,
                depot_id=event.depot_id,
                item=event.item,
                quantity=event.quantity,
                incident_id=event.incident_id,
                expect_time=to_proto(event.expected_at),
                occur_time=occur_time,
            )
        case supply_request.SupplyCommitmentWithdrawn():
            return "", request_pb.SupplyCommitmentWithdrawn(
                supply_request_id=id_,
                commitment_id=event.commitment_id,
                depot_id=event.depot_id,
                item=event.item,
                quantity=event.quantity,
                incident_id=event.incident_id,
                reason=event.reason,
                occur_time=occur_time,
            )
        case supply_request.SupplyRequestCompleted():
            return "", request_pb.SupplyRequestCompleted(
                supply_request_id=id_,
                received=event.received,
                missing=event.missing,
                reason=event.reason,
                occur_time=occur_time,
            )
        case supply_request.SupplyRequestCancelled():
            return "", request_pb.SupplyRequestCancelled(
                supply_request_id=id_, reason=event.reason, occur_time=occur_time
            )
        case supply_request.NeedServed():
            return event.adcode, request_pb.NeedServed(
                supply_request_id=id_,
                incident_id=event.incident_id,
                need_id=event.need_id,
                unit=event.unit,
                depot_ids=event.depots,
                outstanding=event.outstanding,
                received=event.received,
                occur_time=occur_time,
            )
        case (
            supply_request.SupplyRequestAccepted()
            | supply_request.SupplyShipmentNoted()
            | supply_request.SupplyDeliveryNoted()
            | supply_request.SupplyDiversionNoted()
        ):
            return "", None


def of_shelter(event: shelter.Event) -> tuple[str, Message | None]:
    occur_time = to_proto(event.occurred_at)
    match event:
        case shelter.ShelterRegistered():
            return event.place.adcode, None
        case (
            shelter.ShelterInspected()
            | shelter.MoveRefused()
            | shelter.MoveCompleted()
            | shelter.PeopleTurnedBack()
        ):
            return event.adcode, None
        case shelter.ShelterOpened():
            return event.adcode, shelter_pb.ShelterOpened(
                shelter_id=event.shelter_id,
                incident_id=event.incident_id,
                capacity=event.capacity,
                occur_time=occur_time,
            )
        case shelter.PeopleAdmitted():
            return event.adcode, shelter_pb.PeopleAdmitted(
                shelter_id=event.shelter_id,
                group_id=event.group_id,
                people=event.people,
                occupancy=event.occupancy,
                incident_id=event.incident_id,
                from_adcode=event.from_adcode,
                household_people=event.inside,
                vacancies=event.vacancies,
                occur_time=occur_time,
            )
        case shelter.PeopleSentOn():
            return event.adcode, shelter_pb.PeopleSentOn(
                shelter_id=event.shelter_id,
                move_id=event.move_id,
                to_shelter_id=event.to_shelter_id,
                group_id=event.group_id,
                people=event.people,
                occupancy=event.occupancy,
                occur_time=occur_time,
            )
        case shelter.PeopleTakenOver():
            return event.adcode, shelter_pb.PeopleTakenOver(
                shelter_id=event.shelter_id,
                move_id=event.move_id,
                from_shelter_id=event.from_shelter_id,
                group_id=event.group_id,
                people=event.people,
                occupancy=event.occupancy,
                vacancies=event.vacancies,
                incident_id=event.incident_id,
                occur_time=occur_time,
            )
        case shelter.ShelterNeedRaised():
            raised = shelter_pb.ShelterNeedRaised(
                shelter_id=event.shelter_id,
                need_id=event.need_id,
                incident_id=event.incident_id,
                item=event.item,
                quantity=event.quantity,
                unit=event.unit,
                note=event.note,
                needed_by_time=to_proto(event.needed_by),
                occur_time=occur_time,
                opening=event.opening,
                shelter_name=event.name,
            )
            if event.place is not None:
                place.write(raised.place, event.place)
            return event.adcode, raised
        case shelter.ShelterNeedEnded():
            return event.adcode, shelter_pb.ShelterNeedEnded(
                shelter_id=event.shelter_id,
                need_id=event.need_id,
                met=event.met,
                outcome=event.outcome,
                occur_time=occur_time,
                incident_id=event.incident_id,
                opening=event.opening,
            )
        case shelter.PeopleDischarged():
            return event.adcode, shelter_pb.PeopleDischarged(
                shelter_id=event.shelter_id,
                group_id=event.group_id,
                people=event.people,
                occupancy=event.occupancy,
                vacancies=event.vacancies,
                occur_time=occur_time,
            )
        case shelter.ShelterClosed():
            return event.adcode, shelter_pb.ShelterClosed(
                shelter_id=event.shelter_id, occur_time=occur_time
            )


def of_area(event: hazard_area.Event) -> tuple[str, Message | None]:
    occur_time = to_proto(event.occurred_at)
    match event:
        case hazard_area.HazardAreaDeclared():
            return event.adcode, hazard_pb.HazardAreaDeclared(
                hazard_area_id=event.hazard_area_id,
                name=event.name,
                kind=event.kind,
                reason=event.reason,
                incident_id=event.incident_id,
                polygon=polygons.message(event.rings),
                end_time=to_proto(event.ends_at),
                occur_time=occur_time,
            )
        case hazard_area.HazardAreaRedrawn():
            return event.adcode, hazard_pb.HazardAreaRedrawn(
                hazard_area_id=event.hazard_area_id,
                reason=event.reason,
                incident_id=event.incident_id,
                polygon=polygons.message(event.rings),
                end_time=to_proto(event.ends_at),
                occur_time=occur_time,
            )
        case hazard_area.HazardAreaLifted():
            return event.adcode, hazard_pb.HazardAreaLifted(
                hazard_area_id=event.hazard_area_id,
                incident_id=event.incident_id,
                reason=event.reason,
                occur_time=occur_time,
            )


def _point(latitude: float | None, longitude: float | None) -> place_pb2.Point | None:
    if latitude is None or longitude is None:
        return None
    return place_pb2.Point(latitude=latitude, longitude=longitude)


def of_relief(event: relief.Event) -> tuple[str, Message | None]:
    about = {"incident_id": event.incident_id, "adcode": event.adcode}
    occur_time = to_proto(event.occurred_at)
    match event:
        case relief.VillageAffected() | relief.AffectedFiguresRevised():
            return event.adcode, relief_pb.VillageAffected(
                **about,
                households=event.households,
                people=event.people,
                start_time=to_proto(event.started_at),
                due_time=to_proto(event.due_at),
            )
        case relief.ReliefWarned():
            return event.adcode, relief_pb.ReliefWarned(
                **about,
                percent=event.percent,
                open_needs=event.open_needs,
                due_time=to_proto(event.due_at),
                occur_time=occur_time,
            )
        case relief.ReliefMissed():
            return event.adcode, relief_pb.ReliefMissed(
                **about, open_needs=event.open_needs, occur_time=occur_time
            )
        case relief.VillageRelieved():
            return event.adcode, relief_pb.VillageRelieved(
                **about, late=event.late, occur_time=occur_time
            )
        case relief.ReliefCounted() | relief.ReliefNeedMet() | relief.ReliefNeedReopened():
            return event.adcode, None


def of_site(event: risk_site.Event) -> tuple[str, Message | None]:
    match event:
        case risk_site.RiskSiteRegistered() | risk_site.RiskSiteRevised():
            return event.entry.place.adcode, None
        case risk_site.RiskSitePatrolled():
            return event.adcode, risk_site_pb.RiskSitePatrolled(
                site_id=event.site_id,
                adcode=event.adcode,
                state=event.state,
                finding=event.finding,
                occur_time=to_proto(event.occurred_at),
            )


def of_landing(event: landing_point.Event) -> tuple[str, Message | None]:
    match event:
        case landing_point.LandingPointRegistered() | landing_point.LandingPointRevised():
            return event.entry.place.adcode, None
        case landing_point.LandingPointClosed():
            return event.adcode, landing_point_pb.LandingPointClosed(
                landing_point_id=event.landing_point_id,
                adcode=event.adcode,
                reason=event.reason,
                expected_open_time=to_proto(event.expected_open_at),
                occur_time=to_proto(event.occurred_at),
            )
        case landing_point.LandingPointOpened():
            return event.adcode, landing_point_pb.LandingPointOpened(
                landing_point_id=event.landing_point_id,
                adcode=event.adcode,
                note=event.note,
                occur_time=to_proto(event.occurred_at),
            )


def of_expert(event: expert.Event) -> tuple[str, Message | None]:
    occur_time = to_proto(event.occurred_at)
    match event:
        case expert.ExpertRegistered() | expert.ExpertRevised():
            return event.entry.adcode, None
        case (
            expert.ExpertBecameUnavailable()
            | expert.ExpertBecameAvailable()
            | expert.ExpertRetired()
        ):
            return event.adcode, None
        case expert.ExpertCalledUp():
            return event.adcode, expert_pb.ExpertCalledUp(
                expert_id=event.expert_id,
                name=event.name,
                call_up_id=event.call_up_id,
                incident_id=event.incident_id,
                called_as=event.called_as,
                task=event.task,
                ordered_by=event.ordered_by,
                occur_time=occur_time,
            )
        case expert.ExpertArrived():
            arrived = expert_pb.ExpertArrived(
                expert_id=event.expert_id,
                call_up_id=event.call_up_id,
                incident_id=event.incident_id,
                occur_time=occur_time,
            )
            if event.place is not None:
                place.write(arrived.place, event.place)
            return event.adcode, arrived
        case expert.ExpertReleased():
            return event.adcode, expert_pb.ExpertReleased(
                expert_id=event.expert_id,
                call_up_id=event.call_up_id,
                incident_id=event.incident_id,
                came=event.came,
                reason=event.reason,
                occur_time=occur_time,
            )
