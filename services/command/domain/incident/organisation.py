"""指挥机构: the headquarters of an incident, who holds which role in them, and who joins in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.command.domain.incident.roles import MEMBER, Kind
from services.runtime.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class EstablishHeadquarters:
    """``parent_id`` is the headquarters that it stands under; empty where it is under none."""

    by: Actor
    incident_id: str
    headquarters_id: str
    kind: Kind
    name: str
    place: str
    parent_id: str
    head: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseHeadquarters:
    by: Actor
    incident_id: str
    headquarters_id: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignRole:
    """An empty ``headquarters_id`` is the incident's own command post."""

    by: Actor
    incident_id: str
    headquarters_id: str
    role: str
    subject: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RelieveRole:
    by: Actor
    incident_id: str
    headquarters_id: str
    role: str
    subject: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinUnifiedCommand:
    by: Actor
    incident_id: str
    agency: str
    member: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveUnifiedCommand:
    by: Actor
    incident_id: str
    agency: str
    reason: str
    occurred_at: datetime


Command = (
    EstablishHeadquarters
    | CloseHeadquarters
    | AssignRole
    | RelieveRole
    | JoinUnifiedCommand
    | LeaveUnifiedCommand
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadquartersEstablished:
    """``title`` is what the catalogue called its head then."""

    incident_id: str
    adcode: str
    headquarters_id: str
    kind: Kind
    name: str
    place: str
    parent_id: str
    head: str
    head_role: str
    title: str
    occurred_at: datetime
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadquartersClosed:
    """Every role in it ends with it."""

    incident_id: str
    adcode: str
    headquarters_id: str
    name: str
    reason: str
    occurred_at: datetime
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleAssigned:
    """``title`` is what the catalogue called the role then."""

    incident_id: str
    adcode: str
    headquarters_id: str
    role: str
    title: str
    subject: str
    occurred_at: datetime
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRelieved:
    incident_id: str
    adcode: str
    headquarters_id: str
    role: str
    title: str
    subject: str
    reason: str
    occurred_at: datetime
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnifiedCommandJoined:
    incident_id: str
    adcode: str
    agency: str
    member: str
    occurred_at: datetime
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnifiedCommandLeft:
    incident_id: str
    adcode: str
    agency: str
    member: str
    reason: str
    occurred_at: datetime
    effective_at: datetime


Event = (
    HeadquartersEstablished
    | HeadquartersClosed
    | RoleAssigned
    | RoleRelieved
    | UnifiedCommandJoined
    | UnifiedCommandLeft
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Headquarters:
    established: HeadquartersEstablished
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Somebody in a role, or an ``agency``'s member in unified command; still where not until."""

    headquarters_id: str
    role: str
    subject: str
    agency: str = ""
    since: datetime
    until: datetime | None = None

    def at(self, moment: datetime) -> bool:
        return self.since <= moment and (self.until is None or moment < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    headquarters: tuple[Headquarters, ...] = ()
    holdings: tuple[Holding, ...] = ()

    def roles_of(self, subject: str, moment: datetime) -> frozenset[str]:
        """Return the roles that somebody holds at an instant, wherever in the organisation."""
        return frozenset(
            held.role for held in self.holdings if held.subject == subject and held.at(moment)
        )

    def people(self) -> tuple[str, ...]:
        """Return everybody who has a role now or is a member, each once."""
        return tuple(dict.fromkeys(held.subject for held in self.holdings if held.until is None))

    def found(self, headquarters_id: str) -> Headquarters | None:
        for one in self.headquarters:
            if one.established.headquarters_id == headquarters_id:
                return one
        return None

    def filling(self, headquarters_id: str, role: str) -> Iterator[Holding]:
        """Yield who ever held the role there, the first one first."""
        for held in self.holdings:
            if (held.headquarters_id, held.role) == (headquarters_id, role):
                yield held


def evolve(organisation: Organisation, event: Event) -> Organisation:
    match event:
        case HeadquartersEstablished():
            return Organisation(
                headquarters=(*organisation.headquarters, Headquarters(established=event)),
                holdings=(
                    *organisation.holdings,
                    Holding(
                        headquarters_id=event.headquarters_id,
                        role=event.head_role,
                        subject=event.head,
                        since=event.effective_at,
                    ),
                ),
            )
        case HeadquartersClosed():
            return Organisation(
                headquarters=tuple(_closed(one, event) for one in organisation.headquarters),
                holdings=tuple(
                    _ended(held, event.effective_at)
                    if held.headquarters_id == event.headquarters_id
                    else held
                    for held in organisation.holdings
                ),
            )
        case RoleAssigned():
            begun = Holding(
                headquarters_id=event.headquarters_id,
                role=event.role,
                subject=event.subject,
                since=event.effective_at,
            )
            return replace(organisation, holdings=(*organisation.holdings, begun))
        case RoleRelieved():
            key = (event.headquarters_id, event.role, event.subject, "")
            return _end(organisation, key, event.effective_at)
        case UnifiedCommandJoined():
            joined = Holding(
                headquarters_id="",
                role=MEMBER,
                subject=event.member,
                agency=event.agency,
                since=event.effective_at,
            )
            return replace(organisation, holdings=(*organisation.holdings, joined))
        case UnifiedCommandLeft():
            key = ("", MEMBER, event.member, event.agency)
            return _end(organisation, key, event.effective_at)
        case _:
            assert_never(event)


def _end(
    organisation: Organisation, key: tuple[str, str, str, str], until: datetime
) -> Organisation:
    return replace(
        organisation,
        holdings=tuple(
            _ended(held, until)
            if (held.headquarters_id, held.role, held.subject, held.agency) == key
            else held
            for held in organisation.holdings
        ),
    )


def _ended(held: Holding, until: datetime) -> Holding:
    return replace(held, until=until) if held.until is None else held


def _closed(one: Headquarters, event: HeadquartersClosed) -> Headquarters:
    closes = one.established.headquarters_id == event.headquarters_id
    return replace(one, closed=True) if closes else one
