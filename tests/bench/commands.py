"""A durable command: one gRPC call that ends in a fsynced event."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from anlan.command.v1 import incident_service_pb2 as pb
from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.type.v1 import place_pb2
from services.runtime.store import EventStore
from tests.bench import floors
from tests.bench.measure import Row, ms, percentile, timed
from tests.service import request_id
from tests.suite import RunningSuite

WARM_UP, SAMPLES, ROUNDS = 100, 400, 3
CALLERS, COMMANDS = 64, 6_400
SUBMITTED = "ReportSubmitted.v2"


def report() -> report_pb.SubmitReportRequest:
    return report_pb.SubmitReportRequest(
        request_id=request_id(),
        source=report_pb.REPORT_SOURCE_POLICE_110,
        reporter="110",
        type_code="11D01",
        place=place_pb2.Place(adcode="431281102", address="洪江市安江镇"),
        text="屋后山体滑坡，两人被困",
    )


async def one_caller(suite: RunningSuite) -> list[Row]:
    """Measure floor and command in turns, so that both see the same machine."""
    officer = suite.caller("duty.wang", "duty_officer").metadata
    async with (
        floors.echo() as address,
        grpc.aio.insecure_channel(address) as bare,
        suite.channel("command") as channel,
    ):
        reports, incidents = ReportServiceStub(channel), IncidentServiceStub(channel)
        empty = floors.empty_call(bare)
        incident_id = await verified_incident(reports, officer)
        commander = suite.caller("commander.li", "commander").metadata

        async def submit() -> None:
            await reports.SubmitReport(report(), metadata=officer)

        async def decide() -> None:
            """Record a decision: an act that writes one event."""
            await incidents.RecordDecision(
                pb.RecordDecisionRequest(
                    request_id=request_id(),
                    incident_id=incident_id,
                    subject="转移岳溪村四组",
                    text="立即转移12户43人",
                    basis=[pb.Basis(kind=pb.Basis.KIND_LAW, reference="突发事件应对法")],
                    approver="mayor.chen",
                    authority="预案 4.2",
                ),
                metadata=commander,
            )

        for call in (submit, decide, lambda: empty(Empty())):
            await timed(WARM_UP, call)
        calls: list[float] = []
        appends: list[float] = []
        opening: list[float] = []
        acting: list[float] = []
        for _ in range(ROUNDS):
            calls += await timed(SAMPLES, lambda: empty(Empty()))
            appends += await asyncio.to_thread(
                floors.fsynced_appends, suite.data / "floor.db", SAMPLES
            )
            opening += await timed(SAMPLES, submit)
            acting += await timed(SAMPLES, decide)
    floor = 2 * percentile(calls, 0.5) + percentile(appends, 0.5)
    said = f"{ms(floor)} = 2 × {ms(percentile(calls, 0.5))} + {ms(percentile(appends, 0.5))}"
    return [
        Row(
            path=f"durable command, one caller: {name}",
            measured=f"p50 {ms(percentile(seconds, 0.5))}, p99 {ms(percentile(seconds, 0.99))}",
            floor=said,
            ratio=percentile(seconds, 0.5) / floor,
            goal="p50 ≤ 1.5 × (two empty calls + one fsynced append)",
            met=percentile(seconds, 0.5) <= 1.5 * floor,
        )
        for name, seconds in (("a new stream", opening), ("an open incident", acting))
    ]


async def many_callers(suite: RunningSuite) -> list[Row]:
    officer = suite.caller("duty.wang", "duty_officer").metadata
    requests = [report() for _ in range(COMMANDS)]
    async with floors.echo() as address, grpc.aio.insecure_channel(address) as bare:
        empty = floors.empty_call(bare)
        floor = await _rate([lambda: empty(Empty())] * COMMANDS)
    async with suite.channel("command") as channel:
        stub = ReportServiceStub(channel)
        accepted: list[str] = []

        async def submit(request: report_pb.SubmitReportRequest) -> None:
            answer = await stub.SubmitReport(request, metadata=officer)
            accepted.append(answer.report_id)

        rate = await _rate([lambda r=request: submit(r) for request in requests])
    store = EventStore(f"esdb://{suite.ports.address('node')}?Tls=false")
    await store.connect()
    stored = [event.key async for event in store.read_all(["report"]) if event.type == SUBMITTED]
    await store.close()
    lost = len(set(accepted) - set(stored))
    doubled = len(stored) - len(set(stored))
    return [
        Row(
            path=f"durable commands, {CALLERS} callers",
            measured=f"{rate:,.0f}/s; {lost} lost, {doubled} doubled of {len(accepted):,}",
            floor=f"{floor:,.0f}/s empty calls, {CALLERS} callers",
            ratio=rate / floor,
            goal="≥ 1,000/s, none lost",
            met=rate >= 1_000 and not lost and not doubled,
        )
    ]


async def _rate(calls: list[Any]) -> float:
    waiting = iter(calls)

    async def caller() -> None:
        for call in waiting:
            await call()

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return len(calls) / (time.perf_counter() - started)


async def verified_incident(reports: Any, officer: Any) -> str:
    submitted = await reports.SubmitReport(report(), metadata=officer)
    verified = await reports.VerifyReport(
        report_pb.VerifyReportRequest(
            request_id=request_id(), report_id=submitted.report_id, title="安江滑坡"
        ),
        metadata=officer,
    )
    return str(verified.incident_id)
