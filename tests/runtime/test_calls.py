"""What a handler knows of its caller, and how its refusals are answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from anlan.command.v1 import incident_service_pb2 as pb
from services.runtime import call
from services.runtime.rejection import Forbidden, Invalid, NotFound, Rejection, Unavailable
from services.runtime.store import StaleRevision
from tests.runtime.served import Served, grade, served
from tests.service import refusal


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


REFUSALS = [
    (NotFound("NO_SUCH_UNIT", "there is no unit u1", unit_id="u1"), grpc.StatusCode.NOT_FOUND),
    (Forbidden("OUTSIDE_JURISDICTION", adcode="431281"), grpc.StatusCode.PERMISSION_DENIED),
    (Rejection("UNIT_HELD", unit_id="u1", holder="王"), grpc.StatusCode.FAILED_PRECONDITION),
    (Unavailable("STORE_UNAVAILABLE"), grpc.StatusCode.UNAVAILABLE),
]


@pytest.mark.parametrize(("raised", "code"), REFUSALS, ids=lambda v: getattr(v, "reason", ""))
async def test_what_a_rule_refuses_is_answered_in_full(
    api: Served, raised: Rejection, code: grpc.StatusCode
) -> None:
    async def refuse(_: Any, __: Any) -> Any:
        raise raised

    async def refuse_watch(_: Any, __: Any) -> AsyncIterator[Any]:
        yield pb.WatchIncidentsResponse(position=1)
        raise raised

    api.told.grade, api.told.watch = refuse, refuse_watch

    watch = api.stub.WatchIncidents(pb.WatchIncidentsRequest(), metadata=api.metadata())
    await watch.read()
    for refused in (await refusal(api.grade()), await refusal(watch.read())):
        assert (refused.code, refused.reason) == (code, raised.reason)
        assert (refused.metadata, refused.message) == (raised.context, raised.message)


async def test_an_invalid_value_found_by_a_rule_names_its_field(api: Served) -> None:
    async def refuse(_: Any, __: Any) -> Any:
        raise Invalid("ADCODE_UNKNOWN", field="place.adcode", got="431271", allowed="洪江市")

    api.told.grade = refuse
    refused = await refusal(api.grade())

    assert (refused.fields, refused.metadata["got"]) == (("place.adcode",), "431271")


async def test_a_stale_revision_is_aborted(api: Served) -> None:
    async def refuse(_: Any, __: Any) -> Any:
        raise StaleRevision("incident-i1")

    api.told.grade = refuse
    refused = await refusal(api.grade())

    assert (refused.code, refused.metadata) == (
        grpc.StatusCode.ABORTED,
        {"stream": "incident-i1"},
    )


async def heard(api: Served, role: str, **headers: str) -> call.Call:
    calls = []

    async def listen(_: Any, __: Any) -> Any:
        calls.append(call.current())
        return pb.GradeIncidentResponse()

    api.told.grade = listen
    await api.grade(role, **headers)
    return calls[0]


async def test_only_a_service_may_speak_for_somebody_else(api: Served) -> None:
    person = await heard(api, "officer", x_actor="mayor.zhang", x_actor_roles="chief")
    service = await heard(api, "service", x_actor="mayor.zhang", x_actor_roles="chief")

    assert (person.actor.subject, person.actor.roles) == ("the officer", ("officer",))
    assert (service.actor.subject, service.actor.roles) == ("mayor.zhang", ("chief",))
    assert service.grants == {"incident.override"}


async def test_the_story_travels_in_the_headers(api: Served) -> None:
    named = await heard(
        api,
        "officer",
        x_correlation_id="i1",
        x_causation_id="e1",
        x_exercise_id="flood",
        traceparent="00-a-b-01",
    )
    request = grade().request_id
    cause = named.cause(request)

    assert (cause.correlation_id, cause.causation_id) == ("i1", "e1")
    assert (cause.exercise, cause.traceparent) == ("flood", "00-a-b-01")
    assert str(cause.command_id) == request
    assert named.cause(request, "i2").correlation_id == "i2"
