"""An incident: what its concerns decide together, and what one entails in another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, reduce
from typing import assert_never

from services.command.domain.grades import Grade
from services.command.domain.incident import (
    activation,
    concealment,
    deadline_rules,
    deadlines,
    decision_rules,
    decisions,
    duties,
    facts,
    figures,
    grading,
    lifecycle,
    links,
    merge,
    need_rules,
    needs,
    objectives,
    organisation,
    post,
    response,
    response_rules,
    series,
    series_rules,
    split,
    starts,
    task_rules,
    tasks,
    transfer,
)
from services.command.domain.incident.contents import SituationReportTable
from services.command.domain.incident.decision_classes import DecisionClasses
from services.command.domain.incident.drafting import Ground
from services.command.domain.incident.grade_tables import GradeTables, propose
from services.command.domain.incident.roles import PostTable
from services.command.domain.incident.statutes import Statutes
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
    | links.Command
    | merge.Command
    | split.Command
    | deadlines.Command
)
Command = lifecycle.OpenIncident | split.OpenSplit | Act
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
    | links.Event
    | merge.Event
    | split.Event
    | deadlines.Event
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The versioned tables that decisions follow, one per concern."""

    types: IncidentTypes
    decisions: DecisionClasses
    grading: GradeTables
    situation_reports: SituationReportTable
    post: PostTable
    deadlines: Statutes


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
    links: links.Links = field(default_factory=links.Links)
    merges: merge.Merges = field(default_factory=merge.Merges)
    splits: split.Splits = field(default_factory=split.Splits)
    deadlines: deadlines.Deadlines = field(default_factory=deadlines.Deadlines)


@dataclass(frozen=True, slots=True)
class Closed:
    """Read-only; what it was comes back when it is reopened."""

    was: Open


@dataclass(frozen=True, slots=True)
class Merged:
    """Replaced by ``into``; read-only but for what its own decisions still lack.

    Until it is ``concluded`` it may be ``into`` that is replaced, and this one that goes on.
    """

    was: Open
    begun: merge.MergeBegun
    into: str
    concluded: bool = False


State = Open | Closed | Merged | None
INITIAL: State = None
CLOSED = "INCIDENT_CLOSED"
ABSORBED = "INCIDENT_ABSORBED"
CONCLUSIONS = merge.ConcludeMerge | merge.BreakRing | split.ConcludeSplit


def decide(rules: Rules, command: Command, state: State) -> list[Event]:
    """Return the facts a command adds with all that they entail, or raise the rule it breaks."""
    events = _asked(rules, command, state)
    return events + _entailed(rules, command, state, events)


def _asked(rules: Rules, command: Command, state: State) -> list[Event]:
    if isinstance(command, lifecycle.OpenIncident | split.OpenSplit):
        return [*_open(command, there(state))]
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
            if isinstance(command, merge.AbsorbIncident):
                return [*_absorb_closed(command, was)]
            if isinstance(command, CONCLUSIONS):  # it came back, and has ended since
                return []
            if isinstance(command, deadlines.RingDeadline):  # the law's clocks run on
                return [*deadline_rules.ring(command, was.adcode, was.deadlines)]
            raise lifecycle.closed(command.incident_id)
        case Merged(was):
            _within(command, was)
            return [*_after_merge(rules, command, state)]
        case None:
            raise lifecycle.unknown(command.incident_id)
        case _:
            assert_never(state)


def _open(command: lifecycle.OpenIncident | split.OpenSplit, was: Open | None) -> Sequence[Event]:
    match command:
        case lifecycle.OpenIncident():
            return lifecycle.open_(command, None if was is None else was.reports)
        case split.OpenSplit():
            if was is None:
                return split.open_(command)
            if was.splits.source == command.begun.incident_id:
                return []
            raise lifecycle.exists(command.incident_id)
        case _:
            assert_never(command)


