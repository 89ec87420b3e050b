"""What a suite has recorded: its log, its timelines, its tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from anlan.audit.v1 import timeline_service_pb2 as pb
from anlan.audit.v1.timeline_service_pb2_grpc import TimelineServiceStub
from anlan.type.v1 import read_pb2
from services.runtime.recorded import Recorded
from services.runtime.store import EventStore
from tests.suite import RunningSuite


async def log_of(suite: RunningSuite) -> list[Recorded]:
    """Return every event of every service, in order."""
    store = EventStore(f"esdb://{suite.ports.address('node')}?Tls=false")
    await store.connect()
    try:
        return [event async for event in store.read_all(())]
    finally:
        await store.close()


async def timeline(suite: RunningSuite, incident_id: str, position: int) -> list[pb.TimelineEntry]:
    auditor = suite.caller("auditor.zhao", "auditor").metadata
    entries: list[pb.TimelineEntry] = []
    request = pb.GetTimelineRequest(
        incident_id=incident_id,
        page_size=1000,
        read=read_pb2.ReadOptions(min_position=position),
    )
    async with suite.channel("audit") as channel:
        while True:
            page = await TimelineServiceStub(channel).GetTimeline(request, metadata=auditor)
            entries.extend(page.entries)
            if not page.next_page_token:
                return entries
            request.page_token = page.next_page_token


def rows(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table of a stopped service's read model."""
    with closing(sqlite3.connect(database)) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
            for name in names
        }


def gaps(events: Sequence[Recorded]) -> list[str]:
    """Return where a stream's revisions do not run 0, 1, 2, … or positions do not rise."""
    found = []
    revisions: dict[str, int] = {}
    position = -1
    for event in events:
        if event.revision != revisions.get(event.stream, -1) + 1:
            found.append(f"{event.stream} jumps to {event.revision}")
        if event.position <= position:
            found.append(f"{event.position} after {position}")
        revisions[event.stream] = event.revision
        position = event.position
    return found
