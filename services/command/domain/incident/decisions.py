"""决定: what was decided, on what basis, by whose authority."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a decision rests on: a report, a reading, a plan's clause, an order."""

    kind: str
    reference: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDecision:
    by: Actor
    incident_id: str
    decision_id: str
    subject: str
    text: str
    basis: tuple[Basis, ...]
    approver: str
    authority: str
    occurred_at: datetime


Command = RecordDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecorded:
    incident_id: str
    adcode: str
    decision_id: str
    subject: str
    text: str
    basis: tuple[Basis, ...]
    approver: str
    authority: str
    decided_by: str
    occurred_at: datetime


Event = DecisionRecorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    recorded: frozenset[str] = frozenset()


def decide(command: Command, adcode: str, decisions: Decisions) -> list[Event]:
    if command.decision_id in decisions.recorded:
        raise AlreadyExists(
            "DECISION_EXISTS",
            f"decision {command.decision_id} is recorded; a decision is never edited",
            decision_id=command.decision_id,
        )
    return [
        DecisionRecorded(
            incident_id=command.incident_id,
            adcode=adcode,
            decision_id=command.decision_id,
            subject=command.subject,
            text=command.text,
            basis=command.basis,
            approver=command.approver,
            authority=command.authority,
            decided_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(decisions: Decisions, event: Event) -> Decisions:
    return replace(decisions, recorded=decisions.recorded | {event.decision_id})
