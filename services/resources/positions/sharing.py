"""The board of one process, shared with every other, and there again after a restart (ADR 0016).

About once a second a message says who moved.  JetStream keeps the last WINDOW of them; a unit
whose newest fix is in one of the oldest is said again, so that together they are the whole board.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import NoReturn

import structlog
from google.protobuf.timestamp_pb2 import Timestamp

from anlan.events.v1 import position_events_pb2 as pb
from services.resources.domain.fix import Fix
from services.resources.positions.board import Board
from services.runtime import broker, window
from services.runtime.actor import NATION
from services.runtime.times import from_proto, micros, to_proto

STREAM = "ANLAN_POSITIONS"
SUBJECT = f"anlan.{NATION}.position.PositionsReported.all"
WINDOW, MARGIN = 256, 64
"""Messages that are kept; the oldest MARGIN of them are about to go, and are said again."""
CHUNK = 4_000
"""Positions in one message: about 400 KB, of the 1 MiB that the broker takes."""
IDLE_S = 5.0
"""How soon it is seen that the broker lost what it held, while nobody moves."""

log = structlog.get_logger()


class Sharing:
    """Publishes what moved here, and takes in what moved anywhere."""

    def __init__(self, board: Board, every_s: float) -> None:
        self._board = board
        self._every_s = every_s
        self._shared: dict[str, int] = {}
        self._said: OrderedDict[str, int] = OrderedDict()
        self._last = self._cursor = 0
        self.whole = asyncio.Event()

    async def follow(self, js: broker.JetStream) -> NoReturn:
        """Take in the whole picture, then what is new, for ever."""
        await window.follow(js, STREAM, self.take, self.whole.set, self._forget)

    def take(self, sequence: int, payload: bytes) -> None:
        for said in pb.PositionsReported.FromString(payload).positions:
            unit_id, fixed_at = said.unit_id, _micros(said.fix_time)
            self._said[unit_id] = sequence
            self._said.move_to_end(unit_id)
            self._shared[unit_id] = fixed_at
            known = self._board.get(unit_id)
            if known is None or micros(known.fixed_at) < fixed_at:  # most of it we said ourselves
                self._board.take(of_message(said))
        self._last = sequence

    def _forget(self) -> None:
        """Say everything again: the broker has lost what it held."""
        self._said.clear()
        self._shared.clear()
        self._last = self._cursor = 0

    async def publish(self, js: broker.JetStream, *, replicas: int = 1) -> NoReturn:
        """Say who moved, at most once every ``every_s`` seconds, for ever."""
        await window.ensure(js, STREAM, SUBJECT, messages=WINDOW, replicas=replicas)
        await self.whole.wait()  # first what an earlier process said: it must not fall out unread
        while True:
            try:
                await self._say(js)
            except window.Unsaid as failure:
                log.warning("positions.unshared", units=len(self._board), error=str(failure))
                await window.ensure(js, STREAM, SUBJECT, messages=WINDOW, replicas=replicas)
            await asyncio.sleep(self._every_s)
            await self._board.moved(self._cursor, IDLE_S)

    async def _say(self, js: broker.JetStream) -> None:
        """Say what moved since the last time, and what is about to fall out."""
        cursor, upto = self._cursor, self._board.cursor
        moved = [fix for _, fix in self._board.moved_after(cursor) if self._news(fix)]
        told = {fix.unit_id for fix in moved}
        again = [fix for fix in self._falling() if fix.unit_id not in told]
        for chunk in _chunks([*moved, *again]):
            report = pb.PositionsReported(positions=[to_message(fix) for fix in chunk])
            await window.say(js, SUBJECT, report.SerializeToString())
        if self._cursor == cursor:  # else the broker has just lost everything
            self._cursor = upto

    def _news(self, fix: Fix) -> bool:
        return micros(fix.fixed_at) > self._shared.get(fix.unit_id, -1)

    def _falling(self) -> Iterator[Fix]:
        for unit_id, sequence in self._said.items():
            if sequence > self._last - (WINDOW - MARGIN):
                return
            fix = self._board.get(unit_id)
            if fix is not None:
                yield fix


def _micros(stamp: Timestamp) -> int:
    return stamp.seconds * 1_000_000 + stamp.nanos // 1_000


def to_message(fix: Fix) -> pb.UnitPosition:
    return pb.UnitPosition(
        unit_id=fix.unit_id,
        latitude=fix.latitude,
        longitude=fix.longitude,
        fix_time=to_proto(fix.fixed_at),
        receive_time=to_proto(fix.received_at),
        accuracy_m=fix.accuracy_m,
        speed_mps=fix.speed_mps,
        heading_deg=fix.heading_deg,
        source=fix.source,
        exercise=fix.exercise,
    )


def of_message(said: pb.UnitPosition) -> Fix:
    return Fix(
        unit_id=said.unit_id,
        latitude=said.latitude,
        longitude=said.longitude,
        fixed_at=from_proto(said.fix_time),
        received_at=from_proto(said.receive_time),
        source=said.source,
        exercise=said.exercise,
        accuracy_m=said.accuracy_m if said.HasField("accuracy_m") else None,
        speed_mps=said.speed_mps if said.HasField("speed_mps") else None,
        heading_deg=said.heading_deg if said.HasField("heading_deg") else None,
    )


def _chunks(fixes: list[Fix]) -> Iterable[list[Fix]]:
    return (fixes[start : start + CHUNK] for start in range(0, len(fixes), CHUNK))
