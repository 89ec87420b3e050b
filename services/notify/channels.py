"""The ways out: HTTP POST to a webhook, and mail over SMTP.

At least once: a crash between the receiver's answer and our record sends again.  The receiver
recognises the repetition by ``Idempotency-Key`` or ``Message-ID``, the notification's id in both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP

import aiosmtplib
import httpx
import msgspec

from services.notify.domain.notification import Urgency
from services.notify.settings import NotifySettings

TIMEOUT_S = 10.0
HTTP_OK = range(200, 300)
# RFC 2156: what a mail reader shows as such.
IMPORTANCE = {
    Urgency.FLASH: "high",
    Urgency.IMMEDIATE: "high",
    Urgency.PRIORITY: "normal",
    Urgency.ROUTINE: "normal",
}
ACKNOWLEDGE = "anlan.notify.v1.NotificationService/AcknowledgeNotification"


class Undelivered(Exception):
    """The channel did not take it; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    notification_id: str
    address: str
    incident_id: str
    event_type: str
    subject: str
    text: str
    urgency: Urgency
    exercise: str


Send = Callable[[Outgoing], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Webhook:
    http: httpx.AsyncClient

    async def __call__(self, message: Outgoing) -> None:
        """POST it.  Any 2xx is taken; a redirection is not followed, and not taken."""
        body = {
            "notification_id": message.notification_id,
            "incident_id": message.incident_id,
            "event_type": message.event_type,
            "subject": message.subject,
            "text": message.text,
            "urgency": message.urgency,
            "exercise": message.exercise,
            "acknowledge": {"rpc": ACKNOWLEDGE, "notification_id": message.notification_id},
        }
        headers = {
            "content-type": "application/json; charset=utf-8",
            "idempotency-key": message.notification_id,
        }
        request = self.http.build_request(
            "POST", message.address, content=msgspec.json.encode(body), headers=headers
        )
        try:
            response = await self.http.send(request, stream=True)  # its body may never end
        except httpx.HTTPError as failure:
            raise Undelivered(f"{type(failure).__name__}: {failure}".rstrip(": ")) from failure
        await response.aclose()
        if response.status_code not in HTTP_OK:
            raise Undelivered(f"HTTP {response.status_code} {response.reason_phrase}".rstrip())


def webhook_client() -> httpx.AsyncClient:
    """Return a client that keeps to what the contact's URL says: no redirection, no proxy."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
    return httpx.AsyncClient(timeout=TIMEOUT_S, limits=limits, trust_env=False)


@dataclass(frozen=True, slots=True)
class Mail:
    settings: NotifySettings

    async def __call__(self, message: Outgoing) -> None:
        ours = self.settings
        if not ours.smtp_host:
            raise Undelivered("no mail server: set ANLAN_SMTP_HOST")
        password = None
        if ours.smtp_password_file is not None:
            password = (await asyncio.to_thread(ours.smtp_password_file.read_text)).strip()
        try:
            await aiosmtplib.send(
                compose(message, ours.smtp_from),
                hostname=ours.smtp_host,
                port=ours.smtp_port,
                username=ours.smtp_username or None,
                password=password,
                start_tls=ours.smtp_starttls,
                timeout=TIMEOUT_S,
            )
        except (aiosmtplib.SMTPException, OSError) as failure:
            raise Undelivered(f"{type(failure).__name__}: {failure}") from failure


def compose(message: Outgoing, sender: str) -> EmailMessage:
    """Return the mail; the same notification always has the same Message-ID."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = message.address
    mail["Subject"] = message.subject
    mail["Message-ID"] = f"<{message.notification_id}@{sender.rpartition('@')[2]}>"
    mail["Importance"] = IMPORTANCE[message.urgency]
    mail["X-Anlan-Incident"] = message.incident_id
    mail.set_content(f"{message.text}\n\n通知编号 {message.notification_id}\n")
    return mail
