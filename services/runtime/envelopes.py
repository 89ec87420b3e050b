"""Events in EventStoreDB's own messages: what is proposed, and what a read tells.

esdbclient makes objects of its own between the two, which cost as much as all else of a read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from esdbclient.protos.Grpc import shared_pb2, streams_pb2
from google.protobuf import empty_pb2

from services.runtime.recorded import Recorded

NO_STREAM = -1
JSON = "application/json"
TICKS_PER_SECOND = 1e7
LOW_64_BITS = (1 << 64) - 1

Request = streams_pb2.BatchAppendReq
_EMPTY = empty_pb2.Empty()
_METADATA = msgspec.json.Decoder(dict[str, str])


@dataclass(frozen=True, slots=True)
class Proposed:
    """An event that is not stored yet."""

    id: UUID
    type: str
    data: bytes
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class Progress:
    """Nothing more to see up to ``position``; live from here on where ``caught_up``."""

    position: int | None
    caught_up: bool


def append_request(
    number: int, stream: str, expected: int, events: Sequence[Proposed], timeout_s: float
) -> Request:
    """Return the one message of an append; its answer carries ``number`` back."""
    request = Request(
        correlation_id=shared_pb2.UUID(
            structured=shared_pb2.UUID.Structured(least_significant_bits=number)
        ),
        is_final=True,
    )
    options = request.options
    options.stream_identifier.stream_name = stream.encode()
    seconds = int(timeout_s)
    options.deadline.seconds, options.deadline.nanos = seconds, int((timeout_s - seconds) * 1e9)
    if expected == NO_STREAM:
        options.no_stream.CopyFrom(_EMPTY)
    else:
        options.stream_position = expected
    for event in events:
        message = request.proposed_messages.add()
        message.id.string = str(event.id)
        message.metadata["type"] = event.type
        message.metadata["content-type"] = JSON
        message.custom_metadata = msgspec.json.encode(event.metadata)
        message.data = event.data
    return request


def number_of(answer: streams_pb2.BatchAppendResp) -> int:
    """Return the number of the append that this answers; a server may write it in either form."""
    id_ = answer.correlation_id
    if id_.WhichOneof("value") == "string":
        return UUID(id_.string).int & LOW_64_BITS
    return int(id_.structured.least_significant_bits) & LOW_64_BITS


def told(answer: streams_pb2.ReadResp) -> Recorded | Progress | None:
    """Return what one message of a read or a subscription says; None where it is not for us."""
    match answer.WhichOneof("content"):
        case "event":
            return _recorded(answer.event)
        case "checkpoint":
            return Progress(answer.checkpoint.commit_position, caught_up=False)
        case "caught_up":
            return Progress(None, caught_up=True)
    return None


def _recorded(answer: Any) -> Recorded | None:
    event = answer.event
    if not event.id.string:  # a link whose event was deleted
        return None
    metadata = event.metadata
    return Recorded(
        id=UUID(event.id.string),
        type=metadata["type"],
        stream=event.stream_identifier.stream_name.decode(),
        revision=event.stream_revision,
        position=event.commit_position,
        created_at=datetime.fromtimestamp(int(metadata["created"]) / TICKS_PER_SECOND, UTC),
        data=event.data,
        metadata=_METADATA.decode(event.custom_metadata or b"{}"),
    )
