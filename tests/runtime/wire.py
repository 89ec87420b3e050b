"""A TCP link that can be cut, or go silent as a dead router would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Wire:
    """Carries connections to ``port``; every switch acts on those that are open."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self._to = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._answering = asyncio.Event()
        self.mend()

    @property
    def uri(self) -> str:
        return f"esdb://127.0.0.1:{self.port}?Tls=false"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def silence(self) -> None:
        """Carry nothing more, and say nothing about it."""
        self._flowing.clear()
        self._answering.clear()

    def withhold_answers(self) -> None:
        """Carry requests on, and hold back what comes of them."""
        self._answering.clear()

    def mend(self) -> None:
        self._flowing.set()
        self._answering.set()

    def cut(self) -> None:
        """Break every open connection; new ones are carried."""
        for writer in tuple(self._open):
            writer.transport.abort()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in tuple(self._carrying):
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        for task in (
            asyncio.create_task(self._carry(reader, far_writer, self._flowing)),
            asyncio.create_task(self._carry(far_reader, writer, self._answering)),
        ):
            self._carrying.add(task)
            task.add_done_callback(self._carrying.discard)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passing: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                await passing.wait()
                writer.write(data)
                await writer.drain()
        self._open.discard(writer)
        writer.transport.abort()


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    link = Wire(port)
    await link.open()
    try:
        yield link
    finally:
        await link.close()
