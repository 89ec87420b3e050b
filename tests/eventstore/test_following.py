"""From the file into the live feed: whatever the interleaving, each event once and in order."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.eventstore import subscriptions, wire
from services.eventstore.filters import Filter
from services.eventstore.reading import Visible
from services.eventstore.record import Record
from services.eventstore.subscriptions import AllSource, Live, StreamSource, follow
from services.eventstore.wire import ReadResp

PAGE = 3
QUEUE = 5
INTERVAL = 4
Step = tuple[Literal["commit", "publish", "pull"], int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["commit", "publish", "pull"]), st.integers(1, 4)), max_size=60
)


class File:
    """The committed events, one stream of them, as `Reader` would page them."""

    def __init__(self, count: int) -> None:
        self.records: list[Record] = []
        self.commit(count)

    def commit(self, count: int) -> list[Record]:
        start = len(self.records)
        new = [
            Record(n + 1, "s", n, b"\0" * 16, "T", 1, 0, b"", b"")
            for n in range(start, start + count)
        ]
        self.records += new
        return new

    def last_position(self) -> int:
        return len(self.records)

    def all_page(self, position: int, *, backwards: bool) -> list[Record]:
        return self.records[position : position + PAGE]

    def last_revision(self, stream: str) -> int | None:
        return len(self.records) - 1 if self.records else None

    def visible(self, stream: str) -> Visible | None:
        return Visible(0, len(self.records) - 1) if self.records else None

    def stream_page(
        self, stream: str, visible: Visible, revision: int, *, backwards: bool, limit: int
    ) -> list[Record]:
        return self.records[revision : revision + PAGE]


def is_third(record: Record) -> bool:
    return record.position % 3 == 0


def render(record: Record) -> ReadResp:
    response = ReadResp()
    response.event.commit_position = record.position
    return response


async def follow_through(kind: str, before: int, after: int, steps: list[Step]) -> list[int]:
    loop = asyncio.get_running_loop()
    only = Filter(is_third, INTERVAL) if kind == "filtered" else None
    live, file = Live(loop, only), File(before)
    source = (
        StreamSource(file, render, "s", after - 1)  # type: ignore[arg-type]
        if kind == "stream"
        else AllSource(file, render, after, only)  # type: ignore[arg-type]
    )
    seen: list[int] = []
    told = [after]
    may_pull = asyncio.Semaphore(0)

    async def consume() -> None:
        async for page in follow(source, live, wire.confirmation("x")):
            seen.extend(r.event.commit_position for r in page if r.WhichOneof("content") == "event")
            told.extend(r.checkpoint.commit_position for r in page if r.HasField("checkpoint"))
            await may_pull.acquire()

    consumer = asyncio.create_task(consume())
    unpublished: list[list[Record]] = []

    async def run(step: str, count: int) -> None:
        match step:
            case "commit":
                unpublished.append(file.commit(count))
            case "publish" if unpublished:
                live.push(unpublished.pop(0))
            case "pull":
                for _ in range(count):
                    may_pull.release()
        for _ in range(4):
            await asyncio.sleep(0)

    for step, count in steps:
        await run(step, count)
    while unpublished:
        await run("publish", 1)
    for _ in range(len(file.records) + 10):
        await run("pull", 2)
    consumer.cancel()
    await asyncio.gather(consumer, return_exceptions=True)
    wanted = [r.position for r in file.records[after:] if only is None or is_third(r)]
    assert seen == wanted
    if only is not None:  # it is told how far it has come, however little of it it wanted
        assert told == sorted(told)  # where it began may be said once more, nothing else twice
        assert told[1:] == sorted(set(told[1:]))
        assert len(file.records) - told[-1] < INTERVAL
    return seen


@pytest.mark.parametrize("kind", ["all", "filtered", "stream"])
@given(before=st.integers(0, 8), after=st.integers(0, 8), steps=STEPS)
@settings(max_examples=150, deadline=None)
def test_each_event_once_and_in_order(
    kind: str, before: int, after: int, steps: list[Step]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subscriptions, "QUEUED_EVENTS", QUEUE)
        patch.setattr(subscriptions, "CONSIDERED_AT_ONCE", 2)
        asyncio.run(follow_through(kind, before, min(before, after), steps))
