"""What every call passes: token, capability, size, field rules, deadline; and what comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import protovalidate
import structlog
from google.protobuf.message import Message

from services.runtime import call
from services.runtime.identity import Authority, Unauthenticated, Verifier
from services.runtime.refusals import Refused, of_exception, refused

MAX_REQUEST_BYTES = 1 << 20
DEFAULT_DEADLINE_S = 10.0
OPEN_METHODS = ("/grpc.health.v1.Health/",)
REFLECTION = "/grpc.reflection."
SHOWN_VALUE_CHARS = 80

log = structlog.get_logger()


class Gate(grpc.aio.ServerInterceptor):
    """One interceptor, not five: each costs every call its share."""

    def __init__(self, domain: str, verifier: Verifier, authority: Authority) -> None:
        self._domain = domain
        self._verifier = verifier
        self._authority = authority
        self._validator = protovalidate.Validator()
        self._streams: set[asyncio.Task[Any]] = set()
        self._stopping = False

    def end_streams(self) -> None:
        """End every watch, which has no end of its own, so that a stop need not wait for them."""
        self._stopping = True
        for task in self._streams:
            task.cancel()

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = await continuation(details)
        method = details.method
        if handler is None or method.startswith(OPEN_METHODS):
            return handler
        headers = dict(details.invocation_metadata or ())
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(
                self._unary(handler.unary_unary, method, headers),
                handler.request_deserializer,
                handler.response_serializer,
            )
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(
                self._stream(handler.unary_stream, method, headers),
                handler.request_deserializer,
                handler.response_serializer,
            )
        return grpc.stream_stream_rpc_method_handler(
            self._stream(handler.stream_stream, method, headers),
            handler.request_deserializer,
            handler.response_serializer,
        )

    def _unary(self, handle: Any, method: str, headers: dict[str, str]) -> Any:
        async def guarded(request: Message, context: Any) -> Any:
            started = time.perf_counter()
            code = "CANCELLED"
            try:
                await self._admit(request, method, headers)
                left = context.time_remaining()
                async with asyncio.timeout(DEFAULT_DEADLINE_S if left is None else left):
                    response = await handle(request, context)
                code = "OK"
                return response  # noqa: TRY300
            except TimeoutError:
                code = "DEADLINE_EXCEEDED"
                await context.abort(
                    grpc.StatusCode.DEADLINE_EXCEEDED,
                    "not done in time; a retry with the same request_id is safe",
                )
            except Exception as error:
                answer = self._answer(error)
                code = answer.code.name if answer else "UNKNOWN"
                if answer is None:
                    raise
                await context.abort(answer.code, answer.status.message, answer.trailers)
            finally:
                self._log(method, code, started)

        return guarded

    def _stream(self, handle: Any, method: str, headers: dict[str, str]) -> Any:
        async def guarded(request: Any, context: Any) -> AsyncIterator[Any]:
            started = time.perf_counter()
            code = "CANCELLED"
            task = asyncio.current_task()
            assert task is not None
            self._streams.add(task)
            try:
                await self._admit(request, method, headers)
                if not isinstance(request, Message) and not method.startswith(REFLECTION):
                    request = self._each(request)
                async for response in handle(request, context):
                    yield response
                code = "OK"
            except asyncio.CancelledError:
                if self._stopping:
                    code = "UNAVAILABLE"
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "stopping: watch again")
                raise
            except Exception as error:
                answer = self._answer(error)
                code = answer.code.name if answer else "UNKNOWN"
                if answer is None:
                    raise
                await context.abort(answer.code, answer.status.message, answer.trailers)
            finally:
                self._streams.discard(task)
                self._log(method, code, started)

        return guarded

    async def _admit(self, request: Any, method: str, headers: dict[str, str]) -> None:
        actor = await self._verifier.verify(_bearer(headers))
        reflecting = method.startswith(REFLECTION)
        capability = self._authority.required(method)
        if not reflecting and (capability is None or not self._authority.grants(actor, capability)):
            raise refused(
                self._domain,
                grpc.StatusCode.PERMISSION_DENIED,
                "CAPABILITY_REQUIRED",
                f"{actor.subject} ({', '.join(actor.roles)}) lacks {capability}",
                {"capability": capability or "", "subject": actor.subject},
            )
        admitted = call.of_headers(actor, headers, self._authority)
        call.enter(admitted)
        structlog.contextvars.bind_contextvars(actor=admitted.actor.subject)
        if isinstance(request, Message) and not reflecting:
            self._check(request)

    async def _each(self, requests: AsyncIterator[Message]) -> AsyncIterator[Message]:
        """Yield what a caller streams; the first message that breaks a rule ends the call."""
        async for request in requests:
            self._check(request)
            yield request

    def _check(self, request: Message) -> None:
        size = request.ByteSize()
        if size > MAX_REQUEST_BYTES:
            raise refused(
                self._domain,
                grpc.StatusCode.INVALID_ARGUMENT,
                "REQUEST_TOO_LARGE",
                f"request: got {size} bytes, allowed: at most {MAX_REQUEST_BYTES}",
                {"got": str(size), "allowed": str(MAX_REQUEST_BYTES)},
                [("request", f"{size} bytes")],
            )
        violations = [_said(violation) for violation in self._validator.collect_violations(request)]
        if violations:
            field, text = violations[0]
            raise refused(
                self._domain,
                grpc.StatusCode.INVALID_ARGUMENT,
                "INVALID_FIELD",
                "; ".join(f"{field}: {text}" for field, text in violations),
                {"field": field, "got": text.partition(" got ")[2]},
                violations,
            )

    def _answer(self, error: Exception) -> Refused | None:
        """Return the refusal that ``error`` means; None for one that nobody foresaw."""
        match error:
            case Unauthenticated():
                return refused(
                    self._domain,
                    grpc.StatusCode.UNAUTHENTICATED,
                    "UNAUTHENTICATED",
                    f"no valid bearer token: {error}",
                    {},
                )
            case Refused():
                return error
            case _:
                return of_exception(self._domain, error)

    @staticmethod
    def _log(method: str, code: str, started: float) -> None:
        log.info(
            "call", method=method, code=code, ms=round(1e3 * (time.perf_counter() - started), 2)
        )


def _bearer(headers: dict[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("the authorization header is missing")
    return token


def _said(violation: Any) -> tuple[str, str]:
    field = violation.proto.field
    if field is None:  # a rule of the request as a whole
        return "request", violation.proto.message
    path = ".".join(element.field_name for element in field.elements)
    got = repr(violation.field_value)
    shown = (
        got if len(got) <= SHOWN_VALUE_CHARS else f"{got[:SHOWN_VALUE_CHARS]}… ({len(got)} long)"
    )
    return path or "request", f"{violation.proto.message}; got {shown}"
