"""Basic authentication: one user, and health for everybody."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from esdbclient.protos.Grpc import streams_pb2

from services.eventstore import refusals
from services.eventstore.refusals import Context

BATCH_APPEND = "/event_store.client.streams.Streams/BatchAppend"
_OPEN_TO_ALL = "/grpc.health.v1.Health/"


class BasicAccess(grpc.aio.ServerInterceptor):  # type: ignore[misc, type-arg, unused-ignore]
    """A wrong password is UNAUTHENTICATED; none at all is access denied, as in the real server."""

    def __init__(self, username: str, password: str) -> None:
        self._expected = f"{username}:{password}".encode()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        method = str(handler_call_details.method)
        if method.startswith(_OPEN_TO_ALL):
            return await continuation(handler_call_details)
        given = dict(handler_call_details.invocation_metadata or ()).get("authorization")
        if given is not None and self._is_right(str(given)):
            return await continuation(handler_call_details)
        if given is None and method == BATCH_APPEND:
            return grpc.stream_stream_rpc_method_handler(
                _deny_batches,
                request_deserializer=streams_pb2.BatchAppendReq.FromString,
                response_serializer=streams_pb2.BatchAppendResp.SerializeToString,
            )
        handler = await continuation(handler_call_details)
        return None if handler is None else _refusing(handler, is_anonymous=given is None)

    def _is_right(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            return False
        return scheme.lower() == "basic" and hmac.compare_digest(given, self._expected)


async def _deny_batches(
    requests: AsyncIterator[streams_pb2.BatchAppendReq], _: Context
) -> AsyncIterator[streams_pb2.BatchAppendResp]:
    async for request in requests:
        if request.HasField("options"):
            yield streams_pb2.BatchAppendResp(
                correlation_id=request.correlation_id,
                stream_identifier=request.options.stream_identifier,
                error=refusals.access_denied_status(),
            )


def _refusing(handler: Any, *, is_anonymous: bool) -> Any:
    async def refuse(_: Any, context: Context) -> None:
        if is_anonymous:
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED,
                "Access Denied",
                (("exception", "access-denied"),),
            )
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "Unauthenticated")

    makers = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    return makers[handler.request_streaming, handler.response_streaming](
        refuse,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
