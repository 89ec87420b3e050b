"""The Streams service: requests in, writes and reads out, refusals as the real server's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, NoReturn
from uuid import UUID

from esdbclient.protos.Grpc import shared_pb2, streams_pb2, streams_pb2_grpc

from services.eventstore import refusals, wire, writing
from services.eventstore.appending import Deleted, Expected, StreamState, Wrong
from services.eventstore.batches import WRITE_TIMEOUT, BatchCall
from services.eventstore.filters import InvalidFilter
from services.eventstore.queries import Queries
from services.eventstore.reading import StreamDeleted
from services.eventstore.record import NO_STREAM, Proposed
from services.eventstore.refusals import Context
from services.eventstore.subscriptions import Closing
from services.eventstore.writing import Failed, TimedOut, Writer, Written

AppendResp = streams_pb2.AppendResp


class Calls:
    """How many calls are being answered, so that the end can wait for none."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = asyncio.Event()

    def __enter__(self) -> None:
        self._count += 1

    def __exit__(self, *_: object) -> None:
        self._count -= 1
        self._changed.set()

    async def ended(self) -> None:
        while self._count:
            self._changed.clear()
            await self._changed.wait()


class StreamsServicer(streams_pb2_grpc.StreamsServicer):
    """Read, Append, BatchAppend, Delete and Tombstone."""

    def __init__(
        self,
        writer: Writer,
        queries: Queries,
        max_append_size: int,
        new_id: Callable[[], UUID],
    ) -> None:
        self._writer = writer
        self._queries = queries
        self._max_append_size = max_append_size
        self._new_id = new_id
        self._batch_calls: set[BatchCall] = set()
        self._is_closing = False
        self._calls = Calls()

    async def close(self) -> None:
        """End the open batch calls once what they have in flight is answered; wait for all."""
        self._is_closing = True
        for call in self._batch_calls:
            call.close()
        await self._calls.ended()

    async def Read(self, request: streams_pb2.ReadReq, context: Context) -> None:
        try:
            with self._calls:
                # Closed here and not by the collector: a subscription leaves the feed at once.
                async with aclosing(self._queries.answers(request.options)) as pages:
                    async for page in pages:
                        for response in page:
                            await context.write(response)
        except StreamDeleted:
            identifier = request.options.stream.stream_identifier
            await refusals.refuse_deleted(context, wire.stream_name(identifier))
        except (wire.InvalidRequest, InvalidFilter) as why:
            await refusals.refuse_invalid(context, str(why))
        except Closing:
            await refusals.refuse_closing(context)

    async def BatchAppend(
        self, request_iterator: AsyncIterator[streams_pb2.BatchAppendReq], context: Context
    ) -> None:
        call = BatchCall(self._writer, self._max_append_size)
        self._batch_calls.add(call)
        if self._is_closing:
            call.close()
        try:
            with self._calls:
                await call.serve(request_iterator, context)
        finally:
            self._batch_calls.discard(call)

    async def Append(
        self, request_iterator: AsyncIterator[streams_pb2.AppendReq], context: Context
    ) -> AppendResp:
        try:
            append = await self._gather(request_iterator, context)
        except wire.InvalidRequest as why:
            await refusals.refuse_invalid(context, str(why))
        with self._calls:
            outcome = await self._writer.write(append)
        match outcome:
            case Written(revision, position):
                return _appended(revision, position)
            case Wrong(current):
                return _wrong(append.expected, current)
            case refused:
                return await _refuse(context, append.stream, refused)

    async def _gather(
        self, requests: AsyncIterator[streams_pb2.AppendReq], context: Context
    ) -> writing.Append:
        options: Any = None
        events: list[Proposed] = []
        size = 0
        async for request in requests:
            if options is None:
                if request.WhichOneof("content") != "options":
                    raise wire.InvalidRequest("an append begins with its options")
                options = request.options
                continue
            if request.WhichOneof("content") != "proposed_message":
                raise wire.InvalidRequest("an append has its options once")
            event = wire.proposed(request.proposed_message)
            events.append(event)
            size += wire.size_of(event)
            if size > self._max_append_size:
                await refusals.refuse_size(context, self._max_append_size)
        if options is None:
            raise wire.InvalidRequest("an append begins with its options")
        stream, expected = _target(options)
        return writing.Append(stream, expected, events, size, time.monotonic() + WRITE_TIMEOUT)

    async def Delete(
        self, request: streams_pb2.DeleteReq, context: Context
    ) -> streams_pb2.DeleteResp:
        position = await self._delete(request.options, context, hard=False)
        return streams_pb2.DeleteResp(
            position=streams_pb2.DeleteResp.Position(
                commit_position=position, prepare_position=position
            )
        )

    async def Tombstone(
        self, request: streams_pb2.TombstoneReq, context: Context
    ) -> streams_pb2.TombstoneResp:
        position = await self._delete(request.options, context, hard=True)
        return streams_pb2.TombstoneResp(
            position=streams_pb2.TombstoneResp.Position(
                commit_position=position, prepare_position=position
            )
        )

    async def _delete(self, options: Any, context: Context, *, hard: bool) -> int:
        try:
            stream, expected = _target(options)
        except wire.InvalidRequest as why:
            await refusals.refuse_invalid(context, str(why))
        deletion = writing.Delete(stream, expected, self._new_id().bytes, hard)
        with self._calls:
            outcome = await self._writer.write(deletion)
        match outcome:
            case Written(_, position):
                return position
            case Wrong(current):
                return await refusals.refuse_wrong_version(
                    context, "Delete", stream, expected, current
                )
            case refused:
                return await _refuse(context, stream, refused)


async def _refuse(context: Context, stream: str, refused: Deleted | TimedOut | Failed) -> NoReturn:
    match refused:
        case Deleted():
            await refusals.refuse_deleted(context, stream)
        case TimedOut():
            await refusals.refuse_timeout(context)
        case Failed():
            await refusals.refuse_failed(context)


def _target(options: Any) -> tuple[str, Expected]:
    stream = wire.stream_name(options.stream_identifier)
    return stream, wire.expected(options.WhichOneof("expected_stream_revision"), options.revision)


def _appended(revision: int, position: int) -> AppendResp:
    success = AppendResp.Success()
    if revision == NO_STREAM:
        success.no_stream.CopyFrom(shared_pb2.Empty())
    else:
        success.current_revision = revision
    if position == 0:
        success.no_position.CopyFrom(shared_pb2.Empty())
    else:
        success.position.commit_position = success.position.prepare_position = position
    return AppendResp(success=success)


def _wrong(expected: Expected, current: int) -> AppendResp:
    """Both spellings of each field: clients older than 20.6.1 read the first."""
    wrong = AppendResp.WrongExpectedVersion()
    empty = shared_pb2.Empty()
    if current == NO_STREAM:
        wrong.no_stream_20_6_0.CopyFrom(empty)
        wrong.current_no_stream.CopyFrom(empty)
    else:
        wrong.current_revision_20_6_0 = wrong.current_revision = current
    match expected:
        case StreamState.ANY:
            wrong.any_20_6_0.CopyFrom(empty)
            wrong.expected_any.CopyFrom(empty)
        case StreamState.STREAM_EXISTS:
            wrong.stream_exists_20_6_0.CopyFrom(empty)
            wrong.expected_stream_exists.CopyFrom(empty)
        case -1:
            wrong.expected_no_stream.CopyFrom(empty)
        case revision:
            wrong.expected_revision_20_6_0 = wrong.expected_revision = revision
    return AppendResp(wrong_expected_version=wrong)
