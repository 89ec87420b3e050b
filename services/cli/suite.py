"""Where the suite's processes listen, and which ports are free for them."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

from services.cli.exits import CannotGoOn, Exit

HOST = "127.0.0.1"
DEFAULT_PORT_BASE = 4310
DEFAULT_DATA = Path(".anlan")
SERVICES = ("command", "resources", "dispatch", "notify", "audit")
PROCESSES = ("node", "nats", *SERVICES)
POSITIONS = "positions"
"""Where resources takes in positions by HTTP."""
PORTS = (*PROCESSES, POSITIONS)
"""In their order, from the base on."""
HIGHEST_BASE = 65535 - len(PORTS) + 1
BELOW_THE_EPHEMERAL = (10_000, 32_000)
"""Higher ones the system hands out to any connection, perhaps while a service restarts."""
TRIES = 200


class PortTaken(CannotGoOn):
    """Somebody else listens where a process of the suite shall."""

    exit_code = Exit.IN_USE

    def __init__(self, port: int, name: str, base: int) -> None:
        super().__init__(
            f"port {port}, meant for {name}, is taken.  Is a suite already running here?  "
            f"Take other ports with --port-base N (now {base}); 0 takes free ones."
        )
        self.port = port
        self.name = name


class BadAddress(CannotGoOn):
    """An address that is not SERVICE=HOST:PORT."""

    exit_code = Exit.USAGE


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite on this machine, by its lowest port."""

    base: int

    def port(self, name: str) -> int:
        return self.base + PORTS.index(name)

    def address(self, name: str) -> str:
        return f"{HOST}:{self.port(name)}"

    @property
    def ports(self) -> str:
        return f"{self.base}\N{EN DASH}{self.base + len(PORTS) - 1}"

    def require_free(self) -> None:
        """Raise PortTaken for the first port that is not free."""
        for name in PORTS:
            if not _free(self.port(name)):
                raise PortTaken(self.port(name), name, self.base)


def free_suite() -> Suite:
    """Return a suite on a contiguous range of free ports."""
    choice = SystemRandom()
    for _ in range(TRIES):
        base = choice.randrange(*BELOW_THE_EPHEMERAL)
        if all(_free(base + n) for n in range(len(PORTS))):
            return Suite(base)
    raise PortTaken(0, "any process", 0)


def addresses(
    base: int, given: Sequence[str] = (), environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return each service's address: as given, else from ANLAN_…_ADDRESS, else by the base.

    Raises BadAddress for one that is not SERVICE=HOST:PORT.
    """
    suite = Suite(base)
    found = {
        name: environment.get(f"ANLAN_{name.upper()}_ADDRESS") or suite.address(name)
        for name in SERVICES
    }
    for entry in given:
        name, equals, address = entry.partition("=")
        host, _, port = address.rpartition(":")
        if name not in SERVICES or not equals or not host or not port.isdigit():
            raise BadAddress(
                f"{entry!r}: want SERVICE=HOST:PORT, with one of {', '.join(SERVICES)}"
            )
        found[name] = address
    return found


def _free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do it: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True
