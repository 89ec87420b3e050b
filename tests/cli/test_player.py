"""The player: what it makes of answers, refusals, races and waits, without any service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from services.cli.client import Refusal
from services.cli.player import Outcome, Played, Player, Tally
from services.cli.receiver import listening
from services.cli.rpc import Rpc
from services.cli.scenario import BadScenario, Person
from services.cli.scenario_file import load
from tests.cli.test_scenario import written

Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def nothing_more(_: Mapping[str, Any]) -> Mapping[str, Any]:
    return {}


class Suite:
    """Answers like a suite; each written act gets the next position."""

    def __init__(self, answers: Mapping[str, Answer], position: int = 0) -> None:
        self.answers = answers
        self.position = position
        self.first: dict[str, Any] = {}
        self.calls: list[tuple[str, str, str]] = []
        self.causes: list[str] = []

    async def call(
        self,
        rpc: Rpc,
        request: Any,
        *,
        token: str = "",
        exercise: str = "",
        because: str = "",
        patience_s: float,
    ) -> Any:
        fields: dict[str, Any] = json_format.MessageToDict(
            request, preserving_proto_field_name=True
        )
        self.calls.append((rpc.method, token, exercise))
        self.causes.append(because)
        if rpc.method not in self.answers and rpc.method.startswith("List"):
            return json_format.ParseDict({"freshness": {"position": self.position}}, rpc.response())
        request_id = fields.get("request_id", "")
        if request_id in self.first:
            return self.first[request_id]
        said = dict(self.answers.get(rpc.method, nothing_more)(fields))
        if request_id:
            self.position += 1
            said.setdefault("position", self.position)
        answer = json_format.ParseDict(said, rpc.response())
        if request_id:
            self.first[request_id] = answer
        return answer


def refusing(reason: str, when: Callable[[Mapping[str, Any]], bool] = lambda _: True) -> Answer:
    def answer(fields: Mapping[str, Any]) -> Mapping[str, Any]:
        if when(fields):
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, reason, "no", {})
        return {"assignment_id": fields.get("assignment_id", "")}

    return answer


async def play(folder: Path, steps: str, suite: Suite) -> tuple[Tally, list[Played]]:
    heard: list[Played] = []

    def token(person: Person) -> str:
        return f"token of {person.subject}"

    player = Player(
        scenario=load(written(folder, steps)),
        client=suite,  # type: ignore[arg-type]
        token=token,
        told=heard.append,
        speed=0,
        patience_s=0.0,
    )
    return await player.play(), heard


CLOSE = """
  - {at: "+00:00", actor: duty, call: CloseIncident, with: {incident_id: $run, summary: 完}}
"""
REFUSED_CLOSE = CLOSE.replace("summary: 完}}", "summary: 完}, expect: RESPONSE_ACTIVE}")
RACE = """
  - at: "+00:01"
    race:
      - actor: duty
        call: CreateAssignment
        with: {assignment_id: $run-a, incident_id: $run, unit_id: u}
      - actor: other
        call: CreateAssignment
        with: {assignment_id: $run-b, incident_id: $run, unit_id: u}
    expect: UNIT_HELD
    save: {won: assignment_id}
  - {at: "+00:02", actor: duty, call: RecordEnRoute, with: {assignment_id: $won}}
"""
WAIT = """
  - at: "+00:01"
    actor: duty
    await:
      call: ListNotifications
      with: {incident_id: $run}
      each: notifications
      until: {state: NOTIFICATION_STATE_SENT, incident_id: $run}
      within: 0.01
    save: {notice: notification_id}
  - {at: "+00:02", actor: duty, call: AcknowledgeNotification, with: {notification_id: $notice}}
