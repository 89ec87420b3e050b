"""`anlan import sffd`: shows how far it is, and accounts for every row."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from services.cli.client import Client
from services.cli.importer import Importer, Outcome
from services.cli.link import Link
from services.cli.sffd import Kind, Record, read

LISTED = 20


def run(link: Link, path: Path, *, limit: int | None, as_json: bool) -> bool:
    """Import the file; returns whether every row was recorded, or refused with its reason."""
    record = read(path, limit)
    started = time.monotonic()
    bars = Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    totals = {
        "units": len(record.by_unit()),
        "incidents": len(record.incidents()),
        "responses": len(record.rows),
    }
    tasks = {name: bars.add_task(name, total=total) for name, total in totals.items()}

    async def work(client: Client) -> Outcome:
        importer = Importer(client, record, lambda name, n: bars.advance(tasks[name], n))
        return await importer.run()

    with bars:
        outcome = link.run(work)
    told = summary(record, outcome, time.monotonic() - started)
    if as_json:
        json.dump(told, sys.stdout, ensure_ascii=False, indent=1)
        sys.stdout.write("\n")
    else:
        Console(highlight=False).print(picture(told))
    return bool(told["rows_read"] == told["assignments"] + len(told["refused"]))


def summary(record: Record, outcome: Outcome, seconds: float) -> dict[str, Any]:
    """Return what became of every row and every time in it, for programs."""
    rows = record.rows
    missing = Counter(kind.column for row in rows for kind in Kind if kind not in row.times)
    backwards = Counter(
        f"{later.column} before {earlier.column}"
        for row in rows
        for earlier, later in row.backwards
    )
    return {
        "rows_read": record.read,
        "incidents": outcome.incidents,
        "units": outcome.units,
        "assignments": outcome.assignments,
        "refused": [{"row": row, "reason": why} for row, why in outcome.refused],
        "steps": {kind.column: outcome.steps[kind.column] for kind in Kind if kind > 1},
        "refused_steps": [
            {"row": row, "column": column, "reason": why}
            for row, column, why in outcome.refused_steps
        ],
        "double_bookings_overridden": [
            {"unit": unit, "calls": [one, other]} for unit, one, other in outcome.overridden
        ],
        "recalled_from_rest": outcome.recalled,
        "released_at_next_call_for_want_of_a_time": outcome.inferred_releases,
        "missing_times": dict(missing),
        "rows_with_times_that_run_backwards": sum(bool(row.backwards) for row in rows),
        "times_that_run_backwards": dict(backwards),
        "recorded_as_late": outcome.late,
        "rows_with_ambiguous_local_times": sum(bool(row.ambiguous) for row in rows),
        "rows_with_transport_times_not_carried": sum(row.transported for row in rows),
        "acts_written": outcome.written,
        "acts_there_already": outcome.there_already,
        "seconds": round(seconds, 1),
    }


def picture(told: dict[str, Any]) -> Group:
    """Return the same for people."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right", style="bold")
    table.add_column()

    def line(count: int, what: str) -> None:
        table.add_row(f"{count:,}", what)

    line(told["rows_read"], "rows read")
    line(told["incidents"], "incidents")
    line(told["units"], "units")
    line(told["assignments"], "assignments")
    for column, count in told["steps"].items():
        line(count, f"times of {column.removesuffix(' DtTm')}")
    line(len(told["double_bookings_overridden"]), "double bookings, recorded as overrides")
    line(told["recalled_from_rest"], "units sent though they owed a rest, recorded as recalls")
    for column, count in told["missing_times"].items():
        line(count, f"rows without a time of {column.removesuffix(' DtTm')}")
    line(
        told["released_at_next_call_for_want_of_a_time"],
        "units released at their next call, for want of a time",
    )
    line(told["rows_with_times_that_run_backwards"], "rows whose times run backwards, kept as said")
    for pair, count in told["times_that_run_backwards"].items():
        line(count, f"  {pair.replace(' DtTm', '')}")
    line(told["recorded_as_late"], "facts that came late")
    line(told["rows_with_ambiguous_local_times"], "rows in the hour that autumn has twice")
    line(told["rows_with_transport_times_not_carried"], "rows with transport times, not carried")
    line(len(told["refused"]), "rows refused")
    line(len(told["refused_steps"]), "times refused")
    refusals = [*told["refused"], *told["refused_steps"]]
    notes = [
        Text(),
        *(
            Text(f"override: {entry['unit']} on {' and '.join(entry['calls'])}")
            for entry in told["double_bookings_overridden"]
        ),
        *(
            Text(f"refused: {entry['row']} {entry.get('column', '')} {entry['reason']}")
            for entry in refusals[:LISTED]
        ),
    ]
    if len(refusals) > LISTED:
        notes.append(Text(f"… and {len(refusals) - LISTED} more: --json lists them all"))
    if told["acts_written"]:
        already = told["acts_there_already"]
        said = f"{told['acts_written']:,} acts recorded, {already:,} were there already"
    else:
        said = "nothing was added: all of it had been recorded already"
    notes.append(Text(f"{said}; {told['seconds']} s", style="bold"))
    return Group(table, *notes)
