"""A PostgreSQL of one's own for a test, where the machine has the program."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.service import free_port

USER = "postgres"


def program(name: str) -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)


@contextmanager
def postgres() -> Iterator[str]:
    """Run a server on a folder of its own and yield its SQLAlchemy URL."""
    folder = Path(tempfile.mkdtemp(prefix="anlan-postgres-"))
    try:
        if os.geteuid() == 0:  # it refuses to run as root
            shutil.chown(folder, USER)
        port, data = free_port(), str(folder / "data")
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
        _run("initdb", "-D", data, "-U", "anlan", "-A", "trust", "-E", "UTF8", "--no-sync")
        try:
            _run("pg_ctl", "-D", data, "-o", options, "-w", "-l", str(folder / "log"), "start")
            yield f"postgresql+asyncpg://anlan@127.0.0.1:{port}/postgres"
        finally:
            with suppress(subprocess.CalledProcessError):
                _run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _run(name: str, *arguments: str) -> None:
    executable = program(name)
    assert executable
    subprocess.run(
        [executable, *arguments],
        check=True,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=USER if os.geteuid() == 0 else None,
    )
