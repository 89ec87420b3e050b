"""What the world was told of an event it is told still: a neighbour reads it, perhaps years later.

``tests/<service>/told.json`` has for the golden events the stream they are in, the subject and type
of what is published, and its fields; null for what stays in the house.
"""

from __future__ import annotations

import importlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from google.protobuf import json_format, symbol_database

from services.runtime.recorded import Recorded

TESTS = Path(__file__).parent.parent
SERVICES = ("command", "dispatch", "resources")
UNREAD = {
    "ExerciseClockAdvanced.v1",
    "IncidentEnded.v1",
    "IncidentNoted.v1",
    "IncidentReplaced.v1",
    "IncidentResumed.v1",
    "UnitNeedCounted.v1",
    "UnitNeedEnded.v1",
    "UnitNeedNoted.v1",
}
"""Of streams that no relay reads."""
TOLD = [
    pytest.param(service, type_, entry, id=f"{service}-{type_}")
    for service in SERVICES
    for type_, entry in json.loads((TESTS / service / "told.json").read_text("utf-8")).items()
]


@pytest.mark.parametrize(("service", "type_", "entry"), TOLD)
def test_a_golden_event_is_told_as_it_was(service: str, type_: str, entry: dict[str, Any]) -> None:
    event = Recorded(
        id=UUID(int=1),
        type=type_,
        stream=entry["stream"],
        revision=0,
        position=1,
        created_at=datetime(2026, 6, 18, tzinfo=UTC),
        data=(TESTS / service / "golden" / f"{type_}.json").read_bytes(),
        metadata={"jurisdiction": "431281"},
    )

    said = importlib.import_module(f"services.{service}.relay").public(event)

    if entry["told"] is None:
        assert said is None
    else:
        assert said is not None
        assert (said.subject, said.type) == (entry["subject"], entry["type"])
        message = symbol_database.Default().GetSymbol(said.type)
        told = json_format.MessageToDict(message.FromString(said.payload))
        # Fields that were added since are told beside.
        assert entry["told"].items() <= told.items()


@pytest.mark.parametrize("service", SERVICES)
def test_no_golden_event_is_without_what_was_told_of_it(service: str) -> None:
    golden = {file.stem for file in (TESTS / service / "golden").glob("*.json")}
    kept = set(json.loads((TESTS / service / "told.json").read_text("utf-8")))
    assert golden - kept <= UNREAD
