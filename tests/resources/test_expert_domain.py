"""Who may be called up, by whom, for what, and that nobody serves two incidents at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from services.resources.codec import EXPERT
from services.resources.domain import ended_incident
from services.resources.domain.expert import (
    INITIAL,
    CallUpExpert,
    EndExpertCallUp,
    ExpertArrived,
    ExpertBecameAvailable,
    ExpertBecameUnavailable,
    ExpertCalledUp,
    ExpertCallUpMoved,
    ExpertRegistered,
    ExpertReleased,
    ExpertRetired,
    ExpertRevised,
    MoveExpertCallUp,
    RecordExpertArrival,
    RegisterExpert,
    ReleaseExpert,
    RetireExpert,
    SetExpertAvailability,
    Type,
)
from services.resources.domain.expert_rules import decide, evolve
from services.resources.projections.experts import Standing, expert_of, standing
from services.resources.projections.tables import experts, row
from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists, Forbidden, Invalid, Rejection
from tests import machines
from tests.resources import history
from tests.resources.world import START, World
from tests.spec import spec

given = spec(decide, evolve, INITIAL)
register, _, away, back, call, arrive, release, *_ = (
    command for _, _, command in history.of_experts()
)
assert isinstance(register, RegisterExpert)
assert isinstance(away, SetExpertAvailability)
assert isinstance(back, SetExpertAvailability)
assert isinstance(call, CallUpExpert)
assert isinstance(arrive, RecordExpertArrival)
assert isinstance(release, ReleaseExpert)
retire = RetireExpert(by=history.LI, expert_id="shi", reason="退休", occurred_at=START)

AT: dict[str, Any] = {"expert_id": "shi", "occurred_at": START}
HERE: dict[str, Any] = {**AT, "adcode": "431281"}
OF: dict[str, Any] = {**HERE, "call_up_id": "c1", "incident_id": "flood"}
registered = ExpertRegistered(**AT, entry=register.entry, vocabulary_version="1")
became_unavailable = ExpertBecameUnavailable(**HERE, reason="出差", expected_back_at=history.DAWN)
called = ExpertCalledUp(
    **OF,
    name="石工",
    called_as=Type.ON_SCENE,
    task="看滑坡",
    ordered_by="mayor.chen",
    called_by="commander.li",
)
arrived = ExpertArrived(**OF, place=history.HOME)
released = ExpertReleased(**OF, came=True, reason="任务完成")
retired = ExpertRetired(**HERE, reason="退休")
MERGE: dict[str, Any] = {"call_up_id": "c1", "incident_id": "great"}
move = MoveExpertCallUp(**AT, **MERGE, source="flood")
moved = ExpertCallUpMoved(**HERE, **MERGE, from_incident_id="flood")
end = EndExpertCallUp(**AT, call_up_id="c1", incident_id="flood", reason="事件已关闭")


def test_a_list_that_is_loaded_twice_changes_nothing() -> None:
    given().when(register).then(registered)
    given(registered).when(register).then()
    other = replace(register.entry, fields=("geology",))
    given(registered).when(replace(register, entry=other)).then(
        ExpertRevised(**AT, entry=other, vocabulary_version="1")
    )
    given(registered, retired).when(register).then_refused("EXPERT_RETIRED")


def test_a_field_that_nobody_can_know_is_refused_with_those_that_one_can() -> None:
    entry = replace(register.entry, fields=("geology", "feng_shui"))
    with pytest.raises(Invalid, match=r"feng_shui.*hazardous_chemicals") as refused:
        decide(replace(register, entry=entry), None)
    assert refused.value.reason == "EXPERT_FIELD_UNKNOWN"


def test_an_expert_is_called_up_arrives_and_is_released() -> None:
    given(registered).when(call).then(called)
    given(registered, called).when(call).then()
    given(registered, called).when(arrive).then(arrived)
    given(registered, called, arrived).when(arrive).then()
    given(registered, called, arrived).when(release).then(released)
    given(registered, called).when(release).then(replace(released, came=False))
    given(registered, called, released).when(replace(release, call_up_id="c1")).then()
    given(registered, called, released).when(release).then_refused("NO_SUCH_CALL_UP")


def test_who_orders_is_the_caller_where_nobody_else_is_named() -> None:
    given(registered).when(replace(call, ordered_by="")).then(
        replace(called, ordered_by="commander.li")
    )


def test_nobody_serves_two_incidents_at_once() -> None:
    second = replace(call, call_up_id="c2", incident_id="fire")
    with pytest.raises(Rejection, match=r"flood.*mayor\.chen") as refused:
        given(registered, called).when(second).outcome()
    assert refused.value.reason == "EXPERT_CALLED_UP"
    assert refused.value.context["incident_id"] == "flood"
    given(registered, called, released).when(second).then(
        replace(called, call_up_id="c2", incident_id="fire")
    )
    with pytest.raises(AlreadyExists):
        given(registered, called, released).when(replace(call, incident_id="fire")).outcome()


def test_one_who_cannot_come_is_not_called() -> None:
    given(registered, became_unavailable).when(call).then_refused("EXPERT_UNAVAILABLE")
    given(registered, became_unavailable).when(back).then(ExpertBecameAvailable(**HERE))
    given(registered, retired).when(call).then_refused("EXPERT_RETIRED")
    given().when(call).then_refused("NO_SUCH_EXPERT")
    given(registered).when(replace(call, type=Type.DECIDING)).then_refused("NOT_THAT_TYPE")


def test_one_who_is_called_up_goes_on_until_released() -> None:
    given(registered, called).when(away).then(became_unavailable)
    given(registered, called, became_unavailable).when(arrive).then(arrived)
    given(registered, called).when(retire).then_refused("EXPERT_CALLED_UP")
    given(registered, called, released).when(retire).then(retired)
    given(registered, retired).when(retire).then()


def test_an_arrival_that_is_told_late_is_kept_and_one_after_the_end_refused() -> None:
    ended = replace(released, came=False, occurred_at=START + timedelta(hours=1))
    told_late = replace(arrive, call_up_id="c1")
    given(registered, called, ended).when(told_late).then(arrived)
    after = replace(told_late, occurred_at=ended.occurred_at)
    given(registered, called, ended).when(after).then_refused("CALL_UP_ENDED")


def test_a_call_up_follows_its_incident_and_is_released_from_the_one_that_goes_on() -> None:
    given(registered, called).when(move).then(moved)
    given(registered, called, moved).when(move).then()
    given(registered, called, released).when(move).then()
    given(registered).when(move).then()
    given().when(move).then()
    there: dict[str, Any] = {"incident_id": "great"}
    given(registered, called, moved).when(arrive).then(replace(arrived, **there))
    given(registered, called, moved, arrived).when(release).then(replace(released, **there))
    second = replace(call, call_up_id="c2", incident_id="fire")
    with pytest.raises(Rejection) as refused:
        given(registered, called, moved).when(second).outcome()
    assert refused.value.context["incident_id"] == "great"
    given(registered, called, moved).when(call).then()
    given(registered, called, moved).when(replace(call, incident_id="great")).then()


def test_an_end_releases_whom_that_incident_still_has() -> None:
    given(registered, called).when(end).then(replace(released, came=False, reason="事件已关闭"))
    given(registered, called, arrived).when(end).then(replace(released, reason="事件已关闭"))
    given(registered, called, released).when(end).then()
    given(registered, called, moved).when(end).then()
    given().when(end).then()


def test_nobody_is_called_up_for_an_incident_that_is_known_to_be_over() -> None:
    over = replace(call, heard=ended_incident.Heard(version=7, over=True))
    given(registered).when(over).then_refused("INCIDENT_CLOSED")
    merged = replace(call, heard=ended_incident.Heard(version=7, over=True, into="great"))
    with pytest.raises(Rejection, match="great") as refused:
        given(registered).when(merged).outcome()
    assert refused.value.reason == "INCIDENT_MERGED"
    assert refused.value.context["into_incident_id"] == "great"
    given(registered, called).when(over).then()


def test_why_not_and_until_when_is_asked_for() -> None:
    given(registered).when(replace(away, reason="")).then_refused("REASON_REQUIRED")
    given(registered).when(replace(away, expected_back_at=START)).then_refused("TIME_OUT_OF_RANGE")
    given(registered).when(back).then()
    given(registered, became_unavailable).when(away).then()


def test_a_township_does_not_call_the_citys_experts() -> None:
    head = Actor(subject="head.anjiang", roles=("commander",), jurisdiction="431281102")
    for command in (register, away, call, arrive, release, retire):
        with pytest.raises(Forbidden):
            given(registered, called).when(replace(command, by=head)).outcome()


INCIDENTS = st.sampled_from(["flood", "fire"])
CALL_UPS = st.sampled_from(["c1", "c2", "c3"])


class CalledUp(RuleBasedStateMachine):
    """Consoles call, release and say late what they like: the row says what the stream says.

    Incidents end and are merged under them, and what is heard of that comes again.
    """

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.world.obey(EXPERT, "shi", register)
        self.serves: tuple[str, str] | None = None
        self.ended: set[str] = set()
        self.heard = dict.fromkeys(("flood", "fire"), ended_incident.INITIAL)
        self.versions = count()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.close()

    def attempt(self, command: Any) -> Rejection | None:
        return self.world.attempt(EXPERT, "shi", command)[1]

    @rule(call_up_id=CALL_UPS, incident_id=INCIDENTS)
    def call_up(self, call_up_id: str, incident_id: str) -> None:
        heard = self.heard[incident_id]
        command = replace(call, call_up_id=call_up_id, incident_id=incident_id, heard=heard)
        before = self.world.log[-1].position
        refused = self.attempt(command)
        if self.world.log[-1].position > before:
            assert refused is None
            assert not heard.over, "nobody is called up for what is over"
            assert self.serves is None, "nobody serves two incidents"
            assert call_up_id not in self.ended, "what ended does not begin again"
            self.serves = (call_up_id, incident_id)
        elif refused is not None and refused.reason == "EXPERT_CALLED_UP":
            assert self.serves is not None
            assert refused.context["incident_id"] == self.serves[1]

    @rule(call_up_id=st.one_of(st.just(""), CALL_UPS), hours=st.integers(-1, 1))
    def arrives(self, call_up_id: str, hours: int) -> None:
        at = START + timedelta(hours=hours)
        self.attempt(replace(arrive, call_up_id=call_up_id, occurred_at=at))

    @rule(call_up_id=st.one_of(st.just(""), CALL_UPS))
    def ends(self, call_up_id: str) -> None:
        refused = self.attempt(replace(release, call_up_id=call_up_id))
        if refused is None and self.serves and call_up_id in {"", self.serves[0]}:
            self.ended.add(self.serves[0])
            self.serves = None

    @rule(
        incident_id=INCIDENTS,
        cls=st.sampled_from([ended_incident.NoteEnd, ended_incident.NoteResumption]),
        news=st.sampled_from(["new", "old"]),
    )
    def incident_ends_or_goes_on(self, incident_id: str, cls: Any, news: str) -> None:
        version = next(self.versions) + 1 if news == "new" else 0
        said = cls(incident_id=incident_id, version=version, occurred_at=START)
        self._hear(incident_id, said)
        if self.heard[incident_id].over:
            self._let_go(incident_id)

    @rule(incident_id=INCIDENTS)
    def incident_is_merged(self, incident_id: str) -> None:
        into = "fire" if incident_id == "flood" else "flood"
        if self.heard[into].into:
            return
        self._hear(
            incident_id,
            ended_incident.NoteReplacement(
                incident_id=incident_id,
                into=into,
                version=next(self.versions) + 1,
                occurred_at=START,
            ),
        )
        for call_up_id in ("c1", "c2", "c3"):
            on = replace(move, call_up_id=call_up_id, source=incident_id, incident_id=into)
            assert self.attempt(on) is None
        if self.serves and self.serves[1] == incident_id:
            self.serves = (self.serves[0], into)
        if self.heard[into].over:
            self._let_go(into)

    def _hear(self, incident_id: str, said: ended_incident.Command) -> None:
        for event in ended_incident.decide(said, self.heard[incident_id]):
            self.heard[incident_id] = ended_incident.evolve(self.heard[incident_id], event)

    def _let_go(self, incident_id: str) -> None:
        for call_up_id in ("c1", "c2", "c3"):
            over = replace(end, call_up_id=call_up_id, incident_id=incident_id)
            assert self.attempt(over) is None
        if self.serves and self.serves[1] == incident_id:
            self.ended.add(self.serves[0])
            self.serves = None

    @rule()
    def goes_away(self) -> None:
        self.attempt(away)

    @rule()
    def comes_back(self) -> None:
        self.attempt(back)

    @rule()
    def leaves_for_good(self) -> None:
        assert (self.attempt(retire) is None) or self.serves

    @invariant()
    def the_row_says_whom_an_incident_has(self) -> None:
        if not hasattr(self, "world"):
            return
        expert = self.world.state(EXPERT, "shi")
        seen = row(self.world.connection, experts, expert_id="shi")
        assert expert_of(seen) == expert
        assert sum(one.runs for one in expert.call_ups.values()) == (self.serves is not None)
        assert seen.incident_id == (self.serves[1] if self.serves else "")
        busy = {Standing.CALLED_UP, Standing.ARRIVED}
        assert (standing(expert) in busy) == (self.serves is not None)
        assert not self.serves or not self.heard[self.serves[1]].over


def test_nobody_is_called_twice_in_any_order() -> None:
    machines.run(CalledUp, runs=25, steps=25)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_nobody_is_called_twice_in_any_order_for_long() -> None:
    assert machines.run(CalledUp, runs=250, steps=40) >= 5_000
