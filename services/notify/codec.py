"""The stored form of notify's events."""

from __future__ import annotations

from typing import Any

from services.notify.domain import briefing, contact, matter, notification, warning
from services.runtime.codec import Codec
from services.runtime.decider import Decider


def _contact_v2(old: dict[str, Any]) -> dict[str, Any]:
    """Return a contact of the time before persons had contacts of their own."""
    return {**old, "contact": {**old["contact"], "person": ""}}


CONTACT_CODEC: Codec[contact.Event] = Codec(
    {
        "ContactRegistered.v2": contact.ContactRegistered,
        "ContactReplaced.v2": contact.ContactReplaced,
        "ContactRemoved.v1": contact.ContactRemoved,
    },
    {
        "ContactRegistered.v1": ("ContactRegistered.v2", _contact_v2),
        "ContactReplaced.v1": ("ContactReplaced.v2", _contact_v2),
    },
)
NOTIFICATION_CODEC: Codec[notification.Event] = Codec(
    {
        "NotificationRequested.v1": notification.NotificationRequested,
        "NotificationSuppressed.v1": notification.NotificationSuppressed,
        "AttemptStarted.v1": notification.AttemptStarted,
        "NotificationSent.v1": notification.NotificationSent,
        "DeliveryFailed.v1": notification.DeliveryFailed,
        "NotificationParked.v1": notification.NotificationParked,
        "NotificationRearmed.v1": notification.NotificationRearmed,
        "NotificationAcknowledged.v1": notification.NotificationAcknowledged,
    }
)
WARNING_CODEC: Codec[warning.Event] = Codec({"WarningDrafted.v1": warning.WarningDrafted})
BRIEFING_CODEC: Codec[briefing.Event] = Codec(
    {
        "BriefingTaken.v1": briefing.BriefingTaken,
        "CommanderNoted.v1": briefing.CommanderNoted,
    }
)
MATTER_CODEC: Codec[matter.Event] = Codec({"MatterSettled.v1": matter.MatterSettled})

CONTACT: Decider[contact.Command, contact.State, contact.Event] = Decider(
    category="contact",
    initial=contact.INITIAL,
    decide=contact.decide,
    evolve=contact.evolve,
    codec=CONTACT_CODEC,
)
NOTIFICATION: Decider[notification.Command, notification.State, notification.Event] = Decider(
    category="notification",
    initial=notification.INITIAL,
    decide=notification.decide,
    evolve=notification.evolve,
    codec=NOTIFICATION_CODEC,
)
WARNING: Decider[warning.Command, warning.State, warning.Event] = Decider(
    category="warning",
    initial=warning.INITIAL,
    decide=warning.decide,
    evolve=warning.evolve,
    codec=WARNING_CODEC,
)
BRIEFING: Decider[briefing.Command, briefing.State, briefing.Event] = Decider(
    category="briefing",
    initial=briefing.INITIAL,
    decide=briefing.decide,
    evolve=briefing.evolve,
    codec=BRIEFING_CODEC,
)
MATTER: Decider[matter.Command, matter.State, matter.Event] = Decider(
    category="matter",
    initial=matter.INITIAL,
    decide=matter.decide,
    evolve=matter.evolve,
    codec=MATTER_CODEC,
)
CATEGORIES = tuple(
    decider.category for decider in (CONTACT, NOTIFICATION, WARNING, BRIEFING, MATTER)
)
