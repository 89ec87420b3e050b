"""Keeps processes running: starts them in order, restarts those that die, stops them cleanly."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.cli.exits import CannotGoOn

LEASH = Path(__file__).with_name("leash.py")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
STEADY_S = 10.0
"""One that ran so long is not failing at its start: the back-off begins anew."""
PROBE_EVERY_S = 0.05
DEATHS_BEFORE_FIRST_READY = 4
LOG_LINES_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One process.  ``probe`` tells whether it can be used."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    probe: Callable[[], Awaitable[bool]]
    where: str = ""
    stop_within_s: float = 12.0


class NeverReady(CannotGoOn):
    """A process died again and again before it was ever ready."""


@dataclass(slots=True)
class _Child:
    spec: Spec
    process: asyncio.subprocess.Process | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    was_ready: bool = False
    keeper: asyncio.Task[None] | None = None
    stopping: bool = False


class Supervisor:
    """``groups`` start one after the other and stop in the opposite order."""

    def __init__(
        self, groups: Sequence[Sequence[Spec]], say: Callable[[str], None], pids: Path
    ) -> None:
        self._groups = [[_Child(spec) for spec in group] for group in groups]
        self._say = say
        self._pids = pids
        self._stop = asyncio.Event()
        self._kill = asyncio.Event()
        self._forced = False

    def stop(self) -> None:
        """End cleanly; called a second time, kill."""
        if self._stop.is_set():
            self._say("killing")
            self._kill.set()
        self._stop.set()

    async def run(self, announce: Callable[[], Awaitable[None]] | None = None) -> bool:
        """Run until stopped.  Returns whether every process ended by itself when told to.

        Raises NeverReady.  ``announce`` runs once all are ready.
        """
        self._pids.mkdir(parents=True, exist_ok=True)
        stopped = asyncio.create_task(self._stop.wait())
        running = asyncio.create_task(self._start(announce))
        first: set[asyncio.Future[Any]] = {stopped, running}
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if running.done() and not self._stop.is_set():
                await running  # raises NeverReady
        finally:
            for task in (running, stopped):
                task.cancel()
            await asyncio.gather(running, stopped, return_exceptions=True)
            await self._end()
        return not self._forced

    async def _start(self, announce: Callable[[], Awaitable[None]] | None) -> None:
        keepers: list[asyncio.Task[None]] = []
        for group in self._groups:
            for child in group:
                child.keeper = asyncio.create_task(self._keep(child))
                keepers.append(child.keeper)
            ready = asyncio.create_task(_all_ready(group))
            first: set[asyncio.Future[Any]] = {ready, *keepers}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                ready.cancel()
                break
        else:
            if announce is not None:
                await announce()
        done, _ = await asyncio.wait(keepers, return_when=asyncio.FIRST_COMPLETED)
        for keeper in done:
            await keeper

    async def _keep(self, child: _Child) -> None:
        name = child.spec.name
        pause, deaths = FIRST_PAUSE_S, 0
        while True:
            started = time.monotonic()
            code = await self._live(child)
            if child.stopping:
                return
            deaths += 1
            if not child.was_ready and deaths >= DEATHS_BEFORE_FIRST_READY:
                raise NeverReady(
                    f"{name} died {deaths} times before it was ready ({_ending(code)}); "
                    f"the end of {child.spec.log}:\n{_tail(child.spec.log)}"
                )
            self._say(f"{name} died ({_ending(code)}), restarting")
            if time.monotonic() - started > STEADY_S:
                pause = FIRST_PAUSE_S
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _live(self, child: _Child) -> int:
        """Start the process, say when it is ready, and return its exit code."""
        spec = child.spec
        pid_file = self._pids / f"{spec.name}.pid"
        with spec.log.open("ab") as log:
            leash = (sys.executable, "-I", "-S", str(LEASH), str(os.getpid()))
            process = await asyncio.create_subprocess_exec(
                *leash,
                *spec.command,
                env=dict(spec.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,  # Ctrl-C at the terminal is the supervisor's to pass on
            )
        child.process = process
        pid_file.write_text(f"{process.pid}\n")
        probing = asyncio.create_task(self._await_ready(child))
        try:
            return await process.wait()
        finally:
            probing.cancel()
            child.process = None
            pid_file.unlink(missing_ok=True)

    async def _await_ready(self, child: _Child) -> None:
        while True:
            if await child.spec.probe():
                break
            await asyncio.sleep(PROBE_EVERY_S)
        if child.stopping:
            return
        again = "again" if child.was_ready else f"at {child.spec.where}"
        self._say(f"{child.spec.name} ready {again}".rstrip())
        child.was_ready = True
        child.ready.set()

    async def _end(self) -> None:
        children = [child for group in self._groups for child in group]
        for child in children:
            child.stopping = True
        waiting = [c.keeper for c in children if c.keeper is not None and c.process is None]
        for keeper in waiting:  # between two lives: there must be no next one
            keeper.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for group in reversed(self._groups):
            await asyncio.gather(*(self._end_one(child) for child in group))
        keepers = [child.keeper for child in children if child.keeper is not None]
        await asyncio.gather(*keepers, return_exceptions=True)

    async def _end_one(self, child: _Child) -> None:
        process = child.process
        if process is None or process.returncode is not None:
            return
        if not self._kill.is_set():
            _signal(process, signal.SIGTERM)
        ended = asyncio.create_task(process.wait())
        killed = asyncio.create_task(self._kill.wait())
        first: set[asyncio.Future[Any]] = {ended, killed}
        await asyncio.wait(
            first,
            timeout=child.spec.stop_within_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        killed.cancel()
        if not ended.done():
            self._forced = True
            self._say(f"{child.spec.name} did not stop, killed")
            _signal(process, signal.SIGKILL)
        await ended


async def _all_ready(group: Sequence[_Child]) -> None:
    for child in group:
        await child.ready.wait()


def _signal(process: asyncio.subprocess.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except ProcessLookupError:
        return


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    return "\n".join(f"  {line}" for line in lines)
