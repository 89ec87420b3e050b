"""A projection: which events, into which tables, and how far they have been folded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, MetaData

from services.runtime.recorded import Recorded

EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class AsOf:
    """An instant of the record: a position of the log, or a time on the store's clock."""

    position: int | None = None
    time: datetime | None = None

    def includes(self, past: Recorded) -> bool:
        if self.position is not None:
            return past.position <= self.position
        return self.time is None or past.created_at <= self.time


@dataclass(frozen=True, slots=True)
class Seen:
    """The last event that was folded."""

    position: int = 0
    time: datetime = EPOCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """``name`` ends in a version: raise it whenever tables or ``apply`` change, and rows rebuild.

    ``apply`` folds one event into the tables.  It is called in log order, each event once, and must
    not read a clock: the same events give the same rows.
    """

    name: str
    categories: Sequence[str]
    tables: MetaData
    apply: Callable[[Connection, Recorded], None]

    def fold(self, connection: Connection, batch: Sequence[Recorded]) -> Seen:
        """Apply each event and return the last."""
        for recorded in batch:
            self.apply(connection, recorded)
        return Seen(batch[-1].position, batch[-1].created_at)
