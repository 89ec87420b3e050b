"""The commands that look: timeline, board, clocks, units, stock, statistics."""

from __future__ import annotations

import json as encoding
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.exits import Exit
from services.cli.link import Link
from services.cli.options import Json, linked

if TYPE_CHECKING:
    from services.cli.client import Client

app = typer.Typer()
stats = typer.Typer(no_args_is_help=True, help="Statistics of what was recorded.")
app.add_typer(stats, name="stats")

AsOf = Annotated[
    str, typer.Option(help="As recorded at a time (2026-06-18T04:15+08:00) or a position.")
]
Adcode = Annotated[str, typer.Option(help="Only inside this region, e.g. 431281106.")]
DIMENSIONS = {
    "unit": "UNIT",
    "kind": "UNIT_KIND",
    "township": "TOWNSHIP",
    "hour": "HOUR",
    "type": "INCIDENT_TYPE",
    "year": "YEAR",
}
Read = Callable[["Client"], Awaitable[dict[str, Any]]]


@app.command()
@linked
def timeline(
    link: Link,
    incident_id: Annotated[str, typer.Argument(metavar="ID")],
    as_of: AsOf = "",
    json: Json = False,  # noqa: FBT002
) -> None:
    """Show everything that happened in an incident, in the order it was recorded."""
    from services.cli import reads, views  # noqa: PLC0415

    bound = moment(as_of)
    answer = link.run(lambda client: reads.timeline(client, incident_id, bound))
    if json:
        for entry in answer["entries"]:
            entry["data"] = encoding.loads(entry["data"] or "null")
        put(answer)
    else:
        views.show(views.timeline(answer, datetime.now(UTC)))
    if not answer["entries"]:
        print(f"anlan: nothing is recorded of {incident_id!r}", file=sys.stderr)
        raise typer.Exit(Exit.NOT_FOUND)


@app.command()
@linked
def board(
    link: Link,
    adcode: Adcode = "",
    as_of: AsOf = "",
    json: Json = False,  # noqa: FBT002
) -> None:
    """Show open incidents, and the units under way: those that do not answer come first."""
    from services.cli import reads, views  # noqa: PLC0415

    bound = moment(as_of)
    answer = link.run(lambda client: reads.board(client, adcode, bound))
    seen = answer["freshness"]["dispatch"]["event_time"] if bound.isdigit() else bound
    at = datetime.fromisoformat(seen) if seen else None
    put(answer) if json else views.show(views.board(answer, datetime.now(UTC), at))


@app.command()
@linked
def clocks(
    link: Link,
    incident: Annotated[str, typer.Option(help="Only of this incident.")] = "",
    adcode: Adcode = "",
    every: Annotated[bool, typer.Option("--all", help="Also those met.")] = False,  # noqa: FBT002
    as_of: AsOf = "",
    json: Json = False,  # noqa: FBT002
) -> None:
    """Show the law's clocks (法定时限): which report is owed to whom by when; what came late."""
    from services.cli import reads, views  # noqa: PLC0415

    bound = moment(as_of)
    answer = link.run(lambda client: reads.clocks(client, incident, adcode, bound, ended=every))
    put(answer) if json else views.show(views.clocks(answer, datetime.now(UTC)))


@app.command()
@linked
def units(
    link: Link,
    kind: Annotated[str, typer.Option(help="E.g. engine, boat, medical.")] = "",
    status: Annotated[
        str, typer.Option(help="available, reserved, assigned or out-of-service.")
    ] = "",
    adcode: Adcode = "",
    as_of: AsOf = "",
    json: Json = False,  # noqa: FBT002
) -> None:
    """Show the units (力量): which can be sent, and who holds the others."""
    from services.cli import reads, views  # noqa: PLC0415

    if status not in {"", "available", "reserved", "assigned", "out-of-service"}:
        raise typer.BadParameter(
            f"{status!r}: want available, reserved, assigned or out-of-service",
            param_hint="--status",
        )
    bound = moment(as_of)
    answer = link.run(lambda client: reads.units(client, kind, status, adcode, bound))
    put(answer) if json else views.show(views.units(answer, datetime.now(UTC)))


