"""A log of long nights: assignments from request to clearance, as dispatch writes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from services.dispatch.codec import ASSIGNMENT_CODEC
from services.dispatch.domain import events
from services.dispatch.domain.events import Source
from services.eventstore.storage import COLUMNS, open_for_writing
from services.runtime.actor import Actor
from services.runtime.cause import Cause
from services.runtime.place import Place

NIGHT = datetime(2026, 6, 18, 19, 0, tzinfo=UTC)
LIFE = range(10)
"""The steps of an assignment from its request to its clearance."""
SHORT = (0, 1, 9)
"""Requested, dispatched, cleared."""
ACKNOWLEDGED = (0, 1, 2)
ASSIGNMENT, INCIDENT, UNIT = "a000000000", "i000000000", "u000000000"
COMMAND = UUID(int=0)
DYKE = Place(adcode="431281102", address="安江镇大堤", latitude=27.32, longitude=110.1)
INSERT = f"INSERT INTO events ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)"


def _facts() -> Iterator[events.Event]:
    about: dict[str, Any] = {
        "assignment_id": ASSIGNMENT,
        "incident_id": INCIDENT,
        "unit_id": UNIT,
        "adcode": DYKE.adcode,
    }
    going: dict[str, Any] = {"destination": DYKE, "order": "增援安江大堤，携带冲锋舟"}

    def at(minute: int) -> datetime:
        return NIGHT + timedelta(minutes=minute)

    def step(minute: int) -> dict[str, Any]:
        return {"late": False, "occurred_at": at(minute), "source": Source.CREW, **about}

    yield events.AssignmentRequested(
        call_at=NIGHT,
        acknowledge_within_s=90,
        override_reason="",
        requested_by="diao.lin",
        said=False,
        occurred_at=at(1),
        incident_type="11B01",
        **about,
        **going,
    )
    yield events.UnitDispatched(
        unit_kind="boat", acknowledge_due_at=at(3), occurred_at=at(1), **about, **going
    )
    yield events.AssignmentAcknowledged(**step(2))
    yield events.UnitEnRoute(**step(4))
    yield events.UnitStaged(**step(20))
    yield events.UnitOnScene(**step(30))
    yield events.ActionInitiated(**step(33))
    yield events.UnitTransporting(to="安江镇中心卫生院", **step(60))
    yield events.UnitAtDestination(**step(80))
    yield events.AssignmentCleared(disposition="转移7人", **step(95))


WRITTEN = [ASSIGNMENT_CODEC.encode(fact) for fact in _facts()]
METADATA = msgspec.json.encode(
    Cause(
        command_id=COMMAND,
        causation_id=str(COMMAND),
        correlation_id=INCIDENT,
        actor=Actor(subject="diao.lin", roles=("dispatcher",), jurisdiction="431281"),
    ).metadata()
)


def key(number: int) -> str:
    return f"a{number:09}"


def fill(data: Path, numbers: range, steps: Sequence[int] = LIFE) -> None:
    """Write these steps of assignments into the file of a node that is down.

    The node's own ledger would take ten times as long for the same rows.
    """
    data.mkdir(parents=True, exist_ok=True)
    database = open_for_writing(data)
    database.pragma("synchronous", "off")
    database.pragma("wal_autocheckpoint", 10_000)
    last = database.execute("SELECT max(position) FROM events").get or 0
    with database:
        database.executemany(INSERT, _rows(numbers, steps, last + 1))
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def _rows(numbers: range, steps: Sequence[int], position: int) -> Iterator[tuple[Any, ...]]:
    lived = [WRITTEN[step] for step in steps]
    said_at = int(NIGHT.timestamp()) * 10_000_000
    for number in numbers:
        assignment, unit = key(number).encode(), f"u{number % 10_000:09}".encode()
        incident = f"i{number // 20:09}".encode()
        stream = f"assignment-{key(number)}"
        for revision, (type_, template) in enumerate(lived):
            id_ = position.to_bytes(16, "big")
            command = f"00000000-0000-0000-0000-{position:012x}".encode()
            told = template.replace(ASSIGNMENT.encode(), assignment)
            told = told.replace(INCIDENT.encode(), incident).replace(UNIT.encode(), unit)
            metadata = METADATA.replace(str(COMMAND).encode(), command)
            metadata = metadata.replace(INCIDENT.encode(), incident)
            created = said_at + position
            yield position, stream, revision, id_, type_, 1, created, told, metadata
            position += 1
