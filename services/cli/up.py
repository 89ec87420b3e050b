"""`anlan up`: the whole suite on this machine, until it is told to stop."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
from pathlib import Path

from services.cli import tokens
from services.cli.exits import CannotGoOn, Exit
from services.cli.processes import specs
from services.cli.suite import Suite, free_suite
from services.cli.supervisor import Supervisor

RENEW_TOKEN_EVERY_S = 12 * 3600


class DataInUse(CannotGoOn):
    """Another suite runs on this data."""

    exit_code = Exit.IN_USE


def run(data: Path, port_base: int) -> bool:
    """Run the suite until SIGINT or SIGTERM; returns whether it ended cleanly.

    Raises DataInUse, PortTaken and NeverReady.
    """
    data = data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    suite = free_suite() if port_base == 0 else Suite(port_base)
    lock = _lock(data, suite)
    try:
        suite.require_free()
        say(f"data {data}")
        say(f"ports {suite.ports}: --port-base {suite.base}, or ANLAN_PORT_BASE={suite.base}")
        jwks = tokens.make_issuer(data)
        token_file = data / "service.token"
        tokens.write_service_token(data, token_file)
        supervisor = Supervisor(specs(suite, data, jwks, token_file), say, data / "run")
        return asyncio.run(_supervise(supervisor, data, token_file))
    finally:
        os.ftruncate(lock, 0)
        os.close(lock)


def say(line: str) -> None:
    """Tell whoever reads; one who has gone away does not stop the suite."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for the rest of this process


async def _supervise(supervisor: Supervisor, data: Path, token_file: Path) -> bool:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        say("stopping")
        supervisor.stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)

    async def renew() -> None:
        while True:
            await asyncio.sleep(RENEW_TOKEN_EVERY_S)
            tokens.write_service_token(data, token_file)

    async def announce() -> None:
        say("ready")

    renewing = asyncio.create_task(renew())
    try:
        clean = await supervisor.run(announce)
    finally:
        renewing.cancel()
    say("stopped")
    return clean


def _lock(data: Path, suite: Suite) -> int:
    lock = os.open(data / "anlan.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 200).decode().strip()
        os.close(lock)
        raise DataInUse(f"{data} is in use by another suite ({holder or 'starting'})") from None
    os.ftruncate(lock, 0)
    os.write(lock, f"process {os.getpid()}, ports {suite.ports}\n".encode())
    return lock
