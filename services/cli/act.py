"""The commands that act: send units, say how one fares; and see who helps whom."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from services.cli.exits import Exit, ends
from services.cli.link import Link
from services.cli.look import AsOf, moment, put
from services.cli.options import Address, Ca, Data, Json, PortBase, Token
from services.cli.suite import DEFAULT_DATA, DEFAULT_PORT_BASE

app = typer.Typer()


@app.command()
def dispatch(
    units: Annotated[list[str], typer.Argument(metavar="UNIT…")],
    to: Annotated[str, typer.Option(metavar="INCIDENT", help="Where they go.")],
    order: Annotated[str, typer.Option(help="What they are to do, in words.")] = "",
    port_base: PortBase = DEFAULT_PORT_BASE,
    data: Data = DEFAULT_DATA,
    token: Token = "",
    address: Address = None,
    ca: Ca = None,
) -> None:
    """Send units to an incident (派遣).

    Each is sent for itself; of one that is not had it is said who holds it.  Ends with 0 only if
    all were sent.
    """
    with ends():
        from services.cli import acting  # noqa: PLC0415

        link = Link(port_base, data, token, address or (), ca)
        sent = link.run(lambda client: acting.dispatch(client, units, to, order))
        for one in sent:
            print(one.line, file=sys.stdout if one.went else sys.stderr)
        if not all(one.went for one in sent):
            raise typer.Exit(Exit.FAILED)


@app.command()
def preplan(
    recommendation: Annotated[str, typer.Argument(help="As `anlan recommend` names it.")],
    units: Annotated[
        list[str] | None, typer.Argument(metavar="[UNIT…]", help="Only these of its picks.")
    ] = None,
    at: Annotated[
        str, typer.Option(metavar="TIME", help="When they go; default: what the card plans.")
    ] = "",
    port_base: PortBase = DEFAULT_PORT_BASE,
    data: Data = DEFAULT_DATA,
    token: Token = "",
    address: Address = None,
    ca: Ca = None,
) -> None:
    """Let what was recommended go at a time to come (预定派遣).

    Until then it holds no unit.  One that cannot be had then stands on the board until somebody
    says what is done instead: `anlan status UNIT answer --note …`.
    """
    with ends():
        from services.cli import acting  # noqa: PLC0415

        link = Link(port_base, data, token, address or (), ca)
        for line in link.run(
            lambda client: acting.preplan(client, recommendation, units or (), moment(at))
        ):
            print(line)


@app.command()
def status(
    assignment: Annotated[str, typer.Argument(metavar="UNIT", help="A unit, or an assignment.")],
    word: Annotated[
        str,
        typer.Argument(
            help="Of its assignment, e.g. ack 接受, onscene 到场, clear 完成, mayday 求救; "
            "or of the unit itself, e.g. 用餐, 归队, or a code of EIDO. A wrong word lists all."
        ),
    ],
    note: Annotated[
        str, typer.Option(help="The disposition, the reason, where to, what happened: in words.")
    ] = "",
    port_base: PortBase = DEFAULT_PORT_BASE,
    data: Data = DEFAULT_DATA,
    token: Token = "",
    address: Address = None,
    ca: Ca = None,
) -> None:
    """Say how a unit fares, in one word: `anlan status boat-1 onscene`, `… boat-1 用餐`."""
    with ends():
        from services.cli import status as said  # noqa: PLC0415

        words = said.shipped()
        link = Link(port_base, data, token, address or (), ca)
        print(link.run(lambda client: said.say(client, words, assignment, word, note)))


@app.command()
def aid(
    incident: Annotated[str, typer.Option(help="Only for this incident.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Also those ended.")] = False,  # noqa: FBT002
    as_of: AsOf = "",
    json: Json = False,  # noqa: FBT002
    port_base: PortBase = DEFAULT_PORT_BASE,
    data: Data = DEFAULT_DATA,
    token: Token = "",
    address: Address = None,
    ca: Ca = None,
) -> None:
    """Show mutual aid (增援): who was asked, what each promised by name, which units came."""
    with ends():
        from services.cli import aid_view, reads  # noqa: PLC0415
        from services.cli.views import show  # noqa: PLC0415

        link = Link(port_base, data, token, address or (), ca)
        fields = {"incident_id": incident, "include_ended": every, "page_size": 500}
        name = "dispatch.AidService/ListAid"
        bound = moment(as_of)
        answer = link.run(lambda client: reads.every(client, name, "aid", fields, bound))
        put(answer) if json else show(aid_view.listed(answer, datetime.now(UTC)))
