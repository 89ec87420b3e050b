"""BatchAppend as one long call: chunks, conflicts and refusals side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import grpc.aio
import pytest
from esdbclient import AsyncEventStoreDBClient
from esdbclient.protos.Grpc import shared_pb2, status_pb2, streams_pb2, streams_pb2_grpc
from google.protobuf.message import Message

BatchAppendReq = streams_pb2.BatchAppendReq
BatchAppendResp = streams_pb2.BatchAppendResp


def request(
    stream: str | None,
    *,
    revision: int | None = None,
    count: int = 1,
    data: bytes = b"{}",
    is_final: bool = True,
    correlation_id: str | None = None,
) -> BatchAppendReq:
    """Build an append at `revision` (None: any), or a later chunk when `stream` is None."""
    message = BatchAppendReq(is_final=is_final)
    message.correlation_id.string = correlation_id or str(uuid4())
    if stream is not None:
        message.options.stream_identifier.stream_name = stream.encode()
        if revision is None:
            message.options.any.SetInParent()
        elif revision < 0:
            message.options.no_stream.SetInParent()
        else:
            message.options.stream_position = revision
    for _ in range(count):
        event = message.proposed_messages.add(data=data)
        event.id.string = str(uuid4())
        event.metadata["type"] = "T"
        event.metadata["content-type"] = "application/json"
    return message


async def answers(
    stub: streams_pb2_grpc.StreamsStub, *requests: BatchAppendReq, count: int | None = None
) -> dict[str, BatchAppendResp]:
    call = stub.BatchAppend()
    for one in requests:
        await call.write(one)
    received = {}
    async with asyncio.timeout(10):
        for _ in range(len(requests) if count is None else count):
            response = await call.read()
            received[response.correlation_id.string] = response
    call.cancel()
    return received


def details(response: BatchAppendResp, kind: Callable[[], Message]) -> Any:
    assert isinstance(response.error, status_pb2.Status)
    unpacked = kind()
    assert response.error.details.Unpack(unpacked), response
    return unpacked


async def test_many_are_in_flight_and_a_conflict_is_its_own(
    stub: streams_pb2_grpc.StreamsStub, stream: str
) -> None:
    good = [request(f"{stream}.{n}", revision=-1) for n in range(100)]
    bad = [request(f"{stream}.{n}", revision=7) for n in range(100)]
    mixed = [one for pair in zip(good, bad, strict=True) for one in pair]
    received = await answers(stub, *mixed)
    assert len(received) == 200
    for one in good:
        assert received[one.correlation_id.string].success.current_revision == 0
    positions = [
        received[one.correlation_id.string].success.position.commit_position for one in good
    ]
    assert positions == sorted(set(positions))
    for one in bad:
        wrong = details(received[one.correlation_id.string], shared_pb2.WrongExpectedVersion)
        assert wrong.expected_stream_position == 7
        assert wrong.WhichOneof("current_stream_revision_option") in {
            "current_stream_revision",
            "current_no_stream",
        }


async def test_appends_of_one_call_to_one_stream_keep_their_order(
    stub: streams_pb2_grpc.StreamsStub, stream: str
) -> None:
    ordered = [request(stream, revision=n - 1) for n in range(200)]
    received = await answers(stub, *ordered)
    assert [
        received[one.correlation_id.string].success.current_revision for one in ordered
    ] == list(range(200))


async def test_chunks_become_one_append(
    stub: streams_pb2_grpc.StreamsStub, client: AsyncEventStoreDBClient, stream: str
) -> None:
    key, other = str(uuid4()), request(f"{stream}.other")
    received = await answers(
        stub,
        request(stream, revision=-1, count=2, is_final=False, correlation_id=key),
        other,
        request(None, count=3, is_final=False, correlation_id=key),
        request(None, count=1, correlation_id=key),
        count=2,
    )
    assert received[key].success.current_revision == 5
    assert len(await client.get_stream(stream)) == 6


async def test_half_a_batch_is_never_written(
    stub: streams_pb2_grpc.StreamsStub, client: AsyncEventStoreDBClient, stream: str
) -> None:
    unfinished = request(stream, revision=-1, count=2, is_final=False)
    finished = request(f"{stream}.other")
    await answers(stub, unfinished, finished, count=1)
    assert await client.get_stream(f"{stream}.other")
    with pytest.raises(Exception, match="not found"):
        await client.get_stream(stream)


async def test_an_unfinished_batch_times_out_at_its_deadline(
    stub: streams_pb2_grpc.StreamsStub, stream: str
) -> None:
    unfinished = request(stream, is_final=False)
    unfinished.options.deadline.nanos = 50_000_000
    received = await answers(stub, unfinished)
    details(received[unfinished.correlation_id.string], shared_pb2.Timeout)


async def test_a_deadline_that_has_passed_writes_nothing(
    stub: streams_pb2_grpc.StreamsStub, stream: str
) -> None:
    late, old = request(stream), request(stream)
    late.options.deadline.seconds = 0
    old.options.deadline_21_10_0.seconds = 1
    received = await answers(stub, late, old)
    for response in received.values():
        details(response, shared_pb2.Timeout)


async def test_too_much_in_chunks_is_refused(
    stub: streams_pb2_grpc.StreamsStub, stream: str
) -> None:
    key = str(uuid4())
    received = await answers(
        stub,
        request(stream, data=b"x" * 600_000, is_final=False, correlation_id=key),
        request(None, data=b"x" * 600_000, correlation_id=key),
        count=1,
    )
    assert details(received[key], shared_pb2.MaximumAppendSizeExceeded).maxAppendSize == 1024 * 1024


def _without_type(message: BatchAppendReq) -> None:
    del message.proposed_messages[0].metadata["type"]


def _without_content_type(message: BatchAppendReq) -> None:
    del message.proposed_messages[0].metadata["content-type"]


def _without_id(message: BatchAppendReq) -> None:
    message.proposed_messages[0].ClearField("id")


def _half_an_id(message: BatchAppendReq) -> None:
    message.proposed_messages[0].id.string = "0192f0c1-7a5e"


def _without_stream(message: BatchAppendReq) -> None:
    message.options.ClearField("stream_identifier")


def _without_expectation(message: BatchAppendReq) -> None:
    message.options.ClearField("any")


def _to_all(message: BatchAppendReq) -> None:
    message.options.stream_identifier.stream_name = b"$all"


def _not_utf8(message: BatchAppendReq) -> None:
    message.options.stream_identifier.stream_name = b"\xff"


@pytest.mark.parametrize(
    "break_it",
    [
        _without_type,
        _without_content_type,
        _without_id,
        _half_an_id,
        _without_stream,
        _without_expectation,
        _to_all,
        _not_utf8,
    ],
)
async def test_a_bad_request_is_answered_and_the_call_goes_on(
    stub: streams_pb2_grpc.StreamsStub, stream: str, break_it: Callable[[BatchAppendReq], None]
) -> None:
    bad, good = request(stream), request(stream)
    break_it(bad)
    received = await answers(stub, bad, good)
    assert details(received[bad.correlation_id.string], shared_pb2.BadRequest).message
    assert received[good.correlation_id.string].success.current_revision == 0


async def test_the_call_ends_when_the_client_is_done_and_all_is_answered(
    stub: streams_pb2_grpc.StreamsStub, stream: str
) -> None:
    call = stub.BatchAppend()
    for _ in range(50):
        await call.write(request(stream))
    await call.done_writing()
    assert len([response async for response in call]) == 50
    assert await call.code() is grpc.StatusCode.OK
