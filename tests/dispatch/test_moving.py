"""Assignments follow an incident that is merged or split, and nobody is sent to what was merged."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from google.protobuf.timestamp_pb2 import Timestamp

from anlan.command.v1 import incident_service_pb2 as command_pb
from anlan.dispatch.v1 import assignment_service_pb2 as pb
from anlan.events.v1 import incident_events_pb2 as incident_pb
from anlan.events.v1 import link_events_pb2 as link_pb
from anlan.events.v1 import unit_events_pb2 as unit_pb
from services.dispatch.codec import ASSIGNMENT
from services.dispatch.domain import assignment
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.place import Place
from services.runtime.published import Publication, headers
from services.runtime.recorded import Recorded
from services.runtime.store import EventStore
from tests.dispatch.conftest import DYKE, POSITIONS, Dispatch
from tests.service import refusal

AT = Timestamp(seconds=int(datetime(2026, 6, 18, 19, 30, tzinfo=UTC).timestamp()))
BY = Actor(subject="diao.lin", roles=("dispatcher",), jurisdiction="431281")


def merged(incident_id: str, into: str) -> link_pb.IncidentMerged:
    return link_pb.IncidentMerged(
        incident_id=incident_id, into_incident_id=into, reason="同一处", occur_time=AT
    )


def at(incident_id: str) -> Any:
    return lambda found: found.incident_id == incident_id


async def sent(dispatch: Dispatch, incident_id: str) -> str:
    answer = await dispatch.create(incident_id=incident_id, unit_id=dispatch.unit())
    return str(answer.assignment_id)


async def test_what_is_under_way_follows_and_what_is_over_stays(dispatch: Dispatch) -> None:
    here, there = dispatch.incident(), dispatch.incident()
    going, over = await sent(dispatch, here), await sent(dispatch, here)
    await dispatch.ask(
        "ClearAssignment", pb.ClearAssignmentRequest(assignment_id=over, disposition="完成")
    )

    await dispatch.hear(merged(here, there), 9)
    found = await dispatch.until(going, at(there))
    arrived = await dispatch.ask("RecordOnScene", pb.RecordOnSceneRequest(assignment_id=going))
    listed = await dispatch.ask(
        "ListAssignments", pb.ListAssignmentsRequest(incident_id=there, include_closed=True)
    )

    assert dispatch.units.holder(found.unit_id) == going
    assert arrived.late is False
    assert [one.assignment_id for one in listed.assignments] == [going]
    assert (await dispatch.get(over)).incident_id == here


async def test_nobody_is_sent_to_what_was_merged(dispatch: Dispatch) -> None:
    here, there, unit = dispatch.incident(), dispatch.incident(), dispatch.unit()
    await dispatch.hear(incident_pb.IncidentOpened(incident_id=here, place=DYKE), 0)
    await dispatch.hear(merged(here, there), 9)
    await dispatch.noted(here, is_open=False)

    refused = await refusal(dispatch.create(incident_id=here, unit_id=unit))

    assert refused.reason == "INCIDENT_MERGED"
    assert refused.metadata["into_incident_id"] == there
    assert dispatch.incidents.asked[here] == 0


async def test_what_dispatch_has_not_heard_it_is_told_by_command(dispatch: Dispatch) -> None:
    here, there = dispatch.incident(), dispatch.incident()
    known = dispatch.incidents.known[here]
    known.state, known.replaced_by = command_pb.INCIDENT_STATE_MERGED, there

    refused = await refusal(dispatch.create(incident_id=here, unit_id=dispatch.unit()))

    assert (refused.reason, refused.metadata["into_incident_id"]) == ("INCIDENT_MERGED", there)


async def test_news_of_a_chain_that_overtake_each_other_lead_to_its_end(
    dispatch: Dispatch,
) -> None:
    one, two, three = (dispatch.incident() for _ in range(3))
    first, second = await sent(dispatch, one), await sent(dispatch, two)

    await dispatch.hear(merged(two, three), 9)
    await dispatch.until(second, at(three))
    await dispatch.hear(merged(one, two), 9)

    await dispatch.until(first, at(three))


async def test_a_split_takes_the_assignments_that_it_names(dispatch: Dispatch) -> None:
    here, there, elsewhere = (dispatch.incident() for _ in range(3))
    named, stays, foreign = (
        await sent(dispatch, here),
        await sent(dispatch, here),
        await sent(dispatch, elsewhere),
    )

    await dispatch.hear(
        link_pb.IncidentSplit(
            incident_id=here,
            new_incident_id=there,
            assignment_ids=["no-such-assignment", foreign, named],
            occur_time=AT,
        ),
        9,
    )
    await dispatch.until(named, at(there))

    assert (await dispatch.get(stays)).incident_id == here
    assert (await dispatch.get(foreign)).incident_id == elsewhere


async def test_who_asked_before_the_news_came_is_found_when_the_unit_is_held(
    dispatch: Dispatch, store: EventStore
) -> None:
    here, there, unit = dispatch.incident(), dispatch.incident(), dispatch.unit()
    await dispatch.hear(incident_pb.IncidentOpened(incident_id=here, place=DYKE), 0)
    await dispatch.hear(merged(here, there), 9)
    await dispatch.noted(here, is_open=False)
    assignment_id = await asked_elsewhere(store, here, unit)

    await held(dispatch, unit, assignment_id)

    async with asyncio.timeout(20):
        while True:
            events = await store.read(f"assignment-{assignment_id}")
            if len(events) > 1:
                break
            await asyncio.sleep(0.05)
    assert events[1].type == "AssignmentMoved.v1"


async def asked_elsewhere(store: EventStore, incident_id: str, unit_id: str) -> str:
    """Ask for a unit as another dispatch process does, which has not heard of the merge."""
    assignment_id, command_id = str(uuid4()), uuid4()
    command = assignment.RequestAssignment(
        by=BY,
        assignment_id=assignment_id,
        incident_id=incident_id,
        unit_id=unit_id,
        destination=Place(adcode=DYKE.adcode),
        order="",
        call_at=None,
        acknowledge_within_s=90,
        override_reason="",
        said=False,
        occurred_at=datetime.now(UTC),
    )
    cause = Cause(
        command_id=command_id,
        causation_id=str(command_id),
        correlation_id=incident_id,
        actor=BY,
    )
    await CommandHandler(store, ASSIGNMENT).handle(assignment_id, command, cause)
    return assignment_id


async def held(dispatch: Dispatch, unit_id: str, holder: str) -> None:
    """Publish a hold as resources do."""
    message = unit_pb.UnitReserved(unit_id=unit_id, holder=holder, occur_time=AT)
    event = Recorded(
        id=uuid4(),
        type="",
        stream=f"unit-{unit_id}",
        revision=1,
        position=next(POSITIONS),
        created_at=datetime.now(UTC),
        data=b"",
        metadata={"actor": "diao.lin", "command_id": str(uuid4())},
    )
    publication = Publication(
        f"anlan.431281102.unit.UnitReserved.{unit_id}",
        message.DESCRIPTOR.full_name,
        message.SerializeToString(),
    )
    await dispatch.js.publish(
        publication.subject,
        publication.payload,
        headers=headers(event, publication, "/anlan/resources"),
    )
