"""Whenever an incident is merged its open work follows, and of a split what the split names.

Its work: assignments, mutual aid, roll calls, orders to withdraw.  News of a merge find what was
begun before them.  What is begun at an incident whose merge dispatch has not heard of yet is found
when its own news come round, and so is what was moved to an incident that was merged in the
meantime; who asks for a unit there is found when the unit is held.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from anlan.events.v1 import accountability_events_pb2 as accountability_pb
from anlan.events.v1 import aid_events_pb2 as aid_pb
from anlan.events.v1 import assignment_events_pb2 as assignment_pb
from anlan.events.v1 import link_events_pb2 as pb
from anlan.events.v1 import unit_events_pb2 as unit_pb
from services.dispatch.domain import assignment, incident_ref
from services.dispatch.domain.aid.commands import MoveAid
from services.dispatch.domain.roll_call import MoveRollCall
from services.dispatch.domain.withdrawal import MoveWithdrawal
from services.dispatch.policies.clocks import RollCalls
from services.dispatch.policies.lending import Aids
from services.dispatch.policies.open_work import OpenWork
from services.dispatch.policies.releasing import Assignments
from services.dispatch.policies.withdrawing import Withdrawals
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.recorded import Recorded
from services.runtime.times import from_proto

MOVED_SUBJECTS = ["anlan.*.assignment.AssignmentMoved.>"]
AID_SUBJECTS = [
    f"anlan.*.aid_request.{name}.>" for name in ("AidRequested", "AidOffered", "AidMoved")
]
ROLL_CALL_SUBJECTS = [
    f"anlan.*.roll_call.{name}.>" for name in ("RollCallStarted", "RollCallMoved")
]
ROLL_CALLS: dict[str, Any] = {
    "anlan.events.v1.RollCallStarted": accountability_pb.RollCallStarted,
    "anlan.events.v1.RollCallMoved": accountability_pb.RollCallMoved,
}
WITHDRAWALS: dict[str, Any] = {
    "anlan.events.v1.WithdrawalOrdered": accountability_pb.WithdrawalOrdered,
    "anlan.events.v1.WithdrawalMoved": accountability_pb.WithdrawalMoved,
}
AIDS: dict[str, Any] = {
    "anlan.events.v1.AidRequested": aid_pb.AidRequested,
    "anlan.events.v1.AidOffered": aid_pb.AidOffered,
    "anlan.events.v1.AidMoved": aid_pb.AidMoved,
}

Refs = CommandHandler[incident_ref.Command, incident_ref.State, incident_ref.Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    assignments: Assignments
    aids: Aids
    roll_calls: RollCalls
    withdrawals: Withdrawals
    refs: Refs
    work: OpenWork

    async def on_incident(self, event: Recorded) -> None:
        """React to an incident that was merged, when that is noted, or split."""
        match event.type:
            case "anlan.events.v1.IncidentMerged":
                merged = pb.IncidentMerged.FromString(event.data)
                about, into = merged.incident_id, merged.into_incident_id
                at = from_proto(merged.occur_time)
                await self._move(event, await self.work.assignments(about), {about}, into, at)
                for roll_call_id in await self.work.roll_calls(about):
                    await self._move_roll_call(event, roll_call_id, about, into, at)
                for withdrawal_id in await self.work.withdrawals(about):
                    await self._move_withdrawal(event, withdrawal_id, about, into, at)
                for aid_id in await self.work.aid(about):
                    await self._move_aid(event, aid_id, about, into, at)
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

    async def on_moved(self, event: Recorded) -> None:
        """React to an assignment that was moved to what had been merged by then."""
        moved = assignment_pb.AssignmentMoved.FromString(event.data)
        if way := await self._way(moved.incident_id):
            at = from_proto(moved.occur_time)
            await self._move(event, [moved.assignment_id], {moved.incident_id}, way[-1], at)

    async def on_aid(self, event: Recorded) -> None:
        """React to aid that was asked or offered before anybody here had heard of the merge."""
        said = AIDS[event.type].FromString(event.data)
        if way := await self._way(said.incident_id):
            at = from_proto(said.occur_time)
            await self._move_aid(event, said.aid_id, said.incident_id, way[-1], at)

    async def on_roll_call(self, event: Recorded) -> None:
        """React to a roll that was called before anybody here had heard of the merge."""
        said = ROLL_CALLS[event.type].FromString(event.data)
        if way := await self._way(said.incident_id):
            at = from_proto(said.occur_time)
            await self._move_roll_call(event, said.roll_call_id, said.incident_id, way[-1], at)

    async def on_withdrawal(self, event: Recorded) -> None:
        """React to an order that was given before anybody here had heard of the merge."""
        said = WITHDRAWALS[event.type].FromString(event.data)
        if way := await self._way(said.incident_id):
            at = from_proto(said.occur_time)
            await self._move_withdrawal(event, said.withdrawal_id, said.incident_id, way[-1], at)

    async def _move(
        self,
        event: Recorded,
        assignment_ids: Collection[str],
        sources: Collection[str],
        into: str,
        at: datetime,
    ) -> None:
        incident_id = await self._last(into)
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
        self, event: Recorded, aid_id: str, source: str, into: str, at: datetime
    ) -> None:
        incident_id = await self._last(into)
        command = MoveAid(
            aid_id=aid_id,
            sources=frozenset({source}) - {incident_id},
            incident_id=incident_id,
            occurred_at=at,
        )
        cause = Cause.reaction(event, f"dispatch.move_aid.{aid_id}")
        await self.aids.handle(aid_id, command, cause.about(incident_id))

    async def _move_roll_call(
        self, event: Recorded, roll_call_id: str, source: str, into: str, at: datetime
    ) -> None:
        incident_id = await self._last(into)
        command = MoveRollCall(
            roll_call_id=roll_call_id,
            sources=frozenset({source}) - {incident_id},
            incident_id=incident_id,
            occurred_at=at,
        )
        cause = Cause.reaction(event, f"dispatch.move_roll_call.{roll_call_id}")
        await self.roll_calls.handle(roll_call_id, command, cause.about(incident_id))

    async def _move_withdrawal(
        self, event: Recorded, withdrawal_id: str, source: str, into: str, at: datetime
    ) -> None:
        incident_id = await self._last(into)
        command = MoveWithdrawal(
            withdrawal_id=withdrawal_id,
            sources=frozenset({source}) - {incident_id},
            incident_id=incident_id,
            still_in=await self._still_in(withdrawal_id, {source, *await self._way(source)}),
            occurred_at=at,
        )
        cause = Cause.reaction(event, f"dispatch.move_withdrawal.{withdrawal_id}")
        await self.withdrawals.handle(withdrawal_id, command, cause.about(incident_id))

    async def _still_in(self, withdrawal_id: str, incidents: Collection[str]) -> tuple[str, ...]:
        """Return whom an order covers and who has not left the incident yet."""
        order = await self.withdrawals.state(withdrawal_id)
        found = []
        for assignment_id in () if order is None else order.assignment_ids:
            state = await self.assignments.state(assignment_id)
            if state is None or isinstance(state, assignment.Over):
                continue
            if state.order.incident_id in incidents:
                found.append(assignment_id)
        return tuple(found)

    async def _last(self, incident_id: str) -> str:
        """Return the incident that goes on."""
        return [incident_id, *await self._way(incident_id)][-1]

    async def _way(self, incident_id: str) -> list[str]:
        """Return the incidents that have replaced one, the one that goes on last."""
        way: list[str] = []
        here = incident_id
        while (into := (await self.refs.state(here)).into) and into not in way:
            way.append(into)
            here = into
        return way
