"""What the world may know of this service's events, and under which subject it listens for it."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import shelter_events_pb2 as shelter_pb
from anlan.events.v1 import stock_events_pb2 as stock_pb
from anlan.events.v1 import unit_events_pb2 as unit_pb
from services.resources.codec import (
    SHELTER,
    SHELTERS,
    STOCK,
    STOCKS,
    TRANSFER,
    TRANSFERS,
    UNIT,
    UNITS,
)
from services.resources.domain import shelter, stock, transfer, unit
from services.runtime import place
from services.runtime.actor import NATION
from services.runtime.recorded import Recorded
from services.runtime.relay import Publication
from services.runtime.times import to_proto

STREAM = "ANLAN_RESOURCES"
SUBJECTS = [
    f"anlan.*.{category}.>" for category in ("unit", "stock", "transfer", "shelter", "depot")
]
SOURCE = "/anlan/resources"
EXPIRED = "expired"


def public(recorded: Recorded) -> Publication | None:
    """Translate a private event; None for what stays in the house."""
    match recorded.category:
        case UNIT.category:
            adcode, message = of_unit(UNITS.decode(recorded.type, recorded.data))
        case STOCK.category:
            adcode, message = of_stock(STOCKS.decode(recorded.type, recorded.data))
        case TRANSFER.category:
            adcode, message = "", of_transfer(TRANSFERS.decode(recorded.type, recorded.data))
        case SHELTER.category:
            adcode, message = of_shelter(SHELTERS.decode(recorded.type, recorded.data))
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
        case unit.UnitReservationConfirmed() | unit.UnitHoldMoved():
            return event.adcode, None


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
        case _:
            return "", None


def of_transfer(event: transfer.Event) -> Message | None:
    match event:
        case transfer.TransferStarted():
            return None
        case transfer.TransferReceived():
            return stock_pb.TransferReceived(
                transfer_id=event.transfer_id,
                received=event.received,
                lost=event.lost,
                reason=event.reason,
                depot_id=event.from_depot_id,
                to_depot_id=event.to_depot_id,
                item=event.item,
                occur_time=to_proto(event.occurred_at),
            )


def of_shelter(event: shelter.Event) -> tuple[str, Message | None]:
    occur_time = to_proto(event.occurred_at)
    match event:
        case shelter.ShelterRegistered():
            return event.place.adcode, None
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
                occur_time=occur_time,
            )
        case shelter.PeopleDischarged():
            return event.adcode, shelter_pb.PeopleDischarged(
                shelter_id=event.shelter_id,
                group_id=event.group_id,
                people=event.people,
                occupancy=event.occupancy,
                occur_time=occur_time,
            )
        case shelter.ShelterClosed():
            return event.adcode, shelter_pb.ShelterClosed(
                shelter_id=event.shelter_id, occur_time=occur_time
            )
