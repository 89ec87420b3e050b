"""Decisions as rows, with where the log has what each rests on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    and_,
    bindparam,
    func,
    select,
    update,
)

from services.command.domain.incident import decider, decisions, facts, figures, lifecycle, series
from services.command.domain.incident.decision_classes import Step
from services.command.domain.incident.decisions import BasisKind, Standing, StepDone
from services.command.projections.shared import METADATA, json
from services.runtime.recorded import Recorded
from services.runtime.times import micros

DECISIONS = Table(
    "decision",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("event_id", String, nullable=False),
    Column("decision_id", String, nullable=False),
    Column("decision_class", String, nullable=False),
    Column("adcode", String, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("required_steps", Text, nullable=False),
    Column("steps", Text, nullable=False),
    Column("open_steps", Text, nullable=False),
    Column("urgent", Text, nullable=False),
    Column("complete_by", BigInteger),
    Column("standing", String, nullable=False),
    Column("awaits_approval", Boolean, nullable=False),
    Column("flagged", Boolean, nullable=False),
    Column("approver", Text, nullable=False),
    Column("authority", Text, nullable=False),
    Column("approved_by", String, nullable=False, default=""),
    Column("approved_at", BigInteger),
    Column("approval_authority", Text, nullable=False, default=""),
    Column("rejected_by", String, nullable=False, default=""),
    Column("reject_reason", Text, nullable=False, default=""),
    Column("dissents", Text, nullable=False),
    Column("revokes", String, nullable=False),
    Column("revoked_by", String, nullable=False, default=""),
    Column("rules_version", String, nullable=False),
    Column("decided_by", String, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("changed_position", BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)
Index("decision_by_id", DECISIONS.c.incident_id, DECISIONS.c.decision_id)
DECISION_BASIS = Table(
    "decision_basis",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),  # of the decision
    Column("number", Integer, primary_key=True),
    Column("reference", Text, nullable=False, index=True),
    sqlite_with_rowid=False,
)
GROUNDS = Table(
    "ground",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("reference", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    sqlite_with_rowid=False,
)
"""What came to an incident under an id, and at which position; its decisions are rows of their own.
"""


class BasisRow(msgspec.Struct, frozen=True, kw_only=True):
    """``position`` is what was said, else where the thing came to the incident, else 0."""

    kind: BasisKind
    reference: str
    text: str
    position: int
    on_record: bool


class DissentRow(msgspec.Struct, frozen=True, kw_only=True):
    dissenter: str
    text: str
    recorded_by: str
    occurred_at: int


# Built once each: building a statement costs more than running it.
_KEEP, _RECORD, _INDEX = GROUNDS.insert(), DECISIONS.insert(), DECISION_BASIS.insert()
_GROUND_OF = select(func.min(GROUNDS.c.position)).where(
    GROUNDS.c.incident_id == bindparam("own_incident"),
    GROUNDS.c.kind == bindparam("own_kind"),
    GROUNDS.c.reference == bindparam("own_reference"),
)
_DECISION_OF = select(func.min(DECISIONS.c.position)).where(
    DECISIONS.c.incident_id == bindparam("own_incident"),
    DECISIONS.c.decision_id == bindparam("own_reference"),
)
_CAME_AT = {
    BasisKind.REPORT: _GROUND_OF,
    BasisKind.FACT: _GROUND_OF,
    BasisKind.SITUATION_REPORT: _GROUND_OF,
    BasisKind.DECISION: _DECISION_OF,
}


def apply(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    _keep_grounds(connection, recorded, event)
    if isinstance(event, decisions.DecisionRecorded):
        basis = _resolved(connection, event)
        connection.execute(_RECORD, _decision(recorded, event, basis))
        if basis:
            connection.execute(_INDEX, _index(recorded, event.incident_id, basis))
    elif isinstance(event, decisions.Event):
        _amend(connection, recorded, event)


def _keep_grounds(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    match event:
        case lifecycle.IncidentOpened() | lifecycle.ReportAttached():
            said = facts.said_by_report(event.report_id, event.casualties, event.reported_at)
            came = [
                (BasisKind.REPORT, event.report_id),
                *((BasisKind.FACT, fact.fact_id) for fact in said),
            ]
        case figures.FigureRecorded() | figures.FigureCorrected():
            came = [(BasisKind.FACT, event.fact_id)]
        case series.SituationReportSubmitted():
            came = [(BasisKind.SITUATION_REPORT, event.situation_report_id)]
        case _:
            return
    connection.execute(
        _KEEP,
        [
            {
                "incident_id": recorded.key,
                "kind": kind,
                "reference": reference,
                "position": recorded.position,
            }
            for kind, reference in came
        ],
    )


def _resolved(connection: Connection, event: decisions.DecisionRecorded) -> list[BasisRow]:
    """Return the basis with the position of each thing that the incident has."""
    rows = []
    for basis in event.basis:
        came_at = None
        if (of_kind := _CAME_AT.get(basis.kind)) is not None:
            asked = {
                "own_incident": event.incident_id,
                "own_kind": basis.kind,
                "own_reference": basis.reference,
            }
            came_at = connection.execute(of_kind, asked).scalar()
        rows.append(
            BasisRow(
                kind=basis.kind,
                reference=basis.reference,
                text=basis.text,
                position=basis.position or came_at or 0,
                on_record=came_at is not None,
            )
        )
    return rows


def _amend(
    connection: Connection,
    recorded: Recorded,
    event: decisions.DecisionStepCompleted
    | decisions.DecisionApproved
    | decisions.DecisionRejected
    | decisions.DissentRecorded
    | decisions.DecisionRevoked,
) -> None:
    its = and_(
        DECISIONS.c.incident_id == event.incident_id, DECISIONS.c.decision_id == event.decision_id
    )
    for row in connection.execute(select(DECISIONS).where(its)).all():
        changed = _changed(row, event)
        flagged = _is_flagged(
            changed.get("standing", row.standing),
            changed.get("awaits_approval", row.awaits_approval),
            changed.get("open_steps", row.open_steps),
        )
        connection.execute(
            update(DECISIONS)
            .where(its)
            .where(DECISIONS.c.position == row.position)
            .values(**changed, flagged=flagged, changed_position=recorded.position)
        )


def _changed(row: Any, event: decisions.Event) -> dict[str, Any]:
    match event:
        case decisions.DecisionStepCompleted():
            done = StepDone(
                step=event.step,
                done_by=event.done_by,
                reference=event.reference,
                done_at=event.done_at,
            )
            steps = msgspec.json.decode(row.steps, type=list[StepDone])
            return {"steps": json([*steps, done]), "open_steps": json(event.open_steps)}
        case decisions.DecisionApproved():
            return {
                "standing": Standing.EFFECTIVE,
                "awaits_approval": False,
                "approved_by": event.approved_by,
                "approved_at": micros(event.occurred_at),
                "approval_authority": event.authority,
            }
        case decisions.DecisionRejected():
            return {
                "standing": Standing.REJECTED,
                "awaits_approval": False,
                "rejected_by": event.rejected_by,
                "reject_reason": event.reason,
                "open_steps": row.open_steps if event.was_effective else "[]",
            }
        case decisions.DissentRecorded():
            dissent = DissentRow(
                dissenter=event.dissenter,
                text=event.text,
                recorded_by=event.recorded_by,
                occurred_at=micros(event.occurred_at),
            )
            heard = msgspec.json.decode(row.dissents, type=list[DissentRow])
            return {"dissents": json([*heard, dissent])}
        case decisions.DecisionRevoked():
            return {
                "standing": Standing.REVOKED,
                "awaits_approval": False,
                "revoked_by": event.revoked_by,
            }
        case _:
            return {}


def _is_flagged(standing: Standing, awaits_approval: bool, open_steps: str) -> bool:  # noqa: FBT001
    missing = msgspec.json.decode(open_steps, type=list[Step])
    return bool(missing) or (awaits_approval and standing == Standing.EFFECTIVE)


def _index(
    recorded: Recorded, incident_id: str, basis: Iterable[BasisRow]
) -> list[dict[str, object]]:
    return [
        {
            "incident_id": incident_id,
            "position": recorded.position,
            "number": number,
            "reference": row.reference,
        }
        for number, row in enumerate(basis)
    ]


def _decision(
    recorded: Recorded, event: decisions.DecisionRecorded, basis: list[BasisRow]
) -> dict[str, object]:
    open_steps = json(event.open_steps)
    return {
        "incident_id": event.incident_id,
        "position": recorded.position,
        "event_id": str(recorded.id),
        "decision_id": event.decision_id,
        "decision_class": event.decision_class,
        "adcode": event.adcode,
        "subject": event.subject,
        "text": event.text,
        "options": json(event.options),
        "basis": json(basis),
        "required_steps": json(event.required_steps),
        "steps": json(event.steps),
        "open_steps": open_steps,
        "urgent": event.urgent,
        "complete_by": None if event.complete_by is None else micros(event.complete_by),
        "standing": event.standing,
        "awaits_approval": event.awaits_approval,
        "approver": event.approver,
        "authority": event.authority,
        "dissents": json(
            [
                DissentRow(
                    dissenter=dissent.dissenter,
                    text=dissent.text,
                    recorded_by=event.decided_by,
                    occurred_at=micros(event.occurred_at),
                )
                for dissent in event.dissents
            ]
        ),
        "revokes": event.revokes,
        "rules_version": event.rules_version,
        "decided_by": event.decided_by,
        "occurred_at": micros(event.occurred_at),
        "flagged": _is_flagged(event.standing, event.awaits_approval, open_steps),
        "changed_position": recorded.position,
    }
