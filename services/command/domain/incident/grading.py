"""定级: the grade that the figures propose, the one that a person gives, and its fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.command.domain.grades import Grade
from services.command.domain.incident.facts import Fact, Metric
from services.command.domain.incident.grade_tables import (
    NO_RESPONSE,
    GradeTables,
    Proposal,
    propose,
)
from services.command.domain.levels import Level
from services.runtime.actor import Actor
from services.runtime.rejection import Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeIncident:
    """Confirms what is proposed, or overrides it: then ``basis`` is the reason."""

    by: Actor
    incident_id: str
    grade: Grade
    basis: str
    occurred_at: datetime


Command = GradeIncident


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeProposed:
    """What the standing figures say; no ``grade`` when they say none any more.

    ``facts`` are those that the ``numbers`` come from.  ``reached_at`` is when the last of the
    figures that decided was said: it may lie long before ``occurred_at``.
    """

    incident_id: str
    adcode: str
    grade: Grade | None
    previous: Grade | None
    basis: str
    table_id: str
    table_version: str
    rule_id: str
    numbers: Mapping[Metric, int]
    facts: tuple[str, ...]
    reached_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentGraded:
    """A person's grade beside what was ``proposed``, by which rule and which numbers.

    Where nothing was proposed the grade is given by hand, and no rule is named.  ``reached_at`` is
    the proposal's where the grade confirms it.
    """

    incident_id: str
    adcode: str
    grade: Grade
    previous: Grade | None
    basis: str
    proposed: Grade | None
    table_id: str
    table_version: str
    rule_id: str
    numbers: Mapping[Metric, int]
    facts: tuple[str, ...]
    graded_by: str
    reached_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseMismatched:
    """The level, none when no response is active, is not among those that fit the grade."""

    incident_id: str
    adcode: str
    grade: Grade
    level: Level | None
    fitting: tuple[str, ...]
    table_version: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseMatched:
    incident_id: str
    adcode: str
    grade: Grade
    level: Level | None
    occurred_at: datetime


Event = GradeProposed | IncidentGraded | ResponseMismatched | ResponseMatched


@dataclass(frozen=True, slots=True, kw_only=True)
class Grading:
    """``grade`` is confirmed, ``proposed`` by ``rule_id``.

    ``answered`` is the proposal that the confirmed grade spoke to; ``mismatch`` the grade and the
    level that an alarm stands for.
    """

    grade: Grade | None = None
    proposed: Grade | None = None
    rule_id: str = ""
    answered: Grade | None = None
    mismatch: tuple[Grade, Level | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an incident is graded by: its type, the facts that stand, and the law of its day."""

    incident_id: str
    adcode: str
    type_code: str
    reported_at: datetime
    standing: Mapping[Metric, Fact]

    def proposal(self, tables: GradeTables) -> Proposal:
        figures = {metric: fact.value for metric, fact in self.standing.items()}
        return propose(tables, self.type_code, figures, self.reported_at)

    def facts(self, metrics: Iterable[Metric]) -> tuple[str, ...]:
        """Return the facts that the numbers come from; of a sum of townships, its parts."""
        facts = [self.standing[metric] for metric in metrics]
        return tuple(id_ for fact in facts for id_ in fact.parts or (fact.fact_id,))

    def reached_at(self, proposal: Proposal, occurred_at: datetime) -> datetime:
        said = (self.standing[metric].occurred_at for metric in proposal.deciding)
        return max(said, default=occurred_at)


def decide(
    tables: GradeTables, command: Command, subject: Subject, grading: Grading
) -> list[Event]:
    """Grade by hand, by what the figures that stand now propose, or against it."""
    proposal = subject.proposal(tables)
    if (grading.grade, grading.answered) == (command.grade, proposal.grade):
        return []
    confirms = proposal.grade is command.grade
    if not confirms and not command.basis:
        raise Rejection(
            "GRADE_WITHOUT_BASIS",
            f"the figures propose {proposal.grade or 'no grade'}: "
            f"say why it shall be {command.grade}",
            incident_id=command.incident_id,
            grade=command.grade,
            proposed=proposal.grade or "",
        )
    at = command.occurred_at
    return [
        IncidentGraded(
            incident_id=command.incident_id,
            adcode=subject.adcode,
            grade=command.grade,
            previous=grading.grade,
            basis=command.basis or proposal.basis,
            proposed=proposal.grade,
            table_id=proposal.table_id,
            table_version=proposal.table_version,
            rule_id=proposal.rule_id,
            numbers=proposal.numbers,
            facts=subject.facts(proposal.numbers),
            graded_by=command.by.subject,
            reached_at=subject.reached_at(proposal, at) if confirms else at,
            occurred_at=at,
        )
    ]


def follow_figures(
    tables: GradeTables, subject: Subject, grading: Grading, occurred_at: datetime
) -> list[Event]:
    """Propose what the standing figures say, whenever that is not what was proposed last."""
    proposal = subject.proposal(tables)
    if (grading.proposed, grading.rule_id) == (proposal.grade, proposal.rule_id):
        return []
    return [
        GradeProposed(
            incident_id=subject.incident_id,
            adcode=subject.adcode,
            grade=proposal.grade,
            previous=grading.proposed,
            basis=proposal.basis,
            table_id=proposal.table_id,
            table_version=proposal.table_version,
            rule_id=proposal.rule_id,
            numbers=proposal.numbers,
            facts=subject.facts(proposal.numbers),
            reached_at=subject.reached_at(proposal, occurred_at),
            occurred_at=occurred_at,
        )
    ]


def follow_response(
    tables: GradeTables,
    subject: Subject,
    grading: Grading,
    level: Level | None,
    occurred_at: datetime,
    *,
    ended: bool,
) -> list[Event]:
    """Raise the alarm when the confirmed grade and the level do not fit, and end it when they do.

    To be asked when either has changed.  A response that has ``ended`` needs no level.
    """
    grade = grading.grade
    if grade is None:
        return []
    fitting = tables.fitting(subject.type_code, grade)
    if ended or not fitting or (level or NO_RESPONSE) in fitting:
        if grading.mismatch is None:
            return []
        return [
            ResponseMatched(
                incident_id=subject.incident_id,
                adcode=subject.adcode,
                grade=grade,
                level=level,
                occurred_at=occurred_at,
            )
        ]
    if grading.mismatch == (grade, level):
        return []
    return [
        ResponseMismatched(
            incident_id=subject.incident_id,
            adcode=subject.adcode,
            grade=grade,
            level=level,
            fitting=fitting,
            table_version=tables.version,
            occurred_at=occurred_at,
        )
    ]


def in_force(grading: Grading) -> Grade | None:
    """Return the grade that the law's clocks heed, which wait for no confirmation.

    It is the confirmed one, or a higher one that the figures have proposed since.
    """
    confirmed, proposed = grading.grade, grading.proposed
    if confirmed is None or proposed is None or proposed is grading.answered:
        return confirmed or proposed
    return max(confirmed, proposed, key=lambda grade: grade.rank)


def evolve(grading: Grading, event: Event) -> Grading:
    match event:
        case GradeProposed():
            return replace(grading, proposed=event.grade, rule_id=event.rule_id)
        case IncidentGraded():
            return replace(grading, grade=event.grade, answered=event.proposed)
        case ResponseMismatched():
            return replace(grading, mismatch=(event.grade, event.level))
        case ResponseMatched():
            return replace(grading, mismatch=None)
        case _:
            assert_never(event)
