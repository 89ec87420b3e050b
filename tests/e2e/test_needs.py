"""What the scene lacks goes to whoever has it, and what they send closes the count."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from anlan.command.v1 import need_service_pb2 as pb
from anlan.command.v1.need_service_pb2_grpc import NeedServiceStub
from anlan.dispatch.v1 import assignment_service_pb2 as assignment_pb
from anlan.dispatch.v1 import need_service_pb2 as dispatch_pb
from anlan.dispatch.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from anlan.dispatch.v1.need_service_pb2_grpc import NeedServiceStub as DispatchNeedServiceStub
from anlan.resources.v1 import need_service_pb2 as resources_pb
from anlan.resources.v1.need_service_pb2_grpc import NeedServiceStub as ResourcesNeedServiceStub
from anlan.type.v1 import read_pb2
from tests.e2e.test_races import ANJIANG, opened, registered
from tests.service import request_id
from tests.suite import RunningSuite


async def test_a_boat_and_bags_are_asked_for_found_sent_and_counted(
    start_suite: Callable[[], RunningSuite],
) -> None:
    suite = start_suite()
    await opened(suite, "dyke")
    await registered(suite, "boat1")
    commander = suite.caller("commander.li", "commander").metadata
    dispatcher = suite.caller("dispatcher.zhao", "dispatcher").metadata
    keeper = suite.caller("keeper.yang", "storekeeper").metadata
    async with (
        suite.channel("command") as command,
        suite.channel("dispatch") as dispatch,
        suite.channel("resources") as resources,
    ):
        needs: Any = NeedServiceStub(command)
        boards: Any = DispatchNeedServiceStub(dispatch)
        stores: Any = ResourcesNeedServiceStub(resources)
        on_board = boards.WatchForceNeeds(
            dispatch_pb.WatchForceNeedsRequest(incident_id="dyke"), metadata=dispatcher, timeout=60
        )
        in_store = stores.WatchSupplyNeeds(
            resources_pb.WatchSupplyNeedsRequest(incident_id="dyke"), metadata=keeper, timeout=60
        )
        for need_id, category, item, quantity, unit in (
            ("boats", pb.NEED_CATEGORY_EQUIPMENT, "冲锋舟", 1, "艘"),
            ("bags", pb.NEED_CATEGORY_SUPPLIES, "编织袋", 2000, "条"),
        ):
            await needs.RaiseNeed(
                pb.RaiseNeedRequest(
                    request_id=request_id(),
                    incident_id="dyke",
                    need_id=need_id,
                    category=category,
                    item=item,
                    quantity=quantity,
                    unit=unit,
                    place=ANJIANG,
                ),
                metadata=commander,
            )
        async with asyncio.timeout(30):
            asked, wanted = await on_board.read(), await in_store.read()
        sent = await AssignmentServiceStub(dispatch).CreateAssignment(
            assignment_pb.CreateAssignmentRequest(
                request_id=request_id(), incident_id="dyke", unit_id="boat1", order="赴稔禾村"
            ),
            metadata=dispatcher,
        )
        source = pb.NeedSource(
            kind=pb.NeedSource.KIND_ASSIGNMENT, reference=sent.assignment_id, provider="水上救援队"
        )
        promised = await needs.RecordNeedCommitment(
            pb.RecordNeedCommitmentRequest(
                request_id=request_id(),
                incident_id="dyke",
                need_id="boats",
                quantity=1,
                source=source,
            ),
            metadata=dispatcher,
        )
        async with asyncio.timeout(30):
            committed = await on_board.read()
        came = await needs.FulfilNeed(
            pb.FulfilNeedRequest(
                request_id=request_id(),
                incident_id="dyke",
                need_id="boats",
                commitment_id=promised.commitment_id,
                quantity=1,
                source=source,
            ),
            metadata=dispatcher,
        )
        async with asyncio.timeout(30):
            gone = await on_board.read()
        left = await boards.ListForceNeeds(
            dispatch_pb.ListForceNeedsRequest(
                incident_id="dyke", read=read_pb2.ReadOptions(min_position=gone.position)
            ),
            metadata=dispatcher,
        )
        met = await needs.ListNeeds(
            pb.ListNeedsRequest(
                incident_id="dyke", read=read_pb2.ReadOptions(min_position=came.position)
            ),
            metadata=commander,
        )
        on_board.cancel()
        in_store.cancel()

    assert (asked.need.need_id, asked.need.remaining, asked.over) == ("boats", 1, False)
    assert (wanted.need.need_id, wanted.need.quantity) == ("bags", 2000)
    assert (committed.need.committed, committed.over) == (1, False)
    assert gone.over
    assert not left.needs
    states = {need.need_id: need.state for need in met.needs}
    assert states == {"boats": pb.NEED_STATE_MET, "bags": pb.NEED_STATE_OPEN}
    [boats] = [need for need in met.needs if need.need_id == "boats"]
    assert boats.parts[0].source.reference == sent.assignment_id
