"""Mutual aid over real gRPC: who sees it, which units join and leave, what a clock says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest
from sqlalchemy import select

from anlan.dispatch.v1 import aid_service_pb2 as pb
from anlan.dispatch.v1 import assignment_service_pb2 as assignment_pb
from anlan.dispatch.v1.aid_service_pb2_grpc import AidServiceStub
from anlan.events.v1 import incident_events_pb2 as incident_pb
from anlan.events.v1 import link_events_pb2 as link_pb
from anlan.type.v1 import place_pb2
from services.dispatch import codec
from services.dispatch.projections import DISPATCH
from services.dispatch.projections.tables import AID, AID_PARTIES
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.readmodel import ReadModel
from services.runtime.store import EventStore
from tests.dispatch.aid.facts import request
from tests.dispatch.conftest import Dispatch
from tests.dispatch.facts import DISPATCHER
from tests.dispatch.peers import Units
from tests.service import Caller, refusal

DYKE = place_pb2.Place(adcode="431281102", address="安江镇大堤")
HUITONG, ZHONGFANG = "431225", "431221"


@dataclass
class Aid:
    """A request for two boats, and the people of three counties."""

    dispatch: Dispatch
    stub: Any
    partner: Caller
    other: Caller
    position: int = 0

    async def ask(self, method: str, request: Any, by: Caller | None = None) -> Any:
        if "request_id" in request.DESCRIPTOR.fields_by_name and not request.request_id:
            request.request_id = str(uuid4())
        if "read" in request.DESCRIPTOR.fields_by_name and not request.HasField("read"):
            request.read.min_position = self.position
        metadata = (by or self.dispatch.dispatcher).metadata
        answer = await getattr(self.stub, method)(request, metadata=metadata, timeout=20)
        if "position" in answer.DESCRIPTOR.fields_by_name:
            self.position = max(self.position, answer.position)
        return answer

    async def request(self, exercise: str = "", **changed: Any) -> str:
        fields: dict[str, Any] = {
            "incident_id": self.dispatch.incident(exercise),
            "place": DYKE,
            "recipients": [pb.Authority(adcode=HUITONG), pb.Authority(adcode=ZHONGFANG)],
            "items": [pb.AidItem(item_id="boats", kind="boat", quantity=2)],
            "reason": "冲锋舟不足",
        }
        request = pb.RequestAidRequest(**(fields | changed))
        request.until_time.FromDatetime(datetime.now(UTC) + timedelta(hours=12))
        by = self.dispatch.tokens.caller("diao.lin", "dispatcher", exercise=exercise)
        answer = await self.ask("RequestAid", request, by)
        return str(answer.aid_id)

    async def commit(self, aid_id: str, *unit_ids: str, **changed: Any) -> pb.CommitAidResponse:
        fields: dict[str, Any] = {
            "aid_id": aid_id,
            "helper_adcode": HUITONG,
            "units": [
                pb.AidUnit(unit_id=one, item_id="boats", name=one, kind="boat", staffing=4)
                for one in unit_ids
            ],
        }
        by = changed.pop("by", self.partner)
        answer: pb.CommitAidResponse = await self.ask(
            "CommitAid", pb.CommitAidRequest(**(fields | changed)), by
        )
        return answer

    async def report(self, aid_id: str, unit_id: str, state: Any, **changed: Any) -> Any:
        by = changed.pop("by", self.partner)
        fields = {"helper_adcode": HUITONG} | changed
        request = pb.ReportAidUnitRequest(aid_id=aid_id, unit_id=unit_id, state=state, **fields)
        return await self.ask("ReportAidUnit", request, by)

    async def release(self, aid_id: str, **changed: Any) -> Any:
        fields = {"helper_adcode": HUITONG, "reason": "险情解除"} | changed
        return await self.ask("ReleaseAid", pb.ReleaseAidRequest(aid_id=aid_id, **fields))

    async def get(self, aid_id: str, by: Caller | None = None) -> pb.Aid:
        found: pb.Aid = (await self.ask("GetAid", pb.GetAidRequest(aid_id=aid_id), by)).aid
        return found

    async def until(self, aid_id: str, state: Callable[[pb.Aid], bool]) -> pb.Aid:
        watch = self.stub.WatchAid(
            pb.WatchAidRequest(), metadata=self.dispatch.dispatcher.metadata, timeout=30
        )
        async for news in watch:
            found: pb.Aid = news.aid
            if found.aid_id == aid_id and state(found):
                watch.cancel()
                return found
        raise AssertionError(f"{aid_id} never came to that")


@pytest.fixture
async def aid(dispatch: Dispatch) -> AsyncIterator[Aid]:
    async with grpc.aio.insecure_channel(dispatch.address) as channel:
        yield Aid(
            dispatch,
            AidServiceStub(channel),
            dispatch.tokens.caller("huitong.li", "partner", HUITONG),
            dispatch.tokens.caller("zhongfang.zhou", "partner", ZHONGFANG),
        )


async def settled(units: Units, done: Callable[[], bool]) -> None:
    """Wait for what the public event brings about."""
    async with asyncio.timeout(20), units.changed:
        await units.changed.wait_for(done)


async def test_a_visitor_joins_is_sent_and_leaves_again(aid: Aid) -> None:
    aid_id = await aid.request()
    units = aid.dispatch.units
    await aid.commit(aid_id, "boat-1")
    assert (await aid.get(aid_id)).state == pb.AID_STATE_PARTLY_COMMITTED
    assert f"{HUITONG}-boat-1" not in units.kinds, "a promise is no unit"

    await aid.report(aid_id, "boat-1", pb.AID_UNIT_STATE_ARRIVED, by=aid.dispatch.dispatcher)
    [lent] = (await aid.get(aid_id)).units
    visitor = lent.local_unit_id
    assert visitor == f"{HUITONG}-boat-1"
    await settled(units, lambda: units.homes.get(visitor) == HUITONG)
    sent = await aid.dispatch.create(incident_id=aid.dispatch.incident(), unit_id=visitor)

    said = await refusal(aid.release(aid_id))
    assert (said.reason, said.metadata["holder"]) == ("AID_UNIT_ASSIGNED", sent.assignment_id)
    assert visitor not in units.out_of_service

    clear = assignment_pb.ClearAssignmentRequest(
        assignment_id=sent.assignment_id, disposition="完成"
    )
    await aid.dispatch.ask("ClearAssignment", clear)
    await settled(units, lambda: visitor not in units.holds)
    await aid.release(aid_id)
    await settled(units, lambda: visitor in units.out_of_service and visitor not in units.holds)
    said = await refusal(aid.dispatch.create(incident_id=aid.dispatch.incident(), unit_id=visitor))
    assert said.reason == "UNIT_OUT_OF_SERVICE"
    await aid.report(aid_id, "boat-1", pb.AID_UNIT_STATE_RETURNED)
    assert (await aid.get(aid_id)).units[0].state == pb.AID_UNIT_STATE_RETURNED


async def test_what_resources_did_not_hear_is_done_when_the_event_comes_back(aid: Aid) -> None:
    units = aid.dispatch.units
    aid_id = await aid.request()
    await aid.commit(aid_id, "boat-2")
    units.down = {"RegisterUnit"}
    await aid.report(aid_id, "boat-2", pb.AID_UNIT_STATE_ARRIVED)
    assert f"{HUITONG}-boat-2" not in units.kinds

    units.down = set()
    await settled(units, lambda: units.homes.get(f"{HUITONG}-boat-2") == HUITONG)


async def test_ours_is_held_and_out_of_service_while_it_is_lent(aid: Aid) -> None:
    units = aid.dispatch.units
    free, taken = aid.dispatch.unit(), aid.dispatch.unit()
    free, taken = free[:40], taken[:40]
    units.kinds |= {free: "boat", taken: "boat"}
    sent = await aid.dispatch.create(incident_id=aid.dispatch.incident(), unit_id=taken)
    aid_id = await aid.request(
        incident_id="huitong-7",
        place=place_pb2.Place(adcode=HUITONG),
        recipients=[pb.Authority(adcode="431281")],
        spoken_by="李主任（电话）",
    )
    ours = {"helper_adcode": "431281", "by": aid.dispatch.dispatcher}

    said = await refusal(aid.commit(aid_id, free, taken, **ours))
    assert (said.reason, said.metadata["holder"]) == ("UNIT_HELD", sent.assignment_id)
    assert free not in units.holds, "all or none"

    await aid.commit(aid_id, free, **ours)
    await settled(
        units, lambda: units.holder(free) == f"aid-{aid_id}" and free in units.out_of_service
    )
    assert (await aid.get(aid_id)).direction == pb.AID_DIRECTION_OUTGOING
    await aid.release(aid_id, helper_adcode="431281", spoken_by="李主任（电话）")
    assert free in units.out_of_service, "it is not home yet"
    await aid.report(
        aid_id, free, pb.AID_UNIT_STATE_RETURNED, by=aid.dispatch.dispatcher, helper_adcode="431281"
    )
    await settled(units, lambda: free not in units.holds and free not in units.out_of_service)


async def test_a_neighbour_sees_and_answers_what_is_addressed_to_it_and_nothing_else(
    aid: Aid,
) -> None:
    aid_id = await aid.request()
    alone = await aid.request(recipients=[pb.Authority(adcode=ZHONGFANG)])
    accept = pb.RespondToAidRequest(aid_id=aid_id, helper_adcode=HUITONG, reply=pb.AID_REPLY_ACCEPT)
    await aid.ask("RespondToAid", accept, aid.partner)
    await aid.commit(aid_id, "boat-3")

    mine = await aid.get(aid_id, aid.partner)
    assert [one.authority.adcode for one in mine.helpers] == [HUITONG]
    assert len(mine.units) == 1
    theirs = await aid.get(aid_id, aid.other)
    assert [one.authority.adcode for one in theirs.helpers] == [ZHONGFANG]
    assert list(theirs.units) == []
    assert len((await aid.get(aid_id)).helpers) == 2

    assert (await refusal(aid.get(alone, aid.partner))).reason == "NO_SUCH_AID"
    answer = pb.RespondToAidRequest(
        aid_id=alone, helper_adcode=ZHONGFANG, reply=pb.AID_REPLY_ACCEPT, spoken_by="x"
    )
    assert (await refusal(aid.ask("RespondToAid", answer, aid.partner))).reason == "NO_SUCH_AID"
    listed = await aid.ask("ListAid", pb.ListAidRequest(page_size=500), aid.partner)
    assert aid_id in {one.aid_id for one in listed.aid}
    assert alone not in {one.aid_id for one in listed.aid}
    township = aid.dispatch.tokens.caller("anjiang", "dispatcher", "431281102")
    assert (await aid.get(aid_id, township)).aid_id == aid_id
    board = aid.dispatch.stub.ListAssignments(
        assignment_pb.ListAssignmentsRequest(), metadata=aid.partner.metadata, timeout=20
    )
    assert (await refusal(board)).reason == "CAPABILITY_REQUIRED"


async def test_a_message_is_taken_once(aid: Aid) -> None:
    aid_id = await aid.request()
    message = {"request_id": str(uuid4())}
    first = await aid.commit(aid_id, "boat-4", **message)
    await aid.report(aid_id, "boat-4", pb.AID_UNIT_STATE_WITHDRAWN, note="故障")
    again = await aid.commit(aid_id, "boat-4", **message)

    assert again == first
    assert (await aid.get(aid_id)).units[0].state == pb.AID_UNIT_STATE_WITHDRAWN


async def test_a_repetition_gets_its_answer_although_the_incident_was_closed(aid: Aid) -> None:
    asked = {"request_id": str(uuid4()), "incident_id": aid.dispatch.incident()}
    first = await aid.request(**asked)
    closed = incident_pb.IncidentClosed(incident_id=asked["incident_id"])
    await aid.dispatch.hear(closed, 9)
    await aid.dispatch.noted(asked["incident_id"], is_open=False)
    aid.dispatch.incidents.down = True

    again = await aid.request(**asked)
    new = await refusal(aid.request(incident_id=asked["incident_id"]))

    assert again == first
    assert new.reason == "INCIDENT_CLOSED"


async def test_a_request_that_nobody_answers_rings_once_and_then_expires(aid: Aid) -> None:
    aid_id = await aid.request()
    await aid.dispatch.put_forward(16 * 60)
    found = await aid.until(aid_id, lambda one: one.reply_overdue)
    assert found.state == pb.AID_STATE_REQUESTED
    [first, *_] = (await aid.ask("ListAid", pb.ListAidRequest())).aid
    assert first.reply_overdue, "what waits too long comes first"
    await aid.dispatch.put_forward(12 * 3600)
    found = await aid.until(aid_id, lambda one: one.state == pb.AID_STATE_EXPIRED)
    assert int(found.etag) == 2, "one request, one reminder, one end"


async def test_a_drill_s_visitor_is_another_unit(aid: Aid) -> None:
    drill = "drill-aid"
    aid_id = await aid.request(drill)
    said = await refusal(aid.commit(aid_id, "boat-5"))
    assert said.reason == "EXERCISE_MISMATCH"

    by = aid.dispatch.tokens.caller("huitong.li", "partner", HUITONG, exercise=drill)
    await aid.commit(aid_id, "boat-5", by=by)
    await aid.report(aid_id, "boat-5", pb.AID_UNIT_STATE_ARRIVED, by=by)
    [lent] = (await aid.get(aid_id)).units
    assert lent.local_unit_id.startswith(f"{HUITONG}-boat-5-x")
    await settled(aid.dispatch.units, lambda: lent.local_unit_id in aid.dispatch.units.kinds)
    assert f"{HUITONG}-boat-5" not in aid.dispatch.units.kinds


async def test_a_unit_serves_one_aid_at_a_time(aid: Aid) -> None:
    first, second = await aid.request(), await aid.request()
    for aid_id in (first, second):
        await aid.commit(aid_id, "boat-6")
    await aid.report(first, "boat-6", pb.AID_UNIT_STATE_ARRIVED)
    await aid.get(first)

    said = await refusal(aid.report(second, "boat-6", pb.AID_UNIT_STATE_ARRIVED))

    assert (said.reason, said.metadata["aid_id"]) == ("AID_UNIT_ELSEWHERE", first)


@pytest.mark.parametrize(
    ("changed", "reason", "field"),
    [
        ({"recipients": [pb.Authority(adcode="110105")]}, "AUTHORITY_UNKNOWN", "recipients.adcode"),
        ({"recipients": [pb.Authority(adcode="840075")]}, "AID_BOTH_HERE", "requester"),
        ({"requester": pb.Authority(adcode=HUITONG)}, "AID_NEITHER_HERE", "requester"),
    ],
)
async def test_authorities_are_known_and_one_side_is_here(
    aid: Aid, changed: dict[str, Any], reason: str, field: str
) -> None:
    said = await refusal(aid.request(**changed))

    assert (said.reason, said.fields) == (reason, (field,))


async def test_an_offer_is_ordered_before_it_is_committed(aid: Aid) -> None:
    request = pb.OfferAidRequest(
        incident_id=aid.dispatch.incident(),
        place=DYKE,
        helper=pb.Authority(adcode=HUITONG),
        items=[pb.AidItem(item_id="boats", kind="boat", quantity=1)],
    )
    request.until_time.FromDatetime(datetime.now(UTC) + timedelta(hours=12))
    aid_id = (await aid.ask("OfferAid", request, aid.partner)).aid_id
    assert (await aid.get(aid_id)).state == pb.AID_STATE_OFFERED
    assert (await refusal(aid.commit(aid_id, "boat-7"))).reason == "AID_NOT_REQUISITIONED"
    order = pb.RequisitionAidRequest(
        aid_id=aid_id,
        helper_adcode=HUITONG,
        items=[pb.AidQuantity(item_id="boats", quantity=1)],
    )
    await aid.ask("RequisitionAid", order)
    await aid.commit(aid_id, "boat-7")
    assert (await aid.get(aid_id)).state == pb.AID_STATE_COMMITTED


async def test_as_of_shows_it_as_it_was_and_a_replay_gives_the_same_rows(
    aid: Aid, store: EventStore
) -> None:
    aid_id = await aid.request()
    then = aid.position
    await aid.commit(aid_id, "boat-8")
    past = pb.GetAidRequest(aid_id=aid_id)
    past.read.as_of_position = then
    assert (await aid.ask("GetAid", past)).aid.state == pb.AID_STATE_REQUESTED

    async def rows(model: ReadModel) -> list[Any]:
        found: list[Any] = []
        seen = aid.dispatch.model.seen.position
        async with model.read(min_position=seen) as (connection, _):
            for table in (AID, AID_PARTIES):
                ordered = select(table).order_by(*table.primary_key.columns)
                found += (await connection.execute(ordered)).all()
        return found

    again = ReadModel(DISPATCH, store, "sqlite+aiosqlite://")
    await again.open()
    try:
        following = asyncio.create_task(again.run())
        assert await rows(again) == await rows(aid.dispatch.model)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    finally:
        await again.close()


def merged(incident_id: str, into: str) -> link_pb.IncidentMerged:
    message = link_pb.IncidentMerged(incident_id=incident_id, into_incident_id=into)
    message.occur_time.FromDatetime(datetime.now(UTC))
    return message


async def of_incident(aid: Aid, aid_id: str, incident_id: str) -> pb.Aid:
    """Watch until aid is for an incident."""
    watch = aid.stub.WatchAid(
        pb.WatchAidRequest(incident_id=incident_id),
        metadata=aid.dispatch.dispatcher.metadata,
        timeout=30,
    )
    async for news in watch:
        if news.aid.aid_id == aid_id:
            watch.cancel()
            found: pb.Aid = news.aid
            return found
    raise AssertionError(f"{aid_id} never came to {incident_id}")


async def test_aid_follows_a_merged_incident_and_what_is_over_stays(aid: Aid) -> None:
    here, there = aid.dispatch.incident(), aid.dispatch.incident()
    going, over = await aid.request(incident_id=here), await aid.request(incident_id=here)
    await aid.ask("CancelAid", pb.CancelAidRequest(aid_id=over, reason="不需要了"))

    await aid.dispatch.hear(merged(here, there), 9)
    found = await of_incident(aid, going, there)
    await aid.commit(going, "boat-1")
    listed = await aid.ask("ListAid", pb.ListAidRequest(incident_id=there, include_ended=True))
    stayed = await aid.ask("ListAid", pb.ListAidRequest(incident_id=here, include_ended=True))

    assert found.state == pb.AID_STATE_REQUESTED
    assert [one.aid_id for one in listed.aid] == [going]
    assert [one.aid_id for one in stayed.aid] == [over]


async def test_aid_that_was_asked_before_the_news_came_is_found_when_it_is_told(
    aid: Aid, store: EventStore
) -> None:
    here, there = aid.dispatch.incident(), aid.dispatch.incident()
    await aid.dispatch.hear(incident_pb.IncidentOpened(incident_id=here, place=DYKE), 0)
    await aid.dispatch.hear(merged(here, there), 9)
    await aid.dispatch.noted(here, is_open=False)
    aid_id, command_id = str(uuid4()), uuid4()
    elsewhere = Cause(
        command_id=command_id,
        causation_id=str(command_id),
        correlation_id=here,
        actor=DISPATCHER,
    )

    # As another dispatch process does, which has not heard of the merge.
    await CommandHandler(store, codec.AID).handle(
        aid_id, request(aid_id=aid_id, incident_id=here), elsewhere
    )

    assert (await of_incident(aid, aid_id, there)).incident_id == there
