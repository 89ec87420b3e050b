"""Whenever an incident is merged or split its assignments follow, and its mutual aid a merge.

News of a merge find what was asked for before them.  Who asks for a unit at an incident whose merge
dispatch has not heard of yet is found when the unit is held; who asks for aid, when that is told.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from anlan.events.v1 import aid_events_pb2 as aid_pb
from anlan.events.v1 import link_events_pb2 as pb
from anlan.events.v1 import unit_events_pb2 as unit_pb
from services.dispatch import codec
from services.dispatch.domain import assignment, incident_ref
from services.dispatch.domain.aid.commands import MoveAid
from services.dispatch.policies.lending import Aids
from services.dispatch.policies.releasing import Assignments
from services.dispatch.projections.tables import AID, ASSIGNMENTS, CLOSED
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.readmodel import ReadModel
from services.runtime.recorded import Recorded
from services.runtime.store import EventStore
from services.runtime.times import from_proto

AID_SUBJECTS = [f"anlan.*.aid_request.{name}.>" for name in ("AidRequested", "AidOffered")]

Refs = CommandHandler[incident_ref.Command, incident_ref.State, incident_ref.Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    store: EventStore
    assignments: Assignments
    aids: Aids
    refs: Refs
    model: ReadModel

    async def on_incident(self, event: Recorded) -> None:
        """React to an incident that was merged, when that is noted, or split."""
        match event.type:
            case "anlan.events.v1.IncidentMerged":
                merged = pb.IncidentMerged.FromString(event.data)
                about, into = merged.incident_id, merged.into_incident_id
                at = from_proto(merged.occur_time)
                await self._move(event, await self._open(about), {about}, into, at)
                await self._move_aid(event, await self._open_aid(about), about, into, at)
            case "anlan.events.v1.IncidentSplit":
                split = pb.IncidentSplit.FromString(event.data)
                about, into = split.incident_id, split.new_incident_id
                sources = {about, *await self._way(about)}  # it may have been merged since
                at = from_proto(split.occur_time)
                await self._move(event, split.assignment_ids, sources, into, at)

    async def on_hold(self, event: Recorded) -> None:
        """React to a hold for somebody who had not heard yet that the incident was merged."""
        hold = unit_pb.UnitReserved.FromString(event.data)
        state = await self.assignments.glimpse(hold.holder)
        if state is None or isinstance(state, assignment.Over):
            return
        about = state.order.incident_id
        if way := await self._way(about):
            at = from_proto(hold.occur_time)
            await self._move(event, [hold.holder], {about}, way[-1], at)

    async def on_aid(self, event: Recorded) -> None:
        """React to aid that was asked or offered before anybody here had heard of the merge."""
        match event.type:
            case "anlan.events.v1.AidRequested":
                asked: aid_pb.AidRequested | aid_pb.AidOffered
                asked = aid_pb.AidRequested.FromString(event.data)
            case "anlan.events.v1.AidOffered":
                asked = aid_pb.AidOffered.FromString(event.data)
            case _:
                return
        if way := await self._way(asked.incident_id):
            at = from_proto(asked.occur_time)
            await self._move_aid(event, [asked.aid_id], asked.incident_id, way[-1], at)

    async def _move(
        self,
        event: Recorded,
        assignment_ids: Collection[str],
        sources: Collection[str],
        into: str,
        at: datetime,
    ) -> None:
        incident_id = [into, *await self._way(into)][-1]
        for assignment_id in assignment_ids:
            if await self.assignments.state(assignment_id) is None:
                continue  # somebody mistook its id
            command = assignment.MoveAssignment(
                assignment_id=assignment_id,
                sources=frozenset(sources) - {incident_id},
                incident_id=incident_id,
                occurred_at=at,
            )
            cause = Cause.reaction(event, f"dispatch.move_assignment.{assignment_id}")
            await self.assignments.handle(assignment_id, command, cause.about(incident_id))

    async def _move_aid(
        self, event: Recorded, aid_ids: Collection[str], source: str, into: str, at: datetime
    ) -> None:
        incident_id = [into, *await self._way(into)][-1]
        for aid_id in aid_ids:
            command = MoveAid(
                aid_id=aid_id,
                sources=frozenset({source}) - {incident_id},
                incident_id=incident_id,
                occurred_at=at,
            )
            cause = Cause.reaction(event, f"dispatch.move_aid.{aid_id}")
            await self.aids.handle(aid_id, command, cause.about(incident_id))

    async def _way(self, incident_id: str) -> list[str]:
        """Return the incidents that have replaced one, the one that goes on last."""
        way: list[str] = []
        here = incident_id
        while (into := (await self.refs.state(here)).into) and into not in way:
            way.append(into)
            here = into
        return way

    async def _open(self, incident_id: str) -> list[str]:
        """Return the assignments of an incident that are not over, whoever asked last."""
        known = await self.store.last_before([codec.ASSIGNMENT.category], None)
        column = ASSIGNMENTS.c
        statement = select(column.assignment_id).where(
            column.incident_id == incident_id, column.rank < CLOSED
        )
        async with self.model.read(min_position=known) as (connection, _):
            return list(await connection.scalars(statement))

    async def _open_aid(self, incident_id: str) -> list[str]:
        """Return the aid for an incident that is not over, whoever asked last."""
        known = await self.store.last_before([codec.AID.category], None)
        statement = select(AID.c.aid_id).where(
            AID.c.incident_id == incident_id, AID.c.rank < CLOSED
        )
        async with self.model.read(min_position=known) as (connection, _):
            return list(await connection.scalars(statement))
