"""Whenever an assignment is over its unit is let go, and no hold outlives its assignment.

One that was diverted leaves its hold to the assignment that takes it over; if that one is over
before it did, both are let go.

Done at once by whoever ends an assignment, and again, under the same request id and so once only,
when the public event comes back.  A hold that somebody slow took for an assignment that was over
by then is let go when the news of that hold comes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from anlan.events.v1 import assignment_events_pb2 as assignment_pb
from anlan.events.v1 import unit_events_pb2 as unit_pb
from services.dispatch.domain import assignment, events
from services.dispatch.policies.units import Units
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection
from services.runtime.times import from_proto

AT_ONCE_S = 1.0
REMEMBERED = 10_000

Assignments = CommandHandler[assignment.Command, assignment.State, events.Event]
Ending = (
    assignment_pb.AssignmentCleared
    | assignment_pb.AssignmentDeclined
    | assignment_pb.AssignmentCancelled
    | assignment_pb.AssignmentRefused
    | assignment_pb.AssignmentWithdrawn
    | assignment_pb.AssignmentDiverted
)
ENDINGS: dict[str, type[Ending]] = {
    "anlan.events.v1.AssignmentCleared": assignment_pb.AssignmentCleared,
    "anlan.events.v1.AssignmentDeclined": assignment_pb.AssignmentDeclined,
    "anlan.events.v1.AssignmentCancelled": assignment_pb.AssignmentCancelled,
    "anlan.events.v1.AssignmentRefused": assignment_pb.AssignmentRefused,
    "anlan.events.v1.AssignmentWithdrawn": assignment_pb.AssignmentWithdrawn,
    "anlan.events.v1.AssignmentDiverted": assignment_pb.AssignmentDiverted,
}
ENDING_SUBJECTS = [f"anlan.*.assignment.{name.rpartition('.')[2]}.>" for name in ENDINGS]
HOLD_SUBJECTS = ["anlan.*.unit.UnitReserved.>"]
REASON = "the assignment is over"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Releasing:
    """``done`` are assignments whose unit is known to be let go, newest last."""

    assignments: Assignments
    units: Units
    done: OrderedDict[str, None] = field(default_factory=OrderedDict)

    async def at_once(self, event: events.Event, cause: Cause) -> None:
        """Let the unit go if resources answer quickly; if not, the public event does it.

        What is said late of an assignment that was over already lets nobody go again.
        """
        if isinstance(event, events.AssignmentCleared) and event.late:
            return
        try:
            async with asyncio.timeout(AT_ONCE_S):
                await self._let_go(event.unit_id, event.assignment_id, event.occurred_at, cause)
            self.done[event.assignment_id] = None
            if len(self.done) > REMEMBERED:
                self.done.popitem(last=False)
        except (Rejection, TimeoutError) as later:
            log.warning("release.later", assignment_id=event.assignment_id, why=repr(later))

    async def on_ending(self, event: Recorded) -> None:
        """React to an assignment that is over."""
        ending = ENDINGS[event.type].FromString(event.data)
        if ending.assignment_id in self.done:
            return
        match ending:
            case assignment_pb.AssignmentCleared(late=True):
                return
            case assignment_pb.AssignmentDiverted():
                if await self._will_take_over(ending.to_assignment_id):
                    return
        cause = Cause.resumed(event)
        at = from_proto(ending.occur_time)
        await self._let_go(ending.unit_id, ending.assignment_id, at, cause)

    async def _will_take_over(self, assignment_id: str) -> bool:
        """Whether the hold that was left to an assignment is still wanted there."""
        return not isinstance(await self.assignments.state(assignment_id), assignment.Over)

    async def _let_go(self, unit_id: str, assignment_id: str, at: datetime, cause: Cause) -> None:
        await self.units.release(unit_id, assignment_id, REASON, at, cause.step("release"))
        state = await self.assignments.glimpse(assignment_id)
        if state is None or not (source_id := state.order.diverted_from):
            return
        source = await self.assignments.state(source_id)
        if isinstance(source, assignment.Over) and source.diverted_to == assignment_id:
            step = cause.step("release_source")
            await self.units.release(unit_id, source_id, REASON, at, step)

    async def on_hold(self, event: Recorded) -> None:
        """React to a hold; most belong to an assignment that has only begun."""
        hold = unit_pb.UnitReserved.FromString(event.data)
        state = await self.assignments.state(hold.holder)
        if isinstance(state, assignment.Over) and state.order.unit_id == hold.unit_id:
            if state.diverted_to and await self._will_take_over(state.diverted_to):
                return
            await self.units.release(
                hold.unit_id,
                hold.holder,
                REASON,
                from_proto(hold.occur_time),
                Cause.reaction(event, "dispatch.on_unit_reserved"),
            )
