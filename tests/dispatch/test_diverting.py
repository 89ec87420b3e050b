"""A unit that is diverted is nobody else's in between, and nobody's for ever if that fails."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

import pytest

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from services.dispatch.domain.assignment import Over, Underway
from services.dispatch.domain.events import Stage
from services.runtime import call
from services.runtime.actor import Actor
from services.runtime.rejection import Rejection, Unavailable
from tests.dispatch.world import ACTIVITY, Activity, Process, World

LIN = Actor(subject="lin", roles=("dispatcher",), jurisdiction="431281")
WEI = Actor(subject="wei", roles=("dispatcher",), jurisdiction="431281")


class Night:
    """One unit that is out for i1 as a0, and one process that nothing stops."""

    def __init__(self) -> None:
        self.world = World(("boat-1",), free=True)
        self.process = Process(self.world)
        self.heard = 0
        ACTIVITY.set(Activity(self.process))

    async def create(self, assignment_id: str, by: Actor = LIN) -> None:
        await self.ask(
            self.process.servicer.CreateAssignment,
            pb.CreateAssignmentRequest(
                assignment_id=assignment_id, incident_id="i1", unit_id="boat-1"
            ),
            by,
        )

    async def divert(self, assignment_id: str, to: str) -> None:
        await self.ask(
            self.process.servicer.DivertAssignment,
            pb.DivertAssignmentRequest(
                assignment_id=assignment_id,
                to_assignment_id=to,
                to_incident_id="i2",
                reason="worse there",
            ),
        )

    async def ask(self, method: Any, request: Any, by: Actor = LIN) -> None:
        call.enter(call.Call(actor=by))
        request.request_id = str(uuid5(UUID(int=7), request.SerializeToString().hex()))
        await method(request, None)

    async def hear_everything(self) -> None:
        """Take in the news that nobody has heard yet."""
        while self.heard < len(self.world.messages):
            self.heard += 1
            await self.process.react(self.world.messages[self.heard - 1])

    def holders(self) -> list[str]:
        return [hold.holder for hold in self.world.holders("boat-1")]


@pytest.fixture
async def night() -> Night:
    night = Night()
    await night.create("a0")
    return night


async def test_one_act_ends_the_one_and_begins_the_other(night: Night) -> None:
    await night.divert("a0", "a1")
    await night.hear_everything()

    before, after = night.world.state("a0"), night.world.state("a1")
    assert isinstance(before, Over)
    assert (before.ending, before.diverted_to) == (Stage.DIVERTED, "a1")
    assert isinstance(after, Underway)
    assert after.order.incident_id == "i2"
    assert night.holders() == ["a1"]
    assert night.world.released == []


async def test_nobody_has_the_unit_while_the_diversion_is_half_done(night: Night) -> None:
    night.world.reachable = False
    with pytest.raises(Unavailable):
        await night.divert("a0", "a1")
    night.world.reachable = True
    await night.hear_everything()

    with pytest.raises(Rejection) as refused:
        await night.create("a2", WEI)
    assert (refused.value.reason, refused.value.context["holder"]) == ("UNIT_HELD", "a0")

    await night.process.sending.recover("a1", night.world.now)
    assert isinstance(night.world.state("a1"), Underway)
    assert night.holders() == ["a1"]


async def test_a_diversion_that_is_called_off_half_done_frees_the_unit(night: Night) -> None:
    night.world.reachable = False
    with pytest.raises(Unavailable):
        await night.divert("a0", "a1")
    await night.hear_everything()  # the old one's end, while the new one may still come
    await night.ask(
        night.process.servicer.CancelAssignment,
        pb.CancelAssignmentRequest(assignment_id="a1", reason="not after all"),
    )
    night.world.reachable = True
    await night.hear_everything()

    assert night.holders() == []
    await night.create("a2", WEI)
    assert night.holders() == ["a2"]


async def test_what_is_said_late_of_a_diverted_assignment_frees_nobody(night: Night) -> None:
    night.world.reachable = False
    with pytest.raises(Unavailable):
        await night.divert("a0", "a1")
    night.world.reachable = True
    await night.ask(
        night.process.servicer.ClearAssignment,
        pb.ClearAssignmentRequest(assignment_id="a0", disposition="done"),
    )
    await night.hear_everything()

    assert night.holders() == ["a0"]


async def test_of_two_diversions_the_second_is_told_of_the_first(night: Night) -> None:
    await night.divert("a0", "a1")
    with pytest.raises(Rejection) as refused:
        await night.divert("a0", "a2")
    assert refused.value.reason == "ASSIGNMENT_CLOSED"
    assert night.world.state("a2") is None
