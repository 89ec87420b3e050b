"""A contact (联系人): whom to tell, how, and whether in earnest or in drills only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from urllib.parse import urlsplit

from services.runtime.actor import Actor
from services.runtime.rejection import Forbidden, Invalid, NotFound


class Channel(StrEnum):
    WEBHOOK = "webhook"
    EMAIL = "email"


class Audience(StrEnum):
    UNIT_CREW = "unit_crew"
    DUTY_OFFICER = "duty_officer"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """``registered_in`` is the drill that it was registered in, empty in earnest.

    ``person`` is the subject whom it reaches, where it speaks for one person.
    """

    contact_id: str
    audience: Audience
    unit_id: str
    adcode: str
    person: str
    channel: Channel
    address: str
    exercise_only: bool
    registered_in: str = ""

    def may_hear(self, exercise: str) -> bool:
        """Tell whether the fence lets news of this drill through; empty is news in earnest.

        Drills reach only those who are there for drills, and news in earnest only the others.
        """
        if self.registered_in and self.registered_in != exercise:
            return False
        return self.exercise_only == bool(exercise)


# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterContact:
    by: Actor
    contact: Contact
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveContact:
    by: Actor
    contact_id: str
    reason: str
    occurred_at: datetime


Command = RegisterContact | RemoveContact


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRegistered:
    contact: Contact
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactReplaced:
    """All of it is said anew; what was said before holds no longer."""

    contact: Contact
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRemoved:
    contact_id: str
    reason: str
    occurred_at: datetime


Event = ContactRegistered | ContactReplaced | ContactRemoved


# State.


@dataclass(frozen=True, slots=True)
class Present:
    contact: Contact


@dataclass(frozen=True, slots=True)
class Removed:
    """Kept so that a removal that is repeated finds its wish fulfilled."""


State = Present | Removed | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case RegisterContact():
            return register(command, state)
        case RemoveContact():
            return remove(command, state)
        case _:
            assert_never(command)


def register(command: RegisterContact, state: State) -> list[Event]:
    wanted = command.contact
    _check(wanted)
    _cover(command.by, wanted.adcode)
    match state:
        case Present(contact=current) if current == wanted:
            return []
        case Present(contact=current):
            _cover(command.by, current.adcode)
            return [ContactReplaced(contact=wanted, occurred_at=command.occurred_at)]
        case Removed() | None:
            return [ContactRegistered(contact=wanted, occurred_at=command.occurred_at)]
        case _:
            assert_never(state)


def remove(command: RemoveContact, state: State) -> list[Event]:
    match state:
        case Present(contact=current):
            _cover(command.by, current.adcode)
            return [
                ContactRemoved(
                    contact_id=command.contact_id,
                    reason=command.reason,
                    occurred_at=command.occurred_at,
                )
            ]
        case Removed():
            return []
        case None:
            raise NotFound(
                "NO_SUCH_CONTACT",
                f"there is no contact {command.contact_id}",
                contact_id=command.contact_id,
            )
        case _:
            assert_never(state)


def evolve(_: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case ContactRegistered() | ContactReplaced():
            return Present(event.contact)
        case ContactRemoved():
            return Removed()
        case _:
            assert_never(event)


def present(state: State) -> Contact | None:
    """Return the contact as it is now; None for one that is not there."""
    return state.contact if isinstance(state, Present) else None


MAIL_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|localhost)"
)


def _check(contact: Contact) -> None:
    if contact.person and contact.audience is not Audience.PERSON:
        raise Invalid(
            "PERSON_NOT_ALLOWED",
            field="person",
            got=contact.person,
            allowed=f"nothing: a contact of a {contact.audience} speaks for no single person",
        )
    if contact.unit_id and contact.audience is not Audience.UNIT_CREW:
        raise Invalid(
            "UNIT_ID_NOT_ALLOWED",
            field="unit_id",
            got=contact.unit_id,
            allowed=f"nothing: a {contact.audience} speaks for no unit",
        )
    match contact.audience:
        case Audience.UNIT_CREW:
            if not contact.unit_id:
                raise Invalid(
                    "UNIT_ID_REQUIRED", field="unit_id", got="nothing", allowed="the crew's unit"
                )
        case Audience.DUTY_OFFICER:
            if not contact.adcode:
                raise Invalid(
                    "ADCODE_REQUIRED", field="adcode", got="nothing", allowed="the officer's region"
                )
        case Audience.PERSON:
            if not contact.person:
                raise Invalid(
                    "PERSON_REQUIRED", field="person", got="nothing", allowed="the person's subject"
                )
        case _:
            assert_never(contact.audience)
    match contact.channel:
        case Channel.WEBHOOK:
            allowed, fits = "an http:// or https:// URL with a host", _is_url(contact.address)
        case Channel.EMAIL:
            allowed = "a mail address, name@host.domain"
            fits = MAIL_ADDRESS.fullmatch(contact.address) is not None
        case _:
            assert_never(contact.channel)
    if not fits:
        raise Invalid("ADDRESS_INVALID", field="address", got=contact.address, allowed=allowed)


def _is_url(address: str) -> bool:
    if not address.isascii() or not address.isprintable() or " " in address:
        return False
    try:
        parts = urlsplit(address)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        return False


def _cover(by: Actor, adcode: str) -> None:
    if adcode and not by.covers(adcode):
        raise Forbidden(
            "OUTSIDE_JURISDICTION",
            f"{adcode} is outside {by.jurisdiction}, the jurisdiction of {by.subject}",
            adcode=adcode,
            jurisdiction=by.jurisdiction,
            subject=by.subject,
        )
