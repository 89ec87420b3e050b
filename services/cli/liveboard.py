"""The live board of a drill: who commands, which units are out, what happened last."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from services.cli.client import Client, OutOfReach, Refusal
from services.cli.player import Player
from services.cli.rpc import find, plain

REFRESH_EVERY_S = 0.5
LINES = 8


class LiveBoard:
    """Reads the suite beside the player and draws below its lines."""

    def __init__(self, console: Console, client: Client, player: Player) -> None:
        self._client = client
        self._player = player
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._drawing: asyncio.Task[None] | None = None
        self._lines: deque[str] = deque(maxlen=LINES)
        self._position = 0

    async def __aenter__(self) -> Self:
        self._live.start()
        self._drawing = asyncio.create_task(self._draw())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._drawing is not None:
            self._drawing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._drawing
        self._live.stop()

    async def _draw(self) -> None:
        incident_id = self._player.scenario.incident
        while True:
            try:
                incident = await self._read("command.GetIncident", incident_id=incident_id)
                board = await self._read(
                    "dispatch.ListAssignments", incident_id=incident_id, page_size=100
                )
                self._live.update(self._picture(incident.get("incident", {}), board), refresh=True)
            except Refusal:  # not open yet
                self._live.update(self._clock("waiting for the first report"), refresh=True)
            except OutOfReach as gone:
                self._live.update(self._clock(f"out of reach: {gone}"), refresh=True)
            await asyncio.sleep(REFRESH_EVERY_S)

    async def _read(self, name: str, **fields: Any) -> dict[str, Any]:
        rpc = find(name.rpartition(".")[2])
        request = rpc.request(**fields)
        return plain(await self._client.call(rpc, request, exercise=self._player.scenario.run))

    def _picture(self, incident: dict[str, Any], board: dict[str, Any]) -> Group:
        words = Text()
        words.append(f"{incident.get('title', '')}\n", style="bold")
        level = str(incident.get("response_level", "")).removeprefix("RESPONSE_LEVEL_")
        words.append(f"{_short(incident.get('state'))}   level {level}   ")
        words.append(f"command: {incident.get('commander') or 'nobody yet'}")
        pending = incident.get("pending_transfer") or {}
        if pending.get("to"):
            words.append(f" → {pending['to']} (proposed)", style="yellow")
        table = Table(expand=True, box=None)
        for heading in ("unit", "kind", "state", "by"):
            table.add_column(heading)
        for one in board.get("assignments", []):
            overdue = one["acknowledgement_overdue"]
            table.add_row(
                one["unit_id"],
                one["unit_kind"],
                _short(one["state"]) + (" OVERDUE" if overdue else ""),
                one["dispatched_by"],
                style="bold red" if overdue else None,
            )
        return Group(self._clock(""), Panel(words), table)

    def _clock(self, more: str) -> Text:
        now = self._player.now
        return Text(f"── {now:%Y-%m-%d %H:%M}  ×{self._player.speed:g}  {more}", style="reverse")


def _short(state: Any) -> str:
    text = str(state or "")
    for prefix in ("INCIDENT_STATE_", "ASSIGNMENT_STATE_"):
        text = text.removeprefix(prefix)
    return text.lower().replace("_", " ")
