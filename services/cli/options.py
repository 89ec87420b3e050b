"""The options that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.suite import HIGHEST_BASE

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
