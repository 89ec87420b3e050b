"""What the world may know of requests for supplies."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import supply_request_events_pb2 as request_pb
from services.resources.domain import supply_request
from services.runtime import place
from services.runtime.times import to_proto


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
