"""The response (应急响应): its level, whether that fits the grade, and the incident's end."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.command.v1 import incident_pb2 as command_pb
from anlan.events.v1 import incident_events_pb2 as incident_pb
from services.notify.policies.telling import Notice, Telling, at, listed, sentence

LEVELS = {1: "Ⅳ级", 2: "Ⅲ级", 3: "Ⅱ级", 4: "Ⅰ级"}
GRADES = {
    command_pb.GRADE_ORDINARY: "一般",
    command_pb.GRADE_LARGER: "较大",
    command_pb.GRADE_MAJOR: "重大",
    command_pb.GRADE_ESPECIALLY_MAJOR: "特别重大",
}

HEARD: dict[str, tuple[type[Message], ...]] = {
    "incident": (
        incident_pb.IncidentOpened,
        incident_pb.ResponseActivated,
        incident_pb.ResponseLevelChanged,
        incident_pb.ResponseTerminated,
        incident_pb.ResponseMismatched,
        incident_pb.ResponseMatched,
        incident_pb.IncidentClosed,
        incident_pb.IncidentReopened,
    )
}


def notices(said: Message, telling: Telling) -> list[Notice]:
    match said:
        case incident_pb.ResponseActivated():
            return [_activated(telling, said)]
        case incident_pb.ResponseLevelChanged():
            return [_level_changed(telling, said)]
        case incident_pb.ResponseTerminated():
            return [_terminated(telling, said)]
        case incident_pb.ResponseMismatched():
            return [_mismatched(telling, said)]
        case incident_pb.IncidentClosed():
            return [_closed(telling, said)]
        case incident_pb.IncidentReopened():
            return [_reopened(telling, said)]
        case _:
            return []


def settles(said: Message) -> tuple[str, ...]:
    match said:
        case (
            incident_pb.ResponseMismatched()
            | incident_pb.ResponseMatched()
            | incident_pb.IncidentClosed()
        ):
            return (_fit(said.incident_id),)
        case _:
            return ()


def _fit(incident_id: str) -> str:
    return f"fit.{incident_id}"


def _activated(telling: Telling, said: incident_pb.ResponseActivated) -> Notice:
    level = _level(said.level)
    plan = f"依据：{sentence(said.plan)}" if said.plan else ""
    return Notice(
        to=telling.everybody,
        subject=f"启动{level}应急响应：{telling.title()}",
        text=(
            f"{telling.place()}，{at(said.occur_time)}启动{level}应急响应。{plan}"
            f"批准人 {said.approver or '未说明'}，{telling.by} 下达。{telling.name()}。"
        ),
    )


def _level_changed(telling: Telling, said: incident_pb.ResponseLevelChanged) -> Notice:
    before, level = _level(said.previous_level), _level(said.level)
    way = "提升" if said.level > said.previous_level else "降低"
    return Notice(
        to=telling.everybody,
        subject=f"应急响应{way}为{level}：{telling.title()}",
        text=(
            f"{telling.place()}，{at(said.occur_time)}应急响应由{before}{way}为{level}。"
            f"原因：{sentence(said.reason or '未说明')}"
            f"批准人 {said.approver or '未说明'}，{telling.by} 下达。{telling.name()}。"
        ),
    )


def _terminated(telling: Telling, said: incident_pb.ResponseTerminated) -> Notice:
    return Notice(
        to=telling.everybody,
        subject=f"应急响应终止：{telling.title()}",
        text=(
            f"{telling.place()}，{at(said.occur_time)}终止应急响应。"
            f"批准人 {said.approver or '未说明'}，{telling.by} 下达。{telling.name()}。"
        ),
    )


def _mismatched(telling: Telling, said: incident_pb.ResponseMismatched) -> Notice:
    grade = GRADES.get(said.grade, "")
    level = f"现为{_level(said.level)}响应" if said.level else "尚未启动响应"
    fitting = listed(map(_level, said.fitting))
    return Notice(
        to=telling.leaders,
        subject=f"响应级别与事件分级不符：{telling.title()}",
        text=(
            f"{telling.place()}，{at(said.occur_time)}事件定为{grade}，{level}"
            f"{f'，相应级别为{fitting}' if fitting else ''}，请研判是否调整。{telling.name()}。"
        ),
        matter=_fit(said.incident_id),
    )


def _closed(telling: Telling, said: incident_pb.IncidentClosed) -> Notice:
    return Notice(
        to=telling.everybody,
        subject=f"事件办结：{telling.title()}",
        text=f"{telling.place()}，{at(said.occur_time)}由 {telling.by} 办结。{telling.name()}。",
    )


def _reopened(telling: Telling, said: incident_pb.IncidentReopened) -> Notice:
    return Notice(
        to=telling.everybody,
        subject=f"事件重启：{telling.title()}",
        text=(
            f"{telling.place()}，{at(said.occur_time)}由 {telling.by} 重新启动处置。"
            f"原因：{sentence(said.reason or '未说明')}{telling.name()}。"
        ),
    )


def _level(level: int) -> str:
    return LEVELS.get(level, "")
