"""Assignments (派遣): what the crew must do, and what the duty officers must know."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import assignment_events_pb2 as assignment_pb
from services.notify.policies.audience import Crew
from services.notify.policies.telling import Notice, Telling, at, point, sentence, why

HEARD: dict[str, tuple[type[Message], ...]] = {
    "assignment": (
        assignment_pb.UnitDispatched,
        assignment_pb.AcknowledgementOverdue,
        assignment_pb.AssignmentDeclined,
        assignment_pb.AssignmentCancelled,
        assignment_pb.AssignmentRefused,
        assignment_pb.AssignmentDiverted,
        assignment_pb.AssignmentWithdrawn,
        assignment_pb.CrewHandedOver,
    )
}


def notices(said: Message, telling: Telling) -> list[Notice]:
    match said:
        case assignment_pb.UnitDispatched():
            return [_order(telling, said), _sent_out(telling, said)]
        case assignment_pb.AssignmentCancelled():
            return [_called_off(telling, said)]
        case assignment_pb.AcknowledgementOverdue():
            return [_overdue(telling, said)]
        case assignment_pb.AssignmentDeclined():
            return [_declined(telling, said)]
        case assignment_pb.AssignmentRefused():
            return [_refused(telling, said)]
        case assignment_pb.AssignmentDiverted():
            return [_break_off(telling, said), _diverted(telling, said)]
        case assignment_pb.AssignmentWithdrawn():
            return [_get_out(telling, said)]
        case assignment_pb.CrewHandedOver():
            return [_handed_over(telling, said)]
        case _:
            return []


def settles(said: Message) -> tuple[str, ...]:
    """Return the order that nobody need follow any more."""
    match said:
        case (
            assignment_pb.AssignmentCancelled()
            | assignment_pb.AssignmentDiverted()
            | assignment_pb.AssignmentWithdrawn()
        ):
            return (_matter(said.assignment_id),)
        case _:
            return ()


def _matter(assignment_id: str) -> str:
    return f"order.{assignment_id}"


def _order(telling: Telling, said: assignment_pb.UnitDispatched) -> Notice:
    where = telling.where(said.destination)
    due = said.acknowledge_due_time
    return Notice(
        to=(Crew(said.unit_id),),
        subject=f"出动命令：{said.unit_id} 赶赴{where}",
        text=(
            f"{said.unit_id} 立即赶赴{where}{point(said.destination)}。"
            f"任务：{sentence(said.order or '到场待命')}"
            f"{telling.by} {at(said.occur_time)}下达"
            f"{f'，{at(due)}前确认' if due.seconds else ''}。"
            f"{telling.name()}，任务编号 {said.assignment_id}。"
        ),
        matter=_matter(said.assignment_id),
    )


def _sent_out(telling: Telling, said: assignment_pb.UnitDispatched) -> Notice:
    where = telling.where(said.destination)
    kind = f"（{said.unit_kind}）" if said.unit_kind else ""
    due = said.acknowledge_due_time
    return Notice(
        to=telling.officers,
        subject=f"已派出 {said.unit_id} 赶赴{where}",
        text=(
            f"{said.unit_id}{kind}奉 {telling.by} {at(said.occur_time)}命令赶赴{where}。"
            f"任务：{sentence(said.order or '到场待命')}"
            f"{f'应于{at(due)}前确认。' if due.seconds else ''}"
            f"{telling.name()}，任务编号 {said.assignment_id}。"
        ),
        matter=_matter(said.assignment_id),
    )


def _called_off(telling: Telling, said: assignment_pb.AssignmentCancelled) -> Notice:
    return Notice(
        to=(Crew(said.unit_id),),
        subject=f"命令撤销：{said.unit_id}",
        text=(
            f"{said.unit_id} 赶赴{telling.place()}的命令已撤销，停止前往。"
            f"原因：{sentence(said.reason or '未说明')}{telling.by} {at(said.occur_time)}下达。"
            f"{telling.name()}，任务编号 {said.assignment_id}。"
        ),
    )


def _overdue(telling: Telling, said: assignment_pb.AcknowledgementOverdue) -> Notice:
    return Notice(
        to=telling.officers,
        subject=f"逾期未确认：{said.unit_id}",
        text=(
            f"{said.unit_id} 至{at(said.occur_time)}仍未确认赶赴{telling.place()}的出动命令，"
            f"请立即电话核实或改派。{telling.name()}，任务编号 {said.assignment_id}。"
        ),
        matter=_matter(said.assignment_id),
    )


def _declined(telling: Telling, said: assignment_pb.AssignmentDeclined) -> Notice:
    return Notice(
        to=telling.officers,
        subject=f"不能出动：{said.unit_id}",
        text=(
            f"{said.unit_id} {at(said.occur_time)}报告不能赶赴{telling.place()}，请改派。"
            f"原因：{sentence(said.reason or '未说明')}报告人 {telling.by}。"
            f"{telling.name()}，任务编号 {said.assignment_id}。"
        ),
    )


def _refused(telling: Telling, said: assignment_pb.AssignmentRefused) -> Notice:
    return Notice(
        to=telling.officers,
        subject=f"未能派出：{said.unit_id}",
        text=(
            f"{at(said.occur_time)}派 {said.unit_id} 赶赴{telling.place()}未成，"
            f"无人前往，请改派。"
            f"原因：{sentence(said.reason or '未说明')}命令人 {telling.by}。"
            f"{telling.name()}，任务编号 {said.assignment_id}。"
        ),
    )


def _break_off(telling: Telling, said: assignment_pb.AssignmentDiverted) -> Notice:
    return Notice(
        to=(Crew(said.unit_id),),
        subject=f"改派：{said.unit_id} 停止原任务",
        text=(
            f"{said.unit_id} 在{telling.place()}的任务到此为止，立即改赴另一事件，"
            f"去处和任务见随后的出动命令。{why(said.reason)}"
            f"{telling.by} {at(said.occur_time)}下达。原{telling.name()}，"
            f"任务编号 {said.assignment_id}；新事件编号 {said.to_incident_id}，"
            f"新任务编号 {said.to_assignment_id}。"
        ),
    )


def _diverted(telling: Telling, said: assignment_pb.AssignmentDiverted) -> Notice:
    return Notice(
        to=telling.leaders,
        subject=f"{said.unit_id} 改派离开：{telling.title()}",
        text=(
            f"{said.unit_id} {at(said.occur_time)}奉 {telling.by} 命令由{telling.place()}"
            f"改派至事件 {said.to_incident_id}，此处不再有该单元。{why(said.reason)}"
            f"{telling.name()}，任务编号 {said.assignment_id}。"
        ),
    )


def _get_out(telling: Telling, said: assignment_pb.AssignmentWithdrawn) -> Notice:
    return Notice(
        to=(Crew(said.unit_id),),
        subject=f"撤离命令：{said.unit_id} 立即撤出",
        text=(
            f"{said.unit_id} 立即撤出{telling.place()}，全员撤到安全地带后报告。"
            f"{why(said.reason)}{telling.by} {at(said.occur_time)}下达。"
            f"{telling.name()}，任务编号 {said.assignment_id}。"
        ),
    )


def _handed_over(telling: Telling, said: assignment_pb.CrewHandedOver) -> Notice:
    crew = f"接班 {said.crew} 人，" if said.crew else ""
    return Notice(
        to=(Crew(said.unit_id), *telling.leaders),
        subject=f"{said.unit_id} 交接班：{telling.title()}",
        text=(
            f"{said.unit_id} 在{telling.place()}的任务{at(said.occur_time)}由 {said.outgoing} "
            f"交给 {said.incoming}，{crew}此后与 {said.incoming} 联系。"
            f"{telling.name()}，任务编号 {said.assignment_id}。"
        ),
    )
