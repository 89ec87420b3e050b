"""What the rest of the world may know: private facts to public messages."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import notification_events_pb2 as notification_pb
from anlan.events.v1 import warning_events_pb2 as warning_pb
from services.notify.codec import NOTIFICATION_CODEC, WARNING_CODEC
from services.notify.domain import notification, warning
from services.notify.servicer.messages import COLORS
from services.runtime.actor import COUNTY_DIGITS, NATION
from services.runtime.published import Publication
from services.runtime.recorded import Recorded
from services.runtime.times import to_proto

STREAM = "ANLAN_NOTIFY"
SUBJECTS = ("anlan.*.notification.>", "anlan.*.contact.>", "anlan.*.warning.>")


def public(recorded: Recorded) -> Publication | None:
    """Translate, or return None for what stays in this room."""
    match recorded.category:
        case "notification":
            message, adcode = _notification(NOTIFICATION_CODEC.decode(recorded.type, recorded.data))
        case "warning":
            message, adcode = _warning(WARNING_CODEC.decode(recorded.type, recorded.data))
        case _:
            return None
    if message is None:
        return None
    return Publication(
        subject=f"anlan.{adcode or NATION}.{recorded.category}."
        f"{message.DESCRIPTOR.name}.{recorded.key}",
        type=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
    )


def _notification(event: notification.Event) -> tuple[Message | None, str]:
    match event:
        case notification.NotificationAcknowledged():
            return notification_pb.NotificationAcknowledged(
                notification_id=event.notification_id,
                contact_id=event.contact_id,
                incident_id=event.incident_id,
                occur_time=to_proto(event.occurred_at),
            ), event.adcode
        case notification.NotificationParked():
            return notification_pb.NotificationParked(
                notification_id=event.notification_id,
                contact_id=event.contact_id,
                incident_id=event.incident_id,
                last_error=event.last_error,
                occur_time=to_proto(event.occurred_at),
            ), event.adcode
        case _:
            return None, ""


def _warning(event: warning.WarningDrafted) -> tuple[Message, str]:
    content = event.content
    message = warning_pb.WarningDrafted(
        warning_id=event.warning_id,
        incident_id=content.incident_id,
        color=COLORS[content.color],
        headline=content.headline,
        adcodes=content.adcodes,
        occur_time=to_proto(event.occurred_at),
    )
    return message, common_region(content.adcodes)


def common_region(adcodes: tuple[str, ...]) -> str:
    """Return the one region, else the one county that all lie in, else the nation."""
    if len(adcodes) == 1:
        return adcodes[0]
    counties = {adcode[:COUNTY_DIGITS] for adcode in adcodes}
    return counties.pop() if len(counties) == 1 else NATION
