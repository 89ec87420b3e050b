"""The rows of the board: what each fact changes, and that a replay gives the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, select

from services.dispatch.codec import ASSIGNMENT_CODEC, INCIDENT_REF_CODEC
from services.dispatch.domain import events, incident_ref
from services.dispatch.domain.events import Stage
from services.dispatch.projections import DISPATCH, apply
from services.dispatch.projections.tables import ASSIGNMENTS, CLOSED, INCIDENTS, OPEN, OVERDUE
from services.runtime.recorded import Recorded
from services.runtime.times import micros
from tests.dispatch.facts import (
    NOW,
    acknowledged,
    cancelled,
    cleared,
    dispatched,
    en_route,
    held_by_another,
    minute,
    on_scene,
    overdue,
    requested,
)
from tests.dispatch.test_incident_ref_domain import ended, noted, resumed

NAMESPACE = UUID(int=7)


def recorded(event: events.Event | incident_ref.Event, number: int, stream: str) -> Recorded:
    codec: Any = ASSIGNMENT_CODEC if stream.startswith("assignment-") else INCIDENT_REF_CODEC
    type_, data = codec.encode(event)
    return Recorded(
        id=uuid5(NAMESPACE, str(number)),
        type=type_,
        stream=stream,
        revision=number,
        position=100 * (number + 1),
        created_at=NOW + timedelta(seconds=number),
        data=data,
        metadata={"exercise": "drill-1"},
    )


def folded(
    history: Sequence[events.Event | incident_ref.Event], stream: str = "assignment-a1"
) -> list[Any]:
    with _tables() as connection:
        for number, event in enumerate(history):
            apply(connection, recorded(event, number, stream))
        table = ASSIGNMENTS if stream.startswith("assignment-") else INCIDENTS
        return list(connection.execute(select(table)).all())


def row(*history: events.Event) -> Any:
    [found] = folded(history)
    return found


def _tables() -> Connection:
    connection = create_engine("sqlite://").connect()
    DISPATCH.tables.create_all(connection)
    return connection


def test_an_intent_is_on_the_board() -> None:
    found = row(requested)

    assert (found.state, found.rank, found.exercise) == (Stage.REQUESTED, OPEN, "drill-1")
    assert found.requested_at == micros(NOW)
    assert found.dispatched_at is None


def test_the_whole_way_leaves_every_time() -> None:
    found = row(requested, dispatched, acknowledged, en_route, on_scene, cleared)

    assert (found.state, found.rank) == (Stage.CLEARED, CLOSED)
    assert [
        found.call_at,
        found.dispatched_at,
        found.acknowledged_at,
        found.en_route_at,
        found.on_scene_at,
        found.cleared_at,
    ] == [micros(minute(m)) for m in (-3, 0.1, 1, 2, 20, 90)]
    assert (found.close_reason, found.revision, found.position) == ("堤段已加固", 5, 600)


def test_the_overdue_flag_falls_with_the_first_sign_of_life() -> None:
    assert row(requested, dispatched, overdue).rank == OVERDUE
    assert row(requested, dispatched, overdue, acknowledged).rank == OPEN
    assert row(requested, dispatched, overdue, on_scene).rank == OPEN
    assert row(requested, dispatched, overdue, cancelled).rank == CLOSED


def test_late_news_fills_a_time_and_moves_nothing_else() -> None:
    found = row(requested, dispatched, cleared, replace(on_scene, late=True))

    assert (found.state, found.rank) == (Stage.CLEARED, CLOSED)
    assert found.on_scene_at == micros(on_scene.occurred_at)
    assert found.close_reason == cleared.disposition


def test_a_correction_replaces_the_time() -> None:
    corrected = replace(cleared, late=True, disposition="误报", occurred_at=minute(80))
    found = row(requested, dispatched, cleared, corrected)

    assert (found.cleared_at, found.close_reason) == (micros(minute(80)), "误报")


def test_what_was_cancelled_keeps_its_reason_when_the_crew_says_it_is_done() -> None:
    found = row(requested, dispatched, cancelled, replace(cleared, late=True))

    assert (found.state, found.close_reason) == (Stage.CANCELLED, cancelled.reason)
    assert found.cleared_at == micros(cleared.occurred_at)


def test_a_refusal_says_why() -> None:
    found = row(requested, held_by_another)

    assert found.state == Stage.REFUSED
    assert found.close_reason == "UNIT_HELD: boat-1 is held by a0 (chen.wei)"


def test_an_incident_follows_the_newest_news() -> None:
    [found] = folded([ended(3), noted(0), resumed(5)], "incident_ref-i1")

    assert (found.noted, found.is_open, found.version) == (True, True, 5)


LATER = st.sampled_from(
    [
        dispatched,
        acknowledged,
        overdue,
        en_route,
        replace(en_route, late=True, occurred_at=minute(4)),
        on_scene,
        replace(on_scene, late=True),
        cleared,
        replace(cleared, late=True, disposition="误报"),
        cancelled,
        held_by_another,
    ]
)


@given(st.lists(LATER, max_size=12))
@settings(max_examples=25, deadline=None)
def test_a_replay_gives_the_same_rows(later: list[events.Event]) -> None:
    history = [requested, *later]

    assert folded(history) == folded(history)
