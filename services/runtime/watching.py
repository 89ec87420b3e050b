"""Streams of rows as they change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import ColumnElement, Select

from services.runtime.readmodel import ReadModel

PAGE = 500


async def changes(
    model: ReadModel, rows: Select[Any], position: ColumnElement[int], after: int
) -> AsyncIterator[Any]:
    """Yield ``rows`` that changed after a position, the oldest change first, and then as they come.

    ``position`` is the column of the last event that changed a row; at one position at most one
    row changes.  A watcher who is slower than the changes sees the newest state of each row only.
    """
    last = after
    while True:
        page = rows.where(position > last).order_by(position).limit(PAGE)
        async with model.read() as (connection, seen):
            found = (await connection.execute(page)).all()
        for row in found:
            last = row.position
            yield row
        if len(found) < PAGE:
            await model.advanced(seen.position)
