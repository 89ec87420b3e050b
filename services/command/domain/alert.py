"""What another system's alert said of itself (CAP 1.2, and GB/T 35965.1 in China)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MessageType(StrEnum):
    ALERT = "Alert"
    UPDATE = "Update"
    CANCEL = "Cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """How CAP names a message."""

    sender: str
    identifier: str
    sent_at: datetime

    def __str__(self) -> str:
        return f"{self.sender},{self.identifier},{self.sent_at.isoformat(timespec='seconds')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """``document`` is the message as it was sent; ``color`` is empty where nobody warns in one."""

    sender: str
    identifier: str
    sent_at: datetime
    status: str
    message_type: MessageType
    references: tuple[Reference, ...]
    sender_name: str
    event: str
    headline: str
    urgency: str
    severity: str
    certainty: str
    color: str
    onset_at: datetime | None
    expires_at: datetime | None
    document: bytes
