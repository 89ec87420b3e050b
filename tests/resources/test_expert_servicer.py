"""Experts over real gRPC: who knows what, who has them, then and now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from anlan.resources.v1 import expert_service_pb2 as pb
from anlan.resources.v1.expert_service_pb2_grpc import ExpertServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from tests.resources.conftest import Api
from tests.resources.positions import fresh
from tests.service import Service, refusal, request_id


@pytest.fixture
async def experts(resources: Service) -> AsyncIterator[Any]:
    async with resources.channel() as channel:
        yield ExpertServiceStub(channel)


def an_expert(**more: Any) -> pb.RegisterExpertRequest:
    fields: dict[str, Any] = {
        "request_id": request_id(),
        "expert_id": fresh("expert"),
        "name": "石工",
        "adcode": "431281",
        "types": [pb.EXPERT_TYPE_ON_SCENE],
        "fields": ["geology"],
        "home": place_pb2.Place(adcode="431200", address="怀化市区"),
        **more,
    }
    return pb.RegisterExpertRequest(**fields)


def a_call(expert_id: str, incident_id: str, **more: Any) -> pb.CallUpExpertRequest:
    return pb.CallUpExpertRequest(
        request_id=request_id(),
        expert_id=expert_id,
        incident_id=incident_id,
        type=pb.EXPERT_TYPE_ON_SCENE,
        task="看滑坡",
        **more,
    )


async def register(experts: Any, api: Api, **more: Any) -> tuple[str, int]:
    request = an_expert(**more)
    answer = await experts.RegisterExpert(request, metadata=api.registrar.metadata)
    assert answer.changed
    return request.expert_id, answer.position


async def test_experts_are_found_by_field_type_state_and_text(api: Api, experts: Any) -> None:
    here = fresh("省队")
    shi, _ = await register(experts, api, organisation=here, fields=["geology", "tailings"])
    tang, _ = await register(
        experts, api, organisation=here, types=[pb.EXPERT_TYPE_DECIDING, pb.EXPERT_TYPE_TECHNICAL]
    )
    wu, _ = await register(experts, api, organisation=here, fields=["law"])
    gone = await experts.RetireExpert(
        pb.RetireExpertRequest(request_id=request_id(), expert_id=wu, reason="退休"),
        metadata=api.registrar.metadata,
    )
    read = read_pb2.ReadOptions(min_position=gone.position)

    async def found(**wanted: Any) -> set[str]:
        answer = await experts.ListExperts(
            pb.ListExpertsRequest(filter=pb.ExpertFilter(text=here, **wanted), read=read),
            metadata=api.zhao.metadata,
        )
        return {one.expert_id for one in answer.experts}

    assert await found() == {shi, tang}, "who is off the list is left out"
    assert await found(state=pb.EXPERT_STATE_RETIRED) == {wu}
    assert await found(field="tailings") == {shi}
    assert await found(type=pb.EXPERT_TYPE_TECHNICAL) == {tang}
    assert await found(field="geology", type=pb.EXPERT_TYPE_ON_SCENE) == {shi}
    assert await found(adcode="431281102") == set()
    wrong = pb.ListExpertsRequest(filter=pb.ExpertFilter(field="feng_shui"))
    said = await refusal(experts.ListExperts(wrong, metadata=api.zhao.metadata))
    assert (said.reason, said.metadata["field"]) == ("EXPERT_FIELD_UNKNOWN", "filter.field")


async def test_one_expert_is_called_by_many_and_goes_to_one(api: Api, experts: Any) -> None:
    expert_id, _ = await register(experts, api)
    asked = [a_call(expert_id, f"flood-{number}", ordered_by="陈市长") for number in range(12)]

    answers = await asyncio.gather(
        *(experts.CallUpExpert(one, metadata=api.zhao.metadata) for one in asked),
        return_exceptions=True,
    )

    went = [one for one in answers if not isinstance(one, BaseException)]
    refused = [one for one in answers if isinstance(one, grpc.aio.AioRpcError)]
    assert (len(went), len(refused)) == (1, 11)
    assert {one.code() for one in refused} == {grpc.StatusCode.FAILED_PRECONDITION}
    winner = asked[[one is went[0] for one in answers].index(True)]
    assert all(winner.incident_id in (one.details() or "") for one in refused)
    again = await experts.CallUpExpert(winner, metadata=api.zhao.metadata)
    assert again == went[0], "a retry gets its first answer"


async def test_a_call_up_is_read_as_it_was_and_as_it_is(api: Api, experts: Any) -> None:
    expert_id, start = await register(experts, api)
    called = await experts.CallUpExpert(
        a_call(expert_id, "flood", ordered_by="陈市长"), metadata=api.zhao.metadata
    )
    scene = place_pb2.Place(
        adcode="431281106", point=place_pb2.Point(latitude=27.126, longitude=109.735)
    )
    arrived = await experts.RecordExpertArrival(
        pb.RecordExpertArrivalRequest(request_id=request_id(), expert_id=expert_id, place=scene),
        metadata=api.zhao.metadata,
    )
    released = await experts.ReleaseExpert(
        pb.ReleaseExpertRequest(request_id=request_id(), expert_id=expert_id, reason="看完"),
        metadata=api.zhao.metadata,
    )

    async def at(**read: Any) -> Any:
        request = pb.GetExpertRequest(expert_id=expert_id, read=read_pb2.ReadOptions(**read))
        return (await experts.GetExpert(request, metadata=api.zhao.metadata)).expert

    states = [
        (await at(as_of_position=position)).state
        for position in (start, called.position, arrived.position)
    ]
    assert states == [
        pb.EXPERT_STATE_AVAILABLE,
        pb.EXPERT_STATE_CALLED_UP,
        pb.EXPERT_STATE_ARRIVED,
    ]
    now = await at(min_position=released.position)
    assert now.state == pb.EXPERT_STATE_AVAILABLE
    [call_up] = now.call_ups
    assert (call_up.ordered_by, call_up.called_by) == ("陈市长", "dispatcher.zhao")
    assert call_up.arrival_place == scene
    assert call_up.release_reason == "看完"


async def test_a_paper_that_ran_out_is_named(api: Api, experts: Any) -> None:
    past = Timestamp()
    past.FromDatetime(datetime.now(UTC) - timedelta(days=1))
    papers = [
        pb.ExpertQualification(name="注册安全工程师", expire_time=past),
        pb.ExpertQualification(name="高级工程师"),
    ]
    expert_id, position = await register(experts, api, qualifications=papers)
    read = read_pb2.ReadOptions(min_position=position)
    answer = await experts.GetExpert(
        pb.GetExpertRequest(expert_id=expert_id, read=read), metadata=api.zhao.metadata
    )
    assert list(answer.expert.expired) == ["注册安全工程师"]


async def test_a_stale_etag_is_refused_and_a_registrar_calls_nobody(api: Api, experts: Any) -> None:
    expert_id, _ = await register(experts, api)
    await experts.CallUpExpert(a_call(expert_id, "flood"), metadata=api.zhao.metadata)
    stale = pb.ReleaseExpertRequest(
        request_id=request_id(), expert_id=expert_id, reason="完", etag="0"
    )
    said = await refusal(experts.ReleaseExpert(stale, metadata=api.zhao.metadata))
    assert said.code is grpc.StatusCode.ABORTED
    said = await refusal(
        experts.CallUpExpert(a_call(expert_id, "fire"), metadata=api.registrar.metadata)
    )
    assert said.metadata["capability"] == "expert.call"


async def test_a_watcher_sees_each_change_from_where_it_was(api: Api, experts: Any) -> None:
    expert_id, position = await register(experts, api)
    request = pb.WatchExpertsRequest(resume_position=position - 1, adcode="431281")
    watch = experts.WatchExperts(request, metadata=api.zhao.metadata)
    first = await watch.read()
    assert (first.expert.expert_id, first.position) == (expert_id, position)
    await experts.CallUpExpert(a_call(expert_id, "flood"), metadata=api.zhao.metadata)
    async with asyncio.timeout(20):
        while (told := await watch.read()).expert.expert_id != expert_id:
            pass
    watch.cancel()
    assert told.expert.state == pb.EXPERT_STATE_CALLED_UP
