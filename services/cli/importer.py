"""Records San Francisco's fire calls through the public APIs, every row or a reason why not."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid5

from google.protobuf import json_format

from services.cli.client import Client, Refusal
from services.cli.rpc import find
from services.cli.sffd import ADCODE, REQUEST_IDS, Kind, Record, Row, Step, in_order

IN_FLIGHT = 32
PATIENCE_S = 120.0
ACKNOWLEDGE_WITHIN = "3600s"
TYPE_CODE = "12G00"  # 火灾事故
RELEASE_WITHIN_S = 60.0
POLL_EVERY_S = 0.2
LONGEST_TITLE = 100
SENT_ANEW = re.compile("-(again|override|recall)$")

Progress = Callable[[str, int], None]
"""Hears how many more are done of ``units``, ``incidents`` or ``responses``."""


@dataclass(slots=True)
class Outcome:
    """What an import came to.  ``refused`` has each row that is not recorded, with the reason."""

    incidents: int = 0
    units: int = 0
    assignments: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    late: int = 0
    overridden: list[tuple[str, str, str]] = field(default_factory=list)
    recalled: int = 0
    inferred_releases: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    refused_steps: list[tuple[str, str, str]] = field(default_factory=list)
    written: int = 0
    there_already: int = 0


class Importer:
    """Units run beside each other; each unit's own steps run in order."""

    def __init__(self, client: Client, record: Record, progress: Progress) -> None:
        self._client = client
        self._record = record
        self._progress = progress
        self._gate = asyncio.Semaphore(IN_FLIGHT)
        self._before = 0
        self._last: Counter[str] = Counter()
        self._cleared: set[str] = set()
        self._no_incident: dict[str, str] = {}
        self._no_unit: dict[str, str] = {}
        self.outcome = Outcome(refused=list(record.unreadable))

    async def run(self) -> Outcome:
        """Record everything, and end when every view shows it.

        Raises OutOfReach when a service stays away too long.
        """
        try:
            return await self._run()
        except ExceptionGroup as several:
            raise _first(several) from None

    async def _run(self) -> Outcome:
        self._before = await self._position()
        by_unit = self._record.by_unit()
        async with asyncio.TaskGroup() as group:
            for rows in by_unit.values():
                group.create_task(self._unit(rows))
            for first in self._record.incidents().values():
                group.create_task(self._incident(first))
        async with asyncio.TaskGroup() as group:
            # The busiest units first: theirs are the longest ways.
            for rows in sorted(by_unit.values(), key=len, reverse=True):
                group.create_task(self._responses(rows))
        await self._position()
        return self.outcome

    async def _unit(self, rows: Sequence[Row]) -> None:
        first = min(rows, key=lambda row: row.received)
        try:
            await self._call(
                "resources.UnitService/RegisterUnit",
                {
                    "request_id": str(uuid5(REQUEST_IDS, f"unit/{first.unit}")),
                    "unit_id": first.unit,
                    "name": f"SFFD {first.unit}",
                    "kind": first.unit_type.lower().replace(" ", "_"),
                    "home": {"adcode": ADCODE, "address": "San Francisco"},
                    "occur_time": first.received.isoformat(),
                },
            )
            self.outcome.units += 1
        except Refusal as refusal:
            self._no_unit[first.unit] = f"unit {first.unit}: {refusal}"
        self._progress("units", 1)

    async def _incident(self, first: Row) -> None:
        place = {
            "adcode": ADCODE,
            "address": first.address,
            "point": {"latitude": first.latitude, "longitude": first.longitude},
        }
        title = f"{first.call_type}, {first.address}"
        try:
            await self._call(
                "command.ReportService/SubmitReport",
                {
                    "request_id": str(uuid5(REQUEST_IDS, f"report/{first.call}")),
                    "report_id": first.call,
                    "source": "REPORT_SOURCE_FIRE_119",
                    "reporter": f"SFFD call {first.call}",
                    "type_code": TYPE_CODE,
                    "place": place,
                    "text": title,
                    "occur_time": first.received.isoformat(),
                },
            )
            await self._call(
                "command.ReportService/VerifyReport",
                {
                    "request_id": str(uuid5(REQUEST_IDS, f"incident/{first.incident}")),
                    "report_id": first.call,
                    "incident_id": first.incident,
                    "title": title[:LONGEST_TITLE],
                    "occur_time": (first.entered or first.received).isoformat(),
                },
            )
            self.outcome.incidents += 1
        except Refusal as refusal:
            self._no_incident[first.incident] = f"incident {first.incident}: {refusal}"
        self._progress("incidents", 1)

    async def _responses(self, rows: Sequence[Row]) -> None:
        assignments: dict[str, str] = {}
        for step in in_order(rows):
            row = step.row
            if step.kind is Kind.DISPATCH:
                try:
                    assignments[row.row_id] = await self._dispatch(step)
                    self.outcome.assignments += 1
                except Refusal as refusal:
                    self.outcome.refused.append((row.row_id, str(refusal)))
                except _Without as reason:
                    self.outcome.refused.append((row.row_id, str(reason)))
                self._progress("responses", 1)
            elif assignment_id := assignments.get(row.row_id):
                await self._follow(step, assignment_id)

    async def _dispatch(self, step: Step) -> str:
        row = step.row
        if reason := self._no_incident.get(row.incident) or self._no_unit.get(row.unit):
            raise _Without(reason)
        try:
            return await self._create_or_recall(step, row.row_id)
        except Refusal as refusal:
            if refusal.reason != "UNIT_HELD":
                raise
            holder = refusal.context.get("holder", "")
        if holder in self._cleared:  # its release is still on the way
            await self._until_released(row.unit, holder)
            return await self._create_or_recall(step, f"{row.row_id}-again", "/again")
        other = (
            holder.removesuffix("-override")
            .removesuffix("-again")
            .removesuffix("-recall")
            .rpartition("-")[0]
        )
        reason = f"the record has unit {row.unit} on call {other or holder} and {row.call} at once"
        created = await self._create(step, f"{row.row_id}-override", "/override", reason)
        self.outcome.overridden.append((row.unit, other or holder, row.call))
        return created

    async def _create_or_recall(self, step: Step, assignment_id: str, attempt: str = "") -> str:
        """Send the unit; one that owes a rest, but went all the same, is recalled from it."""
        try:
            return await self._create(step, assignment_id, attempt)
        except Refusal as refusal:
            if refusal.reason != "UNIT_RESTING":
                raise
        row = step.row
        reason = f"the record has unit {row.unit} on call {row.call}, resting or not"
        created = await self._create(step, f"{row.row_id}-recall", "/recall", reason)
        self.outcome.recalled += 1
        return created

    async def _create(
        self, step: Step, assignment_id: str, attempt: str = "", override: str = ""
    ) -> str:
        row = step.row
        await self._call(
            "dispatch.AssignmentService/CreateAssignment",
            {
                "request_id": str(step.request_id(attempt)),
                "assignment_id": assignment_id,
                "incident_id": row.incident,
                "unit_id": row.unit,
                "acknowledge_within": ACKNOWLEDGE_WITHIN,
                "call_time": row.received.isoformat(),
                "occur_time": step.at.isoformat(),
                "override_reason": override,
            },
        )
        return assignment_id

    async def _follow(self, step: Step, assignment_id: str) -> None:
        fields = {
            "request_id": str(step.request_id()),
            "assignment_id": assignment_id,
            "occur_time": step.at.isoformat(),
        }
        names = {
            Kind.EN_ROUTE: "RecordEnRoute",
            Kind.ON_SCENE: "RecordOnScene",
            Kind.CLEAR: "ClearAssignment",
        }
        if step.kind is Kind.CLEAR:
            fields["disposition"] = (
                f"no time of release on record; sent to call {step.inferred}"
                if step.inferred
                else step.row.disposition or "none on record"
            )
        try:
            answer = await self._call(f"dispatch.AssignmentService/{names[step.kind]}", fields)
        except Refusal as refusal:
            self.outcome.refused_steps.append((step.row.row_id, step.kind.column, str(refusal)))
            return
        self.outcome.steps[step.kind.column] += not step.inferred
        self.outcome.inferred_releases += bool(step.inferred)
        self.outcome.late += bool(getattr(answer, "late", False))
        if step.kind is Kind.CLEAR:
            self._cleared.add(assignment_id)

    async def _until_released(self, unit: str, holder: str) -> None:
        rpc = find("resources.UnitService/GetUnit")
        async with asyncio.timeout(RELEASE_WITHIN_S):
            while True:
                answer = await self._client.call(
                    rpc, rpc.request(unit_id=unit), patience_s=PATIENCE_S
                )
                if all(hold.holder != holder for hold in answer.unit.holds):
                    return
                await asyncio.sleep(POLL_EVERY_S)

    async def _call(self, name: str, fields: dict[str, Any]) -> Any:
        rpc = find(name)
        request = json_format.ParseDict(fields, rpc.request())
        async with self._gate:
            answer = await self._client.call(rpc, request, patience_s=PATIENCE_S)
        self._last[rpc.service] = max(self._last[rpc.service], answer.position)
        if answer.position > self._before:
            self.outcome.written += 1
        else:
            self.outcome.there_already += 1
        return answer

    async def _position(self) -> int:
        """Return how far any service has seen the log, once each has seen what it wrote here."""
        furthest = 0
        for name in ("command.ListIncidents", "dispatch.ListAssignments", "resources.ListUnits"):
            rpc = find(name.rpartition(".")[2])
            read = {"min_position": self._last[rpc.service]}
            request = rpc.request(page_size=1, read=read)
            answer = await self._client.call(rpc, request, patience_s=PATIENCE_S)
            furthest = max(furthest, int(answer.freshness.position))
        return furthest


def _first(several: BaseExceptionGroup[BaseException]) -> BaseException:
    first = several.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


class _Without(Exception):
    """The row's incident or unit could not be recorded."""
