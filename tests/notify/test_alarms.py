"""Alarms of the other services: who is told, in which words, and what is settled by what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.message import Message

from anlan.command.v1 import figure_pb2 as figure_pb
from anlan.command.v1 import incident_pb2 as command_pb
from anlan.dispatch.v1 import aid_service_pb2 as aid_service_pb
from anlan.events.v1 import accountability_events_pb2 as roll_pb
from anlan.events.v1 import aid_events_pb2 as aid_pb
from anlan.events.v1 import assignment_events_pb2 as assignment_pb
from anlan.events.v1 import deadline_events_pb2 as deadline_pb
from anlan.events.v1 import expert_events_pb2 as expert_pb
from anlan.events.v1 import force_events_pb2 as force_pb
from anlan.events.v1 import hazard_events_pb2 as hazard_pb
from anlan.events.v1 import incident_events_pb2 as incident_pb
from anlan.events.v1 import relief_events_pb2 as relief_pb
from anlan.events.v1 import shelter_events_pb2 as shelter_pb
from anlan.events.v1 import stock_events_pb2 as stock_pb
from anlan.events.v1 import task_events_pb2 as task_pb
from anlan.type.v1 import place_pb2
from services.notify.domain.notification import Urgency
from services.notify.policies.audience import (
    Commander,
    Crew,
    DutyOfficers,
    Involved,
    Person,
    Target,
)
from services.runtime.times import to_proto
from tests.notify.facts import NOW
from tests.notify.test_cap import ABOUT
from tests.notify.test_policies import news

STAMP = to_proto(NOW)
LATER = to_proto(NOW + timedelta(hours=1))
officers = (DutyOfficers("431281102"),)
leaders = (*officers, Commander("i1"))
scene = (*leaders, Involved("i1"))
sent: dict[str, Any] = {
    "assignment_id": "a1",
    "incident_id": "i1",
    "unit_id": "boat-3",
    "occur_time": STAMP,
}
called: dict[str, Any] = {"roll_call_id": "p1", "incident_id": "i1", "occur_time": STAMP}
clock: dict[str, Any] = {
    "incident_id": "i1",
    "deadline_id": "d1",
    "name": "初报",
    "recipient": "怀化市政府",
}
call_up: dict[str, Any] = {"call_up_id": "c1", "incident_id": "i1", "occur_time": STAMP}
called_up = expert_pb.ExpertCalledUp(
    expert_id="shi",
    name="石工",
    called_as="on_scene",
    task="看滑坡",
    ordered_by="陈市长",
    **call_up,
)
released = expert_pb.ExpertReleased(expert_id="shi", reason="事件已关闭", **call_up)
outlasted = force_pb.ForceCallUpOutlasted(force_id="blue-sky", name="蓝天", **call_up)
shi = Person("expert:shi")
village: dict[str, Any] = {"incident_id": "i1", "adcode": "431281102", "occur_time": STAMP}
asked: dict[str, Any] = {
    "aid_id": "m1",
    "incident_id": "i1",
    "helper_adcode": "431225",
    "occur_time": STAMP,
}

CASES: list[tuple[Message, list[tuple[tuple[Target, ...], str, str]]]] = [
    (
        assignment_pb.MaydayDeclared(**sent, situation="船翻，两人落水"),
        [(scene, "求救 MAYDAY：boat-3 人员遇险", "情况：船翻，两人落水。")],
    ),
    (
        assignment_pb.MaydayResolved(**sent, outcome="两人已上岸"),
        [(scene, "求救解除：boat-3", "结果：两人已上岸。")],
    ),
    (
        assignment_pb.AssignmentDiverted(
            **sent, to_assignment_id="a2", to_incident_id="i2", reason="桥下有人落水"
        ),
        [
            ((Crew("boat-3"),), "改派：boat-3 停止原任务", "新任务编号 a2"),
            (leaders, "boat-3 改派离开：沅水堤防管涌", "改派至事件 i2"),
        ],
    ),
    (
        assignment_pb.AssignmentWithdrawn(**sent, withdrawal_id="w1", reason="上游溃口"),
        [((Crew("boat-3"),), "撤离命令：boat-3 立即撤出", "原因：上游溃口。")],
    ),
    (
        assignment_pb.CrewHandedOver(**sent, outgoing="li", incoming="he", crew=6),
        [
            (
                (Crew("boat-3"), *leaders),
                "boat-3 交接班：沅水堤防管涌",
                "由 li 交给 he，接班 6 人，此后与 he 联系",
            )
        ],
    ),
    (
        roll_pb.RollCallStarted(**called, unit_ids=["boat-3", "boat-4"], due_time=LATER),
        [
            (
                (Crew("boat-3"), Crew("boat-4")),
                "清点人数，7月2日04:10前报告：沅水堤防管涌",
                "由 wang 清点人数",
            )
        ],
    ),
    (
        roll_pb.PersonnelMissing(**called, unit_id="boat-3", missing=2, names=["甲", "乙"]),
        [(scene, "boat-3 2 人失去联系：沅水堤防管涌", "2 人（甲、乙）下落不明")],
    ),
    (
        roll_pb.RollCallOverdue(**called, silent_unit_ids=["boat-4"]),
        [
            ((Crew("boat-4"),), "清点人数逾期，请立即报告：沅水堤防管涌", "未收到你单元报告"),
            (leaders, "清点人数逾期，1 个单元未报：沅水堤防管涌", "未报：boat-4。"),
        ],
    ),
    (
        roll_pb.RollCallCompleted(**called, people=18),
        [(leaders, "人数清点完毕，18 人全部在：沅水堤防管涌", "共 18 人")],
    ),
    (
        roll_pb.RollCallEnded(**called, silent_unit_ids=["boat-4"], missing=1, reason="转入搜救"),
        [(leaders, "清点人数中止，人员未齐：沅水堤防管涌", "1 人下落不明，boat-4 未报")],
    ),
    (
        roll_pb.RollCallMoved(
            **called, from_incident_id="i0", silent_unit_ids=["boat-4"], due_time=LATER
        ),
        [
            (
                leaders,
                "清点人数随事件并入，1 个单元未报、0 人下落不明：沅水堤防管涌",
                "时限不变（7月2日04:10前报告）。未报：boat-4。事件",
            )
        ],
    ),
    (
        roll_pb.RollCallMoved(**called, from_incident_id="i0", missing=2, due_time=LATER),
        [
            (
                scene,
                "清点人数随事件并入，0 个单元未报、2 人下落不明：沅水堤防管涌",
                "2 人下落不明，请立即查找。",
            )
        ],
    ),
    (
        roll_pb.WithdrawalMoved(
            withdrawal_id="w1",
            incident_id="i1",
            from_incident_id="i0",
            assignment_ids=["a1", "a2"],
            reason="随时溃口",
            occur_time=STAMP,
        ),
        [
            (
                leaders,
                "撤离命令随事件并入，2 个单元尚未撤出：沅水堤防管涌",
                "尚未撤出的任务：a1、a2，请逐一落实。",
            )
        ],
    ),
    (
        roll_pb.WithdrawalOrdered(
            withdrawal_id="w1", incident_id="i1", assignment_ids=["a1", "a2"], occur_time=STAMP
        ),
        [(leaders, "命令撤离：沅水堤防管涌", "2 个单元撤离")],
    ),
    (
        aid_pb.AidRequested(
            aid_id="m1",
            incident_id="i1",
            requester=aid_service_pb.Authority(adcode="431281", name="洪江市"),
            recipients=[
                aid_service_pb.Authority(adcode="431225"),
                aid_service_pb.Authority(adcode="431226"),
            ],
            items=[aid_service_pb.AidItem(item_id="b", kind="boat", quantity=2)],
            reply_due_time=LATER,
            occur_time=STAMP,
        ),
        [
            (
                (DutyOfficers("431225"), DutyOfficers("431226")),
                "洪江市请求增援：boat 2",
                "请于7月2日04:10前答复",
            )
        ],
    ),
    (
        aid_pb.AidAnswered(**asked, reply=aid_service_pb.AID_REPLY_DECLINE, reason="本县告急"),
        [(officers, "增援答复：431225不能提供", "原因：本县告急。")],
    ),
    (aid_pb.AidAnswered(**asked, reply=aid_service_pb.AID_REPLY_ACCEPT, late=True), []),
    (
        aid_pb.AidUnitReported(
            **asked, unit_id="boat-9", state=aid_service_pb.AID_UNIT_STATE_WITHDRAWN
        ),
        [(officers, "增援单元不能到达：boat-9", "请另作安排")],
    ),
    (
        aid_pb.AidUnitReported(
            **asked, unit_id="boat-9", state=aid_service_pb.AID_UNIT_STATE_ARRIVED
        ),
        [],
    ),
    (
        aid_pb.AidAnswerOverdue(
            aid_id="m1", incident_id="i1", helper_adcodes=["431225"], occur_time=STAMP
        ),
        [(officers, "增援逾期未答复：431225", "缺口仍在")],
    ),
    (
        aid_pb.AidUnitsReleased(**asked, unit_ids=["boat-9"]),
        [((Crew("boat-9"), DutyOfficers("431225")), "增援结束，返回：boat-9", "可以返回")],
    ),
    (
        deadline_pb.DeadlineWarned(**clock, percent=80, due_time=LATER, occur_time=STAMP),
        [(leaders, "时限已过80%：初报，7月2日04:10截止", "报怀化市政府")],
    ),
    (
        deadline_pb.DeadlineMissed(**clock, occur_time=STAMP),
        [(leaders, "时限已过，尚未完成：初报", "已按漏报记录")],
    ),
    (
        deadline_pb.ConcealmentSuspected(
            incident_id="i1",
            situation_report_id="s1",
            number=2,
            recipient="怀化市政府",
            metric=figure_pb.METRIC_DEAD,
            fact_id="f1",
            known_value=3,
            known_time=STAMP,
            reported_value=1,
            occur_time=STAMP,
        ),
        [(leaders, "疑似瞒报，请核对：沅水堤防管涌", "死亡人数为 1，而7月2日03:10已知为 3")],
    ),
    (
        task_pb.TaskOverdue(
            incident_id="i1",
            task_id="t1",
            title="转移下坪村",
            assignee="li",
            due_time=STAMP,
            occur_time=STAMP,
        ),
        [((*leaders, Person("li")), "任务逾期：转移下坪村（li）", "应于7月2日03:10前完成")],
    ),
    (
        incident_pb.ResponseMismatched(
            incident_id="i1",
            grade=command_pb.GRADE_LARGER,
            level=command_pb.RESPONSE_LEVEL_IV,
            fitting=[command_pb.RESPONSE_LEVEL_III, command_pb.RESPONSE_LEVEL_II],
            occur_time=STAMP,
        ),
        [
            (
                leaders,
                "响应级别与事件分级不符：沅水堤防管涌",
                "定为较大，现为Ⅳ级响应，相应级别为Ⅲ级、Ⅱ级",
            )
        ],
    ),
    (
        hazard_pb.UnitEnteredHazardArea(
            unit_id="boat-3",
            hazard_area_id="hz1",
            incident_id="i1",
            point=place_pb2.Point(latitude=27.3, longitude=110.1),
            area_name="溃口下游",
            occur_time=STAMP,
        ),
        [
            ((Crew("boat-3"),), "注意：boat-3 已进入危险区「溃口下游」", "立即退出"),
            (leaders, "boat-3 进入危险区「溃口下游」", "北纬27.30000"),
        ],
    ),
    (
        stock_pb.StockFellBelowMinimum(
            depot_id="city", item="sandbag", usable=400, minimum=500, occur_time=STAMP
        ),
        [(officers, "库存低于下限：city sandbag", "可用 400，低于下限 500")],
    ),
    (
        stock_pb.LotExpired(
            depot_id="city",
            item="milk_powder",
            lot_id="l1",
            quantity=20,
            expire_date="2025-06-30",
            occur_time=STAMP,
        ),
        [(officers, "物资过期：city milk_powder 20", "2025-06-30 到期")],
    ),
    (
        called_up,
        [
            ((shi,), "专家征召：请石工参加现场处置", "任务：看滑坡。陈市长 命令"),
            (leaders, "已征召专家 石工：沅水堤防管涌", "请电话通知本人"),
        ],
    ),
    (
        expert_pb.ExpertCallUpMoved(expert_id="shi", from_incident_id="i0", **call_up),
        [((shi, *leaders), "专家 shi 转入：沅水堤防管涌", "事件 i0 7月2日03:10并入本事件")],
    ),
    (
        released,
        [((shi, *leaders), "专家 shi 任务结束：沅水堤防管涌", "事件已关闭。尚未到位，请电话告知")],
    ),
    (
        outlasted,
        [(leaders, "事件已关闭，力量仍在征召：蓝天", "请在人员返回后结束征召")],
    ),
    (
        relief_pb.ReliefWarned(**village, percent=50, open_needs=["water", "bed"], due_time=LATER),
        [(leaders, "救助时限已过50%：湖南省怀化市洪江市安江镇缺饮水、住处", "04:10前")],
    ),
    (
        relief_pb.ReliefMissed(**village, open_needs=["bed"]),
        [(leaders, "救助时限已过：湖南省怀化市洪江市安江镇仍缺住处", "请立即落实")],
    ),
]


@pytest.mark.parametrize(("message", "wanted"), CASES, ids=lambda v: type(v).__name__)
def test_each_alarm_is_told_to_those_it_concerns(
    message: Message, wanted: list[tuple[tuple[Target, ...], str, str]]
) -> None:
    told = news(message).notices
    assert [(notice.to, notice.subject) for notice in told] == [case[:2] for case in wanted]
    for notice, (_, _, words) in zip(told, wanted, strict=True):
        assert words in notice.text
        assert ABOUT.urgency(message.DESCRIPTOR.full_name)


def admitted(people: int, occupancy: int, vacancies: int | None) -> shelter_pb.PeopleAdmitted:
    return shelter_pb.PeopleAdmitted(
        shelter_id="school",
        people=people,
        occupancy=occupancy,
        vacancies=vacancies,
        incident_id="i1",
        occur_time=STAMP,
    )


@pytest.mark.parametrize(
    ("message", "subjects"),
    [
        (admitted(5, 85, 15), []),
        (admitted(5, 90, 10), ["安置点将满，余 10 床：school"]),
        (admitted(5, 95, 5), []),  # told already
        (admitted(5, 100, 0), ["安置点已满：school"]),
        (admitted(15, 100, 0), ["安置点已满：school"]),  # both at once: the graver word
        (admitted(5, 100, None), []),
        (
            shelter_pb.PeopleTakenOver(
                shelter_id="hall", people=2, occupancy=9, vacancies=1, occur_time=STAMP
            ),
            ["安置点将满，余 1 床：hall"],
        ),
    ],
)
def test_a_shelter_tells_when_it_is_nearly_full_and_when_it_is_full(
    message: Message, subjects: list[str]
) -> None:
    assert [notice.subject for notice in news(message).notices] == subjects


def test_a_mayday_and_the_missing_are_the_most_urgent_there_is() -> None:
    flash = {name for name, urgency in ABOUT.urgency_of.items() if urgency is Urgency.FLASH}
    assert flash == {"MaydayDeclared", "PersonnelMissing"}


@pytest.mark.parametrize(
    ("opened", "ended"),
    [
        (assignment_pb.MaydayDeclared(**sent), assignment_pb.MaydayResolved(**sent)),
        (assignment_pb.UnitDispatched(**sent), assignment_pb.AssignmentDiverted(**sent)),
        (assignment_pb.UnitDispatched(**sent), assignment_pb.AssignmentWithdrawn(**sent)),
        (assignment_pb.UnitDispatched(**sent), assignment_pb.AssignmentCancelled(**sent)),
        (roll_pb.RollCallStarted(**called), roll_pb.RollCallOverdue(**called)),
        (roll_pb.RollCallOverdue(**called), roll_pb.RollCallCompleted(**called)),
        (roll_pb.RollCallMoved(**called), roll_pb.RollCallOverdue(**called)),
        (roll_pb.RollCallMoved(**called, missing=1), roll_pb.RollCallEnded(**called)),
        (roll_pb.PersonnelMissing(**called), roll_pb.RollCallCompleted(**called)),
        (deadline_pb.DeadlineWarned(**clock), deadline_pb.DeadlineWarned(**clock)),
        (deadline_pb.DeadlineWarned(**clock), deadline_pb.DeadlineMissed(**clock)),
        (
            deadline_pb.DeadlineMissed(**clock),
            deadline_pb.DeadlineMet(incident_id="i1", deadline_id="d1"),
        ),
        (
            deadline_pb.DeadlineWarned(**clock),
            deadline_pb.DeadlineLifted(incident_id="i1", deadline_id="d1"),
        ),
        (
            task_pb.TaskOverdue(incident_id="i1", task_id="t1"),
            task_pb.TaskCompleted(incident_id="i1", task_id="t1"),
        ),
        (
            incident_pb.ResponseMismatched(incident_id="i1"),
            incident_pb.ResponseMatched(incident_id="i1"),
        ),
        (
            hazard_pb.UnitEnteredHazardArea(unit_id="u", hazard_area_id="h"),
            hazard_pb.UnitLeftHazardArea(unit_id="u", hazard_area_id="h"),
        ),
        (
            stock_pb.StockFellBelowMinimum(depot_id="city", item="sandbag"),
            stock_pb.StockRecovered(depot_id="city", item="sandbag"),
        ),
        (
            admitted(5, 100, 0),
            shelter_pb.PeopleDischarged(shelter_id="school", people=5, occupancy=95, vacancies=5),
        ),
        (relief_pb.ReliefWarned(**village), relief_pb.VillageRelieved(**village)),
        (called_up, released),
        (outlasted, force_pb.ForceStoodDown(force_id="blue-sky", **call_up)),
        (outlasted, force_pb.ForceCallUpResumed(force_id="blue-sky", **call_up)),
        (aid_pb.AidAnswerOverdue(aid_id="m1"), aid_pb.AidEnded(aid_id="m1")),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_is_over_is_settled_and_its_end_is_not(opened: Message, ended: Message) -> None:
    matters = {notice.matter for notice in news(opened).notices}
    end = news(ended)
    assert matters <= set(end.settles)
    if type(opened) is not type(ended):  # of one kind the later outdoes the earlier by its position
        assert not {n.matter for n in end.notices} & (set(end.settles) - matters) - {""}


def test_the_missing_are_told_of_though_the_roll_call_is_overdue() -> None:
    [missing] = news(roll_pb.PersonnelMissing(**called, unit_id="boat-3", missing=1)).notices
    assert missing.matter not in news(roll_pb.RollCallOverdue(**called)).settles
