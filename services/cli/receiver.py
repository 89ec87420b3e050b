"""A small HTTP receiver for the webhooks of a drill: it takes every one, and counts."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from services.cli.suite import HOST

READ_WITHIN_S = 10.0
MAX_BODY_BYTES = 1 << 20


@dataclass(slots=True)
class Receiver:
    """``by_event`` counts what arrived, by the public event that caused it."""

    url: str = ""
    received: int = 0
    by_event: Counter[str] = field(default_factory=Counter)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one HTTP request with 204, or 400 where it is none."""
        status = "400 Bad Request"
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                body = await _body(reader)
            if body is not None:
                self.received += 1
                self.by_event[_event(body)] += 1
                status = "204 No Content"
            writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def listening(preferred_port: int) -> AsyncIterator[Receiver]:
    """Receive on ``preferred_port``, or on a free one where that is taken.

    The same port each time lets a drill that was interrupted go on with the contacts it had.
    """
    receiver = Receiver()
    try:
        server = await asyncio.start_server(receiver.take, HOST, preferred_port)
    except OSError:
        server = await asyncio.start_server(receiver.take, HOST, 0)
    receiver.url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}/"
    async with server:
        yield receiver


async def _body(reader: asyncio.StreamReader) -> bytes | None:
    """Return the body of a request; None where there is no request to speak of."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    except (asyncio.LimitOverrunError, asyncio.IncompleteReadError):
        return None
    headers = dict(line.split(":", 1) for line in head.split("\r\n")[1:] if ":" in line)
    length = headers.get("content-length", "0").strip()
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        return None
    return await reader.readexactly(int(length))


def _event(body: bytes) -> str:
    try:
        said: Any = json.loads(body)
    except ValueError:
        return "unreadable"
    kind = str(said.get("event_type", "")) if isinstance(said, dict) else ""
    return kind.rpartition(".")[2] or "unnamed"
