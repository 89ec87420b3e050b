"""关联: how incidents that go on side by side point to each other.

The meanings are those of EIDO's Link component (NENA-STA-021.1b): an incident lies within a parent,
of which it is a child, or is related to another.  A parent is kept with its child, a relation with
the one of both whose id sorts first; both ends show it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.command.domain.incident.merge import IncidentAbsorbed
from services.runtime.actor import Actor
from services.runtime.rejection import Rejection


class Kind(StrEnum):
    """What the other is to the incident that keeps the link."""

    PARENT = "parent"
    RELATED = "related"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkIncident:
    """``ancestors`` are the other's parents, nearest first, as they were when this was asked."""

    by: Actor
    incident_id: str
    other_id: str
    kind: Kind
    ancestors: tuple[str, ...]
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlinkIncident:
    by: Actor
    incident_id: str
    other_id: str
    kind: Kind
    reason: str
    occurred_at: datetime


Command = LinkIncident | UnlinkIncident


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLinked:
    incident_id: str
    adcode: str
    other_id: str
    kind: Kind
    reason: str
    linked_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentUnlinked:
    incident_id: str
    adcode: str
    other_id: str
    kind: Kind
    reason: str
    unlinked_by: str
    occurred_at: datetime


Event = IncidentLinked | IncidentUnlinked


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """``parent`` is empty for none."""

    parent: str = ""
    related: frozenset[str] = frozenset()


def decide(command: Command, adcode: str, links: Links) -> list[Event]:
    match command:
        case LinkIncident():
            return link(command, adcode, links)
        case UnlinkIncident():
            return unlink(command, adcode, links)
        case _:
            assert_never(command)


def link(command: LinkIncident, adcode: str, links: Links) -> list[Event]:
    """One parent at most, and nobody is above or beside themselves."""
    about, other = command.incident_id, command.other_id
    if other == about:
        raise Rejection(
            "LINK_TO_ITSELF",
            f"incident {about} cannot be linked to itself: name another",
            incident_id=about,
        )
    if command.kind is Kind.PARENT:
        if links.parent == other:
            return []
        if links.parent:
            raise Rejection(
                "PARENT_LINKED",
                f"incident {about} lies within {links.parent} already: unlink that one first",
                incident_id=about,
                parent_incident_id=links.parent,
                other_incident_id=other,
            )
        if about in command.ancestors:
            raise _cycle(about, other)
    elif other in links.related:
        return []
    return [
        IncidentLinked(
            incident_id=about,
            adcode=adcode,
            other_id=other,
            kind=command.kind,
            reason=command.reason,
            linked_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def unlink(command: UnlinkIncident, adcode: str, links: Links) -> list[Event]:
    """Part two incidents; those that are not linked so are parted."""
    known = {links.parent} if command.kind is Kind.PARENT else links.related
    if command.other_id not in known:
        return []
    return [
        IncidentUnlinked(
            incident_id=command.incident_id,
            adcode=adcode,
            other_id=command.other_id,
            kind=command.kind,
            reason=command.reason,
            unlinked_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(links: Links, event: Event) -> Links:
    match event:
        case IncidentLinked(kind=Kind.PARENT):
            return replace(links, parent=event.other_id)
        case IncidentLinked():
            return replace(links, related=links.related | {event.other_id})
        case IncidentUnlinked(kind=Kind.PARENT):
            return replace(links, parent="") if links.parent == event.other_id else links
        case IncidentUnlinked():
            return replace(links, related=links.related - {event.other_id})
        case _:
            assert_never(event)


def taken_over(links: Links, event: IncidentAbsorbed) -> Links:
    """Return the links with those of an incident that was absorbed; nobody is their own parent."""
    gone = {event.source_id, *event.replaced, event.incident_id}
    parent = "" if links.parent in gone else links.parent
    return replace(
        links,
        parent=parent or event.parent,
        related=(links.related | frozenset(event.related)) - gone,
    )


def _cycle(about: str, other: str) -> Rejection:
    return Rejection(
        "LINK_CYCLE",
        f"incident {other} lies within {about} already: it cannot be its parent too",
        incident_id=about,
        other_incident_id=other,
    )
