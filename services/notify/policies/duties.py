"""What somebody owes: the law's clocks, tasks with a time limit, figures that a report left out."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.command.v1 import figure_pb2 as figure_pb
from anlan.events.v1 import deadline_events_pb2 as deadline_pb
from anlan.events.v1 import task_events_pb2 as task_pb
from services.notify.policies.audience import people
from services.notify.policies.telling import Notice, Telling, at

FIGURES = {
    figure_pb.METRIC_DEAD: "死亡人数",
    figure_pb.METRIC_MISSING: "失踪人数",
    figure_pb.METRIC_SERIOUSLY_INJURED: "重伤人数",
    figure_pb.METRIC_SLIGHTLY_INJURED: "轻伤人数",
    figure_pb.METRIC_TRAPPED: "被困人数",
    figure_pb.METRIC_PEOPLE_AFFECTED: "受灾人数",
    figure_pb.METRIC_PEOPLE_MOVED: "转移人数",
    figure_pb.METRIC_PEOPLE_THREATENED: "受威胁人数",
    figure_pb.METRIC_HOUSES_COLLAPSED: "倒塌房屋间数",
    figure_pb.METRIC_HOUSES_DAMAGED: "损坏房屋间数",
    figure_pb.METRIC_DIRECT_LOSS_YUAN: "直接经济损失（元）",
    figure_pb.METRIC_THREATENED_LOSS_YUAN: "受威胁财产（元）",
    figure_pb.METRIC_FOREST_BURNED_SQUARE_METRES: "过火面积（平方米）",
}

HEARD: dict[str, tuple[type[Message], ...]] = {
    "incident": (
        deadline_pb.DeadlineWarned,
        deadline_pb.DeadlineMissed,
        deadline_pb.DeadlineMet,
        deadline_pb.DeadlineLifted,
        deadline_pb.ConcealmentSuspected,
        task_pb.TaskOverdue,
        task_pb.TaskCompleted,
        task_pb.TaskCancelled,
    )
}


def notices(said: Message, telling: Telling) -> list[Notice]:
    match said:
        case deadline_pb.DeadlineWarned():
            return [_running(telling, said)]
        case deadline_pb.DeadlineMissed():
            return [_missed(telling, said)]
        case deadline_pb.ConcealmentSuspected():
            return [_left_out(telling, said)]
        case task_pb.TaskOverdue():
            return [_overdue(telling, said)]
        case _:
            return []


def settles(said: Message) -> tuple[str, ...]:
    """Return the clock or the task.  Of a clock, the word at 80 % ends that at 50 % too."""
    match said:
        case (
            deadline_pb.DeadlineWarned()
            | deadline_pb.DeadlineMissed()
            | deadline_pb.DeadlineMet()
            | deadline_pb.DeadlineLifted()
        ):
            return (_clock(said.incident_id, said.deadline_id),)
        case task_pb.TaskCompleted() | task_pb.TaskCancelled():
            return (_task(said.incident_id, said.task_id),)
        case _:
            return ()


def _clock(incident_id: str, deadline_id: str) -> str:
    return f"deadline.{incident_id}.{deadline_id}"


def _task(incident_id: str, task_id: str) -> str:
    return f"task.{incident_id}.{task_id}"


def _running(telling: Telling, said: deadline_pb.DeadlineWarned) -> Notice:
    return Notice(
        to=telling.leaders,
        subject=f"时限已过{said.percent}%：{said.name}，{at(said.due_time)}截止",
        text=(
            f"{telling.place()}，「{said.name}」须于{at(said.due_time)}前报{said.recipient}，"
            f"时限已过{said.percent}%，尚未完成。{telling.name()}，时限编号 {said.deadline_id}。"
        ),
        matter=_clock(said.incident_id, said.deadline_id),
    )


def _missed(telling: Telling, said: deadline_pb.DeadlineMissed) -> Notice:
    return Notice(
        to=telling.leaders,
        subject=f"时限已过，尚未完成：{said.name}",
        text=(
            f"{telling.place()}，「{said.name}」应于{at(said.occur_time)}前报{said.recipient}，"
            f"至今未报，已按漏报记录，请立即补报。"
            f"{telling.name()}，时限编号 {said.deadline_id}。"
        ),
        matter=_clock(said.incident_id, said.deadline_id),
    )


def _left_out(telling: Telling, said: deadline_pb.ConcealmentSuspected) -> Notice:
    return Notice(
        to=telling.leaders,
        subject=f"疑似瞒报，请核对：{telling.title()}",
        text=(
            f"{telling.place()}，报{said.recipient}的第 {said.number} 次报告中"
            f"{FIGURES.get(said.metric, '')}为 {said.reported_value}，"
            f"而{at(said.known_time)}已知为 {said.known_value}"
            f"（依据 {said.fact_id}），请核对并补报更正。"
            f"{telling.name()}，报告编号 {said.situation_report_id}。"
        ),
    )


def _overdue(telling: Telling, said: task_pb.TaskOverdue) -> Notice:
    return Notice(
        to=(*telling.leaders, *people(said.assignee)),
        subject=f"任务逾期：{said.title}（{said.assignee}）",
        text=(
            f"{telling.place()}，{said.assignee} 的任务「{said.title}」应于{at(said.due_time)}前"
            f"完成，至今未完成，请催办或改派。{telling.name()}，任务编号 {said.task_id}。"
        ),
        matter=_task(said.incident_id, said.task_id),
    )
