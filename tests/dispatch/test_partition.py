"""The line from dispatch to resources is cut in the middle of many dispatches, and heals.

Cut means a black hole: what is sent on it, or on a new connection, is never answered, and nobody is
told.  Afterwards every unit is out once, for whoever was told so, and nothing hangs.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from anlan.dispatch.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from anlan.resources.v1 import unit_service_pb2 as unit_pb
from anlan.resources.v1.unit_service_pb2_grpc import UnitServiceStub
from tests.broker import Broker
from tests.dispatch.peers import Incidents, Units, serve
from tests.dispatch.test_many_races import DYKE, known_incident
from tests.node import Node
from tests.service import Service, Tokens, request_id

ROWS_WITHIN_S = 20
DISPATCHES, AT_ONCE = 200, 20
SILENCE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


@dataclass
class Line:
    """A TCP line that can be cut: then bytes are swallowed, and connections stay open."""

    to: tuple[str, int]
    whole: asyncio.Event = field(default_factory=asyncio.Event)
    swallowed: int = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        self.whole.set()
        server = await asyncio.start_server(self._joined, "127.0.0.1", 0)
        try:
            yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            self.whole.set()
            server.close()

    async def _joined(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        cut = not self.whole.is_set()
        far, forth = await asyncio.open_connection(*self.to)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(near, forth, cut=cut))
                group.create_task(self._pass(far, back, cut=cut))
        except* OSError:
            pass
        finally:
            for writer in (forth, back):
                writer.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, cut: bool
    ) -> None:
        """Pass bytes on; a connection that lost some of them never works again."""
        while data := await reader.read(65536):
            if cut := cut or not self.whole.is_set():
                self.swallowed += len(data)
                continue
            writer.write(data)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()


async def cut_and_heal(folder: Path, seconds: float) -> None:
    node, broker = Node.start(folder / "node"), Broker.start(folder / "broker")
    tokens = Tokens(folder / "tokens")
    incidents = Incidents()  # type: ignore[abstract]
    incidents.known["dyke"] = known_incident()
    command, command_address = await serve(Units(), incidents)  # type: ignore[abstract]
    started: list[Service] = []
    try:
        started.append(Service.start("resources", folder, tokens, node.uri, broker.url))
        host, _, port = started[0].address.rpartition(":")
        line = Line((host, int(port)))
        async with line.open() as address:
            dispatch = await asyncio.to_thread(
                lambda: Service.start(
                    "dispatch",
                    folder,
                    tokens,
                    node.uri,
                    broker.url,
                    resources_address=address,
                    command_address=command_address,
                )
            )
            started.append(dispatch)
            async with started[0].channel() as resources, dispatch.channel() as board:
                await _night(tokens, line, resources, board, seconds)
    finally:
        for service in started:
            await asyncio.to_thread(service.stop)
        await command.stop(None)
        broker.stop()
        node.stop()


async def _night(tokens: Tokens, line: Line, resources: Any, board: Any, seconds: float) -> None:
    units, assignments = UnitServiceStub(resources), AssignmentServiceStub(board)
    registrar = tokens.caller("registrar", "registrar").metadata
    dispatcher = tokens.caller("diao.lin", "dispatcher").metadata
    for n in range(DISPATCHES):
        await units.RegisterUnit(
            unit_pb.RegisterUnitRequest(
                request_id=request_id(), unit_id=f"boat-{n}", name="冲锋舟", kind="boat", home=DYKE
            ),
            metadata=registrar,
        )
    tally: Counter[str] = Counter()
    answered: list[int] = []
    turns = asyncio.Semaphore(AT_ONCE)
    halfway = asyncio.Event()

    async def send(n: int) -> None:
        request = pb.CreateAssignmentRequest(
            request_id=request_id(), assignment_id=f"a{n}", incident_id="dyke", unit_id=f"boat-{n}"
        )
        async with turns:
            while True:  # as a console does: the same request until it has an answer
                try:
                    answer = await assignments.CreateAssignment(
                        request, metadata=dispatcher, timeout=30
                    )
                except grpc.aio.AioRpcError as error:
                    if error.code() not in SILENCE:
                        raise
                    tally["asked again"] += 1
                    continue
                tally["sent"] += 1
                answered.append(answer.position)
                if tally["sent"] == DISPATCHES // 2:
                    halfway.set()
                return

    async def cut() -> None:
        await halfway.wait()
        line.whole.clear()
        await asyncio.sleep(seconds)  # this is the length of the cut
        line.whole.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(cut())
        for n in range(DISPATCHES):
            group.create_task(send(n))
    assert line.swallowed, "nothing was asked while the line was cut"

    request = pb.ListAssignmentsRequest(page_size=500, include_closed=True)
    request.read.min_position = max(answered)
    listed = await assignments.ListAssignments(request, metadata=dispatcher)
    stuck = [a.assignment_id for a in listed.assignments if not a.HasField("dispatch_time")]
    wanted = sorted(f"boat-{n} a{n} False" for n in range(DISPATCHES))
    held = await _holds(units, dispatcher)
    with suppress(TimeoutError):
        async with asyncio.timeout(ROWS_WITHIN_S):
            while held != wanted:  # resources' rows may be behind its log
                held = await _holds(units, dispatcher)
    print(
        f"\n{DISPATCHES} dispatches, the line cut for {seconds:.0f} s: {tally['sent']} sent, "
        f"asked again {tally['asked again']} times, {line.swallowed:,} bytes swallowed, "
        f"stuck: {len(stuck)}, holds: {len(held)}"
    )
    assert len(listed.assignments) == DISPATCHES
    assert stuck == []
    assert held == wanted


async def _holds(units: Any, metadata: Any) -> list[str]:
    held: list[str] = []
    request = unit_pb.ListUnitsRequest(page_size=500)
    while True:
        answer = await units.ListUnits(request, metadata=metadata)
        held += [
            f"{unit.unit_id} {hold.holder} {hold.HasField('expire_time')}"
            for unit in answer.units
            for hold in unit.holds
        ]
        if not answer.next_page_token:
            return sorted(held)
        request.page_token = answer.next_page_token


async def test_a_cut_line_loses_doubles_and_hangs_nothing(tmp_path: Path) -> None:
    await cut_and_heal(tmp_path, 5)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_line_that_is_cut_for_a_minute_loses_doubles_and_hangs_nothing(
    tmp_path: Path,
) -> None:
    await cut_and_heal(tmp_path, 60)
