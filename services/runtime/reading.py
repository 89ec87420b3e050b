"""What a read asks for: the newest rows, rows no older than a write, or those of the past."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime import times
from services.runtime.actor import region_prefix
from services.runtime.readmodel import AsOf, ReadModel, Seen
from services.runtime.rejection import Invalid


def rows(
    model: ReadModel, options: Any, now: datetime
) -> AbstractAsyncContextManager[tuple[AsyncConnection, Seen]]:
    """Open the rows that a request's ``read`` field asks for.

    Raises Invalid for an instant that has not come, or for both bounds at once.
    """
    which = options.WhichOneof("as_of")
    if which is None:
        return model.read(min_position=options.min_position)
    if options.min_position:
        raise Invalid(
            "READ_BOUNDS_CONFLICT",
            field="read.min_position",
            got=f"{options.min_position} beside {which}",
            allowed="one of min_position and as_of",
        )
    if which == "as_of_position":
        return model.read(as_of=AsOf(position=options.as_of_position))
    moment = times.known(options, "as_of_time")
    if moment > now:
        raise Invalid(
            "TIME_OUT_OF_RANGE",
            field="read.as_of_time",
            got=moment.isoformat(),
            allowed=f"at most {now.isoformat()}",
        )
    return model.read(as_of=AsOf(time=moment))


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
    return column.startswith(region_prefix(adcode), autoescape=True)