def _after_merge(rules: Rules, command: Act, state: Merged) -> Sequence[Event]:
    """Decide what may still be done with an incident that was merged."""
    match command:
        case merge.BeginMerge(into=into) if into in {state.begun.into, state.into}:
            return []
        case merge.ConcludeMerge():
            return [] if state.concluded else merge.conclude(command, state.was.adcode, state.begun)
        case merge.BreakRing():
            held = holdings(state.was)
            return merge.break_ring(command, state.was.adcode, state.into, held)
        case split.ConcludeSplit():
            return []
        case lifecycle.AttachReport(report_id=report_id):
            split.require_stayed(command.incident_id, report_id, state.was.splits)
            raise merge.merged(command.incident_id, state.into)
        case (
            decisions.CompleteDecisionStep()
            | decisions.ApproveDecision()
            | decisions.RejectDecision()
            | decisions.RecordDissent()
        ):
            return _act(rules, command, state.was)
        case _:
            raise merge.merged(command.incident_id, state.into)


def _act(rules: Rules, command: Act, state: Open) -> Sequence[Event]:
    """Decide what may be done with an open incident."""
    post.require(rules.post, command, state.post)
    match command:
        case lifecycle.AttachReport(report_id=report_id):
            split.require_stayed(state.incident_id, report_id, state.splits)
            return lifecycle.attach(command, state.adcode, state.reports)
        case lifecycle.CloseIncident():
            response_rules.require_none(state.incident_id, state.response)
            decision_rules.require_settled(state.incident_id, state.decisions)
            split.require_none_begun(state.incident_id, state.splits)
            events = [*_call_off(command, state), *lifecycle.close(command, state.adcode)]
            return [*_let_go(rules, state, command.occurred_at), *events]
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
            return activation.decide(
                rules.decisions,
                command,
                _situation(state),
                state.response,
                state.decisions,
                _known(command, state),
                state.work,
            )
        case response.ApproveResponse():
            return response_rules.approve(command, _situation(state), state.response)
        case (
            post.EstablishCommand()
            | transfer.ProposeTransfer()
            | transfer.AcknowledgeBriefing()
            | transfer.AcceptTransfer()
            | transfer.DeclineTransfer()
            | transfer.WithdrawTransfer()
            | transfer.TakeCommand()
            | organisation.EstablishHeadquarters()
            | organisation.CloseHeadquarters()
            | organisation.AssignRole()
            | organisation.RelieveRole()
            | organisation.JoinUnifiedCommand()
            | organisation.LeaveUnifiedCommand()
        ):
            return post.decide(rules.post, command, state.adcode, state.post)
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
        case links.LinkIncident() | links.UnlinkIncident():
            return links.decide(command, state.adcode, state.links)
        case merge.BeginMerge():
            split.require_none_begun(state.incident_id, state.splits)
            begun = merge.begin(command, state.adcode, standing(state))
            why, at = deadlines.Why.MERGED, command.occurred_at
            return [*duties.lift(_case(rules, state), state.deadlines, why, at), *begun]
        case merge.AbsorbIncident():
            return merge.absorb(command, state.adcode, state.merges, holdings(state))
        case merge.BreakRing() | merge.ConcludeMerge():
            return []
        case split.BeginSplit():
            told = deadline_rules.told_others(state.deadlines)
            return split.begin(command, state.adcode, state.splits, state.reports, state.work, told)
        case split.ConcludeSplit():
            return split.conclude(command, state.adcode, state.splits)
        case deadlines.RingDeadline() | deadlines.RecordMilestone() | deadlines.RecordNotice():
            return deadline_rules.decide(command, state.adcode, state.deadlines)
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


def _keep_clocks(
    rules: Rules, command: Command, after: Open, events: Sequence[Event]
) -> list[Event]:
    """Suspect what a report leaves out, and let the law's clocks follow what just happened."""
    suspected = [
        suspicion
        for event in events
        if isinstance(event, series.SituationReportSubmitted)
        for suspicion in concealment.suspect(
            rules.deadlines.accounted, after.facts, after.deadlines.suspected, event
        )
    ]
    news = starts.news(events, merge.brought_clocks(command))
    if news is None:
        return [*suspected]
    return [
        *suspected,
        *duties.follow(rules.deadlines, _case(rules, after), after.deadlines, news),
    ]


