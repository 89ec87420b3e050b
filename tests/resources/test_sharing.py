"""Positions outlive a process, reach every other, and are taken in while the broker is away."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import nats
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anlan.events.v1 import position_events_pb2 as events_pb
from anlan.resources.v1 import position_service_pb2 as pb
from anlan.resources.v1.position_service_pb2_grpc import PositionServiceStub
from anlan.resources.v1.unit_service_pb2_grpc import UnitServiceStub
from services.resources.domain.fix import Fix
from services.resources.positions import sharing
from services.resources.positions.board import Board
from services.resources.positions.sharing import STREAM, Sharing
from services.runtime import window
from tests.broker import Broker
from tests.node import Node
from tests.resources.positions import SECOND, WITHIN_S, a_fix, a_unit, now, report, where
from tests.service import Caller, Service, Tokens

START = datetime(2026, 6, 1, 4, 15, tzinfo=UTC)


def a_fix_of(unit: int, second: int) -> Fix:
    at = START + timedelta(seconds=second)
    return Fix(
        unit_id=f"u{unit}",
        latitude=27 + second / 1e4,
        longitude=110.0,
        fixed_at=at,
        received_at=at,
        source="phone",
        accuracy_m=5.0 if second % 2 else None,
    )


@given(st.permutations([a_fix_of(unit, second) for unit in range(3) for second in range(4)]))
def test_in_whatever_order_fixes_come_the_latest_is_kept(fixes: list[Fix]) -> None:
    board = Board()
    for fix in fixes:
        board.take(fix)
    assert {fix.unit_id: fix for fix in board.all()} == {
        f"u{unit}": a_fix_of(unit, 3) for unit in range(3)
    }
    assert [fix for _, fix in board.moved_after(0)] == sorted(board.all(), key=board.cursor_of)


def test_a_watcher_who_has_seen_a_move_is_told_only_of_later_ones() -> None:
    board = Board()
    for unit in range(3):
        board.take(a_fix_of(unit, 0))
    seen = board.cursor
    board.take(a_fix_of(1, 5))
    assert [(fix.unit_id, at > seen) for at, fix in board.moved_after(seen)] == [("u1", True)]
    assert board.take(a_fix_of(1, 5)), "said again, it is still the newest"
    assert not board.take(a_fix_of(1, 4))
    assert len(board.moved_after(seen)) == 1


class Stream:
    """JetStream as far as sharing sees it: the last messages, and a reader that lags behind."""

    def __init__(self, keep: int) -> None:
        self.kept: deque[tuple[int, bytes]] = deque(maxlen=keep)
        self.unread: deque[tuple[int, bytes]] = deque()
        self.last = 0

    async def say(self, js: Any, subject: str, payload: bytes) -> None:
        self.last += 1
        self.kept.append((self.last, payload))
        self.unread.append((self.last, payload))

    def folded(self) -> dict[str, Fix]:
        reader = Sharing(board := Board(), 1.0)
        for sequence, payload in self.kept:
            reader.take(sequence, payload)
        return {fix.unit_id: fix for fix in board.all()}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sets(st.integers(0, 9), min_size=1, max_size=3), min_size=10, max_size=50),
    st.randoms(),
)
def test_what_the_stream_holds_is_always_the_whole_board(
    rounds: list[set[int]], chance: random.Random
) -> None:
    """Units fall silent for any number of rounds, and the reader is up to two messages behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sharing, "WINDOW", 12)
        patch.setattr(sharing, "MARGIN", 6)
        patch.setattr(sharing, "CHUNK", 10)
        stream = Stream(12)
        patch.setattr(window, "say", stream.say)
        shared = Sharing(board := Board(), 1.0)

        async def play() -> None:
            for second, moving in enumerate(rounds):
                for unit in moving:
                    board.take(a_fix_of(unit, second))
                await shared._say(None)  # type: ignore[arg-type]
                while len(stream.unread) > chance.randint(0, 2):
                    shared.take(*stream.unread.popleft())
                assert stream.folded() == {fix.unit_id: fix for fix in board.all()}

        asyncio.run(play())


