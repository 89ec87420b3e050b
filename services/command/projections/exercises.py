"""The clocks of scripted exercises as rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    String,
    Table,
    bindparam,
    func,
    select,
    update,
)

from services.command.domain import exercise
from services.command.projections.shared import METADATA
from services.runtime.recorded import Recorded
from services.runtime.times import micros

EXERCISES = Table(
    "exercise",
    METADATA,
    Column("exercise", String, primary_key=True),
    Column("time", BigInteger, nullable=False),  # microseconds since 1970, UTC
    Column("revision", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
)


def apply(connection: Connection, recorded: Recorded, event: exercise.Event) -> None:
    shown = {
        "time": micros(event.occurred_at),
        "revision": recorded.revision,
        "position": recorded.position,
    }
    if recorded.revision:
        connection.execute(
            update(EXERCISES).where(EXERCISES.c.exercise == recorded.key).values(**shown)
        )
    else:
        connection.execute(EXERCISES.insert(), {"exercise": recorded.key, **shown})


def clock(of: Column[str], wall: ColumnElement[int]) -> ColumnElement[int]:
    """Return the instant by which a row's time limits are judged, in microseconds since 1970.

    ``of`` is the row's column with its exercise; without a clock of its own the time is
    ``wall``.
    """
    own = select(EXERCISES.c.time).where(EXERCISES.c.exercise == of).scalar_subquery()
    return func.coalesce(own, wall)


def wall_clock(now: Callable[[], datetime]) -> ColumnElement[int]:
    """Return the instant that ``now`` says whenever a statement with it is run."""
    return bindparam(None, callable_=lambda: micros(now()), type_=BigInteger, unique=True)
