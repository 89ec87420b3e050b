"""决定: what was decided, on what basis, by which lawful steps, by whose authority.

A decision is never edited.  What it lacks is added, who disagrees is heard, and what revokes it is
a decision itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.command.domain.incident.decision_classes import Step
from services.runtime.actor import Actor


class BasisKind(StrEnum):
    """What a decision may rest on; the first four have an id in the incident itself."""

    REPORT = "report"
    FACT = "fact"
    SITUATION_REPORT = "situation_report"
    DECISION = "decision"
    PLAN_CLAUSE = "plan_clause"
    READING = "reading"
    RECOMMENDATION = "recommendation"
    ORDER = "order"
    LAW = "law"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """``position`` is where in the log it stood so; 0 where nobody said."""

    kind: BasisKind
    reference: str
    text: str
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What could have been done, and why it was chosen or not."""

    text: str
    chosen: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """``done_by`` is the body or the person, ``reference`` the paper that proves it."""

    step: Step
    done_by: str
    reference: str
    done_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Dissent:
    dissenter: str
    text: str


class Standing(StrEnum):
    PROPOSED = "proposed"  # waits for the second person
    EFFECTIVE = "effective"
    REJECTED = "rejected"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDecision:
    """``decision_class`` empty is the general one; what ``revokes`` another is of that one's class.

    ``urgent`` says why its steps could not be waited for; empty where they were.
    """

    by: Actor
    incident_id: str
    decision_id: str
    subject: str
    text: str
    basis: tuple[Basis, ...]
    approver: str
    authority: str
    occurred_at: datetime
    decision_class: str = ""
    options: tuple[Option, ...] = ()
    steps: tuple[StepDone, ...] = ()
    urgent: str = ""
    dissents: tuple[Dissent, ...] = ()
    revokes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteDecisionStep:
    by: Actor
    incident_id: str
    decision_id: str
    done: StepDone
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveDecision:
    """``authority`` empty is that which the decision names."""

    by: Actor
    incident_id: str
    decision_id: str
    authority: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectDecision:
    by: Actor
    incident_id: str
    decision_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDissent:
    by: Actor
    incident_id: str
    decision_id: str
    dissent: Dissent
    occurred_at: datetime


Command = RecordDecision | CompleteDecisionStep | ApproveDecision | RejectDecision | RecordDissent


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecorded:
    """``required_steps`` and ``awaits_approval`` are what the class asked for at ``rules_version``.

    ``open_steps`` are to be completed by ``complete_by``.  ``jurisdiction`` is the decider's, and
    ``decider_posts`` are those that the decider held on the incident.
    """

    incident_id: str
    adcode: str
    decision_id: str
    decision_class: str
    subject: str
    text: str
    options: tuple[Option, ...]
    basis: tuple[Basis, ...]
    required_steps: tuple[Step, ...]
    steps: tuple[StepDone, ...]
    open_steps: tuple[Step, ...]
    urgent: str
    complete_by: datetime | None
    standing: Standing
    awaits_approval: bool
    approver: str
    authority: str
    dissents: tuple[Dissent, ...]
    revokes: str
    rules_version: str
    decided_by: str
    decider_posts: tuple[str, ...]
    jurisdiction: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionStepCompleted:
    """``late`` tells that it was done after the time that urgency gave."""

    incident_id: str
    adcode: str
    decision_id: str
    step: Step
    done_by: str
    reference: str
    done_at: datetime
    late: bool
    open_steps: tuple[Step, ...]
    recorded_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionApproved:
    incident_id: str
    adcode: str
    decision_id: str
    authority: str
    approved_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRejected:
    """``was_effective`` tells that an urgent decision was acted on before it was looked at."""

    incident_id: str
    adcode: str
    decision_id: str
    reason: str
    was_effective: bool
    rejected_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DissentRecorded:
    incident_id: str
    adcode: str
    decision_id: str
    dissenter: str
    text: str
    recorded_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRevoked:
    """``revoked_by`` is the decision that revokes it."""

    incident_id: str
    adcode: str
    decision_id: str
    revoked_by: str
    occurred_at: datetime


