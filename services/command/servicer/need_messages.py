"""Between needs as values or rows, and their messages."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from anlan.command.v1 import need_service_pb2 as pb
from anlan.events.v1 import need_events_pb2 as events_pb
from anlan.type.v1 import place_pb2
from services.command.domain.incident import merge
from services.command.domain.incident import needs as domain
from services.command.domain.incident.needs import Category, NeedState, Source, SourceKind
from services.command.projections import needs
from services.command.servicer.messages import located
from services.runtime import place
from services.runtime.times import stamp, to_proto

CATEGORIES = {
    Category.PERSONNEL: pb.NEED_CATEGORY_PERSONNEL,
    Category.EQUIPMENT: pb.NEED_CATEGORY_EQUIPMENT,
    Category.SUPPLIES: pb.NEED_CATEGORY_SUPPLIES,
    Category.TRANSPORT: pb.NEED_CATEGORY_TRANSPORT,
    Category.SHELTER: pb.NEED_CATEGORY_SHELTER,
    Category.TECHNICAL: pb.NEED_CATEGORY_TECHNICAL,
}
NEED_STATES = {
    NeedState.OPEN: pb.NEED_STATE_OPEN,
    NeedState.PARTIALLY_MET: pb.NEED_STATE_PARTIALLY_MET,
    NeedState.MET: pb.NEED_STATE_MET,
    NeedState.CANCELLED: pb.NEED_STATE_CANCELLED,
}
SOURCES = {
    SourceKind.ASSIGNMENT: pb.NeedSource.KIND_ASSIGNMENT,
    SourceKind.TRANSFER: pb.NeedSource.KIND_TRANSFER,
    SourceKind.SHELTER: pb.NeedSource.KIND_SHELTER,
    SourceKind.OTHER: pb.NeedSource.KIND_OTHER,
}

CATEGORY_OF = {number: category for category, number in CATEGORIES.items()}
NEED_STATE_OF = {number: state for state, number in NEED_STATES.items()}
SOURCE_OF = {number: kind for kind, number in SOURCES.items()}


def source(message: pb.NeedSource) -> Source:
    return Source(
        kind=SOURCE_OF[message.kind], reference=message.reference, provider=message.provider
    )


def need(row: Any) -> pb.Need:
    """Return the message of a row of ``NEEDS`` with ``overdue``."""
    return pb.Need(
        incident_id=row.incident_id,
        need_id=row.need_id,
        category=CATEGORIES[Category(row.category)],
        item=row.item,
        quantity=row.quantity,
        unit=row.unit,
        place=located(row),
        needed_by_time=stamp(row.needed_by),
        objective_id=row.objective_id,
        note=row.note,
        state=NEED_STATES[NeedState(row.state)],
        committed=row.committed,
        remaining=row.remaining,
        commitments=[_commitment(promise) for promise in needs.promises(row)],
        parts=[_part(part) for part in needs.parts(row)],
        raised_by=row.raised_by,
        raise_time=stamp(row.raised_at),
        end_time=stamp(row.ended_at),
        cancel_reason=row.cancel_reason,
        overdue=bool(row.overdue),
        exercise=row.exercise,
        position=row.position,
    )


def public(event: domain.Event) -> Message:
    """Return what the world may know."""
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


def _raised(event: domain.NeedRaised) -> events_pb.NeedRaised:
    return events_pb.NeedRaised(
        incident_id=event.incident_id,
        need_id=event.need_id,
        category=CATEGORIES[event.category],
        item=event.item,
        quantity=event.quantity,
        unit=event.unit,
        place=_place(event.place),
        needed_by_time=to_proto(event.needed_by),
        note=event.note,
        occur_time=to_proto(event.occurred_at),
    )


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


def _place(value: place.Place) -> place_pb2.Place:
    message = place_pb2.Place()
    place.write(message, value)
    return message


def _commitment(promise: needs.Promise) -> pb.NeedCommitment:
    return pb.NeedCommitment(
        commitment_id=promise.commitment_id,
        quantity=promise.quantity,
        outstanding=promise.outstanding,
        source=_source(promise.source),
        expect_time=stamp(promise.expected_at),
        committed_by=promise.committed_by,
        commit_time=stamp(promise.committed_at),
        withdraw_reason=promise.withdraw_reason,
    )


def _part(part: needs.Part) -> pb.NeedPart:
    return pb.NeedPart(
        fulfilment_id=part.fulfilment_id,
        commitment_id=part.commitment_id,
        quantity=part.quantity,
        source=_source(part.source),
        fulfilled_by=part.fulfilled_by,
        fulfil_time=stamp(part.fulfilled_at),
    )


def _source(value: Source) -> pb.NeedSource:
    return pb.NeedSource(
        kind=SOURCES[value.kind], reference=value.reference, provider=value.provider
    )
