"""A store, the resources and several dispatch processes in memory, moved one step at a time.

Every read stops at a gate, every append and call to resources before its effect and after it.
Whoever holds the gates decides who goes on, whose answer is lost, and who dies where.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from anlan.events.v1 import unit_events_pb2 as unit_pb
from services.dispatch.codec import (
    ASSIGNMENT,
    ASSIGNMENT_CODEC,
    INCIDENT_REF,
    ROLL_CALL,
    ROLL_CALL_CODEC,
    WITHDRAWAL,
    WITHDRAWAL_CODEC,
)
from services.dispatch.domain import assignment, events, roll_call, withdrawal
from services.dispatch.policies.incidents import Incident, noted
from services.dispatch.policies.moving import Moving
from services.dispatch.policies.preplanned import PreplannedClock
from services.dispatch.policies.releasing import Releasing
from services.dispatch.policies.sending import Sending
from services.dispatch.policies.withdrawing import Withdrawing
from services.dispatch.relay import CATEGORIES, public
from services.dispatch.servicer.accountability import AccountabilityServicer
from services.dispatch.servicer.assignment import AssignmentServicer
from services.runtime import call
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.recorded import Recorded
from services.runtime.rejection import NotFound, Rejection, Unavailable
from services.runtime.store import NO_STREAM, Proposed, StaleRevision
from tests.dispatch.facts import DYKE, NOW, WAYS

CYCLES = 40
ACTIVITY: ContextVar[Activity] = ContextVar("activity")
SPACE = UUID(int=42)


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
class Hold:
    holder: str
    by: str
    expires_at: datetime | None


@dataclass
class World:
    units: tuple[str, ...]
    now: datetime = NOW
    free: bool = False
    reachable: bool = True
    log: list[Recorded] = field(default_factory=list)
    streams: dict[str, list[Recorded]] = field(default_factory=dict)
    holds: dict[str, list[Hold]] = field(default_factory=dict)
    obeyed: dict[UUID, int] = field(default_factory=dict)
    released: list[tuple[str, str]] = field(default_factory=list)
    messages: list[Recorded] = field(default_factory=list)
    position: int = 0

    async def gate(self) -> None:
        """Wait; whoever opens the gate takes it away."""
        activity = ACTIVITY.get()
        if activity.process.dead:
            raise asyncio.CancelledError
        if not self.free:
            activity.gate = asyncio.get_running_loop().create_future()
            await activity.gate

    def state(self, assignment_id: str) -> assignment.State:
        state: assignment.State = assignment.INITIAL
        for recorded in self.streams.get(f"assignment-{assignment_id}", []):
            state = assignment.evolve(state, ASSIGNMENT_CODEC.decode(recorded.type, recorded.data))
        return state

    def assignments(self) -> dict[str, assignment.State]:
        named = [stream.partition("-") for stream in self.streams]
        return {key: self.state(key) for category, _, key in named if category == "assignment"}

    def roll_calls(self) -> dict[str, roll_call.State]:
        found: dict[str, roll_call.State] = {}
        for key, recorded in self._of("roll_call"):
            event = ROLL_CALL_CODEC.decode(recorded.type, recorded.data)
            found[key] = roll_call.evolve(found.get(key, roll_call.INITIAL), event)
        return found

    def withdrawals(self) -> dict[str, withdrawal.State]:
        found: dict[str, withdrawal.State] = {}
        for key, recorded in self._of("withdrawal"):
            event = WITHDRAWAL_CODEC.decode(recorded.type, recorded.data)
            found[key] = withdrawal.evolve(found.get(key, withdrawal.INITIAL), event)
        return found

    def _of(self, category: str) -> list[tuple[str, Recorded]]:
        return [
            (recorded.key, recorded)
            for stream, present in self.streams.items()
            if stream.partition("-")[0] == category
            for recorded in present
        ]

    def holders(self, unit_id: str) -> list[Hold]:
        alive = [
            h
            for h in self.holds.get(unit_id, [])
            if h.expires_at is None or h.expires_at > self.now
        ]
        self.holds[unit_id] = alive
        return alive


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
            world.position += 1
            recorded = Recorded(
                id=event.id,
                type=event.type,
                stream=stream,
                revision=len(present),
                position=world.position,
                created_at=world.now,
                data=event.data,
                metadata=event.metadata,
            )
            present.append(recorded)
            if recorded.category not in CATEGORIES:
                continue
            if publication := public(recorded):
                _tell(world, recorded, publication.type, publication.payload)
        return world.position


@dataclass
class Resources:
    """One exclusive holder; a reservation that is not confirmed runs out after a minute.

    A person may take up a reservation of their own that is not confirmed yet.
    """

    world: World

    async def reserve(self, order: events.AssignmentRequested, step: Cause) -> int:
        return await self._asked(step, lambda: self._reserve(order, step))

    async def confirm(self, order: events.AssignmentRequested, step: Cause) -> None:
        await self._asked(step, lambda: self._confirm(order))

    async def release(
        self, unit_id: str, holder: str, reason: str, at: datetime, step: Cause
    ) -> None:
        await self._asked(step, lambda: self._release(unit_id, holder))

    async def kind(self, unit_id: str, position: int, cause: Cause) -> str:
        return "boat"

    async def _asked(self, step: Cause, act: Callable[[], int]) -> int:
        await self.world.gate()
        if not self.world.reachable:
            raise Unavailable("RESOURCES_UNAVAILABLE")
        if step.command_id not in self.world.obeyed:
            done = act()
            if done:  # what changed nothing is not remembered
                self.world.obeyed[step.command_id] = done
        await self.world.gate()
        return self.world.obeyed.get(step.command_id, self.world.position)

    def _reserve(self, order: events.AssignmentRequested, step: Cause) -> int:
        if order.unit_id not in self.world.units:
            raise NotFound("NO_SUCH_UNIT", unit_id=order.unit_id)
        alive = self.world.holders(order.unit_id)
        if any(hold.holder == order.assignment_id for hold in alive):
            return 0
        taken = [hold for hold in alive if hold.holder == order.diverted_from]
        if taken:
            return self._take(order, step, taken[0].expires_at)
        if alive:
            [present] = alive
            if present.by != step.actor.subject or present.expires_at is None:
                raise Rejection(
                    "UNIT_HELD", unit_id=order.unit_id, holder=present.holder, held_by=present.by
                )
        return self._take(order, step, self.world.now + timedelta(seconds=60))

    def _take(
        self, order: events.AssignmentRequested, step: Cause, expires_at: datetime | None
    ) -> int:
        self.world.holds[order.unit_id] = [
            Hold(order.assignment_id, step.actor.subject, expires_at)
        ]
        self.world.position += 1
        reserved = Recorded(
            id=uuid5(SPACE, str(self.world.position)),
            type="UnitReserved.v1",
            stream=f"unit-{order.unit_id}",
            revision=0,
            position=self.world.position,
            created_at=self.world.now,
            data=b"",
            metadata=step.metadata(),
        )
        message = unit_pb.UnitReserved(unit_id=order.unit_id, holder=order.assignment_id)
        message.occur_time.FromDatetime(self.world.now)
        _tell(self.world, reserved, message.DESCRIPTOR.full_name, message.SerializeToString())
        return self.world.position

    def _confirm(self, order: events.AssignmentRequested) -> int:
        own = [h for h in self.world.holders(order.unit_id) if h.holder == order.assignment_id]
        if not own:
            raise Rejection("RESERVATION_LAPSED", unit_id=order.unit_id)
        if own[0].expires_at is None:
            return 0
        own[0].expires_at = None
        self.world.position += 1
        return self.world.position

    def _release(self, unit_id: str, holder: str) -> int:
        alive = self.world.holders(unit_id)
        kept = [hold for hold in alive if hold.holder != holder]
        if len(kept) == len(alive):
            return 0
        self.world.holds[unit_id] = kept
        self.world.released.append((unit_id, holder))
        self.world.position += 1
        return self.world.position


@dataclass
class Rows:
    """What is under way, as old as it was when somebody asked."""

    world: World

    async def assignments(self, incident_id: str) -> list[str]:
        return await self._answered(
            key
            for key, state in self.world.assignments().items()
            if state is not None
            and not isinstance(state, assignment.Over)
            and state.order.incident_id == incident_id
        )

    async def roll_calls(self, incident_id: str) -> list[str]:
        return await self._answered(
            key
            for key, state in self.world.roll_calls().items()
            if state is not None and not state.over and state.incident_id == incident_id
        )

    async def withdrawals(self, incident_id: str) -> list[str]:
        return await self._answered(
            key
            for key, state in self.world.withdrawals().items()
            if state is not None and state.incident_id == incident_id
        )

    async def aid(self, incident_id: str) -> list[str]:
        return []

    async def _answered(self, found: Iterable[str]) -> list[str]:
        answer = list(found)
        await self.world.gate()
        return answer


class Open:
    """An incident at the dyke that is always open."""

    async def find(self, incident_id: str, cause: Cause) -> Incident:
        return Incident(place=DYKE, call_at=NOW, is_open=True, exercise="")

    async def look(self, incident_id: str, cause: Cause) -> Incident:
        return await self.find(incident_id, cause)


class Process:
    """One dispatch process: nothing in it survives its death."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.dead = False
        self.activities: list[Activity] = []
        store: Any = Store(world)
        units: Any = Resources(world)
        incidents: Any = Open()
        nothing: Any = None
        self.assignments = CommandHandler(store, ASSIGNMENT)
        self.releasing = Releasing(assignments=self.assignments, units=units)
        self.sending = Sending(
            store=store,
            assignments=self.assignments,
            units=units,
            releasing=self.releasing,
            offer=lambda refusal, *_: refusal,
            ways=WAYS,
            now=lambda: world.now,
        )
        self.calls = CommandHandler(store, ROLL_CALL)
        self.withdrawals = CommandHandler(store, WITHDRAWAL)
        self.withdrawing = Withdrawing(
            assignments=self.assignments,
            withdrawals=self.withdrawals,
            releasing=self.releasing,
            ways=WAYS,
        )
        self.refs = CommandHandler(store, INCIDENT_REF)
        rows: Any = Rows(world)
        self.moving = Moving(
            assignments=self.assignments,
            aids=nothing,
            roll_calls=self.calls,
            withdrawals=self.withdrawals,
            refs=self.refs,
            work=rows,
        )
        self.preplanned = PreplannedClock(
            store=store,
            assignments=self.assignments,
            incidents=incidents,
            sending=self.sending,
        )
        self.accountability = AccountabilityServicer(
            store=store,
            assignments=self.assignments,
            calls=self.calls,
            withdrawals=self.withdrawals,
            withdrawing=self.withdrawing,
            incidents=incidents,
            model=nothing,
            timers=nothing,
            now=lambda: world.now,
        )
        self.servicer = AssignmentServicer(
            assignments=self.assignments,
            incidents=incidents,
            sending=self.sending,
            releasing=self.releasing,
            model=nothing,
            regions=nothing,
            targets=nothing,
            ways=WAYS,
            now=lambda: world.now,
        )

    async def react(self, message: Recorded) -> None:
        match message.type.rpartition(".")[2]:
            case "IncidentMerged":
                command = noted(message)
                assert command is not None
                cause = Cause.reaction(message, "dispatch.on_incident")
                await self.refs.handle(command.incident_id, command, cause)
                await self.moving.on_incident(message)
            case "UnitReserved":
                await self.releasing.on_hold(message)
                await self.moving.on_hold(message)
            case "AssignmentMoved":
                await self.moving.on_moved(message)
            case "RollCallStarted" | "RollCallMoved":
                await self.moving.on_roll_call(message)
            case "WithdrawalOrdered" | "WithdrawalMoved":
                await self.withdrawing.on_ordered(message)
                await self.moving.on_withdrawal(message)
            case (
                "AssignmentCleared"
                | "AssignmentDeclined"
                | "AssignmentCancelled"
                | "AssignmentRefused"
                | "AssignmentWithdrawn"
                | "AssignmentDiverted"
            ):
                await self.releasing.on_ending(message)

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


def _tell(world: World, recorded: Recorded, type_: str, payload: bytes) -> None:
    world.messages.append(
        Recorded(
            id=recorded.id,
            type=type_,
            stream=recorded.stream,
            revision=recorded.revision,
            position=recorded.position,
            created_at=recorded.created_at,
            data=payload,
            metadata=recorded.metadata,
        )
    )
