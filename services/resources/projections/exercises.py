"""What time it is in an exercise: what is said of it, for nobody's wall clock runs in a drill."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update

from services.resources.projections.tables import exercise_times
from services.runtime.recorded import Recorded
from services.runtime.times import micros


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
