"""The supervisor: what dies is started again, what is stopped stays stopped, nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from services.cli.supervisor import NeverReady, Spec, Supervisor

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20.0

OBEDIENT = """
import pathlib, signal, sys, time
def stop(*_):
    with open({journal!r}, "a") as journal:
        journal.write({name!r} + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
pathlib.Path({ready!r}).touch()
while True:
    time.sleep(60)
"""
STUBBORN = """
import pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path({ready!r}).touch()
while True:
    time.sleep(60)
"""


@dataclass
class Heard:
    lines: list[str] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._told = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        async with self.news:
            self.news.notify_all()

    async def until(self, wanted: str) -> str:
        """Return the first line that matches the pattern, now or later."""

        def found() -> str | None:
            return next((line for line in self.lines if re.fullmatch(wanted, line)), None)

        async with asyncio.timeout(PATIENCE_S), self.news:
            await self.news.wait_for(lambda: found() is not None)
        return found() or ""


@dataclass
class Stage:
    folder: Path

    def spec(self, name: str, script: str = OBEDIENT, stop_within_s: float = 10) -> Spec:
        ready = self.folder / f"{name}.ready"

        async def probe() -> bool:
            return ready.exists()

        return Spec(
            name=name,
            command=(
                *(sys.executable, "-I", "-S", "-c"),
                script.format(ready=str(ready), journal=str(self.journal), name=name),
            ),
            environment=dict(os.environ),
            log=self.folder / f"{name}.log",
            probe=probe,
            where="here",
            stop_within_s=stop_within_s,
        )

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def pid(self, name: str) -> int:
        return int((self.folder / "run" / f"{name}.pid").read_text())

    @asynccontextmanager
    async def running(
        self, *groups: list[Spec]
    ) -> AsyncIterator[tuple[Supervisor, Heard, asyncio.Task[bool]]]:
        heard = Heard()
        supervisor = Supervisor(groups, heard, self.folder / "run")

        async def announce() -> None:
            heard("ready")

        task = asyncio.create_task(supervisor.run(announce))
        try:
            yield supervisor, heard, task
        finally:
            if not task.done():
                supervisor.stop()
                supervisor.stop()
            with contextlib.suppress(Exception):
                await task


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


async def test_each_says_that_it_is_ready_and_then_all_are(stage: Stage) -> None:
    async with stage.running([stage.spec("node")], [stage.spec("one"), stage.spec("two")]) as (
        _,
        heard,
        _task,
    ):
        await heard.until("ready")
        assert heard.lines[0] == "node ready at here"
        assert sorted(heard.lines[1:]) == ["one ready at here", "ready", "two ready at here"]
        assert heard.lines[-1] == "ready"


async def test_what_dies_is_said_and_started_again(stage: Stage) -> None:
    async with stage.running([stage.spec("node")]) as (_, heard, _task):
        await heard.until("ready")
        first = stage.pid("node")
        os.kill(first, signal.SIGKILL)
        await heard.until(r"node died \(signal 9\), restarting")
        await heard.until("node ready again")
        assert stage.pid("node") != first
        assert alive(stage.pid("node"))


async def test_what_dies_twice_is_started_twice(stage: Stage) -> None:
    async with stage.running([stage.spec("node")]) as (_, heard, _task):
        await heard.until("ready")
        for _round in range(2):
            heard.lines.clear()
            os.kill(stage.pid("node"), signal.SIGKILL)
            await heard.until("node ready again")


async def test_groups_stop_in_the_opposite_order(stage: Stage) -> None:
    groups = [stage.spec("node")], [stage.spec("nats")], [stage.spec("one"), stage.spec("two")]
    async with stage.running(*groups) as (supervisor, heard, task):
        await heard.until("ready")
        pids = [stage.pid(name) for name in ("node", "nats", "one", "two")]
        supervisor.stop()
        assert await task
        ended = stage.journal.read_text().split()
        assert set(ended[:2]) == {"one", "two"}
        assert ended[2:] == ["nats", "node"]
        assert not any(alive(pid) for pid in pids)


async def test_one_that_will_not_stop_is_killed_and_named(stage: Stage) -> None:
    async with stage.running([stage.spec("deaf", STUBBORN, stop_within_s=0.3)]) as (
        supervisor,
        heard,
        task,
    ):
        await heard.until("ready")
        pid = stage.pid("deaf")
        supervisor.stop()
        assert not await task
        assert "deaf did not stop, killed" in heard.lines
        assert not alive(pid)


async def test_told_twice_it_kills_at_once(stage: Stage) -> None:
    async with stage.running([stage.spec("deaf", STUBBORN, stop_within_s=600)]) as (
        supervisor,
        heard,
        task,
    ):
        await heard.until("ready")
        supervisor.stop()
        supervisor.stop()
        async with asyncio.timeout(PATIENCE_S):
            assert not await task


async def test_one_that_never_gets_ready_ends_it_with_the_end_of_its_log(stage: Stage) -> None:
    broken = stage.spec("broken", "import sys; print('no such disk'); sys.exit(3)")
    async with stage.running([stage.spec("node")], [broken]) as (_, heard, task):
        with pytest.raises(NeverReady, match=r"broken died 4 times.*exit code 3.*(?s:.)*no such"):
            await task
        assert "ready" not in heard.lines
        assert stage.journal.read_text().split() == ["node"]


async def test_stopped_between_two_lives_nothing_is_started(stage: Stage) -> None:
    async with stage.running([stage.spec("node")]) as (supervisor, heard, task):
        await heard.until("ready")
        os.kill(stage.pid("node"), signal.SIGKILL)
        await heard.until("node died.*")
        supervisor.stop()
        assert await task
        assert not (stage.folder / "run" / "node.pid").exists()


ORPHANING = """
import asyncio, os, sys
from pathlib import Path
from services.cli.supervisor import Spec, Supervisor
folder = Path(sys.argv[1])
async def probe():
    return True
spec = Spec(name="node", command=(sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"),
            environment=dict(os.environ), log=folder / "node.log", probe=probe)
asyncio.run(Supervisor([[spec]], print, folder / "run").run())
"""


def test_children_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", ORPHANING, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    try:
        written = tmp_path / "run" / "node.pid"
        wait_until(lambda: written.exists() and written.read_text().strip() != "")
        pid = int(written.read_text())
        wait_until(lambda: b"sleep(600)" in Path(f"/proc/{pid}/cmdline").read_bytes())
    finally:
        supervisor.kill()
        supervisor.wait()
    wait_until(lambda: not alive(pid))
