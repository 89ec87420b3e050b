"""Chooses how a Read request is answered: a stream or `$all`, once or as a subscription."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from uuid import UUID

from esdbclient.protos.Grpc import streams_pb2

from services.eventstore import wire
from services.eventstore.filters import Filter, filter_from
from services.eventstore.reading import Reader
from services.eventstore.record import DELETED, Record
from services.eventstore.subscriptions import AllSource, Hub, StreamSource, follow
from services.eventstore.wire import ReadResp

Options = streams_pb2.ReadReq.Options
Pages = AsyncGenerator[list[ReadResp]]

_END = 2**63 - 1


class Queries:
    def __init__(self, reader: Reader, hub: Hub, new_id: Callable[[], UUID]) -> None:
        self._reader = reader
        self._hub = hub
        self._new_id = new_id

    def answers(self, options: Options) -> Pages:
        """Pages of responses; raises InvalidRequest, InvalidFilter, StreamDeleted, Closing."""
        render = wire.renderer(
            self._reader,
            resolve_links=options.resolve_links,
            structured=options.uuid_option.WhichOneof("content") == "structured",
        )
        is_subscription = options.WhichOneof("count_option") == "subscription"
        backwards = options.read_direction == Options.Backwards
        if is_subscription and backwards:
            raise wire.InvalidRequest("a subscription reads forwards")
        match options.WhichOneof("stream_option"), is_subscription:
            case "stream", False:
                return self._stream(options, render, backwards=backwards)
            case "stream", True:
                return self._stream_subscription(options.stream, render)
            case "all", False:
                return self._all(options, render, backwards=backwards)
            case "all", True:
                return self._all_subscription(options, render)
        raise wire.InvalidRequest("a read names a stream or all")

    async def _stream(
        self, options: Options, render: Callable[[Record], ReadResp], *, backwards: bool
    ) -> Pages:
        stream = wire.stream_name(options.stream.stream_identifier)
        revision = _revision(options.stream)
        remaining = options.count
        visible = self._reader.visible(stream)
        if visible is None:
            yield [wire.stream_not_found(stream)]
            return
        is_first = True
        tells_ends = options.control_option.compatibility >= 1
        while remaining > 0 and visible is not None and revision >= 0:
            page = self._reader.stream_page(
                stream, visible, revision, backwards=backwards, limit=remaining
            )
            if not page:
                if is_first and tells_ends and not backwards and revision < visible.first:
                    yield [ReadResp(first_stream_position=visible.first)]
                break
            is_first = False
            young = [render(r) for r in page if r.created >= visible.created_after]
            yield young
            remaining -= len(young)
            revision = page[-1].revision + (-1 if backwards else 1)
            if not visible.first <= revision <= visible.last:
                break
            await asyncio.sleep(0)
            visible = self._reader.visible(stream)
        if tells_ends and visible is not None:
            yield [ReadResp(last_stream_position=visible.last)]

    async def _all(
        self, options: Options, render: Callable[[Record], ReadResp], *, backwards: bool
    ) -> Pages:
        only = _filter(options)
        position = _position(options.all, at_end=_END if backwards else None)
        if position is None:
            return
        if not backwards:
            position -= 1
        remaining = options.count
        while remaining > 0:
            page = self._reader.all_page(
                position, backwards=backwards, limit=remaining if only is None else DELETED
            )
            if not page:
                return
            wanted = page if only is None else [r for r in page if only.allows(r)][:remaining]
            yield [render(record) for record in wanted]
            remaining -= len(wanted)
            position = page[-1].position
            await asyncio.sleep(0)

    async def _all_subscription(
        self, options: Options, render: Callable[[Record], ReadResp]
    ) -> Pages:
        only = _filter(options)
        after = _position(options.all, at_end=None)
        live = self._hub.open(only=only)
        try:
            source = AllSource(self._reader, render, after, only)
            async for page in follow(source, live, self._confirmation()):
                yield page
        finally:
            self._hub.leave(live)

    async def _stream_subscription(
        self, options: Options.StreamOptions, render: Callable[[Record], ReadResp]
    ) -> Pages:
        stream = wire.stream_name(options.stream_identifier)
        after: int | None
        match options.WhichOneof("revision_option"):
            case "start":
                after = -1
            case "end":
                after = None
            case "revision":
                after = min(options.revision, _END - 1)
            case _:
                raise wire.InvalidRequest("a read of a stream says where it begins")
        live = self._hub.open(stream)
        try:
            source = StreamSource(self._reader, render, stream, after)
            async for page in follow(source, live, self._confirmation()):
                yield page
        finally:
            self._hub.leave(live, stream)

    def _confirmation(self) -> ReadResp:
        return wire.confirmation(str(self._new_id()))


def _filter(options: Options) -> Filter | None:
    return filter_from(options.filter) if options.WhichOneof("filter_option") == "filter" else None


def _revision(options: Options.StreamOptions) -> int:
    match options.WhichOneof("revision_option"):
        case "start":
            return 0
        case "end":
            return _END
        case "revision":
            return min(int(options.revision), _END)
    raise wire.InvalidRequest("a read of a stream says where it begins")


def _position(options: Options.AllOptions, *, at_end: int | None) -> int | None:
    match options.WhichOneof("all_option"):
        case "start":
            return 0
        case "end":
            return at_end
        case "position":
            position = int(options.position.commit_position)
            return at_end if position >= _END else position
    raise wire.InvalidRequest("a read of all says where it begins")
