"""The `anlan` command: starts the suite, speaks its APIs, plays drills, imports records."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Annotated

import typer

from services.cli import act, lists, look, play, recommend
from services.cli.exits import Exit, ends
from services.cli.options import Data, PortBase
from services.cli.suite import DEFAULT_DATA, DEFAULT_PORT_BASE

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="安澜 Anlan: incident command and dispatch. Times are shown in Asia/Shanghai.",
    epilog=Exit.explained(),
)


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


app.add_typer(play.drill, name="drill")
app.add_typer(play.plans, name="plans")
app.add_typer(play.imports, name="import")
app.add_typer(look.app)
app.add_typer(act.app)
app.add_typer(lists.app)
app.add_typer(recommend.app)


if __name__ == "__main__":
    app(prog_name="anlan")
