"""One row per force, with its papers, what was approved of it and each call-up."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection

from services.resources.codec import FORCES
from services.resources.domain import force_rules
from services.resources.domain.force import (
    Approval,
    CallUp,
    Force,
    ForceInsured,
    ForceRecognised,
    ForceRegistered,
)
from services.resources.projections import tables
from services.runtime.recorded import Recorded
from services.runtime.times import micros


def recognised_of(row: Any) -> ForceRecognised | None:
    return msgspec.json.decode(row.recognised, type=ForceRecognised | None)


def insured_of(row: Any) -> ForceInsured | None:
    return msgspec.json.decode(row.insured, type=ForceInsured | None)


def approvals_of(row: Any) -> dict[str, Approval]:
    return msgspec.json.decode(row.approvals, type=dict[str, Approval])


def call_ups_of(row: Any) -> dict[str, CallUp]:
    return msgspec.json.decode(row.call_ups, type=dict[str, CallUp])


def apply(connection: Connection, recorded: Recorded) -> None:
    event = FORCES.decode(recorded.type, recorded.data)
    if isinstance(event, ForceRegistered):
        tables.put(
            connection,
            tables.forces,
            recorded,
            force_id=event.force_id,
            name=event.name,
            force_class=event.force_class,
            adcode=event.adcode,
            **_columns(Force(event)),
        )
        return
    row = tables.row(connection, tables.forces, force_id=event.force_id)
    registered = ForceRegistered(
        force_id=row.force_id,
        name=row.name,
        force_class=row.force_class,
        adcode=row.adcode,
        responsible=row.responsible,
        contact=row.contact,
        occurred_at=event.occurred_at,
    )
    before = Force(
        registered,
        recognised=recognised_of(row),
        insured=insured_of(row),
        approvals=approvals_of(row),
        call_ups=call_ups_of(row),
    )
    after = force_rules.evolve(before, event)
    assert after is not None
    tables.change(connection, tables.forces, recorded, event.force_id, **_columns(after))


def _columns(force: Force) -> dict[str, Any]:
    recognised, insured = force.recognised, force.insured
    running = [one for one in force.call_ups.values() if one.runs]
    return {
        "responsible": force.registered.responsible,
        "contact": force.registered.contact,
        "recognised": tables.json(recognised),
        "recognised_until": recognised and micros(recognised.valid_until),
        "insured": tables.json(insured),
        "insured_until": insured and micros(insured.valid_until),
        "approvals": tables.json(force.approvals),
        "call_ups": tables.json(force.call_ups),
        "serving": tables.json(sorted({one.incident_id for one in running})),
        "outlasting": tables.json(sorted({one.incident_id for one in running if one.outlasted_at})),
    }
