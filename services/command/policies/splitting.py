"""Whenever a split is begun the new incident is opened, and the old one told which it is."""

from __future__ import annotations

from services.command.domain.incident import decider, split
from services.command.policies.merging import Incidents, entailed
from services.runtime.cause import Cause
from services.runtime.handle import Written, derived_id
from services.runtime.rejection import AlreadyExists


async def finish_split(
    incidents: Incidents, begun: split.SplitBegun, cause: Cause
) -> tuple[str, Written]:
    """Open the incident that was split off; return its id and where the old one stands then.

    Whoever took the chosen id in the same moment keeps it: the incident then gets another.
    """
    chosen = begun.new_incident_id
    new_incident_id = chosen
    try:
        await _open(incidents, new_incident_id, begun, cause)
    except AlreadyExists:
        new_incident_id = derived_id(str(cause.command_id), f"split.{chosen}")
        await _open(incidents, new_incident_id, begun, cause)
    conclude = split.ConcludeSplit(
        by=entailed(cause),
        incident_id=begun.incident_id,
        new_incident_id=chosen,
        into=new_incident_id,
        occurred_at=begun.occurred_at,
    )
    step = cause.step(f"command.conclude_split.{chosen}").about(begun.incident_id)
    return new_incident_id, await incidents.handle(begun.incident_id, conclude, step)


async def resume_split(
    incidents: Incidents, incident_id: str, new_incident_id: str, cause: Cause
) -> None:
    """Bring a split to its end that somebody may have left behind."""
    was = decider.there(await incidents.state(incident_id))
    begun = None if was is None else was.splits.begun.get(new_incident_id)
    if begun is not None:
        await finish_split(incidents, begun, cause)


async def _open(
    incidents: Incidents, new_incident_id: str, begun: split.SplitBegun, cause: Cause
) -> None:
    command = split.OpenSplit(
        by=entailed(cause),
        incident_id=new_incident_id,
        begun=begun,
        occurred_at=begun.occurred_at,
    )
    step = cause.step(f"command.open_split.{new_incident_id}").about(new_incident_id)
    await incidents.handle(new_incident_id, command, step)
