"""A public warning (预警), as drafted.  Drafts are never issued from here."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists, Forbidden, Invalid


class Color(StrEnum):
    BLUE = "blue"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"


class Urgency(StrEnum):
    """CAP's own words."""

    IMMEDIATE = "Immediate"
    EXPECTED = "Expected"
    FUTURE = "Future"
    PAST = "Past"
    UNKNOWN = "Unknown"


class Certainty(StrEnum):
    """CAP's own words."""

    OBSERVED = "Observed"
    LIKELY = "Likely"
    POSSIBLE = "Possible"
    UNLIKELY = "Unlikely"
    UNKNOWN = "Unknown"


class Category(StrEnum):
    """CAP's own words."""

    GEO = "Geo"
    MET = "Met"
    SAFETY = "Safety"
    FIRE = "Fire"
    HEALTH = "Health"
    ENV = "Env"
    OTHER = "Other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a warning says.

    ``type_name`` is the word for ``type_code`` in ``types_version``, so that it still reads the
    same after the vocabulary has changed.
    """

    incident_id: str
    category: Category
    type_code: str
    type_name: str
    types_version: str
    color: Color
    urgency: Urgency
    certainty: Certainty
    headline: str
    description: str
    instruction: str
    adcodes: tuple[str, ...]
    regions_version: str
    onset_at: datetime | None
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftWarning:
    by: Actor
    warning_id: str
    content: Content
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningDrafted:
    warning_id: str
    content: Content
    drafted_by: str
    occurred_at: datetime


Command = DraftWarning
Event = WarningDrafted
State = WarningDrafted | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    content = command.content
    for adcode in content.adcodes:
        if not command.by.covers(adcode):
            raise Forbidden(
                "OUTSIDE_JURISDICTION",
                f"{adcode} is outside {command.by.jurisdiction}, "
                f"the jurisdiction of {command.by.subject}",
                adcode=adcode,
                jurisdiction=command.by.jurisdiction,
                subject=command.by.subject,
            )
    if state is not None:
        changed = _changed(state.content, content)
        if not changed:
            return []
        raise AlreadyExists(
            "WARNING_EXISTS",
            f"warning {command.warning_id} was drafted with another {changed[0]}",
            warning_id=command.warning_id,
            differs=", ".join(changed),
        )
    earliest = max(command.now, content.onset_at or command.now)
    if content.expires_at <= earliest:
        raise Invalid(
            "EXPIRY_TOO_EARLY",
            field="expire_time",
            got=content.expires_at.isoformat(),
            allowed=f"after {earliest.isoformat()}, the later of now and onset_time",
        )
    for field in ("headline", "description", "instruction"):
        _check_text(field, getattr(content, field))
    return [
        WarningDrafted(
            warning_id=command.warning_id,
            content=content,
            drafted_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(_: State, event: Event) -> State:
    """Fold one fact into the state."""
    return event


NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _check_text(field: str, text: str) -> None:
    if found := NOT_IN_XML.search(text):
        raise Invalid(
            "CHARACTER_NOT_ALLOWED",
            field=field,
            got=f"U+{ord(found[0]):04X} at {found.start()}",
            allowed="characters that XML 1.0 can carry",
        )
    if not text.strip():
        raise Invalid("TEXT_EMPTY", field=field, got="white space", allowed="words")


def _changed(before: Content, now: Content) -> list[str]:
    names = [field.name for field in fields(Content) if field.name not in LOOKED_UP]
    return [name for name in names if getattr(before, name) != getattr(now, name)]


LOOKED_UP = {"type_name", "types_version", "regions_version"}
