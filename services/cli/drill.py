"""`anlan drill`: plays a scenario, shows it as it goes, and says what came of it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from services.cli import plans, tokens
from services.cli.client import Client
from services.cli.link import Link
from services.cli.player import Outcome, Played, Player, Tally
from services.cli.receiver import Receiver, listening
from services.cli.scenario import Person, Scenario
from services.cli.scenario_file import load
from services.cli.suite import PORTS

STYLES = {
    Outcome.ACCEPTED: "green",
    Outcome.THERE_ALREADY: "dim",
    Outcome.REFUSED_AS_EXPECTED: "yellow",
    Outcome.SEEN: "cyan",
    Outcome.UNEXPECTED: "bold red",
}


def play(
    link: Link,
    path: Path,
    *,
    exercise_id: str,
    start: datetime | None,
    speed: float,
    patience_s: float,
    as_json: bool,
) -> bool:
    """Play the scenario in ``path``; returns whether everything went as it says.

    Raises BadScenario before anything is played.
    """
    scenario = load(path, exercise_id, start)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # each step as it happens, into a pipe too
    console = Console(highlight=False, soft_wrap=True)
    live = console.is_terminal and not as_json

    async def work(client: Client) -> tuple[Tally, Receiver | None]:
        async with AsyncExitStack() as stack:
            receiver = None
            if scenario.receiver:
                preferred = link.port_base + len(PORTS)
                receiver = await stack.enter_async_context(listening(preferred))
            board: Any = nullcontext()
            told: Callable[[Played], None] = _silent if as_json else _printing(console)
            player = Player(
                scenario=scenario,
                client=client,
                token=_tokens(link),
                told=told,
                speed=speed,
                patience_s=patience_s,
                receiver_url=receiver.url if receiver else "",
            )
            if live:
                from services.cli.liveboard import LiveBoard  # noqa: PLC0415 - terminals only

                board = LiveBoard(console, client, player)
            if scenario.plans:
                loaded = await plans.load(client, plans.shipped(scenario.plans))
                if not as_json:
                    console.print("\n".join(one.said for one in loaded))
            async with board:
                tally = await player.play()
                if receiver is not None:
                    await player.let_notifications_arrive()
                return tally, receiver

    if not as_json:
        console.print(f"[bold]{escape(scenario.title)}[/]  exercise {scenario.run}")
    tally, receiver = link.run(work)
    if as_json:
        json.dump(summary(scenario, tally, receiver), sys.stdout, ensure_ascii=False, indent=1)
        sys.stdout.write("\n")
    else:
        _print_summary(console, scenario, tally, receiver)
    return tally.as_expected


def summary(scenario: Scenario, tally: Tally, receiver: Receiver | None) -> dict[str, Any]:
    """Return what came of a play, for programs."""
    return {
        "drill": scenario.drill,
        "exercise": scenario.run,
        "incident_id": scenario.incident,
        "as_expected": tally.as_expected,
        "accepted": tally.count(Outcome.ACCEPTED),
        "there_already": tally.count(Outcome.THERE_ALREADY),
        "refused_as_expected": tally.count(Outcome.REFUSED_AS_EXPECTED),
        "seen": tally.count(Outcome.SEEN),
        "unexpected": tally.count(Outcome.UNEXPECTED),
        "notifications_received": receiver.received if receiver else 0,
        "notifications_by_event": dict(receiver.by_event) if receiver else {},
        "steps": [
            {
                "number": one.number,
                "at": one.at.isoformat(),
                "who": one.who,
                "what": one.what,
                "say": one.say,
                "outcome": one.outcome.name.lower(),
                "detail": one.detail,
            }
            for one in tally.played
        ],
    }


def _tokens(link: Link) -> Callable[[Person], str]:
    """Return each person's own token, signed by the suite's keys; or the one that was given."""
    issued: dict[str, str] = {}

    def token(person: Person) -> str:
        if link.token:
            return link.token
        if person.name not in issued:
            issued[person.name] = tokens.issue(
                link.data, person.subject, person.roles, person.jurisdiction
            )
        return issued[person.name]

    return token


def _silent(_: Played) -> None:
    return


def _printing(console: Console) -> Callable[[Played], None]:
    def told(one: Played) -> None:
        detail = f": {one.detail}" if one.detail else ""
        console.print(
            f"{one.at:%m-%d %H:%M}  {one.who:<18} {one.what:<24} "
            f"[{STYLES[one.outcome]}]{one.outcome}{escape(detail)}[/]  {escape(one.say)}".rstrip()
        )

    return told


def _print_summary(
    console: Console, scenario: Scenario, tally: Tally, receiver: Receiver | None
) -> None:
    counts = ", ".join(
        f"{tally.count(outcome)} {outcome}" for outcome in Outcome if tally.count(outcome)
    )
    console.print(f"{len(tally.played)} acts: {counts}")
    if not tally.count(Outcome.ACCEPTED):
        console.print("nothing was added: this exercise had been played already")
    if receiver is not None:
        by_event = ", ".join(f"{count} {name}" for name, count in receiver.by_event.most_common())
        console.print(
            f"{receiver.received} notifications received{': ' * bool(by_event)}{by_event}"
        )
    console.print(f"see: anlan timeline {scenario.incident}")