Event = (
    DecisionRecorded
    | DecisionStepCompleted
    | DecisionApproved
    | DecisionRejected
    | DissentRecorded
    | DecisionRevoked
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What else there is on the incident to rest on, and which posts the caller holds there."""

    reports: Collection[str] = frozenset()
    facts: Collection[str] = frozenset()
    situation_reports: Collection[str] = frozenset()
    posts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision as it stands; ``open_steps`` flags it until each of them is done."""

    decision_class: str
    decided_by: str
    decider_posts: tuple[str, ...]
    jurisdiction: str
    authority: str
    standing: Standing
    awaits_approval: bool
    open_steps: tuple[Step, ...]
    complete_by: datetime | None
    revokes: str
    done: Mapping[Step, StepDone]
    dissents: frozenset[Dissent]
    settled_by: str = ""

    @property
    def flagged(self) -> bool:
        """Whether it was taken in haste and lacks a step or its approval still."""
        late_approval = self.awaits_approval and self.standing is Standing.EFFECTIVE
        return bool(self.open_steps) or late_approval


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    made: Mapping[str, Decision] = field(default_factory=dict)

    def effective(self, decision_id: str) -> bool:
        """Whether a decision holds: approved where that is needed, neither rejected nor revoked."""
        decision = self.made.get(decision_id)
        return decision is not None and decision.standing is Standing.EFFECTIVE


def evolve(decisions: Decisions, event: Event) -> Decisions:
    match event:
        case DecisionRecorded():
            return replace(decisions, made={**decisions.made, event.decision_id: _made(event)})
        case DecisionStepCompleted():
            return _amend(decisions, event.decision_id, lambda was: _completed(was, event))
        case DecisionApproved():
            return _amend(decisions, event.decision_id, lambda was: _approved(was, event))
        case DecisionRejected():
            return _amend(decisions, event.decision_id, lambda was: _rejected(was, event))
        case DissentRecorded():
            dissent = Dissent(dissenter=event.dissenter, text=event.text)
            return _amend(
                decisions,
                event.decision_id,
                lambda was: replace(was, dissents=was.dissents | {dissent}),
            )
        case DecisionRevoked():
            return _amend(
                decisions,
                event.decision_id,
                lambda was: replace(was, standing=Standing.REVOKED, awaits_approval=False),
            )
        case _:
            assert_never(event)


def _amend(
    decisions: Decisions, decision_id: str, change: Callable[[Decision], Decision]
) -> Decisions:
    was = decisions.made.get(decision_id)
    if was is None:
        return decisions
    return replace(decisions, made={**decisions.made, decision_id: change(was)})


def _made(event: DecisionRecorded) -> Decision:
    return Decision(
        decision_class=event.decision_class,
        decided_by=event.decided_by,
        decider_posts=event.decider_posts,
        jurisdiction=event.jurisdiction,
        authority=event.authority,
        standing=event.standing,
        awaits_approval=event.awaits_approval,
        open_steps=event.open_steps,
        complete_by=event.complete_by,
        revokes=event.revokes,
        done={step.step: step for step in event.steps},
        dissents=frozenset(event.dissents),
    )


def _completed(was: Decision, event: DecisionStepCompleted) -> Decision:
    done = StepDone(
        step=event.step, done_by=event.done_by, reference=event.reference, done_at=event.done_at
    )
    return replace(was, open_steps=event.open_steps, done={**was.done, event.step: done})


def _approved(was: Decision, event: DecisionApproved) -> Decision:
    return replace(
        was, standing=Standing.EFFECTIVE, awaits_approval=False, settled_by=event.approved_by
    )


def _rejected(was: Decision, event: DecisionRejected) -> Decision:
    """Return the rejected decision; what was never acted on needs its steps no more."""
    return replace(
        was,
        standing=Standing.REJECTED,
        awaits_approval=False,
        open_steps=was.open_steps if event.was_effective else (),
        settled_by=event.rejected_by,
    )
