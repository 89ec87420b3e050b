"""A notification (通知): one fact for one contact, from the request to the acknowledgement.

Who may send.  An attempt is claimed before it is made: ``AttemptStarted`` is appended after the
revision on which it was decided, so that of two processes one wins and the other finds the attempt
under way.  The claim is a lease: a process that dies in the middle leaves an attempt without an
outcome, and when the lease is over the next attempt is due.  A crash between the channel's answer
and its record therefore sends again: at least once towards the receiver, who recognises a
repetition by the notification's id.  Claiming nothing and deduplicating at the receiver alone was
the alternative; it would let every process send everything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from services.notify.domain.contact import Channel, Contact
from services.runtime.actor import Actor
from services.runtime.rejection import Forbidden, NotFound, Rejection

EXERCISE_FENCE, CONTACT_REMOVED = "EXERCISE_FENCE", "CONTACT_REMOVED"
SETTLED, STALE = "SETTLED", "STALE"


class Urgency(StrEnum):
    """How urgent a telegram is (电报紧急程度), the most urgent first."""

    FLASH = "flash"
    """特提: lives of our own people."""
    IMMEDIATE = "immediate"
    """特急"""
    PRIORITY = "priority"
    """加急"""
    ROUTINE = "routine"
    """平急"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Persistence:
    """How often a notification is tried, and how long to wait in between."""

    base: timedelta = timedelta(seconds=1)
    factor: float = 2.0
    longest: timedelta = timedelta(seconds=60)
    max_attempts: int = 6

    def wait(self, failures: int) -> timedelta:
        """Return how long to wait after so many failures in a row."""
        share = self.base / self.longest * self.factor ** (failures - 1)
        return self.longest * min(share, 1.0)


# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestNotification:
    """``exercise`` is the drill that the event belongs to, ``adcode`` the region it is about.

    ``matter`` is what it is about as far as that can be settled, ``news_position`` where in the log
    the event stands: settled later than that, it is told no more.  ``stale`` is what was read so
    long after it happened that telling it would mislead: it is kept on record only.
    """

    notification_id: str
    contact: Contact
    exercise: str
    incident_id: str
    adcode: str
    event_type: str
    event_id: str
    subject: str
    text: str
    urgency: Urgency
    matter: str
    news_position: int
    stale: bool
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAttempt:
    """``contact`` is as it is now, None if it is no longer there.

    ``settled`` is how far the log was when the matter was last settled.
    """

    contact: Contact | None
    settled: int
    persistence: Persistence
    lease: timedelta
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSent:
    attempt: int
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFailure:
    attempt: int
    error: str
    persistence: Persistence
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeNotification:
    by: Actor
    notification_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryNotification:
    by: Actor
    notification_id: str
    reason: str
    occurred_at: datetime
    now: datetime


Command = (
    RequestNotification
    | StartAttempt
    | RecordSent
    | RecordFailure
    | AcknowledgeNotification
    | RetryNotification
)


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRequested:
    """``occurred_at`` is when the fact happened, ``requested_at`` when we were to tell it.

    An old log knows neither urgencies nor matters.
    """

    notification_id: str
    contact_id: str
    channel: Channel
    address: str
    exercise: str
    incident_id: str
    adcode: str
    event_type: str
    event_id: str
    subject: str
    text: str
    occurred_at: datetime
    requested_at: datetime
    urgency: Urgency = Urgency.ROUTINE
    matter: str = ""
    news_position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSuppressed:
    """``reason`` is EXERCISE_FENCE, a drill and a live contact; CONTACT_REMOVED; SETTLED or STALE.

    SETTLED: it was over before it could be sent.  STALE: it was read too long after it happened.
    """

    notification_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """Names the address that this attempt goes to: the contact's at this moment."""

    notification_id: str
    attempt: int
    channel: Channel
    address: str
    lease_until: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSent:
    """The channel has taken it; nobody knows yet whether it was read."""

    notification_id: str
    attempt: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed:
    """``next_attempt_at`` is None after the last attempt."""

    notification_id: str
    attempt: int
    error: str
    next_attempt_at: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationParked:
    """Failed too often: somebody must look."""

    notification_id: str
    contact_id: str
    incident_id: str
    adcode: str
    attempts: int
    last_error: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRearmed:
    notification_id: str
    reason: str
    next_attempt_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationAcknowledged:
    notification_id: str
    contact_id: str
    incident_id: str
    adcode: str
    acknowledged_by: str
    occurred_at: datetime


