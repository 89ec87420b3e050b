"""What the world may know of experts: that they are called up, come and go."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import expert_events_pb2 as expert_pb
from services.resources.domain import expert
from services.runtime import place
from services.runtime.times import to_proto


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
        case expert.ExpertCallUpMoved():
            return event.adcode, expert_pb.ExpertCallUpMoved(
                expert_id=event.expert_id,
                call_up_id=event.call_up_id,
                from_incident_id=event.from_incident_id,
                incident_id=event.incident_id,
                occur_time=occur_time,
            )
        case expert.ExpertReleased():
            return event.adcode, expert_pb.ExpertReleased(
                expert_id=event.expert_id,
                call_up_id=event.call_up_id,
                incident_id=event.incident_id,
                came=event.came,
                reason=event.reason,
                occur_time=occur_time,
            )
