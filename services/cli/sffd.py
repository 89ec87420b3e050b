"""San Francisco's fire calls, as DataSF publishes them: read, and put into each unit's order."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from itertools import pairwise
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

from services.cli.exits import CannotGoOn, Exit

ZONE = ZoneInfo("America/Los_Angeles")
ADCODE = "840075"
TIME = "%m/%d/%Y %I:%M:%S %p"
POINT = re.compile(r"^\((-?\d+(?:\.\d+)?), (-?\d+(?:\.\d+)?)\)$")
ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,55}$")
REQUEST_IDS = uuid5(NAMESPACE_URL, "https://data.sfgov.org/d/nuek-vuh3")
COLUMNS = {
    "Call Number",
    "Unit ID",
    "Incident Number",
    "Call Type",
    "Received DtTm",
    "Entry DtTm",
    "Dispatch DtTm",
    "Response DtTm",
    "On Scene DtTm",
    "Transport DtTm",
    "Hospital DtTm",
    "Available DtTm",
    "Call Final Disposition",
    "Address",
    "Unit Type",
    "Location",
    "RowID",
}


class NotThisFile(CannotGoOn):
    """The file is not what it should be."""

    exit_code = Exit.USAGE


class Kind(IntEnum):
    """The steps of a response, in the order of their columns."""

    DISPATCH = 1
    EN_ROUTE = 2
    ON_SCENE = 3
    CLEAR = 4

    @property
    def column(self) -> str:
        return {1: "Dispatch", 2: "Response", 3: "On Scene", 4: "Available"}[self] + " DtTm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One unit's part in one call.  ``times`` has those that the record has."""

    line: int
    row_id: str
    call: str
    incident: str
    unit: str
    unit_type: str
    call_type: str
    address: str
    disposition: str
    latitude: float
    longitude: float
    received: datetime
    entered: datetime | None
    times: dict[Kind, datetime]
    transported: bool
    ambiguous: tuple[str, ...] = ()

    @property
    def backwards(self) -> list[tuple[Kind, Kind]]:
        """The neighbouring times of which the later column is earlier."""
        known = sorted(self.times.items())
        return [(a, b) for (a, at), (b, bt) in pairwise(known) if bt < at]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """``inferred`` is the call to which the unit was sent, where no time of release is known."""

    row: Row
    kind: Kind
    at: datetime
    inferred: str = ""

    def request_id(self, attempt: str = "") -> UUID:
        return uuid5(REQUEST_IDS, f"{self.row.row_id}/{self.kind.name}{attempt}")


@dataclass(slots=True)
class Record:
    """The whole file.  ``unreadable`` has each row that says too little, and why."""

    rows: list[Row] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)

    @property
    def read(self) -> int:
        return len(self.rows) + len(self.unreadable)

    def incidents(self) -> dict[str, Row]:
        """Return the first row of each incident."""
        first: dict[str, Row] = {}
        for row in sorted(self.rows, key=lambda row: (row.received, row.line)):
            first.setdefault(row.incident, row)
        return first

    def by_unit(self) -> dict[str, list[Row]]:
        units: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            units[row.unit].append(row)
        return dict(units)


def read(path: Path, limit: int | None = None) -> Record:
    """Read the file, every row of it.  Raises NotThisFile."""
    record = Record()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            if missing := COLUMNS - set(table.fieldnames or ()):
                raise NotThisFile(f"{path}: no column {', '.join(sorted(missing))}")
            for line, fields in enumerate(table, 2):
                if limit is not None and record.read >= limit:
                    break
                try:
                    record.rows.append(_row(line, fields))
                except ValueError as why:
                    name = fields.get("RowID") or f"line {line}"
                    record.unreadable.append((name, str(why)))
    except (UnicodeDecodeError, csv.Error) as error:
        raise NotThisFile(f"{path}: {error}") from None
    return record


def in_order(rows: Iterable[Row]) -> Iterator[Step]:
    """Return all steps of one unit's rows in the order in which to record them.

    By time; a row's own steps keep their order where its times run backwards.  Who becomes free
    in the second in which he is sent again is free first.  Where the record has no time of
    release, the unit is released when it is sent again.
    """
    planned: list[tuple[datetime, bool, int, Kind, Step]] = []
    for row in rows:
        begins = row.times[Kind.DISPATCH]
        latest = begins
        for kind, at in sorted(row.times.items()):
            latest = max(latest, at)
            step = Step(row=row, kind=kind, at=at)
            planned.append((latest, latest == begins, row.line, kind, step))
    held: dict[str, Row] = {}
    for *_, step in sorted(planned, key=lambda entry: entry[:4]):
        if step.kind is Kind.DISPATCH:
            for other in held.values():
                yield Step(row=other, kind=Kind.CLEAR, at=step.at, inferred=step.row.call)
            held = {} if Kind.CLEAR in step.row.times else {step.row.row_id: step.row}
        yield step


def _row(line: int, fields: dict[str, str]) -> Row:
    row_id, unit = fields["RowID"], fields["Unit ID"]
    for column in ("RowID", "Unit ID", "Call Number", "Incident Number"):
        if not ID.match(fields[column] or ""):
            raise ValueError(f"{column} {fields[column]!r} is no id")
    if not fields["Dispatch DtTm"] or not fields["Received DtTm"]:
        raise ValueError("no time of call or dispatch")
    located = POINT.match(fields["Location"] or "")
    if located is None:
        raise ValueError(f"Location {fields['Location']!r} is no point")
    ambiguous: list[str] = []

    def moment(column: str) -> datetime | None:
        text = fields[column]
        if not text:
            return None
        local = datetime.strptime(text, TIME).replace(tzinfo=ZONE)
        if local.utcoffset() != local.replace(fold=1).utcoffset():
            ambiguous.append(column)
        return local.astimezone(UTC)

    times = {kind: at for kind in Kind if (at := moment(kind.column)) is not None}
    received = moment("Received DtTm")
    assert received is not None
    return Row(
        line=line,
        row_id=row_id,
        call=fields["Call Number"],
        incident=fields["Incident Number"],
        unit=unit,
        unit_type=fields["Unit Type"],
        call_type=fields["Call Type"],
        address=fields["Address"],
        disposition=fields["Call Final Disposition"],
        latitude=float(located[1]),
        longitude=float(located[2]),
        received=received,
        entered=moment("Entry DtTm"),
        times=times,
        transported=bool(fields["Transport DtTm"] or fields["Hospital DtTm"]),
        ambiguous=tuple(ambiguous),
    )
