"""Calls to another service: its own token, the caller's cause, a deadline, and retries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from services.runtime.call import headers_of
from services.runtime.cause import Cause
from services.runtime.refusals import to_rejection
from services.runtime.rejection import Unavailable
from services.runtime.settings import Settings

TIMEOUT_S = 3.0
GIVE_UP_AFTER_S = 6.0
CHANNEL_OPTIONS = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),  # else a minute, whatever the line above says
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


class Peer:
    """A channel to one service, kept open for the life of this process."""

    def __init__(self, address: str, settings: Settings) -> None:
        self.channel = _channel(address, settings)
        self._token_file = settings.service_token_file
        self._token = ""
        self._token_read_ns = -1

    async def call(self, method: Any, request: Any, cause: Cause) -> Any:
        """Call a unary ``method`` of a stub made on ``channel``.

        Retries what is safe to repeat: every mutating request carries its request_id.  Raises the
        refusal that the other service answered with, or Unavailable.
        """
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_random_exponential(multiplier=0.1, max=1),
            stop=stop_after_delay(GIVE_UP_AFTER_S),
            reraise=True,
        ):
            with attempt:
                metadata = (("authorization", f"Bearer {self._read_token()}"), *headers_of(cause))
                try:
                    return await method(request, timeout=TIMEOUT_S, metadata=metadata)
                except grpc.aio.AioRpcError as error:
                    raise to_rejection(error) from None
        raise AssertionError  # reraise=True: the loop returns or raises

    async def watch(self, method: Any, request: Any) -> AsyncIterator[Any]:
        """Yield what a streaming ``method`` sends, in this service's own name.

        Raises the refusal that ended it; a stream that the other side ends, ends.
        """
        metadata = (("authorization", f"Bearer {self._read_token()}"),)
        try:
            async for message in method(request, metadata=metadata):
                yield message
        except grpc.aio.AioRpcError as error:
            raise to_rejection(error) from None

    async def close(self) -> None:
        await self.channel.close()

    def _read_token(self) -> str:
        if self._token_file is None:
            raise Unavailable("NO_SERVICE_TOKEN", "set ANLAN_SERVICE_TOKEN_FILE")
        changed_ns = Path(self._token_file).stat().st_mtime_ns
        if changed_ns != self._token_read_ns:
            self._token = Path(self._token_file).read_text().strip()
            self._token_read_ns = changed_ns
        return self._token


def _channel(address: str, settings: Settings) -> grpc.aio.Channel:
    if settings.tls_certificate is None or settings.tls_key is None:
        return grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
    ca = settings.tls_client_ca.read_bytes() if settings.tls_client_ca else None
    credentials = grpc.ssl_channel_credentials(
        ca, settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes()
    )
    return grpc.aio.secure_channel(address, credentials, options=CHANNEL_OPTIONS)
