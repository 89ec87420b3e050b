"""A throw-away PostgreSQL: its own folder, a free port, loopback only, no password."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.service import free_port

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
START_SECONDS = 20.0


class Absent(Exception):
    """No PostgreSQL here, or none that this user may run."""


@dataclass
class Postgres:
    folder: Path
    port: int
    as_user: tuple[str, ...]
    process: subprocess.Popen[bytes] = field(repr=False)

    @classmethod
    def start(cls) -> Self:
        """Return once it answers.  Raises Absent."""
        if not BINARIES:
            raise Absent("no /usr/lib/postgresql/*/bin/postgres")
        as_user: tuple[str, ...] = ()
        folder = Path(tempfile.mkdtemp(prefix="anlan-postgres-"))
        if os.geteuid() == 0:  # initdb refuses root
            try:
                owner = pwd.getpwnam("postgres")
            except KeyError:
                raise Absent("no user postgres, and initdb refuses root") from None
            as_user = ("setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}")
            as_user = (*as_user, "--clear-groups")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        initdb = BINARIES[-1].with_name("initdb")
        made = subprocess.run(
            [*as_user, initdb, "-D", folder / "data", "-U", "anlan", "-A", "trust", "-N"],
            cwd=folder,
            capture_output=True,
            check=False,
        )
        if made.returncode:
            shutil.rmtree(folder)
            raise Absent(made.stderr.decode())
        port = free_port()
        started = cls(folder, port, as_user, _spawn(folder, port, as_user))
        started.await_ready()
        return started

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://anlan@127.0.0.1:{self.port}/postgres"

    def restart(self) -> None:
        """Stop at once, as a crash would, and start again on the same data and port."""
        self.process.send_signal(3)
        self.process.wait()
        self.process = _spawn(self.folder, self.port, self.as_user)
        self.await_ready()

    def await_ready(self) -> None:
        ready = BINARIES[-1].with_name("pg_isready")
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if not subprocess.run(
                [ready, "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
            ).returncode:
                return
            time.sleep(0.02)
        raise Absent((self.folder / "log").read_text())

    def stop(self) -> None:
        self.process.send_signal(3)
        self.process.wait()
        shutil.rmtree(self.folder)


def _spawn(folder: Path, port: int, as_user: tuple[str, ...]) -> subprocess.Popen[bytes]:
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(folder),
        "fsync": "off",
        "shared_buffers": "16MB",
    }
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [
                *as_user,
                BINARIES[-1],
                "-D",
                folder / "data",
                *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
            ],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
