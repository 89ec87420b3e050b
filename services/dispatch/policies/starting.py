"""Whenever a start is planned an assignment of each of its units is preplanned, once, whoever runs.

From there on each goes its own way: the clock asks for its unit when the time has come, and what
cannot be had then asks somebody.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from anlan.events.v1 import assignment_events_pb2 as pb
from services.dispatch.domain import assignment, planned_start
from services.dispatch.policies.releasing import Assignments
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection, Unavailable

Starts = CommandHandler[planned_start.Command, planned_start.State, planned_start.Event]
SUBJECTS = ["anlan.*.planned_start.StartPlanned.>"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    assignments: Assignments
    starts: Starts

    async def on_planned(self, event: Recorded) -> None:
        """Carry out a plan that somebody may have left half done."""
        planned = pb.StartPlanned.FromString(event.data)
        known = await self.starts.state(planned.recommendation_id)
        if known is not None:
            await self.carry_out(known, Cause.resumed(event))

    async def carry_out(self, plan: planned_start.StartPlanned, cause: Cause) -> int:
        """Preplan each, and return how far the log is then."""
        position = 0
        for one in plan.units:
            command = assignment.PreplanAssignment(
                by=cause.actor,
                assignment_id=one.assignment_id,
                incident_id=plan.incident_id,
                unit_id=one.unit_id,
                destination=plan.destination,
                order=plan.order,
                call_at=plan.call_at,
                acknowledge_within_s=plan.acknowledge_within_s,
                override_reason="",
                incident_type=plan.incident_type,
                dispatch_at=plan.start_at,
                occurred_at=plan.occurred_at,
            )
            step = cause.step(f"preplan.{one.assignment_id}")
            try:
                written = await self.assignments.handle(one.assignment_id, command, step)
            except Unavailable:
                raise
            except Rejection as refusal:  # its id is somebody else's
                log.warning("start.refused", unit_id=one.unit_id, reason=refusal.reason)
            else:
                position = max(position, written.position)
        return position
