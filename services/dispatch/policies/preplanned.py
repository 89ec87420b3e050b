"""Whenever the time of a plan has come its unit is asked for, if its incident still goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog

from services.dispatch.codec import ASSIGNMENT
from services.dispatch.domain import assignment, refusals
from services.dispatch.policies.incidents import Incidents
from services.dispatch.policies.releasing import Assignments
from services.dispatch.policies.sending import Sending
from services.runtime.cause import Cause
from services.runtime.handle import Written
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.store import EventStore, StaleRevision

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreplannedClock:
    store: EventStore
    assignments: Assignments
    incidents: Incidents
    sending: Sending

    async def ring(self, assignment_id: str, due_at: datetime) -> Written:
        """Ask for the unit in the name of whoever planned it, and send it if it can be had.

        Where that takes longer the clock of what is left behind goes on with it; where the unit
        cannot be had the board asks somebody.
        """
        [plan, *_] = await self.store.read(f"{ASSIGNMENT.category}-{assignment_id}")
        cause = Cause.reaction(plan, "dispatch.on_preplanned_due")
        try:
            await self._follow(assignment_id, due_at, cause)
        except Unavailable:
            raise
        except Rejection as over:
            return await self._give_up(assignment_id, due_at, over, cause)
        command = assignment.RequestPreplanned(
            by=cause.actor, assignment_id=assignment_id, by_clock=True, occurred_at=due_at
        )
        written = await self.assignments.handle(assignment_id, command, cause)
        try:
            await self.sending.settle(assignment_id)
        except (Unavailable, StaleRevision) as later:
            log.warning("preplanned.later", assignment_id=assignment_id, why=str(later))
        return written

    async def _follow(self, assignment_id: str, at: datetime, cause: Cause) -> None:
        """Check that the incident goes on, perhaps as another that it was merged into."""
        state = await self.assignments.state(assignment_id)
        if state is None:
            return
        incident_id = state.order.incident_id
        try:
            await self.incidents.find(incident_id, cause)
        except Rejection as refusal:
            if refusal.reason != "INCIDENT_MERGED":
                raise
            into = refusal.context["into_incident_id"]
            command = assignment.MoveAssignment(
                assignment_id=assignment_id,
                sources=frozenset({incident_id}),
                incident_id=into,
                occurred_at=at,
            )
            await self.assignments.handle(assignment_id, command, cause.step(f"follow.{into}"))
            await self.incidents.find(into, cause)

    async def _give_up(
        self, assignment_id: str, at: datetime, refusal: Rejection, cause: Cause
    ) -> Written:
        command = assignment.RefuseAssignment(
            assignment_id=assignment_id,
            kind=refusals.kind_of(refusal),
            reason=refusal.reason,
            message=refusal.message,
            context=refusal.context,
            occurred_at=at,
        )
        return await self.assignments.handle(assignment_id, command, cause.step("refuse"))