@app.command()
@linked
def stock(
    link: Link,
    depot: Annotated[str, typer.Argument(metavar="[DEPOT]")] = "",
    days: Annotated[
        int, typer.Option(help="Show lots that expire within so many days.", min=1, max=3650)
    ] = 30,
    as_of: AsOf = "",
    json: Json = False,  # noqa: FBT002
) -> None:
    """Show supplies (物资) of a depot or all: too little, about to expire, on the road, on hand."""
    from services.cli import stock as stockroom  # noqa: PLC0415
    from services.cli import views  # noqa: PLC0415

    bound = moment(as_of)
    answer = link.run(lambda client: stockroom.read(client, depot, days, bound))
    put(answer) if json else views.show(stockroom.view(answer, datetime.now(UTC)))


@stats.command("response-times")
@linked
def response_times(
    link: Link,
    time_zone: Annotated[
        str, typer.Option(help="In which years begin, e.g. America/Los_Angeles.")
    ] = "Asia/Shanghai",
    exercise: Annotated[str, typer.Option(help="Of this drill; default: in earnest.")] = "",
    since: Annotated[str, typer.Option(help="Dispatched at or after, e.g. 2026-01-01.")] = "",
    until: Annotated[str, typer.Option(help="Dispatched before.")] = "",
    by: Annotated[
        list[str] | None,
        typer.Option(help="unit, kind, township, hour, type or year; repeatable. Draws a chart."),
    ] = None,
    interval: Annotated[
        list[str] | None,
        typer.Option(
            help="Chart only: transfer, answer, processing, turnout, travel, initiating_action."
        ),
    ] = None,
    percentile: Annotated[
        list[float] | None, typer.Option(help="Default: 50, 90 and 95; repeatable.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every group and interval there.")
    ] = None,
    json: Json = False,  # noqa: FBT002
) -> None:
    """Show response times (响应时间) per unit kind and year, or by whatever is asked for.

    Percentiles, never means.  Targets are defaults to be made local: reference/response_targets.
    """
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from services.cli import reads, times_view, views  # noqa: PLC0415

    try:
        zone = ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError):
        raise typer.BadParameter(
            f"no zone {time_zone!r}; want e.g. Asia/Shanghai", param_hint="--time-zone"
        ) from None
    if strange := set(interval or ()) - set(times_view.INTERVALS):
        raise typer.BadParameter(
            f"{', '.join(sorted(strange))}: want {', '.join(times_view.INTERVALS)}",
            param_hint="--interval",
        )
    groups = [_dimension(name) for name in by or ()]
    begin, end = (_at(text, zone) if text else None for text in (since, until))
    answer = link.run(
        lambda client: reads.response_times(
            client, time_zone, exercise, begin, end, groups, percentile or ()
        )
    )
    if csv is not None:
        written = times_view.write_csv(answer, csv)
        print(f"{written} rows in {csv}", file=sys.stderr)
    if json:
        put(answer)
    elif by or interval:
        views.show(times_view.chart(answer, interval or (), datetime.now(UTC)))
    elif csv is None:
        views.show(views.response_times(answer, datetime.now(UTC)))


def _dimension(name: str) -> str:
    if name not in DIMENSIONS:
        raise typer.BadParameter(f"{name!r}: want {', '.join(DIMENSIONS)}", param_hint="--by")
    return f"RESPONSE_DIMENSION_{DIMENSIONS[name]}"


def moment(as_of: str) -> str:
    """Return ``as_of`` as the API takes it: a position, or a time with its zone."""
    from services.cli.views import BEIJING  # noqa: PLC0415

    return as_of if as_of.isdigit() or not as_of else _at(as_of, BEIJING).isoformat()


def _at(text: str, zone: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: want e.g. 2026-06-18T04:15+08:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def put(answer: dict[str, Any]) -> None:
    encoding.dump(answer, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")
