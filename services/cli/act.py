"""The commands that act: send units, say how one fares; and see who helps whom."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from services.cli.exits import Exit
from services.cli.link import Link
from services.cli.look import AsOf, moment, put
from services.cli.options import Json, linked

app = typer.Typer()


@app.command()
@linked
def dispatch(
    link: Link,
    units: Annotated[list[str], typer.Argument(metavar="UNIT…")],
    to: Annotated[str, typer.Option(metavar="INCIDENT", help="Where they go.")],
    order: Annotated[str, typer.Option(help="What they are to do, in words.")] = "",
) -> None:
    """Send units to an incident (派遣).

    Each is sent for itself; of one that is not had it is said who holds it.  Ends with 0 only if
    all were sent.
    """
    from services.cli import acting  # noqa: PLC0415

    sent = link.run(lambda client: acting.dispatch(client, units, to, order))
    for one in sent:
        print(one.line, file=sys.stdout if one.went else sys.stderr)
    if not all(one.went for one in sent):
        raise typer.Exit(Exit.FAILED)


@app.command()
@linked
def preplan(
    link: Link,
    recommendation: Annotated[str, typer.Argument(help="As `anlan recommend` names it.")],
    units: Annotated[
        list[str] | None, typer.Argument(metavar="[UNIT…]", help="Only these of its picks.")
    ] = None,
    at: Annotated[
        str, typer.Option(metavar="TIME", help="When they go; default: what the card plans.")
    ] = "",
) -> None:
    """Let what was recommended go at a time to come (预定派遣).

    Until then it holds no unit.  One that cannot be had then stands on the board until somebody
    says what is done instead: `anlan status UNIT answer --note …`.
    """
    from services.cli import acting  # noqa: PLC0415

    for line in link.run(
        lambda client: acting.preplan(client, recommendation, units or (), moment(at))
    ):
        print(line)


@app.command()
@linked
def status(
    link: Link,
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
) -> None:
    """Say how a unit fares, in one word: `anlan status boat-1 onscene`, `… boat-1 用餐`."""
    from services.cli import status as said  # noqa: PLC0415

    words = said.shipped()
    print(link.run(lambda client: said.say(client, words, assignment, word, note)))


@app.command()
@linked
def aid(
    link: Link,
    incident: Annotated[str, typer.Option(help="Only for this incident.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Also those ended.")] = False,  # noqa: FBT002
    as_of: AsOf = "",
    json: Json = False,  # noqa: FBT002
) -> None:
    """Show mutual aid (增援): who was asked, what each promised by name, which units came."""
    from services.cli import aid_view, reads  # noqa: PLC0415
    from services.cli.views import show  # noqa: PLC0415

    fields = {"incident_id": incident, "include_ended": every, "page_size": 500}
    name = "dispatch.AidService/ListAid"
    bound = moment(as_of)
    answer = link.run(lambda client: reads.every(client, name, "aid", fields, bound))
    put(answer) if json else show(aid_view.listed(answer, datetime.now(UTC)))
