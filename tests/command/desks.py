"""A store and several command processes in memory, moved one step at a time.

Every read stops at a gate, every append before its effect and after it.  Whoever holds the gates
decides who goes on, whose answer is lost, and who dies where.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from services.command.codec import INCIDENT_CODEC, REPORT, REPORT_CODEC, incident_decider
from services.command.domain import report, report_rules
from services.command.domain.incident import decider
from services.command.policies.finishing import SUBJECTS, Finishing
from services.command.relay import public
from services.command.servicer.link import LinkServicer
from services.command.servicer.report import ReportServicer
from services.runtime import call
from services.runtime.actor import Actor
from services.runtime.handle import CommandHandler
from services.runtime.recorded import Recorded
from services.runtime.store import NO_STREAM, Proposed, StaleRevision
from tests.command.incidents import NOW, RULES

CYCLES = 30
ACTIVITY: ContextVar[Activity] = ContextVar("activity")
FOLLOWED = {subject.split(".")[3] for subject in SUBJECTS}


@dataclass(eq=False)
class Activity:
    """Something that one process is doing; ``gate`` is where it waits."""

    process: Process
    task: asyncio.Task[Any] | None = None
    gate: asyncio.Future[None] | None = None

    def open(self, failure: Exception | None = None) -> None:
        gate, self.gate = self.gate, None
        if gate is None or gate.done():
            return
        if failure is None:
            gate.set_result(None)
        else:
            gate.set_exception(failure)


@dataclass
class World:
    """``messages`` are the public events that command itself follows."""

    free: bool = False
    log: list[Recorded] = field(default_factory=list)
    streams: dict[str, list[Recorded]] = field(default_factory=dict)
    messages: list[Recorded] = field(default_factory=list)

    async def gate(self) -> None:
        """Wait; whoever opens the gate takes it away."""
        activity = ACTIVITY.get()
        if activity.process.dead:
            raise asyncio.CancelledError
        if not self.free:
            activity.gate = asyncio.get_running_loop().create_future()
            await activity.gate

    def incidents(self) -> dict[str, decider.State]:
        return {
            stream.partition("-")[2]: reduce(
                decider.evolve,
                (INCIDENT_CODEC.decode(e.type, e.data) for e in events),
                decider.INITIAL,
            )
            for stream, events in self.streams.items()
            if stream.startswith("incident-")
        }

    def reports(self) -> dict[str, report.State]:
        return {
            stream.partition("-")[2]: reduce(
                report_rules.evolve,
                (REPORT_CODEC.decode(e.type, e.data) for e in events),
                report.INITIAL,
            )
            for stream, events in self.streams.items()
            if stream.startswith("report-")
        }


@dataclass
class Store:
    """Appends as the real one does: expected revision, idempotent by event id."""

    world: World

    async def read(self, stream: str, after: int = NO_STREAM) -> list[Recorded]:
        await self.world.gate()
        return self.world.streams.get(stream, [])[after + 1 :]

    async def append(self, stream: str, proposed: list[Proposed], expected: int) -> int:
        await self.world.gate()
        position = self._append(stream, proposed, expected)
        await self.world.gate()
        return position

    def _append(self, stream: str, proposed: list[Proposed], expected: int) -> int:
        world, present = self.world, self.world.streams.setdefault(stream, [])
        if expected != len(present) - 1:
            same = present[expected + 1 : expected + 1 + len(proposed)]
            if [e.id for e in same] == [e.id for e in proposed]:
                return same[-1].position
            if not present:
                del world.streams[stream]
            raise StaleRevision(stream)
        for event in proposed:
            recorded = Recorded(
                id=event.id,
                type=event.type,
                stream=stream,
                revision=len(present),
                position=len(world.log) + 1,
                created_at=NOW,
                data=event.data,
                metadata=event.metadata,
            )
            present.append(recorded)
            world.log.append(recorded)
            told = public(recorded)
            if told is not None and told.type.rpartition(".")[2] in FOLLOWED:
                world.messages.append(_told(recorded, told.type, told.payload))
        return len(world.log)


class Process:
    """One command process: nothing in it survives its death."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.dead = False
        self.activities: list[Activity] = []
        store: Any = Store(world)
        nothing: Any = None
        self.reports = CommandHandler(store, REPORT)
        self.incidents = CommandHandler(store, incident_decider(RULES))
        self.intake = ReportServicer(
            reports=self.reports,
            incidents=self.incidents,
            model=nothing,
            regions=nothing,
            types=nothing,
            table=nothing,
            now=lambda: NOW,
        )
        self.links = LinkServicer(
            reports=self.reports,
            incidents=self.incidents,
            model=nothing,
            regions=nothing,
            types=nothing,
            now=lambda: NOW,
        )
        self.finishing = Finishing(reports=self.reports, incidents=self.incidents)

    def begin(self, work: Callable[[], Awaitable[Any]], by: Actor) -> Activity:
        """Start something; it stops at its first gate."""
        activity = Activity(self)

        async def run() -> Any:
            ACTIVITY.set(activity)
            call.enter(call.Call(actor=by))
            return await work()

        activity.task = asyncio.get_running_loop().create_task(run())
        self.activities.append(activity)
        return activity

    def die(self) -> None:
        self.dead = True
        for activity in self.activities:
            if activity.task is not None:
                activity.task.cancel()


async def quiet(activity: Activity | None = None) -> None:
    """Let everybody run to their next gate, or at least ``activity``."""
    for _ in range(CYCLES):
        await asyncio.sleep(0)
        if activity is not None and (activity.gate is not None or _done(activity)):
            return


def _done(activity: Activity) -> bool:
    return activity.task is not None and activity.task.done()


def _told(recorded: Recorded, type_: str, payload: bytes) -> Recorded:
    return Recorded(
        id=recorded.id,
        type=type_,
        stream=recorded.stream,
        revision=recorded.revision,
        position=recorded.position,
        created_at=recorded.created_at,
        data=payload,
        metadata=recorded.metadata,
    )
