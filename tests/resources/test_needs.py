"""What incidents need of resources: listed from command's news until it has come or is off."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import reduce
from itertools import count, permutations
from typing import Any
from uuid import uuid4

import pytest

from anlan.command.v1 import need_service_pb2 as command_pb
from anlan.events.v1 import need_events_pb2 as events_pb
from anlan.resources.v1 import need_service_pb2 as pb
from anlan.resources.v1.need_service_pb2_grpc import NeedServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from services.resources.codec import NEEDS
from services.resources.domain.need_ref import (
    INITIAL,
    Category,
    Command,
    CountNeed,
    Ending,
    EndNeed,
    NoteNeed,
    decide,
    evolve,
)
from services.runtime import broker as runtime_broker
from services.runtime.place import Place
from services.runtime.published import Publication, headers
from services.runtime.recorded import Recorded
from services.runtime.store import EventStore
from tests.broker import Broker
from tests.service import Caller, Service, Tokens

AT = datetime(2026, 6, 18, 2, 10, tzinfo=UTC)
POSITIONS = count(1)
SUPPLIES = command_pb.NEED_CATEGORY_SUPPLIES


def test_every_order_of_the_news_leads_to_the_same_knowledge() -> None:
    note = NoteNeed(
        incident_id="i1",
        need_id="n1",
        category=Category.SUPPLIES,
        item="编织袋",
        quantity=2000,
        unit="条",
        place=Place(adcode="431281102"),
        needed_by=None,
        note="",
        committed=0,
        remaining=2000,
        version=4,
        occurred_at=AT,
    )
    counts = [
        CountNeed(
            incident_id="i1",
            need_id="n1",
            committed=committed,
            remaining=remaining,
            version=version,
            occurred_at=AT,
        )
        for version, committed, remaining in ((5, 2000, 2000), (6, 60, 60))
    ]
    end = EndNeed(incident_id="i1", need_id="n1", ending=Ending.MET, occurred_at=AT)
    news: tuple[Command, ...] = (note, *counts, end)
    for order in permutations(news):
        state = INITIAL
        for command in [*order, *order]:
            state = reduce(evolve, decide(command, state), state)
        assert state.noted
        assert state.ended
    for order in permutations(news[:-1]):
        state = INITIAL
        for command in order:
            state = reduce(evolve, decide(command, state), state)
        assert (state.version, state.committed, state.remaining) == (6, 60, 60)


class Desk:
    """Speaks as command does, and asks as a storekeeper does."""

    def __init__(self, js: Any, store: EventStore, stub: Any, keeper: Caller) -> None:
        self.js, self.store, self.stub, self.keeper = js, store, stub, keeper
        self.incident_id = str(uuid4())

    async def say(self, message: Any, revision: int) -> None:
        event = Recorded(
            id=uuid4(),
            type="",
            stream=f"incident-{message.incident_id}",
            revision=revision,
            position=next(POSITIONS),
            created_at=datetime.now(UTC),
            data=b"",
            metadata={"actor": "commander.li", "command_id": str(uuid4())},
        )
        publication = Publication(
            f"anlan.431281102.incident.{message.DESCRIPTOR.name}.{message.incident_id}",
            message.DESCRIPTOR.full_name,
            message.SerializeToString(),
        )
        await self.js.publish(
            publication.subject,
            publication.payload,
            headers=headers(event, publication, "/anlan/command"),
        )

    async def raise_(self, need_id: str = "n1", category: Any = SUPPLIES) -> None:
        message = events_pb.NeedRaised(
            incident_id=self.incident_id,
            need_id=need_id,
            category=category,
            item="编织袋",
            quantity=2000,
            unit="条",
            place=place_pb2.Place(adcode="431281102", address="稔禾村堤段"),
        )
        message.occur_time.FromDatetime(AT)
        await self.say(message, 4)

    async def heard(self, type_: str, need_id: str = "n1") -> int:
        """Wait until something was written of a need, and return its position."""
        async for event in self.store.subscribe(["supply_need"]):
            if isinstance(event, Recorded) and event.type == type_:
                fact = NEEDS.decode(event.type, event.data)
                if (fact.incident_id, fact.need_id) == (self.incident_id, need_id):
                    return event.position
        raise AssertionError("the log ended")

    async def list(self, position: int, **fields: Any) -> list[pb.OpenNeed]:
        answer = await self.stub.ListSupplyNeeds(
            pb.ListSupplyNeedsRequest(
                incident_id=self.incident_id,
                read=read_pb2.ReadOptions(min_position=position),
                **fields,
            ),
            metadata=self.keeper.metadata,
            timeout=20,
        )
        return [*answer.needs]


@pytest.fixture
async def desk(resources: Service, broker: Broker, store: EventStore, tokens: Tokens) -> Any:
    client = await runtime_broker.connect(broker.url, "test")
    js = client.jetstream()
    await runtime_broker.ensure_stream(
        js, "ANLAN_COMMAND", ["anlan.*.report.>", "anlan.*.incident.>"]
    )
    try:
        async with resources.channel() as channel:
            keeper = tokens.caller("storekeeper.sun", "storekeeper")
            yield Desk(js, store, NeedServiceStub(channel), keeper)
    finally:
        await client.close()


async def test_a_need_is_listed_until_all_of_it_has_come(desk: Desk) -> None:
    await desk.raise_()
    await desk.raise_()
    [asked] = await desk.list(await desk.heard("SupplyNeedNoted.v1"))
    progressed = events_pb.NeedProgressed(
        incident_id=desk.incident_id,
        need_id="n1",
        category=SUPPLIES,
        committed=60,
        remaining=60,
    )
    await desk.say(progressed, 5)
    [missing] = await desk.list(await desk.heard("SupplyNeedCounted.v1"))
    met = events_pb.NeedMet(incident_id=desk.incident_id, need_id="n1", category=SUPPLIES)
    await desk.say(met, 6)

    assert (asked.item, asked.quantity, asked.unit, asked.remaining) == ("编织袋", 2000, "条", 2000)
    assert (missing.committed, missing.remaining) == (60, 60)
    assert not await desk.list(await desk.heard("SupplyNeedEnded.v1"))


async def test_a_cancelled_need_leaves_the_list_and_boats_never_enter_it(desk: Desk) -> None:
    await desk.raise_("n0", command_pb.NEED_CATEGORY_EQUIPMENT)
    await desk.raise_("n1", command_pb.NEED_CATEGORY_SHELTER)
    listed = await desk.list(await desk.heard("SupplyNeedNoted.v1"))
    shelter = command_pb.NEED_CATEGORY_SHELTER
    cancelled = events_pb.NeedCancelled(
        incident_id=desk.incident_id, need_id="n1", category=shelter
    )
    await desk.say(cancelled, 6)

    assert [need.need_id for need in listed] == ["n1"]
    assert not await desk.list(await desk.heard("SupplyNeedEnded.v1"))


async def test_a_need_goes_on_under_the_incident_that_took_its_own_over(desk: Desk) -> None:
    await desk.raise_()
    await desk.heard("SupplyNeedNoted.v1")
    source, desk.incident_id = desk.incident_id, str(uuid4())
    need = events_pb.NeedRaised(
        incident_id=desk.incident_id,
        need_id="n1",
        category=SUPPLIES,
        item="编织袋",
        quantity=2000,
        unit="条",
        place=place_pb2.Place(adcode="431281102"),
    )
    moved = events_pb.NeedMoved(source_need_id="n1", need=need, committed=60, remaining=60)
    await desk.say(
        events_pb.NeedsTakenOver(
            incident_id=desk.incident_id, source_incident_id=source, needs=[moved]
        ),
        9,
    )
    [here] = await desk.list(await desk.heard("SupplyNeedNoted.v1"))
    desk.incident_id = source

    assert here.remaining == 60
    assert not await desk.list(await desk.heard("SupplyNeedEnded.v1"))
