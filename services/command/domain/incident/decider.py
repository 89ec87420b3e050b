"""An incident: what its concerns decide together, and what one entails in another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from typing import assert_never

from services.command.domain.incident import (
    decision_rules,
    decisions,
    facts,
    figures,
    grading,
    lifecycle,
    need_rules,
    needs,
    objectives,
    post,
    response,
    series,
    series_rules,
    task_rules,
    tasks,
)
from services.command.domain.incident.contents import SituationReportTable
from services.command.domain.incident.decision_classes import DecisionClasses
from services.command.domain.incident.drafting import Ground
from services.command.domain.incident.grade_tables import GradeTables
from services.command.domain.incident_types import IncidentTypes
from services.runtime.rejection import Forbidden

Act = (
    lifecycle.Command
    | figures.Command
    | grading.Command
    | response.Command
    | post.Command
    | decisions.Command
    | series.Command
    | objectives.Command
    | tasks.Command
    | needs.Command
)
Command = lifecycle.OpenIncident | Act
Event = (
    lifecycle.Event
    | figures.Event
    | grading.Event
    | response.Event
    | post.Event
    | decisions.Event
    | series.Event
    | objectives.Event
    | tasks.Event
    | needs.Event
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The versioned tables that decisions follow, one per concern."""

    types: IncidentTypes
    decisions: DecisionClasses
    grading: GradeTables
    situation_reports: SituationReportTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """One part per concern: each holds what its own decisions need."""

    incident_id: str
    adcode: str
    type_code: str
    reported_at: datetime
    reports: frozenset[str]
    facts: facts.Facts = field(default_factory=facts.Facts)
    grading: grading.Grading = field(default_factory=grading.Grading)
    response: response.Response = field(default_factory=response.Response)
    post: post.Post = field(default_factory=post.Post)
    decisions: decisions.Decisions = field(default_factory=decisions.Decisions)
    series: series.Series = field(default_factory=series.Series)
    objectives: objectives.Objectives = field(default_factory=objectives.Objectives)
    work: tasks.Work = field(default_factory=tasks.Work)
    needs: needs.Needs = field(default_factory=needs.Needs)


@dataclass(frozen=True, slots=True)
class Closed:
    """Read-only; what it was comes back when it is reopened."""

    was: Open


State = Open | Closed | None
INITIAL: State = None
CLOSED = "INCIDENT_CLOSED"


def decide(rules: Rules, command: Command, state: State) -> list[Event]:
    """Return the facts a command adds with all that they entail, or raise the rule it breaks."""
    events = _asked(rules, command, state)
    return events + _entailed(rules, command, state, events)


def _asked(rules: Rules, command: Command, state: State) -> list[Event]:
    if isinstance(command, lifecycle.OpenIncident):
        was = state.was if isinstance(state, Closed) else state
        return [*lifecycle.open_(command, None if was is None else was.reports)]
    match state:
        case Open():
            _within(command, state)
            return [*_act(rules, command, state)]
        case Closed(was):
            _within(command, was)
            if isinstance(command, lifecycle.ReopenIncident):
                return [*lifecycle.reopen(command, was.adcode)]
            if isinstance(command, lifecycle.CloseIncident):
                return []
            raise lifecycle.closed(command.incident_id)
        case None:
            raise lifecycle.unknown(command.incident_id)
        case _:
            assert_never(state)


