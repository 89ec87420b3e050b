"""A real city's dispatches: imported whole, once, and measured as the file itself says."""

from __future__ import annotations

import csv
import json
import statistics
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.story import log_of
from tests.suite import RunningSuite

FILE = Path("tests/data/sffd-unit-responses-2009-2015.csv")
ROWS = 3038
ZONE = ZoneInfo("America/Los_Angeles")
INTERVALS = {
    "call_processing": ("Received DtTm", "Dispatch DtTm"),
    "turnout": ("Dispatch DtTm", "Response DtTm"),
    "travel": ("Response DtTm", "On Scene DtTm"),
}


def interpolated(values: list[float], percent: int) -> float:
    """Return the percentile between closest ranks, by the standard library."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def measured(rows: int) -> dict[tuple[str, int], dict[str, Any]]:
    """Compute from the file alone what the suite must answer."""
    seconds: dict[tuple[str, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    reversed_: dict[tuple[str, int], int] = defaultdict(int)
    with FILE.open(newline="") as file:
        for row in islice(csv.DictReader(file), rows):
            times = {
                column: datetime.strptime(value, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=ZONE)
                for column, value in row.items()
                if column.endswith("DtTm") and value
            }
            kind = row["Unit Type"].lower().replace(" ", "_")
            group = (kind, times["Dispatch DtTm"].year)
            for name, (start, end) in INTERVALS.items():
                if start not in times or end not in times:
                    continue
                interval = times[end].timestamp() - times[start].timestamp()
                if interval < 0:
                    reversed_[group] += 1
                else:
                    seconds[group][name].append(interval)
    return {
        group: {
            "reversed": reversed_[group],
            **{
                name: (
                    len(values),
                    pytest.approx(interpolated(values, 50)),
                    pytest.approx(interpolated(values, 90)),
                )
                for name, values in found.items()
            },
        }
        for group, found in seconds.items()
    }


def answered(stats: dict[str, Any]) -> dict[tuple[str, int], dict[str, Any]]:
    return {
        (row["unit_kind"], row["year"]): {
            "reversed": row.get("reversed", 0),
            **{
                name: (row[name]["count"], row[name]["median_s"], row[name]["p90_s"])
                for name in INTERVALS
                if row.get(name, {}).get("count")
            },
        }
        for row in stats["rows"]
    }


def by_hour(rows: int) -> dict[tuple[int, str], Any]:
    """Compute from the file alone the 90th and 95th percentiles by hour of dispatch."""
    seconds: dict[tuple[int, str], list[float]] = defaultdict(list)
    with FILE.open(newline="") as file:
        for row in islice(csv.DictReader(file), rows):
            times = {
                column: datetime.strptime(value, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=ZONE)
                for column, value in row.items()
                if column.endswith("DtTm") and value
            }
            for name, (start, end) in INTERVALS.items():
                if start in times and end in times:
                    took = times[end].timestamp() - times[start].timestamp()
                    if took >= 0:
                        seconds[times["Dispatch DtTm"].hour, name].append(took)
    return {
        key: (
            len(values),
            pytest.approx(interpolated(values, 90)),
            pytest.approx(interpolated(values, 95)),
        )
        for key, values in seconds.items()
    }


def answered_by_hour(stats: dict[str, Any]) -> dict[tuple[int, str], Any]:
    names = {f"RESPONSE_INTERVAL_{name.removeprefix('call_').upper()}": name for name in INTERVALS}
    return {
        (group["hour"], names[one["interval"]]): (
            one["count"],
            *(found["seconds"] for found in one["percentiles"]),
        )
        for group in stats["groups"]
        for one in group["intervals"]
        if one["interval"] in names and one["count"]
    }


async def import_and_compare(suite: RunningSuite, rows: int) -> dict[str, Any]:
    limit = () if rows == ROWS else ("--limit", str(rows))
    first = suite.run("import", "sffd", str(FILE), "--json", *limit)
    assert first.returncode == 0, first.stdout
    summary: dict[str, Any] = json.loads(first.stdout)
    log = [event.id for event in await log_of(suite)]

    shown = suite.run("stats", "response-times", "--json", "--time-zone", ZONE.key)
    assert shown.returncode == 0, shown.stdout
    assert answered(json.loads(shown.stdout)) == measured(rows)

    asked = ("--by", "hour", "--percentile", "90", "--percentile", "95", "--json")
    hours = suite.run("stats", "response-times", "--time-zone", ZONE.key, *asked)
    assert hours.returncode == 0, hours.stdout
    assert answered_by_hour(json.loads(hours.stdout)) == by_hour(rows)

    second = suite.run("import", "sffd", str(FILE), "--json", *limit)
    assert second.returncode == 0, second.stdout
    assert json.loads(second.stdout)["acts_written"] == 0
    assert [event.id for event in await log_of(suite)] == log

    assert summary["rows_read"] == rows == summary["assignments"]
    assert summary["refused"] == summary["refused_steps"] == []
    return summary


async def test_the_first_rows_are_imported_once_and_measured_right(
    start_suite: Callable[[], RunningSuite],
) -> None:
    await import_and_compare(start_suite(), 400)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_the_whole_file_is_imported_in_two_minutes(
    start_suite: Callable[[], RunningSuite],
) -> None:
    summary = await import_and_compare(start_suite(), ROWS)

    assert summary["seconds"] < 120
    assert summary["incidents"] == 651
    assert summary["rows_with_times_that_run_backwards"] == 11
    assert summary["double_bookings_overridden"]
