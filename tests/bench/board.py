"""The dispatcher's board of a very long night, page after page."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
from nats.js.errors import NotFoundError

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from anlan.dispatch.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from services.runtime import broker
from tests.bench import floors, nights
from tests.bench.measure import Row, ms, percentile, timed
from tests.broker import Broker
from tests.node import Node
from tests.service import Caller, Service, Tokens

OPEN, OVER, ROUNDS = 2_000, 4_000, 10
LAST = f"anlan.431281102.assignment.AssignmentAcknowledged.{nights.key(OVER + OPEN - 1)}"
PAGE = """SELECT * FROM assignment WHERE rank < 4 AND (rank, opened_position) > (?, ?)
 ORDER BY rank, opened_position LIMIT 51"""


async def long_board(folder: Path) -> list[Row]:
    """Page through a board of those who are out, behind whom stand those that are over."""
    nights.fill(folder / "node", range(OVER), nights.SHORT)
    nights.fill(folder / "node", range(OVER, OVER + OPEN), nights.ACKNOWLEDGED)
    tokens = Tokens(folder)
    node, nats = Node.start(folder / "node"), Broker.start(folder / "nats")
    dispatch = None
    try:
        dispatch = Service.start("dispatch", folder, tokens, node.uri, nats.url)
        await _relayed(nats)
        dispatcher = tokens.caller("diao.lin", "dispatcher")
        return [await _pages(dispatch, folder / "dispatch.db", dispatcher)]
    finally:
        for process in (dispatch, nats, node):
            if process is not None:
                process.stop()


async def _pages(dispatch: Service, rows: Path, dispatcher: Caller) -> Row:
    async with (
        floors.echo() as address,
        grpc.aio.insecure_channel(address) as bare,
        dispatch.channel() as channel,
    ):
        stub: Any = AssignmentServiceStub(channel)
        page = await stub.ListAssignments(pb.ListAssignmentsRequest(), metadata=dispatcher.metadata)
        give = await floors.given(bare, page)
        seconds: list[float] = []
        calls: list[float] = []
        statements: list[float] = []
        for _ in range(ROUNDS):
            taken, keys = await _whole(stub, dispatcher)
            seconds += taken
            calls += await timed(len(taken), give)
            statements += await floors.queries(rows, PAGE, keys)
    call, statement = percentile(calls, 0.5), percentile(statements, 0.5)
    return Row(
        path=f"a page of the board, {OPEN:,} out and {OVER:,} over",
        measured=f"p50 {ms(percentile(seconds, 0.5))}, p99 {ms(percentile(seconds, 0.99))}; "
        f"{len(page.assignments)} rows, {page.ByteSize() / 1024:.0f} KiB",
        floor=f"{ms(call + statement)} = {ms(call)} for a call that is given the same bytes + "
        f"{ms(statement)} for the same SQL",
        ratio=percentile(seconds, 0.5) / (call + statement),
        goal="p50 < 10 ms",
        met=percentile(seconds, 0.5) < 0.010,
    )


async def _whole(stub: Any, by: Caller) -> tuple[list[float], list[tuple[int, int]]]:
    """Return the seconds of each page of the whole board, and after which row each began."""
    request, seconds, keys, seen = pb.ListAssignmentsRequest(), [], [(0, 0)], 0
    while True:
        answer = None

        async def ask() -> None:
            nonlocal answer
            answer = await stub.ListAssignments(request, metadata=by.metadata)

        seconds += await timed(1, ask)
        assert answer is not None
        seen += len(answer.assignments)
        if not answer.next_page_token:
            assert seen == OPEN, f"{seen} were on the board"
            return seconds, keys
        request.page_token = answer.next_page_token
        keys.append((2, answer.assignments[-1].open_position))


async def _relayed(nats: Broker) -> None:
    """Wait until all that was filled in is published, and disturbs no more."""
    client = await broker.connect(nats.url, "bench")
    async with asyncio.timeout(120):
        while True:
            try:
                await client.jetstream().get_last_msg("ANLAN_DISPATCH", LAST)
            except NotFoundError:
                await asyncio.sleep(0.1)
            else:
                break
    await client.close()
