"""What a county keeps lists of: `anlan sites load`, `anlan near` and `anlan experts`."""

from __future__ import annotations

import json as encoding
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli.exits import Exit
from services.cli.link import Link
from services.cli.look import Adcode, AsOf, moment, put
from services.cli.options import Json, linked

app = typer.Typer()
sites = typer.Typer(
    no_args_is_help=True,
    help="Bring lists of risk sites (风险点), landing points (起降点) and experts (专家) in.",
)

app.add_typer(sites, name="sites")
TYPES = ("deciding", "on-scene", "technical")
STATES = ("available", "unavailable", "called-up", "arrived", "retired")
Point = Annotated[str, typer.Argument(metavar="LAT,LON", help="WGS-84 degrees.")]


@sites.command("load")
@linked
def sites_load(
    link: Link,
    file: Annotated[
        list[Path] | None,
        typer.Argument(help="CSV; default: the samples that come with the suite.", dir_okay=False),
    ] = None,
    exercise: Annotated[
        str, typer.Option(help="Load for this drill: every id then begins with the drill's.")
    ] = "",
    json: Json = False,  # noqa: FBT002
) -> None:
    """Record lists, each row or the reason why not; loading again writes nothing.

    The first column says what a list is of: site_id, landing_point_id or expert_id.  A row that
    says in its column `invented` what of it is made up, as all samples do, is taken for a drill
    only.  Ends with 1 if a row was refused; the others are recorded all the same.
    """
    from services.cli import site_file  # noqa: PLC0415
    from services.cli import sites as loading  # noqa: PLC0415

    if not file and not exercise:
        raise typer.BadParameter(
            "the samples are invented: name the drill that they are for",
            param_hint="--exercise",
        )
    lists = [site_file.read(path, exercise) for path in file or loading.shipped()]
    outcomes = link.run(lambda client: loading.load(client, lists, exercise))
    if json:
        told = [outcome.told for outcome in outcomes]
        typer.echo(encoding.dumps(told, ensure_ascii=False, indent=1))
    else:
        typer.echo("\n".join(line for outcome in outcomes for line in outcome.lines))
    if any(outcome.wrong for outcome in outcomes):
        raise typer.Exit(Exit.FAILED)


@app.command()
@linked
def near(
    link: Link,
    point: Point,
    within: Annotated[float, typer.Option(min=1, help="Metres.")] = 5_000,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many of each.")] = 10,
    side: Annotated[float, typer.Option(min=0, help="Landing points no narrower, metres.")] = 0,
    as_of: AsOf = "",
    json: Json = False,  # noqa: FBT002
) -> None:
    """Show what is near a point: risk sites (风险点), whom to call there, and landing points.

    Landing points (起降点) that are closed are shown, with the reason.
    """
    from services.cli import site_views, views  # noqa: PLC0415

    here = _point(point)
    bound = moment(as_of)
    answer = link.run(lambda client: site_views.read_near(client, here, within, limit, side, bound))
    put(answer) if json else views.show(site_views.near(answer, datetime.now(UTC)))


@app.command()
@linked
def experts(
    link: Link,
    field: Annotated[str, typer.Option(help="What they know, e.g. geology.")] = "",
    type_: Annotated[str, typer.Option("--type", help=f"{', '.join(TYPES)}.")] = "",
    state: Annotated[str, typer.Option(help=f"{', '.join(STATES)}.")] = "",
    text: Annotated[str, typer.Option(help="Part of a name or an organisation.")] = "",
    incident: Annotated[str, typer.Option(help="Called up to this incident.")] = "",
    adcode: Adcode = "",
    as_of: AsOf = "",
    json: Json = False,  # noqa: FBT002
) -> None:
    """Show experts (专家): what they know, how to reach them, and which incident has them."""
    from services.cli import site_views, views  # noqa: PLC0415

    wanted = {
        "field": field,
        "type": _enum("EXPERT_TYPE", type_, TYPES, "--type"),
        "state": _enum("EXPERT_STATE", state, STATES, "--state"),
        "text": text,
        "incident_id": incident,
        "adcode": adcode,
    }
    bound = moment(as_of)
    answer = link.run(lambda client: site_views.read_experts(client, wanted, bound))
    put(answer) if json else views.show(site_views.experts(answer, datetime.now(UTC)))


def _point(text: str) -> dict[str, float]:
    latitude, _, longitude = text.partition(",")
    try:
        return {"latitude": float(latitude), "longitude": float(longitude)}
    except ValueError:
        raise typer.BadParameter(
            f"{text!r}: want e.g. 27.1262,109.7361", param_hint="LAT,LON"
        ) from None


def _enum(prefix: str, word: str, known: tuple[str, ...], option: str) -> str:
    if not word:
        return f"{prefix}_UNSPECIFIED"
    if word not in known:
        raise typer.BadParameter(f"{word!r}: want {', '.join(known)}", param_hint=option)
    return f"{prefix}_{word.upper().replace('-', '_')}"