@pytest.fixture
def unsteady(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker.start(tmp_path / "unsteady")
    try:
        yield broker
    finally:
        broker.kill()


@pytest.fixture
def two(
    tmp_path: Path, tokens: Tokens, node: Node, unsteady: Broker
) -> Iterator[tuple[Service, Service]]:
    """Return two processes of one service, on one store and one broker."""
    started: list[Service] = []
    try:
        for number in range(2):
            folder = tmp_path / f"resources-{number}"
            started.append(Service.start("resources", folder, tokens, node.uri, unsteady.url))
        first, second = started
        yield first, second
    finally:
        for service in started:
            service.kill()


async def test_positions_outlive_a_kill_and_reach_the_other_process_after_an_outage(
    two: tuple[Service, Service], tokens: Tokens, unsteady: Broker
) -> None:
    first, second = two
    gateway = tokens.caller("gateway.radio", "gateway")
    reader = tokens.caller("auditor.tan", "auditor")
    registrar = tokens.caller("registrar.wu", "registrar")
    async with first.channel() as channel:
        units, positions = UnitServiceStub(channel), PositionServiceStub(channel)
        kept, later = [await a_unit(units, registrar) for _ in range(2)]
        at = now()
        await report(positions, gateway, [a_fix(kept, at, accuracy_m=7)])
        await told(unsteady, kept)

        unsteady.kill()
        [answer] = await report(positions, gateway, [a_fix(later, at), a_fix(kept, at + SECOND)])
        assert answer.taken == 2, "the broker is away, and positions are taken in"
        unsteady.restart()
        await told(unsteady, later)

    first.kill()
    first.restart()

    for service in (first, second):
        async with service.channel() as channel:
            stub = PositionServiceStub(channel)
            for unit_id, wanted in ((later, at), (kept, at + SECOND)):
                found = await recovered(stub, reader, unit_id, wanted)
                assert found.source == "gateway.radio"
            # Nothing older undoes what was recovered.
            [old] = await report(stub, gateway, [a_fix(kept, at - SECOND)])
            assert (old.taken, old.superseded) == (0, 1)


async def test_a_broker_that_lost_its_disk_is_told_everything_again(
    tmp_path: Path, tokens: Tokens, node: Node, unsteady: Broker
) -> None:
    gateway = tokens.caller("gateway.radio", "gateway")
    registrar = tokens.caller("registrar.wu", "registrar")
    service = Service.start("resources", tmp_path / "resources", tokens, node.uri, unsteady.url)
    try:
        async with service.channel() as channel:
            unit_id = await a_unit(UnitServiceStub(channel), registrar)
            await report(PositionServiceStub(channel), gateway, [a_fix(unit_id, now())])
            await told(unsteady, unit_id)
            unsteady.kill()
            shutil.rmtree(unsteady.data / "jetstream")
            unsteady.restart()
            await told(unsteady, unit_id)
    finally:
        service.kill()


async def told(broker: Broker, unit_id: str) -> None:
    """Wait until the stream has told of a unit."""
    client = await nats.connect(broker.url)
    seen = asyncio.Event()

    def take(_: int, payload: bytes) -> None:
        reported = events_pb.PositionsReported.FromString(payload)
        if unit_id in {one.unit_id for one in reported.positions}:
            seen.set()

    following = asyncio.create_task(window.follow(client.jetstream(), STREAM, take))
    try:
        async with asyncio.timeout(WITHIN_S):
            await seen.wait()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await client.close()


async def recovered(positions: Any, caller: Caller, unit_id: str, at: datetime) -> pb.Position:
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                found = await where(positions, caller, unit_id)
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.NOT_FOUND  # noqa: PT017
            else:
                if found.fix_time.ToMilliseconds() >= int(at.timestamp() * 1000):
                    return found
            await asyncio.sleep(0.05)
