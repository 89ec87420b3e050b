"""How every request about an incident becomes a command on its stream."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from services.command.domain.incident import decider, transfer
from services.command.projections.incidents import INCIDENTS
from services.runtime import call
from services.runtime.handle import CommandHandler, Written
from services.runtime.readmodel import ReadModel

Incidents = CommandHandler[decider.Command, decider.State, decider.Event]

ROWS_LOOKED_AT, ROWS_FOLLOW_S = 5, 0.5


async def act(incidents: Incidents, request: Any, command: decider.Act) -> Written:
    cause = call.current().cause(request.request_id, command.incident_id)
    return await incidents.handle(command.incident_id, command, cause, etag=request.etag)


async def commands_from(
    incidents: Incidents, command: transfer.AcceptTransfer | transfer.TakeCommand, written: Written
) -> datetime | None:
    """Return from when on the caller commands, once ``command`` was obeyed."""
    if isinstance(written.event, transfer.CommandTransferred | transfer.CommandTaken):
        return written.event.effective_at
    known = decider.there(await incidents.glimpse(command.incident_id))
    tenures = () if known is None else known.post.succession.tenures
    own = [tenure.since for tenure in tenures if tenure.commander == command.by.subject]
    return own[-1] if own else None


async def waiting_transfer(incidents: Incidents, incident_id: str, proposed: str) -> str:
    """Return the id of the transfer that waits, where ``proposed`` says no more than it does."""
    known = decider.there(await incidents.glimpse(incident_id))
    pending = known.post.handover.pending if known is not None else None
    return pending.transfer_id if pending is not None else proposed


async def row_follows(model: ReadModel, incidents: Incidents, request: Any) -> bool:
    """Let the rows catch up with an incident that was opened a moment ago; tell if they did.

    Nobody shall hear that there is no such incident of one that there is.
    """
    if request.read.WhichOneof("as_of"):
        return False
    there = select(INCIDENTS.c.position).where(INCIDENTS.c.incident_id == request.incident_id)
    for _ in range(ROWS_LOOKED_AT):
        async with model.read() as (connection, seen):
            if await connection.scalar(there) is not None:
                return True
        if await incidents.glimpse(request.incident_id) is None:
            return False
        await model.advanced(seen.position, ROWS_FOLLOW_S)
    return False
