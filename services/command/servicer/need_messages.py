"""Between needs as values or rows, and their messages."""

from __future__ import annotations

from typing import Any

from anlan.command.v1 import need_service_pb2 as pb
from services.command.domain.incident.needs import Category, NeedState, Source, SourceKind
from services.command.projections import needs
from services.command.servicer.messages import located
from services.runtime.times import stamp

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
