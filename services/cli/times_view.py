"""Response times as bars in the terminal, and as rows for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.cli.views import fresh

BAR = 40
KEYS = ("unit_id", "unit_kind", "township_adcode", "hour", "incident_type", "year")
INTERVALS = ("transfer", "answer", "processing", "turnout", "travel", "initiating_action")


def chart(answer: Mapping[str, Any], wanted: Sequence[str], now: datetime) -> RenderableType:
    """Draw one chart an interval: a bar to the highest percentile, filled up to the lowest."""
    parts: list[RenderableType] = []
    for name in wanted or INTERVALS:
        rows = [
            (group, measured)
            for group in answer["groups"]
            for measured in group["intervals"]
            if _name(measured) == name and measured["count"]
        ]
        if rows:
            parts.append(_chart(name, rows))
    parts = parts or [Text("no assignments to measure")]
    return Group(*parts, fresh(answer["freshness"], now))


def write_csv(answer: Mapping[str, Any], file: Path) -> int:
    """Write one row for each group and interval; return how many."""
    percents = [f"{p:g}" for p in _percents(answer)]
    written = 0
    with file.open("w", newline="", encoding="utf-8-sig") as out:  # what spreadsheets read
        rows = csv.writer(out)
        heads = [*KEYS, "interval", "count", "missing", "reversed"]
        rows.writerow(
            [*heads, *(f"p{p}_s" for p in percents), "target_id", "target_s", "share_within", "met"]
        )
        for group in answer["groups"]:
            for measured in group["intervals"]:
                for target in measured["targets"] or [None]:
                    rows.writerow(_row(group, measured, percents, target))
                    written += 1
    return written


def _row(
    group: Mapping[str, Any], measured: Mapping[str, Any], percents: Sequence[str], target: Any
) -> Iterator[Any]:
    yield from (
        "" if group.get(key) in {None, 0, ""} and key != "hour" else group.get(key) for key in KEYS
    )
    yield _name(measured)
    yield from (measured["count"], measured["missing"], measured["reversed"])
    found = {f"{one['percent']:g}": one["seconds"] for one in measured["percentiles"]}
    yield from (found.get(percent, "") for percent in percents)
    if target is not None:
        yield target["target_id"]
        yield target["seconds"]
        yield round(target["share_within"], 4)
        yield target["met"]


def _chart(name: str, rows: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> Table:
    longest = max(one["seconds"] for _, row in rows for one in row["percentiles"])
    targets = [one for _, row in rows for one in row["targets"]]
    longest = max([longest, *(one["seconds"] for one in targets)])
    percents = [f"{one['percent']:g}" for one in rows[0][1]["percentiles"]]
    title = f"{name.replace('_', ' ')}, seconds: {' / '.join(f'p{p}' for p in percents)}"
    if targets:
        title += "   ┃ target"
    shown = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for heading, justify in (("", "left"), ("", "left"), ("s", "right"), ("n", "right")):
        shown.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    shown.add_column("left out", justify="right", no_wrap=True)
    shown.add_column("within target", no_wrap=True)
    for group, measured in rows:
        seconds = [one["seconds"] for one in measured["percentiles"]]
        goals = [one["seconds"] for one in measured["targets"]]
        met = [
            f"{100 * one['share_within']:.0f} % of {one['percent']:g} % in {one['seconds']:g} s"
            for one in measured["targets"]
        ]
        missed = any(not one["met"] for one in measured["targets"])
        left = measured["missing"] + measured["reversed"]
        shown.add_row(
            _label(group),
            _bar(seconds, goals, longest),
            " / ".join(f"{one:.0f}" for one in seconds),
            str(measured["count"]),
            str(left or ""),
            Text("; ".join(met), style="red" if missed else "green"),
        )
    return shown


def _bar(seconds: Sequence[float], goals: Sequence[float], longest: float) -> Text:
    """Draw up to each percentile with a lighter block, and mark the targets."""
    blocks = "█▓▒░"
    cells = [" "] * (BAR + 1)
    start = 0
    for number, value in enumerate(sorted(seconds)):
        end = _cell(value, longest)
        for at in range(start, end):
            cells[at] = blocks[min(number, len(blocks) - 1)]
        start = max(start, end)
    for goal in goals:
        cells[_cell(goal, longest)] = "┃"
    return Text("".join(cells), style="cyan")


def _cell(value: float, longest: float) -> int:
    return round(BAR * value / longest) if longest else 0


def _label(group: Mapping[str, Any]) -> str:
    parts = [
        f"{group['hour']:02d}:00" if key == "hour" else str(group[key])
        for key in KEYS
        if group.get(key) is not None and (group[key] or key == "hour")
    ]
    return " ".join(parts) or "all"


def _percents(answer: Mapping[str, Any]) -> list[float]:
    return sorted(
        {
            one["percent"]
            for group in answer["groups"]
            for measured in group["intervals"]
            for one in measured["percentiles"]
        }
    )


def _name(measured: Mapping[str, Any]) -> str:
    return str(measured["interval"]).removeprefix("RESPONSE_INTERVAL_").lower()
