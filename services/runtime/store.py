"""The event store, through esdbclient with its traps closed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager

import grpc
import msgspec
from esdbclient import AsyncEventStoreDBClient, NewEvent, StreamState
from esdbclient.exceptions import (
    CancelledByClient,
    EventStoreDBClientException,
    MaximumAppendSizeExceededError,
    NotFound,
    ServiceUnavailable,
    WrongCurrentVersion,
)
from esdbclient.streams import AsyncReadResponse
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

from services.runtime.appender import Appender
from services.runtime.envelopes import NO_STREAM, Progress, Proposed, told
from services.runtime.recorded import Recorded
from services.runtime.rejection import Invalid, Unavailable

__all__ = ["NO_STREAM", "EventStore", "Progress", "Proposed", "StaleRevision"]

TIMEOUT_S = 4.0
GIVE_UP_AFTER_S = 8.0
KEEPALIVE = (
    # esdbclient's own KeepAliveInterval sets an option that gRPC does not know.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # else a minute, whatever the line above says
    ("grpc.http2.max_pings_without_data", 0),
    # Without these a channel waits up to 2 minutes before it tries a restarted server again.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
_FINAL = (NotFound, WrongCurrentVersion, MaximumAppendSizeExceededError)


class StaleRevision(Exception):
    """Somebody else wrote first."""


class EventStore:
    """Reads, appends and subscribes; every call has a deadline, and a retry where it is right."""

    def __init__(self, uri: str) -> None:
        self._client = AsyncEventStoreDBClient(uri=uri)
        self._client.grpc_options += KEEPALIVE
        self._appender = Appender(self._client)

    async def connect(self) -> None:
        """Open the channel; a server that is not there yet is waited for."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda e: isinstance(e, EventStoreDBClientException)),
            wait=wait_random_exponential(multiplier=0.1, max=2),
        ):
            with attempt:
                await self._client.connect()

    async def close(self) -> None:
        await self._appender.close()
        await self._client.close()

    async def read(self, stream: str, after: int = NO_STREAM) -> list[Recorded]:
        """Return the events of ``stream`` with a revision above ``after``; none if there is none.

        Raises Unavailable when the store does not answer.
        """
        async for attempt in _retrying():
            with attempt, _heeding_cancellation():
                try:
                    async with await self._client.read_stream(
                        stream, stream_position=after + 1, timeout=TIMEOUT_S
                    ) as response:
                        events = [event async for event in _events(response)]
                        await _check_whole(response)
                except NotFound:
                    return []
        return events

    async def append(self, stream: str, events: list[Proposed], expected: int) -> int:
        """Append after revision ``expected`` and return the commit position.

        A repetition with the same ids after the same revision is answered as the first was.
        Raises StaleRevision, Unavailable, or Invalid where the events are larger than the store
        takes.  ``events`` is a list and not empty: esdbclient repeats a call, and an exhausted
        generator would be acknowledged as an empty append.
        """
        if not isinstance(events, list):
            raise TypeError("events must be a list")
        if not events:
            raise ValueError("an append of nothing")
        try:
            try:
                with _heeding_cancellation():
                    return await self._appender.append(
                        stream, expected, events, timeout_s=TIMEOUT_S
                    )
            except EventStoreDBClientException as failure:
                if isinstance(failure, _FINAL):
                    raise
            new, version = _as_esdbclient(events, expected)
            async for attempt in _retrying():
                with attempt, _heeding_cancellation():
                    # esdbclient's own call, which also finds a new leader
                    return await self._client.append_to_stream(
                        stream, current_version=version, events=new, timeout=TIMEOUT_S
                    )
        except WrongCurrentVersion as stale:
            raise StaleRevision(stream) from stale
        except MaximumAppendSizeExceededError as large:
            size = str(sum(len(e.data) for e in events))
            raise Invalid(
                "EVENT_TOO_LARGE", field="request", got=f"{size} bytes", allowed=str(large)
            ) from None
        raise AssertionError  # the loop returns or raises

    async def last_before(self, categories: Sequence[str], position: int | None) -> int:
        """Return the position of the last event of ``categories`` before ``position``, 0 for none.

        Without ``position``, of the last there is.
        Raises Unavailable when the store does not answer.
        """
        async for attempt in _retrying():
            with attempt, _heeding_cancellation():
                async with await self._client.read_all(
                    commit_position=position,
                    backwards=True,  # and so without the event at the start
                    filter_include=_streams_of(categories),
                    filter_by_stream_name=True,
                    limit=1,
                    timeout=TIMEOUT_S,
                ) as response:
                    found = [event.position async for event in _events(response)]
                    await _check_whole(response)
        return found[0] if found else 0

    async def read_all(
        self, categories: Sequence[str], after: int | None = None
    ) -> AsyncGenerator[Recorded, None]:
        """Yield the events of ``categories`` in log order, up to the end of the log.

        Raises Unavailable when the store does not answer to the end.
        """
        try:
            with _heeding_cancellation():
                response = await self._client.read_all(
                    commit_position=after,
                    filter_include=_streams_of(categories),
                    filter_by_stream_name=True,
                )
            async with response:
                async for event in _events(response):
                    if event.position != after:  # reads include their start
                        yield event
                await _check_whole(response)
        except EventStoreDBClientException:
            raise Unavailable("STORE_UNAVAILABLE", "the event store does not answer") from None

    async def subscribe(
        self, categories: Sequence[str], after: int | None = None
    ) -> AsyncGenerator[Recorded | Progress, None]:
        """Yield events of ``categories`` after a commit position, and then as they come.

        Ends or raises when the connection drops; the caller resumes from what it has processed.
        """
        with _heeding_cancellation():
            subscription = await self._client.subscribe_to_all(
                commit_position=after,
                filter_include=_streams_of(categories),
                filter_by_stream_name=True,
                include_checkpoints=True,
                include_caught_up=True,
            )
        assert isinstance(subscription, AsyncReadResponse)
        async with subscription:
            with _heeding_cancellation(), _read_errors(subscription):
                async for answer in subscription.read_resp_iter:
                    said = told(answer)
                    if said is not None:
                        yield said


