"""The page of a long incident: everything about it in one read."""

from __future__ import annotations

from typing import Any

import grpc

from anlan.command.v1 import fact_service_pb2 as fact_pb
from anlan.command.v1 import figure_pb2
from anlan.command.v1 import incident_service_pb2 as pb
from anlan.command.v1 import task_service_pb2 as task_pb
from anlan.command.v1.fact_service_pb2_grpc import FactServiceStub
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from anlan.command.v1.report_service_pb2_grpc import ReportServiceStub
from anlan.command.v1.task_service_pb2_grpc import TaskServiceStub
from anlan.type.v1 import read_pb2
from tests.bench import floors
from tests.bench.commands import verified_incident
from tests.bench.measure import Row, ms, percentile, timed
from tests.bench.quiet import all_heard
from tests.service import request_id
from tests.suite import RunningSuite

EVENTS, SAMPLES = 2_000, 400
METRICS = [number for number in figure_pb2.Metric.values() if number]


async def long_incident(suite: RunningSuite) -> list[Row]:
    officer = suite.caller("duty.wang", "administrator").metadata
    async with (
        floors.echo() as address,
        grpc.aio.insecure_channel(address) as bare,
        suite.channel("command") as channel,
    ):
        incident_id = await verified_incident(ReportServiceStub(channel), officer)
        position, revision = await _fill(channel, incident_id, officer)
        incidents = IncidentServiceStub(channel)
        request = pb.GetIncidentRequest(
            incident_id=incident_id, read=read_pb2.ReadOptions(min_position=position)
        )
        page = await incidents.GetIncident(request, metadata=officer)
        await all_heard(suite)
        floor = percentile(await timed(SAMPLES, await floors.given(bare, page)), 0.5)
        seconds = await timed(SAMPLES, lambda: incidents.GetIncident(request, metadata=officer))
    return [
        Row(
            path=f"GetIncident of an incident with {revision + 1:,} events",
            measured=f"p50 {ms(percentile(seconds, 0.5))}, p99 {ms(percentile(seconds, 0.99))}; "
            f"{page.ByteSize() / 1024:.0f} KiB",
            floor=f"{ms(floor)} = a bare call that is given the same bytes",
            ratio=percentile(seconds, 0.5) / floor,
            goal="p50 < 10 ms",
            met=percentile(seconds, 0.5) < 0.010,
        )
    ]


async def _fill(channel: Any, incident_id: str, officer: Any) -> tuple[int, int]:
    """Write the events of a long night; return where the last one stands."""
    facts, tasks = FactServiceStub(channel), TaskServiceStub(channel)
    position = revision = number = 0
    while revision + 1 < EVENTS:
        figure = fact_pb.RecordFigureRequest(
            request_id=request_id(),
            incident_id=incident_id,
            metric=METRICS[number % len(METRICS)],
            value=number,
            source_kind=figure_pb2.SOURCE_KIND_TOWNSHIP,
            source=f"第{number % 20}镇",
        )
        await facts.RecordFigure(figure, metadata=officer)
        task = task_pb.AssignTaskRequest(
            request_id=request_id(),
            incident_id=incident_id,
            task_id=f"t{number}",
            title=f"排查第{number}处",
            assignee="自然资源局",
            assignee_kind=task_pb.ASSIGNEE_KIND_DEPARTMENT,
        )
        await tasks.AssignTask(task, metadata=officer)
        progress = task_pb.ReportTaskProgressRequest(
            request_id=request_id(), incident_id=incident_id, task_id=f"t{number}", percent=50
        )
        answer = await tasks.ReportTaskProgress(progress, metadata=officer)
        position, revision, number = answer.position, int(answer.etag), number + 1
    return position, revision
