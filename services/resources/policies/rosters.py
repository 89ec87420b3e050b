"""What time brings by itself: shifts that begin and end, rest that is over, papers that expire.

In earnest only: an exercise tells its own time, and people say there when a shift begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection, select

from services.resources.domain.unit_roster import KeepTime
from services.resources.policies.holds import Units
from services.resources.projections.tables import units
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.handle import Written
from services.runtime.readmodel import ReadModel
from services.runtime.times import of_micros


@dataclass(frozen=True, slots=True)
class Turns:
    units: Units
    model: ReadModel
    now: Callable[[], datetime]

    def next_due(self, connection: Connection) -> tuple[datetime, str] | None:
        column = units.c
        query = (
            select(column.next_turn, column.unit_id)
            .where(column.next_turn.is_not(None), column.exercise == "")
            .order_by(column.next_turn, column.unit_id)
            .limit(1)
        )
        row = connection.execute(query).first()
        due = None if row is None else of_micros(row.next_turn)
        return None if row is None or due is None else (due, row.unit_id)

    async def ring(self, unit_id: str, due: datetime) -> Written:
        async with self.model.read() as (connection, _):
            query = select(units.c.adcode).where(units.c.unit_id == unit_id)
            row = (await connection.execute(query)).one()
        turn = f"/anlan/resources/unit/{unit_id}/turn/{due.isoformat()}"
        command_id = uuid5(NAMESPACE_URL, turn)
        cause = Cause(
            command_id=command_id,
            causation_id=str(command_id),
            correlation_id=unit_id,
            actor=Actor(subject="resources", roles=("service",), jurisdiction=row.adcode),
        )
        return await self.units.handle(unit_id, KeepTime(unit_id=unit_id, now=self.now()), cause)
