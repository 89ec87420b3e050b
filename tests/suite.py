"""The whole suite as `anlan up` runs it: free ports, its own data, a hand to kill processes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue

import grpc

from services.cli import tokens
from services.cli.suite import PROCESSES
from services.cli.suite import Suite as Ports
from tests.service import ROOT, Caller

READY_SECONDS, STOP_SECONDS = 60.0, 40.0


@dataclass
class RunningSuite:
    """Holds `anlan up`; every line that it says is kept."""

    data: Path
    ports: Ports
    process: subprocess.Popen[str] = field(repr=False)
    lines: Queue[str] = field(repr=False)
    reader: threading.Thread = field(repr=False)
    said: list[str] = field(default_factory=list, repr=False)

    @classmethod
    def start(cls, data: Path) -> RunningSuite:
        """Return once all of it is ready."""
        process = anlan_process("up", "--data", str(data), "--port-base", "0")
        lines: Queue[str] = Queue()

        def read() -> None:
            assert process.stdout is not None
            with process.stdout:
                for line in process.stdout:
                    lines.put(line.rstrip("\n"))

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        suite = cls(data, Ports(0), process, lines, reader)
        try:
            found = suite.await_line(r"--port-base (\d+)")
            suite.ports = Ports(int(found[1]))
            suite.await_line(r"^ready$")
        except BaseException:
            suite.stop()
            raise
        return suite

    def await_line(self, pattern: str, seconds: float = READY_SECONDS) -> re.Match[str]:
        """Return the match of the next line that matches."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(Empty):
                line = self.lines.get(timeout=0.1)
                self.said.append(line)
                if found := re.search(pattern, line):
                    return found
            if self.process.poll() is not None and self.lines.empty():
                break
        raise AssertionError(f"nothing like {pattern!r} was said, but {self.said}\n{self._logs()}")

    def kill(self, name: str) -> None:
        """SIGKILL one process of the suite; `anlan up` starts it again."""
        assert name in PROCESSES
        os.kill(int((self.data / "run" / f"{name}.pid").read_text()), signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()
            self.reader.join()

    def run(self, *arguments: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """Run another `anlan` command against this suite."""
        process = anlan_process(*arguments, *self.options)
        try:
            out, _ = process.communicate(timeout=seconds)
        finally:
            process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, out)

    @property
    def options(self) -> tuple[str, ...]:
        return ("--data", str(self.data), "--port-base", str(self.ports.base))

    def caller(
        self, subject: str, role: str, jurisdiction: str = "431281", exercise: str = ""
    ) -> Caller:
        return Caller(tokens.issue(self.data, subject, [role], jurisdiction), exercise)

    def channel(self, service: str) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self.ports.address(service))

    def _logs(self) -> str:
        logs = sorted((self.data / "logs").glob("*.log"))
        return "\n".join(f"== {log.name}\n{log.read_text()[-1500:]}" for log in logs)


def anlan_process(*arguments: str) -> subprocess.Popen[str]:
    path = os.pathsep.join((str(ROOT), str(ROOT / "proto" / "gen")))
    return subprocess.Popen(
        [sys.executable, "-m", "services.cli.main", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200", "ANLAN_LOG_LEVEL": "warning"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
