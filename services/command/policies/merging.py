"""Whenever a merge is begun it comes to its end, and nobody ends up as their own parent.

The incident that goes has its intent on its own stream and can be changed by nobody from then on.
Its way leads from one incident that was merged to the next, up to the one that goes on; that one
takes everything over in one append.  Every step can be repeated by anybody, at the same time if
need be: what was taken over once is never taken over again, for whoever looks for it finds it on
that way.  Where the way leads in a circle, because several were merged into each other at the same
moment, all who look see the same circle and bring the same one of it back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from services.command.domain.incident import deadline_rules, decider, links, merge
from services.runtime.actor import NATION, Actor
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler, Written
from services.runtime.rejection import Rejection, Unavailable

Incidents = CommandHandler[decider.Command, decider.State, decider.Event]

MERGED, CLOSED = "INCIDENT_MERGED", "INCIDENT_CLOSED"
CYCLE = "LINK_CYCLE"
TRIES = 8
"""More would be somebody who merges, each time, the incident that was just found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where an incident that was merged leads: to its ``end``, unless it leads in a ``ring``.

    The end has taken the incident over already where it has ``arrived``.
    """

    end: str = ""
    arrived: bool = False
    ring: tuple[str, ...] = ()


def entailed(cause: Cause) -> Actor:
    """Return who does what their act entails: allowed where the act was, wherever it leads."""
    return replace(cause.actor, jurisdiction=NATION)


async def finish_merge(
    incidents: Incidents, incident_id: str, at: datetime, cause: Cause
) -> tuple[str, Written]:
    """Bring a merge that was begun to its end; return who goes on, and where the incident stands.

    The incident itself goes on where the other was merged into it in the same moment.
    """
    for _ in range(TRIES):
        source = await incidents.state(incident_id)
        into = source.into if isinstance(source, decider.Merged) else incident_id
        if not isinstance(source, decider.Merged) or source.concluded:
            break
        way = await _way(incidents, incident_id, into)
        if way.ring:
            await _break(incidents, way.ring, at, cause)
        elif way.arrived or await _absorbed(incidents, source.was, way.end, at, cause):
            into = way.end
            break
    else:
        raise under_way(incident_id)
    await untangle(incidents, into, at, cause)
    conclude = merge.ConcludeMerge(  # what came back, or was told, is told nothing
        by=entailed(cause), incident_id=incident_id, into=into, occurred_at=at
    )
    step = cause.step(f"command.conclude_merge.{incident_id}").about(incident_id)
    return into, await incidents.handle(incident_id, conclude, step)


async def going_on(incidents: Incidents, incident_id: str) -> str:
    """Return the incident that goes on in place of one that was merged."""
    found = await _end(incidents, incident_id)
    if not found:
        raise under_way(incident_id)
    return found


async def ancestors(incidents: Incidents, incident_id: str) -> tuple[str, ...]:
    """Return the parent of an incident, its parent, and so on; each as it goes on.

    The incident itself is among them, as the last, if it lies within itself.
    """
    found: list[str] = []
    here = incident_id
    while True:
        was = decider.there(await incidents.state(here))
        if was is None or not was.links.parent:
            return tuple(found)
        here = await _end(incidents, was.links.parent)
        if not here or here in found:
            return tuple(found)
        found.append(here)
        if here == incident_id:
            return tuple(found)


async def untangle(incidents: Incidents, incident_id: str, at: datetime, cause: Cause) -> None:
    """Part an incident from its parent if that lies, by what others did meanwhile, within it."""
    state = await incidents.state(incident_id)
    if not isinstance(state, decider.Open) or not state.links.parent:
        return
    if incident_id in await ancestors(incidents, incident_id):
        unlink = links.UnlinkIncident(
            by=entailed(cause),
            incident_id=incident_id,
            other_id=state.links.parent,
            kind=links.Kind.PARENT,
            reason=CYCLE,
            occurred_at=at,
        )
        step = cause.step(f"command.untangle.{incident_id}").about(incident_id)
        try:
            await incidents.handle(incident_id, unlink, step)
        except Rejection as refusal:  # it has ended since
            if refusal.reason not in {MERGED, CLOSED}:
                raise


async def _end(incidents: Incidents, incident_id: str) -> str:
    """Return who goes on in place of an incident; nobody yet where its way leads in a ring."""
    here, seen = incident_id, set[str]()
    while isinstance(state := await incidents.state(here), decider.Merged):
        if here in seen:
            return ""
        seen.add(here)
        here = state.into
    return here


async def _way(incidents: Incidents, incident_id: str, into: str) -> Way:
    path = [incident_id]
    here = into
    while True:
        if here in path:
            return Way(ring=tuple(path[path.index(here) :]))
        state = await incidents.state(here)
        was = decider.there(state)
        if was is not None and incident_id in was.merges.replaced:
            return Way(end=here, arrived=True)
        if not isinstance(state, decider.Merged):
            return Way(end=here)
        path.append(here)
        here = state.into


async def _absorbed(
    incidents: Incidents, was: decider.Open, end: str, at: datetime, cause: Cause
) -> bool:
    """Let ``end`` take an incident over; tell whether it did, and was not merged itself."""
    command = merge.AbsorbIncident(
        by=entailed(cause),
        incident_id=end,
        brought=await _brought(incidents, was, end),
        occurred_at=at,
    )
    try:
        step = cause.step(f"command.absorb.{was.incident_id}.{end}").about(end)
        await incidents.handle(end, command, step)
    except Rejection as refusal:
        if refusal.reason != MERGED:
            raise
        return False
    return True


async def _break(incidents: Incidents, ring: tuple[str, ...], at: datetime, cause: Cause) -> None:
    """Bring back whoever all who look at a ring agree on; it takes over the others."""
    states = {key: await incidents.state(key) for key in ring}
    members = {key: state.was for key, state in states.items() if isinstance(state, decider.Merged)}
    if len(members) < len(ring):  # somebody has brought one back
        return
    winner, others = merge.ring_winner({key: was.merges for key, was in members.items()})
    command = merge.BreakRing(
        by=entailed(cause),
        incident_id=winner,
        brought=tuple([await _brought(incidents, members[key], winner) for key in others]),
        occurred_at=at,
    )
    await incidents.handle(
        winner, command, cause.step(f"command.break_ring.{winner}").about(winner)
    )


async def _brought(incidents: Incidents, was: decider.Open, end: str) -> merge.Brought:
    """Return what goes over; a parent too, unless that lies within ``end``."""
    parent = was.links.parent
    if parent:
        parent = await _end(incidents, parent)
        if not parent or end in {parent, *await ancestors(incidents, parent)}:
            parent = ""
    brought = merge.bring(
        was.incident_id, was.reported_at, was.reports, was.merges, decider.holdings(was)
    )
    return replace(
        brought,
        parent=parent,
        related=tuple(sorted(was.links.related)),
        decisions=tuple(sorted(was.decisions.made)),
        clocks=deadline_rules.handed_over(was.deadlines),
    )


def under_way(incident_id: str) -> Unavailable:
    """Return what is said while it is not settled yet which of several merged incidents goes on."""
    return Unavailable(
        "MERGE_UNDER_WAY", f"incident {incident_id} is being merged: try again in a moment"
    )
