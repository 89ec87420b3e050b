"""Incidents end and are merged: who was called up for them follows, is let go, or is flagged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from functools import reduce
from itertools import count, permutations
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from anlan.events.v1 import incident_events_pb2 as incident_pb
from anlan.events.v1 import link_events_pb2 as link_pb
from anlan.resources.v1 import expert_service_pb2 as pb
from anlan.resources.v1 import force_service_pb2 as force_service_pb
from anlan.resources.v1.expert_service_pb2_grpc import ExpertServiceStub
from anlan.resources.v1.force_service_pb2_grpc import ForceServiceStub
from services.resources import codec
from services.resources.domain import expert
from services.resources.domain.ended_incident import (
    INITIAL,
    Command,
    NoteEnd,
    NoteReplacement,
    NoteResumption,
    decide,
    evolve,
)
from services.resources.policies.calling import CLOSED, Calling, Ended, noted
from services.resources.projections import RESOURCES
from services.runtime import broker as runtime_broker
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.published import Publication, headers
from services.runtime.recorded import Recorded
from services.runtime.settlement import Delivered
from services.runtime.store import EventStore
from tests.broker import Broker
from tests.readmodels import following
from tests.resources import history
from tests.resources.conftest import Api
from tests.resources.positions import fresh
from tests.resources.test_expert_servicer import a_call, an_expert, register
from tests.service import Caller, Service, Tokens, refusal, request_id

AT = datetime(2026, 6, 18, 2, 10, tzinfo=UTC)
REVISIONS = count(10)


def test_every_order_of_the_news_leads_to_the_same_knowledge() -> None:
    said: dict[str, Any] = {"incident_id": "i1", "occurred_at": AT}
    ended: tuple[Command, ...] = (
        NoteEnd(**said, version=4),
        NoteResumption(**said, version=5),
        NoteEnd(**said, version=9),
    )
    merged = NoteReplacement(**said, into="i2", version=12)
    for order in permutations(ended):
        state = INITIAL
        for command in [*order, *order]:
            state = reduce(evolve, decide(command, state), state)
        assert (state.version, state.over, state.into) == (9, True, "")
    for order in permutations((*ended, merged)):
        state = INITIAL
        for command in [*order, *order]:
            state = reduce(evolve, decide(command, state), state)
        assert (state.version, state.over, state.into) == (12, True, "i2")


def recorded(message: Any, exercise: str = "", **fields: Any) -> Recorded:
    """Return a public event of command."""
    message.occur_time.FromDatetime(AT)
    return Recorded(
        **{
            "id": uuid4(),
            "type": message.DESCRIPTOR.full_name,
            "stream": f"incident-{message.incident_id}",
            "revision": next(REVISIONS),
            "position": 1,
            "created_at": AT,
            "data": message.SerializeToString(),
            "metadata": {
                "actor": "commander.li",
                "role": "commander",
                "jurisdiction": "431281102",
                "command_id": str(uuid4()),
                "exercise": exercise,
            },
            **fields,
        }
    )


def closed(incident_id: str) -> Any:
    return incident_pb.IncidentClosed(incident_id=incident_id)


def reopened(incident_id: str) -> Any:
    return incident_pb.IncidentReopened(incident_id=incident_id)


def merged_into(incident_id: str, into: str) -> Any:
    return link_pb.IncidentMerged(incident_id=incident_id, into_incident_id=into)


class Desk:
    """Speaks as command does, and sees experts and forces as a console does."""

    def __init__(self, js: Any, experts: Any, forces: Any, api: Api, driller: Caller) -> None:
        self.js, self.experts, self.forces, self.api = js, experts, forces, api
        self.driller = driller

    async def say(self, message: Any, exercise: str = "") -> None:
        event = recorded(message, exercise)
        publication = Publication(
            f"anlan.431281102.incident.{message.DESCRIPTOR.name}.{message.incident_id}",
            event.type,
            event.data,
        )
        await self.js.publish(
            publication.subject,
            publication.payload,
            headers=headers(event, publication, "/anlan/command"),
        )

    async def expert(self, incident_id: str) -> str:
        expert_id, _ = await register(self.experts, self.api)
        await self.experts.CallUpExpert(
            a_call(expert_id, incident_id), metadata=self.api.zhao.metadata
        )
        return expert_id

    async def drilled(self, incident_id: str, expert_id: str) -> str:
        """Call up an expert who is only known in the drill."""
        metadata = self.driller.metadata
        await self.experts.RegisterExpert(an_expert(expert_id=expert_id), metadata=metadata)
        await self.experts.CallUpExpert(a_call(expert_id, incident_id), metadata=metadata)
        return expert_id

    async def force(self, incident_id: str) -> str:
        """Call up a force that any dispatcher may."""
        force_id = fresh("force")
        entered = force_service_pb.RegisterForceRequest(
            request_id=request_id(),
            force_id=force_id,
            name="综合队",
            force_class="comprehensive",
            adcode="431281",
            responsible="贺",
        )
        await self.forces.RegisterForce(entered, metadata=self.api.registrar.metadata)
        await self.forces.CallUpForce(
            force_service_pb.CallUpForceRequest(
                request_id=request_id(),
                force_id=force_id,
                call_up_id="c1",
                incident_id=incident_id,
                task="转移",
            ),
            metadata=self.api.zhao.metadata,
        )
        return force_id

    async def seen(self, expert_id: str, wanted: Any) -> pb.ExpertCallUp:
        """Watch an expert until their last call-up is as ``wanted``."""
        request = pb.WatchExpertsRequest(resume_position=0)
        async for said in self.experts.WatchExperts(request, metadata=self.api.zhao.metadata):
            calls: Sequence[pb.ExpertCallUp] = said.expert.call_ups
            if said.expert.expert_id == expert_id and calls and wanted(calls[-1]):
                return calls[-1]
        raise AssertionError("the watch ended")

    async def seen_force(self, force_id: str, wanted: Any) -> force_service_pb.CallUp:
        request = force_service_pb.WatchForcesRequest(resume_position=0)
        async for said in self.forces.WatchForces(request, metadata=self.api.zhao.metadata):
            calls: Sequence[force_service_pb.CallUp] = said.force.call_ups
            if said.force.force_id == force_id and calls and wanted(calls[-1]):
                return calls[-1]
        raise AssertionError("the watch ended")

    async def listed(self, **wanted: Any) -> set[str]:
        answer = await self.forces.ListForces(
            force_service_pb.ListForcesRequest(filter=force_service_pb.ForceFilter(**wanted)),
            metadata=self.api.zhao.metadata,
        )
        return {one.force_id for one in answer.forces}


@pytest.fixture
async def desk(resources: Service, broker: Broker, api: Api, tokens: Tokens) -> AsyncIterator[Desk]:
    driller = tokens.caller("driller", "registrar,dispatcher", exercise="drill-1")
    client = await runtime_broker.connect(broker.url, "test")
    js = client.jetstream()
    await runtime_broker.ensure_stream(
        js, "ANLAN_COMMAND", ["anlan.*.report.>", "anlan.*.incident.>"]
    )
    try:
        async with resources.channel() as channel, asyncio.timeout(30):
            experts, forces = ExpertServiceStub(channel), ForceServiceStub(channel)
            yield Desk(js, experts, forces, api, driller)
    finally:
        await client.close()


async def test_a_closing_lets_the_expert_go_and_flags_the_force(desk: Desk) -> None:
    flood, other = fresh("flood"), fresh("other")
    shi, tang, blue_sky = (
        await desk.expert(flood),
        await desk.expert(other),
        await desk.force(flood),
    )

    await desk.say(closed(flood))

    ended = await desk.seen(shi, lambda call: call.HasField("release_time"))
    assert (ended.release_reason, ended.incident_id) == (CLOSED, flood)
    flagged = await desk.seen_force(blue_sky, lambda call: call.HasField("incident_end_time"))
    assert not flagged.HasField("stand_down_time")
    assert blue_sky in await desk.listed(outlasting=True)
    assert await desk.listed(incident_id=flood) == {blue_sky}
    await desk.seen(tang, lambda call: not call.HasField("release_time"))
    # Free for the next, at once.
    await desk.experts.CallUpExpert(a_call(shi, other), metadata=desk.api.zhao.metadata)
    wu, _ = await register(desk.experts, desk.api)
    late = a_call(wu, flood)
    said = await refusal(desk.experts.CallUpExpert(late, metadata=desk.api.zhao.metadata))
    assert said.reason == "INCIDENT_CLOSED"

    await desk.say(reopened(flood))

    await desk.seen_force(blue_sky, lambda call: not call.HasField("incident_end_time"))
    await desk.experts.CallUpExpert(late, metadata=desk.api.zhao.metadata)
    back = await desk.seen(shi, lambda call: call.incident_id == other)
    assert not back.HasField("release_time"), "who was let go is not called back silently"


async def test_call_ups_follow_two_merges_whichever_is_heard_first(desk: Desk) -> None:
    for backwards in (False, True):
        here, there, last = fresh("here"), fresh("there"), fresh("last")
        shi, blue_sky = await desk.expert(here), await desk.force(here)
        merges = [merged_into(here, there), merged_into(there, last)]

        for merge in reversed(merges) if backwards else merges:
            await desk.say(merge)

        moved = await desk.seen(shi, lambda call, last=last: call.incident_id == last)
        assert moved.called_for_incident_id == here
        assert not moved.HasField("release_time")
        carried = await desk.seen_force(blue_sky, lambda call, last=last: call.incident_id == last)
        assert carried.called_for_incident_id == here
        assert await desk.listed(incident_id=last) == {blue_sky}
        found = await desk.experts.ListExperts(
            pb.ListExpertsRequest(filter=pb.ExpertFilter(incident_id=last)),
            metadata=desk.api.zhao.metadata,
        )
        assert [one.expert_id for one in found.experts] == [shi]
        wu, _ = await register(desk.experts, desk.api)
        late = a_call(wu, here)
        said = await refusal(desk.experts.CallUpExpert(late, metadata=desk.api.zhao.metadata))
        assert (said.reason, said.metadata["into_incident_id"]) == ("INCIDENT_MERGED", last)


async def test_the_end_of_a_drills_incident_ends_what_is_of_the_drill_alone(desk: Desk) -> None:
    """Somebody in earnest mistook the drill's incident, and keeps none of the drill's waiting."""
    flood = fresh("flood")
    first, last = await desk.drilled(flood, fresh("0")), await desk.drilled(flood, fresh("z"))
    shi = await desk.expert(flood)

    await desk.say(closed(flood), exercise="drill-1")

    for expert_id in (first, last):
        await desk.seen(expert_id, lambda call: call.HasField("release_time"))
    kept = await desk.experts.GetExpert(
        pb.GetExpertRequest(expert_id=shi), metadata=desk.api.zhao.metadata
    )
    assert kept.expert.state == pb.EXPERT_STATE_CALLED_UP


async def test_whoever_is_called_up_while_the_incident_closes_is_refused_or_let_go(
    desk: Desk,
) -> None:
    flood = fresh("flood")
    people = [(await register(desk.experts, desk.api))[0] for _ in range(8)]

    async def call_up(expert_id: str) -> bool:
        try:
            await desk.experts.CallUpExpert(
                a_call(expert_id, flood), metadata=desk.api.zhao.metadata
            )
        except grpc.aio.AioRpcError as refused:
            assert "is closed" in (refused.details() or "")  # noqa: PT017
            return False
        return True

    half = len(people) // 2
    before = [await call_up(expert_id) for expert_id in people[:half]]
    _, *during = await asyncio.gather(desk.say(closed(flood)), *map(call_up, people[half:]))

    for expert_id, went in zip(people, [*before, *during], strict=True):
        if went:
            await desk.seen(expert_id, lambda call: call.HasField("release_time"))


# What the broker cannot be made to do on the dot: the policy by itself.


@pytest.fixture
async def policy(store: EventStore, tmp_path: Path) -> AsyncIterator[Calling]:
    async with following(RESOURCES, store, f"sqlite+aiosqlite:///{tmp_path}/rows.db") as model:
        yield Calling(
            store=store,
            model=model,
            experts=CommandHandler(store, codec.EXPERT),
            forces=CommandHandler(store, codec.FORCE),
            ended=Ended(CommandHandler(store, codec.ENDED_INCIDENT)),
        )


async def note(policy: Calling, event: Recorded) -> None:
    """Do the first half of what the policy does of an event, as if it had crashed then."""
    command = noted(event)
    assert command is not None
    cause = Cause.reaction(event, "resources.on_incident_end")
    await policy.ended.refs.handle(command.incident_id, command, cause)


async def types(store: EventStore, stream: str) -> list[str]:
    return [event.type for event in await store.read(stream)]


async def test_a_crash_between_noting_and_releasing_loses_and_doubles_nothing(
    policy: Calling, desk: Desk, store: EventStore
) -> None:
    flood = fresh("flood")
    shi, blue_sky = await desk.expert(flood), await desk.force(flood)
    news = recorded(closed(flood))
    await note(policy, news)
    assert "ExpertReleased.v1" not in await types(store, f"expert-{shi}")

    for _ in range(2):
        await policy.on_incident(Delivered(news, "", 1))

    assert (await types(store, f"expert-{shi}")).count("ExpertReleased.v1") == 1
    assert (await types(store, f"force-{blue_sky}")).count("ForceCallUpOutlasted.v1") == 1


async def test_a_closing_that_comes_again_after_the_reopening_lets_nobody_go(
    policy: Calling, desk: Desk, store: EventStore
) -> None:
    flood = fresh("flood")
    ended, on = recorded(closed(flood)), recorded(reopened(flood))
    await policy.on_incident(Delivered(on, "", 1))
    shi = await desk.expert(flood)

    await policy.on_incident(Delivered(ended, "", 1))

    assert "ExpertReleased.v1" not in await types(store, f"expert-{shi}")


async def test_a_call_up_that_was_written_while_the_news_came_is_settled(
    policy: Calling, desk: Desk
) -> None:
    """The service hears of the call-up alone, and knows what the policy has noted."""
    flood, here, there = fresh("flood"), fresh("here"), fresh("there")
    called = []
    for incident_id in (flood, here):
        expert_id, _ = await register(desk.experts, desk.api)
        called.append((expert_id, incident_id))
    await note(policy, recorded(closed(flood)))
    await note(policy, recorded(merged_into(here, there)))

    for expert_id, incident_id in called:  # as whoever had looked just before the news
        command = expert.CallUpExpert(
            by=history.LI,
            expert_id=expert_id,
            call_up_id="c1",
            incident_id=incident_id,
            type=expert.Type.ON_SCENE,
            task="看滑坡",
            ordered_by="",
            occurred_at=AT,
        )
        cause = Cause(
            command_id=uuid4(),
            causation_id="desk",
            correlation_id=incident_id,
            actor=history.LI,
        )
        await policy.experts.handle(expert_id, command, cause)

    ended = await desk.seen(called[0][0], lambda call: call.HasField("release_time"))
    assert ended.release_reason == CLOSED
    moved = await desk.seen(called[1][0], lambda call: call.incident_id == there)
    assert not moved.HasField("release_time")


async def test_whoever_is_moved_to_an_incident_that_is_over_is_let_go_there(
    policy: Calling, desk: Desk
) -> None:
    here, there = fresh("here"), fresh("there")
    shi = await desk.expert(here)
    await policy.on_incident(Delivered(recorded(closed(there)), "", 1))

    await policy.on_incident(Delivered(recorded(merged_into(here, there)), "", 1))

    ended = await desk.seen(shi, lambda call: call.HasField("release_time"))
    assert (ended.incident_id, ended.called_for_incident_id) == (there, here)
