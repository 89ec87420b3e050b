"""The options that commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.exits import ends
from services.cli.link import Link
from services.cli.suite import DEFAULT_DATA, DEFAULT_PORT_BASE, HIGHEST_BASE

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


def linked(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that find its suite; it takes the ``link`` to it instead.

    What it cannot go on from ends as `ends` says.
    """
    own = inspect.signature(command, eval_str=True)
    asked = [one for one in own.parameters.values() if one.name != "link"]
    finding = inspect.signature(_link, eval_str=True).parameters

    @wraps(command)
    def with_link(**options: Any) -> None:
        with ends():
            link = _link(**{name: options.pop(name) for name in finding})
            command(link=link, **options)

    every = [*asked, *finding.values()]
    with_link.__annotations__ = {one.name: one.annotation for one in every}
    with_link.__signature__ = own.replace(parameters=every)  # type: ignore[attr-defined]
    return with_link


def _link(
    *,
    port_base: PortBase = DEFAULT_PORT_BASE,
    data: Data = DEFAULT_DATA,
    token: Token = "",
    address: Address = None,
    ca: Ca = None,
) -> Link:
    return Link(port_base, data, token, address or (), ca)
