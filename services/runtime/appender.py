"""Appends over one held-open BatchAppend stream: a call per append costs three times that."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import grpc
from esdbclient import AsyncEventStoreDBClient
from esdbclient.exceptions import ServiceUnavailable

from services.runtime.envelopes import Proposed, append_request, number_of


class Appender:
    """Multiplexes appends by correlation id.

    When the stream breaks, every waiting append fails with ServiceUnavailable: nobody knows whether
    it was stored, so the caller repeats it with the same event ids and the same expected revision.
    """

    def __init__(self, client: AsyncEventStoreDBClient) -> None:
        self._client = client
        self._pipe: _Pipe | None = None

    async def append(
        self,
        stream: str,
        expected: int,
        events: Sequence[Proposed],
        *,
        timeout_s: float,
    ) -> int:
        """Append and return the commit position."""
        connection = self._client._connection  # noqa: SLF001 - esdbclient offers no batch stream
        if self._pipe is None or self._pipe.broken or self._pipe.streams is not connection.streams:
            if self._pipe is not None:
                self._pipe.call.cancel()
            self._pipe = _Pipe(connection.streams)
        return await self._pipe.append(stream, expected, events, timeout_s)

    async def close(self) -> None:
        if self._pipe is not None:
            self._pipe.call.cancel()
            await asyncio.gather(self._pipe.reader, return_exceptions=True)


class _Pipe:
    """One BatchAppend call, and who waits for an answer on it."""

    def __init__(self, streams: Any) -> None:
        self.streams = streams
        self.broken = False
        self.call = streams._stub.BatchAppend(  # noqa: SLF001
            metadata=streams._metadata(None, requires_leader=True)  # noqa: SLF001
        )
        self.reader = asyncio.create_task(self._read())
        self._numbers = itertools.count(1)
        self._writing = asyncio.Lock()  # grpc.aio takes one writer at a time
        self._waiting: dict[int, tuple[asyncio.Future[int], str, int]] = {}

    async def append(
        self,
        stream: str,
        expected: int,
        events: Sequence[Proposed],
        timeout_s: float,
    ) -> int:
        number = next(self._numbers)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (future, stream, expected)
        request = append_request(number, stream, expected, events, timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                async with self._writing:
                    await self.call.write(request)
                return await future
        except (TimeoutError, asyncio.InvalidStateError, grpc.RpcError) as broken:
            raise ServiceUnavailable(f"append not answered: {broken!r}") from None
        finally:
            del self._waiting[number]

    async def _read(self) -> None:
        try:
            async for response in self.call:
                waiting = self._waiting.get(number_of(response))
                if waiting is None or waiting[0].done():
                    continue
                future, stream, expected = waiting
                try:
                    position = self.streams._convert_batch_append_resp(  # noqa: SLF001
                        response, stream, expected
                    )
                    future.set_result(position)
                except Exception as refusal:  # noqa: BLE001 - for the one who waits
                    future.set_exception(refusal)
        except grpc.RpcError:
            pass  # told to those who wait, below
        finally:
            self.broken = True
            for future, _, _ in self._waiting.values():
                if not future.done():
                    future.set_exception(ServiceUnavailable("append stream broke"))
                    future.exception()  # its waiter may have met the break by itself
