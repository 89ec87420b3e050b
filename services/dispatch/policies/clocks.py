"""Which deadline comes next: an acknowledgement, an intent left behind, an answer to aid."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, select

from services.dispatch.codec import ROLL_CALL
from services.dispatch.domain import roll_call
from services.dispatch.domain.aid.commands import RingAid
from services.dispatch.domain.assignment import RaiseOverdue
from services.dispatch.domain.events import Stage
from services.dispatch.domain.roll_call import RaiseRollCallOverdue
from services.dispatch.policies.lending import Aids
from services.dispatch.policies.releasing import Assignments
from services.dispatch.projections.roll_calls import RUNNING
from services.dispatch.projections.tables import AID, ASSIGNMENTS, ROLL_CALLS
from services.runtime.actor import NATION, Actor
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler, Written
from services.runtime.store import EventStore
from services.runtime.times import of_micros

RollCalls = CommandHandler[roll_call.Command, roll_call.State, roll_call.Event]
# Longer than an RPC may take: whoever is still at it then has left it behind.
LEFT_BEHIND_AFTER = timedelta(seconds=15)
CLOCK = Actor(subject="service:dispatch", roles=("service",), jurisdiction=NATION)


def next_overdue(connection: Connection) -> tuple[datetime, str] | None:
    column = ASSIGNMENTS.c
    return _first(
        connection,
        select(column.acknowledge_due_at, column.assignment_id)
        .where(column.state == Stage.DISPATCHED, column.overdue.is_(False))
        .order_by(column.acknowledge_due_at)
        .limit(1),
    )


def next_left_behind(connection: Connection) -> tuple[datetime, str] | None:
    column = ASSIGNMENTS.c
    found = _first(
        connection,
        select(column.requested_at, column.assignment_id)
        .where(column.state == Stage.REQUESTED)
        .order_by(column.opened_position)
        .limit(1),
    )
    return None if found is None else (found[0] + LEFT_BEHIND_AFTER, found[1])


def next_aid_due(connection: Connection) -> tuple[datetime, str] | None:
    column = AID.c
    return _first(
        connection,
        select(column.due_at, column.aid_id)
        .where(column.due_at.is_not(None))
        .order_by(column.due_at)
        .limit(1),
    )


class AidClock:
    def __init__(self, store: EventStore, aids: Aids) -> None:
        self._store = store
        self._aids = aids

    async def ring(self, aid_id: str, due_at: datetime) -> Written:
        """Tell that answers are late or that units overstay, in the exercise of the request."""
        *_, newest = await self._store.read(f"aid_request-{aid_id}")
        # One instant may be due again after what it rang for was answered: not the same ringing.
        cause = Cause.reaction(newest, "dispatch.on_aid_due")
        command = RingAid(aid_id=aid_id, due_at=due_at)
        return await self._aids.handle(aid_id, command, _by_clock(cause))


def next_preplanned(connection: Connection) -> tuple[datetime, str] | None:
    column = ASSIGNMENTS.c
    return _first(
        connection,
        select(column.preplanned_at, column.assignment_id)
        .where(column.state == Stage.PREPLANNED)
        .order_by(column.preplanned_at)
        .limit(1),
    )


def next_roll_call(connection: Connection) -> tuple[datetime, str] | None:
    column = ROLL_CALLS.c
    return _first(
        connection,
        select(column.due_at, column.roll_call_id)
        .where(column.state == RUNNING, column.overdue.is_(False), column.silent > 0)
        .order_by(column.due_at)
        .limit(1),
    )


class RollCallClock:
    def __init__(self, store: EventStore, roll_calls: RollCalls) -> None:
        self._store = store
        self._roll_calls = roll_calls

    async def ring(self, roll_call_id: str, due_at: datetime) -> Written:
        """Tell that not every unit has answered, in the story and exercise that the call is in."""
        [started, *_] = await self._store.read(f"{ROLL_CALL.category}-{roll_call_id}")
        cause = Cause.reaction(started, "dispatch.on_roll_call_due")
        if state := await self._roll_calls.state(roll_call_id):
            cause = cause.about(state.incident_id)
        command = RaiseRollCallOverdue(roll_call_id=roll_call_id, due_at=due_at)
        return await self._roll_calls.handle(roll_call_id, command, _by_clock(cause))


class OverdueClock:
    def __init__(self, store: EventStore, assignments: Assignments) -> None:
        self._store = store
        self._assignments = assignments

    async def ring(self, assignment_id: str, due_at: datetime) -> Written:
        """Tell that nobody acknowledged in time, in the story and exercise that the order is in."""
        [intent, *_] = await self._store.read(f"assignment-{assignment_id}")
        cause = Cause.reaction(intent, "dispatch.on_acknowledgement_due")
        if state := await self._assignments.state(assignment_id):
            cause = cause.about(state.order.incident_id)
        command = RaiseOverdue(assignment_id=assignment_id, due_at=due_at)
        return await self._assignments.handle(assignment_id, command, _by_clock(cause))


def _by_clock(cause: Cause) -> Cause:
    return Cause(
        command_id=cause.command_id,
        causation_id=cause.causation_id,
        correlation_id=cause.correlation_id,
        actor=CLOCK,
        exercise=cause.exercise,
        traceparent=cause.traceparent,
    )


def _first(connection: Connection, statement: Select[Any]) -> tuple[datetime, str] | None:
    row = connection.execute(statement).first()
    if row is None:
        return None
    moment = of_micros(row[0])
    assert moment is not None
    return moment, row[1]
