"""A real nats-server for tests: JetStream on disk, a free port, and a switch to kill it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

CONFIGURATION = """
listen: "127.0.0.1:{port}"
ports_file_dir: "{data}"
jetstream {{
  store_dir: "{data}/jetstream"
  sync_interval: always
}}
"""


def _executable() -> str:
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if not found:
        raise FileNotFoundError("nats-server")
    return found


@dataclass
class Broker:
    data: Path
    port: int
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, data: Path, port: int = 0) -> Self:
        """Run a server on ``data``; port 0 is any free one, which ``restart`` keeps."""
        data.mkdir(parents=True, exist_ok=True)
        process = _run(data, port)
        try:
            return cls(data, _wait(data, process), process)
        except BaseException:
            process.kill()
            process.wait()
            raise

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def restart(self) -> None:
        """Start again on the same data and port, after a kill or a stop."""
        if self.process.poll() is None:
            self.stop()
        self.process = _run(self.data, self.port)
        _wait(self.data, self.process)


def _run(data: Path, port: int) -> subprocess.Popen[bytes]:
    for stale in data.glob("*.ports"):
        stale.unlink()
    configuration = data / "nats.conf"
    configuration.write_text(CONFIGURATION.format(port=port or -1, data=data))
    with (data / "nats.log").open("ab") as log:
        return subprocess.Popen([_executable(), "-c", configuration], stdout=log, stderr=log)


def _wait(data: Path, process: subprocess.Popen[bytes], patience: float = 15) -> int:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and process.poll() is None:
        for written in data.glob(f"*_{process.pid}.ports"):
            try:
                url = json.loads(written.read_text())["nats"][0]
                port = int(url.rpartition(":")[2])
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except (ValueError, OSError):
                continue
            return port
        time.sleep(0.01)
    raise TimeoutError((data / "nats.log").read_text())