Follower = Callable[[Rules, Command, Open, Sequence[Event]], list[Event]]
FOLLOWERS: tuple[Follower, ...] = (_grade, _keep_clocks)


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
                deadlines=deadline_rules.observe(deadlines.Deadlines(), event),
            )
        case Closed(was), lifecycle.IncidentReopened():
            return _watched(replace(was, series=series.resume(was.series)), event)
        case Closed(was), deadlines.DeadlineWarned() | deadlines.DeadlineMissed():
            return Closed(_advance(was, event))
        case Open(), lifecycle.IncidentClosed():
            return Closed(_watched(_commanded(state, event), event))
        case Open(), merge.MergeBegun():
            return Merged(state, event, event.into)
        case Merged(concluded=False), merge.IncidentMerged():
            return replace(state, into=event.into, concluded=True)
        case Merged(was, concluded=False), merge.MergeAbandoned():
            return was
        case Merged(was), (
            decisions.DecisionStepCompleted()
            | decisions.DecisionApproved()
            | decisions.DecisionRejected()
            | decisions.DissentRecorded()
            | decisions.DecisionRevoked()
        ):
            return replace(state, was=_advance(was, event))
        case Open(), _:
            return _watched(_commanded(_advance(state, event), event), event)
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
            | response.ResponseApproved()
        ):
            return replace(state, response=response.evolve(state.response, event))
        case (
            post.CommandEstablished()
            | transfer.TransferProposed()
            | transfer.BriefingAcknowledged()
            | transfer.CommandTransferred()
            | transfer.TransferDeclined()
            | transfer.TransferWithdrawn()
            | transfer.CommandTaken()
            | organisation.HeadquartersEstablished()
            | organisation.HeadquartersClosed()
            | organisation.RoleAssigned()
            | organisation.RoleRelieved()
            | organisation.UnifiedCommandJoined()
            | organisation.UnifiedCommandLeft()
        ):
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
        case links.IncidentLinked() | links.IncidentUnlinked():
            return replace(state, links=links.evolve(state.links, event))
        case merge.IncidentAbsorbed():
            return _with_absorbed(state, event)
        case merge.MergeBegun() | merge.MergeAbandoned() | merge.IncidentMerged():
            return state
        case split.SplitBegun():
            return _without_split(state, event)
        case split.IncidentSplitOff():
            work = replace(state.work, tasks={**state.work.tasks, **event.tasks})
            return replace(state, work=work, splits=split.evolve(state.splits, event))
        case split.IncidentSplit():
            return replace(state, splits=split.evolve(state.splits, event))
        case (
            deadlines.MilestoneRecorded()
            | deadlines.NoticeRecorded()
            | deadlines.DeadlineStarted()
            | deadlines.DeadlineRebased()
            | deadlines.DeadlineWarned()
            | deadlines.DeadlineMissed()
            | deadlines.DeadlineMet()
            | deadlines.DeadlineLifted()
            | deadlines.ConcealmentSuspected()
        ):
            return replace(state, deadlines=deadlines.evolve(state.deadlines, event))
        case _:
            assert_never(event)


def _with_absorbed(state: Open, event: merge.IncidentAbsorbed) -> Open:
    held = merge.taken_over(holdings(state), event)
    return replace(
        state,
        reports=state.reports | frozenset(event.reports),
        reported_at=min(state.reported_at, event.reported_at),
        facts=held.facts,
        work=held.work,
        objectives=held.objectives,
        needs=held.needs,
        links=links.taken_over(state.links, event),
        merges=merge.evolve(state.merges, event),
        splits=split.come_back(state.splits, event.reports),
    )


def _without_split(state: Open, event: split.SplitBegun) -> Open:
    known, work = split.without(event, state.facts, state.work)
    return replace(
        state,
        reports=state.reports - {report.report_id for report in event.reports},
        facts=known,
        work=work,
        splits=split.evolve(state.splits, event),
    )


def _watched(state: Open, event: Event) -> Open:
    """Note what an event means to the law's clocks."""
    noted = deadline_rules.observe(state.deadlines, event)
    return state if noted is state.deadlines else replace(state, deadlines=noted)


