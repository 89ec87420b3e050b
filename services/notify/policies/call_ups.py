"""Call-ups (征召): what an expert is asked for, and the force that nobody has stood down.

An expert seldom has a contact here.  So whoever leads reads of every call-up too, and telephones:
the number stays in the list of experts, and on no wire.
"""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import expert_events_pb2 as expert_pb
from anlan.events.v1 import force_events_pb2 as force_pb
from services.notify.policies.audience import expert
from services.notify.policies.telling import Notice, Telling, at, sentence, why

CALLED_AS = {"deciding": "辅助决策", "on_scene": "现场处置", "technical": "技术支撑"}

HEARD: dict[str, tuple[type[Message], ...]] = {
    "expert": (
        expert_pb.ExpertCalledUp,
        expert_pb.ExpertCallUpMoved,
        expert_pb.ExpertReleased,
    ),
    "force": (
        force_pb.ForceCallUpOutlasted,
        force_pb.ForceCallUpMoved,
        force_pb.ForceCallUpResumed,
        force_pb.ForceStoodDown,
    ),
}


def notices(said: Message, telling: Telling) -> list[Notice]:
    match said:
        case expert_pb.ExpertCalledUp():
            return [_order(telling, said), _called(telling, said)]
        case expert_pb.ExpertCallUpMoved():
            return [_moved(telling, said)]
        case expert_pb.ExpertReleased():
            return [_released(telling, said)]
        case force_pb.ForceCallUpOutlasted():
            return [_outlasted(telling, said)]
        case _:
            return []


def settles(said: Message) -> tuple[str, ...]:
    """Return the order that nobody need follow any more, or the force that is flagged no more."""
    match said:
        case expert_pb.ExpertReleased():
            return (_matter(said.expert_id, said.call_up_id),)
        case (
            force_pb.ForceCallUpMoved() | force_pb.ForceCallUpResumed() | force_pb.ForceStoodDown()
        ):
            return (_outlasting(said.force_id, said.call_up_id),)
        case _:
            return ()


def _matter(expert_id: str, call_up_id: str) -> str:
    return f"call_up.{expert_id}.{call_up_id}"


def _outlasting(force_id: str, call_up_id: str) -> str:
    return f"outlasting.{force_id}.{call_up_id}"


def _order(telling: Telling, said: expert_pb.ExpertCalledUp) -> Notice:
    kind = CALLED_AS.get(said.called_as, said.called_as)
    return Notice(
        to=(expert(said.expert_id),),
        subject=f"专家征召：请{said.name}参加{kind}",
        text=(
            f"{said.name}：请即参加{telling.place()}的{kind}。任务：{sentence(said.task)}"
            f"{said.ordered_by} 命令，{telling.by} {at(said.occur_time)}下达。"
            f"{telling.name()}，征召编号 {said.call_up_id}。"
        ),
        matter=_matter(said.expert_id, said.call_up_id),
    )


def _called(telling: Telling, said: expert_pb.ExpertCalledUp) -> Notice:
    kind = CALLED_AS.get(said.called_as, said.called_as)
    return Notice(
        to=telling.leaders,
        subject=f"已征召专家 {said.name}：{telling.title()}",
        text=(
            f"{said.ordered_by} {at(said.occur_time)}令专家 {said.name} 参加{telling.place()}的"
            f"{kind}，请电话通知本人并确认（电话见专家库 {said.expert_id}）。"
            f"任务：{sentence(said.task)}{telling.name()}，征召编号 {said.call_up_id}。"
        ),
        matter=_matter(said.expert_id, said.call_up_id),
    )


def _moved(telling: Telling, said: expert_pb.ExpertCallUpMoved) -> Notice:
    return Notice(
        to=(expert(said.expert_id), *telling.leaders),
        subject=f"专家 {said.expert_id} 转入：{telling.title()}",
        text=(
            f"事件 {said.from_incident_id} {at(said.occur_time)}并入本事件，专家 {said.expert_id} "
            f"任务不变，此后听本事件指挥。{telling.name()}，征召编号 {said.call_up_id}。"
        ),
        matter=_matter(said.expert_id, said.call_up_id),
    )


def _released(telling: Telling, said: expert_pb.ExpertReleased) -> Notice:
    ask = "" if said.came else "尚未到位，请电话告知本人不必前来。"
    return Notice(
        to=(expert(said.expert_id), *telling.leaders),
        subject=f"专家 {said.expert_id} 任务结束：{telling.title()}",
        text=(
            f"专家 {said.expert_id} 的任务{at(said.occur_time)}结束。{why(said.reason)}{ask}"
            f"{telling.name()}，征召编号 {said.call_up_id}。"
        ),
    )


def _outlasted(telling: Telling, said: force_pb.ForceCallUpOutlasted) -> Notice:
    return Notice(
        to=telling.leaders,
        subject=f"事件已关闭，力量仍在征召：{said.name}",
        text=(
            f"{telling.title()}{at(said.occur_time)}已关闭，{said.name}（{said.force_id}）"
            f"仍在征召中，请在人员返回后结束征召（服务时间算到那时）。"
            f"{telling.name()}，征召编号 {said.call_up_id}。"
        ),
        matter=_outlasting(said.force_id, said.call_up_id),
    )
