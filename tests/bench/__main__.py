"""`make bench`: the speed goals of the design, each against a floor measured in the same run."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import grpc
import uvloop
from rich.console import Console
from rich.table import Table

from tests.bench.commands import many_callers, one_caller
from tests.bench.measure import Row
from tests.bench.notification import report_to_notified
from tests.bench.pages import long_incident
from tests.bench.positions import ten_thousand_units
from tests.bench.recommendation import recommending
from tests.suite import RunningSuite

SAVED = Path(__file__).parents[2] / ".bench"


async def measure(folder: Path) -> list[Row]:
    grpc.aio.init_grpc_aio()
    suite = RunningSuite.start(folder / "suite")
    try:
        return [
            *await one_caller(suite, folder),
            *await many_callers(suite),
            *await report_to_notified(suite),
            *await long_incident(suite),
            *await recommending(suite),
            *await ten_thousand_units(suite),
        ]
    finally:
        suite.stop()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = uvloop.run(measure(Path(folder)))
    table = Table(title="measured beside its floor, in one run on this machine")
    for heading in ("path", "measured", "floor", "ratio", "goal"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row.path, row.measured, row.floor, f"{row.ratio:.2f}", row.goal)
    Console(width=150).print(table)
    SAVED.mkdir(exist_ok=True)
    file = SAVED / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps([row.saved() for row in rows], indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
