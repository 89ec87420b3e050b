"""Every unit as resources tell of it, and where each is: kept in memory, and how old that is.

Read from resources once and then followed; while they are out of reach the picture stays, and
says its age.  Live positions come from the broker, and are newer than any event of the log.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

import grpc
import structlog

from anlan.events.v1 import position_events_pb2 as position_pb
from anlan.resources.v1 import unit_service_pb2 as pb
from anlan.resources.v1.unit_service_pb2_grpc import UnitServiceStub
from services.dispatch.domain.recommendation.inputs import Candidate
from services.dispatch.policies.park import Park
from services.runtime import broker, window
from services.runtime.actor import NATION, Actor
from services.runtime.cancellation import heed_cancellation
from services.runtime.cause import Cause
from services.runtime.peer import Peer
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.store import StaleRevision
from services.runtime.times import from_proto

POSITIONS = "ANLAN_POSITIONS"
PAGE = 500
AGAIN_S, BEAT_S, WAIT_S = 0.5, 2.0, 5.0
SETTLE_S = 0.05
"""What resources' rows have seen reaches a watcher within this."""
CAUSE = Cause(
    command_id=UUID(int=0),
    causation_id="dispatch.fleet",
    correlation_id="dispatch.fleet",
    actor=Actor(subject="service:dispatch", roles=("service",), jurisdiction=NATION),
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    latitude: float
    longitude: float
    fixed_at: datetime


class Fleet:
    """``position`` is the log's, up to which the units are known."""

    def __init__(self, peer: Peer, now: Callable[[], datetime]) -> None:
        self._peer, self._now = peer, now
        self._stub: Any = UnitServiceStub(peer.channel)
        self._parks: dict[str, Park] = defaultdict(Park)
        self._homes: dict[str, tuple[str, Candidate]] = {}
        self._fixes: dict[str, Fix] = {}
        self._heard_at: datetime | None = None
        self.position = 0

    def park(self, exercise: str) -> Park:
        """Return the units of an exercise, or of earnest; no unit is in two."""
        return self._parks[exercise]

    def get(self, unit_id: str) -> tuple[str, Candidate] | None:
        """Return a unit with the exercise that it belongs to."""
        found = self._homes.get(unit_id)
        if found is None:
            return None
        exercise, unit = found
        return exercise, self._parks[exercise].get(unit_id) or unit

    def age_s(self) -> float:
        """Return how old the picture is.  Raises Unavailable before there is any."""
        if self._heard_at is None:
            raise Unavailable(
                "FLEET_UNKNOWN",
                "resources have not answered since this service started: no unit is known, which "
                "does not mean that there is none",
            )
        return max(0.0, (self._now() - self._heard_at).total_seconds())

    async def reached(self, position: int) -> None:
        """Wait until the units are known up to a position.  Raises Unavailable after 5 s."""
        try:
            async with asyncio.timeout(WAIT_S):
                while self.position < position:
                    await self._beat(position)
        except TimeoutError:
            raise Unavailable(
                "FLEET_BEHIND",
                f"the units are known up to position {self.position} only, not {position}",
                min_position=str(position),
                position=str(self.position),
            ) from None

    def put(self, unit: pb.Unit) -> None:
        """Take in what resources say of a unit."""
        home = candidate(unit)
        self._homes[unit.unit_id] = (unit.exercise, home)
        self._parks[unit.exercise].put(self._where(home))

    def move(self, unit_id: str, fix: Fix) -> None:
        """Take in where a unit is; an older fix never replaces a newer one."""
        known = self._fixes.get(unit_id)
        if known is not None and known.fixed_at >= fix.fixed_at:
            return
        self._fixes[unit_id] = fix
        if unit_id in self._homes:
            exercise, home = self._homes[unit_id]
            self._parks[exercise].put(self._where(home))

    async def follow(self) -> NoReturn:
        """Follow the units for ever; while resources are away the picture ages."""
        while True:
            heed_cancellation()
            try:
                if self._heard_at is None:
                    await self._load()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._watch())
                    group.create_task(self._listen())
            except* (Rejection, StaleRevision, grpc.aio.AioRpcError, OSError) as failures:
                log.warning("fleet.out_of_reach", error=repr(failures.exceptions[0]))
            await asyncio.sleep(AGAIN_S)

    async def follow_positions(self, js: broker.JetStream) -> NoReturn:
        await window.follow(js, POSITIONS, self._moved)

    def _moved(self, _: int, payload: bytes) -> None:
        for said in position_pb.PositionsReported.FromString(payload).positions:
            fix = Fix(
                latitude=said.latitude,
                longitude=said.longitude,
                fixed_at=from_proto(said.fix_time),
            )
            self.move(said.unit_id, fix)

    def _where(self, home: Candidate) -> Candidate:
        fix = self._fixes.get(home.unit_id)
        if fix is None:
            return home
        return replace(
            home, latitude=fix.latitude, longitude=fix.longitude, positioned_at=fix.fixed_at
        )

    async def _load(self) -> None:
        """Read every unit; what changes meanwhile is watched from where the first page stood."""
        request, seen = pb.ListUnitsRequest(page_size=PAGE), 0
        while True:
            answer = await self._peer.call(self._stub.ListUnits, request, CAUSE)
            seen = seen or answer.freshness.position
            for unit in answer.units:
                self.put(unit)
            if not answer.next_page_token:
                break
            request.page_token = answer.next_page_token
        self.position = seen
        self._heard_at = self._now()
        log.info("fleet.known", units=len(self._homes), position=seen)

    async def _watch(self) -> None:
        request = pb.WatchUnitsRequest(resume_position=self.position)
        async for news in self._peer.watch(self._stub.WatchUnits, request):
            self.put(news.unit)
            self.position = max(self.position, news.position)
        raise Unavailable("WATCH_ENDED", "resources ended the watch")

    async def _listen(self) -> NoReturn:
        while True:
            await self._beat(0)
            await asyncio.sleep(BEAT_S)

    async def _beat(self, position: int) -> None:
        """Ask resources how far they are, and give the watch the time to tell of it."""
        request = pb.ListUnitsRequest(page_size=1)
        request.read.min_position = position
        asked_at = self._now()
        answer = await self._peer.call(self._stub.ListUnits, request, CAUSE)
        await asyncio.sleep(SETTLE_S)
        self.position = max(self.position, answer.freshness.position)
        self._heard_at = max(asked_at, self._heard_at or asked_at)


