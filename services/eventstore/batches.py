"""One BatchAppend call: many appends in flight at once, each answered when it is durable."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from esdbclient.protos.Grpc import shared_pb2, status_pb2, streams_pb2
from google.protobuf import empty_pb2

from services.eventstore import refusals, wire
from services.eventstore.appending import Deleted, Expected, Wrong
from services.eventstore.record import NO_STREAM, Proposed
from services.eventstore.refusals import Context
from services.eventstore.writing import Append, Failed, Outcome, TimedOut, Writer, Written

BatchAppendReq = streams_pb2.BatchAppendReq
BatchAppendResp = streams_pb2.BatchAppendResp

WRITE_TIMEOUT = 2.0
"""Seconds; a longer deadline is cut to this, as the real server does."""

IN_FLIGHT = 2_048


@dataclass(slots=True)
class Batch:
    """Chunks of one append, until the final one."""

    correlation_id: shared_pb2.UUID
    identifier: shared_pb2.StreamIdentifier
    stream: str
    expected: Expected
    not_after: float
    events: list[Proposed] = field(default_factory=list)
    size: int = 0
    timer: asyncio.TimerHandle | None = None


class BatchCall:
    """Reads in one task and answers in another, so that no append waits for the one before."""

    def __init__(self, writer: Writer, max_append_size: int) -> None:
        self._writer = writer
        self._max_append_size = max_append_size
        self._loop = asyncio.get_running_loop()
        self._batches: dict[bytes, Batch] = {}
        self._answers: deque[BatchAppendResp] = deque()
        self._in_flight = 0
        self._changed = asyncio.Event()
        self._has_room = asyncio.Event()
        self._is_closing = False

    def close(self) -> None:
        """Answer what is in flight, then end the call."""
        self._is_closing = True
        self._changed.set()

    async def serve(self, requests: AsyncIterator[BatchAppendReq], context: Context) -> None:
        reading = asyncio.create_task(self._read(requests))
        reading.add_done_callback(lambda _: self._changed.set())
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                while self._answers:
                    await context.write(self._answers.popleft())
                if self._in_flight == 0 and reading.done():
                    await reading
                    return
                if self._in_flight == 0 and self._is_closing:
                    await refusals.refuse_closing(context)
        finally:
            reading.cancel()
            for batch in self._batches.values():
                _stop(batch)

    async def _read(self, requests: AsyncIterator[BatchAppendReq]) -> None:
        async for request in requests:
            try:
                self._accept(request)
            except wire.InvalidRequest as why:
                self._refuse(request, refusals.bad_request_status(str(why)))
            while self._in_flight >= IN_FLIGHT:
                self._has_room.clear()
                await self._has_room.wait()

    def _accept(self, request: BatchAppendReq) -> None:
        key = wire.uuid_bytes(request.correlation_id)
        try:
            batch = self._batches.pop(key, None)
            if batch is None and request.HasField("options"):
                batch = self._open(request)
            if batch is None:
                return
            self._add(batch, request)
        except BaseException:
            self._forget(key)
            raise
        if batch.size > self._max_append_size:
            _stop(batch)
            self._refuse(request, refusals.size_status(self._max_append_size), batch)
        elif request.is_final:
            _stop(batch)
            self._submit(batch)
        else:
            self._keep(key, batch)

    def _open(self, request: BatchAppendReq) -> Batch | None:
        options = request.options
        if not options.HasField("stream_identifier"):
            raise wire.InvalidRequest("Required field StreamIdentifier not set.")
        timeout = min(_timeout(options), WRITE_TIMEOUT)
        if timeout <= 0:
            self._refuse(request, refusals.timeout_status())
            return None
        return Batch(
            request.correlation_id,
            options.stream_identifier,
            wire.stream_name(options.stream_identifier),
            wire.expected(options.WhichOneof("expected_stream_position"), options.stream_position),
            time.monotonic() + timeout,
        )

    @staticmethod
    def _add(batch: Batch, request: BatchAppendReq) -> None:
        for message in request.proposed_messages:
            event = wire.proposed(message)
            batch.events.append(event)
            batch.size += wire.size_of(event)

    def _keep(self, key: bytes, batch: Batch) -> None:
        self._batches[key] = batch
        if batch.timer is None:
            wait = batch.not_after - time.monotonic()
            batch.timer = self._loop.call_later(wait, self._expire, key)

    def _forget(self, key: bytes) -> None:
        batch = self._batches.pop(key, None)
        if batch is not None:
            _stop(batch)

    def _expire(self, key: bytes) -> None:
        batch = self._batches.pop(key, None)
        if batch is not None:
            answer = _answer(batch)
            answer.error.CopyFrom(refusals.timeout_status())
            self._send(answer)

    def _submit(self, batch: Batch) -> None:
        self._in_flight += 1
        append = Append(batch.stream, batch.expected, batch.events, batch.size, batch.not_after)
        self._writer.submit(append, lambda outcome: self._done(batch, outcome))

    def _done(self, batch: Batch, outcome: Outcome) -> None:
        self._in_flight -= 1
        self._has_room.set()
        answer = _answer(batch)
        match outcome:
            case Written(revision, position):
                _succeed(answer.success, revision, position)
            case Wrong(current):
                answer.error.CopyFrom(refusals.wrong_version_status(batch.expected, current))
            case Deleted():
                answer.error.CopyFrom(refusals.deleted_status(batch.stream))
            case TimedOut():
                answer.error.CopyFrom(refusals.timeout_status())
            case Failed():
                answer.error.CopyFrom(refusals.unknown_status())
        self._send(answer)

    def _refuse(
        self, request: BatchAppendReq, status: status_pb2.Status, batch: Batch | None = None
    ) -> None:
        identifier = request.options.stream_identifier if batch is None else batch.identifier
        self._send(
            BatchAppendResp(
                correlation_id=request.correlation_id, stream_identifier=identifier, error=status
            )
        )

    def _send(self, answer: BatchAppendResp) -> None:
        self._answers.append(answer)
        self._changed.set()


def _answer(batch: Batch) -> BatchAppendResp:
    return BatchAppendResp(correlation_id=batch.correlation_id, stream_identifier=batch.identifier)


def _succeed(success: BatchAppendResp.Success, revision: int, position: int) -> None:
    if revision == NO_STREAM:
        success.no_stream.CopyFrom(empty_pb2.Empty())
    else:
        success.current_revision = revision
    if position == 0:
        success.no_position.CopyFrom(empty_pb2.Empty())
    else:
        success.position.commit_position = success.position.prepare_position = position


def _stop(batch: Batch) -> None:
    if batch.timer is not None:
        batch.timer.cancel()


def _timeout(options: BatchAppendReq.Options) -> float:
    match options.WhichOneof("deadline_option"):
        case "deadline":
            return float(options.deadline.seconds) + options.deadline.nanos / 1e9
        case "deadline_21_10_0":
            deadline = options.deadline_21_10_0
            return float(deadline.seconds) + deadline.nanos / 1e9 - time.time()
    return WRITE_TIMEOUT
