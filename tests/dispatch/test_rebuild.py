"""Every row of dispatch that is dropped and built again from the log is the row that it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import msgspec
import pytest
from sqlalchemy import create_engine, select

from services.dispatch.codec import (
    AID_CODEC,
    ASSIGNMENT_CODEC,
    PLANNED_START_CODEC,
    RECOMMENDATION_CODEC,
    ROLL_CALL_CODEC,
    RUN_CARD_CODEC,
    WITHDRAWAL_CODEC,
)
from services.dispatch.domain.events import Stage
from services.dispatch.domain.recommendation.decider import RecommendationMade
from services.dispatch.projections import DISPATCH, apply
from services.dispatch.projections.recommendations import RECOMMENDATIONS
from services.dispatch.projections.roll_calls import COMPLETED, ENDED, RUNNING, units_of
from services.dispatch.projections.run_cards import RUN_CARD_VERSIONS, RUN_CARDS
from services.dispatch.projections.tables import (
    AID,
    ASSIGNMENTS,
    CLOSED,
    MAYDAY,
    OPEN,
    OVERDUE,
    PLANNED,
    ROLL_CALLS,
    WITHDRAWALS,
)
from services.runtime.codec import Codec
from services.runtime.readmodel import ReadModel
from services.runtime.recorded import Recorded
from services.runtime.store import NO_STREAM, EventStore, Proposed
from services.runtime.times import micros
from tests.dispatch.aid import facts as aid
from tests.dispatch.cards import drafted, made, published, retired, revised
from tests.dispatch.facts import (
    NOW,
    acknowledged,
    acted,
    answered,
    at_destination,
    came_to_nothing,
    cleared,
    dispatched,
    diverted,
    en_route,
    handed_over,
    mayday,
    minute,
    moved,
    on_scene,
    overridden,
    preplanned,
    requested,
    rung,
    saved,
    staged,
    transporting,
    withdrawn,
)
from tests.dispatch.test_refusals import called, ended_call, started
from tests.dispatch.test_roll_call_domain import (
    accounted,
    completed,
    missing,
    moved_order,
    ordered,
    others_accounted,
    overdue,
    short,
)
from tests.dispatch.test_roll_call_domain import moved as moved_call
from tests.readmodels import following

CODECS: dict[str, Codec[Any]] = {
    "assignment": ASSIGNMENT_CODEC,
    "roll_call": ROLL_CALL_CODEC,
    "withdrawal": WITHDRAWAL_CODEC,
    "runcard": RUN_CARD_CODEC,
    "recommendation": RECOMMENDATION_CODEC,
    "planned_start": PLANNED_START_CODEC,
    "aid_request": AID_CODEC,
}
OUT = (requested, dispatched, acknowledged, en_route, on_scene)
BACK = replace(en_route, occurred_at=overridden.occurred_at)
overdue_there = replace(overdue, incident_id="i2", silent=("rescue-1",))
PULLED = replace(ordered, assignment_ids=("pulled",))
HISTORIES: dict[str, Sequence[Any]] = {
    "assignment-whole": (*OUT, staged, acted, transporting, at_destination, cleared),
    "assignment-danger": (*OUT, mayday),
    "assignment-saved": (*OUT, mayday, saved, cleared),
    "assignment-shift": (*OUT, handed_over, replace(handed_over, incoming="班长王", crew=5)),
    "assignment-set": (*OUT, acted, overridden, BACK),
    "assignment-again": (*OUT, acted, overridden, BACK, replace(on_scene, occurred_at=minute(27))),
    "assignment-pulled": (*OUT, withdrawn),
    "assignment-elsewhere": (*OUT, diverted),
    "assignment-followed": (*OUT, moved),
    "assignment-planned": (preplanned,),
    "assignment-sent": (preplanned, rung, dispatched),
    "assignment-asks": (preplanned, rung, came_to_nothing),
    "assignment-seen": (preplanned, rung, came_to_nothing, answered),
    "roll_call-silent": (called, overdue),
    "roll_call-short": (called, overdue, short, missing),
    "roll_call-whole": (called, short, missing, others_accounted, accounted, completed),
    "roll_call-ended": (called, accounted, ended_call),
    "roll_call-followed": (called, short, missing, moved_call, overdue_there),
    "withdrawal-w1": (PULLED,),
    "withdrawal-w2": (ordered, moved_order),
    "runcard-draft": (drafted, replace(revised, version=1)),
    "runcard-force": (drafted, published, revised),
    "runcard-second": (drafted, published, revised, replace(published, version=2, supersedes=1)),
    "runcard-gone": (drafted, published, retired),
    "recommendation-r1": (made,),
    "planned_start-r1": (started,),
    "aid_request-aid1": (aid.requested, aid.accepted, aid.committed, aid.moved, aid.arrived),
}
NAMESPACE = UUID(int=24)


def named(stream: str, event: Any) -> Any:
    """Return a fact as its own stream tells it."""
    category, _, key = stream.partition("-")
    if category == "runcard":
        return replace(event, run_card_id=key)
    if category == "assignment":
        return replace(event, assignment_id=key)
    if category == "withdrawal":
        return replace(event, withdrawal_id=key)
    return replace(event, roll_call_id=key) if category == "roll_call" else event


def encoded(stream: str, event: Any) -> tuple[str, bytes]:
    return CODECS[stream.partition("-")[0]].encode(named(stream, event))


def interleaved() -> list[tuple[str, int, Any]]:
    """Return all histories as one log: the first of each, then the second of each, and so on."""
    return [
        (stream, number, history[number])
        for number in range(max(map(len, HISTORIES.values())))
        for stream, history in HISTORIES.items()
        if number < len(history)
    ]


# What the rows say.


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, Any]]:
    """Return the rows of every table by their first key."""
    with create_engine("sqlite://").connect() as connection:
        DISPATCH.tables.create_all(connection)
        for position, (stream, number, event) in enumerate(interleaved(), start=1):
            type_, data = encoded(stream, event)
            recorded = Recorded(
                id=uuid5(NAMESPACE, f"{stream} {number}"),
                type=type_,
                stream=stream,
                revision=number,
                position=position,
                created_at=NOW,
                data=data,
                metadata={"exercise": "drill-1"},
            )
            apply(connection, recorded)
        return {
            table.name: {row[0]: row for row in connection.execute(select(table))}
            for table in (ASSIGNMENTS, ROLL_CALLS, WITHDRAWALS, RUN_CARDS, RECOMMENDATIONS, AID)
        }


def test_rows_of_danger_are_on_top_until_somebody_says_what_became_of_it(
    rows: dict[str, dict[str, Any]],
) -> None:
    danger, over = rows["assignment"]["danger"], rows["assignment"]["saved"]
    assert (danger.rank, danger.mayday, danger.mayday_by) == (MAYDAY, True, mayday.declared_by)
    assert danger.mayday_at == micros(mayday.occurred_at)
    assert (over.rank, over.mayday, over.mayday_at) == (CLOSED, False, None)


def test_rows_of_crews_name_the_newest_shift(rows: dict[str, dict[str, Any]]) -> None:
    row = rows["assignment"]["shift"]
    assert (row.crew_leader, row.crew) == ("班长王", 5)
    assert row.handed_over_at == micros(handed_over.occurred_at)


def test_rows_that_were_set_back_forget_what_was_beyond(rows: dict[str, dict[str, Any]]) -> None:
    back, again = rows["assignment"]["set"], rows["assignment"]["again"]
    assert (back.state, back.state_override_reason) == (Stage.EN_ROUTE, overridden.reason)
    assert (back.on_scene_at, back.initiating_action_at) == (None, None)
    assert (again.state, again.on_scene_at) == (Stage.ON_SCENE, micros(minute(27)))


def test_rows_of_who_left_say_how(rows: dict[str, dict[str, Any]]) -> None:
    pulled, elsewhere = rows["assignment"]["pulled"], rows["assignment"]["elsewhere"]
    assert (pulled.state, pulled.rank) == (Stage.WITHDRAWN, CLOSED)
    assert pulled.withdrawn_at == micros(withdrawn.occurred_at)
    assert (elsewhere.state, elsewhere.diverted_to) == (Stage.DIVERTED, "a2")
    assert rows["assignment"]["followed"].incident_id == "i2"


def test_rows_of_plans_wait_go_or_ask(rows: dict[str, dict[str, Any]]) -> None:
    found = rows["assignment"]
    assert (found["planned"].state, found["planned"].rank) == (Stage.PREPLANNED, PLANNED)
    assert (found["sent"].state, found["sent"].rank) == (Stage.DISPATCHED, OPEN)
    assert (found["asks"].state, found["asks"].asks, found["asks"].rank) == (
        Stage.REFUSED,
        True,
        OVERDUE,
    )
    assert (found["seen"].asks, found["seen"].rank) == (False, CLOSED)
    assert found["seen"].refusal_answer == answered.answer


def test_rows_of_roll_calls_count_the_newest_answers(rows: dict[str, dict[str, Any]]) -> None:
    found = rows["roll_call"]
    assert (found["silent"].state, found["silent"].silent, found["silent"].overdue) == (
        RUNNING,
        2,
        True,
    )
    assert (found["short"].silent, found["short"].missing) == (1, 2)
    assert units_of(found["short"])[0].names == ("周某", "吴某")
    assert (found["whole"].state, found["whole"].missing, found["whole"].silent) == (
        COMPLETED,
        0,
        0,
    )
    assert (found["ended"].state, found["ended"].end_reason) == (ENDED, ended_call.reason)


def test_rows_of_roll_calls_that_followed_a_merge_say_so_and_are_else_what_they_were(
    rows: dict[str, dict[str, Any]],
) -> None:
    stays, followed = rows["roll_call"]["short"], rows["roll_call"]["followed"]
    assert (stays.incident_id, stays.from_incident_id) == ("i1", "")
    assert (followed.incident_id, followed.from_incident_id) == ("i2", "i1")
    for same in ("state", "units", "silent", "missing", "overdue", "started_at", "due_at"):
        assert getattr(followed, same) == getattr(stays, same)


def test_rows_of_orders_say_for_which_incident_they_stand(rows: dict[str, dict[str, Any]]) -> None:
    found = rows["withdrawal"]
    assert (found["w1"].incident_id, found["w2"].incident_id) == ("i1", "i2")


def test_rows_of_run_cards_show_the_version_in_force(rows: dict[str, dict[str, Any]]) -> None:
    found = rows["run_card"]
    assert [(found[key].in_force, found[key].newest, found[key].shown) for key in found] == [
        (0, 1, 1),
        (1, 2, 1),
        (2, 2, 2),
        (0, 1, 1),
    ]


def test_rows_of_recommendations_hold_all_that_was_stored(rows: dict[str, dict[str, Any]]) -> None:
    [row] = rows["recommendation"].values()
    assert msgspec.json.decode(row.made, type=RecommendationMade) == made


def test_rows_of_aid_follow_the_incident(rows: dict[str, dict[str, Any]]) -> None:
    assert rows["aid"]["aid1"].incident_id == "i2"


# That they can be dropped.


async def dump(model: ReadModel, position: int) -> dict[str, list[Any]]:
    await model.caught_up.wait()
    async with model.read(min_position=position) as (connection, _):
        return {
            table.name: [
                tuple(row)
                for row in await connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in DISPATCH.tables.sorted_tables
        }


async def test_rows_that_were_dropped_are_built_again_as_they_were(
    store: EventStore, tmp_path: Path
) -> None:
    """They follow one by one while the log is written, with a restart; then all at once."""
    position = 0
    log, rows = interleaved(), f"sqlite+aiosqlite:///{tmp_path}"
    for part, half in enumerate((log[: len(log) // 2], log[len(log) // 2 :])):
        async with following(DISPATCH, store, f"{rows}/lived.db") as model:
            for stream, number, event in half:
                type_, data = encoded(stream, event)
                proposed = Proposed(
                    uuid5(NAMESPACE, f"{stream} {number}"),
                    type_,
                    data,
                    {"exercise": "drill-1", "actor": "diao.lin"},
                )
                expected = NO_STREAM if number == 0 else number - 1
                position = await store.append(stream, [proposed], expected)
                if number % 3 == part:  # now and then the rows have caught up before the next
                    await dump(model, position)
            lived = await dump(model, position)

    async with following(DISPATCH, store, f"{rows}/again.db") as model:
        again = await dump(model, position)

    assert again == lived
    assert {name for name, found in lived.items() if not found} == {"incident", "need"}
    assert len(lived[RUN_CARD_VERSIONS.name]) == 6
