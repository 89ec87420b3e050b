"""The plan that a command about a response is under, looked up for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from services.command.domain.incident import decider
from services.command.domain.plan import decider as plan
from services.command.domain.plan.commands import Command
from services.command.domain.plan.content import InForce
from services.command.domain.plan.events import Event
from services.command.servicer.acting import Incidents
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.rejection import Rejection

Plans = CommandHandler[Command, plan.State, Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    plans: Plans
    incidents: Incidents

    async def in_force(self, plan_id: str, cause: Cause, at: datetime) -> InForce:
        """Return the version of a plan that was in force at an instant.

        An exercise may use the plans of earnest, never the other way about.  Raises NotFound, and
        what `plan.in_force` refuses.
        """
        state = await self._state(plan_id, cause)
        return plan.in_force(plan_id, state, at, exercise=bool(cause.exercise))

    async def to_activate(
        self, plan_id: str, incident_id: str, decision_id: str, cause: Cause, at: datetime
    ) -> InForce | None:
        """Return the same for an activation; None where no plan is named.

        One that was decided already is answered as it was, whatever became of the plan since.
        """
        if not plan_id:
            return None
        try:
            return await self.in_force(plan_id, cause, at)
        except Rejection:
            known = decider.there(await self.incidents.state(incident_id))
            if known is None or decision_id not in known.decisions.made:
                raise
            return None

    async def of_response(self, incident_id: str, cause: Cause) -> InForce | None:
        """Return the version that an incident's response is, or was last, under."""
        known = decider.there(await self.incidents.state(incident_id))
        if known is None or not known.response.plan_id:
            return None
        response = known.response
        state = await self._state(response.plan_id, cause)
        return plan.version(response.plan_id, state, response.plan_version)

    async def _state(self, plan_id: str, cause: Cause) -> plan.State:
        try:
            return await self.plans.state(plan_id, cause)
        except Rejection as refused:
            if refused.reason != "EXERCISE_MISMATCH" or not cause.exercise:
                raise
            return await self.plans.state(plan_id, replace(cause, exercise=""))
