"""Recommendations as rows: each is written once and never changes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, String, Table, Text

from services.dispatch.codec import RECOMMENDATION_CODEC
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


def apply(connection: Connection, recorded: Recorded) -> None:
    event = RECOMMENDATION_CODEC.decode(recorded.type, recorded.data)
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
