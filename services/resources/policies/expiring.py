"""What follows by itself from the passing of days: lots that are past their last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection, not_, select

from services.resources.domain.lots import CHINA, day_of
from services.resources.domain.stock_commands import ExpireLots
from services.resources.policies.shipping import Stocks, stock_key
from services.resources.projections.tables import depots, lots
from services.runtime.actor import NATION, Actor
from services.runtime.cause import Cause
from services.runtime.handle import Written
from services.runtime.readmodel import ReadModel
from services.runtime.times import to_ms


@dataclass(frozen=True, slots=True)
class Expiring:
    """Puts on record that what is left of a lot may be used no longer.

    Only in earnest: what a drill calls today is not what the wall says.
    """

    stocks: Stocks
    model: ReadModel
    now: Callable[[], datetime]

    def next_due(self, connection: Connection) -> tuple[datetime, str] | None:
        row = connection.execute(
            select(lots.c.expires_on, lots.c.depot_id, lots.c.item)
            .where(not_(lots.c.expired), lots.c.expires_on.is_not(None), lots.c.exercise == "")
            .order_by(lots.c.expires_on, lots.c.depot_id, lots.c.item)
            .limit(1)
        ).first()
        if row is None:
            return None
        day_after = date.fromisoformat(row.expires_on) + timedelta(days=1)
        return datetime.combine(day_after, time(), CHINA), stock_key(row.depot_id, row.item)

    async def ring(self, key: str, due: datetime) -> Written:
        depot_id, _, item = key.partition(".")
        async with self.model.read() as (connection, _):
            query = select(depots.c.adcode).where(depots.c.depot_id == depot_id)
            adcode = (await connection.execute(query)).scalar()
        now = self.now()
        command_id = uuid5(NAMESPACE_URL, f"/anlan/resources/stock/{key}/{due.isoformat()}")
        cause = Cause(
            command_id=command_id,
            causation_id=str(command_id),
            correlation_id=key,
            actor=Actor(
                subject="resources",
                roles=("service",),
                jurisdiction=adcode or NATION,
            ),
        )
        command = ExpireLots(
            depot_id=depot_id,
            item=item,
            day=day_of(now),
            occurred_at=to_ms(now),
        )
        return await self.stocks.handle(key, command, cause)
