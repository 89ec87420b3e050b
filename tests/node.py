"""A real event store node, as another process, for any test that needs one."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

ROOT = Path(__file__).parent.parent
START_SECONDS = 20.0
STOP_SECONDS = 10.0


class NodeDied(Exception):
    """The process ended before it listened; carries its log."""


@dataclass
class Node:
    """Holds one process; `restart` runs it again on the same data and the same port."""

    data: Path
    port: int
    options: tuple[str, ...]
    process: subprocess.Popen[bytes] = field(repr=False)

    @classmethod
    def start(cls, data: Path, port: int = 0, *options: str) -> Node:
        """Return once the node listens; raises NodeDied."""
        process = _spawn(data, port, options)
        return cls(data, _listening_port(process, data), options, process)

    @property
    def uri(self) -> str:
        return f"esdb://127.0.0.1:{self.port}?Tls=false"

    @property
    def log(self) -> str:
        return _log_file(self.data).read_text()

    def kill(self) -> None:
        """SIGKILL, as power loss would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.kill()

    def restart(self) -> None:
        if self.process.poll() is None:
            self.stop()
        self.process = _spawn(self.data, self.port, self.options)
        self.port = _listening_port(self.process, self.data)


def _port_file(data: Path) -> Path:
    return data / "port"


def _log_file(data: Path) -> Path:
    return data / "node.log"


def _spawn(data: Path, port: int, options: tuple[str, ...]) -> subprocess.Popen[bytes]:
    data.mkdir(parents=True, exist_ok=True)
    _port_file(data).unlink(missing_ok=True)
    arguments = ["--data", str(data), "--port", str(port), "--port-file", str(_port_file(data))]
    with _log_file(data).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "services.eventstore.main", *arguments, *options],
            cwd=ROOT,
            stderr=log,
        )


def _listening_port(process: subprocess.Popen[bytes], data: Path) -> int:
    deadline = monotonic() + START_SECONDS
    while monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            return int(_port_file(data).read_text())
        if process.poll() is not None:
            raise NodeDied(_log_file(data).read_text())
        sleep(0.01)
    process.kill()
    process.wait()
    raise NodeDied(f"not listening after {START_SECONDS} s: {_log_file(data).read_text()}")
