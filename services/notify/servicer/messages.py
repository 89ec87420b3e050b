"""Between the protos and the domain: enums both ways, rows to messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from anlan.notify.v1 import contact_service_pb2 as contact_pb
from anlan.notify.v1 import notification_service_pb2 as notification_pb
from anlan.notify.v1 import warning_service_pb2 as warning_pb
from services.notify.domain.contact import Audience, Channel
from services.notify.domain.notification import Urgency as NotificationUrgency
from services.notify.domain.warning import Category, Certainty, Color, Content, Urgency
from services.runtime.times import of_micros, stamp, to_proto

AUDIENCES = {
    Audience.UNIT_CREW: contact_pb.AUDIENCE_UNIT_CREW,
    Audience.DUTY_OFFICER: contact_pb.AUDIENCE_DUTY_OFFICER,
    Audience.PERSON: contact_pb.AUDIENCE_PERSON,
}
CHANNELS = {
    Channel.WEBHOOK: contact_pb.CHANNEL_WEBHOOK,
    Channel.EMAIL: contact_pb.CHANNEL_EMAIL,
}
STATES = {
    "pending": notification_pb.NOTIFICATION_STATE_PENDING,
    "sent": notification_pb.NOTIFICATION_STATE_SENT,
    "acknowledged": notification_pb.NOTIFICATION_STATE_ACKNOWLEDGED,
    "parked": notification_pb.NOTIFICATION_STATE_PARKED,
    "suppressed": notification_pb.NOTIFICATION_STATE_SUPPRESSED,
}
NOTIFICATION_URGENCIES = {
    NotificationUrgency.FLASH: notification_pb.NOTIFICATION_URGENCY_FLASH,
    NotificationUrgency.IMMEDIATE: notification_pb.NOTIFICATION_URGENCY_IMMEDIATE,
    NotificationUrgency.PRIORITY: notification_pb.NOTIFICATION_URGENCY_PRIORITY,
    NotificationUrgency.ROUTINE: notification_pb.NOTIFICATION_URGENCY_ROUTINE,
}
COLORS = {
    Color.BLUE: warning_pb.WARNING_COLOR_BLUE,
    Color.YELLOW: warning_pb.WARNING_COLOR_YELLOW,
    Color.ORANGE: warning_pb.WARNING_COLOR_ORANGE,
    Color.RED: warning_pb.WARNING_COLOR_RED,
}
URGENCIES = {
    Urgency.IMMEDIATE: warning_pb.URGENCY_IMMEDIATE,
    Urgency.EXPECTED: warning_pb.URGENCY_EXPECTED,
    Urgency.FUTURE: warning_pb.URGENCY_FUTURE,
    Urgency.PAST: warning_pb.URGENCY_PAST,
    Urgency.UNKNOWN: warning_pb.URGENCY_UNKNOWN,
}
CERTAINTIES = {
    Certainty.OBSERVED: warning_pb.CERTAINTY_OBSERVED,
    Certainty.LIKELY: warning_pb.CERTAINTY_LIKELY,
    Certainty.POSSIBLE: warning_pb.CERTAINTY_POSSIBLE,
    Certainty.UNLIKELY: warning_pb.CERTAINTY_UNLIKELY,
    Certainty.UNKNOWN: warning_pb.CERTAINTY_UNKNOWN,
}
CATEGORIES = {
    Category.GEO: warning_pb.WARNING_CATEGORY_GEO,
    Category.MET: warning_pb.WARNING_CATEGORY_MET,
    Category.SAFETY: warning_pb.WARNING_CATEGORY_SAFETY,
    Category.FIRE: warning_pb.WARNING_CATEGORY_FIRE,
    Category.HEALTH: warning_pb.WARNING_CATEGORY_HEALTH,
    Category.ENV: warning_pb.WARNING_CATEGORY_ENV,
    Category.OTHER: warning_pb.WARNING_CATEGORY_OTHER,
}
AUDIENCE_OF = {value: key for key, value in AUDIENCES.items()}
CHANNEL_OF = {value: key for key, value in CHANNELS.items()}
NOTIFICATION_URGENCY_OF = {value: key for key, value in NOTIFICATION_URGENCIES.items()}
STATE_OF = {value: key for key, value in STATES.items()}
COLOR_OF = {value: key for key, value in COLORS.items()}
URGENCY_OF = {value: key for key, value in URGENCIES.items()}
CERTAINTY_OF = {value: key for key, value in CERTAINTIES.items()}
CATEGORY_OF = {value: key for key, value in CATEGORIES.items()}


def contact(row: Any) -> contact_pb.Contact:
    return contact_pb.Contact(
        contact_id=row.contact_id,
        audience=AUDIENCES[Audience(row.audience)],
        unit_id=row.unit_id,
        adcode=row.adcode,
        channel=CHANNELS[Channel(row.channel)],
        address=row.address,
        exercise_only=row.exercise_only,
        position=row.position,
        person=row.person,
    )


def notification(row: Any) -> notification_pb.Notification:
    return notification_pb.Notification(
        notification_id=row.notification_id,
        state=STATES[row.state],
        contact_id=row.contact_id,
        channel=CHANNELS[Channel(row.channel)],
        address=row.address,
        incident_id=row.incident_id,
        event_type=row.event_type,
        event_id=row.event_id,
        subject=row.subject,
        text=row.text,
        attempts=row.attempts,
        last_error=row.last_error,
        request_time=stamp(row.requested_at),
        sent_time=stamp(row.sent_at),
        acknowledge_time=stamp(row.acknowledged_at),
        acknowledged_by=row.acknowledged_by,
        exercise=row.exercise,
        etag=str(row.revision),
        position=row.position,
        urgency=NOTIFICATION_URGENCIES[NotificationUrgency(row.urgency)],
    )


def content(row: Any) -> Content:
    return msgspec.json.decode(row.content, type=Content)


def warning(row: Any) -> warning_pb.Warning:
    said = content(row)
    return warning_pb.Warning(
        warning_id=row.warning_id,
        incident_id=said.incident_id,
        category=CATEGORIES[said.category],
        type_code=said.type_code,
        color=COLORS[said.color],
        urgency=URGENCIES[said.urgency],
        certainty=CERTAINTIES[said.certainty],
        headline=said.headline,
        description=said.description,
        instruction=said.instruction,
        adcodes=said.adcodes,
        onset_time=to_proto(said.onset_at),
        expire_time=to_proto(said.expires_at),
        drafted_by=row.drafted_by,
        draft_time=stamp(row.drafted_at),
        exercise=row.exercise,
        position=row.position,
    )


def drafted_at(row: Any) -> datetime:
    moment = of_micros(row.drafted_at)
    assert moment is not None
    return moment
