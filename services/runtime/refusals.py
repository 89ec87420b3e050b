"""Refusals to gRPC statuses and back, in one table (AIP-193)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from services.runtime.rejection import (
    AlreadyExists,
    Forbidden,
    Invalid,
    NotFound,
    Rejection,
    Unavailable,
)
from services.runtime.store import StaleRevision

RETRY_AFTER_S = 1
PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,  # by a server that stops; our own cancellation is no status
    grpc.StatusCode.UNAUTHENTICATED,  # our token, not what was asked
}

CODES: dict[type[Exception], grpc.StatusCode] = {
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    Invalid: grpc.StatusCode.INVALID_ARGUMENT,
    Forbidden: grpc.StatusCode.PERMISSION_DENIED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    Rejection: grpc.StatusCode.FAILED_PRECONDITION,
    StaleRevision: grpc.StatusCode.ABORTED,
}


class Refused(Exception):
    """A call that ends with this status."""

    def __init__(self, code: grpc.StatusCode, status: status_pb2.Status) -> None:
        super().__init__(status.message)
        self.code = code
        self.status = status

    @property
    def trailers(self) -> tuple[tuple[str, bytes], ...]:
        return (("grpc-status-details-bin", self.status.SerializeToString()),)


def refused(
    domain: str,
    code: grpc.StatusCode,
    reason: str,
    message: str,
    metadata: Mapping[str, str],
    violations: Sequence[tuple[str, str]] = (),
) -> Refused:
    """Return one refusal's status: ErrorInfo always, BadRequest and RetryInfo as they apply."""
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata)
    ]
    if violations:
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(field=field, description=text)
                    for field, text in violations
                ]
            )
        )
    if code is grpc.StatusCode.UNAVAILABLE:
        details.append(
            error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=RETRY_AFTER_S))
        )
    packed = []
    for detail in details:
        wrapped = any_pb2.Any()
        wrapped.Pack(detail)
        packed.append(wrapped)
    return Refused(code, status_pb2.Status(code=code.value[0], message=message, details=packed))


def of_exception(domain: str, error: Exception) -> Refused | None:
    """Return the status that ``error`` means; None for one that nobody foresaw."""
    code = next((CODES[cls] for cls in type(error).__mro__ if cls in CODES), None)
    if code is None:
        return None
    match error:
        case Invalid():
            field = error.context["field"]
            violations = [(field, error.message)]
            return refused(domain, code, error.reason, error.message, error.context, violations)
        case Rejection():
            return refused(domain, code, error.reason, error.message, error.context)
        case _:
            message = f"{error} has changed since it was read: read it again"
            return refused(domain, code, "STALE_REVISION", message, {"stream": str(error)})


def to_rejection(error: grpc.aio.AioRpcError) -> Exception:
    """Return the refusal that another service answered with, so that it can be passed on."""
    status = rpc_status.from_call(error)  # type: ignore[no-untyped-call]
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status is not None else ():
        if detail.Unpack(info):
            break
    if error.code() in PASSING:
        reason = info.reason or "PEER_UNAVAILABLE"
        return Unavailable(reason, error.details() or "", **dict(info.metadata))
    if error.code() is grpc.StatusCode.ABORTED:
        return StaleRevision(info.metadata.get("stream", ""))
    if not info.reason:
        return error
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
        return Invalid(
            info.reason,
            field=info.metadata.get("field", "request"),
            got=info.metadata.get("got", ""),
            allowed=info.metadata.get("allowed", error.details() or ""),
        )
    kinds: dict[grpc.StatusCode, type[Rejection]] = {
        grpc.StatusCode.NOT_FOUND: NotFound,
        grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
        grpc.StatusCode.PERMISSION_DENIED: Forbidden,
    }
    rejection = kinds.get(error.code(), Rejection)
    return rejection(info.reason, error.details() or "", **dict(info.metadata))
