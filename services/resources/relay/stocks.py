"""What the world may know of stocks, and of goods on the road between them."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import stock_events_pb2 as stock_pb
from services.resources.domain import stock, transfer
from services.runtime.times import to_proto


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
