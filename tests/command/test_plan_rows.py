"""Rows of plans and responses say what the domain knows; the world hears what is in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import reduce
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from sqlalchemy import create_engine, select

from anlan.events.v1 import incident_events_pb2 as incident_pb
from anlan.events.v1 import plan_events_pb2 as pb
from services.command.codec import PLAN_CODEC
from services.command.domain.incident import decider as incident
from services.command.domain.incident.response import Approval, Level
from services.command.domain.plan import decider
from services.command.domain.plan.events import Event, Verdict
from services.command.projections import COMMAND
from services.command.projections.incidents import INCIDENTS
from services.command.projections.plans import PLAN_ACTS, PLAN_VERSIONS, PLANS
from services.command.projections.responses import RESPONSE_ACTS
from services.command.projections.shared import METADATA
from services.command.relay import public
from services.runtime.recorded import Recorded
from services.runtime.times import micros
from tests.command import plans
from tests.command import test_response as ordered
from tests.command.incidents import activated, opened, raised, terminated
from tests.command.rows import BEGAN, recorded

later = plans.ISSUED + timedelta(days=30)
other = replace(plans.content, title="修订后的预案", sample=True)
second = replace(plans.revised, content=other, occurred_at=later)
redrafted = replace(second, content=replace(other, title="再改"))
checked = (
    replace(plans.reviewed, version=2, occurred_at=later),
    replace(plans.assessed, version=2, occurred_at=later),
)
again = replace(plans.published, version=2, supersedes=1, title=other.title, occurred_at=later)
ended = replace(plans.retired, occurred_at=later)

HISTORIES: dict[str, tuple[Event, ...]] = {
    "draft": (plans.drafted,),
    "returned": (plans.drafted, replace(plans.reviewed, verdict=Verdict.RETURNED)),
    "published": plans.in_force,
    "exercised": (*plans.in_force, plans.filed, plans.exercised),
    "revised": (*plans.in_force, second, redrafted),
    "filed beside a draft": (*plans.in_force, second, plans.filed),
    "superseded": (*plans.in_force, plans.filed, second, *checked, again),
    "retired": (*plans.in_force, second, ended),
    "retired draft": (plans.drafted, plans.retired),
}


def stored(events: Sequence[Event]) -> list[Recorded]:
    log = []
    for number, event in enumerate(events):
        type_, data = PLAN_CODEC.encode(event)
        log.append(
            Recorded(
                id=uuid5(NAMESPACE_URL, f"plan {number}"),
                type=type_,
                stream=f"plan-{event.plan_id}",
                revision=number,
                position=number + 1,
                created_at=BEGAN,
                data=data,
                metadata={},
            )
        )
    return log


def rows(log: Sequence[Recorded], table: Any) -> list[Any]:
    engine = create_engine("sqlite://")
    METADATA.create_all(engine)
    with engine.begin() as connection:
        for event in log:
            COMMAND.apply(connection, event)
        found = list(connection.execute(select(table)))
    engine.dispose()
    return found


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_the_rows_of_a_plan_say_what_the_domain_knows(history: tuple[Event, ...]) -> None:
    plan = reduce(decider.evolve, history, decider.INITIAL)
    assert plan is not None
    log = stored(history)

    [row] = rows(log, PLANS)
    assert (row.newest, row.in_force) == (plan.newest, plan.in_force(later) or 0)
    expected = "retired" if plan.retired else plan.versions[plan.newest].stage
    assert (row.state, row.position) == (expected, len(history))
    versions = {one.version: one for one in rows(log, PLAN_VERSIONS)}
    assert set(versions) == set(plan.versions)
    for number, version in plan.versions.items():
        shown = versions[number]
        assert shown.title == version.content.title
        assert shown.since == (version.since and micros(version.since))
        assert shown.until == (version.until and micros(version.until))
        if version.until is None:
            assert shown.stage == version.stage
        else:
            assert shown.stage == ("retired" if plan.retired else "superseded")
    assert len(rows(log, PLAN_ACTS)) == len(history)


def test_the_world_hears_what_comes_into_force_and_what_ends() -> None:
    heard = [public(event) for event in stored([*HISTORIES["superseded"], ended])]
    said = [one for one in heard if one is not None]

    assert [one.type.rpartition(".")[2] for one in said] == [
        "PlanPublished",
        "PlanPublished",
        "PlanRetired",
    ]
    assert said[1].subject == "anlan.431281.plan.PlanPublished.p1"
    message = pb.PlanPublished.FromString(said[1].payload)
    assert (message.version, message.superseded_version, message.title) == (2, 1, other.title)


awaited = replace(ordered.started, level=Level.II, approval=Approval.AWAITED)
RESPONSES: dict[str, tuple[incident.Event, ...]] = {
    "unplanned": (opened, activated, raised),
    "under a plan": (opened, ordered.started, ordered.lifted),
    "in haste": (opened, awaited),
    "approved afterwards": (opened, awaited, ordered.approved),
    "approved otherwise": (opened, awaited, replace(ordered.approved, level=Level.III)),
    "lowered by who may": (opened, awaited, replace(ordered.lifted, previous_level=Level.II)),
    "ended": (opened, awaited, replace(ordered.ended, previous_level=Level.II)),
    "activated again": (opened, activated, terminated, ordered.started),
}


@pytest.mark.parametrize("history", RESPONSES.values(), ids=RESPONSES)
def test_the_row_of_an_incident_says_what_its_response_is(
    history: tuple[incident.Event, ...],
) -> None:
    state = incident.fold(history, incident.INITIAL)
    assert isinstance(state, incident.Open)
    response = state.response

    [row] = rows(recorded(history), INCIDENTS)
    assert (row.level, row.awaited_level) == (response.level, response.awaits)
    assert (row.plan, row.plan_id, row.plan_version) == (
        response.plan,
        response.plan_id,
        response.plan_version,
    )


def test_every_order_and_approval_is_numbered_by_its_activation() -> None:
    history = (opened, ordered.approved, activated, raised, terminated, ordered.started)

    found = rows(recorded(history), RESPONSE_ACTS)
    assert [(row.kind, row.activation, row.level) for row in found] == [
        ("approved", 0, "II"),
        ("activated", 1, "IV"),
        ("changed", 1, "III"),
        ("terminated", 1, None),
        ("activated", 2, "IV"),
    ]


def test_the_world_hears_the_plan_and_the_clauses_of_an_activation() -> None:
    [_, event] = recorded((opened, replace(ordered.started, clauses=("4.1", "4.2"))))
    said = public(event)

    assert said is not None
    message = incident_pb.ResponseActivated.FromString(said.payload)
    assert message.plan == f"{plans.content.title}4.1、4.2"
