"""A night in the world: processes, messages, crashes and lost answers, drawn at random.

A machine of what people do there begins with this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)
from tenacity import wait_none

from anlan.dispatch.v1 import accountability_service_pb2 as accountability_pb
from anlan.dispatch.v1 import assignment_service_pb2 as pb
from services.dispatch.policies import releasing
from services.runtime import handle
from services.runtime.actor import Actor
from services.runtime.cause import COMMAND
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.store import StaleRevision
from tests.dispatch.world import Activity, Process, World, quiet

UNITS = ("boat-1", "boat-2")
PEOPLE = tuple(
    Actor(subject=name, roles=("dispatcher",), jurisdiction="431281") for name in ("lin", "wei")
)
SPACE = UUID(int=9)
# How many gates something passes at once; most things go through undisturbed.
FAR = st.one_of(st.just(99), st.integers(0, 16))
METHODS = {
    pb.CreateAssignmentRequest: "CreateAssignment",
    pb.AcknowledgeAssignmentRequest: "AcknowledgeAssignment",
    pb.RecordOnSceneRequest: "RecordOnScene",
    pb.ClearAssignmentRequest: "ClearAssignment",
    pb.CancelAssignmentRequest: "CancelAssignment",
    pb.DeclineAssignmentRequest: "DeclineAssignment",
    pb.PreplanAssignmentRequest: "PreplanAssignment",
    pb.DispatchPreplannedRequest: "DispatchPreplanned",
    pb.DivertAssignmentRequest: "DivertAssignment",
    pb.OverrideAssignmentRequest: "OverrideAssignment",
    pb.HandOverAssignmentRequest: "HandOverAssignment",
    accountability_pb.DeclareMaydayRequest: "DeclareMayday",
    accountability_pb.ResolveMaydayRequest: "ResolveMayday",
    accountability_pb.WithdrawUnitsRequest: "WithdrawUnits",
}
BEGINNING = {
    pb.CreateAssignmentRequest,
    pb.PreplanAssignmentRequest,
    pb.DivertAssignmentRequest,
}


class Night(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World(UNITS)
        self.processes = [Process(self.world), Process(self.world)]
        self.requests: list[tuple[Any, Actor]] = []
        self.answers: dict[str, tuple[object, ...]] = {}
        self.digested: set[int] = set()
        self.failures: list[BaseException] = []

    @precondition(lambda self: self.world.messages)
    @rule(data=st.data(), at=st.integers(0, 1), far=FAR)
    def deliver(self, data: st.DataObject, at: int, far: int) -> None:
        number = data.draw(st.integers(0, len(self.world.messages) - 1))
        self._go_on(self._deliver(self.processes[at], number), far)

    # What befalls everybody.

    @precondition(lambda self: self._waiting())
    @rule(data=st.data(), far=FAR)
    def go_on(self, data: st.DataObject, far: int) -> None:
        self._go_on(data.draw(st.sampled_from(self._waiting())), far)

    @precondition(lambda self: self._waiting())
    @rule(data=st.data())
    def lose_the_answer(self, data: st.DataObject) -> None:
        activity = data.draw(st.sampled_from(self._waiting()))
        activity.open(Unavailable("LOST"))
        self._settle(activity)

    @rule(at=st.integers(0, 1))
    def crash(self, at: int) -> None:
        self.processes[at].die()
        self._settle()
        self.processes[at] = Process(self.world)

    @invariant()
    def nothing_fails_that_nobody_foresaw(self) -> None:
        assert not self.failures

    # How it is done.

    def _go_on(self, activity: Activity, far: int) -> None:
        for _ in range(far):
            if activity.gate is None:
                break
            activity.open()
            self._settle(activity)

    def _ask(self, request: Any, who: Actor, at: int, *, again: bool = False) -> Activity:
        if not again:
            self.requests.append((request, who))
        process = self.processes[at]
        name = METHODS[type(request)]
        servicer = process.servicer if hasattr(pb, f"{name}Request") else process.accountability
        method = getattr(servicer, name)

        async def answered() -> None:
            try:
                answer = await method(request, None)
                said: tuple[object, ...] = ("OK", answer.SerializeToString(deterministic=True))
            except (Unavailable, StaleRevision):
                return
            except Rejection as refusal:
                if type(request) not in BEGINNING:
                    return  # nothing was written: it may be asked for again, and granted
                said = (refusal.reason, refusal.message, tuple(sorted(refusal.context.items())))
            if self._written(request):  # what changed nothing leaves no trace to answer from
                assert said == self.answers.setdefault(request.request_id, said)

        return self._begin(process, answered, who)

    def _deliver(self, process: Process, number: int) -> Activity:
        async def digested() -> None:
            await process.react(self.world.messages[number])
            self.digested.add(number)

        return self._begin(process, digested)

    def _begin(
        self, process: Process, work: Callable[[], Awaitable[Any]], by: Actor = PEOPLE[0]
    ) -> Activity:
        async def begin() -> Activity:
            return process.begin(work, by)

        activity = self.loop.run_until_complete(begin())
        assert activity.task is not None
        activity.task.add_done_callback(self._ended)
        self._settle(activity)
        return activity

    def _ended(self, task: asyncio.Task[Any]) -> None:
        failure = None if task.cancelled() else task.exception()
        if failure is not None and not isinstance(failure, (Rejection, StaleRevision)):
            self.failures.append(failure)

    def _settle(self, activity: Activity | None = None) -> None:
        self.loop.run_until_complete(quiet(activity))

    def _written(self, request: Any) -> bool:
        stream = self.world.streams.get(f"assignment-{_stream_of(request)}", [])
        return any(event.metadata[COMMAND] == request.request_id for event in stream)

    def _waiting(self) -> list[Activity]:
        return [a for p in self.processes for a in p.activities if a.gate is not None]

    def _new_id(self) -> str:
        return str(uuid5(SPACE, str(len(self.requests))))


def _stream_of(request: Any) -> str:
    match request:
        case pb.DivertAssignmentRequest():
            return str(request.to_assignment_id)
        case accountability_pb.WithdrawUnitsRequest():
            return ""  # its answer does not hang on any one of them
        case _:
            return str(request.assignment_id)


def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handle, "wait_random", lambda **_: wait_none())
    monkeypatch.setattr(releasing, "AT_ONCE_S", 3600.0)
