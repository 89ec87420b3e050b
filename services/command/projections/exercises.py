"""The clocks of scripted exercises as rows."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, update

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
