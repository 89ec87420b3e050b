"""Incidents as command keeps them, for what shelters and supplies tell of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import uuid4

from services.command.domain.incident import decider, needs
from services.command.policies.merging import Incidents, finish_merge
from services.command.policies.sheltering import Sheltering
from services.runtime.cause import Cause
from tests.command.incidents import LI, NOW, open_
from tests.command.linked import begin


@dataclass
class Shelters:
    """Incidents as command keeps them, and what a shelter's stream told of."""

    incidents: Incidents
    sheltering: Sheltering

    async def incident(self, exercise: str = "") -> str:
        incident_id = str(uuid4())
        command = replace(open_, incident_id=incident_id)
        await self.incidents.handle(incident_id, command, cause(incident_id, exercise))
        return incident_id

    async def merge(self, incident_id: str, into: str) -> None:
        told = cause(incident_id)
        command = replace(begin, incident_id=incident_id, into=into)
        await self.incidents.handle(incident_id, command, told)
        await finish_merge(self.incidents, incident_id, NOW, told)

    async def needs(self, incident_id: str) -> dict[str, needs.Need]:
        was = decider.there(await self.incidents.state(incident_id))
        assert was is not None
        return dict(was.needs.needs)


def cause(incident_id: str, exercise: str = "") -> Cause:
    asked = uuid4()
    return Cause(
        command_id=asked,
        causation_id=str(asked),
        correlation_id=incident_id,
        actor=LI,
        exercise=exercise,
    )