async def _events(response: AsyncReadResponse) -> AsyncGenerator[Recorded, None]:
    """Yield what a read answers, without esdbclient's objects.  Raises NotFound for no stream."""
    with _heeding_cancellation(), _read_errors(response):
        async for answer in response.read_resp_iter:
            if answer.HasField("stream_not_found"):
                raise NotFound
            said = told(answer)
            if isinstance(said, Recorded):
                yield said


@contextmanager
def _read_errors(response: AsyncReadResponse) -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        raise response._handle_stream_read_rpc_error(error) from None  # noqa: SLF001


def _as_esdbclient(
    events: Sequence[Proposed], expected: int
) -> tuple[list[NewEvent], int | StreamState]:
    new = [
        NewEvent(id=e.id, type=e.type, data=e.data, metadata=msgspec.json.encode(e.metadata))
        for e in events
    ]
    return new, StreamState.NO_STREAM if expected == NO_STREAM else expected


async def _check_whole(response: AsyncReadResponse) -> None:
    """Raise where ``response`` was cut short, which may look as if the stream ended there."""
    if await response.aio_call.code() is not grpc.StatusCode.OK:
        raise asyncio.CancelledError if _cancelled() else ServiceUnavailable("the read was cut")


@contextmanager
def _heeding_cancellation() -> Iterator[None]:
    """Tell our own cancellation from that of a call.

    esdbclient reconnects by closing a channel, which cancels the calls of others that are on it.
    """
    try:
        yield
    except (asyncio.CancelledError, CancelledByClient):
        if _cancelled():
            raise asyncio.CancelledError from None
        raise ServiceUnavailable("the channel was closed") from None


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _streams_of(categories: Sequence[str]) -> list[str]:
    """Return the filter that keeps ``categories``; none given keeps all but system streams."""
    if not categories:
        return [r"[^$].*"]
    return ["(" + "|".join(re.escape(category) for category in categories) + ")-.*"]


def _retrying() -> AsyncRetrying:
    def unavailable(_: object) -> None:
        raise Unavailable("STORE_UNAVAILABLE", "the event store does not answer") from None

    return AsyncRetrying(
        retry=retry_if_exception(
            lambda e: isinstance(e, EventStoreDBClientException) and not isinstance(e, _FINAL)
        ),
        wait=wait_random_exponential(multiplier=0.05, max=1),
        stop=stop_after_delay(GIVE_UP_AFTER_S),
        retry_error_callback=unavailable,
    )