def _act(rules: Rules, command: Act, state: Open) -> Sequence[Event]:
    """Decide what may be done with an open incident."""
    match command:
        case lifecycle.AttachReport():
            return lifecycle.attach(command, state.adcode, state.reports)
        case lifecycle.CloseIncident():
            response.require_none(state.incident_id, state.response)
            decision_rules.require_settled(state.incident_id, state.decisions)
            return [*_call_off(command, state), *lifecycle.close(command, state.adcode)]
        case lifecycle.ReopenIncident():
            return []
        case (
            figures.RecordFigure()
            | figures.CorrectFigure()
            | figures.WithdrawFigure()
            | figures.DeclareAuthoritative()
        ):
            return figures.decide(command, state.adcode, state.facts, state.reports)
        case grading.GradeIncident():
            return grading.decide(rules.grading, command, _graded_by(state), state.grading)
        case (
            response.ActivateResponse()
            | response.ChangeResponseLevel()
            | response.TerminateResponse()
        ):
            return response.decide(command, state.adcode, state.response)
        case post.EstablishCommand() | post.ProposeTransfer() | post.AcceptTransfer():
            return post.decide(command, state.adcode, state.post)
        case (
            decisions.RecordDecision()
            | decisions.CompleteDecisionStep()
            | decisions.ApproveDecision()
            | decisions.RejectDecision()
            | decisions.RecordDissent()
        ):
            return decision_rules.decide(
                rules.decisions, command, state.adcode, state.decisions, _known(command, state)
            )
        case (
            series.SubmitSituationReport()
            | series.RecordSending()
            | series.AcknowledgeSituationReport()
        ):
            return series_rules.decide(command, report_ground(rules, state), state.series)
        case (
            objectives.SetObjective()
            | objectives.ReportObjectiveProgress()
            | objectives.CloseObjective()
        ):
            return objectives.decide(command, state.adcode, state.objectives)
        case (
            tasks.AssignTask()
            | tasks.AcceptTask()
            | tasks.ReportTaskProgress()
            | tasks.CompleteTask()
            | tasks.CancelTask()
            | tasks.ReassignTask()
            | tasks.RingTask()
        ):
            return task_rules.decide(command, state.adcode, state.work, state.objectives)
        case (
            needs.RaiseNeed()
            | needs.CommitToNeed()
            | needs.WithdrawCommitment()
            | needs.FulfilNeed()
            | needs.CancelNeed()
        ):
            return need_rules.decide(command, state.adcode, state.needs, state.objectives)
        case _:
            assert_never(command)


def _entailed(rules: Rules, command: Command, state: State, events: Sequence[Event]) -> list[Event]:
    """Return what the concerns make of what was just decided, each seeing what the last added."""
    added: list[Event] = []
    after = fold(events, state)
    for follow in FOLLOWERS:
        if not isinstance(after, Open):
            break
        new = follow(rules, command, after, [*events, *added])
        after = fold(new, after)
        added += new
    return added


def _grade(rules: Rules, command: Command, after: Open, events: Sequence[Event]) -> list[Event]:
    """Propose the grade that the figures say, and compare the grade with the response."""
    if not events:
        return []
    subject, at = _graded_by(after), command.occurred_at
    proposed = grading.follow_figures(rules.grading, subject, after.grading, at)
    if not any(isinstance(event, GRADE_OR_LEVEL) for event in events):
        return [*proposed]
    ended = any(isinstance(event, response.ResponseTerminated) for event in events)
    level = after.response.level
    fits = grading.follow_response(rules.grading, subject, after.grading, level, at, ended=ended)
    return [*proposed, *fits]


GRADE_OR_LEVEL = (
    grading.IncidentGraded
    | response.ResponseActivated
    | response.ResponseLevelChanged
    | response.ResponseTerminated
)

Follower = Callable[[Rules, Command, Open, Sequence[Event]], list[Event]]
FOLLOWERS: tuple[Follower, ...] = (_grade,)


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match state, event:
        case None, lifecycle.IncidentOpened():
            return Open(
                incident_id=event.incident_id,
                adcode=event.place.adcode,
                type_code=event.type_code,
                reported_at=event.reported_at,
                reports=frozenset({event.report_id}),
                facts=_said(facts.Facts(), event),
            )
        case Closed(was), lifecycle.IncidentReopened():
            return replace(was, series=series.resume(was.series))
        case Open(), lifecycle.IncidentClosed():
            return Closed(state)
        case Open(), _:
            return _advance(state, event)
        case _:
            return state


def fold(events: Sequence[Event], state: State) -> State:
    return reduce(evolve, events, state)


