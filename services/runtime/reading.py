"""What a read asks for: the newest rows, rows no older than a write, or those of the past."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, and_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime import times
from services.runtime.actor import region_prefix
from services.runtime.readmodel import AsOf, ReadModel, Seen
from services.runtime.rejection import Invalid

T = TypeVar("T")

SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def rows(
    model: ReadModel, options: Any, now: datetime
) -> AbstractAsyncContextManager[tuple[AsyncConnection, Seen]]:
    """Open the rows that a request's ``read`` field asks for.

    Raises Invalid for an instant that has not come, or for both bounds at once.
    """
    as_of = _as_of(options, now)
    return model.read(min_position=options.min_position, as_of=as_of)


async def snapshot(
    model: ReadModel, options: Any, now: datetime, rows: Callable[[Connection, Seen], T]
) -> tuple[T, Seen]:
    """Return what ``rows`` reads in one transaction, of the rows that ``read`` asks for.

    Raises Invalid as `rows` does.
    """
    as_of = _as_of(options, now)
    return await model.snapshot(rows, min_position=options.min_position, as_of=as_of)


def _as_of(options: Any, now: datetime) -> AsOf | None:
    which = options.WhichOneof("as_of")
    if which is None:
        return None
    if options.min_position:
        raise Invalid(
            "READ_BOUNDS_CONFLICT",
            field="read.min_position",
            got=f"{options.min_position} beside {which}",
            allowed="one of min_position and as_of",
        )
    if which == "as_of_position":
        return AsOf(position=options.as_of_position)
    moment = times.known(options, "as_of_time")
    if moment > now:
        raise Invalid(
            "TIME_OUT_OF_RANGE",
            field="read.as_of_time",
            got=moment.isoformat(),
            allowed=f"at most {now.isoformat()}",
        )
    return AsOf(time=moment)


def instant(options: Any, seen: Seen, now: datetime) -> datetime:
    """Return the instant by which time limits are judged in the rows that ``options`` ask for."""
    match options.WhichOneof("as_of"):
        case "as_of_time":
            return times.known(options, "as_of_time")
        case "as_of_position":
            return seen.time
        case _:
            return now


def freshen(freshness: Any, seen: Seen) -> None:
    """Fill the ``freshness`` of an answer."""
    freshness.position = seen.position
    freshness.event_time.FromDatetime(seen.time)


def inside(column: ColumnElement[str], adcode: str) -> ColumnElement[bool]:
    """Return the condition that a code lies inside the region ``adcode``."""
    return beginning(column, region_prefix(adcode))


def beginning(column: ColumnElement[str], code: str) -> ColumnElement[bool]:
    """Return the condition that a code of digits and capitals begins so.

    It is a range, for which every database uses an index, as not every one does for a pattern.
    """
    head = code.rstrip(SYMBOLS[-1])
    lowest = column >= code
    if not head:
        return lowest
    following = head[:-1] + SYMBOLS[SYMBOLS.index(head[-1]) + 1]
    return and_(lowest, column < following)
