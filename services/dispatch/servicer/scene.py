"""Who is at the scene of an incident, also for one that was merged into it and not followed yet."""

from __future__ import annotations

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.events import Stage
from services.dispatch.domain.roll_call import Called
from services.dispatch.projections import incidents
from services.dispatch.projections.assignments import ENDINGS
from services.dispatch.projections.tables import ASSIGNMENTS, CLOSED, PLANNED


async def to_count(rows: AsyncConnection, incident_id: str, since: int) -> tuple[Called, ...]:
    """Return who is out, or was withdrawn so lately (``since``, in µs) that it must answer."""
    column = ASSIGNMENTS.c
    out = column.state.not_in((*ENDINGS, Stage.PREPLANNED, Stage.REQUESTED))
    lately = and_(column.state == Stage.WITHDRAWN, column.withdrawn_at >= since)
    statement = (
        select(column.assignment_id, column.unit_id)
        .where(
            column.incident_id.in_(incidents.whole(incident_id)),
            or_(out, lately, column.mayday),
        )
        .order_by(column.opened_position)
    )
    newest = {row.unit_id: row.assignment_id for row in await rows.execute(statement)}
    return tuple(
        Called(assignment_id=assignment_id, unit_id=unit_id)
        for unit_id, assignment_id in newest.items()
    )


async def to_withdraw(rows: AsyncConnection, incident_id: str) -> tuple[str, ...]:
    """Return the assignments that are not over, but for what is preplanned."""
    column = ASSIGNMENTS.c
    statement = (
        select(column.assignment_id)
        .where(
            column.incident_id.in_(incidents.whole(incident_id)),
            column.rank < CLOSED,
            column.rank != PLANNED,
            ~column.asks,
        )
        .order_by(column.opened_position)
    )
    return tuple(await rows.scalars(statement))
