"""A process that slept through the end of its own order takes a unit that nobody wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid5

import pytest

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from services.dispatch.domain.assignment import Over, Underway
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection
from tests.dispatch.facts import DISPATCHER
from tests.dispatch.world import Activity, Process, World, quiet

ORDER = pb.CreateAssignmentRequest(
    request_id=str(uuid5(UUID(int=1), "order")),
    assignment_id="a1",
    incident_id="i1",
    unit_id="boat-1",
)
CANCEL = pb.CancelAssignmentRequest(
    request_id=str(uuid5(UUID(int=1), "cancel")), assignment_id="a1", reason="险情解除"
)


async def walk(activity: Activity, until: Callable[[], bool]) -> None:
    """Open one gate after the other."""
    while not until():
        assert activity.gate is not None
        activity.open()
        await quiet(activity)


async def finish(world: World, process: Process, work: Callable[[], Any]) -> None:
    world.free = True
    task = process.begin(work, DISPATCHER).task
    assert task is not None
    await task
    world.free = False


async def hear(world: World, process: Process, heard: list[Recorded]) -> None:
    """Deliver every message that was not heard yet."""
    for message in [m for m in world.messages if m not in heard]:
        heard.append(message)
        await finish(world, process, lambda message=message: process.react(message))  # type: ignore[misc]


@pytest.mark.parametrize("sleeper_dies", [True, False], ids=["and dies", "and goes on"])
async def test_the_unit_is_let_go(*, sleeper_dies: bool) -> None:
    world, heard = World(("boat-1",)), list[Recorded]()
    sleeper, other = Process(world), Process(world)
    order = sleeper.begin(lambda: sleeper.servicer.CreateAssignment(ORDER, None), DISPATCHER)
    await quiet(order)
    await walk(order, lambda: "assignment-a1" in world.streams)
    for _ in ("past the append", "past the read that shows an order that stands"):
        order.open()
        await quiet(order)

    await finish(world, other, lambda: other.servicer.CancelAssignment(CANCEL, None))
    await hear(world, other, heard)
    await walk(order, lambda: [h.expires_at for h in world.holders("boat-1")] == [None])
    if sleeper_dies:
        sleeper.die()
        await quiet()
        await hear(world, other, heard)
    else:
        assert order.task is not None
        await walk(order, order.task.done)
        with pytest.raises(Rejection) as refusal:
            order.task.result()
        assert refusal.value.reason == "ASSIGNMENT_CANCELLED"

    assert isinstance(world.state("a1"), Over)
    assert not world.holders("boat-1")


async def test_a_hold_of_an_order_that_stands_is_kept() -> None:
    world, heard = World(("boat-1",)), list[Recorded]()
    process = Process(world)
    await finish(world, process, lambda: process.servicer.CreateAssignment(ORDER, None))

    await hear(world, process, heard)

    assert isinstance(world.state("a1"), Underway)
    assert [hold.holder for hold in world.holders("boat-1")] == ["a1"]
