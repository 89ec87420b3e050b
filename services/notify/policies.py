"""Who is told of what happened elsewhere, and in which words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TypedDict

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from anlan.dispatch.v1 import assignment_service_pb2 as dispatch_pb
from anlan.events.v1 import assignment_events_pb2 as assignment_pb
from anlan.events.v1 import incident_events_pb2 as incident_pb
from anlan.type.v1 import place_pb2
from services.notify.domain.briefing import BriefingTaken
from services.notify.domain.contact import Contact
from services.notify.gazetteer import Gazetteer
from services.runtime.recorded import Recorded
from services.runtime.times import from_proto

BEIJING = timezone(timedelta(hours=8))
LONGEST_SUBJECT = 120
OVER = {
    dispatch_pb.ASSIGNMENT_STATE_CLEARED,
    dispatch_pb.ASSIGNMENT_STATE_DECLINED,
    dispatch_pb.ASSIGNMENT_STATE_CANCELLED,
}
LEVELS = {1: "Ⅳ级", 2: "Ⅲ级", 3: "Ⅱ级", 4: "Ⅰ级"}

MESSAGES: dict[str, type[Message]] = {
    cls.DESCRIPTOR.full_name: cls
    for cls in (
        assignment_pb.UnitDispatched,
        assignment_pb.AcknowledgementOverdue,
        assignment_pb.AssignmentDeclined,
        assignment_pb.AssignmentCancelled,
        assignment_pb.AssignmentRefused,
        incident_pb.IncidentOpened,
        incident_pb.ResponseActivated,
        incident_pb.ResponseLevelChanged,
        incident_pb.ResponseTerminated,
        incident_pb.CommandEstablished,
        incident_pb.TransferProposed,
        incident_pb.TransferDeclined,
        incident_pb.TransferWithdrawn,
        incident_pb.CommandTransferred,
        incident_pb.IncidentClosed,
        incident_pb.IncidentReopened,
    )
}


def subjects(category: str) -> list[str]:
    """Return the NATS subjects of ``category`` on which something for us may come."""
    file = {"assignment": assignment_pb, "incident": incident_pb}[category].DESCRIPTOR.name
    return [
        f"anlan.*.{category}.{cls.DESCRIPTOR.name}.>"
        for cls in MESSAGES.values()
        if cls.DESCRIPTOR.file.name == file
    ]


# Who.


@dataclass(frozen=True, slots=True)
class Crew:
    """The contacts of one unit's crew."""

    unit_id: str


@dataclass(frozen=True, slots=True)
class DutyOfficers:
    """The duty officers (值班员) whose region covers ``adcode``."""

    adcode: str


@dataclass(frozen=True, slots=True)
class Involved:
    """The crews of the units that were on the incident when it happened."""

    incident_id: str


@dataclass(frozen=True, slots=True)
class Person:
    """The contacts of one person, by the subject of their token."""

    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    to: tuple[Crew | DutyOfficers | Involved | Person, ...]
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    incident_id: str
    adcode: str
    occurred_at: datetime
    notices: tuple[Notice, ...] = ()


def within_fence(contact: Contact, exercise: str) -> bool:
    """Whether news of this drill concerns ``contact`` at all, if only to be held back on record.

    A live contact in a drill is held back on record, so that the drill shows who would have been
    told.  Contacts for drills have no part in earnest, nor in another drill than their own.
    """
    if contact.registered_in and contact.registered_in != exercise:
        return False
    return bool(exercise) or not contact.exercise_only


def was_on(assignment: dispatch_pb.Assignment, position: int) -> bool:
    """Whether the unit was on its incident at ``position`` of the log; one never had was not."""
    if not assignment.HasField("dispatch_time") or assignment.open_position >= position:
        return False
    return assignment.state not in OVER or assignment.position >= position


def parse(event: Recorded) -> Message | None:
    """Return the public message; None for one that concerns nobody here."""
    cls = MESSAGES.get(event.type)
    return None if cls is None else cls.FromString(event.data)


def adcode_of(event: Recorded, message: Message, subject: str) -> str:
    """Return the region that the event is about."""
    match message:
        case assignment_pb.UnitDispatched() if message.destination.adcode:
            return message.destination.adcode
        case incident_pb.IncidentOpened() if message.place.adcode:
            return message.place.adcode
        case _:
            token = subject.split(".")[1]
            return token if token.isdigit() else event.metadata.get("jurisdiction", "")


def incident_of(message: Message) -> str:
    incident_id: str = message.incident_id  # type: ignore[attr-defined]
    return incident_id


def occurred_at(event: Recorded, message: Message) -> datetime:
    stamp: Timestamp = message.occur_time  # type: ignore[attr-defined]
    return from_proto(stamp) if stamp.seconds else event.created_at


