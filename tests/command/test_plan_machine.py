"""Any order of papers and orders, belated and repeated: what is in force is never in doubt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.command.domain.incident import decider as incident
from services.command.domain.incident import response, tasks
from services.command.domain.incident.response import Level
from services.command.domain.plan import decider
from services.command.domain.plan.commands import Command, Step
from services.command.domain.plan.content import Content, InForce
from services.command.domain.plan.events import (
    Event,
    PlanDrafted,
    PlanPublished,
    PlanRetired,
    PlanRevised,
    Stage,
    Verdict,
)
from services.runtime.actor import Actor
from services.runtime.rejection import Rejection
from tests.command import incidents as known
from tests.command import plans
from tests.command.test_response import MAYOR

days = st.integers(-2, 12).map(lambda day: plans.ISSUED + timedelta(days=day))
versions = st.integers(1, 3)
verdicts = st.sampled_from(Verdict)
references = st.sampled_from(["甲", "乙"])
contents = st.sampled_from(
    [plans.content, *(replace(plans.content, title=title) for title in ("二", "三"))]
)
papers: st.SearchStrategy[Command] = st.one_of(
    st.builds(replace, st.just(plans.draft), content=contents, occurred_at=days),
    st.builds(replace, st.just(plans.revise), content=contents, occurred_at=days),
    *(
        st.builds(
            replace,
            st.just(judgement),
            version=versions,
            verdict=verdicts,
            reference=references,
            occurred_at=days,
        )
        for judgement in (plans.review, plans.assess)
    ),
    *(
        st.builds(replace, st.just(paper), version=versions, reference=references, occurred_at=days)
        for paper in (plans.publish, plans.file, plans.exercise)
    ),
)
NEXT: Mapping[Stage, Step] = {
    Stage.DRAFT: plans.review,
    Stage.REVIEWED: plans.assess,
    Stage.ASSESSED: plans.publish,
    Stage.PUBLISHED: plans.file,
    Stage.FILED: plans.exercise,
}
ABOUT = [timedelta(milliseconds=ms) for ms in (0, 1, -1)]
JUDGED = {Level.IV: ("4.2",), Level.III: ("5.2",), Level.II: ("6.2",)}
levels = st.sampled_from([Level.IV, Level.III, Level.II])
people = st.sampled_from([MAYOR, known.LI])


class Planned(RuleBasedStateMachine):
    """A plan, and an incident that is responded to under it; plays the store and the lookup."""

    def __init__(self) -> None:
        super().__init__()
        self.plans: list[decider.State] = [decider.INITIAL]
        self.papers: list[Event] = []
        self.published: dict[int, Content] = {}
        self.asked: list[Command] = []
        self.acts: list[incident.Event] = [known.opened]
        self.state: incident.State = incident.fold(self.acts, incident.INITIAL)
        self.orders = 0

    @property
    def plan(self) -> decider.State:
        return self.plans[-1]

    @property
    def active(self) -> bool:
        assert isinstance(self.state, incident.Open)
        return self.state.response.level is not None

    def write(self, command: Command) -> None:
        self.asked.append(command)
        try:
            events = decider.decide(command, self.plan)
        except Rejection:
            return
        for event in events:
            if isinstance(event, PlanPublished):
                self.published[event.version] = self.drafted(event.version)
            self.papers.append(event)
            self.plans.append(decider.evolve(self.plan, event))
        assert decider.decide(command, self.plan) == []

    def drafted(self, version: int) -> Content:
        """Return what was last drafted of a version, read off the events."""
        return [
            event.content
            for event in self.papers
            if isinstance(event, PlanDrafted | PlanRevised) and event.version == version
        ][-1]

    def order(self, command: response.Command) -> Sequence[incident.Event]:
        try:
            events = known.decide(command, self.state)
        except Rejection:
            return []
        self.acts += events
        self.state = incident.fold(events, self.state)
        return events

    def in_force(self, at: datetime) -> int | None:
        """Return the version in force, read off the events instead of the state."""
        number = None
        for event in self.papers:
            if isinstance(event, PlanPublished) and event.occurred_at <= at:
                number = event.version
            if isinstance(event, PlanRetired) and event.occurred_at <= at:
                number = None
        return number

    @initialize(content=contents)
    def draft(self, content: Content) -> None:
        self.write(replace(plans.draft, content=content))

    @rule(command=papers)
    def record(self, command: Command) -> None:
        self.write(command)

    @rule(steps=st.integers(1, 5), content=contents, days=st.integers(0, 2))
    def go_on(self, steps: int, content: Content, days: int) -> None:
        """Take the newest version so many steps further, then begin the next."""
        for _ in range(steps):
            assert self.plan is not None
            newest = self.plan.versions[self.plan.newest]
            at = self.plan.told_at + timedelta(days=days)
            if newest.stage is Stage.EXERCISED:
                self.write(replace(plans.revise, content=content, occurred_at=at))
                continue
            command = NEXT[newest.stage]
            self.write(replace(command, version=self.plan.newest, occurred_at=at))

    @precondition(lambda self: len(self.papers) > 15)
    @rule(at=days)
    def retire(self, at: datetime) -> None:
        self.write(replace(plans.retire, occurred_at=at))

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.write(data.draw(st.sampled_from(self.asked)))

    @rule(data=st.data(), command=papers)
    def decide_on_an_old_state(self, data: st.DataObject, command: Command) -> None:
        with suppress(Rejection):
            decider.decide(command, data.draw(st.sampled_from(self.plans)))
        self.write(command)

    @rule(data=st.data())
    def reorder_history(self, data: st.DataObject) -> None:
        reduce(decider.evolve, data.draw(st.permutations(self.papers)), decider.INITIAL)

    @rule(data=st.data(), level=levels, by=people)
    def activate(self, data: st.DataObject, level: Level, by: Actor) -> None:
        """Activate about when something happened to the plan, also long after it was told."""
        self.orders += 1
        instants = sorted({event.occurred_at for event in self.papers})
        at = data.draw(st.sampled_from(instants)) + data.draw(st.sampled_from(ABOUT))
        try:
            under = decider.in_force("p1", self.plan, at, exercise=False)
        except Rejection:
            assert self.in_force(at) is None
            return
        command = replace(
            known.activate,
            by=by,
            decision_id=f"d{self.orders}",
            level=level,
            under=under,
            clauses=JUDGED[level],
            occurred_at=at,
        )
        for event in self.order(command):
            if isinstance(event, response.ResponseActivated):
                assert event.plan_version == self.in_force(at)
                assert under.content == self.published[event.plan_version]

    @precondition(lambda self: self.active)
    @rule(level=levels, by=people, at=days)
    def change(self, level: Level, by: Actor, at: datetime) -> None:
        self.orders += 1
        self.order(
            replace(
                known.raise_,
                by=by,
                decision_id=f"d{self.orders}",
                level=level,
                under=self.under(),
                clauses=JUDGED[level],
                occurred_at=at,
            )
        )

    @precondition(lambda self: self.active)
    @rule(by=people, at=days)
    def terminate(self, by: Actor, at: datetime) -> None:
        self.orders += 1
        self.order(
            replace(
                known.terminate,
                by=by,
                decision_id=f"d{self.orders}",
                under=self.under(),
                occurred_at=at,
            )
        )

    @rule(by=people, level=st.one_of(levels, st.none()))
    def approve(self, by: Actor, level: Level | None) -> None:
        if under := self.under():
            self.order(
                response.ApproveResponse(
                    by=by,
                    incident_id="i1",
                    under=under,
                    level=level,
                    note="",
                    occurred_at=known.NOW,
                )
            )

    def under(self) -> InForce | None:
        """Look up the version that the response is under, as the servicer does."""
        assert isinstance(self.state, incident.Open)
        last = self.state.response
        return decider.version("p1", self.plan, last.plan_version) if last.plan_id else None

    @invariant()
    def replay_gives_the_same_plan(self) -> None:
        assert reduce(decider.evolve, self.papers, decider.INITIAL) == self.plan

    @invariant()
    def what_was_published_is_never_changed(self) -> None:
        for number, content in self.published.items():
            assert self.plan is not None
            assert self.plan.versions[number].content == content

    @invariant()
    def at_most_one_version_is_in_force_at_any_instant(self) -> None:
        if self.plan is None:
            return
        for at in {event.occurred_at for event in self.papers}:
            holding = [
                number
                for number, version in self.plan.versions.items()
                if version.since is not None
                and version.since <= at
                and (version.until is None or at < version.until)
            ]
            assert holding == ([] if self.in_force(at) is None else [self.in_force(at)])

    @invariant()
    def levels_fit_their_orders_and_every_task_its_plan(self) -> None:
        active: response.ResponseActivated | None = None
        level: Level | None = None
        for event in self.acts:
            match event:
                case response.ResponseActivated():
                    assert level is None
                    active, level = event, event.level
                case response.ResponseLevelChanged():
                    assert active is not None
                    assert event.previous_level is level is not event.level
                    assert event.plan_version == active.plan_version
                    level = event.level
                case response.ResponseTerminated():
                    assert level is not None
                    level = None
                case tasks.TaskAssigned():
                    assert active is not None
                    assert level is not None
                    prefix = f"p1/{active.plan_version}/"
                    steps = self.published[active.plan_version].steps_at(level)
                    assert event.plan_step in {f"{prefix}{step.step_id}" for step in steps}

    @invariant()
    def no_step_is_asked_twice_while_it_is_open(self) -> None:
        assert isinstance(self.state, incident.Open)
        asked = [task.asked.plan_step for task in self.state.work.open()]
        assert len(asked) == len(set(asked))


TestPlanned = Planned.TestCase
TestPlanned.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
