"""Recommendations as rows: each is written once and never changes."""

from __future__ import annotations

import msgspec
from sqlalchemy import BigInteger, Column, Connection, String, Table, Text

from services.dispatch.projections.tables import TABLES
from services.runtime.recorded import Recorded

RECOMMENDATIONS = Table(
    "recommendation",
    TABLES,
    Column("recommendation_id", String, primary_key=True),
    Column("incident_id", String, nullable=False, index=True),
    Column("made", Text, nullable=False),
    Column("exercise", String, nullable=False),
    Column("position", BigInteger, nullable=False, index=True),
)


class _Key(msgspec.Struct):
    """What a row is found by: the rest of it is stored unread."""

    recommendation_id: str
    incident_id: str


def apply(connection: Connection, recorded: Recorded) -> None:
    event = msgspec.json.decode(recorded.data, type=_Key)
    connection.execute(
        RECOMMENDATIONS.insert(),
        {
            "recommendation_id": event.recommendation_id,
            "incident_id": event.incident_id,
            "made": recorded.data.decode(),
            "exercise": recorded.metadata.get("exercise", ""),
            "position": recorded.position,
        },
    )