def news(
    event: Recorded,
    message: Message,
    adcode: str,
    briefing: BriefingTaken | None,
    gazetteer: Gazetteer,
) -> News:
    """Return who is to be told what.  Pure: the same event gives the same words."""
    telling = _Telling(
        by=event.metadata.get("actor", "") or "系统",
        adcode=adcode,
        incident_id=incident_of(message),
        briefing=briefing,
        gazetteer=gazetteer,
    )
    mark = "【演练】" if event.metadata.get("exercise") else ""
    return News(
        incident_id=telling.incident_id,
        adcode=adcode,
        occurred_at=occurred_at(event, message),
        notices=tuple(
            Notice(
                to=notice.to,
                subject=(mark + _plain(notice.subject))[:LONGEST_SUBJECT],
                text=mark + _plain(notice.text),
            )
            for notice in telling.notices(message)
        ),
    )


# In which words.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Telling:
    by: str
    adcode: str
    incident_id: str
    briefing: BriefingTaken | None
    gazetteer: Gazetteer

    def notices(self, message: Message) -> list[Notice]:
        officers = DutyOfficers(self.adcode)
        everybody = (officers, Involved(self.incident_id))
        match message:
            case assignment_pb.UnitDispatched():
                return [
                    Notice(to=(Crew(message.unit_id),), **self.order(message)),
                    Notice(to=(officers,), **self.sent_out(message)),
                ]
            case assignment_pb.AssignmentCancelled():
                said = self.called_off(message)
                return [Notice(to=(Crew(message.unit_id),), **said)]
            case assignment_pb.AcknowledgementOverdue():
                return [Notice(to=(officers,), **self.overdue(message))]
            case assignment_pb.AssignmentDeclined():
                return [Notice(to=(officers,), **self.declined(message))]
            case assignment_pb.AssignmentRefused():
                return [Notice(to=(officers,), **self.refused(message))]
            case incident_pb.ResponseActivated():
                return [Notice(to=everybody, **self.activated(message))]
            case incident_pb.ResponseLevelChanged():
                return [Notice(to=everybody, **self.level_changed(message))]
            case incident_pb.ResponseTerminated():
                return [Notice(to=everybody, **self.terminated(message))]
            case incident_pb.CommandEstablished():
                commander = (Person(message.commander),)
                return [Notice(to=everybody + commander, **self.established(message))]
            case incident_pb.TransferProposed():
                others = _people(message.outgoing, message.proposed_by)
                return [
                    Notice(to=(Person(message.incoming),), **self.offered(message)),
                    Notice(to=(officers, *others), **self.proposed(message)),
                ]
            case incident_pb.TransferDeclined():
                others = _people(message.outgoing, message.proposed_by)
                return [Notice(to=(officers, *others), **self.declining(message))]
            case incident_pb.TransferWithdrawn():
                others = _people(message.outgoing, message.incoming)
                return [Notice(to=(officers, *others), **self.withdrawn(message))]
            case incident_pb.CommandTransferred():
                concerned = _people(*message.concerned, message.outgoing, message.incoming)
                return [Notice(to=everybody + concerned, **self.transferred(message))]
            case incident_pb.IncidentClosed():
                return [Notice(to=everybody, **self.closed(message))]
            case incident_pb.IncidentReopened():
                return [Notice(to=everybody, **self.reopened(message))]
            case _:
                return []

    def order(self, said: assignment_pb.UnitDispatched) -> Said:
        where = self.where(said.destination)
        due = said.acknowledge_due_time
        return Said(
            subject=f"出动命令：{said.unit_id} 赶赴{where}",
            text=(
                f"{said.unit_id} 立即赶赴{where}{_point(said.destination)}。"
                f"任务：{_sentence(said.order or '到场待命')}"
                f"{self.by} {_at(said.occur_time)}下达"
                f"{f'，{_at(due)}前确认' if due.seconds else ''}。"
                f"{self.name()}，任务编号 {said.assignment_id}。"
            ),
        )

    def sent_out(self, said: assignment_pb.UnitDispatched) -> Said:
        where = self.where(said.destination)
        kind = f"（{said.unit_kind}）" if said.unit_kind else ""
        due = said.acknowledge_due_time
        return Said(
            subject=f"已派出 {said.unit_id} 赶赴{where}",
            text=(
                f"{said.unit_id}{kind}奉 {self.by} {_at(said.occur_time)}命令赶赴{where}。"
                f"任务：{_sentence(said.order or '到场待命')}"
                f"{f'应于{_at(due)}前确认。' if due.seconds else ''}"
                f"{self.name()}，任务编号 {said.assignment_id}。"
            ),
        )

    def called_off(self, said: assignment_pb.AssignmentCancelled) -> Said:
        return Said(
            subject=f"命令撤销：{said.unit_id}",
            text=(
                f"{said.unit_id} 赶赴{self.place()}的命令已撤销，停止前往。"
                f"原因：{_sentence(said.reason or '未说明')}{self.by} {_at(said.occur_time)}下达。"
                f"{self.name()}，任务编号 {said.assignment_id}。"
            ),
        )

    def overdue(self, said: assignment_pb.AcknowledgementOverdue) -> Said:
        return Said(
            subject=f"逾期未确认：{said.unit_id}",
            text=(
                f"{said.unit_id} 至{_at(said.occur_time)}仍未确认赶赴{self.place()}的出动命令，"
                f"请立即电话核实或改派。{self.name()}，任务编号 {said.assignment_id}。"
            ),
        )

    def declined(self, said: assignment_pb.AssignmentDeclined) -> Said:
        return Said(
            subject=f"不能出动：{said.unit_id}",
            text=(
                f"{said.unit_id} {_at(said.occur_time)}报告不能赶赴{self.place()}，请改派。"
                f"原因：{_sentence(said.reason or '未说明')}报告人 {self.by}。"
                f"{self.name()}，任务编号 {said.assignment_id}。"
            ),
        )

    def refused(self, said: assignment_pb.AssignmentRefused) -> Said:
        return Said(
            subject=f"未能派出：{said.unit_id}",
            text=(
                f"{_at(said.occur_time)}派 {said.unit_id} 赶赴{self.place()}未成，"
                f"无人前往，请改派。"
                f"原因：{_sentence(said.reason or '未说明')}命令人 {self.by}。"
                f"{self.name()}，任务编号 {said.assignment_id}。"
            ),
        )

    def activated(self, said: incident_pb.ResponseActivated) -> Said:
        level = _level(said.level)
        plan = f"依据：{_sentence(said.plan)}" if said.plan else ""
        return Said(
            subject=f"启动{level}应急响应：{self.title()}",
            text=(
                f"{self.place()}，{_at(said.occur_time)}启动{level}应急响应。{plan}"
                f"批准人 {said.approver or '未说明'}，{self.by} 下达。{self.name()}。"
            ),
        )

    def level_changed(self, said: incident_pb.ResponseLevelChanged) -> Said:
        before, level = _level(said.previous_level), _level(said.level)
        way = "提升" if said.level > said.previous_level else "降低"
        return Said(
            subject=f"应急响应{way}为{level}：{self.title()}",
            text=(
                f"{self.place()}，{_at(said.occur_time)}应急响应由{before}{way}为{level}。"
                f"原因：{_sentence(said.reason or '未说明')}"
                f"批准人 {said.approver or '未说明'}，{self.by} 下达。{self.name()}。"
            ),
        )

    def terminated(self, said: incident_pb.ResponseTerminated) -> Said:
        return Said(
            subject=f"应急响应终止：{self.title()}",
            text=(
                f"{self.place()}，{_at(said.occur_time)}终止应急响应。"
                f"批准人 {said.approver or '未说明'}，{self.by} 下达。{self.name()}。"
            ),
        )

    def established(self, said: incident_pb.CommandEstablished) -> Said:
        post = f"指挥部设在{_sentence(said.command_post)}" if said.command_post else ""
        return Said(
            subject=f"{said.commander} 任指挥长：{self.title()}",
            text=(
                f"{self.place()}，自{_from(said)}起由 {said.commander} 任指挥长，"
                f"现场听从其指挥。{post}{self.name()}。"
            ),
        )

    def transferred(self, said: incident_pb.CommandTransferred) -> Said:
        how = "双方已确认。"
        if said.taken:
            how = f"由上级接管。{_why(said.reason)}"
        if said.instead_of:
            how += f"原定由 {said.instead_of} 接任，不再生效。"
        return Said(
            subject=f"指挥权移交 {said.incoming}：{self.title()}",
            text=(
                f"{self.place()}，自{_from(said)}起指挥长由 {said.outgoing} "
                f"改为 {said.incoming}，{how}此前听从 {said.outgoing} 指挥，"
                f"此后听从 {said.incoming} 指挥。{self.name()}。"
            ),
        )

    def offered(self, said: incident_pb.TransferProposed) -> Said:
        return Said(
            subject=f"请接任指挥长：{self.title()}",
            text=(
                f"{self.place()}，{_at(said.occur_time)}由 {said.proposed_by} "
                f"提议你接替 {said.outgoing} 任指挥长{_planned(said)}。{_why(said.reason)}"
                f"移交简报：{_sentence(said.briefing)}请确认已了解简报后接受，或说明理由不接受；"
                f"接受之前仍由 {said.outgoing} 指挥。{self.name()}，移交编号 {said.transfer_id}。"
            ),
        )

    def proposed(self, said: incident_pb.TransferProposed) -> Said:
        return Said(
            subject=f"提议移交指挥权：{self.title()}",
            text=(
                f"{self.place()}，{_at(said.occur_time)}由 {said.proposed_by} "
                f"提议 {said.outgoing} 向 {said.incoming} 移交指挥权{_planned(said)}。"
                f"{_why(said.reason)}{said.incoming} 接受之前仍由 {said.outgoing} 指挥。"
                f"{self.name()}，移交编号 {said.transfer_id}。"
            ),
        )

    def declining(self, said: incident_pb.TransferDeclined) -> Said:
        return Said(
            subject=f"{said.incoming} 不接受指挥权：{self.title()}",
            text=(
                f"{self.place()}，{_at(said.occur_time)} {said.incoming} 不接受指挥权移交，"
                f"指挥长不变。{_why(said.reason)}{self.name()}，移交编号 {said.transfer_id}。"
            ),
        )

    def withdrawn(self, said: incident_pb.TransferWithdrawn) -> Said:
        return Said(
            subject=f"撤回指挥权移交：{self.title()}",
            text=(
                f"{self.place()}，{_at(said.occur_time)} {said.proposed_by} 撤回向 "
                f"{said.incoming} 移交指挥权的提议，指挥长不变。{_why(said.reason)}"
                f"{self.name()}，移交编号 {said.transfer_id}。"
            ),
        )

    def closed(self, said: incident_pb.IncidentClosed) -> Said:
        return Said(
            subject=f"事件办结：{self.title()}",
            text=f"{self.place()}，{_at(said.occur_time)}由 {self.by} 办结。{self.name()}。",
        )

    def reopened(self, said: incident_pb.IncidentReopened) -> Said:
        return Said(
            subject=f"事件重启：{self.title()}",
            text=(
                f"{self.place()}，{_at(said.occur_time)}由 {self.by} 重新启动处置。"
                f"原因：{_sentence(said.reason or '未说明')}{self.name()}。"
            ),
        )

    def title(self) -> str:
        return self.briefing.title if self.briefing is not None else f"事件 {self.incident_id}"

    def name(self) -> str:
        """Return what the incident is called, and its number."""
        if self.briefing is None:
            return f"事件编号 {self.incident_id}"
        return f"事件：{self.briefing.title}，编号 {self.incident_id}"

    def place(self) -> str:
        """Return where the incident is, as well as we know."""
        if self.briefing is None:
            return self.gazetteer.full_name(self.adcode)
        return self._located(self.briefing.place.adcode, self.briefing.place.address)

    def where(self, destination: place_pb2.Place) -> str:
        if not destination.adcode:
            return self.place()
        return self._located(destination.adcode, destination.address)

    def _located(self, adcode: str, address: str) -> str:
        region = self.gazetteer.full_name(adcode)
        return address if address.startswith(region) else region + address