Event = (
    NotificationRequested
    | NotificationSuppressed
    | AttemptStarted
    | NotificationSent
    | DeliveryFailed
    | NotificationParked
    | NotificationRearmed
    | NotificationAcknowledged
)


# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    notification_id: str
    contact_id: str
    incident_id: str
    adcode: str
    exercise: str
    matter: str = ""
    news_position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Due at ``due``: while an attempt is under way, when its lease is over.

    ``attempt`` numbers the last attempt ever made, ``tries`` counts those since the last arming.
    """

    about: About
    due: datetime
    attempt: int = 0
    tries: int = 0
    under_way: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    about: About
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    about: About


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    about: About


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    about: About


State = Pending | Parked | Sent | Acknowledged | Suppressed | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case RequestNotification():
            return request(command) if state is None else []
        case StartAttempt():
            return start(command, state)
        case RecordSent():
            return sent(command, state)
        case RecordFailure():
            return failed(command, state)
        case AcknowledgeNotification():
            return acknowledge(command, state)
        case RetryNotification():
            return retry(command, state)
        case _:
            assert_never(command)


def request(command: RequestNotification) -> list[Event]:
    """Where the fence holds it back, what would have been said is on record all the same."""
    requested = NotificationRequested(
        notification_id=command.notification_id,
        contact_id=command.contact.contact_id,
        channel=command.contact.channel,
        address=command.contact.address,
        exercise=command.exercise,
        incident_id=command.incident_id,
        adcode=command.adcode,
        event_type=command.event_type,
        event_id=command.event_id,
        subject=command.subject,
        text=command.text,
        occurred_at=command.occurred_at,
        requested_at=command.now,
        urgency=command.urgency,
        matter=command.matter,
        news_position=command.news_position,
    )
    if not command.contact.may_hear(command.exercise):
        return [requested, _suppressed(command.notification_id, EXERCISE_FENCE, command.now)]
    if command.stale:
        return [requested, _suppressed(command.notification_id, STALE, command.now)]
    return [requested]


def start(command: StartAttempt, state: State) -> list[Event]:
    match state:
        case Pending() if command.now < state.due:
            raise Rejection(
                "ATTEMPT_UNDER_WAY" if state.under_way else "ATTEMPT_NOT_DUE",
                f"nothing to send before {state.due.isoformat()}",
                notification_id=state.about.notification_id,
                due=state.due.isoformat(),
            )
        case Pending(about=about):
            contact = command.contact
            if contact is None:
                return [_suppressed(about.notification_id, CONTACT_REMOVED, command.now)]
            if not contact.may_hear(about.exercise):
                return [_suppressed(about.notification_id, EXERCISE_FENCE, command.now)]
            if about.matter and about.news_position < command.settled:
                return [_suppressed(about.notification_id, SETTLED, command.now)]
            if state.tries >= command.persistence.max_attempts:
                return [_parked(state, "the last attempt has no outcome", command.now)]
            return [
                AttemptStarted(
                    notification_id=about.notification_id,
                    attempt=state.attempt + 1,
                    channel=contact.channel,
                    address=contact.address,
                    lease_until=command.now + command.lease,
                    occurred_at=command.now,
                )
            ]
        case Sent() | Acknowledged() | Parked() | Suppressed():
            raise _not_pending(state)
        case None:
            raise _unknown("")
        case _:
            assert_never(state)


def sent(command: RecordSent, state: State) -> list[Event]:
    """Even an attempt whose lease was over has reached the channel: no further one is needed."""
    match state:
        case Pending() | Parked() if command.attempt <= state.attempt:
            return [
                NotificationSent(
                    notification_id=state.about.notification_id,
                    attempt=command.attempt,
                    occurred_at=command.now,
                )
            ]
        case Pending() | Parked() | Sent() | Acknowledged() | Suppressed() | None:
            return []
        case _:
            assert_never(state)


def failed(command: RecordFailure, state: State) -> list[Event]:
    match state:
        case Pending(under_way=True, attempt=attempt) if attempt == command.attempt:
            last = state.tries >= command.persistence.max_attempts
            wait = command.persistence.wait(state.tries)
            failure = DeliveryFailed(
                notification_id=state.about.notification_id,
                attempt=command.attempt,
                error=command.error,
                next_attempt_at=None if last else command.now + wait,
                occurred_at=command.now,
            )
            return [failure, _parked(state, command.error, command.now)] if last else [failure]
        case Pending() | Parked() | Sent() | Acknowledged() | Suppressed() | None:
            return []  # overtaken: by another attempt, by its success, by the person's answer
        case _:
            assert_never(state)


def acknowledge(command: AcknowledgeNotification, state: State) -> list[Event]:
    """Seen is seen, whatever the channel says of it; nothing is sent after it.

    No jurisdiction is asked for: a neighbour's crew answers what it was sent.
    """
    match state:
        case Pending(about=about) | Sent(about=about) | Parked(about=about):
            return [
                NotificationAcknowledged(
                    notification_id=about.notification_id,
                    contact_id=about.contact_id,
                    incident_id=about.incident_id,
                    adcode=about.adcode,
                    acknowledged_by=command.by.subject,
                    occurred_at=command.occurred_at,
                )
            ]
        case Acknowledged():
            return []
        case Suppressed(about=about):
            raise Rejection(
                "NOTIFICATION_SUPPRESSED",
                f"notification {about.notification_id} was held back and never sent",
                notification_id=about.notification_id,
            )
        case None:
            raise _unknown(command.notification_id)
        case _:
            assert_never(state)


def retry(command: RetryNotification, state: State) -> list[Event]:
    match state:
        case Parked(about=about):
            if not command.by.covers(about.adcode):
                raise Forbidden(
                    "OUTSIDE_JURISDICTION",
                    f"{about.adcode} is outside {command.by.jurisdiction}, "
                    f"the jurisdiction of {command.by.subject}",
                    adcode=about.adcode,
                    jurisdiction=command.by.jurisdiction,
                    subject=command.by.subject,
                )
            return [
                NotificationRearmed(
                    notification_id=about.notification_id,
                    reason=command.reason,
                    next_attempt_at=command.now,
                    occurred_at=command.occurred_at,
                )
            ]
        case Pending():
            return []
        case Sent() | Acknowledged() | Suppressed():
            raise _not_pending(state)
        case None:
            raise _unknown(command.notification_id)
        case _:
            assert_never(state)


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    if isinstance(event, NotificationRequested):
        return Pending(
            about=About(
                notification_id=event.notification_id,
                contact_id=event.contact_id,
                incident_id=event.incident_id,
                adcode=event.adcode,
                exercise=event.exercise,
                matter=event.matter,
                news_position=event.news_position,
            ),
            due=event.requested_at,
        )
    if state is None:
        return None
    match event:
        case NotificationSuppressed():
            return Suppressed(about=state.about)
        case AttemptStarted() if isinstance(state, Pending):
            return replace(
                state,
                attempt=event.attempt,
                tries=state.tries + 1,
                due=event.lease_until,
                under_way=True,
            )
        case DeliveryFailed(next_attempt_at=due) if isinstance(state, Pending) and due is not None:
            return replace(state, due=due, under_way=False)
        case AttemptStarted() | DeliveryFailed():
            return state  # the last failure: parked by the next event
        case NotificationSent():
            return Sent(about=state.about)
        case NotificationParked():
            return Parked(about=state.about, attempt=event.attempts)
        case NotificationRearmed(next_attempt_at=due):
            attempt = state.attempt if isinstance(state, Parked) else 0
            return Pending(about=state.about, due=due, attempt=attempt)
        case NotificationAcknowledged():
            return Acknowledged(about=state.about)
        case _:
            assert_never(event)


def _suppressed(notification_id: str, reason: str, now: datetime) -> NotificationSuppressed:
    return NotificationSuppressed(notification_id=notification_id, reason=reason, occurred_at=now)


def _parked(state: Pending, error: str, now: datetime) -> NotificationParked:
    return NotificationParked(
        notification_id=state.about.notification_id,
        contact_id=state.about.contact_id,
        incident_id=state.about.incident_id,
        adcode=state.about.adcode,
        attempts=state.attempt,
        last_error=error,
        occurred_at=now,
    )


def _not_pending(state: Sent | Acknowledged | Suppressed | Parked) -> Rejection:
    name = type(state).__name__.lower()
    return Rejection(
        f"NOTIFICATION_{name.upper()}",
        f"notification {state.about.notification_id} is {name}",
        notification_id=state.about.notification_id,
        state=name,
    )


def _unknown(notification_id: str) -> NotFound:
    return NotFound(
        "NO_SUCH_NOTIFICATION",
        f"there is no notification {notification_id}",
        notification_id=notification_id,
    )
