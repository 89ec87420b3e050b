"""Every reason that a decider of dispatch can give for a refusal is given by one of these stories.

Which reasons there are is read from the deciders themselves: a new one without a story fails.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.dispatch import domain
from services.dispatch.domain import assignment, planned_start, roll_call, withdrawal
from services.dispatch.domain.events import Source, Stage
from services.dispatch.domain.recommendation import decider as recommendation
from services.dispatch.domain.run_card import decider as run_card
from services.dispatch.domain.run_card.content import AlarmLevel, Conditions, Hours, Override
from services.runtime.rejection import Rejection
from tests.dispatch.cards import BOATS, CARD, drafted, made, published, retired, revised
from tests.dispatch.facts import (
    DISPATCHER,
    DYKE,
    NEIGHBOUR,
    NOW,
    WAY,
    WAYS,
    acknowledge,
    acknowledged,
    acted,
    arrive,
    cancel,
    cancelled,
    clear,
    cleared,
    decline,
    declined,
    dispatched,
    diverted,
    en_route,
    follow,
    give_up,
    handed_over,
    held_by_another,
    mayday,
    minute,
    on_scene,
    overridden,
    preplanned,
    request,
    requested,
    ring,
    saved,
    send,
    set_out,
    transporting,
    withdrawn,
)
from tests.dispatch.test_run_card_domain import OTHER, draft, publish, retire, revise
from tests.spec import spec

HOME = Path(domain.__path__[0])
KINDS = {"Rejection", "AlreadyExists", "NotFound", "Forbidden", "Invalid"}

given_assignment = spec(assignment.decide, assignment.evolve, assignment.INITIAL)
given_call = spec(roll_call.decide, roll_call.evolve, roll_call.INITIAL)
given_withdrawal = spec(withdrawal.decide, withdrawal.evolve, withdrawal.INITIAL)
given_start = spec(planned_start.decide, planned_start.evolve, planned_start.INITIAL)
given_card = spec(run_card.decide, run_card.evolve, run_card.INITIAL)
given_recommendation = spec(recommendation.decide, recommendation.evolve, recommendation.INITIAL)

# Acts on an assignment.

plan = assignment.PreplanAssignment(
    by=DISPATCHER,
    assignment_id="a1",
    incident_id="i1",
    unit_id="boat-1",
    destination=DYKE,
    order=preplanned.order,
    call_at=preplanned.call_at,
    acknowledge_within_s=90.0,
    override_reason="",
    incident_type="11A01",
    dispatch_at=minute(60),
    occurred_at=NOW,
)
go_now = assignment.RequestPreplanned(
    by=DISPATCHER, assignment_id="a1", by_clock=False, occurred_at=minute(10)
)
answer = assignment.AnswerRefusal(
    by=DISPATCHER, assignment_id="a1", answer="改派江市二号艇", occurred_at=minute(62)
)
act_first = assignment.RecordInitiatingAction(
    by=DISPATCHER,
    assignment_id="a1",
    said=True,
    source=Source.CREW,
    occurred_at=acted.occurred_at,
)
set_back = assignment.OverrideAssignment(
    by=DISPATCHER,
    assignment_id="a1",
    to=Stage.EN_ROUTE,
    reason=overridden.reason,
    authority=overridden.authority,
    way=WAY,
    source=Source.CONSOLE,
    occurred_at=overridden.occurred_at,
)
divert = assignment.DivertAssignment(
    by=DISPATCHER,
    assignment_id="a1",
    to_assignment_id="a2",
    to_incident_id="i2",
    reason=diverted.reason,
    way=WAY,
    occurred_at=diverted.occurred_at,
)
pull_out = assignment.WithdrawAssignment(
    by=DISPATCHER,
    assignment_id="a1",
    withdrawal_id="w1",
    reason=withdrawn.reason,
    way=WAY,
    occurred_at=withdrawn.occurred_at,
)
hand_over = assignment.HandOverCrew(
    by=DISPATCHER,
    assignment_id="a1",
    outgoing=handed_over.outgoing,
    incoming=handed_over.incoming,
    crew=handed_over.crew,
    briefing=handed_over.briefing,
    occurred_at=handed_over.occurred_at,
)
call_mayday = assignment.DeclareMayday(
    by=replace(DISPATCHER, subject=mayday.declared_by),
    assignment_id="a1",
    situation=mayday.situation,
    source=Source.CREW,
    occurred_at=mayday.occurred_at,
)
rescue = assignment.ResolveMayday(
    by=DISPATCHER, assignment_id="a1", outcome=saved.outcome, occurred_at=saved.occurred_at
)
carry = assignment.RecordTransporting(
    by=DISPATCHER,
    assignment_id="a1",
    to="市人民医院",
    said=True,
    source=Source.CREW,
    way=WAYS.of("13E"),
    occurred_at=transporting.occurred_at,
)
ACTS: tuple[Any, ...] = (
    go_now,
    answer,
    acknowledge(),
    set_out(),
    arrive(),
    clear(),
    carry,
    act_first,
    set_back,
    decline,
    cancel,
    divert,
    pull_out,
    hand_over,
    call_mayday,
    rescue,
)
NEED_A_UNIT = (
    acknowledge(),
    set_out(),
    arrive(),
    clear(),
    carry,
    act_first,
    set_back,
    decline,
    divert,
    hand_over,
    call_mayday,
)
OUT = (requested, dispatched)
THERE = (*OUT, acknowledged, en_route, on_scene)


def of_assignments() -> Iterator[tuple[Any, str]]:
    given = given_assignment
    yield given(requested).when(request()), "ASSIGNMENT_EXISTS"
    yield given(requested).when(plan), "ASSIGNMENT_EXISTS"
    yield given().when(request(by=NEIGHBOUR)), "OUTSIDE_JURISDICTION"
    yield given().when(replace(plan, by=NEIGHBOUR)), "OUTSIDE_JURISDICTION"
    yield given().when(replace(plan, dispatch_at=NOW)), "DISPATCH_TIME_PAST"
    for command in (give_up, send, ring, follow, *ACTS):
        yield given().when(command), "NO_SUCH_ASSIGNMENT"
    for command in ACTS:
        yield given(*THERE).when(replace(command, by=NEIGHBOUR)), "OUTSIDE_JURISDICTION"
    for command in NEED_A_UNIT:
        yield given(requested).when(command), "ASSIGNMENT_NOT_DISPATCHED"
        yield given(preplanned).when(command), "ASSIGNMENT_NOT_DISPATCHED"
        yield given(requested, held_by_another).when(command), "ASSIGNMENT_CLOSED"
    for command in (set_back, decline, divert, hand_over, pull_out, cancel):
        yield given(*THERE, cleared).when(command), "ASSIGNMENT_CLOSED"
    for command in (set_back, divert, hand_over, pull_out, cancel):
        yield given(*OUT, declined).when(command), "ASSIGNMENT_CLOSED"
    for command in (decline, divert, pull_out):
        yield given(*OUT, cancelled).when(command), "ASSIGNMENT_CLOSED"
    yield given(*THERE, diverted).when(replace(divert, to_assignment_id="a3")), "ASSIGNMENT_CLOSED"
    yield given(*THERE, diverted).when(pull_out), "ASSIGNMENT_CLOSED"
    yield given(*THERE, withdrawn).when(divert), "ASSIGNMENT_CLOSED"
    for command in (clear(), cancel, divert, pull_out, replace(set_back, to=Stage.CLEARED)):
        yield given(*THERE, mayday).when(command), "MAYDAY_OPEN"
    yield given(*OUT, mayday).when(decline), "MAYDAY_OPEN"
    yield given(*OUT, en_route).when(decline), "UNIT_UNDER_WAY"
    yield given(*THERE).when(carry), "TRANSITION_NOT_ALLOWED"
    yield given(*THERE, transporting).when(divert), "TRANSITION_NOT_ALLOWED"
    yield given(*THERE, transporting).when(pull_out), "TRANSITION_NOT_ALLOWED"
    for stage in (Stage.DISPATCHED, Stage.DECLINED, Stage.PREPLANNED, Stage.WITHDRAWN):
        yield given(*THERE).when(replace(set_back, to=stage)), "OVERRIDE_IMPOSSIBLE"
    third = replace(hand_over, outgoing="班长张", incoming="班长王")
    yield given(*THERE, handed_over).when(third), "NOT_THE_CREW_LEADER"
    for past in ((preplanned,), (requested,), THERE, (requested, held_by_another)):
        yield given(*past).when(answer), "NOTHING_ASKED"


# Roll calls.

called = roll_call.RollCallStarted(
    roll_call_id="c1",
    incident_id="i1",
    adcode="431281102",
    units=(
        roll_call.Called(assignment_id="a1", unit_id="boat-1"),
        roll_call.Called(assignment_id="a2", unit_id="rescue-1"),
    ),
    reason="管涌扩大",
    started_by="diao.lin",
    due_at=minute(5),
    occurred_at=NOW,
)
start_call = roll_call.StartRollCall(
    by=DISPATCHER,
    roll_call_id="c1",
    incident_id="i1",
    adcode=called.adcode,
    units=called.units,
    reason=called.reason,
    answer_within_s=300.0,
    occurred_at=NOW,
    now=NOW,
)
all_here = roll_call.AnswerRollCall(
    by=DISPATCHER,
    roll_call_id="c1",
    unit_id="boat-1",
    expected=6,
    present=6,
    missing=(),
    source=Source.CREW,
    occurred_at=minute(1),
)
end_call = roll_call.EndRollCall(
    by=DISPATCHER, roll_call_id="c1", reason="转入搜救", occurred_at=minute(9)
)
ring_call = roll_call.RaiseRollCallOverdue(roll_call_id="c1", due_at=called.due_at)
ended_call = roll_call.RollCallEnded(
    roll_call_id="c1",
    incident_id="i1",
    adcode=called.adcode,
    silent=("boat-1", "rescue-1"),
    missing=0,
    reason=end_call.reason,
    ended_by="diao.lin",
    occurred_at=end_call.occurred_at,
)

move_call = roll_call.MoveRollCall(
    roll_call_id="c1", sources=frozenset({"i1"}), incident_id="i2", occurred_at=minute(2)
)


def of_roll_calls() -> Iterator[tuple[Any, str]]:
    given = given_call
    yield given(called).when(start_call), "ROLL_CALL_EXISTS"
    yield given().when(replace(start_call, by=NEIGHBOUR)), "OUTSIDE_JURISDICTION"
    yield given().when(replace(start_call, units=())), "NOBODY_TO_CALL"
    for command in (all_here, ring_call, end_call, move_call):
        yield given().when(command), "NO_SUCH_ROLL_CALL"
    for act in (all_here, end_call):
        yield given(called).when(replace(act, by=NEIGHBOUR)), "OUTSIDE_JURISDICTION"
        yield given(called, ended_call).when(act), "ROLL_CALL_CLOSED"
    yield given(called).when(replace(all_here, unit_id="boat-9")), "UNIT_NOT_CALLED"
    yield given(called).when(replace(all_here, present=7)), "MORE_PRESENT_THAN_EXPECTED"


# Withdrawals, planned starts, recommendations.

pull_all = withdrawal.OrderWithdrawal(
    by=DISPATCHER,
    withdrawal_id="w1",
    incident_id="i1",
    adcode="431281102",
    assignment_ids=("a1", "a2"),
    reason="随时溃口",
    occurred_at=NOW,
)
move_pull = withdrawal.MoveWithdrawal(
    withdrawal_id="w1",
    sources=frozenset({"i1"}),
    incident_id="i2",
    still_in=("a2",),
    occurred_at=minute(2),
)
start = planned_start.PlanStart(
    by=DISPATCHER,
    recommendation_id="r1",
    incident_id="i1",
    incident_type="11A01",
    units=(planned_start.Planned(assignment_id="a1", unit_id="boat-1"),),
    picked=("boat-1", "boat-2"),
    start_at=None,
    planned_start_at=minute(60),
    destination=DYKE,
    order="预先到岗",
    call_at=minute(-3),
    acknowledge_within_s=90.0,
    occurred_at=NOW,
)
started = planned_start.StartPlanned(
    recommendation_id="r1",
    incident_id="i1",
    incident_type="11A01",
    adcode=DYKE.adcode,
    units=start.units,
    start_at=minute(60),
    destination=DYKE,
    order="预先到岗",
    call_at=minute(-3),
    acknowledge_within_s=90.0,
    planned_by="diao.lin",
    occurred_at=NOW,
)


def of_withdrawals() -> Iterator[tuple[Any, str]]:
    given = given_withdrawal
    yield given().when(replace(pull_all, by=NEIGHBOUR)), "OUTSIDE_JURISDICTION"
    yield given().when(replace(pull_all, assignment_ids=())), "NOBODY_TO_WITHDRAW"
    yield given().when(move_pull), "NO_SUCH_WITHDRAWAL"


def of_planned_starts() -> Iterator[tuple[Any, str]]:
    given = given_start
    stranger = planned_start.Planned(assignment_id="a9", unit_id="boat-9")
    yield given(started).when(start), "START_PLANNED"
    yield given().when(replace(start, by=NEIGHBOUR)), "OUTSIDE_JURISDICTION"
    yield given().when(replace(start, units=())), "NOBODY_RECOMMENDED"
    yield given().when(replace(start, units=(*start.units, stranger))), "UNIT_NOT_RECOMMENDED"
    yield given().when(replace(start, planned_start_at=None)), "DISPATCH_TIME_MISSING"
    yield given().when(replace(start, planned_start_at=NOW)), "DISPATCH_TIME_PAST"
    yield given().when(replace(start, start_at=minute(-1))), "DISPATCH_TIME_PAST"


def of_recommendations() -> Iterator[tuple[Any, str]]:
    again = recommendation.MakeRecommendation(
        by=DISPATCHER,
        recommendation_id="r1",
        inputs=made.inputs,
        result=made.result,
        occurred_at=NOW,
    )
    yield given_recommendation(made).when(again), "RECOMMENDATION_EXISTS"


def of_run_cards() -> Iterator[tuple[Any, str]]:
    given = given_card
    yield given(drafted).when(draft(content=OTHER)), "RUN_CARD_EXISTS"
    yield given().when(draft(by=NEIGHBOUR)), "OUTSIDE_JURISDICTION"
    for command in (revise(), publish(1), retire):
        yield given().when(command), "NO_SUCH_RUN_CARD"
        yield given(drafted).when(replace(command, by=NEIGHBOUR)), "OUTSIDE_JURISDICTION"
    yield given(drafted).when(publish(7)), "NO_SUCH_RUN_CARD_VERSION"
    newest = replace(published, version=2, supersedes=1)
    yield given(drafted, published, revised, newest).when(publish(1)), "RUN_CARD_VERSION_SUPERSEDED"
    yield given(drafted, published, retired).when(revise()), "RUN_CARD_RETIRED"
    yield given(drafted, retired).when(publish(1)), "RUN_CARD_RETIRED"

    def card(**changes: Any) -> Any:
        return given().when(draft(content=replace(CARD, **changes)))

    def override(adcode: str = "431281102", alarm_level: int = 1) -> Override:
        return Override(adcode=adcode, alarm_level=alarm_level, wants=(BOATS,), reason="沿江")

    twice = (override(), override())
    yield card(levels=(AlarmLevel(alarm_level=2, wants=(BOATS,)),)), "ALARM_LEVELS_NOT_IN_ORDER"
    yield card(overrides=(override(alarm_level=9),)), "OVERRIDE_WITHOUT_LEVEL"
    yield card(overrides=twice), "OVERRIDE_TWICE"
    yield card(overrides=(override(adcode="430000"),)), "OUTSIDE_CARD"
    hours = Conditions(type_codes=("11A",), hours=Hours(start=3, end=3))
    yield card(conditions=hours), "HOURS_EMPTY"
    period = Conditions(type_codes=("11A",), starts_at=NOW, ends_at=NOW)
    yield card(conditions=period), "PERIOD_EMPTY"


STORIES: dict[str, Callable[[], Iterator[tuple[Any, str]]]] = {
    "assignment": of_assignments,
    "roll_call.py": of_roll_calls,
    "withdrawal.py": of_withdrawals,
    "planned_start.py": of_planned_starts,
    "recommendation": of_recommendations,
    "run_card": of_run_cards,
}
ELSEWHERE = {"NO_SUCH_RECOMMENDATION"}
"""Raised for readers, by a function that no command comes to: see test_recommendation_servicer."""
TESTED_BESIDE = {"aid": "aid/test_domain.py"}


def reasons(place: str) -> set[str]:
    """Return the reasons that the source of a decider names."""
    path = HOME / place
    files = [path] if path.is_file() else sorted(path.glob("*.py"))
    return {
        call.args[0].value
        for file in files
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in KINDS
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


@pytest.mark.parametrize("place", STORIES)
def test_each_story_ends_in_its_refusal(place: str) -> None:
    wrong = []
    for number, (when, reason) in enumerate(STORIES[place]()):
        try:
            wrong.append((number, reason, when.outcome()))
        except Rejection as refusal:
            if refusal.reason != reason:
                wrong.append((number, reason, refusal.reason))
    assert wrong == []


@pytest.mark.parametrize("place", STORIES)
def test_no_reason_is_without_a_story(place: str) -> None:
    assert {reason for _, reason in STORIES[place]()} == reasons(place) - ELSEWHERE


@pytest.mark.parametrize(("place", "tests"), TESTED_BESIDE.items())
def test_no_reason_is_unknown_to_the_tests_beside(place: str, tests: str) -> None:
    told = (Path(__file__).parent / tests).read_text(encoding="utf-8")
    assert {reason for reason in reasons(place) if f'"{reason}"' not in told} == set()


def test_all_deciders_are_looked_at() -> None:
    """Only what dispatch notes of others refuses nothing."""
    seen = set(STORIES) | set(TESTED_BESIDE)
    others = {
        path.relative_to(HOME).as_posix()
        for path in HOME.rglob("*.py")
        if not any(path.relative_to(HOME).as_posix().startswith(one) for one in seen)
    }
    assert {path: reasons(path) for path in others if reasons(path)} == {}
