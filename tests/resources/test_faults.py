"""Units can be reserved while the broker is away, and what died is as it was when it is back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from anlan.resources.v1 import position_service_pb2 as position_pb
from anlan.resources.v1 import unit_service_pb2 as pb
from anlan.resources.v1.position_service_pb2_grpc import PositionServiceStub
from anlan.resources.v1.unit_service_pb2_grpc import UnitServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from tests.node import Node
from tests.service import Service, Tokens, free_port, refusal, request_id


@pytest.fixture
def lonely(tmp_path: Path, tokens: Tokens, node: Node) -> Iterator[Service]:
    """Return a service whose broker is not there."""
    nowhere = f"nats://127.0.0.1:{free_port()}"
    service = Service.start("resources", tmp_path, tokens, node.uri, nowhere)
    try:
        yield service
    finally:
        service.kill()


async def test_no_broker_and_a_kill_lose_no_hold_and_free_what_ran_out(
    lonely: Service, tokens: Tokens
) -> None:
    registrar = tokens.caller("registrar.wu", "registrar").metadata
    zhao = tokens.caller("dispatcher.zhao", "dispatcher").metadata
    stands, runs_out = (f"boat-{uuid4().hex[:8]}" for _ in range(2))
    async with lonely.channel() as channel:
        units: Any = UnitServiceStub(channel)
        for unit_id, seconds in ((stands, 3600), (runs_out, 1)):
            await units.RegisterUnit(
                pb.RegisterUnitRequest(
                    request_id=request_id(),
                    unit_id=unit_id,
                    name="冲锋舟",
                    kind="boat",
                    home=place_pb2.Place(adcode="431281102"),
                ),
                metadata=registrar,
            )
            reserved = await units.ReserveUnit(
                pb.ReserveUnitRequest(
                    request_id=request_id(),
                    unit_id=unit_id,
                    holder="assignment",
                    incident_id="flood",
                    ttl=Duration(seconds=seconds),
                ),
                metadata=zhao,
            )

    lonely.kill()
    lonely.restart()

    async with lonely.channel() as channel:
        units = UnitServiceStub(channel)
        watch = units.WatchUnits(
            pb.WatchUnitsRequest(resume_position=reserved.position - 1), metadata=zhao
        )
        async for change in watch:
            if change.unit.unit_id == runs_out and not change.unit.holds:
                break
        watch.cancel()
        still = await units.GetUnit(
            pb.GetUnitRequest(
                unit_id=stands, read=read_pb2.ReadOptions(min_position=change.position)
            ),
            metadata=zhao,
        )
    assert still.unit.status == pb.UNIT_STATUS_RESERVED
    assert still.unit.holds[0].holder == "assignment"


async def test_an_empty_board_says_that_it_is_not_whole(lonely: Service, tokens: Tokens) -> None:
    reader = tokens.caller("auditor.tan", "auditor").metadata
    async with lonely.channel() as channel:
        positions: Any = PositionServiceStub(channel)
        listed = await positions.ListPositions(position_pb.ListPositionsRequest(), metadata=reader)
        assert (len(listed.positions), listed.incomplete) == (0, True)
        unknown = position_pb.GetPositionRequest(unit_id="boat")
        said = await refusal(positions.GetPosition(unknown, metadata=reader))
    assert (said.code, said.reason) == (grpc.StatusCode.UNAVAILABLE, "POSITIONS_INCOMPLETE")
