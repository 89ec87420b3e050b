"""A plan's rules, one by one: the order of its papers, its versions, what it may say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from services.command.domain.grades import Grade
from services.command.domain.incident.facts import Metric
from services.command.domain.levels import Level
from services.command.domain.plan import decider
from services.command.domain.plan.commands import Command
from services.command.domain.plan.content import Content, check
from services.command.domain.plan.events import Event, Verdict
from services.runtime.rejection import Invalid, Rejection
from tests.command.incidents import STRANGER, person
from tests.command.plans import (
    CITY,
    HIGH,
    ISSUED,
    LOW,
    YI,
    assess,
    assessed,
    condition,
    content,
    draft,
    drafted,
    exercise,
    exercised,
    file,
    filed,
    given,
    in_force,
    publish,
    published,
    retire,
    retired,
    review,
    reviewed,
    revise,
    revised,
    step,
    under,
)

other = replace(content, title="修订后的预案")
later = ISSUED + timedelta(days=30)
second = replace(revised, content=other, occurred_at=later)
in_force_again = (
    second,
    replace(reviewed, version=2, occurred_at=later),
    replace(assessed, version=2, occurred_at=later),
    replace(published, version=2, supersedes=1, title=other.title, occurred_at=later),
)

DONE: list[tuple[tuple[Event, ...], Command, Event]] = [
    ((), draft, drafted),
    ((drafted,), replace(revise, content=other), replace(second, version=1, occurred_at=ISSUED)),
    ((drafted,), review, reviewed),
    ((drafted, reviewed), assess, assessed),
    ((drafted, reviewed, assessed), publish, published),
    (in_force, file, filed),
    ((*in_force, filed), exercise, exercised),
    (
        (*in_force, filed, exercised),
        replace(exercise, reference="flood-2027"),
        replace(exercised, reference="flood-2027"),
    ),
    (in_force, replace(revise, content=other, occurred_at=later), second),
    (
        (*in_force, *in_force_again[:-1]),
        replace(publish, version=2, occurred_at=later),
        in_force_again[-1],
    ),
    ((drafted,), retire, retired),
    (in_force, retire, retired),
]


@pytest.mark.parametrize(
    ("history", "command", "event"), DONE, ids=lambda v: type(v).__name__ if v else ""
)
def test_each_paper_comes_after_the_one_before_and_once(
    history: Sequence[Event], command: Command, event: Event
) -> None:
    given(*history).when(command).then(event)
    given(*history, event).when(command).then()


OUT_OF_ORDER = [
    ((drafted,), assess),
    ((drafted,), publish),
    ((drafted, reviewed), publish),
    ((drafted, reviewed), replace(review, reference="评审 2")),
    ((drafted, reviewed, assessed), file),
    (in_force, exercise),
    ((*in_force, filed), replace(publish, reference="另一文号")),
    ((*in_force, *in_force_again), replace(file, occurred_at=later)),  # superseded
]


@pytest.mark.parametrize(("history", "command"), OUT_OF_ORDER)
def test_no_paper_is_skipped_nor_taken_back(history: Sequence[Event], command: Command) -> None:
    given(*history).when(command).then_refused("PLAN_OUT_OF_ORDER")


def test_what_is_returned_is_a_draft_again() -> None:
    returned = replace(review, verdict=Verdict.RETURNED)
    back = replace(reviewed, verdict=Verdict.RETURNED)

    given(drafted).when(returned).then(back)
    given(drafted, back).when(assess).then_refused("PLAN_OUT_OF_ORDER")
    given(drafted, back).when(replace(review, reference="评审 2")).then(
        replace(reviewed, reference="评审 2")
    )
    given(drafted, reviewed, replace(assessed, verdict=Verdict.RETURNED)).when(
        publish
    ).then_refused("PLAN_OUT_OF_ORDER")


def test_a_change_voids_what_was_reviewed_before_it() -> None:
    changed = replace(revised, version=1, content=other)

    given(drafted, reviewed, assessed, changed).when(publish).then_refused("PLAN_OUT_OF_ORDER")


def test_drafting_the_same_again_changes_nothing_and_otherwise_is_refused() -> None:
    given(drafted).when(draft).then()
    given(*in_force, *in_force_again).when(draft).then()
    given(drafted).when(replace(draft, content=other)).then_refused("PLAN_EXISTS")


def test_revising_to_what_it_says_changes_nothing() -> None:
    given(*in_force).when(replace(revise, occurred_at=later)).then()


def test_the_old_version_stays_in_force_until_the_new_one_is_published() -> None:
    plan = _state(*in_force, *in_force_again[:-1])
    assert plan.in_force(later) == 1

    plan = _state(*in_force, *in_force_again)
    assert plan.in_force(later - timedelta(milliseconds=1)) == 1
    assert plan.in_force(later) == 2
    assert plan.in_force(ISSUED - timedelta(milliseconds=1)) is None


def test_a_retired_plan_is_in_force_no_more_but_was() -> None:
    ended = replace(retired, occurred_at=later)
    plan = _state(*in_force, ended)

    assert plan.in_force(later) is None
    assert plan.in_force(later - timedelta(days=1)) == 1
    given(*in_force, ended).when(replace(file, occurred_at=later)).then_refused("PLAN_RETIRED")
    given(*in_force, ended).when(replace(revise, content=other)).then_refused("PLAN_RETIRED")


def test_papers_are_recorded_in_the_order_of_their_days() -> None:
    early = replace(publish, occurred_at=ISSUED - timedelta(days=1))

    given(drafted, reviewed, assessed).when(early).then_refused("TIME_OUT_OF_RANGE")


def test_unknown_plans_and_versions_are_named() -> None:
    given().when(review).then_refused("NO_SUCH_PLAN")
    given(drafted).when(replace(review, version=2)).then_refused("NO_SUCH_PLAN_VERSION")


@pytest.mark.parametrize("command", [draft, revise, review, publish, retire])
def test_only_the_plans_own_region_writes_it(command: Command) -> None:
    history = () if command is draft else in_force

    given(*history).when(replace(command, by=STRANGER)).then_refused("OUTSIDE_JURISDICTION")


@pytest.mark.parametrize(
    ("history", "state"),
    [
        ((drafted,), "draft"),
        ((drafted, reviewed), "reviewed"),
        ((drafted, reviewed, assessed), "assessed"),
        ((*in_force, retired), "retired"),
    ],
)
def test_nothing_is_activated_under_a_plan_that_is_not_in_force(
    history: Sequence[Event], state: str
) -> None:
    with pytest.raises(Rejection) as refused:
        decider.in_force("p1", _state(*history), later, exercise=False)

    assert refused.value.reason == "PLAN_NOT_PUBLISHED"
    assert refused.value.context["state"] == state


@pytest.mark.parametrize("more", [(), (filed,), (filed, exercised)])
def test_a_plan_that_is_published_filed_or_exercised_is_in_force(more: Sequence[Event]) -> None:
    assert decider.in_force("p1", _state(*in_force, *more), later, exercise=False) == under


def test_a_sample_is_for_exercises_only() -> None:
    sample = replace(drafted, content=replace(content, sample=True))
    state = _state(sample, *in_force[1:])

    assert decider.in_force("p1", state, later, exercise=True).content.sample
    with pytest.raises(Rejection, match="adopt it") as refused:
        decider.in_force("p1", state, later, exercise=False)
    assert refused.value.reason == "PLAN_IS_SAMPLE"


INCONSISTENT = {
    "steps.step_id": replace(content, steps=(*content.steps, content.steps[0])),
    "steps.after": replace(content, steps=(step("a", Level.IV, 10, "nothing"),)),
    "steps.within": replace(content, steps=(step("a", Level.IV, 30), step("b", Level.IV, 20, "a"))),
    "steps.level": replace(content, steps=(step("a", Level.I, 10),)),
    "levels.level": replace(content, levels=(content.levels[0], content.levels[0])),
    "levels.conditions.clause": replace(
        content,
        levels=(replace(content.levels[0], conditions=(condition("1"), condition("1"))),),
        steps=content.steps[:1],
    ),
}


@pytest.mark.parametrize(("field", "wrong"), INCONSISTENT.items(), ids=INCONSISTENT)
def test_a_plan_that_could_not_be_followed_is_refused(field: str, wrong: Content) -> None:
    with pytest.raises(Invalid) as refused:
        check(wrong)

    assert refused.value.reason == "PLAN_INCONSISTENT"
    assert refused.value.context["field"] == f"content.{field}"
    given().when(replace(draft, content=wrong)).then_refused("PLAN_INCONSISTENT")
    given(drafted).when(replace(revise, content=wrong)).then_refused("PLAN_INCONSISTENT")


def test_steps_follow_only_what_their_level_has_and_never_in_a_circle() -> None:
    higher = replace(content, steps=(step("a", Level.IV, 10, "b"), step("b", Level.III, 10)))
    circle = replace(content, steps=(step("a", Level.IV, 10, "b"), step("b", Level.IV, 10, "a")))

    with pytest.raises(Invalid, match="level IV has"):
        check(higher)
    with pytest.raises(Invalid, match="circle"):
        check(circle)


def test_levels_are_cumulative() -> None:
    ids = [[one.step_id for one in content.steps_at(level)] for level in Level]

    assert ids[0] == ["verify", "move", "relief"]
    assert ids[1] == [*ids[0], "post", "count"]
    assert ids[2] == ids[3] == [*ids[1], "army"]


@pytest.mark.parametrize(
    ("figures", "grade", "clauses"),
    [
        ({}, None, []),
        ({Metric.TRAPPED: 1}, None, ["4.1"]),
        ({Metric.DEAD: 2}, None, []),
        ({Metric.DEAD: 2, Metric.MISSING: 1}, None, ["5.1"]),
        ({Metric.DEAD: 3}, None, ["5.1"]),
        ({}, Grade.LARGER, []),
        ({}, Grade.MAJOR, ["6.1"]),
        ({}, Grade.ESPECIALLY_MAJOR, ["6.1"]),
    ],
)
def test_conditions_hold_by_figures_and_grade_alone(
    figures: dict[Metric, int], grade: Grade | None, clauses: list[str]
) -> None:
    held = [
        one.clause
        for rule in content.levels
        for one in rule.conditions
        if one.holds(figures, grade)
    ]

    assert held == clauses


def test_a_level_is_approved_by_role_and_region() -> None:
    place = "431281102"
    head, stranger = person("head", place), person("head", "431281103")
    city, mayor = person("city"), replace(person("mayor"), roles=("leader",))

    assert [LOW.may_be(one, place) for one in (head, stranger, city, YI)] == [
        True,
        False,
        True,
        True,
    ]
    assert [CITY.may_be(one, place) for one in (head, city, mayor)] == [False, True, True]
    assert [HIGH.may_be(one, place) for one in (city, mayor)] == [False, True]


def _state(*events: Event) -> decider.Plan:
    state = decider.INITIAL
    for event in events:
        state = decider.evolve(state, event)
    assert state is not None
    return state
