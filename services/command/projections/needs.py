"""Needs as rows, each with the promises and the parts that have come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    String,
    Table,
    Text,
    and_,
    bindparam,
    select,
    update,
)

from services.command.domain.incident import decider, needs
from services.command.domain.incident.needs import NeedState
from services.command.projections.shared import METADATA, json, place, placed
from services.runtime.recorded import Recorded
from services.runtime.times import micros

NEEDS = Table(
    "need",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("need_id", String, primary_key=True),
    Column("category", String, nullable=False),
    Column("item", Text, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("unit", String, nullable=False),
    *place(),
    Column("needed_by", BigInteger),
    Column("objective_id", String, nullable=False),
    Column("note", Text, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("committed", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    Column("commitments", Text, nullable=False, default="[]"),
    Column("parts", Text, nullable=False, default="[]"),
    Column("raised_by", String, nullable=False),
    Column("raised_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("cancel_reason", Text, nullable=False, default=""),
    Column("exercise", String, nullable=False),
    Column("opened_position", BigInteger, nullable=False, index=True),
    Column("position", BigInteger, nullable=False, index=True),
)
OPEN = tuple(state for state in NeedState if state not in needs.ENDED)

# Built once: building a statement costs more than running it.
MINE = and_(NEEDS.c.incident_id == bindparam("about"), NEEDS.c.need_id == bindparam("need"))
ROW, CHANGE = select(NEEDS).where(MINE), update(NEEDS).where(MINE)


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """A commitment as its need's row keeps it."""

    commitment_id: str
    quantity: int
    outstanding: int
    source: needs.Source
    expected_at: int | None
    committed_by: str
    committed_at: int
    withdraw_reason: str = ""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A fulfilment as its need's row keeps it."""

    fulfilment_id: str
    commitment_id: str
    quantity: int
    source: needs.Source
    fulfilled_by: str
    fulfilled_at: int


def promises(row: Any) -> list[Promise]:
    return msgspec.json.decode(row.commitments, type=list[Promise])


def parts(row: Any) -> list[Part]:
    return msgspec.json.decode(row.parts, type=list[Part])


def apply(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    if isinstance(event, needs.NeedRaised):
        connection.execute(NEEDS.insert(), _raised(recorded, event))
    elif isinstance(event, needs.Event):
        mine = {"about": event.incident_id, "need": event.need_id}
        row = connection.execute(ROW, mine).one()
        changed = {**_changed(row, event), "position": recorded.position}
        connection.execute(CHANGE, mine | changed)


def _changed(row: Any, event: needs.Event) -> Mapping[str, object]:
    at = micros(event.occurred_at)
    match event:
        case needs.NeedRaised():
            return {}
        case needs.NeedCommitted():
            promise = Promise(
                commitment_id=event.commitment_id,
                quantity=event.quantity,
                outstanding=event.quantity,
                source=event.source,
                expected_at=None if event.expected_at is None else micros(event.expected_at),
                committed_by=event.committed_by,
                committed_at=at,
            )
            return {
                "commitments": json([*promises(row), promise]),
                "committed": event.committed,
            }
        case needs.NeedCommitmentWithdrawn():
            changed = [
                msgspec.structs.replace(promise, outstanding=0, withdraw_reason=event.reason)
                if promise.commitment_id == event.commitment_id
                else promise
                for promise in promises(row)
            ]
            return {"commitments": json(changed), "committed": event.committed}
        case needs.NeedFulfilled():
            return _fulfilled(row, event)
        case needs.NeedCancelled():
            return {
                "state": NeedState.CANCELLED,
                "ended_at": at,
                "cancel_reason": event.reason,
            }
        case _:
            assert_never(event)


def _fulfilled(row: Any, event: needs.NeedFulfilled) -> Mapping[str, object]:
    at = micros(event.occurred_at)
    part = Part(
        fulfilment_id=event.fulfilment_id,
        commitment_id=event.commitment_id,
        quantity=event.quantity,
        source=event.source,
        fulfilled_by=event.fulfilled_by,
        fulfilled_at=at,
    )
    kept = [
        msgspec.structs.replace(promise, outstanding=max(0, promise.outstanding - event.quantity))
        if promise.commitment_id == event.commitment_id
        else promise
        for promise in promises(row)
    ]
    met = event.remaining == 0
    return {
        "state": NeedState.MET if met else NeedState.PARTIALLY_MET,
        "committed": event.committed,
        "remaining": event.remaining,
        "commitments": json(kept),
        "parts": json([*parts(row), part]),
        "ended_at": at if met else None,
    }


def _raised(recorded: Recorded, event: needs.NeedRaised) -> dict[str, object]:
    return {
        "incident_id": event.incident_id,
        "need_id": event.need_id,
        "category": event.category,
        "item": event.item,
        "quantity": event.quantity,
        "unit": event.unit,
        **placed(event.place),
        "needed_by": None if event.needed_by is None else micros(event.needed_by),
        "objective_id": event.objective_id,
        "note": event.note,
        "state": NeedState.OPEN,
        "committed": 0,
        "remaining": event.quantity,
        "raised_by": event.raised_by,
        "raised_at": micros(event.occurred_at),
        "exercise": recorded.metadata.get("exercise", ""),
        "opened_position": recorded.position,
        "position": recorded.position,
    }
