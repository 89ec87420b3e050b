"""An incident: what its concerns decide together, and what one entails in another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import assert_never

from services.command.domain.incident import (
    decisions,
    facts,
    figures,
    grading,
    lifecycle,
    post,
    response,
    series,
)
from services.runtime.rejection import Forbidden

Act = (
    lifecycle.Command
    | figures.Command
    | grading.Command
    | response.Command
    | post.Command
    | decisions.Command
    | series.Command
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
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The versioned tables that decisions follow, one per concern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """One part per concern: each holds what its own decisions need."""

    incident_id: str
    adcode: str
    type_code: str
    reports: frozenset[str]
    facts: facts.Facts = field(default_factory=facts.Facts)
    grading: grading.Grading = field(default_factory=grading.Grading)
    response: response.Response = field(default_factory=response.Response)
    post: post.Post = field(default_factory=post.Post)
    decisions: decisions.Decisions = field(default_factory=decisions.Decisions)
    series: series.Series = field(default_factory=series.Series)


@dataclass(frozen=True, slots=True)
class Closed:
    """Read-only; what it was comes back when it is reopened."""

    was: Open


State = Open | Closed | None
INITIAL: State = None


def decide(rules: Rules, command: Command, state: State) -> list[Event]:
    """Return the facts a command adds with all that they entail, or raise the rule it breaks."""
    events = _asked(command, state)
    return events + _entailed(rules, command, state, events)


def _asked(command: Command, state: State) -> list[Event]:
    if isinstance(command, lifecycle.OpenIncident):
        was = state.was if isinstance(state, Closed) else state
        return [*lifecycle.open_(command, None if was is None else was.reports)]
    match state:
        case Open():
            _within(command, state)
            return [*_act(command, state)]
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


def _act(command: Act, state: Open) -> Sequence[Event]:
    """Decide what may be done with an open incident."""
    match command:
        case lifecycle.AttachReport():
            return lifecycle.attach(command, state.adcode, state.reports)
        case lifecycle.CloseIncident():
            response.require_none(state.incident_id, state.response)
            return lifecycle.close(command, state.adcode)
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
            return grading.decide(command, state.adcode, state.grading)
        case (
            response.ActivateResponse()
            | response.ChangeResponseLevel()
            | response.TerminateResponse()
        ):
            return response.decide(command, state.adcode, state.response)
        case post.EstablishCommand() | post.ProposeTransfer() | post.AcceptTransfer():
            return post.decide(command, state.adcode, state.post)
        case decisions.RecordDecision():
            return decisions.decide(command, state.adcode, state.decisions)
        case series.SubmitSituationReport():
            return series.decide(command, state.adcode, state.series)
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


Follower = Callable[[Rules, Command, Open, Sequence[Event]], list[Event]]
FOLLOWERS: tuple[Follower, ...] = ()


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match state, event:
        case None, lifecycle.IncidentOpened():
            return Open(
                incident_id=event.incident_id,
                adcode=event.place.adcode,
                type_code=event.type_code,
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
        case grading.IncidentGraded():
            return replace(state, grading=grading.evolve(state.grading, event))
        case (
            response.ResponseActivated()
            | response.ResponseLevelChanged()
            | response.ResponseTerminated()
        ):
            return replace(state, response=response.evolve(state.response, event))
        case post.CommandEstablished() | post.TransferProposed() | post.CommandTransferred():
            return replace(state, post=post.evolve(state.post, event))
        case decisions.DecisionRecorded():
            return replace(state, decisions=decisions.evolve(state.decisions, event))
        case series.SituationReportSubmitted():
            return replace(state, series=series.evolve(state.series, event))
        case _:
            assert_never(event)


def _said(
    known: facts.Facts, event: lifecycle.IncidentOpened | lifecycle.ReportAttached
) -> facts.Facts:
    said = facts.said_by_report(event.report_id, event.casualties, event.reported_at)
    return facts.take_in(known, said)


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
