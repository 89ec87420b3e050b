"""A run card's versions, from draft to retirement, and which of them is in force.

What was published is never changed: a revision is a new version, and the old one stays in force
until the new one is published or the card is retired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from services.dispatch.domain.run_card.content import Content, check
from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists, Forbidden, NotFound, Rejection

# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRunCard:
    by: Actor
    run_card_id: str
    adcode: str
    content: Content
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviseRunCard:
    by: Actor
    run_card_id: str
    content: Content
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRunCard:
    """``body`` is the authority that issues it, ``reference`` the number of its paper."""

    by: Actor
    run_card_id: str
    version: int
    body: str
    reference: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireRunCard:
    by: Actor
    run_card_id: str
    reason: str
    occurred_at: datetime


Command = DraftRunCard | ReviseRunCard | PublishRunCard | RetireRunCard


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCardDrafted:
    run_card_id: str
    adcode: str
    version: int
    content: Content
    recorded_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCardRevised:
    """``version`` is a draft from here on."""

    run_card_id: str
    adcode: str
    version: int
    content: Content
    reason: str
    recorded_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCardPublished:
    """In force from here on, in place of ``supersedes``, which is 0 where none was."""

    run_card_id: str
    adcode: str
    version: int
    supersedes: int
    title: str
    sample: bool
    body: str
    reference: str
    recorded_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCardRetired:
    run_card_id: str
    adcode: str
    title: str
    reason: str
    recorded_by: str
    occurred_at: datetime


Event = RunCardDrafted | RunCardRevised | RunCardPublished | RunCardRetired


# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """``in_force`` is the number of a version, 0 for none; ``published`` has each that ever was."""

    adcode: str
    versions: Mapping[int, Content] = field(default_factory=dict)
    published: frozenset[int] = frozenset()
    in_force: int = 0
    retired: bool = False

    @property
    def newest(self) -> int:
        return max(self.versions)


State = Card | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts that a command adds, or raise the rule that it breaks."""
    if isinstance(command, DraftRunCard):
        return _draft(command, state)
    if state is None:
        raise unknown(command.run_card_id)
    _within(command.by, command.run_card_id, state.adcode)
    match command:
        case ReviseRunCard():
            return _revise(command, state)
        case PublishRunCard():
            return _publish(command, state)
        case RetireRunCard():
            return _retire(command, state)
        case _:
            assert_never(command)


def _draft(command: DraftRunCard, card: State) -> list[Event]:
    _within(command.by, command.run_card_id, command.adcode)
    if card is None:
        check(command.content, command.adcode)
        return [
            RunCardDrafted(
                run_card_id=command.run_card_id,
                adcode=command.adcode,
                version=1,
                content=command.content,
                recorded_by=command.by.subject,
                occurred_at=command.occurred_at,
            )
        ]
    if command.content in card.versions.values() and command.adcode == card.adcode:
        return []
    raise AlreadyExists(
        "RUN_CARD_EXISTS",
        f"run card {command.run_card_id} says otherwise in {card.newest} version(s): revise it",
        run_card_id=command.run_card_id,
        version=str(card.newest),
    )


def _revise(command: ReviseRunCard, card: Card) -> list[Event]:
    if command.content == card.versions[card.newest]:
        return []
    _not_retired(command.run_card_id, card)
    check(command.content, card.adcode)
    return [
        RunCardRevised(
            run_card_id=command.run_card_id,
            adcode=card.adcode,
            version=card.newest + (card.newest in card.published),
            content=command.content,
            reason=command.reason,
            recorded_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def _publish(command: PublishRunCard, card: Card) -> list[Event]:
    if command.version not in card.versions:
        raise no_version(command.run_card_id, command.version)
    if command.version == card.in_force:
        return []
    _not_retired(command.run_card_id, card)
    if command.version in card.published:
        raise Rejection(
            "RUN_CARD_VERSION_SUPERSEDED",
            f"version {command.version} of {command.run_card_id} was superseded: revise the card "
            "to bring its content back",
            run_card_id=command.run_card_id,
            version=str(command.version),
            in_force=str(card.in_force),
        )
    content = card.versions[command.version]
    return [
        RunCardPublished(
            run_card_id=command.run_card_id,
            adcode=card.adcode,
            version=command.version,
            supersedes=card.in_force,
            title=content.title,
            sample=content.sample,
            body=command.body,
            reference=command.reference,
            recorded_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def _retire(command: RetireRunCard, card: Card) -> list[Event]:
    if card.retired:
        return []
    return [
        RunCardRetired(
            run_card_id=command.run_card_id,
            adcode=card.adcode,
            title=card.versions[card.in_force or card.newest].title,
            reason=command.reason,
            recorded_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case RunCardDrafted():
            return state or Card(adcode=event.adcode, versions={event.version: event.content})
        case RunCardRevised():
            if state is None:
                return None
            return replace(state, versions={**state.versions, event.version: event.content})
        case RunCardPublished():
            if state is None:
                return None
            published = state.published | {event.version}
            return replace(state, in_force=event.version, published=published)
        case RunCardRetired():
            return None if state is None else replace(state, in_force=0, retired=True)
        case _:
            assert_never(event)


def unknown(run_card_id: str) -> NotFound:
    return NotFound("NO_SUCH_RUN_CARD", f"no run card {run_card_id}", run_card_id=run_card_id)


def no_version(run_card_id: str, version: int) -> NotFound:
    return NotFound(
        "NO_SUCH_RUN_CARD_VERSION",
        f"run card {run_card_id} has no version {version}",
        run_card_id=run_card_id,
        version=str(version),
    )


def _within(by: Actor, run_card_id: str, adcode: str) -> None:
    if not by.covers(adcode):
        raise Forbidden(
            "OUTSIDE_JURISDICTION",
            f"run card {run_card_id} is of {adcode}, outside {by.jurisdiction}, "
            f"the jurisdiction of {by.subject}",
            adcode=adcode,
            jurisdiction=by.jurisdiction,
            subject=by.subject,
        )


def _not_retired(run_card_id: str, card: Card) -> None:
    if card.retired:
        raise Rejection(
            "RUN_CARD_RETIRED",
            f"run card {run_card_id} was retired: draft another",
            run_card_id=run_card_id,
        )
