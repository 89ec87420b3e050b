"""What the world may know of plans."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import plan_events_pb2 as plan_pb
from services.command.domain.plan import events as plan_events
from services.runtime.times import to_proto


def of_plan(event: plan_events.Event) -> Message | None:
    """Tell what comes into force and what ends; what is still being written is nobody's plan."""
    match event:
        case plan_events.PlanPublished():
            return plan_pb.PlanPublished(
                plan_id=event.plan_id,
                adcode=event.adcode,
                version=event.version,
                superseded_version=event.supersedes,
                title=event.title,
                body=event.body,
                reference=event.reference,
                occur_time=to_proto(event.occurred_at),
            )
        case plan_events.PlanRetired():
            return plan_pb.PlanRetired(
                plan_id=event.plan_id,
                adcode=event.adcode,
                title=event.title,
                reason=event.reason,
                occur_time=to_proto(event.occurred_at),
            )
        case _:
            return None
