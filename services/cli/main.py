"""The `anlan` command: starts the suite, speaks its APIs, plays drills, imports records."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from services.cli.exits import Exit, ends
from services.cli.link import Link
from services.cli.suite import DEFAULT_DATA, DEFAULT_PORT_BASE, HIGHEST_BASE

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="安澜 Anlan: incident command and dispatch. Times are shown in Asia/Shanghai.",
    epilog=Exit.explained(),
)

Data = Annotated[
    Path, typer.Option(envvar="ANLAN_DATA", help="The suite's folder: its data, keys and logs.")
]
PortBase = Annotated[
    int,
    typer.Option(
        envvar="ANLAN_PORT_BASE",
        min=0,
        max=HIGHEST_BASE,
        help="The suite's lowest port: node +0, nats +1, command +2, resources +3, dispatch +4, "
        "notify +5, audit +6.",
    ),
]
Token = Annotated[
    str, typer.Option(envvar="ANLAN_TOKEN", help="Default: one issued from DATA's keys.")
]
Address = Annotated[
    list[str] | None,
    typer.Option(metavar="SERVICE=HOST:PORT", help="Where a service is instead; repeatable."),
]
Ca = Annotated[Path | None, typer.Option(envvar="ANLAN_CA", help="Certificate authority, for TLS.")]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


@app.command()
def up(data: Data = DEFAULT_DATA, port_base: PortBase = DEFAULT_PORT_BASE) -> None:
    """Start the suite and keep it running; Ctrl-C stops it.

    Node, broker and services run as separate processes, whose logs are in DATA/logs.  Prints
    `ready` on a line of its own when all are.  Port base 0 takes free ports and says which.
    """
    from services.cli import up as suite  # noqa: PLC0415

    with ends():
        if not suite.run(data, port_base):
            raise typer.Exit(Exit.FAILED)


@app.command()
def token(
    role: Annotated[list[str] | None, typer.Option(help="May be repeated.")] = None,
    subject: Annotated[str, typer.Option(help="Who: a person, a device.")] = "",
    jurisdiction: Annotated[
        str, typer.Option(help="GB/T 2260 code; 000000 is the nation.")
    ] = "000000",
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 366, help="How long it holds.")] = 12,
    data: Data = DEFAULT_DATA,
) -> None:
    """Print a development token for the suite of DATA.

    Example: grpcurl -H "authorization: Bearer $(anlan token --role dispatcher)" …
    """
    from services.cli import tokens  # noqa: PLC0415

    with ends():
        if not jurisdiction.isascii() or not jurisdiction.isdigit():
            raise typer.BadParameter("digits only, e.g. 431281", param_hint="--jurisdiction")
        roles = tokens.known_roles(role or ["administrator"])
        who = subject or tokens.keyboard()
        sys.stdout.write(
            tokens.issue(data, who, roles, jurisdiction, timedelta(hours=hours)) + "\n"
        )


drill = typer.Typer(no_args_is_help=True, help="Play drills (演练) through the public APIs.")
app.add_typer(drill, name="drill")


@drill.command("play")
def drill_play(
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
    port_base: PortBase = DEFAULT_PORT_BASE,
    data: Data = DEFAULT_DATA,
    token: Token = "",
    address: Address = None,
    ca: Ca = None,
) -> None:
    """Play a scenario.

    Every act is made by its own person.  Playing the same exercise again adds nothing; an
    interrupted play goes on where it stopped.  Ends with 0 only if everything went as the file
    says.
    """
    with ends():
        from services.cli import drill as drills  # noqa: PLC0415
        from services.cli.scenario import instant  # noqa: PLC0415

        went_well = drills.play(
            Link(port_base, data, token, address or (), ca),
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


if __name__ == "__main__":
    app(prog_name="anlan")
