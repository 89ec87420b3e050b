"""What a plan wanted, held against what was done: one row a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.command.domain.levels import Level
from services.command.domain.plan.conformance import (
    Asked,
    Done,
    Finding,
    Reached,
    StepFinding,
    judge,
    score,
)
from tests.command.incidents import NOW
from tests.command.plans import content


def after(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def reached(*levels: tuple[Level | None, float]) -> list[Reached]:
    return [
        Reached(level=level, at=after(minutes), position=100 + number)
        for number, (level, minutes) in enumerate(levels)
    ]


def task(done: Done | None = None, minutes: float = 0, task_id: str = "t") -> Asked:
    ended = () if done is None else (9,)
    return Asked(
        task_id=task_id,
        done=done,
        ended_at=None if done is None else after(minutes),
        positions=(5, *ended),
    )


FOURTH = reached((Level.IV, 0))
ENDED = reached((Level.IV, 0), (None, 100))


def judged(
    levels: Sequence[Reached], asked: Mapping[str, Sequence[Asked]], until: float
) -> dict[str, StepFinding]:
    return {found.step.step_id: found for found in judge(content, levels, asked, after(until))}


# "verify" is wanted within 15 minutes of level IV, "move" within 60 and after it, "relief" ever.
ONE_STEP = [
    ("before its limit", FOURTH, [task()], 14, Finding.RUNNING, 0),
    ("at its limit", FOURTH, [task()], 15, Finding.RUNNING, 0),
    ("past its limit", FOURTH, [task()], 35, Finding.OVERDUE, 20),
    ("nobody was asked", FOURTH, [], 35, Finding.OVERDUE, 20),
    ("done in time", FOURTH, [task(Done.WHOLE, 10)], 99, Finding.DONE, 0),
    ("done at its limit", FOURTH, [task(Done.WHOLE, 15)], 99, Finding.DONE, 0),
    ("done late", FOURTH, [task(Done.WHOLE, 27)], 99, Finding.LATE, 12),
    ("partly done", FOURTH, [task(Done.PARTLY, 10)], 99, Finding.PARTLY_DONE, 0),
    ("partly done late", FOURTH, [task(Done.PARTLY, 16)], 99, Finding.LATE, 1),
    ("not done", FOURTH, [task(Done.NOT, 10)], 99, Finding.SKIPPED, 0),
    ("cancelled", FOURTH, [task(Done.CANCELLED, 10)], 99, Finding.SKIPPED, 0),
    (
        "cancelled, asked again and done",
        FOURTH,
        [task(Done.CANCELLED, 5), task(Done.WHOLE, 12)],
        99,
        Finding.DONE,
        0,
    ),
    (
        "cancelled, asked again, open",
        FOURTH,
        [task(Done.CANCELLED, 5), task()],
        9,
        Finding.RUNNING,
        0,
    ),
    ("open when the response ended", ENDED, [task()], 999, Finding.SKIPPED, 0),
    (
        "open when it ended early",
        reached((Level.IV, 0), (None, 10)),
        [task()],
        999,
        Finding.RELEASED,
        0,
    ),
    (
        "called off after it ended early",
        reached((Level.IV, 0), (None, 10)),
        [task(Done.CANCELLED, 30)],
        999,
        Finding.RELEASED,
        0,
    ),
    (
        "given up before it ended early",
        reached((Level.IV, 0), (None, 10)),
        [task(Done.CANCELLED, 5)],
        999,
        Finding.SKIPPED,
        0,
    ),
    ("done after it ended", ENDED, [task(Done.WHOLE, 120)], 999, Finding.LATE, 105),
]


@pytest.mark.parametrize(
    ("levels", "asked", "until", "finding", "late"),
    [case[1:] for case in ONE_STEP],
    ids=[case[0] for case in ONE_STEP],
)
def test_a_step_is_judged_by_its_limit_and_by_what_came_of_it(
    levels: Sequence[Reached], asked: Sequence[Asked], until: float, finding: Finding, late: float
) -> None:
    found = judged(levels, {"verify": asked}, until)["verify"]

    assert (found.finding, found.late_by) == (finding, timedelta(minutes=late))
    assert found.due_at == after(15)


def test_a_step_without_a_limit_is_never_late() -> None:
    assert judged(FOURTH, {"relief": [task()]}, 99999)["relief"].finding is Finding.RUNNING
    done = judged(FOURTH, {"relief": [task(Done.WHOLE, 9999)]}, 99999)["relief"]
    assert (done.finding, done.due_at) == (Finding.DONE, None)
    assert judged(ENDED, {"relief": [task()]}, 999)["relief"].finding is Finding.RELEASED


ORDERS = [
    ("after it", task(Done.WHOLE, 10), task(Done.WHOLE, 20), ()),
    ("at once with it", task(Done.WHOLE, 10), task(Done.WHOLE, 10), ()),
    ("before it", task(Done.WHOLE, 14), task(Done.WHOLE, 12), ("verify",)),
    ("without it", task(), task(Done.WHOLE, 12), ("verify",)),
    ("although it was given up", task(Done.CANCELLED, 5), task(Done.WHOLE, 12), ("verify",)),
    ("neither is done", task(), task(), ()),
]


@pytest.mark.parametrize(
    ("first", "second", "overtaken"),
    [case[1:] for case in ORDERS],
    ids=[case[0] for case in ORDERS],
)
def test_a_step_is_out_of_order_that_is_done_before_what_it_follows(
    first: Asked, second: Asked, overtaken: tuple[str, ...]
) -> None:
    assert (
        judged(FOURTH, {"verify": [first], "move": [second]}, 13)["move"].out_of_order == overtaken
    )


def test_a_higher_levels_steps_count_from_when_it_began() -> None:
    found = judged(reached((Level.IV, 0), (Level.III, 30)), {}, 31)

    assert [name for name, _ in found.items()] == ["verify", "move", "post", "count", "relief"]
    assert (found["post"].began_at, found["post"].due_at) == (after(30), after(90))
    assert found["verify"].due_at == after(15)


def test_what_no_level_wanted_is_not_judged() -> None:
    assert set(judged(FOURTH, {}, 10)) == {"verify", "move", "relief"}


def test_lowering_releases_what_was_not_yet_due() -> None:
    levels = reached((Level.III, 0), (Level.IV, 90))
    found = judged(levels, {"post": [task()], "count": [task()]}, 999)

    assert found["post"].finding is Finding.SKIPPED
    assert found["count"].finding is Finding.RELEASED
    assert found["verify"].finding is Finding.OVERDUE


def test_raising_again_wants_what_was_left_anew_and_what_was_done_not() -> None:
    levels = reached((Level.III, 0), (Level.IV, 30), (Level.III, 200))
    left = judged(levels, {}, 210)["post"]
    done = judged(levels, {"post": [task(Done.WHOLE, 20)]}, 210)["post"]

    assert (left.due_at, left.finding) == (after(260), Finding.RUNNING)
    assert (done.due_at, done.finding) == (after(60), Finding.DONE)


def test_a_finding_names_its_evidence() -> None:
    found = judged(FOURTH, {"verify": [task(Done.WHOLE, 10, "t1"), task(task_id="t2")]}, 99)

    assert found["verify"].task_ids == ("t1", "t2")
    assert found["verify"].positions == (100, 5, 9, 5)


SCORES = [
    ([], None),
    ([Finding.RUNNING, Finding.RELEASED], None),
    ([Finding.DONE], 100),
    ([Finding.DONE, Finding.RUNNING], 100),
    ([Finding.DONE, Finding.LATE], 75),
    ([Finding.DONE, Finding.PARTLY_DONE, Finding.SKIPPED], 50),
    ([Finding.SKIPPED, Finding.OVERDUE], 0),
    ([Finding.DONE, Finding.DONE, Finding.OVERDUE], 67),
]


@pytest.mark.parametrize(("findings", "percent"), SCORES)
def test_the_score_is_what_was_done_in_time_of_what_counts(
    findings: Sequence[Finding], percent: int | None
) -> None:
    one = judged(FOURTH, {}, 1)["verify"]

    assert score([replace(one, finding=finding) for finding in findings]) == percent


def test_what_is_out_of_order_is_worth_a_half() -> None:
    one = replace(judged(FOURTH, {}, 1)["move"], finding=Finding.DONE)

    assert score([one, replace(one, out_of_order=("verify",))]) == 75
