"""Streams of rows as they change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Select
from sqlalchemy.engine.default import DefaultDialect

from services.runtime.readmodel import ReadModel, Seen

PAGE = 500
DIALECT = DefaultDialect()  # one for all: each learns the types anew


async def changes(
    model: ReadModel, rows: Select[Any], position: Column[Any], after: int
) -> AsyncIterator[Any]:
    """Yield ``rows`` that changed after a position, the oldest change first, and then as they come.

    ``position`` is the column of the last event that changed a row; at one position at most one
    row changes.  A watcher who is slower than the changes sees the newest state of each row only.
    """
    last = after
    asked = rows.compile(dialect=DIALECT)
    watched = f"{asked} {sorted(asked.params.items())}"

    def read(connection: Connection, _: Seen) -> Sequence[Any]:
        page = rows.where(position > last).order_by(position).limit(PAGE)
        return connection.execute(page).all()

    while True:
        found, seen = await model.shared((watched, last), read)
        for row in found:
            last = getattr(row, position.key)
            yield row
        if len(found) < PAGE:
            last = max(last, seen.position)
            await model.advanced(seen.position)
