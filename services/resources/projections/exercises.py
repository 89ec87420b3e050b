"""What time it is in an exercise: what is said of it, for nobody's wall clock runs in a drill."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, case, or_, select, true, update

from services.resources.projections.tables import exercise_times
from services.runtime.recorded import Recorded
from services.runtime.times import micros

DUE_AT_ONCE = 0


def tell(connection: Connection, recorded: Recorded, at: datetime) -> None:
    """Let it be at least as late in the exercise of an event as the event says of itself."""
    exercise = recorded.metadata.get("exercise", "")
    if not exercise:
        return
    column = exercise_times.c
    mine = column.exercise == exercise
    before = connection.execute(select(column.time).where(mine)).scalar()
    if before is None:
        fresh = {"exercise": exercise, "time": micros(at)}
        connection.execute(exercise_times.insert(), fresh)
    elif micros(at) > before:
        connection.execute(update(exercise_times).where(mine).values(time=micros(at)))


def first_due(
    connection: Connection,
    at: Column[Any],
    exercise: Column[Any],
    *also: Column[Any],
    where: ColumnElement[bool] | None = None,
) -> Any:
    """Return the row whose instant ``at`` comes first, or None, with ``also`` of its columns.

    ``due_at`` is when that is on the wall: in an exercise its own time says which have come, and
    those are due at once.
    """
    clock = exercise_times.c
    due_at = case((clock.time.is_not(None), DUE_AT_ONCE), else_=at).label("due_at")
    statement = (
        select(due_at, *also)
        .outerjoin(exercise_times, clock.exercise == exercise)
        .where(at.is_not(None), true() if where is None else where)
        .where(or_(clock.time.is_(None), at <= clock.time))
        .order_by(due_at, at, *also)
        .limit(1)
    )
    return connection.execute(statement).first()
