"""Whatever is asked of decisions in whatever order: none is incomplete unseen, none its own judge.

Wishes are repeated, decided on old states, and say times before and after each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.command.domain.incident import decider, decisions
from services.command.domain.incident.decision_classes import Step
from services.command.domain.incident.decisions import (
    DecisionApproved,
    DecisionRecorded,
    DecisionRejected,
    DecisionRevoked,
    DecisionStepCompleted,
    Dissent,
    Standing,
    StepDone,
)
from services.runtime.actor import Actor
from services.runtime.rejection import Rejection
from tests.command import decided
from tests.command import incidents as known

PEOPLE = {
    person.subject: person
    for person in (
        known.LI,
        decided.LEADER,
        decided.PEER,
        decided.HEAD,
        decided.TOWN_LEADER,
        decided.CLERK,
    )
}
CLASSES = known.RULES.decisions.classes

TAKEN = ("general", "evacuation", "requisition", "flood_diversion", "recovery_plan")

ids = st.sampled_from(["a", "b", "c", "d"])
people = st.sampled_from(list(PEOPLE.values()))
judges = st.sampled_from([decided.LEADER, decided.TOWN_LEADER, decided.PEER, known.LI])
steps = st.sampled_from(Step)
hours = st.integers(-72, 72).map(lambda n: timedelta(hours=n))
moments = hours.map(lambda after: known.NOW + after)
done = st.builds(
    StepDone,
    step=steps,
    done_by=st.sampled_from(["市司法局", "专家组"]),
    reference=st.just("纪要"),
    done_at=moments,
)
enough = st.sets(steps).map(
    lambda some: tuple(decided.done(step, timedelta(hours=-80)) for step in sorted(some))
)
every_step = st.just(tuple(decided.done(step, timedelta(hours=-80)) for step in Step))
records = st.builds(
    replace,
    st.just(decided.evacuate),
    by=people,
    decision_id=ids,
    decision_class=st.sampled_from(TAKEN),
    steps=st.one_of(every_step, enough),
    urgent=st.sampled_from(["", "坡体随时可能下滑"]),
    approver=st.sampled_from(["mayor.zhang", "secretary.anjiang"]),
    occurred_at=moments,
)
follow_ups: st.SearchStrategy[decisions.Command] = st.one_of(
    st.builds(
        replace,
        st.just(decided.complete),
        by=people,
        decision_id=ids,
        done=done,
        occurred_at=moments,
    ),
    st.builds(replace, st.just(decided.approve), by=people, decision_id=ids, occurred_at=moments),
    st.builds(replace, st.just(decided.reject), by=people, decision_id=ids, occurred_at=moments),
    st.builds(
        replace,
        st.just(decided.dissent),
        by=people,
        decision_id=ids,
        dissent=st.builds(Dissent, dissenter=st.sampled_from(list(PEOPLE)), text=st.just("不同意")),
        occurred_at=moments,
    ),
)


class DecisionMachine(RuleBasedStateMachine):
    """Plays the store of one incident; history is what was appended, never touched again."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[decider.Event] = [known.opened]
        self.states: list[decider.State] = [decider.evolve(decider.INITIAL, known.opened)]
        self.wishes: list[decider.Command] = []

    @property
    def state(self) -> decider.State:
        return self.states[-1]

    @property
    def made(self) -> decisions.Decisions:
        return decisions_of(self.state)

    def ask(self, command: decider.Command) -> None:
        try:
            events = known.decide(command, self.state)
        except Rejection:
            events = []
        for event in events:
            self.events.append(event)
            self.states.append(decider.evolve(self.state, event))
        if events:
            with suppress(Rejection):
                assert known.decide(command, self.state) == []
        self.wishes.append(command)

    @rule(command=records)
    def record(self, command: decisions.RecordDecision) -> None:
        self.ask(command)

    @rule(command=follow_ups)
    def follow_up(self, command: decisions.Command) -> None:
        self.ask(command)

    @precondition(lambda self: self.made.made)
    @rule(data=st.data(), by=judges, at=moments)
    def judge(self, data: st.DataObject, by: Actor, at: datetime) -> None:
        """Ask for what some decision waits for, or for its end, so that deep states are reached."""
        decision_id = data.draw(st.sampled_from(sorted(self.made.made)))
        decision = self.made.made[decision_id]
        wish = data.draw(st.sampled_from(["complete", "approve", "reject", "revoke"]))
        if decision.open_steps and wish == "complete":
            step = decided.done(decision.open_steps[0], timedelta(hours=-80))
            self.ask(replace(decided.complete, decision_id=decision_id, done=step, occurred_at=at))
        elif wish == "reject":
            self.ask(replace(decided.reject, by=by, decision_id=decision_id, occurred_at=at))
        elif wish == "revoke":
            self.ask(
                replace(
                    data.draw(records),
                    by=by,
                    decision_id=data.draw(st.sampled_from(["x", "y", "z"])),
                    revokes=decision_id,
                    occurred_at=at,
                )
            )
        else:
            self.ask(replace(decided.approve, by=by, decision_id=decision_id, occurred_at=at))

    @precondition(lambda self: self.wishes)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.ask(data.draw(st.sampled_from(self.wishes)))

    @rule(data=st.data(), command=st.one_of(records, follow_ups))
    def decide_on_an_old_state(self, data: st.DataObject, command: decisions.Command) -> None:
        with suppress(Rejection):
            known.decide(command, data.draw(st.sampled_from(self.states)))
        self.ask(command)

    @rule(data=st.data())
    def reorder_history(self, data: st.DataObject) -> None:
        shuffled = data.draw(st.permutations(self.events))
        reduce(decider.evolve, shuffled, decider.INITIAL)

    @rule(at=moments)
    def close_and_reopen(self, at: datetime) -> None:
        open_before = self.made
        self.ask(replace(known.close, occurred_at=at))
        if isinstance(self.state, decider.Closed):
            assert not any(d.flagged or d.awaits_approval for d in open_before.made.values())
            self.ask(replace(known.reopen, occurred_at=at))

    @invariant()
    def replay_gives_the_same_state(self) -> None:
        assert reduce(decider.evolve, self.events, decider.INITIAL) == self.state

    @invariant()
    def an_incomplete_decision_is_urgent_and_its_class_lets_it_be(self) -> None:
        for event in self.recorded():
            missing = set(event.required_steps) - {step.step for step in event.steps}
            assert set(event.open_steps) == missing
            if missing:
                assert event.urgent
                assert event.complete_by is not None
            if event.urgent:
                assert CLASSES[event.decision_class].urgency is not None

    @invariant()
    def the_second_person_is_another_with_the_authority(self) -> None:
        for event in self.events:
            if isinstance(event, DecisionApproved):
                judge = event.approved_by
            elif isinstance(event, DecisionRejected):
                judge = event.rejected_by
            else:
                continue
            [of] = [one for one in self.recorded() if one.decision_id == event.decision_id]
            approvers = CLASSES[of.decision_class].approvers
            assert approvers is not None
            assert judge != of.decided_by
            assert not approvers.roles.isdisjoint(PEOPLE[judge].roles)
            assert PEOPLE[judge].covers(of.jurisdiction)

    @invariant()
    def what_needs_two_persons_holds_by_approval_or_by_urgency(self) -> None:
        approved = {e.decision_id for e in self.events if isinstance(e, DecisionApproved)}
        for event in self.recorded():
            class_ = CLASSES[event.decision_class]
            if self.made.effective(event.decision_id) and class_.approvers is not None:
                hasty = class_.urgency is not None and class_.urgency.before_approval
                assert event.decision_id in approved or (
                    event.urgent and hasty and not event.revokes
                )

    @invariant()
    def it_is_flagged_until_it_is_complete(self) -> None:
        for event in self.recorded():
            life = [e for e in self.events if getattr(e, "decision_id", "") == event.decision_id]
            added = {e.step for e in life if isinstance(e, DecisionStepCompleted)}
            said = [e for e in life if isinstance(e, DecisionApproved | DecisionRejected)]
            dropped = any(isinstance(e, DecisionRejected) and not e.was_effective for e in said)
            ended = any(isinstance(e, DecisionRevoked) for e in life)
            lacks_step = bool(set(event.open_steps) - added) and not dropped
            hasty = event.standing is Standing.EFFECTIVE and event.awaits_approval
            lacks_word = hasty and not said and not ended
            assert self.made.made[event.decision_id].flagged is (lacks_step or lacks_word)

    @invariant()
    def a_revocation_ends_what_held_and_is_of_its_class(self) -> None:
        for before, event in zip(self.states, self.events[1:], strict=False):
            if isinstance(event, DecisionRevoked):
                were = decisions_of(before)
                by = were.made[event.revoked_by]
                assert were.effective(event.decision_id)
                assert by.revokes == event.decision_id
                assert by.decision_class == were.made[event.decision_id].decision_class

    @invariant()
    def nothing_is_edited(self) -> None:
        recorded = list(self.recorded())
        assert len({event.decision_id for event in recorded}) == len(recorded)
        for event in recorded:
            stands = self.made.made[event.decision_id]
            assert (stands.decided_by, stands.decision_class, stands.revokes) == (
                event.decided_by,
                event.decision_class,
                event.revokes,
            )
            assert all(stands.done[step.step] == step for step in event.steps)
        added = [
            (event.decision_id, event.step)
            for event in self.events
            if isinstance(event, DecisionStepCompleted)
        ]
        assert len(set(added)) == len(added)

    def recorded(self) -> Iterator[DecisionRecorded]:
        return (event for event in self.events if isinstance(event, DecisionRecorded))


def decisions_of(state: decider.State) -> decisions.Decisions:
    was = decider.there(state)
    assert was is not None
    return was.decisions


TestDecisions = DecisionMachine.TestCase
TestDecisions.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
