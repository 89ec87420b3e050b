"""Calls to the suite: one channel a service, a token, and patience while a process restarts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import SystemRandom
from typing import Any, Self

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from services.cli.exits import CannotGoOn, Exit
from services.cli.rpc import Rpc

CALL_TIMEOUT_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0
TRIES_OF_THE_UNFORESEEN = 4
OPTIONS = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.max_receive_message_length", 64 << 20),
)
PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.ABORTED,
}
"""It may well work in a moment; a repetition with the same request_id is harmless."""
EXITS = {
    grpc.StatusCode.NOT_FOUND: Exit.NOT_FOUND,
    grpc.StatusCode.UNAUTHENTICATED: Exit.NOT_ALLOWED,
    grpc.StatusCode.PERMISSION_DENIED: Exit.NOT_ALLOWED,
    grpc.StatusCode.INVALID_ARGUMENT: Exit.USAGE,
}
UNFORESEEN = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL}
"""So ends a call whose server is killed at the wrong moment, but also one that hit a bug."""


class Refusal(CannotGoOn):
    """The suite said no.  ``reason`` is for programs, ``message`` for people."""

    def __init__(
        self, code: grpc.StatusCode, reason: str, message: str, context: Mapping[str, str]
    ) -> None:
        super().__init__(f"{reason or code.name}: {message}")
        self.reason = reason or code.name
        self.context = context
        self.exit_code = EXITS.get(code, Exit.FAILED)


class OutOfReach(CannotGoOn):
    """No answer for as long as the caller would wait."""

    exit_code = Exit.UNREACHABLE


class Client:
    """``token`` is asked for each time, since one may outlive its token."""

    def __init__(
        self, addresses: Mapping[str, str], token: Callable[[], str], ca: Path | None = None
    ) -> None:
        self._addresses = addresses
        self._token = token
        self._ca = ca
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._methods: dict[str, Any] = {}
        self._random = SystemRandom()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for channel in self._channels.values():
            await channel.close()

    async def call(
        self,
        rpc: Rpc,
        request: Message,
        *,
        token: str = "",
        exercise: str = "",
        because: str = "",
        patience_s: float = 0.0,
    ) -> Any:
        """Return the answer.  Raises Refusal, and OutOfReach once ``patience_s`` are over.

        ``because`` is what led to the call: a decision's event or its id.
        """
        metadata = [("authorization", f"Bearer {token or self._token()}")]
        if exercise:
            metadata.append(("x-exercise-id", exercise))
        if because:
            metadata.append(("x-causation-id", because))
        give_up_at = time.monotonic() + patience_s
        pause, unforeseen = FIRST_PAUSE_S, 0
        while True:
            try:
                return await self._method(rpc)(request, timeout=CALL_TIMEOUT_S, metadata=metadata)
            except grpc.aio.AioRpcError as error:
                code = error.code()
                unforeseen += code in UNFORESEEN
                over = time.monotonic() >= give_up_at or unforeseen >= TRIES_OF_THE_UNFORESEEN
                if code not in PASSING | UNFORESEEN or (over and code in UNFORESEEN):
                    raise _refusal(error) from None
                if over:
                    raise OutOfReach(
                        f"{rpc.service} at {self._addresses[rpc.service]} does not answer "
                        f"({code.name}: {error.details()})"
                    ) from None
            await asyncio.sleep(pause * self._random.uniform(0.5, 1))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _method(self, rpc: Rpc) -> Any:
        if rpc.path not in self._methods:
            self._methods[rpc.path] = self._channel(rpc.service).unary_unary(
                rpc.path,
                request_serializer=rpc.request.SerializeToString,
                response_deserializer=rpc.response.FromString,
            )
        return self._methods[rpc.path]

    def _channel(self, service: str) -> grpc.aio.Channel:
        if service not in self._channels:
            address = self._addresses[service]
            if self._ca is None:
                channel = grpc.aio.insecure_channel(address, options=OPTIONS)
            else:
                credentials = grpc.ssl_channel_credentials(self._ca.read_bytes())
                channel = grpc.aio.secure_channel(address, credentials, options=OPTIONS)
            self._channels[service] = channel
        return self._channels[service]


def _refusal(error: grpc.aio.AioRpcError) -> Refusal:
    status = rpc_status.from_call(error)  # type: ignore[no-untyped-call]
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status is not None else ():
        if detail.Unpack(info):
            break
    return Refusal(error.code(), info.reason, error.details() or "", dict(info.metadata))
