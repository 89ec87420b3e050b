"""What the world is told, and what not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from anlan.events.v1 import assignment_events_pb2 as pb
from services.dispatch.domain import events
from services.dispatch.relay import public
from services.runtime.times import from_proto
from tests.dispatch.facts import ALL, dispatched, on_scene, requested
from tests.dispatch.test_projections import recorded


def test_an_intent_stays_in_the_room() -> None:
    assert public(recorded(requested, 0, "assignment-a1")) is None


@pytest.mark.parametrize(
    "event",
    [e for e in ALL if not isinstance(e, events.AssignmentRequested)],
    ids=lambda e: type(e).__name__,
)
def test_every_other_fact_is_told(event: events.Event) -> None:
    publication = public(recorded(event, 1, "assignment-a1"))

    assert publication is not None
    name = type(event).__name__
    assert publication.subject == f"anlan.431281102.assignment.{name}.a1"
    assert publication.type == f"anlan.events.v1.{name}"
    message: Any = getattr(pb, name).FromString(publication.payload)
    assert (message.assignment_id, message.incident_id, message.unit_id) == (
        "a1",
        event.incident_id,
        "boat-1",
    )
    assert from_proto(message.occur_time) == event.occurred_at


def test_a_crew_is_told_where_to_go_and_until_when_to_answer() -> None:
    publication = public(recorded(dispatched, 1, "assignment-a1"))

    assert publication is not None
    message = pb.UnitDispatched.FromString(publication.payload)
    assert message.destination.address == "安江镇大堤"
    assert message.destination.point.latitude == pytest.approx(27.3)
    assert message.order == dispatched.order
    assert from_proto(message.acknowledge_due_time) == dispatched.acknowledge_due_at


def test_late_news_is_marked() -> None:
    publication = public(recorded(replace(on_scene, late=True), 1, "assignment-a1"))

    assert publication is not None
    assert pb.UnitOnScene.FromString(publication.payload).late
