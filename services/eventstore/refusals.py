"""What the gRPC status and trailers of a refusal are, as the real server sends them."""

from __future__ import annotations

from typing import Any, NoReturn, TypeAlias

import grpc
import grpc.aio
from esdbclient.protos.Grpc import code_pb2, shared_pb2, status_pb2
from google.protobuf import empty_pb2
from google.protobuf.message import Message

from services.eventstore.appending import Expected, StreamState
from services.eventstore.record import NO_STREAM

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


async def refuse_deleted(context: Context, stream: str) -> NoReturn:
    await context.abort(
        grpc.StatusCode.FAILED_PRECONDITION,
        f"Event stream '{stream}' is deleted.",
        (("exception", "stream-deleted"), ("stream-name", _ascii(stream))),
    )


async def refuse_wrong_version(
    context: Context, operation: str, stream: str, expected: Expected, current: int
) -> NoReturn:
    wanted = expected.value if isinstance(expected, StreamState) else expected
    await context.abort(
        grpc.StatusCode.FAILED_PRECONDITION,
        f"{operation} failed due to WrongExpectedVersion. Stream: {stream}, "
        f"Expected version: {wanted}, Actual version: {current}",
        (
            ("exception", "wrong-expected-version"),
            ("stream-name", _ascii(stream)),
            ("expected-version", str(wanted)),
            ("actual-version", str(current)),
        ),
    )


async def refuse_size(context: Context, limit: int) -> NoReturn:
    await context.abort(
        grpc.StatusCode.INVALID_ARGUMENT,
        f"Maximum Append Size of {limit} Exceeded.",
        (("exception", "maximum-append-size-exceeded"), ("maximum-append-size", str(limit))),
    )


async def refuse_invalid(context: Context, why: str) -> NoReturn:
    await context.abort(grpc.StatusCode.INVALID_ARGUMENT, why)


async def refuse_timeout(context: Context) -> NoReturn:
    await context.abort(grpc.StatusCode.ABORTED, "Operation timed out")


async def refuse_failed(context: Context) -> NoReturn:
    await context.abort(grpc.StatusCode.UNKNOWN, "The event could not be stored")


async def refuse_closing(context: Context) -> NoReturn:
    await context.abort(grpc.StatusCode.UNAVAILABLE, "Server Is Shutting Down")


def _ascii(text: str) -> str:
    """Trailers carry printable ASCII only."""
    return text.encode("ascii", "backslashreplace").decode()


def _status(code: code_pb2.Code.ValueType, name: str, details: Message) -> status_pb2.Status:
    status = status_pb2.Status(code=code, message=name)
    status.details.Pack(details)
    return status


def wrong_version_status(expected: Expected, current: int) -> status_pb2.Status:
    details = shared_pb2.WrongExpectedVersion()
    if current == NO_STREAM:
        details.current_no_stream.CopyFrom(empty_pb2.Empty())
    else:
        details.current_stream_revision = current
    match expected:
        case StreamState.ANY:
            details.expected_any.CopyFrom(empty_pb2.Empty())
        case StreamState.STREAM_EXISTS:
            details.expected_stream_exists.CopyFrom(empty_pb2.Empty())
        case -1:
            details.expected_no_stream.CopyFrom(empty_pb2.Empty())
        case revision:
            details.expected_stream_position = revision
    return _status(code_pb2.ALREADY_EXISTS, "WrongExpectedVersion", details)


def deleted_status(stream: str) -> status_pb2.Status:
    identifier = shared_pb2.StreamIdentifier(stream_name=stream.encode())
    details = shared_pb2.StreamDeleted(stream_identifier=identifier)
    return _status(code_pb2.NOT_FOUND, "StreamDeleted", details)


def timeout_status() -> status_pb2.Status:
    return _status(code_pb2.DEADLINE_EXCEEDED, "Timeout", shared_pb2.Timeout())


def unknown_status() -> status_pb2.Status:
    return _status(code_pb2.UNKNOWN, "Unknown", shared_pb2.Unknown())


def access_denied_status() -> status_pb2.Status:
    return _status(code_pb2.PERMISSION_DENIED, "AccessDenied", shared_pb2.AccessDenied())


def size_status(limit: int) -> status_pb2.Status:
    details = shared_pb2.MaximumAppendSizeExceeded(maxAppendSize=limit)
    return _status(code_pb2.INVALID_ARGUMENT, "MaximumAppendSizeExceeded", details)


def bad_request_status(why: str) -> status_pb2.Status:
    return _status(code_pb2.INVALID_ARGUMENT, "BadRequest", shared_pb2.BadRequest(message=why))
