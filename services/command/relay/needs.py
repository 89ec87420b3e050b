"""What the world may know of an incident's needs."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from anlan.events.v1 import need_events_pb2 as events_pb
from services.command.domain.incident import merge
from services.command.domain.incident import needs as domain
from services.command.servicer import messages
from services.command.servicer.need_messages import CATEGORIES
from services.runtime.times import to_proto


def of_need(event: domain.Event) -> Message:
    about: dict[str, Any] = {
        "incident_id": event.incident_id,
        "need_id": event.need_id,
        "category": CATEGORIES[event.category],
    }
    occurred = to_proto(event.occurred_at)
    match event:
        case domain.NeedRaised():
            return _raised(event)
        case domain.NeedFulfilled(remaining=0):
            return events_pb.NeedMet(**about, occur_time=occurred)
        case domain.NeedCommitted() | domain.NeedCommitmentWithdrawn() | domain.NeedFulfilled():
            return events_pb.NeedProgressed(
                **about,
                committed=event.committed,
                remaining=event.remaining,
                occur_time=occurred,
            )
        case domain.NeedCancelled():
            return events_pb.NeedCancelled(**about, reason=event.reason, occur_time=occurred)


def taken_over(event: merge.IncidentAbsorbed) -> events_pb.NeedsTakenOver:
    return events_pb.NeedsTakenOver(
        incident_id=event.incident_id,
        source_incident_id=event.source_id,
        needs=[
            events_pb.NeedMoved(
                source_need_id=old,
                need=_raised(need.asked),
                committed=need.committed,
                remaining=need.remaining,
            )
            for old, need in event.needs.items()
        ],
        occur_time=to_proto(event.occurred_at),
    )


def _raised(event: domain.NeedRaised) -> events_pb.NeedRaised:
    return events_pb.NeedRaised(
        incident_id=event.incident_id,
        need_id=event.need_id,
        category=CATEGORIES[event.category],
        item=event.item,
        quantity=event.quantity,
        unit=event.unit,
        place=messages.place_message(event.place),
        needed_by_time=to_proto(event.needed_by),
        note=event.note,
        occur_time=to_proto(event.occurred_at),
    )
