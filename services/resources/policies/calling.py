"""Whenever an incident ends or is merged, whoever is called up for it hears of it.

A merge takes the call-ups of experts and forces along.  A closing lets the experts go; a force
stays called up, marked as outlasting its incident, until a person says that it is home.  A call-up
that was written while the news was on its way is settled when its own public event comes round, and
so is one that was moved or marked, since the incident that it came to may be over as well: in any
order, what stands at last is what was heard last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, select

from anlan.events.v1 import expert_events_pb2 as expert_pb
from anlan.events.v1 import force_events_pb2 as force_pb
from anlan.events.v1 import incident_events_pb2 as incident_pb
from anlan.events.v1 import link_events_pb2 as link_pb
from services.resources import codec
from services.resources.domain import ended_incident, expert, force
from services.resources.domain.ended_incident import Heard
from services.resources.projections import tables
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.readmodel import ReadModel
from services.runtime.recorded import Recorded
from services.runtime.settlement import Delivered
from services.runtime.store import EventStore
from services.runtime.times import from_proto

PACKAGE = "anlan.events.v1."
OF_EXPERTS: dict[str, Any] = {
    "ExpertCalledUp": expert_pb.ExpertCalledUp,
    "ExpertCallUpMoved": expert_pb.ExpertCallUpMoved,
}
OF_FORCES: dict[str, Any] = {
    "ForceCalledUp": force_pb.ForceCalledUp,
    "ForceCallUpMoved": force_pb.ForceCallUpMoved,
    "ForceCallUpOutlasted": force_pb.ForceCallUpOutlasted,
    "ForceCallUpResumed": force_pb.ForceCallUpResumed,
}
INCIDENT_SUBJECTS = [
    "anlan.*.incident.IncidentClosed.>",
    "anlan.*.incident.IncidentReopened.>",
    "anlan.*.incident.IncidentMerged.>",
]
CALL_UP_SUBJECTS = [
    *(f"anlan.*.expert.{name}.>" for name in OF_EXPERTS),
    *(f"anlan.*.force.{name}.>" for name in OF_FORCES),
]
CLOSED = "事件已关闭"

Experts = CommandHandler[expert.Command, expert.State, expert.Event]
Forces = CommandHandler[force.Command, force.State, force.Event]


@dataclass(frozen=True, slots=True)
class Ended:
    """Which incidents are known to be over."""

    refs: CommandHandler[ended_incident.Command, ended_incident.State, ended_incident.Event]

    async def heard(self, incident_id: str, cause: Cause) -> Heard:
        """Return what was heard of an incident, ``into`` being the last of those it became.

        Raises EXERCISE_MISMATCH for one that ended in another exercise, or in earnest.
        """
        heard = await self.refs.state(incident_id, cause)
        way = [incident_id]
        last = heard
        while last.into and last.into not in way:
            way.append(last.into)
            last = await self.refs.state(last.into, cause)
        return replace(heard, into=way[-1]) if heard.into else heard


@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    store: EventStore
    model: ReadModel
    experts: Experts
    forces: Forces
    ended: Ended

    async def on_incident(self, delivered: Delivered) -> None:
        """React to an incident that ended, goes on, or was merged."""
        event = delivered.event
        if (command := noted(event)) is None:
            return
        about, at = command.incident_id, command.occurred_at
        cause = Cause.reaction(event, "resources.on_incident_end")
        await self.ended.refs.handle(about, command, cause)
        # Who is listed was called up before what is known of the incident is read.
        exercise = event.metadata.get("exercise", "")
        serving = tables.experts.c.incident_id == about
        for expert_id in await self._serving(codec.EXPERT, tables.experts, serving, exercise):
            await self._settle_expert(event, expert_id, at)
        serving = tables.serves(about)
        for force_id in await self._serving(codec.FORCE, tables.forces, serving, exercise):
            await self._settle_force(event, force_id, at)

    async def on_call_up(self, delivered: Delivered) -> None:
        """React to a call-up that began, moved or was marked before the newest was heard."""
        event = delivered.event
        name = event.type.removeprefix(PACKAGE)
        if name in OF_EXPERTS:
            told = OF_EXPERTS[name].FromString(event.data)
            await self._settle_expert(event, told.expert_id, from_proto(told.occur_time))
        elif name in OF_FORCES:
            told = OF_FORCES[name].FromString(event.data)
            await self._settle_force(event, told.force_id, from_proto(told.occur_time))

    async def _settle_expert(self, event: Recorded, expert_id: str, at: datetime) -> None:
        state = await self.experts.state(expert_id)
        if state is None or (call := state.running) is None:
            return
        about, call_up_id = call.incident_id, call.called.call_up_id
        at = max(at, call.called.occurred_at)
        heard = await self._heard(event, about)
        step = f"{expert_id}.{call_up_id}"
        if into := heard.into:
            move = expert.MoveExpertCallUp(
                expert_id=expert_id,
                call_up_id=call_up_id,
                source=about,
                incident_id=into,
                occurred_at=at,
            )
            cause = Cause.reaction(event, f"resources.move_expert.{step}.{into}").about(into)
            await self.experts.handle(expert_id, move, cause)
        elif heard.over:
            end = expert.EndExpertCallUp(
                expert_id=expert_id,
                call_up_id=call_up_id,
                incident_id=about,
                reason=CLOSED,
                occurred_at=at,
            )
            cause = Cause.reaction(event, f"resources.end_expert.{step}").about(about)
            await self.experts.handle(expert_id, end, cause)

    async def _settle_force(self, event: Recorded, force_id: str, at: datetime) -> None:
        state = await self.forces.state(force_id)
        for call in state.call_ups.values() if state is not None else ():
            if call.runs:
                await self._settle_call_up(event, force_id, call, max(at, call.called_at))

    async def _settle_call_up(
        self, event: Recorded, force_id: str, call: force.CallUp, at: datetime
    ) -> None:
        about, call_up_id = call.incident_id, call.call_up_id
        heard = await self._heard(event, about)
        step = f"{force_id}.{call_up_id}"
        if into := heard.into:
            move = force.MoveForceCallUp(
                force_id=force_id,
                call_up_id=call_up_id,
                source=about,
                incident_id=into,
                occurred_at=at,
            )
            cause = Cause.reaction(event, f"resources.move_force.{step}.{into}").about(into)
            await self.forces.handle(force_id, move, cause)
        else:
            mark = force.MarkForceCallUp(
                force_id=force_id,
                call_up_id=call_up_id,
                incident_id=about,
                over=heard.over,
                occurred_at=at,
            )
            cause = Cause.reaction(event, f"resources.mark_force.{step}.{heard.over}").about(about)
            await self.forces.handle(force_id, mark, cause)

    async def _heard(self, event: Recorded, incident_id: str) -> Heard:
        cause = Cause.reaction(event, "resources.on_incident_end")
        return await self.ended.heard(incident_id, cause)

    async def _serving(
        self, decider: Any, table: Table, serving: ColumnElement[bool], exercise: str
    ) -> Iterable[str]:
        """Return who is called up for an incident, whoever was called last."""
        known = await self.store.last_before([decider.category], None)
        [key] = table.primary_key.columns
        statement = select(key).where(serving, table.c.exercise == exercise).order_by(key)
        async with self.model.read(min_position=known) as (connection, _):
            return list(await connection.scalars(statement))


def noted(event: Recorded) -> ended_incident.Command | None:
    """Return what resources notes of a public event."""
    match event.type:
        case "anlan.events.v1.IncidentClosed":
            closed = incident_pb.IncidentClosed.FromString(event.data)
            return ended_incident.NoteEnd(
                incident_id=closed.incident_id,
                version=event.revision,
                occurred_at=from_proto(closed.occur_time),
            )
        case "anlan.events.v1.IncidentReopened":
            reopened = incident_pb.IncidentReopened.FromString(event.data)
            return ended_incident.NoteResumption(
                incident_id=reopened.incident_id,
                version=event.revision,
                occurred_at=from_proto(reopened.occur_time),
            )
        case "anlan.events.v1.IncidentMerged":
            merged = link_pb.IncidentMerged.FromString(event.data)
            return ended_incident.NoteReplacement(
                incident_id=merged.incident_id,
                into=merged.into_incident_id,
                version=event.revision,
                occurred_at=from_proto(merged.occur_time),
            )
        case _:
            return None
