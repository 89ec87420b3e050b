"""Fifty consoles want one unit: exactly one gets it, and each other learns who did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.dispatch.v1 import assignment_service_pb2 as pb
from anlan.dispatch.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from anlan.resources.v1 import unit_service_pb2 as unit_pb
from anlan.resources.v1.unit_service_pb2_grpc import UnitServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from tests.service import Refusal, read_refusal, request_id
from tests.suite import RunningSuite

CALLERS = 50
ANJIANG = place_pb2.Place(adcode="431281102", address="洪江市安江镇")


@pytest.fixture
async def suite(start_suite: Callable[[], RunningSuite]) -> RunningSuite:
    return start_suite()


async def opened(suite: RunningSuite, incident_id: str) -> None:
    officer = suite.caller("duty.wang", "duty_officer").metadata
    async with suite.channel("command") as channel:
        stub = ReportServiceStub(channel)
        submitted = await stub.SubmitReport(
            report_pb.SubmitReportRequest(
                request_id=request_id(),
                source=report_pb.REPORT_SOURCE_FIRE_119,
                reporter="119",
                type_code="11A01",
                place=ANJIANG,
                text="河堤漫水",
            ),
            metadata=officer,
        )
        await stub.VerifyReport(
            report_pb.VerifyReportRequest(
                request_id=request_id(),
                report_id=submitted.report_id,
                incident_id=incident_id,
                title="安江河堤",
            ),
            metadata=officer,
        )


async def registered(suite: RunningSuite, unit_id: str) -> None:
    registrar = suite.caller("registrar", "registrar").metadata
    async with suite.channel("resources") as channel:
        await UnitServiceStub(channel).RegisterUnit(
            unit_pb.RegisterUnitRequest(
                request_id=request_id(),
                unit_id=unit_id,
                name="冲锋舟",
                kind="boat",
                home=ANJIANG,
            ),
            metadata=registrar,
        )


async def order(
    suite: RunningSuite, stub: Any, n: int, unit_id: str = "boat1"
) -> tuple[str, pb.CreateAssignmentResponse | Refusal]:
    """Return the dispatcher and the answer to their order."""
    dispatcher = f"dispatcher.{n}"
    try:
        answer = await stub.CreateAssignment(
            pb.CreateAssignmentRequest(
                request_id=request_id(),
                assignment_id=f"a{n}",
                incident_id="dyke",
                unit_id=unit_id,
            ),
            metadata=suite.caller(dispatcher, "dispatcher").metadata,
        )
    except grpc.aio.AioRpcError as error:
        return dispatcher, read_refusal(error)
    return dispatcher, answer


async def test_fifty_callers_race_for_one_unit(suite: RunningSuite) -> None:
    await opened(suite, "dyke")
    await registered(suite, "boat1")

    async with suite.channel("dispatch") as channel:
        stub = AssignmentServiceStub(channel)
        answers = await asyncio.gather(*(order(suite, stub, n) for n in range(CALLERS)))

    won = [(who, a) for who, a in answers if isinstance(a, pb.CreateAssignmentResponse)]
    lost = [a for _, a in answers if isinstance(a, Refusal)]
    assert len(won) == 1
    winner, assignment = won[0]
    assert {(refusal.reason, refusal.code) for refusal in lost} == {
        ("UNIT_HELD", grpc.StatusCode.FAILED_PRECONDITION)
    }
    assert {refusal.metadata["holder"] for refusal in lost} == {assignment.assignment_id}
    assert {refusal.metadata["held_by"] for refusal in lost} == {winner}
    assert all(winner in refusal.message for refusal in lost)


async def test_a_cleared_unit_can_be_sent_again(suite: RunningSuite) -> None:
    await opened(suite, "dyke")
    await registered(suite, "boat1")
    crew = suite.caller("crew.boat1", "crew").metadata
    observer = suite.caller("observer", "observer").metadata

    async with suite.channel("dispatch") as channel, suite.channel("resources") as resources:
        stub = AssignmentServiceStub(channel)
        await order(suite, stub, 1)
        await stub.ClearAssignment(
            pb.ClearAssignmentRequest(
                request_id=request_id(), assignment_id="a1", disposition="已转移"
            ),
            metadata=crew,
        )
        _, second = await order(suite, stub, 2)
        assert isinstance(second, pb.CreateAssignmentResponse)
        unit = await UnitServiceStub(resources).GetUnit(
            unit_pb.GetUnitRequest(unit_id="boat1", read=read_pb2.ReadOptions()),
            metadata=observer,
        )

    assert [hold.holder for hold in unit.unit.holds] in (["a1"], ["a2"], [])
