"""Run cards as rows: one each, and one for each version."""

from __future__ import annotations

from typing import assert_never

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    String,
    Table,
    Text,
    and_,
    case,
    delete,
    update,
)

from services.dispatch.codec import RUN_CARD_CODEC
from services.dispatch.domain.run_card import decider
from services.dispatch.domain.run_card.content import Content
from services.dispatch.projections.tables import TABLES
from services.runtime.recorded import Recorded

DRAFT, PUBLISHED, RETIRED = "draft", "published", "retired"

RUN_CARDS = Table(
    "run_card",
    TABLES,
    Column("run_card_id", String, primary_key=True),
    Column("adcode", String, nullable=False),
    Column("state", String, nullable=False),
    Column("in_force", Integer, nullable=False, default=0),
    Column("newest", Integer, nullable=False),
    Column("shown", Integer, nullable=False),
    Column("exercise", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("position", BigInteger, nullable=False, index=True),
)
RUN_CARD_VERSIONS = Table(
    "run_card_version",
    TABLES,
    Column("run_card_id", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("content", Text, nullable=False),
)


def apply(connection: Connection, recorded: Recorded) -> None:
    """Fold one event; ``shown`` is the version in force, or the newest where none is."""
    event = RUN_CARD_CODEC.decode(recorded.type, recorded.data)
    column = RUN_CARDS.c
    moved: dict[str, object] = {"revision": recorded.revision, "position": recorded.position}
    match event:
        case decider.RunCardDrafted():
            connection.execute(
                RUN_CARDS.insert(),
                {
                    "run_card_id": event.run_card_id,
                    "adcode": event.adcode,
                    "state": DRAFT,
                    "newest": event.version,
                    "shown": event.version,
                    "exercise": recorded.metadata.get("exercise", ""),
                    **moved,
                },
            )
            _keep(connection, event.run_card_id, event.version, event.content)
            return
        case decider.RunCardRevised():
            _keep(connection, event.run_card_id, event.version, event.content)
            shown = case((column.in_force > 0, column.shown), else_=event.version)
            moved |= {"newest": event.version, "shown": shown}
        case decider.RunCardPublished():
            in_force = event.version
            moved |= {"state": PUBLISHED, "in_force": in_force, "shown": in_force}
        case decider.RunCardRetired():
            moved |= {"state": RETIRED, "in_force": 0}
        case _:
            assert_never(event)
    connection.execute(
        update(RUN_CARDS).where(column.run_card_id == event.run_card_id).values(**moved)
    )


def shown() -> ColumnElement[bool]:
    """Return the condition that joins a card with the version that stands for it."""
    return and_(
        RUN_CARDS.c.run_card_id == RUN_CARD_VERSIONS.c.run_card_id,
        RUN_CARDS.c.shown == RUN_CARD_VERSIONS.c.version,
    )


def _keep(connection: Connection, run_card_id: str, version: int, content: Content) -> None:
    column = RUN_CARD_VERSIONS.c
    mine = and_(column.run_card_id == run_card_id, column.version == version)
    connection.execute(delete(RUN_CARD_VERSIONS).where(mine))
    text = msgspec.json.encode(content).decode()
    row = {"run_card_id": run_card_id, "version": version, "content": text}
    connection.execute(RUN_CARD_VERSIONS.insert(), row)
