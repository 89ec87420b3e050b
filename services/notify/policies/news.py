"""Who is told of what happened elsewhere, in which words, and what is settled by it.

Each module beside this one speaks of one part of the work: what it hears, its notices, and the
matters that an event settles, so that what was not yet sent about them is sent no more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from anlan.events.v1 import assignment_events_pb2 as assignment_pb
from anlan.events.v1 import incident_events_pb2 as incident_pb
from services.notify.domain.briefing import BriefingTaken
from services.notify.gazetteer import Gazetteer
from services.notify.policies import (
    accountability,
    aid,
    assignments,
    call_ups,
    duties,
    post,
    resources,
    response,
)
from services.notify.policies.telling import Notice, Telling, plain
from services.runtime.recorded import Recorded
from services.runtime.times import from_proto

LONGEST_SUBJECT = 120
PARTS = (accountability, assignments, aid, post, response, duties, resources, call_ups)
STREAMS = {
    "ANLAN_DISPATCH": ("assignment", "roll_call", "withdrawal", "aid_request"),
    "ANLAN_COMMAND": ("incident",),
    "ANLAN_RESOURCES": ("unit", "stock", "shelter", "relief", "expert", "force"),
}
MESSAGES: dict[str, type[Message]] = {
    cls.DESCRIPTOR.full_name: cls
    for part in PARTS
    for heard in part.HEARD.values()
    for cls in heard
}


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    incident_id: str
    adcode: str
    occurred_at: datetime
    settles: tuple[str, ...]
    notices: tuple[Notice, ...]


def subjects(stream: str) -> list[str]:
    """Return the NATS subjects of ``stream`` on which something for us may come."""
    return [
        f"anlan.*.{category}.{cls.DESCRIPTOR.name}.>"
        for category in STREAMS[stream]
        for part in PARTS
        for cls in part.HEARD.get(category, ())
    ]


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
    """Return the incident that it is about; empty for what belongs to none, a depot's stock say."""
    return getattr(message, "incident_id", "")


def occurred_at(event: Recorded, message: Message) -> datetime:
    stamp: Timestamp = message.occur_time  # type: ignore[attr-defined]
    return from_proto(stamp) if stamp.seconds else event.created_at


def news(
    event: Recorded,
    message: Message,
    adcode: str,
    *,
    briefing: BriefingTaken | None,
    gazetteer: Gazetteer,
    nearly_full_percent: int,
) -> News:
    """Return who is to be told what.  Pure: the same event gives the same words."""
    telling = Telling(
        by=event.metadata.get("actor", "") or "系统",
        adcode=adcode,
        incident_id=incident_of(message),
        briefing=briefing,
        gazetteer=gazetteer,
        nearly_full_percent=nearly_full_percent,
    )
    mark = "【演练】" if event.metadata.get("exercise") else ""
    return News(
        incident_id=telling.incident_id,
        adcode=adcode,
        occurred_at=occurred_at(event, message),
        settles=tuple(matter for part in PARTS for matter in part.settles(message)),
        notices=tuple(
            replace(
                notice,
                subject=(mark + plain(notice.subject))[:LONGEST_SUBJECT],
                text=mark + plain(notice.text),
            )
            for part in PARTS
            for notice in part.notices(message, telling)
        ),
    )
