"""Who is told of what, in which words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.message import Message

from anlan.command.v1 import incident_service_pb2 as command_pb
from anlan.dispatch.v1 import assignment_service_pb2 as dispatch_pb
from anlan.events.v1 import assignment_events_pb2 as assignment_pb
from anlan.events.v1 import incident_events_pb2 as incident_pb
from anlan.type.v1 import place_pb2
from services.command import relay as command_relay
from services.dispatch import relay as dispatch_relay
from services.notify.domain.briefing import BriefingTaken
from services.notify.policies import news as policies
from services.notify.policies.audience import (
    Crew,
    DutyOfficers,
    Involved,
    Person,
    was_on,
)
from services.notify.policies.news import News
from services.resources import relay as resources_relay
from services.runtime.place import Place
from services.runtime.recorded import Recorded
from services.runtime.times import to_proto
from tests.notify.board import assignment
from tests.notify.facts import NOW
from tests.notify.test_cap import ABOUT, GAZETTEER

noted = BriefingTaken(
    incident_id="i1",
    title="沅水堤防管涌",
    place=Place(adcode="431281102", address="下坪村三组"),
    occurred_at=NOW,
)
dispatched = assignment_pb.UnitDispatched(
    assignment_id="a1",
    incident_id="i1",
    unit_id="boat-3",
    unit_kind="boat",
    destination=place_pb2.Place(
        adcode="431281102",
        address="下坪村三组",
        point=place_pb2.Point(latitude=27.3, longitude=110.1),
    ),
    order="转移被困群众\n先老人儿童",
    acknowledge_due_time=to_proto(NOW + timedelta(seconds=90)),
    occur_time=to_proto(NOW),
)


def event(message: Message, exercise: str = "") -> Recorded:
    return Recorded(
        id=UUID(int=7),
        type=message.DESCRIPTOR.full_name,
        stream="assignment-a1",
        revision=0,
        position=1,
        created_at=NOW,
        data=message.SerializeToString(),
        metadata={"actor": "wang", "role": "duty_officer", "exercise": exercise},
    )


def news(message: Message, exercise: str = "", known: BriefingTaken | None = noted) -> News:
    return policies.news(
        event(message, exercise),
        message,
        "431281102",
        briefing=known,
        gazetteer=GAZETTEER,
        nearly_full_percent=ABOUT.shelter_nearly_full_percent,
    )


def test_the_crew_reads_where_what_when_and_who_orders() -> None:
    [order, copy] = news(dispatched).notices
    assert order.to == (Crew("boat-3"),)
    assert order.subject == "出动命令：boat-3 赶赴湖南省怀化市洪江市安江镇下坪村三组"
    assert order.text == (
        "boat-3 立即赶赴湖南省怀化市洪江市安江镇下坪村三组（北纬27.30000，东经110.10000）。"
        "任务：转移被困群众 先老人儿童。wang 7月2日03:10下达，7月2日03:11前确认。"
        "事件：沅水堤防管涌，编号 i1，任务编号 a1。"
    )
    assert copy.to == (DutyOfficers("431281102"),)
    assert copy.text.startswith("boat-3（boat）奉 wang 7月2日03:10命令赶赴")


def test_an_incident_nobody_told_us_of_goes_by_its_number() -> None:
    [order, _] = news(dispatched, known=None).notices
    assert order.text.endswith("事件编号 i1，任务编号 a1。")


def test_a_drill_is_marked_in_subject_and_text() -> None:
    for notice in news(dispatched, exercise="drill-7").notices:
        assert notice.subject.startswith("【演练】")
        assert notice.text.startswith("【演练】")


def test_a_subject_is_one_line_and_short() -> None:
    long = assignment_pb.UnitDispatched()
    long.CopyFrom(dispatched)
    long.destination.address = "第一行\r\nBcc: x@y.example\x00" + "村" * 150
    for notice in news(long).notices:
        assert notice.subject.isprintable()
        assert notice.text.isprintable()
        assert len(notice.subject) <= policies.LONGEST_SUBJECT


STAMP = to_proto(NOW)
III, IV = command_pb.RESPONSE_LEVEL_III, command_pb.RESPONSE_LEVEL_IV
everybody = (DutyOfficers("431281102"), Involved("i1"))
officers = (DutyOfficers("431281102"),)


@pytest.mark.parametrize(
    ("message", "to", "subject", "words"),
    [
        (
            assignment_pb.AcknowledgementOverdue(
                assignment_id="a1", incident_id="i1", unit_id="boat-3", occur_time=STAMP
            ),
            officers,
            "逾期未确认：boat-3",
            "请立即电话核实或改派",
        ),
        (
            assignment_pb.AssignmentDeclined(
                assignment_id="a1",
                incident_id="i1",
                unit_id="boat-3",
                reason="发动机故障",
                occur_time=STAMP,
            ),
            officers,
            "不能出动：boat-3",
            "原因：发动机故障。",
        ),
        (
            assignment_pb.AssignmentRefused(
                assignment_id="a1",
                incident_id="i1",
                unit_id="boat-3",
                reason="UNIT_HELD",
                occur_time=STAMP,
            ),
            officers,
            "未能派出：boat-3",
            "无人前往",
        ),
        (
            assignment_pb.AssignmentCancelled(
                assignment_id="a1",
                incident_id="i1",
                unit_id="boat-3",
                reason="险情解除",
                occur_time=STAMP,
            ),
            (Crew("boat-3"),),
            "命令撤销：boat-3",
            "停止前往",
        ),
        (
            incident_pb.ResponseActivated(
                incident_id="i1", level=IV, plan="防汛预案4.2", approver="周", occur_time=STAMP
            ),
            everybody,
            "启动Ⅳ级应急响应：沅水堤防管涌",
            "依据：防汛预案4.2。批准人 周，wang 下达",
        ),
        (
            incident_pb.ResponseLevelChanged(
                incident_id="i1",
                previous_level=IV,
                level=III,
                approver="周",
                reason="水位超保证",
                occur_time=STAMP,
            ),
            everybody,
            "应急响应提升为Ⅲ级：沅水堤防管涌",
            "由Ⅳ级提升为Ⅲ级",
        ),
        (
            incident_pb.ResponseTerminated(incident_id="i1", approver="周", occur_time=STAMP),
            everybody,
            "应急响应终止：沅水堤防管涌",
            "终止应急响应",
        ),
        (
            incident_pb.CommandEstablished(
                incident_id="i1", commander="chen", command_post="镇政府", occur_time=STAMP
            ),
            (*everybody, Person("chen")),
            "chen 任指挥长：沅水堤防管涌",
            "指挥部设在镇政府。",
        ),
        (
            incident_pb.CommandTransferred(
                incident_id="i1", outgoing="chen", incoming="zhou", occur_time=STAMP
            ),
            (*everybody, Person("chen"), Person("zhou")),
            "指挥权移交 zhou：沅水堤防管涌",
            "由 chen 改为 zhou，双方已确认。",
        ),
        (
            incident_pb.CommandTransferred(
                incident_id="i1",
                outgoing="chen",
                incoming="zhou",
                taken=True,
                reason="灾情扩大",
                instead_of="li",
                concerned=["chen", "li", "wu"],
                occur_time=STAMP,
                effective_time=STAMP,
            ),
            (*everybody, Person("chen"), Person("li"), Person("wu"), Person("zhou")),
            "指挥权移交 zhou：沅水堤防管涌",
            "由上级接管。原因：灾情扩大。原定由 li 接任，不再生效。",
        ),
        (
            incident_pb.TransferDeclined(
                incident_id="i1",
                transfer_id="x1",
                outgoing="chen",
                incoming="zhou",
                proposed_by="li",
                reason="在另一现场",
                occur_time=STAMP,
            ),
            (DutyOfficers("431281102"), Person("chen"), Person("li")),
            "zhou 不接受指挥权：沅水堤防管涌",
            "指挥长不变。原因：在另一现场。",
        ),
        (
            incident_pb.TransferWithdrawn(
                incident_id="i1",
                transfer_id="x1",
                outgoing="chen",
                incoming="zhou",
                proposed_by="chen",
                reason="险情有变",
                occur_time=STAMP,
            ),
            (DutyOfficers("431281102"), Person("chen"), Person("zhou")),
            "撤回指挥权移交：沅水堤防管涌",
            "chen 撤回向 zhou 移交指挥权的提议",
        ),
        (
            incident_pb.IncidentClosed(incident_id="i1", occur_time=STAMP),
            everybody,
            "事件办结：沅水堤防管涌",
            "由 wang 办结",
        ),
        (
            incident_pb.IncidentReopened(incident_id="i1", reason="复发", occur_time=STAMP),
            everybody,
            "事件重启：沅水堤防管涌",
            "原因：复发。",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Message) else "",
)
def test_each_event_is_told_to_those_it_concerns(
    message: Message, to: tuple[object, ...], subject: str, words: str
) -> None:
    [notice] = news(message).notices
    assert notice.to == to
    assert notice.subject == subject
    assert words in notice.text
    assert "湖南省怀化市洪江市安江镇下坪村三组" in notice.text
    assert "7月2日03:10" in notice.text
    assert "i1" in notice.text


def test_the_incoming_hears_what_they_are_asked_and_the_others_that_they_were() -> None:
    asked, others = news(
        incident_pb.TransferProposed(
            incident_id="i1",
            transfer_id="x1",
            outgoing="chen",
            incoming="zhou",
            proposed_by="prefect",
            reason="灾情扩大",
            briefing="两人被困",
            effective_time=to_proto(NOW + timedelta(hours=1)),
            occur_time=STAMP,
        )
    ).notices

    assert asked.to == (Person("zhou"),)
    assert asked.subject == "请接任指挥长：沅水堤防管涌"
    assert "移交简报：两人被困。请确认已了解简报后接受" in asked.text
    assert "接受之前仍由 chen 指挥" in asked.text
    assert others.to == (DutyOfficers("431281102"), Person("chen"), Person("prefect"))
    for notice in (asked, others):
        assert "prefect 提议" in notice.text
        assert "7月2日04:10起生效" in notice.text
        assert "原因：灾情扩大。" in notice.text


def test_a_transfer_is_told_with_its_own_instant() -> None:
    [notice] = news(
        incident_pb.CommandTransferred(
            incident_id="i1",
            outgoing="chen",
            incoming="zhou",
            occur_time=STAMP,
            effective_time=to_proto(NOW + timedelta(hours=1)),
        )
    ).notices

    assert "自7月2日04:10起指挥长由 chen 改为 zhou" in notice.text
    assert "此前听从 chen 指挥，此后听从 zhou 指挥" in notice.text


@pytest.mark.parametrize(
    ("state", "open_position", "position", "expected"),
    [
        ("DISPATCHED", 10, 11, True),
        ("ON_SCENE", 10, 900, True),
        ("DISPATCHED", 99, 101, True),
        ("DISPATCHED", 100, 101, False),
        ("CLEARED", 10, 99, False),
        ("DECLINED", 10, 99, False),
        ("CANCELLED", 10, 99, False),
        ("DIVERTED", 10, 99, False),
        ("WITHDRAWN", 10, 99, False),
        ("DIVERTED", 10, 101, True),
        ("WITHDRAWN", 10, 101, True),
        ("CLEARED", 10, 101, True),
        ("CLEARED", 101, 140, False),
    ],
)
def test_a_unit_is_on_the_incident_from_its_order_until_it_is_free(
    state: str,
    open_position: int,
    position: int,
    expected: bool,  # noqa: FBT001
) -> None:
    number = dispatch_pb.AssignmentState.Value(f"ASSIGNMENT_STATE_{state}")
    said = assignment("boat-3", state=number, open_position=open_position, position=position)
    assert was_on(said, 100) is expected


@pytest.mark.parametrize("state", ["REQUESTED", "REFUSED", "CANCELLED"])
def test_a_unit_that_was_never_had_was_never_on_the_incident(state: str) -> None:
    number = dispatch_pb.AssignmentState.Value(f"ASSIGNMENT_STATE_{state}")
    assert not was_on(assignment("boat-3", state=number, dispatched=False), 100)
    assert not was_on(assignment("boat-3", state=number, position=101, dispatched=False), 100)


def test_what_concerns_nobody_here_is_passed_over() -> None:
    other = assignment_pb.UnitOnScene(assignment_id="a1", incident_id="i1", unit_id="boat-3")
    assert policies.parse(event(other)) is None
    assert news(incident_pb.IncidentOpened(incident_id="i1")).notices == ()


def test_the_region_is_the_destination_else_the_subjects() -> None:
    subject = "anlan.431281.assignment.AssignmentDeclined.a1"
    declined = assignment_pb.AssignmentDeclined(incident_id="i1")
    assert policies.adcode_of(event(dispatched), dispatched, subject) == "431281102"
    assert policies.adcode_of(event(declined), declined, subject) == "431281"


def test_we_listen_where_our_events_come() -> None:
    assert "anlan.*.assignment.UnitDispatched.>" in policies.subjects("ANLAN_DISPATCH")
    assert "anlan.*.incident.CommandTransferred.>" in policies.subjects("ANLAN_COMMAND")
    every = [subject for stream in policies.STREAMS for subject in policies.subjects(stream)]
    assert len(every) == len(set(every)) == len(policies.MESSAGES)


@pytest.mark.parametrize("relay", [command_relay, dispatch_relay, resources_relay])
def test_each_category_is_one_that_its_service_publishes(relay: Any) -> None:
    heard = {f"anlan.*.{category}.>" for category in policies.STREAMS[relay.STREAM]}
    assert heard <= set(relay.SUBJECTS)


def test_every_event_that_somebody_is_told_of_has_its_urgency() -> None:
    names = {name.rpartition(".")[2] for name in policies.MESSAGES}
    only_remembered = {
        "IncidentOpened",
        "ResponseMatched",
        "DeadlineMet",
        "DeadlineLifted",
        "TaskCompleted",
        "TaskCancelled",
        "AidEnded",
        "UnitLeftHazardArea",
        "StockRecovered",
        "PeopleDischarged",
        "VillageRelieved",
        "ForceCallUpMoved",
        "ForceCallUpResumed",
        "ForceStoodDown",
    }
    assert set(ABOUT.urgency_of) == names - only_remembered
