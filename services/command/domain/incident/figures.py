"""What is done with figures: recorded, corrected, withdrawn, declared authoritative.

A figure is never changed.  A correction supersedes it, a withdrawal ends it, a declaration says
which of several holds; what was said before stays in the record with who said it and why it went.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.command.domain.incident.facts import (
    Fact,
    Facts,
    Metric,
    SourceKind,
    same,
    take_in,
)
from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists, NotFound, Rejection


class Authority(StrEnum):
    """What becomes of the declared authority over a metric when its fact is corrected."""

    NONE = "none"  # nothing was declared
    DECLARED = "declared"  # the corrector declares the new value authoritative
    LAPSED = "lapsed"  # the declaration held for the old value only


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFigure:
    by: Actor
    incident_id: str
    fact_id: str
    metric: Metric
    value: int
    source_kind: SourceKind
    source: str
    scope: str
    note: str
    basis: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectFigure:
    """``fact_id`` is the new fact, of the same metric and scope as the one it ``corrects``."""

    by: Actor
    incident_id: str
    fact_id: str
    corrects: str
    value: int
    source_kind: SourceKind
    source: str
    note: str
    basis: str
    reason: str
    authoritative: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawFigure:
    by: Actor
    incident_id: str
    fact_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclareAuthoritative:
    by: Actor
    incident_id: str
    fact_id: str
    reason: str
    occurred_at: datetime


Command = RecordFigure | CorrectFigure | WithdrawFigure | DeclareAuthoritative


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRecorded:
    incident_id: str
    adcode: str
    fact_id: str
    metric: Metric
    value: int
    source_kind: SourceKind
    source: str
    scope: str
    note: str
    basis: str
    recorded_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureCorrected:
    incident_id: str
    adcode: str
    fact_id: str
    corrects: str
    metric: Metric
    previous_value: int
    value: int
    source_kind: SourceKind
    source: str
    scope: str
    note: str
    basis: str
    reason: str
    authority: Authority
    corrected_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureWithdrawn:
    incident_id: str
    adcode: str
    fact_id: str
    metric: Metric
    value: int
    reason: str
    authority: Authority
    withdrawn_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureDeclaredAuthoritative:
    """``previous`` is the fact that was authoritative until now, if one was."""

    incident_id: str
    adcode: str
    fact_id: str
    metric: Metric
    value: int
    source: str
    previous: str
    reason: str
    declared_by: str
    occurred_at: datetime


Event = FigureRecorded | FigureCorrected | FigureWithdrawn | FigureDeclaredAuthoritative


def decide(command: Command, adcode: str, facts: Facts, reports: frozenset[str]) -> list[Event]:
    """Decide with the ``reports`` that are attached to the incident."""
    match command:
        case RecordFigure():
            return record(command, adcode, facts, reports)
        case CorrectFigure():
            return correct(command, adcode, facts, reports)
        case WithdrawFigure():
            return withdraw(command, adcode, facts)
        case DeclareAuthoritative():
            return declare(command, adcode, facts)
        case _:
            assert_never(command)


def record(
    command: RecordFigure, adcode: str, facts: Facts, reports: frozenset[str]
) -> list[Event]:
    _require_attached(command, reports)
    event = FigureRecorded(
        incident_id=command.incident_id,
        adcode=adcode,
        fact_id=command.fact_id,
        metric=command.metric,
        value=command.value,
        source_kind=command.source_kind,
        source=command.source,
        scope=command.scope,
        note=command.note,
        basis=command.basis,
        recorded_by=command.by.subject,
        occurred_at=command.occurred_at,
    )
    return [] if _is_known(_fact(event), facts) else [event]


def correct(
    command: CorrectFigure, adcode: str, facts: Facts, reports: frozenset[str]
) -> list[Event]:
    _require_attached(command, reports)
    old = _named(command.incident_id, command.corrects, facts)
    event = FigureCorrected(
        incident_id=command.incident_id,
        adcode=adcode,
        fact_id=command.fact_id,
        corrects=old.fact_id,
        metric=old.metric,
        previous_value=old.value,
        value=command.value,
        source_kind=command.source_kind,
        source=command.source,
        scope=old.scope,
        note=command.note,
        basis=command.basis,
        reason=command.reason,
        authority=Authority.DECLARED if command.authoritative else _left(old, facts),
        corrected_by=command.by.subject,
        occurred_at=command.occurred_at,
    )
    if facts.ended.get(old.fact_id) == command.fact_id and _is_known(_fact(event), facts):
        return []
    _require_live(command.incident_id, old, facts)
    if _is_known(_fact(event), facts):
        raise _exists(command.fact_id)
    return [event]


def withdraw(command: WithdrawFigure, adcode: str, facts: Facts) -> list[Event]:
    fact = _named(command.incident_id, command.fact_id, facts)
    if facts.ended.get(fact.fact_id) == "":
        return []
    _require_live(command.incident_id, fact, facts)
    return [
        FigureWithdrawn(
            incident_id=command.incident_id,
            adcode=adcode,
            fact_id=fact.fact_id,
            metric=fact.metric,
            value=fact.value,
            reason=command.reason,
            authority=_left(fact, facts),
            withdrawn_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def declare(command: DeclareAuthoritative, adcode: str, facts: Facts) -> list[Event]:
    fact = _named(command.incident_id, command.fact_id, facts)
    _require_live(command.incident_id, fact, facts)
    if fact.fact_id in facts.authoritative:
        return []
    rivals = (facts.known[other] for other in facts.authoritative)
    return [
        FigureDeclaredAuthoritative(
            incident_id=command.incident_id,
            adcode=adcode,
            fact_id=fact.fact_id,
            metric=fact.metric,
            value=fact.value,
            source=fact.source,
            previous=next((rival.fact_id for rival in rivals if same(rival, fact)), ""),
            reason=command.reason,
            declared_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(facts: Facts, event: Event) -> Facts:
    match event:
        case FigureRecorded():
            return take_in(facts, [_fact(event)])
        case FigureCorrected():
            taken = take_in(facts, [_fact(event)])
            ended = _end(taken, event.corrects, event.fact_id)
            declared = event.authority is Authority.DECLARED
            return _declare(ended, event.fact_id) if declared else ended
        case FigureWithdrawn():
            return _end(facts, event.fact_id, "")
        case FigureDeclaredAuthoritative():
            return _declare(facts, event.fact_id)
        case _:
            assert_never(event)


def _end(facts: Facts, fact_id: str, successor: str) -> Facts:
    return replace(
        facts,
        ended={**facts.ended, fact_id: successor},
        authoritative=facts.authoritative - {fact_id},
    )


def _declare(facts: Facts, fact_id: str) -> Facts:
    fact = facts.known.get(fact_id)
    if fact is None:
        return facts
    others = {other for other in facts.authoritative if not same(facts.known[other], fact)}
    return replace(facts, authoritative=frozenset(others | {fact_id}))


def _fact(event: FigureRecorded | FigureCorrected) -> Fact:
    return Fact(
        fact_id=event.fact_id,
        metric=event.metric,
        value=event.value,
        source_kind=event.source_kind,
        source=event.source,
        occurred_at=event.occurred_at,
        scope=event.scope,
        note=event.note,
        basis=event.basis,
    )


def _left(fact: Fact, facts: Facts) -> Authority:
    return Authority.LAPSED if fact.fact_id in facts.authoritative else Authority.NONE


def _is_known(fact: Fact, facts: Facts) -> bool:
    """Whether exactly this was said under its id; refuses the id of another fact."""
    known = facts.known.get(fact.fact_id)
    if known is not None and known != fact:
        raise _exists(fact.fact_id)
    return known is not None


def _named(incident_id: str, fact_id: str, facts: Facts) -> Fact:
    if fact_id not in facts.known:
        raise unknown(incident_id, fact_id)
    return facts.known[fact_id]


def _require_live(incident_id: str, fact: Fact, facts: Facts) -> None:
    successor = facts.ended.get(fact.fact_id)
    if successor is None:
        return
    went = f"was superseded by {successor}: name that one" if successor else "was withdrawn"
    raise Rejection(
        "FIGURE_SUPERSEDED" if successor else "FIGURE_WITHDRAWN",
        f"figure {fact.fact_id} ({fact.metric} {fact.value}) {went}",
        incident_id=incident_id,
        fact_id=fact.fact_id,
        superseded_by=successor,
    )


def _require_attached(command: RecordFigure | CorrectFigure, reports: frozenset[str]) -> None:
    if command.source_kind is SourceKind.REPORT and command.basis not in reports:
        raise Rejection(
            "REPORT_NOT_ATTACHED",
            f"report {command.basis or '(none named)'} is not one of incident "
            f"{command.incident_id}: join it first, or name another kind of source",
            incident_id=command.incident_id,
            report_id=command.basis,
        )


def _exists(fact_id: str) -> AlreadyExists:
    return AlreadyExists(
        "FIGURE_EXISTS",
        f"figure {fact_id} says something else; a figure is never changed, correct it",
        fact_id=fact_id,
    )


def unknown(incident_id: str, fact_id: str) -> NotFound:
    return NotFound(
        "NO_SUCH_FIGURE",
        f"incident {incident_id} has no figure {fact_id}",
        incident_id=incident_id,
        fact_id=fact_id,
    )