"""


async def test_an_accepted_act_is_made_by_its_person_within_the_exercise(tmp_path: Path) -> None:
    suite = Suite({})
    tally, heard = await play(tmp_path, CLOSE, suite)
    assert tally.as_expected
    assert [one.outcome for one in heard] == [Outcome.ACCEPTED]
    assert suite.calls[-1] == ("CloseIncident", "token of duty.one", "small")


async def test_an_act_names_what_led_to_it(tmp_path: Path) -> None:
    suite = Suite({})
    await play(tmp_path, CLOSE.replace("完}", "完}, because: $run-d1"), suite)
    assert suite.causes[-1] == "small-d1"


async def test_what_led_to_an_act_is_known_before_the_play(tmp_path: Path) -> None:
    with pytest.raises(BadScenario, match="nothing is known as"):
        await play(tmp_path, CLOSE.replace("完}", "完}, because: $nobody"), Suite({}))


async def test_played_again_it_adds_nothing_and_says_so(tmp_path: Path) -> None:
    suite = Suite({})
    await play(tmp_path, CLOSE + CLOSE, suite)
    position = suite.position
    tally, _ = await play(tmp_path, CLOSE + CLOSE, suite)
    assert suite.position == position
    assert tally.count(Outcome.THERE_ALREADY) == 2


async def test_interrupted_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    suite = Suite({})
    await play(tmp_path, CLOSE, suite)
    tally, heard = await play(tmp_path, CLOSE + CLOSE, suite)
    assert [one.outcome for one in heard] == [Outcome.THERE_ALREADY, Outcome.ACCEPTED]
    assert tally.as_expected


async def test_a_refusal_that_the_file_expects_is_as_expected(tmp_path: Path) -> None:
    tally, _ = await play(
        tmp_path, REFUSED_CLOSE, Suite({"CloseIncident": refusing("RESPONSE_ACTIVE")})
    )
    assert tally.count(Outcome.REFUSED_AS_EXPECTED) == 1
    assert tally.as_expected


@pytest.mark.parametrize(
    ("steps", "answers"),
    [
        (CLOSE, {"CloseIncident": refusing("RESPONSE_ACTIVE")}),
        (REFUSED_CLOSE, {"CloseIncident": refusing("INCIDENT_CLOSED")}),
        (REFUSED_CLOSE, {}),
        (CLOSE.replace("完}}", "完}, expect: {etag: '7'}}"), {}),
        (RACE, {}),
        (RACE, {"CreateAssignment": refusing("UNIT_HELD")}),
        (WAIT, {}),
    ],
    ids=["refused", "other reason", "accepted", "other answer", "two win", "none wins", "in vain"],
)
async def test_anything_else_is_not(
    tmp_path: Path, steps: str, answers: Mapping[str, Answer]
) -> None:
    tally, _ = await play(tmp_path, steps, Suite(answers))
    assert not tally.as_expected


async def test_the_winner_of_a_race_plays_on(tmp_path: Path) -> None:
    seen: list[str] = []

    def en_route(fields: Mapping[str, Any]) -> Mapping[str, Any]:
        seen.append(fields["assignment_id"])
        return {}

    answers = {
        "CreateAssignment": refusing("UNIT_HELD", lambda f: f["assignment_id"] == "small-a"),
        "RecordEnRoute": en_route,
    }
    tally, _ = await play(tmp_path, RACE, Suite(answers))
    assert tally.as_expected
    assert tally.count(Outcome.REFUSED_AS_EXPECTED) == 1
    assert seen == ["small-b"]


async def test_a_wait_takes_the_oldest_that_fits(tmp_path: Path) -> None:
    seen: list[str] = []

    def acknowledge(fields: Mapping[str, Any]) -> Mapping[str, Any]:
        seen.append(fields["notification_id"])
        return {}

    def listed(_: Mapping[str, Any]) -> Mapping[str, Any]:
        sent = {"state": "NOTIFICATION_STATE_SENT", "incident_id": "small"}
        newest_first = [
            {**sent, "notification_id": "n3"},
            {**sent, "notification_id": "n2"},
            {**sent, "notification_id": "n1", "state": "NOTIFICATION_STATE_PARKED"},
        ]
        return {"notifications": newest_first}

    answers = {"ListNotifications": listed, "AcknowledgeNotification": acknowledge}
    tally, heard = await play(tmp_path, WAIT, Suite(answers))
    assert tally.as_expected
    assert heard[0].outcome is Outcome.SEEN
    assert seen == ["n2"]


async def _post(url: str, body: bytes) -> bytes:
    host, port = url.removeprefix("http://").strip("/").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_the_receiver_counts_what_arrives() -> None:
    async with listening(0) as receiver:
        told = b'{"event_type": "anlan.events.v1.UnitDispatched"}'
        assert b"204" in (await _post(receiver.url, told)).splitlines()[0]
        await _post(receiver.url, told)
        await _post(receiver.url, b"not json")
        assert receiver.received == 3
        assert receiver.by_event == {"UnitDispatched": 2, "unreadable": 1}


async def test_a_taken_port_does_not_stop_the_receiver() -> None:
    async with listening(0) as one:
        port = int(one.url.strip("/").rpartition(":")[2])
        async with listening(port) as two:
            assert two.url != one.url
