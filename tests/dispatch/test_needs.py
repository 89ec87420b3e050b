"""What incidents need of dispatch: whatever is heard first, the list shows what is missing."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import reduce
from itertools import permutations
from typing import Any
from uuid import uuid4

import grpc
import pytest

from anlan.command.v1 import need_service_pb2 as command_pb
from anlan.dispatch.v1 import need_service_pb2 as pb
from anlan.dispatch.v1.need_service_pb2_grpc import NeedServiceStub
from anlan.events.v1 import need_events_pb2 as events_pb
from anlan.type.v1 import place_pb2, read_pb2
from services.dispatch.domain.need_ref import (
    INITIAL,
    Category,
    Command,
    CountNeed,
    Ending,
    EndNeed,
    NoteNeed,
    UnitNeedCounted,
    UnitNeedEnded,
    UnitNeedNoted,
    decide,
    evolve,
)
from services.dispatch.projections.tables import NEEDS
from tests.dispatch.conftest import Dispatch
from tests.dispatch.facts import DYKE, NOW
from tests.spec import spec

given = spec(decide, evolve, INITIAL)
BOATS = {
    "incident_id": "i1",
    "need_id": "n1",
    "item": "冲锋舟",
    "quantity": 3,
    "unit": "艘",
    "note": "",
    "committed": 0,
    "remaining": 3,
    "version": 4,
}
ASKED: dict[str, Any] = BOATS | {
    "category": Category.EQUIPMENT,
    "place": DYKE,
    "needed_by": None,
    "occurred_at": NOW,
}
note, noted = NoteNeed(**ASKED), UnitNeedNoted(**ASKED)
end = EndNeed(incident_id="i1", need_id="n1", ending=Ending.MET, occurred_at=NOW)
ended = UnitNeedEnded(incident_id="i1", need_id="n1", ending=Ending.MET, occurred_at=NOW)


def count(version: int, committed: int, remaining: int) -> CountNeed:
    return CountNeed(
        incident_id="i1",
        need_id="n1",
        committed=committed,
        remaining=remaining,
        version=version,
        occurred_at=NOW,
    )


def counted(version: int, committed: int, remaining: int) -> UnitNeedCounted:
    return UnitNeedCounted(
        incident_id="i1",
        need_id="n1",
        committed=committed,
        remaining=remaining,
        version=version,
        occurred_at=NOW,
    )


def test_news_is_noted_once() -> None:
    given().when(note).then(noted)
    given(noted).when(note).then()
    given(noted).when(count(5, 2, 3)).then(counted(5, 2, 3))
    given(noted, counted(5, 2, 3)).when(count(5, 2, 3)).then()
    given(noted, counted(7, 0, 1)).when(count(5, 2, 3)).then()
    given(noted).when(end).then(ended)
    given(noted, ended).when(end).then()
    given(noted, ended).when(count(9, 0, 2)).then()


def test_every_order_of_the_news_leads_to_the_same_knowledge() -> None:
    news: tuple[Command, ...] = (note, count(5, 2, 3), count(6, 0, 3), count(8, 0, 1), end)
    for order in permutations(news[:-1]):
        state = INITIAL
        for command in order:
            state = reduce(evolve, decide(command, state), state)
        assert (state.noted, state.version, state.remaining) == (True, 8, 1)
    for order in permutations(news):
        state = INITIAL
        for command in order:
            state = reduce(evolve, decide(command, state), state)
        assert state.noted
        assert state.ended


def raised(
    incident_id: str, need_id: str = "n1", category: Any = command_pb.NEED_CATEGORY_EQUIPMENT
) -> events_pb.NeedRaised:
    message = events_pb.NeedRaised(
        incident_id=incident_id,
        need_id=need_id,
        category=category,
        item="冲锋舟",
        quantity=3,
        unit="艘",
        place=place_pb2.Place(adcode="431281102", address="稔禾村"),
        note="水流急",
    )
    message.occur_time.FromDatetime(datetime(2026, 6, 18, 2, 10, tzinfo=UTC))
    message.needed_by_time.FromDatetime(datetime(2026, 6, 18, 5, 10, tzinfo=UTC))
    return message


async def listed(
    dispatch: Dispatch, incident_id: str, position: int = 0, **fields: Any
) -> pb.ListForceNeedsResponse:
    async with grpc.aio.insecure_channel(dispatch.address) as channel:
        needs: Any = NeedServiceStub(channel)
        answer: pb.ListForceNeedsResponse = await needs.ListForceNeeds(
            pb.ListForceNeedsRequest(
                incident_id=incident_id,
                read=read_pb2.ReadOptions(min_position=position),
                **fields,
            ),
            metadata=dispatch.dispatcher.metadata,
            timeout=20,
        )
    return answer


async def known(dispatch: Dispatch, incident_id: str, need_id: str = "n1", **want: Any) -> int:
    """Wait until the row of a need shows something, and return the position that did it."""
    statement = NEEDS.select().where(NEEDS.c.incident_id == incident_id, NEEDS.c.need_id == need_id)
    while True:
        async with dispatch.model.read() as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is not None and all(getattr(row, name) == value for name, value in want.items()):
            position: int = row.position
            return position
        assert await dispatch.model.advanced(seen.position, 20)


async def test_a_need_is_listed_until_it_is_met(dispatch: Dispatch) -> None:
    incident_id = str(uuid4())
    await dispatch.hear(raised(incident_id), 4)
    await dispatch.hear(raised(incident_id), 4)
    asked = await known(dispatch, incident_id, noted=True)
    [need] = (await listed(dispatch, incident_id, asked)).needs
    progressed = events_pb.NeedProgressed(
        incident_id=incident_id,
        need_id="n1",
        category=command_pb.NEED_CATEGORY_EQUIPMENT,
        committed=2,
        remaining=3,
    )
    await dispatch.hear(progressed, 5)
    await known(dispatch, incident_id, committed=2)
    [promised] = (await listed(dispatch, incident_id)).needs
    met = events_pb.NeedMet(
        incident_id=incident_id, need_id="n1", category=command_pb.NEED_CATEGORY_EQUIPMENT
    )
    await dispatch.hear(met, 6)
    await known(dispatch, incident_id, ended=True)

    assert (need.item, need.quantity, need.unit, need.remaining) == ("冲锋舟", 3, "艘", 3)
    assert (need.place.address, need.note) == ("稔禾村", "水流急")
    assert (promised.committed, promised.remaining) == (2, 3)
    assert not (await listed(dispatch, incident_id)).needs


async def test_news_that_overtakes_the_asking_is_not_lost(dispatch: Dispatch) -> None:
    incident_id = str(uuid4())
    cancelled = events_pb.NeedCancelled(
        incident_id=incident_id, need_id="n1", category=command_pb.NEED_CATEGORY_EQUIPMENT
    )
    await dispatch.hear(cancelled, 5)
    await dispatch.hear(raised(incident_id), 4)
    await known(dispatch, incident_id, noted=True, ended=True)

    assert not (await listed(dispatch, incident_id)).needs


async def test_needs_that_others_meet_are_not_dispatchs(dispatch: Dispatch) -> None:
    incident_id = str(uuid4())
    await dispatch.hear(raised(incident_id, "n1", command_pb.NEED_CATEGORY_SUPPLIES), 4)
    await dispatch.hear(raised(incident_id, "n2", command_pb.NEED_CATEGORY_TRANSPORT), 5)
    await known(dispatch, incident_id, "n2", noted=True)

    found = await listed(dispatch, incident_id)
    none = await listed(dispatch, incident_id, category=command_pb.NEED_CATEGORY_SUPPLIES)

    assert [need.need_id for need in found.needs] == ["n2"]
    assert not none.needs


async def test_a_need_goes_on_under_the_incident_that_took_its_own_over(
    dispatch: Dispatch,
) -> None:
    source, target = str(uuid4()), str(uuid4())
    await dispatch.hear(raised(source), 4)
    await known(dispatch, source, noted=True)
    moved = events_pb.NeedsTakenOver(
        incident_id=target,
        source_incident_id=source,
        needs=[
            events_pb.NeedMoved(
                source_need_id="n1",
                need=raised(target, f"{source}.n1"),
                committed=1,
                remaining=2,
            )
        ],
    )
    await dispatch.hear(moved, 9)
    await known(dispatch, target, f"{source}.n1", noted=True)
    await known(dispatch, source, ended=True)

    [need] = (await listed(dispatch, target)).needs
    assert (need.need_id, need.committed, need.remaining) == (f"{source}.n1", 1, 2)
    assert not (await listed(dispatch, source)).needs


async def test_the_list_pages_and_heeds_regions(dispatch: Dispatch) -> None:
    incident_id = str(uuid4())
    for number in range(3):
        await dispatch.hear(raised(incident_id, f"n{number}"), 4 + number)
    await known(dispatch, incident_id, "n2", noted=True)

    first = await listed(dispatch, incident_id, page_size=2, adcode="431281")
    rest = await listed(dispatch, incident_id, page_size=2, page_token=first.next_page_token)
    elsewhere = await listed(dispatch, incident_id, adcode="431225")

    assert [need.need_id for need in first.needs] == ["n2", "n1"]
    assert [need.need_id for need in rest.needs] == ["n0"]
    assert not elsewhere.needs


async def test_the_past_shows_what_was_needed_then(dispatch: Dispatch) -> None:
    incident_id = str(uuid4())
    await dispatch.hear(raised(incident_id), 4)
    asked = await known(dispatch, incident_id, noted=True)
    met = events_pb.NeedMet(
        incident_id=incident_id, need_id="n1", category=command_pb.NEED_CATEGORY_EQUIPMENT
    )
    await dispatch.hear(met, 5)
    await known(dispatch, incident_id, ended=True)

    async with grpc.aio.insecure_channel(dispatch.address) as channel:
        needs: Any = NeedServiceStub(channel)
        then = await needs.ListForceNeeds(
            pb.ListForceNeedsRequest(
                incident_id=incident_id, read=read_pb2.ReadOptions(as_of_position=asked)
            ),
            metadata=dispatch.dispatcher.metadata,
            timeout=20,
        )

    assert [need.need_id for need in then.needs] == ["n1"]


async def test_a_crew_may_look_but_a_stranger_to_dispatch_may_not(dispatch: Dispatch) -> None:
    crew = dispatch.tokens.caller("crew.1", "crew")
    keeper = dispatch.tokens.caller("keeper", "storekeeper")
    async with grpc.aio.insecure_channel(dispatch.address) as channel:
        needs: Any = NeedServiceStub(channel)
        await needs.ListForceNeeds(pb.ListForceNeedsRequest(), metadata=crew.metadata)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await needs.ListForceNeeds(pb.ListForceNeedsRequest(), metadata=keeper.metadata)

    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
