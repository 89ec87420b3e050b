"""The lives of our own people: Mayday (求救), roll calls (清点人数), withdrawals (撤离)."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import accountability_events_pb2 as roll_pb
from anlan.events.v1 import assignment_events_pb2 as assignment_pb
from services.notify.policies.audience import Involved, crews
from services.notify.policies.telling import Notice, Telling, at, listed, sentence, why

HEARD: dict[str, tuple[type[Message], ...]] = {
    "assignment": (assignment_pb.MaydayDeclared, assignment_pb.MaydayResolved),
    "roll_call": (
        roll_pb.RollCallStarted,
        roll_pb.PersonnelMissing,
        roll_pb.RollCallOverdue,
        roll_pb.RollCallCompleted,
        roll_pb.RollCallEnded,
        roll_pb.RollCallMoved,
    ),
    "withdrawal": (roll_pb.WithdrawalOrdered, roll_pb.WithdrawalMoved),
}


def notices(said: Message, telling: Telling) -> list[Notice]:
    match said:
        case assignment_pb.MaydayDeclared():
            return [_mayday(telling, said)]
        case assignment_pb.MaydayResolved():
            return [_resolved(telling, said)]
        case roll_pb.RollCallStarted():
            return [_count(telling, said)]
        case roll_pb.PersonnelMissing():
            return [_missing(telling, said)]
        case roll_pb.RollCallOverdue():
            return [_answer(telling, said), _silent(telling, said)]
        case roll_pb.RollCallCompleted():
            return [_complete(telling, said)]
        case roll_pb.RollCallEnded():
            return [_ended(telling, said)]
        case roll_pb.RollCallMoved():
            return [_taken_over(telling, said)]
        case roll_pb.WithdrawalOrdered():
            return [_withdrawing(telling, said)]
        case roll_pb.WithdrawalMoved():
            return [_still_in(telling, said)]
        case _:
            return []


def settles(said: Message) -> tuple[str, ...]:
    match said:
        case assignment_pb.MaydayResolved():
            return (_danger(said.assignment_id),)
        case roll_pb.RollCallOverdue():
            return (_call(said.roll_call_id),)  # the silent are asked anew, the others no more
        case roll_pb.RollCallCompleted() | roll_pb.RollCallEnded():
            return (_call(said.roll_call_id), _lost(said.roll_call_id))
        case _:
            return ()


def _danger(assignment_id: str) -> str:
    return f"mayday.{assignment_id}"


def _lost(roll_call_id: str) -> str:
    return f"missing.{roll_call_id}"


def _call(roll_call_id: str) -> str:
    return f"roll_call.{roll_call_id}"


def _mayday(telling: Telling, said: assignment_pb.MaydayDeclared) -> Notice:
    return Notice(
        to=(*telling.leaders, Involved(telling.incident_id)),
        subject=f"求救 MAYDAY：{said.unit_id} 人员遇险",
        text=(
            f"{said.unit_id} {at(said.occur_time)}在{telling.place()}求救：人员遇险。"
            f"情况：{sentence(said.situation or '未说明')}报告人 {telling.by}。"
            f"{telling.name()}，任务编号 {said.assignment_id}。"
        ),
        matter=_danger(said.assignment_id),
    )


def _resolved(telling: Telling, said: assignment_pb.MaydayResolved) -> Notice:
    return Notice(
        to=(*telling.leaders, Involved(telling.incident_id)),
        subject=f"求救解除：{said.unit_id}",
        text=(
            f"{said.unit_id} 在{telling.place()}的求救{at(said.occur_time)}解除。"
            f"结果：{sentence(said.outcome or '未说明')}报告人 {telling.by}。"
            f"{telling.name()}，任务编号 {said.assignment_id}。"
        ),
    )


def _count(telling: Telling, said: roll_pb.RollCallStarted) -> Notice:
    return Notice(
        to=crews(said.unit_ids),
        subject=f"清点人数，{at(said.due_time)}前报告：{telling.title()}",
        text=(
            f"{telling.place()}，{at(said.occur_time)}由 {telling.by} 清点人数，"
            f"请各单元清点本单元人员，{at(said.due_time)}前报告。{why(said.reason)}"
            f"{telling.name()}，点名编号 {said.roll_call_id}。"
        ),
        matter=_call(said.roll_call_id),
    )


def _missing(telling: Telling, said: roll_pb.PersonnelMissing) -> Notice:
    names = f"（{listed(said.names)}）" if said.names else ""
    return Notice(
        to=(*telling.leaders, Involved(telling.incident_id)),
        subject=f"{said.unit_id} {said.missing} 人失去联系：{telling.title()}",
        text=(
            f"{telling.place()}，{at(said.occur_time)}清点人数：{said.unit_id} 有 "
            f"{said.missing} 人{names}下落不明，请立即查找。"
            f"{telling.name()}，点名编号 {said.roll_call_id}。"
        ),
        matter=_lost(said.roll_call_id),
    )


def _answer(telling: Telling, said: roll_pb.RollCallOverdue) -> Notice:
    return Notice(
        to=crews(said.silent_unit_ids),
        subject=f"清点人数逾期，请立即报告：{telling.title()}",
        text=(
            f"{telling.place()}清点人数，至{at(said.occur_time)}未收到你单元报告，请立即报告人数。"
            f"{telling.name()}，点名编号 {said.roll_call_id}。"
        ),
        matter=_call(said.roll_call_id),
    )


def _silent(telling: Telling, said: roll_pb.RollCallOverdue) -> Notice:
    silent = listed(said.silent_unit_ids)
    return Notice(
        to=telling.leaders,
        subject=f"清点人数逾期，{len(said.silent_unit_ids)} 个单元未报：{telling.title()}",
        text=(
            f"{telling.place()}清点人数，至{at(said.occur_time)}未报：{silent}。"
            f"请立即联系，联系不上即按人员失踪处置。"
            f"{telling.name()}，点名编号 {said.roll_call_id}。"
        ),
        matter=_call(said.roll_call_id),
    )


def _complete(telling: Telling, said: roll_pb.RollCallCompleted) -> Notice:
    return Notice(
        to=telling.leaders,
        subject=f"人数清点完毕，{said.people} 人全部在：{telling.title()}",
        text=(
            f"{telling.place()}，{at(said.occur_time)}清点完毕，各单元共 {said.people} 人，"
            f"全部在。{telling.name()}，点名编号 {said.roll_call_id}。"
        ),
    )


def _ended(telling: Telling, said: roll_pb.RollCallEnded) -> Notice:
    silent = listed(said.silent_unit_ids)
    return Notice(
        to=telling.leaders,
        subject=f"清点人数中止，人员未齐：{telling.title()}",
        text=(
            f"{telling.place()}，清点人数{at(said.occur_time)}由 {telling.by} 中止，"
            f"仍有 {said.missing} 人下落不明"
            f"{f'，{silent} 未报' if silent else ''}。{why(said.reason)}"
            f"{telling.name()}，点名编号 {said.roll_call_id}。"
        ),
    )


def _taken_over(telling: Telling, said: roll_pb.RollCallMoved) -> Notice:
    """Return it for those of the incident that goes on: they have not heard of it before."""
    silent, missing = listed(said.silent_unit_ids), said.missing
    return Notice(
        to=(*telling.leaders, Involved(telling.incident_id)) if missing else telling.leaders,
        subject=(
            f"清点人数随事件并入，{len(said.silent_unit_ids)} 个单元未报、{missing} 人下落不明："
            f"{telling.title()}"
        ),
        text=(
            f"事件 {said.from_incident_id} 已并入，其清点人数继续进行，"
            f"时限不变（{at(said.due_time)}前报告）。"
            f"{f'未报：{silent}。' if silent else ''}"
            f"{f'{missing} 人下落不明，请立即查找。' if missing else ''}"
            f"{telling.name()}，点名编号 {said.roll_call_id}。"
        ),
        matter=(_lost if missing else _call)(said.roll_call_id),
    )


def _still_in(telling: Telling, said: roll_pb.WithdrawalMoved) -> Notice:
    return Notice(
        to=telling.leaders,
        subject=f"撤离命令随事件并入，{len(said.assignment_ids)} 个单元尚未撤出：{telling.title()}",
        text=(
            f"事件 {said.from_incident_id} 已并入，其撤离命令仍有效，只及原事件各单元。"
            f"尚未撤出的任务：{listed(said.assignment_ids)}，请逐一落实。{why(said.reason)}"
            f"{telling.name()}。"
        ),
    )


def _withdrawing(telling: Telling, said: roll_pb.WithdrawalOrdered) -> Notice:
    """Return it for whoever decides: the crews are told by the end of each assignment."""
    return Notice(
        to=telling.leaders,
        subject=f"命令撤离：{telling.title()}",
        text=(
            f"{telling.place()}，{at(said.occur_time)}由 {telling.by} 命令现场 "
            f"{len(said.assignment_ids)} 个单元撤离。{why(said.reason)}{telling.name()}。"
        ),
    )