class Said(TypedDict):
    subject: str
    text: str


def _at(stamp: Timestamp) -> str:
    """Return the time as people in China say it; nobody in the field reads UTC."""
    local = from_proto(stamp).astimezone(BEIJING)
    return f"{local.month}月{local.day}日{local:%H:%M}"


def _from(said: incident_pb.CommandEstablished | incident_pb.CommandTransferred) -> str:
    """Return from when on somebody commands."""
    return _at(said.effective_time if said.HasField("effective_time") else said.occur_time)


def _planned(said: incident_pb.TransferProposed) -> str:
    return f"，{_at(said.effective_time)}起生效" if said.HasField("effective_time") else ""


def _why(reason: str) -> str:
    return f"原因：{_sentence(reason)}" if reason else ""


def _people(*subjects: str) -> tuple[Person, ...]:
    """Return each person once."""
    return tuple(Person(subject) for subject in dict.fromkeys(subjects) if subject)


def _level(level: int) -> str:
    return LEVELS.get(level, "")


def _plain(text: str) -> str:
    """Return one line without control characters: what was typed elsewhere goes into headers."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _sentence(text: str) -> str:
    text = _plain(text)
    return text if text.endswith(("。", "！", "？", "!", "?")) else f"{text}。"


def _point(destination: place_pb2.Place) -> str:
    if not destination.HasField("point"):
        return ""
    point = destination.point
    return f"（北纬{point.latitude:.5f}，东经{point.longitude:.5f}）"
