"""`anlan sites load`: brings a county's lists in through the public APIs, every row or why not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from google.protobuf import json_format

from services.cli.client import Client, Refusal
from services.cli.rpc import find
from services.cli.site_file import Row, SiteList
from services.cli.tokens import REFERENCE

IN_FLIGHT = 16
PATIENCE_S = 30.0
OF_THE_CALLER = {"UNAUTHENTICATED", "CAPABILITY_REQUIRED"}
"""What is wrong with whoever loads, not with a row."""


@dataclass(slots=True)
class Outcome:
    """What became of one list.  ``wrong`` has each row that is not recorded, by its line.

    ``position`` is that of the newest event of any row, for who reads them next.
    """

    path: Path
    name: str
    new: int = 0
    changed: int = 0
    as_before: int = 0
    position: int = 0
    wrong: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """Say it: one line for the list, one for each row that is not recorded."""
        said = (
            f"{self.path}: {self.name}: {self.new} new, {self.changed} changed, "
            f"{self.as_before} as before, {len(self.wrong)} refused"
        )
        return [said, *(f"  line {line} ({key}): {why}" for line, key, why in self.wrong)]

    @property
    def told(self) -> dict[str, Any]:
        """Say it to programs."""
        return {
            "file": str(self.path),
            "new": self.new,
            "changed": self.changed,
            "as_before": self.as_before,
            "position": self.position,
            "refused": [{"line": line, "id": key, "why": why} for line, key, why in self.wrong],
        }


def shipped() -> list[Path]:
    """Return the files of the samples that come with the suite."""
    folder = Path(os.environ.get("ANLAN_REFERENCE") or REFERENCE) / "samples"
    return sorted(folder.glob("*.csv"))


async def load(client: Client, lists: Sequence[SiteList], exercise: str = "") -> list[Outcome]:
    """Record every row of every list; one that is recorded so already is left as it is.

    Raises OutOfReach, and Refusal where the caller may not: what was recorded until then stays,
    and loading again does the rest.
    """
    return [await _load(client, one, exercise) for one in lists]


async def _load(client: Client, sites: SiteList, exercise: str) -> Outcome:
    outcome = Outcome(sites.path, sites.kind.name)
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def record(row: Row) -> None:
        why = row.wrong
        if not why:
            async with gate:
                why = await _record(client, sites, row, exercise, outcome)
        if why:
            outcome.wrong.append((row.line, row.key, why))

    try:
        async with asyncio.TaskGroup() as group:
            for row in sites.rows:
                group.create_task(record(row))
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    outcome.wrong.sort()
    return outcome


async def _record(
    client: Client, sites: SiteList, row: Row, exercise: str, outcome: Outcome
) -> str:
    """Register one; return why it was refused, else nothing."""
    rpc = find(sites.kind.rpc)
    try:
        request = json_format.ParseDict({**row.fields, "request_id": str(uuid4())}, rpc.request())
    except json_format.ParseError as wrong:
        return str(wrong)
    try:
        answer = await client.call(rpc, request, patience_s=PATIENCE_S, exercise=exercise)
    except Refusal as refusal:
        if refusal.reason in OF_THE_CALLER:
            raise
        path = refusal.context.get("field", "")
        return str(refusal).replace(f"{path}:", f"{sites.kind.named(path)}:", 1)
    outcome.position = max(outcome.position, answer.position)
    if not answer.changed:
        outcome.as_before += 1
    elif answer.etag == "0":
        outcome.new += 1
    else:
        outcome.changed += 1
    return ""
