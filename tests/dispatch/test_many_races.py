"""Race after race for units over real gRPC: exactly one wins, and every loser is told who did.

The callers are 2 to 50, most often few: 2 + 48·u²⁴ for a uniform u, 4 on average.  Most
reserve at the resources' own door, as a console or another service may; every 100th race is for
whole assignments, through the dispatch process.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from anlan.command.v1 import incident_service_pb2 as command_pb
from anlan.dispatch.v1 import assignment_service_pb2 as pb
from anlan.dispatch.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from anlan.resources.v1 import unit_service_pb2 as unit_pb
from anlan.resources.v1.unit_service_pb2_grpc import UnitServiceStub
from anlan.type.v1 import place_pb2
from services.resources.codec import UNIT
from services.runtime.actor import Actor
from services.runtime.store import EventStore
from tests.broker import Broker
from tests.dispatch.peers import Incidents, Units, serve
from tests.node import Node
from tests.service import Service, Tokens, read_refusal, request_id

DYKE = place_pb2.Place(adcode="431281102", address="安江镇大堤")
FEWEST, MOST = 2, 50
UNITS, AT_ONCE = 96, 16
EVERY_SO_OFTEN = 100
"""Races for whole assignments cost twenty times those for holds: an intent and an end each."""
SHIFT = timedelta(hours=12)
PATIENCE_S = 120
PROGRESS = 5_000
AGAIN_S = 0.2


@dataclass
class Doors:
    """Where the callers knock, and who they are."""

    units: Any
    assignments: Any
    callers: list[tuple[str, Any]]
    incident_id: str
    tally: Counter[str] = field(default_factory=Counter)

    async def race(self, number: int, unit_id: str, callers: int) -> None:
        """Let them all ask at once; the winner lets go when everybody has an answer."""
        whole = number % EVERY_SO_OFTEN == 0
        ask = self.assign if whole else self.reserve
        people = random.Random(number).sample(self.callers, callers)
        answers = await asyncio.gather(
            *(ask(f"r{number}-{n}", unit_id, person) for n, person in enumerate(people))
        )
        won = [answer for answer in answers if answer[1] is None]
        assert len(won) == 1, f"race {number} for {unit_id}: {len(won)} of {callers} won"
        [(winner, _)] = won
        told = {refusal for _, refusal in answers if refusal is not None}
        assert told == {("UNIT_HELD", winner)}, f"race {number}: {winner} won, but said is {told}"
        self.tally["assignments" if whole else "holds"] += 1
        self.tally["callers"] += callers
        await (self.cancel if whole else self.release)(winner, unit_id)

    async def reserve(
        self, holder: str, unit_id: str, person: tuple[str, Any]
    ) -> tuple[str, tuple[str, str] | None]:
        request = unit_pb.ReserveUnitRequest(
            request_id=request_id(), unit_id=unit_id, holder=holder, incident_id=self.incident_id
        )
        request.ttl.FromTimedelta(timedelta(minutes=10))
        return holder, await self._ask(self.units.ReserveUnit, request, person)

    async def assign(
        self, holder: str, unit_id: str, person: tuple[str, Any]
    ) -> tuple[str, tuple[str, str] | None]:
        request = pb.CreateAssignmentRequest(
            request_id=request_id(),
            assignment_id=holder,
            incident_id=self.incident_id,
            unit_id=unit_id,
        )
        return holder, await self._ask(self.assignments.CreateAssignment, request, person)

    async def release(self, holder: str, unit_id: str) -> None:
        request = unit_pb.ReleaseUnitRequest(
            request_id=request_id(), unit_id=unit_id, holder=holder, reason="让出"
        )
        assert await self._ask(self.units.ReleaseUnit, request, self.callers[0]) is None

    async def cancel(self, holder: str, unit_id: str) -> None:
        request = pb.CancelAssignmentRequest(
            request_id=request_id(), assignment_id=holder, reason="让出"
        )
        assert await self._ask(self.assignments.CancelAssignment, request, self.callers[0]) is None
        await self.release(holder, unit_id)  # dispatch does so too, if not before this

    async def _ask(
        self, method: Any, request: Any, person: tuple[str, Any]
    ) -> tuple[str, str] | None:
        """Return None for a yes, else the reason and who holds the unit; ask until somebody says.

        Under one request_id: whoever is not told yes or no may ask again.
        """
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await method(request, metadata=person[1], timeout=PATIENCE_S)
                except grpc.aio.AioRpcError as error:
                    if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                        self.tally["again"] += 1
                        await asyncio.sleep(AGAIN_S)
                        continue
                    refusal = read_refusal(error)
                    return refusal.reason, refusal.metadata.get("holder", "")
                return None


@dataclass
class House:
    """A node, a broker, resources and dispatch as processes; command is played."""

    doors: Doors
    store: EventStore


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    node, broker = Node.start(tmp_path / "node"), Broker.start(tmp_path / "broker")
    tokens = Tokens(tmp_path / "tokens")
    tokens.service_file.write_text(_token(tokens, "service:test", "service", "000000"))
    incidents = Incidents()  # type: ignore[abstract]
    command, command_address = await serve(Units(), incidents)  # type: ignore[abstract]
    incidents.known["dyke"] = known_incident()
    started: list[Service] = []
    store = EventStore(node.uri)
    try:
        await store.connect()
        resources = Service.start("resources", tmp_path, tokens, node.uri, broker.url)
        started.append(resources)
        dispatch = Service.start(
            "dispatch",
            tmp_path,
            tokens,
            node.uri,
            broker.url,
            resources_address=resources.address,
            command_address=command_address,
        )
        started.append(dispatch)
        callers = [
            (f"diao.{n}", _metadata(_token(tokens, f"diao.{n}", "dispatcher", "431281")))
            for n in range(MOST)
        ]
        async with resources.channel() as at_resources, dispatch.channel() as at_dispatch:
            doors = Doors(
                units=UnitServiceStub(at_resources),
                assignments=AssignmentServiceStub(at_dispatch),
                callers=callers,
                incident_id="dyke",
            )
            registrar = _metadata(_token(tokens, "registrar", "registrar", "431281"))
            for n in range(UNITS):
                await doors.units.RegisterUnit(
                    unit_pb.RegisterUnitRequest(
                        request_id=str(uuid4()),
                        unit_id=f"boat-{n}",
                        name="冲锋舟",
                        kind="boat",
                        home=DYKE,
                    ),
                    metadata=registrar,
                )
            yield House(doors, store)
    finally:
        await store.close()
        for service in started:
            service.stop()
        await command.stop(None)
        broker.stop()
        node.stop()


async def race(house: House, races: int) -> None:
    """Run them all, several at once, each unit in one race at a time; then read the log."""
    sizes = random.Random(races)
    numbers = iter(range(races))
    began = time.monotonic()

    async def run(units: list[str]) -> None:
        for number in numbers:
            callers = FEWEST + round((MOST - FEWEST) * sizes.random() ** 24)
            await house.doors.race(number, units[number % len(units)], callers)
            if number % PROGRESS == PROGRESS - 1:
                print(f"\n{number + 1:,} races after {time.monotonic() - began:,.0f} s", flush=True)

    lanes = [[f"boat-{n}" for n in range(lane, UNITS, AT_ONCE)] for lane in range(AT_ONCE)]
    async with asyncio.TaskGroup() as group:
        for units in lanes:
            group.create_task(run(units))
    took_s = time.monotonic() - began
    twice = 0
    for n in range(UNITS):
        twice += await _held_twice(house.store, f"boat-{n}")
    tally = house.doors.tally
    print(
        f"\n{tally['holds'] + tally['assignments']:,} races in {took_s:,.0f} s, "
        f"{tally['callers']:,} callers; {tally['assignments']:,} for whole assignments; "
        f"asked again {tally['again']:,} times; "
        f"held twice, by the log: {twice}"
    )
    assert tally["holds"] + tally["assignments"] == races
    assert twice == 0


async def _held_twice(store: EventStore, unit_id: str) -> int:
    """Return after how many events of its log a unit had more than one holder."""
    history = await store.read(f"unit-{unit_id}")
    state: Any = UNIT.initial
    twice = 0
    for recorded in history:
        state = reduce(UNIT.evolve, [UNIT.codec.decode(recorded.type, recorded.data)], state)
        twice += len(state.holds) > 1
    return twice


def known_incident() -> command_pb.Incident:
    """Return an incident at the dyke as command knows it."""
    incident = command_pb.Incident(incident_id="dyke", place=DYKE, etag="3")
    incident.state = command_pb.INCIDENT_STATE_VERIFIED
    incident.report_time.FromDatetime(datetime.now(UTC))
    incident.open_time.FromDatetime(datetime.now(UTC))
    return incident


def _token(tokens: Tokens, subject: str, role: str, jurisdiction: str) -> str:
    actor = Actor(subject=subject, roles=(role,), jurisdiction=jurisdiction)
    return tokens.issuer.issue(actor, datetime.now(UTC), SHIFT)


def _metadata(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


async def test_nobody_is_held_twice_and_every_loser_is_told(house: House) -> None:
    await race(house, 400)


@pytest.mark.long
@pytest.mark.timeout(5400)
async def test_nobody_is_held_twice_in_a_hundred_thousand_races(house: House) -> None:
    await race(house, 100_000)
