"""From the report to the unit's crew: command, dispatch, notify, and NATS between them."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Self

import httpx

from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.dispatch.v1 import assignment_service_pb2 as dispatch_pb
from anlan.dispatch.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from anlan.notify.v1 import contact_service_pb2 as contact_pb
from anlan.notify.v1.contact_service_pb2_grpc import ContactServiceStub
from anlan.resources.v1 import unit_service_pb2 as unit_pb
from anlan.resources.v1.unit_service_pb2_grpc import UnitServiceStub
from anlan.type.v1 import place_pb2
from tests.bench.commands import report
from tests.bench.measure import Row, ms, percentile, timed
from tests.service import request_id
from tests.suite import RunningSuite

SAMPLES = 150
PLACE = place_pb2.Place(adcode="431281102", address="洪江市安江镇")


class Receiver:
    """An HTTP server that answers 204 and tells when."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(line.split(b":")[1])
                    for line in head.lower().splitlines()
                    if line.startswith(b"content-length")
                )
                await reader.readexactly(length)
                self.arrived.set()
                writer.write(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def report_to_notified(suite: RunningSuite) -> list[Row]:
    officer = suite.caller("duty.wang", "duty_officer").metadata
    registrar = suite.caller("registrar", "registrar").metadata
    async with (
        Receiver() as receiver,
        suite.channel("command") as command,
        suite.channel("dispatch") as dispatch,
        suite.channel("resources") as resources,
        suite.channel("notify") as notify,
        httpx.AsyncClient() as http,
    ):
        stubs = (ReportServiceStub(command), AssignmentServiceStub(dispatch))
        for n in range(SAMPLES):
            await UnitServiceStub(resources).RegisterUnit(
                unit_pb.RegisterUnitRequest(
                    request_id=request_id(),
                    unit_id=f"bench{n}",
                    name=f"测速 {n}",
                    kind="engine",
                    home=PLACE,
                ),
                metadata=registrar,
            )
            await ContactServiceStub(notify).RegisterContact(
                contact_pb.RegisterContactRequest(
                    request_id=request_id(),
                    contact_id=f"bench{n}",
                    audience=contact_pb.AUDIENCE_UNIT_CREW,
                    unit_id=f"bench{n}",
                    channel=contact_pb.CHANNEL_WEBHOOK,
                    address=receiver.url,
                ),
                metadata=registrar,
            )
        posts = await timed(SAMPLES, lambda: http.post(receiver.url, json={"n": 1}))
        seconds, calls = [], []
        for n in range(SAMPLES):
            receiver.arrived.clear()
            started = time.perf_counter()
            await _send(stubs, f"bench{n}", officer)
            calls.append(time.perf_counter() - started)
            async with asyncio.timeout(30):
                await receiver.arrived.wait()
            seconds.append(time.perf_counter() - started)
    floor = percentile(calls, 0.5) + percentile(posts, 0.5)
    return [
        Row(
            path="report → crew notified, unloaded",
            measured=f"p50 {ms(percentile(seconds, 0.5))}, p99 {ms(percentile(seconds, 0.99))}",
            floor=f"{ms(floor)} = its three gRPC calls + one HTTP POST, p50",
            ratio=percentile(seconds, 0.5) / floor,
            goal="p99 < 100 ms",
            met=percentile(seconds, 0.99) < 0.100,
        )
    ]


async def _send(stubs: Any, unit_id: str, officer: Any) -> None:
    reports, assignments = stubs
    submitted = await reports.SubmitReport(report(), metadata=officer)
    verified = await reports.VerifyReport(
        report_pb.VerifyReportRequest(
            request_id=request_id(), report_id=submitted.report_id, title="安江滑坡"
        ),
        metadata=officer,
    )
    await assignments.CreateAssignment(
        dispatch_pb.CreateAssignmentRequest(
            request_id=request_id(), incident_id=verified.incident_id, unit_id=unit_id
        ),
        metadata=officer,
    )
