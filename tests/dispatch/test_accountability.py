"""Roll calls and withdrawals over real gRPC: they follow a merge and outlive the incident's end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest
from sqlalchemy import select

from anlan.dispatch.v1 import accountability_service_pb2 as pb
from anlan.dispatch.v1 import assignment_service_pb2 as assignment_pb
from anlan.dispatch.v1.accountability_service_pb2_grpc import AccountabilityServiceStub
from anlan.events.v1 import incident_events_pb2 as incident_pb
from services.dispatch.codec import ASSIGNMENT, ROLL_CALL, WITHDRAWAL
from services.dispatch.domain import assignment, roll_call, withdrawal
from services.dispatch.projections.tables import WITHDRAWALS
from services.runtime.cause import CORRELATION, Cause
from services.runtime.handle import CommandHandler
from services.runtime.store import EventStore
from tests.dispatch.conftest import DYKE, Dispatch
from tests.dispatch.test_moving import AT, BY, at, merged, sent
from tests.service import refusal


class Roll:
    """The service of roll calls, beside that of assignments."""

    def __init__(self, dispatch: Dispatch, stub: Any) -> None:
        self.dispatch, self.stub = dispatch, stub

    async def ask(self, method: str, request: Any) -> Any:
        if "request_id" in request.DESCRIPTOR.fields_by_name and not request.request_id:
            request.request_id = str(uuid4())
        metadata = self.dispatch.dispatcher.metadata
        return await getattr(self.stub, method)(request, metadata=metadata, timeout=20)

    async def start(self, incident_id: str) -> pb.StartRollCallResponse:
        request = pb.StartRollCallRequest(incident_id=incident_id, reason="堤脚塌陷")
        answer: pb.StartRollCallResponse = await self.ask("StartRollCall", request)
        return answer

    async def get(self, roll_call_id: str, position: int = 0) -> pb.RollCall:
        request = pb.GetRollCallRequest(roll_call_id=roll_call_id)
        request.read.min_position = position
        found: pb.RollCall = (await self.ask("GetRollCall", request)).roll_call
        return found

    async def listed(self, incident_id: str, position: int = 0) -> list[str]:
        request = pb.ListRollCallsRequest(incident_id=incident_id, running_only=True)
        request.read.min_position = position
        answer = await self.ask("ListRollCalls", request)
        return [one.roll_call_id for one in answer.roll_calls]

    async def until(
        self, roll_call_id: str, is_so: Callable[[pb.RollCall], bool], incident_id: str = ""
    ) -> pb.RollCall:
        """Watch one incident, or all, until a roll call is so."""
        watch = self.stub.WatchRollCalls(
            pb.WatchRollCallsRequest(incident_id=incident_id),
            metadata=self.dispatch.dispatcher.metadata,
            timeout=30,
        )
        async for news in watch:
            found: pb.RollCall = news.roll_call
            if found.roll_call_id == roll_call_id and is_so(found):
                watch.cancel()
                return found
        raise AssertionError(f"{roll_call_id} never came to that")

    async def unit_of(self, assignment_id: str) -> str:
        return str((await self.dispatch.get(assignment_id)).unit_id)


@pytest.fixture
async def roll(dispatch: Dispatch) -> AsyncIterator[Roll]:
    async with grpc.aio.insecure_channel(dispatch.address) as channel:
        yield Roll(dispatch, AccountabilityServiceStub(channel))


async def stands_for(dispatch: Dispatch, withdrawal_id: str, incident_id: str) -> None:
    """Wait until an order stands for an incident."""
    column = WITHDRAWALS.c
    statement = select(column.incident_id).where(column.withdrawal_id == withdrawal_id)
    while True:
        async with dispatch.model.read() as (connection, seen):
            found = (await connection.execute(statement)).scalar()
        if found == incident_id:
            return
        assert await dispatch.model.advanced(seen.position, 20)


def here(answer: pb.StartRollCallResponse, unit_id: str, present: int) -> pb.AnswerRollCallRequest:
    return pb.AnswerRollCallRequest(
        roll_call_id=answer.roll_call_id, unit_id=unit_id, expected=6, present=present
    )


async def test_a_roll_call_follows_a_merge_as_it_stands_and_is_answered_there(
    dispatch: Dispatch, roll: Roll, store: EventStore
) -> None:
    one, other = dispatch.incident(), dispatch.incident()
    first, second = await sent(dispatch, one), await sent(dispatch, one)
    boat, rescue = await roll.unit_of(first), await roll.unit_of(second)
    call = await roll.start(one)
    short = await roll.ask("AnswerRollCall", here(call, boat, 4))
    before = await roll.get(call.roll_call_id, short.position)

    await dispatch.hear(merged(one, other), 9)
    # Whoever watches the incident that is no more is told where its roll call went.
    after = await roll.until(call.roll_call_id, at(other), incident_id=one)

    assert after.from_incident_id == one
    for field in ("incident_id", "from_incident_id", "etag", "position"):
        for found in (before, after):
            found.ClearField(field)
    assert after == before
    assert await roll.listed(one) == []
    assert await roll.listed(other) == [call.roll_call_id]

    await roll.ask("AnswerRollCall", here(call, rescue, 6))
    whole = await roll.ask("AnswerRollCall", here(call, boat, 6))
    assert (await roll.get(call.roll_call_id, whole.position)).state == pb.ROLL_CALL_STATE_COMPLETED
    events = await store.read(f"roll_call-{call.roll_call_id}")
    moved = [event.type for event in events].index("RollCallMoved.v1")
    assert {event.metadata[CORRELATION] for event in events[:moved]} == {one}
    assert {event.metadata[CORRELATION] for event in events[moved:]} == {other}


async def test_two_may_run_for_one_incident_and_a_unit_answers_each(
    dispatch: Dispatch, roll: Roll
) -> None:
    one, other = dispatch.incident(), dispatch.incident()
    followed, resident = await sent(dispatch, one), await sent(dispatch, other)
    first, second = await roll.start(one), await roll.start(other)

    await dispatch.hear(merged(one, other), 9)
    await roll.until(first.roll_call_id, at(other))
    await dispatch.until(followed, at(other))
    third = await roll.start(other)

    assert await roll.listed(other, third.position) == [
        third.roll_call_id,
        second.roll_call_id,
        first.roll_call_id,
    ]
    units = [await roll.unit_of(one) for one in (followed, resident)]
    assert (list(first.unit_ids), list(second.unit_ids)) == (units[:1], units[1:])
    assert sorted(third.unit_ids) == sorted(units)
    answered = await roll.ask("AnswerRollCall", here(third, units[0], 6))
    assert (await roll.get(first.roll_call_id, answered.position)).silent == 1


async def test_who_is_silent_is_told_of_in_the_incident_that_goes_on_at_the_same_time(
    dispatch: Dispatch, roll: Roll, store: EventStore
) -> None:
    one, other = dispatch.incident(), dispatch.incident()
    await sent(dispatch, one)
    call = await roll.start(one)
    await dispatch.hear(merged(one, other), 9)
    await roll.until(call.roll_call_id, at(other))

    await dispatch.put_forward(24 * 3600)
    late = await roll.until(call.roll_call_id, lambda found: found.overdue)

    assert late.due_time == call.due_time
    *_, rang = await store.read(f"roll_call-{call.roll_call_id}")
    overdue = ROLL_CALL.codec.decode(rang.type, rang.data)
    assert isinstance(overdue, roll_call.RollCallOverdue)
    assert (overdue.incident_id, rang.metadata[CORRELATION]) == (other, other)
    assert overdue.due_at == call.due_time.ToDatetime(UTC)


async def test_the_end_of_an_incident_ends_no_roll_call(dispatch: Dispatch, roll: Roll) -> None:
    incident = dispatch.incident()
    await dispatch.hear(incident_pb.IncidentOpened(incident_id=incident, place=DYKE), 0)
    await dispatch.noted(incident, is_open=True)
    assignment_id = await sent(dispatch, incident)
    unit_id = await roll.unit_of(assignment_id)
    call = await roll.start(incident)
    await roll.ask("AnswerRollCall", here(call, unit_id, 5))
    cleared = assignment_pb.ClearAssignmentRequest(assignment_id=assignment_id, disposition="完成")
    await dispatch.ask("ClearAssignment", cleared)

    await dispatch.hear(incident_pb.IncidentClosed(incident_id=incident, occur_time=AT), 9)
    await dispatch.noted(incident, is_open=False)

    found = await roll.get(call.roll_call_id)
    assert (found.state, found.missing) == (pb.ROLL_CALL_STATE_RUNNING, 1)
    assert found.status == pb.ACCOUNTABILITY_STATUS_CRITICAL
    assert await roll.listed(incident) == [call.roll_call_id]
    whole = await roll.ask("AnswerRollCall", here(call, unit_id, 6))
    assert (await roll.get(call.roll_call_id, whole.position)).state == pb.ROLL_CALL_STATE_COMPLETED


async def test_the_silent_of_a_closed_incident_are_told_of(dispatch: Dispatch, roll: Roll) -> None:
    incident = dispatch.incident()
    await dispatch.hear(incident_pb.IncidentOpened(incident_id=incident, place=DYKE), 0)
    await dispatch.noted(incident, is_open=True)
    await sent(dispatch, incident)
    call = await roll.start(incident)
    await dispatch.hear(incident_pb.IncidentClosed(incident_id=incident, occur_time=AT), 9)
    await dispatch.noted(incident, is_open=False)

    await dispatch.put_forward(24 * 3600)

    late = await roll.until(call.roll_call_id, lambda found: found.overdue)
    assert (late.state, late.silent) == (pb.ROLL_CALL_STATE_RUNNING, 1)


async def test_for_what_was_merged_no_roll_is_called_and_nobody_ordered_out(
    dispatch: Dispatch, roll: Roll
) -> None:
    one, other = dispatch.incident(), dispatch.incident()
    await dispatch.hear(incident_pb.IncidentOpened(incident_id=one, place=DYKE), 0)
    assignment_id = await sent(dispatch, one)
    again = pb.StartRollCallRequest(request_id=str(uuid4()), incident_id=one)
    first = await roll.ask("StartRollCall", again)
    await dispatch.hear(merged(one, other), 9)
    await dispatch.until(assignment_id, at(other))

    refused = [
        await refusal(roll.start(one)),
        await refusal(roll.ask("WithdrawUnits", out_of(one))),
        await refusal(roll.ask("WithdrawUnits", out_of(one, assignment_id))),
    ]

    assert {one.reason for one in refused} == {"INCIDENT_MERGED"}
    assert {one.metadata["into_incident_id"] for one in refused} == {other}
    assert await roll.ask("StartRollCall", again) == first


def out_of(incident_id: str, *assignment_ids: str) -> pb.WithdrawUnitsRequest:
    return pb.WithdrawUnitsRequest(
        incident_id=incident_id, assignment_ids=assignment_ids, reason="随时溃口"
    )


async def test_who_was_just_withdrawn_is_counted_by_the_incident_that_goes_on(
    dispatch: Dispatch, roll: Roll
) -> None:
    one, other = dispatch.incident(), dispatch.incident()
    await dispatch.hear(incident_pb.IncidentOpened(incident_id=one, place=DYKE), 0)
    gone = await sent(dispatch, one)
    resident = await sent(dispatch, other)
    await roll.ask("WithdrawUnits", out_of(one))
    await dispatch.hear(merged(one, other), 9)
    await dispatch.noted(one, is_open=False)

    call = await roll.start(other)

    assert set(call.unit_ids) == {await roll.unit_of(gone), await roll.unit_of(resident)}


async def test_an_order_to_withdraw_follows_a_merge_and_covers_whom_it_covered(
    dispatch: Dispatch, roll: Roll, store: EventStore
) -> None:
    one, other = dispatch.incident(), dispatch.incident()
    in_danger, leaves = await sent(dispatch, one), await sent(dispatch, one)
    resident = await sent(dispatch, other)
    await roll.ask(
        "DeclareMayday", pb.DeclareMaydayRequest(assignment_id=in_danger, situation="被埋")
    )
    order = await roll.ask("WithdrawUnits", out_of(one))
    assert sorted(order.assignment_ids) == sorted((in_danger, leaves))

    await dispatch.hear(merged(one, other), 9)

    await stands_for(dispatch, order.withdrawal_id, other)
    _, moved = await store.read(f"withdrawal-{order.withdrawal_id}")
    fact = WITHDRAWAL.codec.decode(moved.type, moved.data)
    assert isinstance(fact, withdrawal.WithdrawalMoved)
    assert (fact.incident_id, fact.assignment_ids) == (other, (in_danger,))
    assert moved.metadata[CORRELATION] == other
    found = [await dispatch.get(one, moved.position) for one in (in_danger, leaves, resident)]
    assert [one.incident_id for one in found] == [other, one, other]
    assert [one.state == assignment_pb.ASSIGNMENT_STATE_WITHDRAWN for one in found] == [
        False,
        True,
        False,
    ]


async def test_an_order_that_is_carried_out_stays_where_it_was(
    dispatch: Dispatch, roll: Roll, store: EventStore
) -> None:
    one, other = dispatch.incident(), dispatch.incident()
    await sent(dispatch, one)
    order = await roll.ask("WithdrawUnits", out_of(one))
    last = await sent(dispatch, one)  # its move tells that the merge was heard

    await dispatch.hear(merged(one, other), 9)
    await dispatch.until(last, at(other))
    await roll.start(other)
    await dispatch.hear(merged(other, dispatch.incident()), 9)
    await dispatch.until(last, lambda found: found.incident_id not in (one, other))

    assert len(await store.read(f"withdrawal-{order.withdrawal_id}")) == 1


async def test_what_was_begun_before_the_news_came_is_found_when_it_is_told(
    dispatch: Dispatch, roll: Roll, store: EventStore
) -> None:
    """Another dispatch process has not heard of the merge, and dies when it has given the order."""
    one, other = dispatch.incident(), dispatch.incident()
    await dispatch.hear(incident_pb.IncidentOpened(incident_id=one, place=DYKE), 0)
    assignment_id = await sent(dispatch, one)
    unit_id = await roll.unit_of(assignment_id)
    await dispatch.hear(merged(one, other), 9)
    await dispatch.until(assignment_id, at(other))
    await dispatch.noted(one, is_open=False)
    call_id, order_id, now = str(uuid4()), str(uuid4()), datetime.now(UTC)

    called = roll_call.StartRollCall(
        by=BY,
        roll_call_id=call_id,
        incident_id=one,
        adcode=DYKE.adcode,
        units=(roll_call.Called(assignment_id=assignment_id, unit_id=unit_id),),
        reason="堤脚塌陷",
        answer_within_s=300,
        occurred_at=now,
        now=now,
    )
    await CommandHandler(store, ROLL_CALL).handle(call_id, called, asked(one))
    found = await roll.until(call_id, at(other))
    ordered = withdrawal.OrderWithdrawal(
        by=BY,
        withdrawal_id=order_id,
        incident_id=one,
        adcode=DYKE.adcode,
        assignment_ids=(assignment_id,),
        reason="随时溃口",
        occurred_at=now,
    )
    await CommandHandler(store, WITHDRAWAL).handle(order_id, ordered, asked(one))
    left = await dispatch.until(
        assignment_id, lambda found: found.state == assignment_pb.ASSIGNMENT_STATE_WITHDRAWN
    )

    assert found.from_incident_id == one
    assert found.due_time.ToDatetime(UTC) - now < timedelta(seconds=301)
    assert left.incident_id == other
    *_, withdrawn = await store.read(f"assignment-{assignment_id}")
    assert withdrawn.metadata[CORRELATION] == other


async def test_an_order_given_before_the_news_came_follows_with_those_who_cannot_leave(
    dispatch: Dispatch, roll: Roll, store: EventStore
) -> None:
    one, other = dispatch.incident(), dispatch.incident()
    await dispatch.hear(incident_pb.IncidentOpened(incident_id=one, place=DYKE), 0)
    in_danger = await sent(dispatch, one)
    await roll.ask(
        "DeclareMayday", pb.DeclareMaydayRequest(assignment_id=in_danger, situation="被埋")
    )
    await dispatch.hear(merged(one, other), 9)
    await dispatch.until(in_danger, at(other))
    await dispatch.put_forward(0)  # whoever followed the merge has looked for orders by now
    order_id = str(uuid4())

    ordered = withdrawal.OrderWithdrawal(
        by=BY,
        withdrawal_id=order_id,
        incident_id=one,
        adcode=DYKE.adcode,
        assignment_ids=(in_danger,),
        reason="随时溃口",
        occurred_at=datetime.now(UTC),
    )
    await CommandHandler(store, WITHDRAWAL).handle(order_id, ordered, asked(one))

    await stands_for(dispatch, order_id, other)


async def test_what_another_process_moves_to_what_was_merged_meanwhile_goes_on_from_there(
    dispatch: Dispatch, roll: Roll, store: EventStore
) -> None:
    one, two, three = (dispatch.incident() for _ in range(3))
    await dispatch.hear(incident_pb.IncidentOpened(incident_id=two, place=DYKE), 0)
    assignment_id = await sent(dispatch, one)
    call = await roll.start(one)
    await dispatch.hear(merged(two, three), 9)
    await dispatch.noted(two, is_open=False)
    to_two: Any = {
        "sources": frozenset({one}),
        "incident_id": two,
        "occurred_at": datetime.now(UTC),
    }

    follow = assignment.MoveAssignment(assignment_id=assignment_id, **to_two)
    await CommandHandler(store, ASSIGNMENT).handle(assignment_id, follow, asked(two))
    move = roll_call.MoveRollCall(roll_call_id=call.roll_call_id, **to_two)
    await CommandHandler(store, ROLL_CALL).handle(call.roll_call_id, move, asked(two))

    await dispatch.until(assignment_id, at(three))
    assert (await roll.until(call.roll_call_id, at(three))).from_incident_id == two


def asked(incident_id: str) -> Cause:
    command_id = uuid4()
    return Cause(
        command_id=command_id, causation_id=str(command_id), correlation_id=incident_id, actor=BY
    )
