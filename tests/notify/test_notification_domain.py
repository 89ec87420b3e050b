"""How often a notification is tried, who sends it, and what ends it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from services.notify.domain.contact import Channel, Contact
from services.notify.domain.notification import (
    INITIAL,
    AcknowledgeNotification,
    AttemptStarted,
    DeliveryFailed,
    NotificationAcknowledged,
    NotificationParked,
    NotificationRearmed,
    NotificationSent,
    NotificationSuppressed,
    Persistence,
    RecordFailure,
    RecordSent,
    RetryNotification,
    StartAttempt,
    decide,
    evolve,
)
from services.runtime.actor import Actor
from tests.notify.facts import NOW, SECOND, boat_crew, neighbour, officer, request, requested
from tests.spec import spec

given = spec(decide, evolve, INITIAL)
TWICE = Persistence(base=SECOND, max_attempts=2)
LEASE = 30 * SECOND
crew = Actor(subject="li", roles=("crew",), jurisdiction="431226")


def start(
    at: datetime = NOW, contact: Contact | None = boat_crew, settled: int = 0
) -> StartAttempt:
    return StartAttempt(contact=contact, settled=settled, persistence=TWICE, lease=LEASE, now=at)


def started(attempt: int, at: datetime = NOW) -> AttemptStarted:
    return AttemptStarted(
        notification_id="n1",
        attempt=attempt,
        channel=Channel.WEBHOOK,
        address=boat_crew.address,
        lease_until=at + LEASE,
        occurred_at=at,
    )


def failure(attempt: int, at: datetime = NOW) -> RecordFailure:
    return RecordFailure(attempt=attempt, error="HTTP 503", persistence=TWICE, now=at)


def failed(attempt: int, again: datetime | None, at: datetime = NOW) -> DeliveryFailed:
    return DeliveryFailed(
        notification_id="n1",
        attempt=attempt,
        error="HTTP 503",
        next_attempt_at=again,
        occurred_at=at,
    )


def suppressed(reason: str) -> NotificationSuppressed:
    return NotificationSuppressed(notification_id="n1", reason=reason, occurred_at=NOW)


def retry(by: Actor = officer) -> RetryNotification:
    return RetryNotification(
        by=by, notification_id="n1", reason="gateway is back", occurred_at=NOW, now=NOW
    )


sent = NotificationSent(notification_id="n1", attempt=1, occurred_at=NOW)
parked = NotificationParked(
    notification_id="n1",
    contact_id="boat-3-phone",
    incident_id="i1",
    adcode="431281102",
    attempts=2,
    last_error="HTTP 503",
    occurred_at=NOW,
)
failed_for_good = (
    requested,
    started(1),
    failed(1, NOW + SECOND),
    started(2),
    failed(2, None),
    parked,
)
rearmed = NotificationRearmed(
    notification_id="n1", reason="gateway is back", next_attempt_at=NOW, occurred_at=NOW
)
seen = AcknowledgeNotification(by=crew, notification_id="n1", occurred_at=NOW)
acknowledged = NotificationAcknowledged(
    notification_id="n1",
    contact_id="boat-3-phone",
    incident_id="i1",
    adcode="431281102",
    acknowledged_by="li",
    occurred_at=NOW,
)


def test_a_notification_is_requested_once() -> None:
    given().when(request()).then(requested)
    given(requested).when(request()).then()
    given(requested, started(1), sent).when(request()).then()


def test_a_drill_is_held_back_from_a_live_contact_and_on_record() -> None:
    given().when(request(exercise="drill-7")).then(
        replace(requested, exercise="drill-7"), suppressed("EXERCISE_FENCE")
    )


def test_an_attempt_is_claimed_before_it_is_made() -> None:
    given(requested).when(start()).then(started(1))


def test_of_two_who_would_send_the_second_finds_it_under_way() -> None:
    given(requested, started(1)).when(start(NOW + 29 * SECOND)).then_refused("ATTEMPT_UNDER_WAY")


def test_an_attempt_that_nobody_finished_is_made_again_when_its_lease_is_over() -> None:
    given(requested, started(1)).when(start(NOW + LEASE)).then(started(2, NOW + LEASE))


def test_an_attempt_goes_to_where_the_contact_is_now() -> None:
    moved = replace(boat_crew, address="https://new.example/hook")
    given(requested).when(start(contact=moved)).then(replace(started(1), address=moved.address))


def test_a_removed_contact_is_sent_nothing_more() -> None:
    given(requested).when(start(contact=None)).then(suppressed("CONTACT_REMOVED"))


def test_the_fence_is_asked_again_before_sending() -> None:
    for_drills = replace(boat_crew, exercise_only=True)
    given(requested).when(start(contact=for_drills)).then(suppressed("EXERCISE_FENCE"))


def test_what_is_settled_since_is_sent_no_more() -> None:
    given(requested).when(start(settled=101)).then(suppressed("SETTLED"))
    failed_once = (requested, started(1), failed(1, NOW + SECOND))
    later = start(NOW + SECOND, settled=101)
    over = NotificationSuppressed(notification_id="n1", reason="SETTLED", occurred_at=NOW + SECOND)
    given(*failed_once).when(later).then(over)


def test_what_settles_it_by_itself_or_came_before_does_not_hold_it_back() -> None:
    for settled in (0, 99, 100):
        given(requested).when(start(settled=settled)).then(started(1))


def test_what_has_no_matter_is_never_settled() -> None:
    about_nothing = replace(requested, matter="", news_position=0)
    given(about_nothing).when(start(settled=10**9)).then(started(1))


def test_what_is_read_too_late_is_on_record_only() -> None:
    given().when(replace(request(), stale=True)).then(requested, suppressed("STALE"))


def test_the_channel_has_taken_it() -> None:
    given(requested, started(1)).when(RecordSent(attempt=1, now=NOW)).then(sent)


def test_a_failure_waits_before_the_next_attempt() -> None:
    given(requested, started(1)).when(failure(1)).then(failed(1, NOW + SECOND))
    given(requested, started(1), failed(1, NOW + SECOND)).when(start()).then_refused(
        "ATTEMPT_NOT_DUE"
    )


def test_waiting_grows_to_a_limit() -> None:
    persistence = Persistence(base=SECOND, factor=2, longest=60 * SECOND, max_attempts=99)
    waits = [persistence.wait(n) / SECOND for n in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert persistence.wait(99) == timedelta(seconds=60)


def test_after_the_last_failure_somebody_must_look() -> None:
    history = (requested, started(1), failed(1, NOW), started(2))
    given(*history).when(failure(2)).then(failed(2, None), parked)


def test_a_process_that_dies_at_every_attempt_parks_it_too() -> None:
    over = NOW + 2 * LEASE
    given(requested, started(1), started(2)).when(start(over)).then(
        replace(parked, last_error="the last attempt has no outcome", occurred_at=over)
    )


def test_a_parked_notification_is_tried_again_when_asked() -> None:
    given(*failed_for_good).when(retry()).then(rearmed)
    given(*failed_for_good, rearmed).when(start()).then(started(3))
    given(*failed_for_good, rearmed).when(retry()).then()


def test_a_retry_is_the_regions_own() -> None:
    given(*failed_for_good).when(retry(neighbour)).then_refused("OUTSIDE_JURISDICTION")


def test_only_what_failed_is_retried() -> None:
    given().when(retry()).then_refused("NO_SUCH_NOTIFICATION")
    given(requested, started(1), sent).when(retry()).then_refused("NOTIFICATION_SENT")


def test_a_success_that_comes_after_the_lease_spares_further_attempts() -> None:
    history = (requested, started(1), started(2, NOW + LEASE))
    given(*history).when(RecordSent(attempt=1, now=NOW)).then(sent)
    given(*history, sent).when(start(NOW + 3 * LEASE)).then_refused("NOTIFICATION_SENT")
    given(*history, sent).when(failure(2)).then()


def test_a_failure_that_comes_after_the_lease_does_not_disturb_the_next_attempt() -> None:
    given(requested, started(1), started(2, NOW + LEASE)).when(failure(1)).then()


def test_what_was_parked_too_early_turns_out_sent() -> None:
    given(*failed_for_good).when(RecordSent(attempt=1, now=NOW)).then(sent)


def test_an_acknowledgement_ends_it_in_any_state() -> None:
    for history in ((requested,), (requested, started(1)), failed_for_good, (requested, sent)):
        given(*history).when(seen).then(acknowledged)
        given(*history, acknowledged).when(seen).then()
        given(*history, acknowledged).when(start(NOW + 99 * LEASE)).then_refused(
            "NOTIFICATION_ACKNOWLEDGED"
        )


def test_what_became_of_an_attempt_no_longer_matters_once_it_was_acknowledged() -> None:
    history = (requested, started(1), acknowledged)
    given(*history).when(RecordSent(attempt=1, now=NOW)).then()
    given(*history).when(failure(1)).then()


def test_what_was_never_sent_cannot_have_been_seen() -> None:
    history = (replace(requested, exercise="drill-7"), suppressed("EXERCISE_FENCE"))
    given(*history).when(seen).then_refused("NOTIFICATION_SUPPRESSED")
    given().when(seen).then_refused("NO_SUCH_NOTIFICATION")
    given().when(start()).then_refused("NO_SUCH_NOTIFICATION")
