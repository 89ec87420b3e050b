"""Delivery to real receivers: retried, parked, resumed, and never sent after its end."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from services.notify.channels import Mail
from services.notify.domain import notification as n
from services.notify.domain.contact import Channel
from tests.notify.bench import QUICK, Bench, all_in
from tests.notify.facts import desk
from tests.notify.receivers import Hook, Mailbox
from tests.notify.test_channels import settings

PATIENT = n.Persistence(base=timedelta(milliseconds=10), max_attempts=50)


async def test_what_is_pending_is_sent_once(bench: Bench) -> None:
    async with Hook() as hook:
        contact = await bench.register(address=hook.url)
        key = await bench.request(contact)
        bench.deliver()
        [row] = await bench.until(all_in("sent"))
        assert (row.attempts, row.last_error, row.next_attempt_at) == (1, "", None)
        [post] = hook.posts
        assert post.headers["idempotency-key"] == key
    assert await bench.history(key) == [
        "NotificationRequested.v1",
        "AttemptStarted.v1",
        "NotificationSent.v1",
    ]


async def test_a_receiver_that_fails_twice_is_tried_a_third_time(bench: Bench) -> None:
    async with Hook(lambda number: 503 if number <= 2 else 200) as hook:
        contact = await bench.register(address=hook.url)
        key = await bench.request(contact)
        bench.deliver()
        [row] = await bench.until(all_in("sent"))
        assert (row.attempts, row.last_error) == (3, "HTTP 503 X")
        assert [post.headers["idempotency-key"] for post in hook.posts] == [key] * 3


async def test_mail_is_tried_again_too(bench: Bench) -> None:
    async with Mailbox(refuse=lambda number: number == 1) as mailbox:
        bench.senders[Channel.EMAIL] = Mail(settings(mailbox.port))
        await bench.request(await bench.register(desk))
        bench.deliver()
        [row] = await bench.until(all_in("sent"))
        assert row.attempts == 2
        assert len(mailbox.mails) == 1


async def test_after_the_last_attempt_it_is_parked_and_a_retry_goes_to_the_corrected_address(
    bench: Bench,
) -> None:
    async with Hook(lambda _: 500) as wrong, Hook() as right:
        contact = await bench.register(address=wrong.url)
        key = await bench.request(contact)
        bench.deliver()
        [row] = await bench.until(all_in("parked"))
        assert (row.attempts, row.last_error, row.next_attempt_at) == (3, "HTTP 500 X", None)
        assert len(wrong.posts) == 3
        await bench.register(address=right.url)
        await bench.retry(key)
        [row] = await bench.until(all_in("sent"))
        assert (row.attempts, row.address) == (4, right.url)
        assert len(wrong.posts) == 3
        assert len(right.posts) == 1


async def test_after_an_acknowledgement_nothing_more_goes_out(bench: Bench) -> None:
    async with Hook(lambda _: 503) as hook:
        contact = await bench.register(address=hook.url)
        key = await bench.request(contact)
        bench.deliver(n.Persistence(base=timedelta(milliseconds=200), max_attempts=50))
        await hook.got(1)
        await bench.acknowledge(key)
        before = len(hook.posts)
        await bench.until(all_in("acknowledged"))
        await bench.request(contact)  # goes through the same worker, after the other's due time
        await hook.got(before + 3)
        assert [p.headers["idempotency-key"] for p in hook.posts].count(key) == before


async def test_a_contact_that_was_removed_is_sent_nothing_more(bench: Bench) -> None:
    async with Hook() as hook:
        contact = await bench.register(address=hook.url)
        await bench.request(contact)
        await bench.remove(contact)
        bench.deliver()
        [row] = await bench.until(all_in("suppressed"))
        assert row.last_error == n.CONTACT_REMOVED
        assert hook.posts == []


async def test_a_contact_that_became_one_for_drills_hears_nothing_in_earnest(
    bench: Bench,
) -> None:
    async with Hook() as hook:
        contact = await bench.register(address=hook.url)
        await bench.request(contact)
        await bench.register(address=hook.url, exercise_only=True)
        bench.deliver()
        [row] = await bench.until(all_in("suppressed"))
        assert row.last_error == n.EXERCISE_FENCE
        assert hook.posts == []


async def test_an_address_that_hangs_does_not_delay_the_others(bench: Bench) -> None:
    async with Hook(lambda _: Hook.HANG) as hanging, Hook() as fine:
        stuck = await bench.register(contact_id="stuck", address=hanging.url)
        for _ in range(30):
            await bench.request(stuck)
        bench.deliver()
        await hanging.got(8)
        contact = await bench.register(contact_id="fine", address=fine.url)
        for _ in range(5):
            await bench.request(contact)
        await fine.got(5)
        assert len(hanging.posts) == 8  # no more than its share at once


async def test_a_worker_that_dies_in_the_middle_loses_nothing(bench: Bench) -> None:
    async with Hook(lambda number: Hook.HANG if number <= 3 else 200) as hook:
        contact = await bench.register(address=hook.url)
        keys = [await bench.request(contact) for _ in range(10)]
        lease = timedelta(milliseconds=500)
        bench.deliver(PATIENT, lease)
        await hook.got(10)  # three of them hang
        await bench.kill()
        again = await bench.another()
        again.deliver(PATIENT, lease)
        await again.until(all_in("sent", 10))
        posted = Counter(post.headers["idempotency-key"] for post in hook.posts)
    assert set(posted) == set(keys)


async def test_two_processes_send_each_notification_once(bench: Bench) -> None:
    second = await bench.another()
    async with Hook() as hook:
        contact = await bench.register(address=hook.url)
        bench.deliver()
        second.deliver()
        keys = [await bench.request(contact) for _ in range(40)]
        await bench.until(all_in("sent", 40))
        posted = Counter(post.headers["idempotency-key"] for post in hook.posts)
    assert posted == dict.fromkeys(keys, 1)


async def test_one_that_cannot_be_sent_at_all_does_not_stop_the_rest(bench: Bench) -> None:
    class Broken:
        async def __call__(self, _: object) -> None:
            raise ZeroDivisionError

    async with Hook() as hook:
        bench.senders[Channel.EMAIL] = Broken()
        await bench.request(await bench.register(desk))
        await bench.request(await bench.register(address=hook.url))
        bench.deliver(QUICK)
        rows = await bench.until(lambda rows: {r.state for r in rows} == {"parked", "sent"})
    assert [row.last_error for row in rows if row.state == "parked"] == ["ZeroDivisionError()"]


async def test_a_worker_told_to_stop_finishes_what_it_has_begun(bench: Bench) -> None:
    async with Hook() as hook:
        contact = await bench.register(address=hook.url)
        key = await bench.request(contact)
        bench.deliver()
        await hook.got(1)
        for worker in bench.workers:
            worker.cancel()
        await asyncio.gather(*bench.workers, return_exceptions=True)
        assert (await bench.history(key))[-1] == "NotificationSent.v1"
