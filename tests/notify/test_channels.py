"""What the receivers get, over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.notify.channels import Mail, Outgoing, Undelivered, Webhook, compose, webhook_client
from services.notify.domain.notification import Urgency
from services.notify.settings import NotifySettings
from tests.notify.receivers import Hook, Mailbox

outgoing = Outgoing(
    notification_id="3f0c7a58-5a56-5b0e-9c40-7f4f0f3f2b11",
    address="duty@hongjiang.example",
    incident_id="i1",
    event_type="anlan.events.v1.UnitDispatched",
    subject="【演练】出动命令：boat-3 赶赴湖南省怀化市洪江市安江镇下坪村三组下坪村三组下坪村三组",
    urgency=Urgency.FLASH,
    text="【演练】boat-3 立即赶赴安江镇。",
    exercise="drill-7",
)


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    async with webhook_client() as http:
        yield Webhook(http)


async def test_a_webhook_gets_json_and_the_key_that_marks_repetitions(webhook: Webhook) -> None:
    async with Hook() as hook:
        await webhook(replace(outgoing, address=hook.url + "?a=b"))
        [post] = hook.posts
    assert post.path == "/hook?a=b"
    assert post.headers["idempotency-key"] == outgoing.notification_id
    assert post.headers["content-type"].startswith("application/json")
    assert post.body == {
        "notification_id": outgoing.notification_id,
        "incident_id": "i1",
        "event_type": "anlan.events.v1.UnitDispatched",
        "subject": outgoing.subject,
        "text": outgoing.text,
        "urgency": "flash",
        "exercise": "drill-7",
        "acknowledge": {
            "rpc": "anlan.notify.v1.NotificationService/AcknowledgeNotification",
            "notification_id": outgoing.notification_id,
        },
    }


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_any_2xx_is_taken(webhook: Webhook, status: int) -> None:
    async with Hook(lambda _: status) as hook:
        await webhook(replace(outgoing, address=hook.url))


@pytest.mark.parametrize("status", [301, 307, 400, 404, 500, 503])
async def test_anything_else_is_not(webhook: Webhook, status: int) -> None:
    async with Hook(lambda _: status) as hook:
        with pytest.raises(Undelivered, match=f"HTTP {status}"):
            await webhook(replace(outgoing, address=hook.url))
        assert len(hook.posts) == 1


async def test_nobody_listens(webhook: Webhook) -> None:
    async with Hook() as hook:
        url = hook.url
    with pytest.raises(Undelivered, match="ConnectError"):
        await webhook(replace(outgoing, address=url))


def settings(port: int) -> NotifySettings:
    return NotifySettings(
        smtp_host="127.0.0.1",
        smtp_port=port,
        smtp_from="anlan@hongjiang.example",
        smtp_starttls=False,
    )


async def test_a_mail_reads_as_it_was_written() -> None:
    async with Mailbox() as mailbox:
        await Mail(settings(mailbox.port))(outgoing)
        [mail] = mailbox.mails
    assert mail["Subject"] == outgoing.subject
    assert mail["To"] == "duty@hongjiang.example"
    assert mail["Message-ID"] == f"<{outgoing.notification_id}@hongjiang.example>"
    assert outgoing.text in mail.get_content()
    assert outgoing.notification_id in mail.get_content()


async def test_a_mail_server_that_refuses_is_no_delivery() -> None:
    async with Mailbox(refuse=lambda _: True) as mailbox:
        with pytest.raises(Undelivered, match="451"):
            await Mail(settings(mailbox.port))(outgoing)
        port = mailbox.port
    with pytest.raises(Undelivered, match="ConnectError"):
        await Mail(settings(port))(outgoing)


async def test_without_a_mail_server_it_says_so() -> None:
    with pytest.raises(Undelivered, match="ANLAN_SMTP_HOST"):
        await Mail(NotifySettings())(outgoing)


async def test_a_server_without_starttls_is_refused_where_it_is_wanted() -> None:
    async with Mailbox() as mailbox:
        ours = settings(mailbox.port).model_copy(update={"smtp_starttls": True})
        with pytest.raises(Undelivered, match="STARTTLS"):
            await Mail(ours)(outgoing)
        assert mailbox.mails == []


def test_a_repetition_has_the_same_message_id() -> None:
    first, second = compose(outgoing, "a@b.example"), compose(outgoing, "a@b.example")
    assert first["Message-ID"] == second["Message-ID"]