def candidate(unit: pb.Unit) -> Candidate:
    """Return the facts of a unit that a recommendation weighs, at its home."""
    hold = unit.holds[0] if unit.holds else None
    lapses = hold is not None and hold.HasField("expire_time")
    located = unit.home.HasField("point")
    barred = unit.primary_status == pb.PRIMARY_STATUS_NOT_AVAILABLE
    resting = unit.HasField("rest_until_time")
    return Candidate(
        unit_id=unit.unit_id,
        name=unit.name,
        kind=unit.kind,
        type=unit.type,
        capabilities=tuple(unit.capabilities),
        attributes=tuple(unit.attributes),
        adcode=unit.home.adcode,
        latitude=unit.home.point.latitude if located else None,
        longitude=unit.home.point.longitude if located else None,
        out_of_service=unit.status == pb.UNIT_STATUS_OUT_OF_SERVICE,
        says_not_available=barred and "STATUS" in unit.primary_reasons,
        holder="" if hold is None else hold.holder,
        held_for="" if hold is None else hold.incident_id,
        held_until=from_proto(hold.expire_time) if hold is not None and lapses else None,
        crew=unit.crew_on_duty,
        minimum_crew=unit.minimum_staffing,
        rest_until=from_proto(unit.rest_until_time) if resting else None,
        mobilisation_class=unit.mobilisation_class,
        position=unit.position,
    )
