"""Contacts, notifications, warnings and what we remember of incidents, as rows."""

from __future__ import annotations

from typing import assert_never

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    update,
)

from services.notify.codec import (
    BRIEFING_CODEC,
    CATEGORIES,
    CONTACT_CODEC,
    MATTER_CODEC,
    NOTIFICATION_CODEC,
    WARNING_CODEC,
)
from services.notify.domain import contact, notification, warning
from services.runtime.actor import region_prefix
from services.runtime.readmodel import Projection
from services.runtime.recorded import Recorded
from services.runtime.times import micros

METADATA = MetaData()

CONTACTS = Table(
    "contact",
    METADATA,
    Column("contact_id", String, primary_key=True),
    Column("audience", String, nullable=False),
    Column("unit_id", String, nullable=False, index=True),
    Column("adcode", String, nullable=False, index=True),
    Column("prefix", String, nullable=False, index=True),  # of every code that the region covers
    Column("person", String, nullable=False, index=True),
    Column("channel", String, nullable=False),
    Column("address", Text, nullable=False),
    Column("exercise_only", Boolean, nullable=False),
    Column("registered_in", String, nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
)
NOTIFICATIONS = Table(
    "notification",
    METADATA,
    Column("notification_id", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("contact_id", String, nullable=False, index=True),
    Column("channel", String, nullable=False),
    Column("address", Text, nullable=False),
    Column("incident_id", String, nullable=False, index=True),
    Column("event_type", String, nullable=False),
    Column("event_id", String, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("urgency", String, nullable=False),
    Column("rank", Integer, nullable=False),  # of its urgency: 0 is sent first
    Column("matter", String, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("last_error", Text, nullable=False, default=""),
    Column("requested_at", BigInteger, nullable=False),
    Column("next_attempt_at", BigInteger),  # while pending
    Column("sent_at", BigInteger),
    Column("acknowledged_at", BigInteger),
    Column("acknowledged_by", String, nullable=False, default=""),
    Column("exercise", String, nullable=False),
    Column("opened_position", BigInteger, nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
)
RANKS = {urgency: rank for rank, urgency in enumerate(notification.Urgency)}
Index("notification_due", NOTIFICATIONS.c.channel, NOTIFICATIONS.c.next_attempt_at)
Index("notification_by_state", NOTIFICATIONS.c.state, NOTIFICATIONS.c.opened_position)
WARNINGS = Table(
    "warning",
    METADATA,
    Column("warning_id", String, primary_key=True),
    Column("incident_id", String, nullable=False, index=True),
    Column("content", Text, nullable=False),  # JSON, as in the event
    Column("drafted_by", String, nullable=False),
    Column("drafted_at", BigInteger, nullable=False),
    Column("exercise", String, nullable=False),
    Column("opened_position", BigInteger, nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
)


def apply(connection: Connection, recorded: Recorded) -> None:
    """Fold one event into the rows."""
    match recorded.category:
        case "contact":
            _contact(connection, recorded, CONTACT_CODEC.decode(recorded.type, recorded.data))
        case "notification":
            event = NOTIFICATION_CODEC.decode(recorded.type, recorded.data)
            _notification(connection, recorded, event)
        case "warning":
            drafted = WARNING_CODEC.decode(recorded.type, recorded.data)
            connection.execute(insert(WARNINGS), _drafted(recorded, drafted))
        case "matter":
            MATTER_CODEC.decode(recorded.type, recorded.data)  # read from its stream when needed
        case _:
            BRIEFING_CODEC.decode(recorded.type, recorded.data)  # read from its stream when needed


NOTIFY = Projection(name="notify.v3", categories=CATEGORIES, tables=METADATA, apply=apply)


def _contact(connection: Connection, recorded: Recorded, event: contact.Event) -> None:
    match event:
        case contact.ContactRegistered() | contact.ContactReplaced():
            connection.execute(delete(CONTACTS).where(CONTACTS.c.contact_id == recorded.key))
            connection.execute(insert(CONTACTS), _registered(recorded, event.contact))
        case contact.ContactRemoved():
            connection.execute(
                update(CONTACTS)
                .where(CONTACTS.c.contact_id == recorded.key)
                .values(removed=True, revision=recorded.revision, position=recorded.position)
            )
        case _:
            assert_never(event)


# Built once: building a statement costs more than running it.
CHANGE = update(NOTIFICATIONS).where(NOTIFICATIONS.c.notification_id == bindparam("own"))


def _notification(connection: Connection, recorded: Recorded, event: notification.Event) -> None:
    changed: dict[str, object]
    match event:
        case notification.NotificationRequested():
            connection.execute(insert(NOTIFICATIONS), _requested(recorded, event))
            return
        case notification.NotificationSuppressed():
            changed = {"state": "suppressed", "last_error": event.reason, "next_attempt_at": None}
        case notification.AttemptStarted():
            changed = {
                "attempts": event.attempt,
                "channel": event.channel,
                "address": event.address,
                "next_attempt_at": micros(event.lease_until),
            }
        case notification.NotificationSent():
            changed = {
                "state": "sent",
                "sent_at": micros(event.occurred_at),
                "next_attempt_at": None,
            }
        case notification.DeliveryFailed(next_attempt_at=again):
            changed = {
                "last_error": event.error,
                "next_attempt_at": None if again is None else micros(again),
            }
        case notification.NotificationParked():
            changed = {
                "state": "parked",
                "last_error": event.last_error,
                "next_attempt_at": None,
            }
        case notification.NotificationRearmed():
            changed = {"state": "pending", "next_attempt_at": micros(event.next_attempt_at)}
        case notification.NotificationAcknowledged():
            changed = {
                "state": "acknowledged",
                "acknowledged_at": micros(event.occurred_at),
                "acknowledged_by": event.acknowledged_by,
                "next_attempt_at": None,
            }
        case _:
            assert_never(event)
    trace = {"revision": recorded.revision, "position": recorded.position}
    connection.execute(CHANGE, {**changed, **trace, "own": recorded.key})


def _registered(recorded: Recorded, said: contact.Contact) -> dict[str, object]:
    officer = said.audience is contact.Audience.DUTY_OFFICER
    return {
        "contact_id": said.contact_id,
        "audience": said.audience,
        "unit_id": said.unit_id,
        "adcode": said.adcode,
        "prefix": region_prefix(said.adcode) if officer else "",
        "person": said.person,
        "channel": said.channel,
        "address": said.address,
        "exercise_only": said.exercise_only,
        "registered_in": said.registered_in,
        "removed": False,
        "revision": recorded.revision,
        "position": recorded.position,
    }


def _requested(recorded: Recorded, event: notification.NotificationRequested) -> dict[str, object]:
    return {
        "notification_id": event.notification_id,
        "state": "pending",
        "contact_id": event.contact_id,
        "channel": event.channel,
        "address": event.address,
        "incident_id": event.incident_id,
        "event_type": event.event_type,
        "event_id": event.event_id,
        "subject": event.subject,
        "text": event.text,
        "urgency": event.urgency,
        "rank": RANKS[event.urgency],
        "matter": event.matter,
        "requested_at": micros(event.requested_at),
        "next_attempt_at": micros(event.requested_at),
        "exercise": event.exercise,
        "opened_position": recorded.position,
        "revision": recorded.revision,
        "position": recorded.position,
    }


def _drafted(recorded: Recorded, event: warning.WarningDrafted) -> dict[str, object]:
    return {
        "warning_id": event.warning_id,
        "incident_id": event.content.incident_id,
        "content": msgspec.json.encode(event.content).decode(),
        "drafted_by": event.drafted_by,
        "drafted_at": micros(event.occurred_at),
        "exercise": recorded.metadata.get("exercise", ""),
        "opened_position": recorded.position,
        "revision": recorded.revision,
        "position": recorded.position,
    }
