"""`make bench`: the speed goals of the design, each against a floor measured in the same run."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import traceback
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import grpc
import uvloop
from rich.console import Console
from rich.table import Table

from tests.bench.board import long_board
from tests.bench.commands import many_callers, one_caller
from tests.bench.growth import growth, whole_growth
from tests.bench.measure import Row
from tests.bench.notification import report_to_notified
from tests.bench.pages import long_incident
from tests.bench.positions import ten_thousand_units
from tests.bench.recommendation import recommending
from tests.bench.replay import replay, whole_replay
from tests.bench.watchers import five_hundred
from tests.suite import RunningSuite

SAVED = Path(__file__).parents[2] / ".bench"
MET = {True: "met", False: "NOT MET", None: "—"}

Bench = Callable[[Path], Awaitable[list[Row]]]


def in_suite(bench: Callable[[RunningSuite], Awaitable[list[Row]]]) -> Bench:
    """Return what runs ``bench`` on a suite of its own, which nothing before has filled."""

    async def run(folder: Path) -> list[Row]:
        suite = RunningSuite.start(folder)
        try:
            return await bench(suite)
        finally:
            suite.stop()

    return run


BENCHES: dict[str, Bench] = {
    "command": in_suite(one_caller),
    "callers": in_suite(many_callers),
    "notification": in_suite(report_to_notified),
    "page": in_suite(long_incident),
    "recommendation": in_suite(recommending),
    "positions": in_suite(ten_thousand_units),
    "board": long_board,
    "watchers": five_hundred,
    "replay": replay,
    "growth": growth,
}
LONG: dict[str, Bench] = {"replay-whole": whole_replay, "growth-whole": whole_growth}
"""At the sizes of the design, for minutes: only where they are named."""
ALL = BENCHES | LONG


async def measure(names: Sequence[str]) -> tuple[list[Row], list[str]]:
    """Return what was measured, and which names could not be."""
    grpc.aio.init_grpc_aio()
    rows: list[Row] = []
    failed = []
    for name in names:
        print(f"{datetime.now(UTC):%H:%M:%S} {name}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            try:
                rows += await ALL[name](Path(folder) / name)
            except Exception:  # noqa: BLE001 - one that breaks does not hide the others
                traceback.print_exc()
                failed.append(name)
    return rows, failed


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(ALL))
    names = parser.parse_args().names or list(BENCHES)
    if unknown := [name for name in names if name not in ALL]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(ALL)}")
    rows, failed = uvloop.run(measure(names))
    table = Table(title="measured beside its floor, in one run on this machine")
    for heading in ("path", "measured", "floor", "ratio", "goal", "met?"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row.path, row.measured, row.floor, f"{row.ratio:.2f}", row.goal, MET[row.met])
    Console(width=160).print(table)
    SAVED.mkdir(exist_ok=True)
    file = SAVED / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.write_text(json.dumps([row.saved() for row in rows], indent=1, ensure_ascii=False))
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
