"""How every request about an incident becomes a command on its stream."""

from __future__ import annotations

from typing import Any

from services.command.domain.incident import decider
from services.runtime import call
from services.runtime.handle import CommandHandler, Written

Incidents = CommandHandler[decider.Command, decider.State, decider.Event]


async def act(incidents: Incidents, request: Any, command: decider.Act) -> Written:
    cause = call.current().cause(request.request_id, command.incident_id)
    return await incidents.handle(command.incident_id, command, cause, etag=request.etag)
