"""The commands that play drills, bring in plans and import records."""

from __future__ import annotations

import json as encoding
from pathlib import Path
from typing import Annotated

import typer

from services.cli.exits import Exit, ends
from services.cli.link import Link
from services.cli.options import File, Json, linked

drill = typer.Typer(no_args_is_help=True, help="Play drills (演练) through the public APIs.")


@drill.command("play")
@linked
def drill_play(
    link: Link,
    file: File,
    exercise_id: Annotated[
        str, typer.Option(help="Marks all that the drill records; default: the drill's own id.")
    ] = "",
    speed: Annotated[
        float, typer.Option(min=0, help="60 plays an hour in a minute; 0 does not wait.")
    ] = 600,
    start: Annotated[
        str, typer.Option(help="Begin then instead, e.g. 2026-06-18T01:10+08:00.")
    ] = "",
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds to go on asking a service that is away.")
    ] = 60,
    json: Json = False,  # noqa: FBT002
) -> None:
    """Play a scenario.

    Every act is made by its own person.  Playing the same exercise again adds nothing; an
    interrupted play goes on where it stopped.  Ends with 0 only if everything went as the file
    says.
    """
    from services.cli import drill as drills  # noqa: PLC0415
    from services.cli.scenario import instant  # noqa: PLC0415

    went_well = drills.play(
        link,
        file,
        exercise_id=exercise_id,
        start=instant(start, None, "--start") if start else None,
        speed=speed,
        patience_s=patience,
        as_json=json,
    )
    if not went_well:
        raise typer.Exit(Exit.FAILED)


@drill.command("check")
def drill_check(file: File) -> None:
    """Read a scenario and build every request in it, without playing."""
    with ends():
        from services.cli.scenario_file import load  # noqa: PLC0415

        scenario = load(file)
        typer.echo(
            f"{scenario.title}: {len(scenario.steps)} steps, {len(list(scenario.acts()))} acts"
        )


imports = typer.Typer(no_args_is_help=True, help="Import records through the public APIs.")


@imports.command("sffd")
@linked
def import_sffd(
    link: Link,
    file: File,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many rows.")] = None,
    json: Json = False,  # noqa: FBT002
) -> None:
    """Import San Francisco's fire calls (DataSF, "Fire Department Calls for Service").

    Each row becomes an assignment or is listed with the reason why not.  Importing the same rows
    again adds nothing.
    """
    from services.cli import imports as importing  # noqa: PLC0415

    if not importing.run(link, file, limit=limit, as_json=json):
        raise typer.Exit(Exit.FAILED)


plans = typer.Typer(no_args_is_help=True, help="Bring plans (预案) in through the public APIs.")


@plans.command("load")
@linked
def plans_load(
    link: Link,
    file: Annotated[
        list[Path] | None,
        typer.Argument(help="Default: every sample that comes with the suite.", dir_okay=False),
    ] = None,
    json: Json = False,  # noqa: FBT002
) -> None:
    """Bring sample plans into force, for exercises.

    Each is drafted, and passed through review, assessment and publication as a sample, as of the
    day that its file names.  Loading again changes nothing.  In earnest no response is activated
    under a sample: adopt it by a revision that people review and publish.
    """
    from services.cli import plans as samples  # noqa: PLC0415

    loaded = link.run(lambda client: samples.load(client, file or samples.shipped()))
    if json:
        shown = [
            {"plan_id": one.plan.plan_id, "version": one.version, "acts": one.acts}
            for one in loaded
        ]
        typer.echo(encoding.dumps(shown))
    else:
        for one in loaded:
            typer.echo(one.said)
