"""Calls to another service: its refusals are ours, its absences are waited out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from anlan.command.v1 import incident_service_pb2 as pb
from anlan.command.v1.incident_service_pb2_grpc import IncidentServiceStub
from services.runtime import call, peer
from services.runtime.peer import Peer
from services.runtime.rejection import (
    AlreadyExists,
    Forbidden,
    Invalid,
    NotFound,
    Rejection,
    Unavailable,
)
from services.runtime.settings import Settings
from services.runtime.store import StaleRevision
from tests.runtime.served import Served, grade, served
from tests.runtime.tally import cause


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


@pytest.fixture
async def other(api: Served, tmp_path: Path) -> AsyncIterator[Peer]:
    token = tmp_path / "service.token"
    token.write_text(api.token("service") + "\n")
    connected = Peer(api.address, Settings(service_token_file=token))
    try:
        yield connected
    finally:
        await connected.close()


async def ask(other: Peer, request: Any = None, **about: Any) -> Any:
    stub = IncidentServiceStub(other.channel)
    return await other.call(stub.GradeIncident, request or grade(), replace(cause(), **about))


def told(error: Exception) -> tuple[object, ...]:
    if isinstance(error, Rejection):
        return (error.reason, error.message, error.context)
    return error.args


REFUSALS: list[Exception] = [
    NotFound("NO_SUCH_UNIT", "没有这支队伍", unit_id="u1"),
    AlreadyExists("UNIT_EXISTS", unit_id="u1"),
    Invalid("ADCODE_UNKNOWN", field="place.adcode", got="431271", allowed="洪江市"),
    Forbidden("OUTSIDE_JURISDICTION", adcode="431281", subject="王"),
    Rejection("UNIT_HELD", "held by 王", unit_id="u1", holder="王"),
    Unavailable("READ_MODEL_BEHIND", "not here yet", min_position="7", position="3"),
    StaleRevision("unit-u1"),
]


@pytest.mark.parametrize("raised", REFUSALS, ids=lambda r: type(r).__name__)
async def test_a_refusal_arrives_as_it_was_raised(
    api: Served, other: Peer, raised: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "GIVE_UP_AFTER_S", 0.0)

    async def refuse(_: Any, __: Any) -> Any:
        raise raised

    api.told.grade = refuse
    with pytest.raises(type(raised)) as arrived:
        await ask(other)

    assert type(arrived.value) is type(raised)
    assert told(arrived.value) == told(raised)


async def test_a_field_that_breaks_the_protos_rules_arrives_as_invalid(other: Peer) -> None:
    with pytest.raises(Invalid) as invalid:
        await ask(other, grade(incident_id=""))

    assert (invalid.value.reason, invalid.value.context["field"]) == (
        "INVALID_FIELD",
        "incident_id",
    )


async def test_unavailable_is_asked_again_with_the_same_request(api: Served, other: Peer) -> None:
    async def refuse_twice(_: Any, __: Any) -> Any:
        if len(api.told.requests) < 3:
            raise Unavailable("STORE_UNAVAILABLE")
        return pb.GradeIncidentResponse(etag="9")

    api.told.grade = refuse_twice
    request = grade()

    assert (await ask(other, request)).etag == "9"
    assert api.told.requests == [request] * 3


async def test_a_rule_is_not_asked_again(api: Served, other: Peer) -> None:
    async def refuse(_: Any, __: Any) -> Any:
        raise Rejection("UNIT_HELD")

    api.told.grade = refuse
    with pytest.raises(Rejection):
        await ask(other)

    assert len(api.told.requests) == 1


async def test_a_service_that_is_not_there_is_unavailable_in_the_end(
    api: Served, other: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "GIVE_UP_AFTER_S", 0.5)
    await api.server.stop()

    with pytest.raises(Unavailable) as away:
        await ask(other)

    assert away.value.reason == "PEER_UNAVAILABLE"


async def test_a_service_that_comes_back_is_found(api: Served, other: Peer, tmp_path: Path) -> None:
    await ask(other)
    await api.server.stop()
    asking = asyncio.create_task(ask(other))
    await asyncio.sleep(0.3)

    async with served(tmp_path, listen=api.address):
        assert (await asking).etag == "7"


async def test_a_service_that_dawdles_is_unavailable(
    api: Served, other: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "GIVE_UP_AFTER_S", 0.3)
    monkeypatch.setattr(peer, "TIMEOUT_S", 0.1)

    async def dawdle(_: Any, __: Any) -> Any:
        await asyncio.sleep(60)

    api.told.grade = dawdle

    with pytest.raises(Unavailable):
        await ask(other)


async def test_a_call_that_a_stopping_service_gave_up_is_unavailable(
    api: Served, other: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "GIVE_UP_AFTER_S", 0.0)
    began = asyncio.Event()

    async def dawdle(_: Any, __: Any) -> Any:
        began.set()
        await asyncio.sleep(60)

    api.told.grade = dawdle
    asking = asyncio.create_task(ask(other))
    await began.wait()
    await api.server.grpc.stop(0)

    with pytest.raises(Unavailable):
        await asking


async def test_our_own_bad_token_is_no_refusal_of_what_was_asked(
    other: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reaction acknowledges a message whose command was refused; this one must wait."""
    monkeypatch.setattr(peer, "GIVE_UP_AFTER_S", 0.0)
    await asyncio.to_thread((tmp_path / "service.token").write_text, "expired")

    with pytest.raises(Unavailable):
        await ask(other)


async def test_a_renewed_token_is_read(api: Served, other: Peer, tmp_path: Path) -> None:
    await ask(other)
    await asyncio.to_thread((tmp_path / "service.token").write_text, "expired")
    asking = asyncio.create_task(ask(other))
    await asyncio.sleep(0.2)
    await asyncio.to_thread((tmp_path / "service.token").write_text, api.token("service"))

    assert (await asking).etag == "7"


async def test_without_a_token_nobody_is_asked(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "GIVE_UP_AFTER_S", 0.0)
    lone = Peer(api.address, Settings(service_token_file=None))
    try:
        with pytest.raises(Unavailable):
            await ask(lone)
    finally:
        await lone.close()


async def test_the_callers_story_goes_with_the_call(api: Served, other: Peer) -> None:
    heard = []

    async def listen(_: Any, __: Any) -> Any:
        heard.append(call.current())
        return pb.GradeIncidentResponse()

    api.told.grade = listen
    await ask(other, exercise="汛期演练 2026")

    assert heard[0].actor.subject == "值班员.王"
    assert heard[0].actor.roles == ("duty_officer",)
    assert heard[0].correlation_id == "a story"
    assert heard[0].exercise == "汛期演练 2026"


async def test_a_call_that_we_give_up_ends_as_cancelled(api: Served, other: Peer) -> None:
    began = asyncio.Event()

    async def dawdle(_: Any, __: Any) -> Any:
        began.set()
        await asyncio.sleep(60)

    api.told.grade = dawdle
    asking = asyncio.create_task(ask(other))
    await began.wait()
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
