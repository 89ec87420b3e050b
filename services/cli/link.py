"""How a command reaches its suite: addresses, a token, and a loop to call in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from services.cli import tokens
from services.cli.suite import addresses

if TYPE_CHECKING:
    from services.cli.client import Client

T = TypeVar("T")
RENEW_AFTER_S = 6 * 3600


@dataclass(slots=True)
class Link:
    port_base: int
    data: Path
    token: str = ""
    address: Sequence[str] = ()
    ca: Path | None = None
    _own: tuple[float, str] = field(default=(0.0, ""))

    def run(self, work: Callable[[Client], Awaitable[T]]) -> T:
        """Do ``work`` with a client.  Raises Refusal, OutOfReach, NoIssuer and BadAddress."""
        found = addresses(self.port_base, self.address)
        self.bearer()  # before anything is waited for

        async def inside() -> T:
            import grpc  # noqa: PLC0415 - slow to import

            from services.cli.client import Client  # noqa: PLC0415

            grpc.aio.init_grpc_aio()  # without it grpc.aio 1.71 can hang when the loop ends
            async with Client(found, self.bearer, self.ca) as client:
                return await work(client)

        return asyncio.run(inside())

    def bearer(self) -> str:
        """Return the token that was given, else one of our own."""
        if self.token:
            return self.token
        issued_at, own = self._own
        if not own or time.monotonic() - issued_at > RENEW_AFTER_S:
            own = tokens.own(self.data)
            self._own = (time.monotonic(), own)
        return own