def _advance(state: Open, event: Event) -> Open:
    match event:
        case lifecycle.ReportAttached(report_id=report_id):
            return replace(
                state, reports=state.reports | {report_id}, facts=_said(state.facts, event)
            )
        case lifecycle.IncidentOpened() | lifecycle.IncidentClosed() | lifecycle.IncidentReopened():
            return state
        case (
            figures.FigureRecorded()
            | figures.FigureCorrected()
            | figures.FigureWithdrawn()
            | figures.FigureDeclaredAuthoritative()
        ):
            return replace(state, facts=figures.evolve(state.facts, event))
        case (
            grading.GradeProposed()
            | grading.IncidentGraded()
            | grading.ResponseMismatched()
            | grading.ResponseMatched()
        ):
            return replace(state, grading=grading.evolve(state.grading, event))
        case (
            response.ResponseActivated()
            | response.ResponseLevelChanged()
            | response.ResponseTerminated()
        ):
            return replace(state, response=response.evolve(state.response, event))
        case post.CommandEstablished() | post.TransferProposed() | post.CommandTransferred():
            return replace(state, post=post.evolve(state.post, event))
        case (
            decisions.DecisionRecorded()
            | decisions.DecisionStepCompleted()
            | decisions.DecisionApproved()
            | decisions.DecisionRejected()
            | decisions.DissentRecorded()
            | decisions.DecisionRevoked()
        ):
            return replace(state, decisions=decisions.evolve(state.decisions, event))
        case (
            series.SituationReportSubmitted()
            | series.SituationReportSent()
            | series.SituationReportAcknowledged()
        ):
            return replace(state, series=series.evolve(state.series, event))
        case (
            objectives.ObjectiveSet()
            | objectives.ObjectiveProgressReported()
            | objectives.ObjectiveClosed()
        ):
            return replace(state, objectives=objectives.evolve(state.objectives, event))
        case (
            tasks.TaskAssigned()
            | tasks.TaskAccepted()
            | tasks.TaskProgressReported()
            | tasks.TaskCompleted()
            | tasks.TaskCancelled()
            | tasks.TaskReassigned()
            | tasks.TaskOverdue()
        ):
            return replace(state, work=task_rules.evolve(state.work, event))
        case (
            needs.NeedRaised()
            | needs.NeedCommitted()
            | needs.NeedCommitmentWithdrawn()
            | needs.NeedFulfilled()
            | needs.NeedCancelled()
        ):
            return replace(state, needs=need_rules.evolve(state.needs, event))
        case _:
            assert_never(event)


def _graded_by(state: Open) -> grading.Subject:
    return grading.Subject(
        incident_id=state.incident_id,
        adcode=state.adcode,
        type_code=state.type_code,
        reported_at=state.reported_at,
        standing=state.facts.standing(),
    )


def _said(
    known: facts.Facts, event: lifecycle.IncidentOpened | lifecycle.ReportAttached
) -> facts.Facts:
    said = facts.said_by_report(event.report_id, event.casualties, event.reported_at)
    return facts.take_in(known, said)


def _known(command: decisions.Command, state: Open) -> decisions.Known:
    """Return what a decision may rest on here, and which posts its caller holds."""
    standing = (fact.fact_id for fact in state.facts.standing().values())
    commands = state.post.commander == command.by.subject
    return decisions.Known(
        reports=state.reports,
        facts={*state.facts.known, *standing},
        situation_reports=state.series.submitted,
        posts=frozenset({"incident_commander"} if commands else ()),
    )


def report_ground(rules: Rules, state: Open) -> Ground:
    """Return what a situation report of an incident is drawn from."""
    return Ground(
        table=rules.situation_reports,
        adcode=state.adcode,
        type_code=state.type_code,
        type_name=rules.types.name(state.type_code),
        grade=state.grading.grade,
        standing=state.facts.standing(),
    )


def _call_off(command: lifecycle.CloseIncident, state: Open) -> Sequence[Event]:
    """Call off what others still do or send for an incident that is over."""
    by, at = command.by.subject, command.occurred_at
    return [
        *tasks.call_off(state.work, adcode=state.adcode, reason=CLOSED, by=by, occurred_at=at),
        *need_rules.call_off(
            state.needs, adcode=state.adcode, reason=CLOSED, by=by, occurred_at=at
        ),
    ]


def _within(command: Act, state: Open) -> None:
    by = command.by
    if not by.covers(state.adcode):
        raise Forbidden(
            "OUTSIDE_JURISDICTION",
            f"incident {command.incident_id} lies in {state.adcode}, "
            f"{by.subject} acts in {by.jurisdiction}",
            adcode=state.adcode,
            jurisdiction=by.jurisdiction,
            subject=by.subject,
        )
