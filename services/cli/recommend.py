"""`anlan recommend`, `anlan runcards load`: which units to send, and the cards that say so."""

from __future__ import annotations

import json as encoding
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.cli.link import Link
from services.cli.options import Json, linked

app = typer.Typer()
cards = typer.Typer(no_args_is_help=True, help="Bring run cards (调派卡) in.")
app.add_typer(cards, name="runcards")

OLD_S = 10.0
"""A fleet that is known as of longer ago is told in red."""


@app.command()
@linked
def recommend(
    link: Link,
    incident_id: Annotated[str, typer.Argument(metavar="INCIDENT")],
    alarm_level: Annotated[
        int, typer.Option("--alarm", min=0, max=9, help="Alarm level; default 1.")
    ] = 0,
    card: Annotated[str, typer.Option(help="A run card's id; default: the most specific.")] = "",
    kind: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND[:N]", help="Wants in place of a card, e.g. boat:3; repeatable."),
    ] = None,
    json: Json = False,  # noqa: FBT002
) -> None:
    """Recommend units for an incident: who goes, when they are there, who cannot and why.

    It holds nobody; what it rests on is stored, and can be cited by a decision.
    """
    from services.cli.client import Client  # noqa: PLC0415
    from services.cli.reads import PATIENCE_S, one  # noqa: PLC0415
    from services.cli.rpc import find, plain  # noqa: PLC0415
    from services.cli.views import show  # noqa: PLC0415

    rpc = find("dispatch.RecommendationService/RecommendUnits")
    request: Any = rpc.request(
        request_id=str(uuid4()),
        incident_id=incident_id,
        alarm_level=alarm_level,
        run_card_id=card,
    )
    for want in kind or ():
        name, _, number = want.partition(":")
        if number and not number.isdigit():
            raise typer.BadParameter(f"{want!r}: want e.g. boat:3", param_hint="--kind")
        request.wants.add(kinds=[name], number=int(number or 1))

    async def ask(client: Client) -> Any:
        about = {"incident_id": incident_id}
        incident = await one(client, "command.IncidentService/GetIncident", about)
        return await client.call(
            rpc, request, patience_s=PATIENCE_S, exercise=incident["incident"]["exercise"]
        )

    found = plain(link.run(ask))["recommendation"]
    if json:
        encoding.dump(found, sys.stdout, ensure_ascii=False, indent=1)
        sys.stdout.write("\n")
    else:
        show(recommendation(found))


@cards.command("load")
@linked
def load_cards(
    link: Link,
    file: Annotated[
        list[Path] | None,
        typer.Argument(help="Default: every sample that comes with the suite.", dir_okay=False),
    ] = None,
) -> None:
    """Bring sample run cards into force.  They answer in exercises only.

    Loading again changes nothing.  A card that shall hold in earnest is drafted and published by
    people.
    """
    from services.cli import run_cards as samples  # noqa: PLC0415

    loaded = link.run(lambda client: samples.load(client, file or samples.shipped()))
    for one in loaded:
        typer.echo(one.said)


def recommendation(found: Mapping[str, Any]) -> RenderableType:
    """Show one recommendation: picks and how to send them, what is missing, why not the others."""
    from services.cli.views import clock  # noqa: PLC0415

    wants = [_want(want) for want in found["wants"]]
    basis = found["basis"]
    head = Text(found["recommendation_id"], style="bold")
    if basis["run_card_id"]:
        head.append(
            f"   {basis['run_card_id']} v{basis['run_card_version']} "
            f"alarm level {basis['alarm_level']}: {', '.join(found['card_reasons'])}",
            style="dim",
        )
    parts: list[RenderableType] = [head]
    if found["tied_run_card_ids"]:
        parts.append(Text(f"as specific: {', '.join(found['tied_run_card_ids'])}", style="yellow"))
    if found["instructions"]:
        parts.append(Text(found["instructions"], style="bold"))
    if found["planned_start_time"]:
        starts = clock(found["planned_start_time"])
        parts.append(
            Text(
                f"STARTS {starts}: anlan preplan {found['recommendation_id']}", style="bold yellow"
            )
        )
    if found["picks"]:
        parts.append(_units(found["picks"], wants, style="green"))
        if not found["planned_start_time"]:
            units = " ".join(one["unit_id"] for one in found["picks"])
            parts.append(Text(f"to send them: anlan dispatch {units} --to {found['incident_id']}"))
    else:
        parts.append(Text("NOBODY CAN BE SENT", style="bold red"))
    for short in found["shortfalls"]:
        why = _word(short["reason"], "SHORTFALL_REASON_")
        counts = ", ".join(_count(one) for one in short["counts"])
        parts.append(
            Text(
                f"MISSING {short['missing']} × {wants[short['want']]}: {why}"
                + (f" ({counts})" if counts else ""),
                style="bold red",
            )
        )
    for gap in found["uncovered"]:
        moves = ", ".join(
            f"{one['unit_id']} in {_minutes(one['arrival_s'])}" for one in gap["move_ups"]
        )
        parts.append(
            Text(
                f"UNCOVERED {gap['name']} ({'/'.join(gap['kinds'])}): {gap['left']} left of "
                f"{gap['minimum']}{', short before already' if gap['before'] else ''}; "
                f"could move up: {moves or 'nobody'}",
                style="bold yellow",
            )
        )
    if found["others"]:
        parts += [Text("\nnot sent", style="bold"), _units(found["others"], wants, style="dim")]
    if found["rest"]:
        rest = ", ".join(_count(one) for one in found["rest"])
        parts.append(Text(f"and not listed: {rest}", style="dim"))
    parts.append(_known(basis))
    return Group(*parts)


def _units(units: list[Any], wants: list[str], style: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("unit", "name", "kind", "arrives", "away", "why", "for"):
        table.add_column(heading, overflow="fold")
    for one in units:
        why = _word(one["verdict"], "VERDICT_")
        if one["holder"]:
            why += f" by {one['holder']} for {one['held_for_incident_id'] or '—'}"
        if one["needs_approval"]:
            why += ", needs approval"
        table.add_row(
            Text(one["unit_id"]),
            Text(one["name"]),
            one["kind"],
            _minutes(one["arrival_s"]),
            f"{one['distance_m'] / 1000:.1f} km" if one["distance_m"] >= 0 else "—",
            Text(why),
            Text(wants[one["want"]] if one["want"] >= 0 else "—"),
            style=style,
        )
    return table


def _known(basis: Mapping[str, Any]) -> Text:
    by = _word(basis["travel_method"], "TRAVEL_METHOD_")
    said = f"times by {by}{'; ' + basis['routing_fallback'] if basis['routing_fallback'] else ''}"
    age = basis["fleet_age_s"]
    if age > OLD_S:
        return Text(
            f"THE UNITS ARE AS KNOWN {age:.0f} s AGO: resources do not answer; {said}",
            style="bold red",
        )
    return Text(f"units as known {age:.0f} s ago, position {basis['fleet_position']}; {said}")


def _want(want: Mapping[str, Any]) -> str:
    names = "/".join([*want["kinds"], *want["types"]])
    return "+".join([*([names] if names else []), *want["capabilities"], *want["attributes"]])


def _count(one: Mapping[str, Any]) -> str:
    return f"{one['count']} {_word(one['verdict'], 'VERDICT_')}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 0 else "—"


def _word(value: str, prefix: str) -> str:
    return value.removeprefix(prefix).lower().replace("_", " ")
