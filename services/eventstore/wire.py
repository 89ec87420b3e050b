"""Between protobuf messages and the store's own records, writes and outcomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from esdbclient.protos.Grpc import shared_pb2, streams_pb2

from services.eventstore.appending import Expected, StreamState
from services.eventstore.reading import Reader, is_link
from services.eventstore.record import NO_STREAM, Proposed, Record

ReadResp = streams_pb2.ReadResp
Recorded = ReadResp.ReadEvent.RecordedEvent

JSON = "application/json"
BINARY = "application/octet-stream"
_UINT64 = 2**64
UUID_BYTES = 16


class InvalidRequest(ValueError):
    """The message breaks the protocol; the text says how."""


def uuid_bytes(uuid: shared_pb2.UUID) -> bytes:
    """Read either form of an id; raises InvalidRequest."""
    match uuid.WhichOneof("value"):
        case "string":
            try:
                data = bytes.fromhex(uuid.string.replace("-", ""))
            except ValueError:
                data = b""
            if len(data) != UUID_BYTES:
                raise InvalidRequest(f"not a UUID: {uuid.string!r}")
            return data
        case "structured":
            high = uuid.structured.most_significant_bits % _UINT64
            low = uuid.structured.least_significant_bits % _UINT64
            return high.to_bytes(8) + low.to_bytes(8)
    raise InvalidRequest("a UUID is required")


def uuid_text(data: bytes) -> str:
    text = data.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def stream_name(identifier: shared_pb2.StreamIdentifier) -> str:
    """Read the name of a stream that can be written and read; raises InvalidRequest."""
    try:
        name: str = identifier.stream_name.decode()
    except UnicodeDecodeError:
        raise InvalidRequest("the stream name is not UTF-8") from None
    if name in {"", "$$", "$all"}:
        raise InvalidRequest(f"not the name of a stream: {name!r}")
    return name


def expected(case: str | None, revision: int) -> Expected:
    """From the name of the set field of an expected-revision oneof; raises InvalidRequest."""
    match case:
        case "revision" | "stream_position":
            return NO_STREAM if revision == _UINT64 - 1 else revision
        case "no_stream":
            return NO_STREAM
        case "any":
            return StreamState.ANY
        case "stream_exists":
            return StreamState.STREAM_EXISTS
    raise InvalidRequest("an expected stream revision is required")


def proposed(message: Any) -> Proposed:
    """From either append's ProposedMessage; raises InvalidRequest."""
    if "type" not in message.metadata:
        raise InvalidRequest("Required Metadata Property 'type' is missing")
    if "content-type" not in message.metadata:
        raise InvalidRequest("Required Metadata Property 'content-type' is missing")
    event_type = message.metadata["type"]
    if not event_type:
        raise InvalidRequest("an event type is required")
    is_json = message.metadata["content-type"] == JSON
    return Proposed(
        uuid_bytes(message.id), event_type, is_json, message.data, message.custom_metadata
    )


def size_of(event: Proposed) -> int:
    """Bytes as the append limit counts them: the type is UTF-16 in the real server's log."""
    return len(event.data) + len(event.metadata) + 2 * len(event.type)


def _fill(event: Recorded, record: Record, position: int, *, structured: bool) -> None:
    if structured:
        bits = event.id.structured
        bits.most_significant_bits = int.from_bytes(record.id[:8], signed=True)
        bits.least_significant_bits = int.from_bytes(record.id[8:], signed=True)
    else:
        event.id.string = uuid_text(record.id)
    event.stream_identifier.stream_name = record.stream.encode()
    event.stream_revision = record.revision
    event.prepare_position = event.commit_position = position
    metadata = event.metadata
    metadata["type"] = record.type
    metadata["created"] = str(record.created)
    metadata["content-type"] = JSON if record.is_json else BINARY
    event.custom_metadata = record.metadata
    event.data = record.data


def renderer(
    reader: Reader, *, resolve_links: bool, structured: bool
) -> Callable[[Record], ReadResp]:
    """How this reader wants its events: links followed or not, ids as text or as two numbers."""

    def plain(record: Record) -> ReadResp:
        response = ReadResp()
        _fill(response.event.event, record, record.position, structured=structured)
        response.event.commit_position = record.position
        return response

    def resolving(record: Record) -> ReadResp:
        if not is_link(record):
            return plain(record)
        response = ReadResp()
        _fill(response.event.link, record, record.position, structured=structured)
        target = reader.resolve(record)
        if target is not None:
            # The real server gives both the position of the link.
            _fill(response.event.event, target, record.position, structured=structured)
        response.event.commit_position = record.position
        return response

    return resolving if resolve_links else plain


def checkpoint(position: int) -> ReadResp:
    return ReadResp(
        checkpoint=ReadResp.Checkpoint(commit_position=position, prepare_position=position)
    )


def confirmation(subscription_id: str) -> ReadResp:
    return ReadResp(confirmation=ReadResp.SubscriptionConfirmation(subscription_id=subscription_id))


def caught_up() -> ReadResp:
    return ReadResp(caught_up=ReadResp.CaughtUp())


def fell_behind() -> ReadResp:
    return ReadResp(fell_behind=ReadResp.FellBehind())


def stream_not_found(stream: str) -> ReadResp:
    identifier = shared_pb2.StreamIdentifier(stream_name=stream.encode())
    return ReadResp(stream_not_found=ReadResp.StreamNotFound(stream_identifier=identifier))
