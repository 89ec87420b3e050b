"""Any order of acts on the command post, repeated, stale and belated: one commander always.

What holds is told from the log alone, by rules that are written down here a second time.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from itertools import combinations, pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.command.domain.incident import (
    decider,
    decisions,
    lifecycle,
    organisation,
    post,
    transfer,
)
from services.command.domain.incident.roles import Kind
from services.runtime.actor import Actor, region_prefix
from services.runtime.rejection import Rejection
from tests.command import incidents as known
from tests.command import posted

PEOPLE = [known.LI, known.ZHANG, known.CHEN, posted.HEAD, posted.PREFECT, posted.DESK]
MILLISECOND = timedelta(milliseconds=1)
ACCESSIONS = post.CommandEstablished | transfer.CommandTransferred | transfer.CommandTaken
COMMANDING = (
    post.CommandEstablished
    | transfer.TransferProposed
    | transfer.BriefingAcknowledged
    | transfer.CommandTransferred
    | transfer.TransferDeclined
    | transfer.TransferWithdrawn
    | transfer.CommandTaken
    | organisation.Event
    | decisions.DecisionRecorded
    | lifecycle.IncidentClosed
)

people = st.sampled_from(PEOPLE)
whoever = st.none() | people  # None: who commands
names = st.sampled_from([person.subject for person in PEOPLE])
ids = st.sampled_from(["a", "b", "c", "d", "e", "f"])
minutes = st.integers(-15, 90)
reasons = st.sampled_from(["", "灾情扩大"])
roles = st.sampled_from(
    [
        ("", "coordination_lead"),
        ("", "coordination_lead"),
        ("", "rescue_member"),
        ("h2", "coordination_lead"),
        ("h1", "commander_in_chief"),
        ("h2", "field_commander"),
        ("h2", "commander_in_chief"),
    ]
)


def incoming(event: ACCESSIONS) -> str:
    return event.commander if isinstance(event, post.CommandEstablished) else event.incoming


class CommandPost(RuleBasedStateMachine):
    """Plays the store: an act decided on an old state is decided again on the newest."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[decider.State] = []
        self.events: list[decider.Event] = []
        self.acts: list[decider.Act] = []
        self.clock = 0
        self.told: dict[datetime, str | None] = {}
        self.append(known.opened)

    # The log, read by the rules as they are published.

    @property
    def state(self) -> decider.Open:
        there = decider.there(self.states[-1])
        assert there is not None
        return there

    @property
    def accessions(self) -> list[ACCESSIONS]:
        return [event for event in self.events if isinstance(event, ACCESSIONS)]

    def commander(self, moment: datetime) -> str | None:
        """Return who commands: told by the last event that is effective by then."""
        by_then = [event for event in self.accessions if event.effective_at <= moment]
        return incoming(by_then[-1]) if by_then else None

    def level(self, moment: datetime) -> str:
        by_then = [event for event in self.accessions if event.effective_at <= moment]
        return by_then[-1].jurisdiction

    def acted_at(self) -> datetime:
        return max(
            (event.occurred_at for event in self.events if isinstance(event, COMMANDING)),
            default=datetime.min.replace(tzinfo=known.NOW.tzinfo),
        )

    def held(self, subject: str, moment: datetime) -> set[str]:
        """Return the roles that somebody held at an instant."""
        holds: dict[tuple[str, str, str], bool] = {}
        for event in self.events:
            if (getattr(event, "effective_at", None) or moment) > moment:
                continue
            match event:
                case organisation.HeadquartersEstablished():
                    holds[event.headquarters_id, event.head_role, event.head] = True
                case organisation.RoleAssigned():
                    holds[event.headquarters_id, event.role, event.subject] = True
                case organisation.RoleRelieved():
                    holds[event.headquarters_id, event.role, event.subject] = False
                case organisation.HeadquartersClosed():
                    for key, holding in holds.items():
                        holds[key] = holding and key[0] != event.headquarters_id
                case _:
                    pass
        found = {role for (_, role, who), holding in holds.items() if holding and who == subject}
        return found | ({"incident_commander"} if self.commander(moment) == subject else set())

    def is_superior(self, by: Actor, moment: datetime) -> bool:
        above = region_prefix(by.jurisdiction)
        ahead = {event.effective_at for event in self.accessions if event.effective_at > moment}
        levels = [self.level(at) for at in (moment, *ahead)]
        if not all(level.startswith(above) for level in levels):
            return False
        higher = all(region_prefix(level) != above for level in levels)
        return higher or "commander_in_chief" in self.held(by.subject, moment)

    # What is done, and what it may not do.

    def ask(self, command: decider.Act) -> None:
        try:
            events = known.decide(command, self.states[-1])
        except Rejection:
            events = []
        if events and self.accessions:
            self.check_entitled(command, events)
        for event in events:
            self.append(event)
        if events:
            with suppress(Rejection):
                assert known.decide(command, self.states[-1]) == []
        self.acts.append(command)

    def append(self, event: decider.Event) -> None:
        """Keep an event; who commanded before anything that was done stays who it was."""
        frozen = self.acted_at()
        self.events.append(event)
        last = self.states[-1] if self.states else decider.INITIAL
        self.states.append(decider.evolve(last, event))
        for moment, commander in self.told.items():
            if moment < frozen:
                assert self.commander(moment) == commander, (moment, event)
        at = getattr(event, "effective_at", None) or event.occurred_at
        for moment in (event.occurred_at - MILLISECOND, event.occurred_at, at - MILLISECOND, at):
            self.told[moment] = self.commander(moment)
        for moment in self.told:
            self.told[moment] = self.commander(moment)

    def check_entitled(self, command: decider.Act, events: list[decider.Event]) -> None:
        """Check that nobody but those did it whom the rules name."""
        by, moment = command.by, max(command.occurred_at, self.acted_at())
        holder = self.commander(moment)
        match command:
            case transfer.ProposeTransfer():
                superior = self.is_superior(by, moment) and command.reason
                assert by.subject == holder or superior
            case transfer.TakeCommand():
                assert by.subject != holder
                assert self.is_superior(by, moment)
            case transfer.AcceptTransfer():
                self.check_accepted(by, events)
            case transfer.WithdrawTransfer():
                assert self.proposal(command.transfer_id).proposed_by == by.subject
            case transfer.AcknowledgeBriefing() | transfer.DeclineTransfer():
                assert self.proposal(command.transfer_id).incoming == by.subject
            case post.EstablishCommand():
                raise AssertionError("command was established twice")
            case _:
                self.check_role(command, moment)

    def check_accepted(self, by: Actor, events: list[decider.Event]) -> None:
        [event] = events
        assert isinstance(event, transfer.CommandTransferred)
        assert event.incoming == by.subject
        assert event.outgoing == self.commander(event.effective_at)
        assert event.effective_at >= max(event.occurred_at, self.acted_at())
        proposed = self.proposal(event.transfer_id)
        since = self.events[self.events.index(proposed) :]
        assert sum(isinstance(e, transfer.TransferProposed) for e in since) == 1
        assert any(isinstance(e, transfer.BriefingAcknowledged) for e in since)
        assert not any(
            isinstance(e, ACCESSIONS | transfer.TransferDeclined | transfer.TransferWithdrawn)
            for e in since
        )

    def check_role(self, command: decider.Act, moment: datetime) -> None:
        head = getattr(command, "role", "") in {"commander_in_chief", "field_commander"}
        name = post.APPOINT_HEAD if head else type(command).__name__
        needed = posted.TABLE.commands[name]
        if not needed.capability or {"service", *needed.exempt} & {*command.by.roles}:
            return
        if needed.superior and self.is_superior(command.by, moment):
            return
        moments = {moment, command.occurred_at} if needed.on_record else {moment}
        if needed.on_record and self.commander(command.occurred_at) is None:
            return
        assert any(
            needed.capability in posted.TABLE.granted(self.held(command.by.subject, at))
            for at in moments
        )

    def proposal(self, transfer_id: str) -> transfer.TransferProposed:
        [found] = [
            event
            for event in self.events
            if isinstance(event, transfer.TransferProposed) and event.transfer_id == transfer_id
        ]
        return found

    # The acts.

    def at(self, offset: int) -> datetime:
        return posted.later(self.clock + offset)

    @initialize(m=minutes, township=st.booleans())
    def begin(self, m: int, *, township: bool) -> None:
        begun = replace(known.establish, commander="head.anjiang", jurisdiction="431281102")
        self.ask(replace(begun if township else known.establish, occurred_at=self.at(m)))

    @rule(by=people, commander=names, level=st.sampled_from(["", "431281102"]), m=minutes)
    def establish(self, by: Actor, commander: str, level: str, m: int) -> None:
        self.ask(
            replace(
                known.establish,
                by=by,
                commander=commander,
                jurisdiction=level,
                occurred_at=self.at(m),
            )
        )

    @rule(
        by=people,
        to=names,
        id_=ids,
        ahead=st.none() | st.integers(-5, 60),
        reason=reasons,
        m=minutes,
        holds=st.booleans(),
    )
    def propose(
        self, by: Actor, to: str, id_: str, ahead: int | None, reason: str, m: int, *, holds: bool
    ) -> None:
        if holds:
            by = self.person(self.state.post.commander) or by
        self.ask(
            replace(
                known.propose,
                by=by,
                to=to,
                transfer_id=f"{id_}{len(self.events)}" if holds else id_,
                effective_at=None if ahead is None else self.at(m + ahead),
                reason=reason,
                occurred_at=self.at(m),
            )
        )

    @rule(by=people, id_=ids, m=minutes, meant=st.booleans())
    def acknowledge(self, by: Actor, id_: str, m: int, *, meant: bool) -> None:
        by, id_ = self.meant(by, id_) if meant else (by, id_)
        self.ask(replace(known.acknowledge, by=by, transfer_id=id_, occurred_at=self.at(m)))

    @rule(by=people, id_=st.just("") | ids, m=minutes, meant=st.booleans())
    def accept(self, by: Actor, id_: str, m: int, *, meant: bool) -> None:
        by, id_ = self.meant(by, id_) if meant else (by, id_)
        self.ask(replace(known.accept, by=by, transfer_id=id_, occurred_at=self.at(m)))

    @rule(by=people, id_=ids, m=minutes, meant=st.booleans())
    def decline(self, by: Actor, id_: str, m: int, *, meant: bool) -> None:
        by, id_ = self.meant(by, id_) if meant else (by, id_)
        self.ask(replace(posted.decline, by=by, transfer_id=id_, occurred_at=self.at(m)))

    @rule(by=people, id_=ids, m=minutes)
    def withdraw(self, by: Actor, id_: str, m: int) -> None:
        _, id_ = self.meant(by, id_)
        self.ask(replace(posted.withdraw, by=by, transfer_id=id_, occurred_at=self.at(m)))

    @rule(by=people, m=minutes)
    def take(self, by: Actor, m: int) -> None:
        self.ask(replace(posted.take, by=by, occurred_at=self.at(m)))

    @rule(by=whoever, kind=st.sampled_from([Kind.GENERAL, Kind.FIELD]), head=names, m=minutes)
    def found(self, by: Actor | None, kind: Kind, head: str, m: int) -> None:
        id_ = {Kind.GENERAL: "h1", Kind.FIELD: "h2"}[kind]
        command = replace(
            posted.found, by=self.entitled(by), kind=kind, headquarters_id=id_, head=head
        )
        self.ask(replace(command, occurred_at=self.at(m)))

    @rule(by=whoever, id_=st.sampled_from(["h1", "h2"]), m=minutes)
    def disband(self, by: Actor | None, id_: str, m: int) -> None:
        self.ask(
            replace(
                posted.disband, by=self.entitled(by), headquarters_id=id_, occurred_at=self.at(m)
            )
        )

    @rule(by=whoever, role=roles, subject=names, m=minutes)
    def assign(self, by: Actor | None, role: tuple[str, str], subject: str, m: int) -> None:
        command = replace(
            posted.assign, by=self.entitled(by), headquarters_id=role[0], role=role[1]
        )
        self.ask(replace(command, subject=subject, occurred_at=self.at(m)))

    @rule(by=whoever, role=roles, subject=names, m=minutes)
    def relieve(self, by: Actor | None, role: tuple[str, str], subject: str, m: int) -> None:
        command = replace(
            posted.relieve, by=self.entitled(by), headquarters_id=role[0], role=role[1]
        )
        self.ask(replace(command, subject=subject, occurred_at=self.at(m)))

    @rule(by=whoever, agency=ids, member=names, m=minutes, stays=st.booleans())
    def unify(self, by: Actor | None, agency: str, member: str, m: int, *, stays: bool) -> None:
        if stays:
            joining = replace(posted.join, by=self.entitled(by), agency=agency, member=member)
            self.ask(replace(joining, occurred_at=self.at(m)))
        else:
            self.ask(
                replace(posted.leave, by=self.entitled(by), agency=agency, occurred_at=self.at(m))
            )

    @precondition(lambda self: self.accessions)
    @rule(to=names, ahead=st.none() | st.integers(0, 60), m=minutes, steps=st.integers(1, 3))
    def hand_over(self, to: str, ahead: int | None, m: int, steps: int) -> None:
        """Go one step to three on towards a transfer, by whom it takes."""
        for _ in range(steps):
            handover = self.state.post.handover
            if handover.pending is None:
                at = max(self.at(m), self.acted_at())
                by = self.person(self.commander(at))
                assert by is not None
                self.ask(
                    replace(
                        known.propose,
                        by=by,
                        to=to,
                        transfer_id=f"t{len(self.events)}",
                        effective_at=None if ahead is None else at + timedelta(minutes=ahead),
                        occurred_at=self.at(m),
                    )
                )
                continue
            by, id_ = self.meant(known.CHEN, "")
            if handover.acknowledged:
                self.ask(replace(known.accept, by=by, transfer_id=id_, occurred_at=self.at(m)))
            else:
                self.ask(replace(known.acknowledge, by=by, transfer_id=id_, occurred_at=self.at(m)))

    @rule(by=whoever, m=minutes, grades=st.booleans())
    def act(self, by: Actor | None, m: int, *, grades: bool) -> None:
        decision = replace(known.record, decision_id=f"d{len(self.events)}")
        command: decider.Act = known.grade if grades else decision
        self.ask(replace(command, by=self.entitled(by), occurred_at=self.at(m)))

    @rule(by=whoever, m=minutes)
    def close_and_reopen(self, by: Actor | None, m: int) -> None:
        self.ask(replace(known.close, by=self.entitled(by), occurred_at=self.at(m)))
        self.ask(replace(posted.take, by=posted.PREFECT, occurred_at=self.at(m)))
        self.ask(replace(known.reopen, by=self.entitled(by), occurred_at=self.at(m)))

    @rule(passed=st.integers(1, 30))
    def let_time_pass(self, passed: int) -> None:
        self.clock += passed

    @precondition(lambda self: self.acts)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.ask(data.draw(st.sampled_from(self.acts)))

    @precondition(lambda self: self.acts)
    @rule(data=st.data())
    def decide_on_an_old_state(self, data: st.DataObject) -> None:
        command = data.draw(st.sampled_from(self.acts))
        with suppress(Rejection):
            known.decide(command, data.draw(st.sampled_from(self.states)))
        self.ask(command)

    @rule(data=st.data())
    def reorder_history(self, data: st.DataObject) -> None:
        shuffled = data.draw(st.permutations(self.events[-8:]))
        reduce(decider.evolve, shuffled, self.states[0])

    def person(self, subject: str | None) -> Actor | None:
        return next((person for person in PEOPLE if person.subject == subject), None)

    def entitled(self, by: Actor | None) -> Actor:
        return by or self.person(self.state.post.commander) or known.LI

    def meant(self, by: Actor, id_: str) -> tuple[Actor, str]:
        """Return the incoming and the id of the transfer that waits, if one does."""
        pending = self.state.post.handover.pending
        if pending is None:
            return by, id_
        return self.person(pending.incoming) or by, pending.transfer_id

    # What always holds.

    @invariant()
    def exactly_one_commands_at_every_instant_after_establishment(self) -> None:
        tenures = self.state.post.succession.tenures
        assert bool(tenures) == bool(self.accessions)
        for earlier, following in pairwise(tenures):
            assert earlier.since <= following.since
        for moment in self.told:
            begun = [tenure for tenure in tenures if tenure.since <= moment]
            last = begun[-1].commander if begun else None
            assert last == self.commander(moment)
            assert (last is None) == (not tenures or moment < tenures[0].since)

    @invariant()
    def one_holds_a_single_role_and_every_headquarters_has_its_head(self) -> None:
        held = self.state.post.organisation
        now: dict[tuple[str, str, str], int] = {}
        for one in held.holdings:
            assert one.until is None or one.since <= one.until
            if one.until is None:
                key = (one.headquarters_id, one.role, one.agency)
                now[key] = now.get(key, 0) + 1
        for (_, role, agency), count in now.items():
            if agency or posted.TABLE.roles[role].single:
                assert count == 1
        for headquarters in held.headquarters:
            head = (headquarters.established.headquarters_id, headquarters.established.head_role)
            assert now.get((*head, ""), 0) == (0 if headquarters.closed else 1)
        for earlier, other in combinations(held.holdings, 2):
            same = (earlier.headquarters_id, earlier.role) == (other.headquarters_id, other.role)
            if same and posted.TABLE.roles[earlier.role].single:
                assert earlier.until is not None
                assert earlier.until <= other.since

    @invariant()
    def replay_gives_the_same_state(self) -> None:
        assert decider.fold(self.events, decider.INITIAL) == self.states[-1]


TestCommandPost = CommandPost.TestCase
TestCommandPost.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
