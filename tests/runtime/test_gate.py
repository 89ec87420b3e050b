"""What every call passes, unary and streaming, and how it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from structlog.testing import capture_logs

from anlan.command.v1 import incident_service_pb2 as pb
from services.runtime import gate
from services.runtime.gate import MAX_REQUEST_BYTES
from tests.runtime.served import Served, grade, served
from tests.service import Refusal, refusal


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


async def watch(api: Served, request: Any = None, **options: Any) -> list[Any]:
    calling = api.stub.WatchIncidents(request or pb.WatchIncidentsRequest(), **options)
    return [response async for response in calling]


async def both(api: Served, **options: Any) -> tuple[Refusal, Refusal]:
    """Return how a unary and a streaming call with the same metadata are refused."""
    return (
        await refusal(api.stub.GradeIncident(grade(), **options)),
        await refusal(watch(api, **options)),
    )


async def test_a_good_call_passes(api: Served) -> None:
    assert (await api.grade()).etag == "7"
    assert len(await watch(api, metadata=api.metadata("reader"))) == 1


async def test_without_a_token_nothing_passes(api: Served) -> None:
    for metadata in (
        (),
        (("authorization", "Bearer"),),
        (("authorization", "Bearer "),),
        (("authorization", "Basic YTpi"),),
        (("authorization", "Bearer not.a.token"),),
        (("authorization", f"Bearer {api.token()[:-4]}AAAA"),),
    ):
        for refused in await both(api, metadata=metadata):
            assert (refused.code, refused.reason) == (
                grpc.StatusCode.UNAUTHENTICATED,
                "UNAUTHENTICATED",
            )
    assert not api.told.requests


async def test_an_expired_token_does_not_pass(api: Served) -> None:
    metadata = (("authorization", f"Bearer {api.token(lifetime=timedelta(seconds=-1))}"),)

    unary, streaming = await both(api, metadata=metadata)

    assert unary.code is streaming.code is grpc.StatusCode.UNAUTHENTICATED
    assert "expired" in unary.message


async def test_a_role_without_the_capability_does_not_pass(api: Served) -> None:
    refused = await refusal(api.grade("reader"))

    assert (refused.code, refused.reason) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "CAPABILITY_REQUIRED",
    )
    assert refused.metadata == {"capability": "incident.grade", "subject": "the reader"}
    assert (await refusal(watch(api, metadata=api.metadata("stranger")))).reason == refused.reason


async def test_a_method_that_no_table_lists_is_closed_to_all(api: Served) -> None:
    request = pb.CloseIncidentRequest(
        request_id=grade().request_id, incident_id="i1", summary="结束"
    )

    refused = await refusal(api.stub.CloseIncident(request, metadata=api.metadata("officer")))

    assert refused.code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_bad_field_is_named_with_what_came(api: Served) -> None:
    bad = grade(incident_id="a b", grade=99)

    refused = await refusal(api.stub.GradeIncident(bad, metadata=api.metadata()))
    watching = await refusal(
        watch(api, pb.WatchIncidentsRequest(adcode="x"), metadata=api.metadata())
    )

    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert refused.fields == ("incident_id", "grade")
    assert refused.metadata == {"field": "incident_id", "got": "'a b'"}
    assert "'a b'" in refused.message
    assert "99" in refused.message
    assert watching.fields == ("adcode",)


async def test_a_long_value_is_shown_short(api: Served) -> None:
    refused = await refusal(
        api.stub.GradeIncident(grade(basis="长" * 100_000), metadata=api.metadata())
    )

    assert len(refused.message) < 500


async def test_a_large_request_is_told_its_size(api: Served) -> None:
    large = grade(basis="x" * MAX_REQUEST_BYTES)

    refused = await refusal(api.stub.GradeIncident(large, metadata=api.metadata()))

    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_TOO_LARGE")
    assert refused.metadata == {"got": str(large.ByteSize()), "allowed": str(MAX_REQUEST_BYTES)}


async def test_a_huge_request_does_not_reach_us(api: Served) -> None:
    huge = grade(basis="x" * (5 * MAX_REQUEST_BYTES))

    refused = await refusal(api.stub.GradeIncident(huge, metadata=api.metadata()))

    assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_what_nobody_foresaw_is_unknown_and_logged(
    api: Served, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: Any, __: Any) -> Any:
        raise ZeroDivisionError("deep inside")

    async def fail_watch(_: Any, __: Any) -> AsyncIterator[Any]:
        raise ZeroDivisionError("deep inside")
        yield

    api.told.grade, api.told.watch = fail, fail_watch
    with capture_logs() as logs:
        unary, streaming = await both(api, metadata=api.metadata())

    assert unary.code is streaming.code is grpc.StatusCode.UNKNOWN
    assert [entry["code"] for entry in logs] == ["UNKNOWN", "UNKNOWN"]
    assert caplog.text.count("ZeroDivisionError: deep inside") >= 2


async def test_each_call_is_logged_with_how_it_ended(api: Served) -> None:
    with capture_logs() as logs:
        await api.grade()
        await refusal(api.grade("reader"))
        await refusal(api.stub.GradeIncident(grade(request_id="x"), metadata=api.metadata()))
        await refusal(watch(api))

    assert [(entry["event"], entry["code"]) for entry in logs] == [
        ("call", "OK"),
        ("call", "PERMISSION_DENIED"),
        ("call", "INVALID_ARGUMENT"),
        ("call", "UNAUTHENTICATED"),
    ]


async def test_a_call_ends_at_its_deadline(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = asyncio.Event()

    async def dawdle(_: Any, __: Any) -> Any:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    api.told.grade = dawdle
    monkeypatch.setattr(gate, "DEFAULT_DEADLINE_S", 0.1)
    ours = await refusal(api.grade())
    assert cancelled.is_set()
    cancelled.clear()
    theirs = await refusal(api.stub.GradeIncident(grade(), metadata=api.metadata(), timeout=0.1))
    async with asyncio.timeout(5):
        await cancelled.wait()

    assert ours.code is theirs.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "request_id is safe" in ours.message


async def test_a_watch_that_is_left_ends_here_too(api: Served) -> None:
    ended = asyncio.Event()

    async def endless(_: Any, __: Any) -> AsyncIterator[Any]:
        try:
            while True:
                yield pb.WatchIncidentsResponse(position=1)
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    api.told.watch = endless
    watching = api.stub.WatchIncidents(pb.WatchIncidentsRequest(), metadata=api.metadata())
    await watching.read()
    watching.cancel()

    async with asyncio.timeout(5):
        await ended.wait()


async def test_health_is_open_and_reflection_is_not(api: Served) -> None:
    health = health_pb2_grpc.HealthStub(api.channel)  # type: ignore[no-untyped-call]
    reflection = reflection_pb2_grpc.ServerReflectionStub(api.channel)  # type: ignore[no-untyped-call]
    listing = reflection_pb2.ServerReflectionRequest(list_services="")

    async def reflect(**options: Any) -> list[str]:
        asking = reflection.ServerReflectionInfo(iter([listing]), **options)
        return [s.name async for r in asking for s in r.list_services_response.service]

    answer = await health.Check(health_pb2.HealthCheckRequest())
    refused = await refusal(reflect())

    assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert refused.code is grpc.StatusCode.UNAUTHENTICATED
    assert "anlan.command.v1.IncidentService" in await reflect(metadata=api.metadata("stranger"))


async def test_a_method_that_is_not_there_is_unimplemented(api: Served) -> None:
    nothing: Any = api.channel.unary_unary("/anlan.command.v1.IncidentService/Nothing")

    refused = await refusal(nothing(b"", metadata=api.metadata()))

    assert refused.code is grpc.StatusCode.UNIMPLEMENTED
