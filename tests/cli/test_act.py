"""The short commands of a dispatcher, and what they show."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from anlan.dispatch.v1 import aid_service_pb2 as aid_pb
from anlan.dispatch.v1 import assignment_service_pb2 as pb
from services.cli import acting, aid_view, status, times_view
from services.cli.client import Refusal
from services.cli.rpc import Rpc, find, plain
from services.runtime.settings import REPOSITORY
from tests.cli.test_views import text

NOW = datetime(2026, 6, 17, 18, tzinfo=UTC)


class Suite:
    """Answers by method; a unit that is held is refused."""

    def __init__(self, on: list[dict[str, str]] | None = None, *, alone: bool = False) -> None:
        self.on, self.alone = on or [], alone
        self.asked: list[tuple[str, dict[str, Any], str]] = []

    async def call(self, rpc: Rpc, request: Any, *, exercise: str = "", **_: Any) -> Any:
        fields = plain(request)
        self.asked.append((rpc.method, fields, exercise))
        if rpc.method == "CreateAssignment" and fields["unit_id"] == "held":
            code = grpc.StatusCode.FAILED_PRECONDITION
            raise Refusal(code, "UNIT_HELD", "held is held by a0 (chen.wei)", {})
        if rpc.method == "GetAssignment" and self.alone:
            raise Refusal(grpc.StatusCode.NOT_FOUND, "NO_SUCH_ASSIGNMENT", "there is none", {})
        answers: dict[str, dict[str, Any]] = {
            "GetIncident": {"incident": {"incident_id": "i1", "exercise": "drill-1"}},
            "CreateAssignment": {"assignment_id": "a1"},
            "ListAssignments": {"assignments": self.on},
            "GetRecommendation": {"recommendation": {"exercise": "drill-1"}},
            "PreplanRecommendation": {
                "unit_ids": ["boat-1"],
                "assignment_ids": ["a1"],
                "dispatch_time": "2026-06-19T07:00:00Z",
            },
            "GetUnit": {
                "unit": {"unit_id": fields.get("unit_id"), "kind": "boat", "exercise": "drill-1"}
            },
            "GetUnitVocabulary": {
                "words": [{"word": "用餐"}, {"word": "集结"}],
                "secondary_statuses": [
                    {"code": "Meal", "name": "用餐"},
                    {"code": "OnScene", "name": "在现场"},
                    {"code": "Staging", "name": "集结待命"},
                ],
            },
            "GetAssignment": {"assignment": {"assignment_id": "a9", "unit_id": "boat-9"}},
        }
        return json_format.ParseDict(answers.get(rpc.method, {}), rpc.response())


WORDS = status.shipped()


def client(suite: Suite) -> Any:
    return suite


async def test_a_plan_that_failed_is_answered_and_is_no_place_where_a_unit_is() -> None:
    on = [
        {"assignment_id": "a1", "unit_id": "boat-1", "asks": True},
        {"assignment_id": "a2", "unit_id": "boat-1"},
    ]
    suite = Suite(on)  # type: ignore[arg-type]

    await status.say(client(suite), WORDS, "boat-1", "onscene", "")
    await status.say(client(suite), WORDS, "boat-1", "answer", "改派二号艇")

    said = [asked for asked in suite.asked if asked[0] in {"RecordOnScene", "AnswerRefusal"}]
    assert [fields["assignment_id"] for _, fields, _ in said] == ["a2", "a1"]
    assert said[1][1]["answer"] == "改派二号艇"


async def test_a_recommendation_is_preplanned_in_its_own_drill() -> None:
    suite = Suite()
    lines = await acting.preplan(client(suite), "r1", [], "")

    [(_, fields, exercise)] = [one for one in suite.asked if one[0] == "PreplanRecommendation"]
    assert (fields["dispatch_time"], exercise) == (None, "drill-1")
    assert "boat-1" in lines[0]
    assert "a1" in lines[0]


async def test_each_unit_is_sent_for_itself_and_a_refusal_says_who_has_it() -> None:
    suite = Suite()
    sent = await acting.dispatch(client(suite), ["boat-1", "held"], "i1", "转移群众")

    assert [one.went for one in sent] == [True, False]
    assert "chen.wei" in sent[1].line
    orders = [asked for asked in suite.asked if asked[0] == "CreateAssignment"]
    assert {exercise for _, _, exercise in orders} == {"drill-1"}, "a drill stays a drill"
    assert orders[0][1]["request_id"] != orders[1][1]["request_id"]


async def test_a_status_is_said_of_a_unit_or_of_an_assignment() -> None:
    on = [{"assignment_id": "a1", "unit_id": "boat-1"}]
    suite = Suite(on)
    said = await status.say(client(suite), WORDS, "boat-1", "完成", "堤段已加固")
    assert said.startswith("boat-1 (a1): clear")
    method, fields, _ = suite.asked[-1]
    assert (method, fields["disposition"]) == ("ClearAssignment", "堤段已加固")

    alone = Suite()
    await status.say(client(alone), WORDS, "a9", "ONSCENE", "")
    assert alone.asked[-1][1]["assignment_id"] == "a9"

    two = Suite([*on, {"assignment_id": "a2", "unit_id": "boat-1"}])
    with pytest.raises(status.NotOne, match="a1, a2"):
        await status.say(client(two), WORDS, "boat-1", "ack", "")


@pytest.mark.parametrize("word", ["用餐", "meal"])
async def test_a_word_or_a_code_of_the_unit_itself_is_said_of_the_unit(word: str) -> None:
    suite = Suite([{"assignment_id": "a1", "unit_id": "boat-1"}])
    await status.say(client(suite), WORDS, "a1", word, "")
    method, fields, exercise = suite.asked[-1]
    assert (method, fields["unit_id"], exercise) == ("SetUnitStatus", "boat-1", "drill-1")
    assert (fields["word"], fields["codes"]) in [("用餐", []), ("", ["Meal"])]


@pytest.mark.parametrize("word", ["集结", "onscene", "staging"])
async def test_a_word_of_assignments_is_never_said_of_the_unit_alone(word: str) -> None:
    if word != "staging":
        with pytest.raises(status.NotOne, match="boat-1 is on no assignment"):
            await status.say(client(Suite(alone=True)), WORDS, "boat-1", word, "")
    busy = Suite([{"assignment_id": "a1", "unit_id": "boat-1"}])
    await status.say(client(busy), WORDS, "boat-1", word, "")
    expected = {"集结": "RecordStaged", "onscene": "RecordOnScene", "staging": "SetUnitStatus"}
    assert busy.asked[-1][0] == expected[word]


async def test_a_code_that_is_spelled_out_is_the_units_where_it_has_no_assignment() -> None:
    idle = Suite(alone=True)
    await status.say(client(idle), WORDS, "boat-1", "OnScene", "")
    assert idle.asked[-1][:1] == ("SetUnitStatus",)
    assert idle.asked[-1][1]["codes"] == ["OnScene"]


async def test_an_unknown_word_is_told_the_known_ones_of_both_kinds() -> None:
    with pytest.raises(status.UnknownWord) as told:
        await status.say(client(Suite()), WORDS, "a9", "there", "")
    for known in ("onscene/到场", "mayday/求救", "用餐", "Meal 用餐", "boat-9 (boat)"):
        assert known in str(told.value)


def test_every_word_has_its_call_and_no_word_two() -> None:
    for word in WORDS.words:
        request = find(word.rpc).request()
        assert "assignment_id" in request.DESCRIPTOR.fields_by_name
        assert not word.note or word.note in request.DESCRIPTOR.fields_by_name
    every = [text for word in WORDS.words for text in word.words]
    assert len(every) == len(set(every))


def test_every_edge_that_a_way_allows_has_a_word_or_a_command_of_its_own() -> None:
    ways = json.loads((REPOSITORY / "reference" / "assignment_states.json").read_text("utf-8"))
    reached = {state for way in ways["ways"].values() for edges in way.values() for state in edges}
    by_word = {
        "AcknowledgeAssignment": "acknowledged",
        "DeclineAssignment": "declined",
        "RecordEnRoute": "en_route",
        "RecordStaged": "staged",
        "RecordOnScene": "on_scene",
        "RecordTransporting": "transporting",
        "RecordAtDestination": "at_destination",
        "ClearAssignment": "cleared",
    }
    said = {by_word.get(word.rpc.rpartition("/")[2]) for word in WORDS.words}
    assert reached - said == {"diverted", "withdrawn"}  # orders, which name more than a unit


def aid(**changed: Any) -> dict[str, Any]:
    message = aid_pb.Aid(
        aid_id="aid1",
        state=aid_pb.AID_STATE_REQUESTED,
        requester=aid_pb.Authority(adcode="431281", name="洪江市"),
        helpers=[
            aid_pb.Aid.Helper(
                authority=aid_pb.Authority(adcode="431225", name="会同县"),
                reply=aid_pb.AID_REPLY_ACCEPT,
            )
        ],
        items=[aid_pb.Aid.Coverage(item=aid_pb.AidItem(item_id="b", kind="boat", quantity=2))],
        **changed,
    )
    return plain(aid_pb.ListAidResponse(aid=[message]))


def test_an_acceptance_is_not_shown_as_a_promise() -> None:
    told = text(aid_view.listed(aid(reply_overdue=True), NOW))

    assert "会同县 will get back (NOT a commitment)" in told
    assert "2 boat: 0 committed, 0 here" in told
    assert "ANSWERS ARE LATE" in told


def test_a_promise_is_shown_by_name() -> None:
    lent = aid_pb.Aid.Lent(
        helper_adcode="431225", state=aid_pb.AID_UNIT_STATE_ARRIVED, local_unit_id="431225-boat-1"
    )
    told = text(aid_view.listed(aid(units=[lent], term_ended=True), NOW))

    assert "会同县 committed units" in told
    assert "431225-boat-1 arrived" in told
    assert "TIME IS UP" in told


def measured() -> dict[str, Any]:
    interval = pb.MeasuredInterval(
        interval=pb.RESPONSE_INTERVAL_TURNOUT,
        count=10,
        missing=2,
        reversed=1,
        percentiles=[
            pb.MeasuredInterval.Percentile(percent=50, seconds=60),
            pb.MeasuredInterval.Percentile(percent=90, seconds=120),
        ],
        targets=[
            pb.MeasuredInterval.Attainment(
                target_id="t", percent=90, seconds=80, share_within=0.7, met=False
            )
        ],
    )
    groups = [pb.ResponseGroup(hour=0, assignments=13, intervals=[interval])]
    return plain(pb.GetResponseTimesResponse(groups=groups))


def test_a_chart_marks_the_target_and_says_what_was_left_out() -> None:
    told = text(times_view.chart(measured(), [], NOW))

    [line] = [line for line in told.splitlines() if "00:00" in line]
    assert "60 / 120" in line
    assert "70 % of 90 % in 80 s" in line
    bar = line[line.index("█") :]
    assert bar.index("┃") == round(times_view.BAR * 80 / 120)
    assert " 3 " in line, "two missing and one that runs backwards"


def test_a_spreadsheet_gets_a_row_for_every_group_and_interval(tmp_path: Path) -> None:
    file = tmp_path / "times.csv"

    assert times_view.write_csv(measured(), file) == 1
    with file.open(encoding="utf-8-sig") as lines:
        [row] = list(csv.DictReader(lines))
    assert row["interval"] == "turnout"
    assert (row["hour"], row["p90_s"], row["missing"], row["reversed"]) == ("0", "120.0", "2", "1")
    assert (row["target_id"], row["share_within"], row["met"]) == ("t", "0.7", "False")
    assert row["unit_kind"] == row["year"] == ""