def _case(rules: Rules, state: Open) -> starts.Case:
    @cache
    def reached(counted: frozenset[tuple[facts.Metric, int]]) -> Grade | None:
        return propose(rules.grading, state.type_code, dict(counted), state.reported_at).grade

    def reaches(counted: Mapping[facts.Metric, int]) -> Grade | None:
        return reached(frozenset(counted.items()))

    standing = state.facts.standing
    return starts.Case(
        incident_id=state.incident_id,
        adcode=state.adcode,
        type_code=state.type_code,
        facts=state.facts,
        standing=standing,
        figures={metric: fact.value for metric, fact in standing.items()},
        grade=grading.in_force(state.grading),
        responding=state.response.level is not None,
        reaches=reaches,
    )


def _let_go(rules: Rules, state: Open, at: datetime) -> Sequence[Event]:
    return duties.closing(rules.deadlines, _case(rules, state), state.deadlines, at)


def _graded_by(state: Open) -> grading.Subject:
    return grading.Subject(
        incident_id=state.incident_id,
        adcode=state.adcode,
        type_code=state.type_code,
        reported_at=state.reported_at,
        standing=state.facts.standing,
    )


COMMANDING = (
    lifecycle.IncidentClosed
    | response.Event
    | decisions.DecisionRecorded
    | objectives.ObjectiveSet
    | objectives.ObjectiveClosed
    | tasks.TaskAssigned
    | tasks.TaskReassigned
    | tasks.TaskCancelled
)


def _commanded(state: Open, event: Event) -> Open:
    """Note when somebody last commanded: nobody else can turn out to have done so then."""
    if not isinstance(event, COMMANDING):
        return state
    return replace(state, post=post.acted(state.post, event.occurred_at))


def _said(
    known: facts.Facts, event: lifecycle.IncidentOpened | lifecycle.ReportAttached
) -> facts.Facts:
    said = facts.said_by_report(event.report_id, event.casualties, event.reported_at)
    return facts.take_in(known, said)


def _situation(state: Open) -> response_rules.Situation:
    return response_rules.Situation(
        adcode=state.adcode,
        type_code=state.type_code,
        grade=state.grading.grade,
        standing=state.facts.standing,
    )


def _known(command: decisions.Command | response.Ordering, state: Open) -> decisions.Known:
    """Return what a decision may rest on here, and which posts its caller holds."""
    standing = (fact.fact_id for fact in state.facts.standing.values())
    return decisions.Known(
        reports=state.reports,
        facts={*state.facts.known, *standing},
        situation_reports=state.series.submitted,
        posts=state.post.roles_of(command.by.subject, state.post.moment(command.occurred_at)),
    )


def require_open(incident_id: str, state: State) -> Open:
    """Return an incident that may be acted on, or raise why it may not."""
    match state:
        case Open():
            return state
        case Closed():
            raise lifecycle.closed(incident_id)
        case Merged():
            raise merge.merged(incident_id, state.into)
        case None:
            raise lifecycle.unknown(incident_id)
        case _:
            assert_never(state)


def report_ground(rules: Rules, state: Open) -> Ground:
    """Return what a situation report of an incident is drawn from."""
    return Ground(
        table=rules.situation_reports,
        adcode=state.adcode,
        type_code=state.type_code,
        type_name=rules.types.name(state.type_code),
        grade=state.grading.grade or state.grading.proposed,
        standing=state.facts.standing,
    )


def there(state: State) -> Open | None:
    """Return what an incident is, or was before it was closed or merged."""
    return state.was if isinstance(state, Closed | Merged) else state


def standing(state: Open) -> merge.Standing:
    return merge.Standing(level=state.response.level, commander=state.post.commander)


def holdings(state: Open) -> merge.Holdings:
    return merge.Holdings(
        facts=state.facts, work=state.work, objectives=state.objectives, needs=state.needs
    )


def _absorb_closed(command: merge.AbsorbIncident, was: Open) -> Sequence[Event]:
    """Open an incident again that was closed while another was being merged into it."""
    absorbed = merge.absorb(command, was.adcode, was.merges, holdings(was))
    if not absorbed:
        return []
    reopen = lifecycle.ReopenIncident(
        by=command.by,
        incident_id=command.incident_id,
        reason=ABSORBED,
        occurred_at=command.occurred_at,
    )
    return [*lifecycle.reopen(reopen, was.adcode), *absorbed]


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
