"""What of an incident is under way: read from rows that know all that was begun so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from services.dispatch import codec
from services.dispatch.projections.roll_calls import RUNNING
from services.dispatch.projections.tables import AID, ASSIGNMENTS, CLOSED, ROLL_CALLS, WITHDRAWALS
from services.runtime.decider import Decider
from services.runtime.readmodel import ReadModel
from services.runtime.store import EventStore


@dataclass(frozen=True, slots=True)
class OpenWork:
    store: EventStore
    model: ReadModel

    async def assignments(self, incident_id: str) -> list[str]:
        column = ASSIGNMENTS.c
        statement = select(column.assignment_id).where(
            column.incident_id == incident_id, column.rank < CLOSED
        )
        async with self.model.read(min_position=await self._end(codec.ASSIGNMENT)) as (rows, _):
            return list(await rows.scalars(statement))

    async def aid(self, incident_id: str) -> list[str]:
        statement = select(AID.c.aid_id).where(
            AID.c.incident_id == incident_id, AID.c.rank < CLOSED
        )
        async with self.model.read(min_position=await self._end(codec.AID)) as (rows, _):
            return list(await rows.scalars(statement))

    async def roll_calls(self, incident_id: str) -> list[str]:
        column = ROLL_CALLS.c
        statement = select(column.roll_call_id).where(
            column.incident_id == incident_id, column.state == RUNNING
        )
        async with self.model.read(min_position=await self._end(codec.ROLL_CALL)) as (rows, _):
            return list(await rows.scalars(statement))

    async def withdrawals(self, incident_id: str) -> list[str]:
        """Return every order for it: whether somebody is still in is asked of each."""
        statement = select(WITHDRAWALS.c.withdrawal_id).where(
            WITHDRAWALS.c.incident_id == incident_id
        )
        async with self.model.read(min_position=await self._end(codec.WITHDRAWAL)) as (rows, _):
            return list(await rows.scalars(statement))

    async def _end(self, decider: Decider[Any, Any, Any]) -> int:
        return await self.store.last_before([decider.category], None)
