"""指挥机构: who may be put where, and what stands under what."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from services.command.domain.incident.organisation import (
    AssignRole,
    CloseHeadquarters,
    Command,
    EstablishHeadquarters,
    Event,
    Headquarters,
    HeadquartersClosed,
    HeadquartersEstablished,
    JoinUnifiedCommand,
    LeaveUnifiedCommand,
    Organisation,
    RelieveRole,
    RoleAssigned,
    RoleRelieved,
    UnifiedCommandJoined,
    UnifiedCommandLeft,
)
from services.command.domain.incident.roles import MEMBER, HeadquartersRule, Kind, PostTable, Role
from services.runtime.rejection import AlreadyExists, Invalid, NotFound, Rejection

SUCCEEDED = "SUCCEEDED"
"""Why a head is relieved: another follows at the same instant."""


def decide(
    table: PostTable, command: Command, adcode: str, organisation: Organisation, moment: datetime
) -> list[Event]:
    """Return what changes; it rules from ``moment`` on."""
    match command:
        case EstablishHeadquarters():
            return [*establish(table, command, adcode, organisation, moment)]
        case CloseHeadquarters():
            return [*close(command, adcode, organisation, moment)]
        case AssignRole():
            return assign(table, command, adcode, organisation, moment)
        case RelieveRole():
            return [*relieve(table, command, adcode, organisation, moment)]
        case JoinUnifiedCommand():
            return [*join(command, adcode, organisation, moment)]
        case LeaveUnifiedCommand():
            return [*leave(command, adcode, organisation, moment)]
        case _:
            assert_never(command)


def establish(
    table: PostTable,
    command: EstablishHeadquarters,
    adcode: str,
    organisation: Organisation,
    moment: datetime,
) -> list[HeadquartersEstablished]:
    known = organisation.found(command.headquarters_id)
    if known is not None:
        if _is_wanted(known, command):
            return []
        raise AlreadyExists(
            "HEADQUARTERS_EXISTS",
            f"headquarters {command.headquarters_id} ({known.established.name}) is "
            f"{'closed' if known.closed else 'there'} already: choose another id",
            headquarters_id=command.headquarters_id,
        )
    rule = table.headquarters[command.kind]
    _check_alone(rule, command, organisation)
    if command.parent_id:
        _check_above(rule, command, _standing(organisation, command.parent_id))
    return [
        HeadquartersEstablished(
            incident_id=command.incident_id,
            adcode=adcode,
            headquarters_id=command.headquarters_id,
            kind=command.kind,
            name=command.name,
            place=command.place,
            parent_id=command.parent_id,
            head=command.head,
            head_role=rule.head,
            title=table.roles[rule.head].name,
            occurred_at=command.occurred_at,
            effective_at=moment,
        )
    ]


def close(
    command: CloseHeadquarters, adcode: str, organisation: Organisation, moment: datetime
) -> list[HeadquartersClosed]:
    known = _known(organisation, command.headquarters_id)
    if known.closed:
        return []
    under = [
        one.established.headquarters_id
        for one in organisation.headquarters
        if one.established.parent_id == command.headquarters_id and not one.closed
    ]
    if under:
        raise Rejection(
            "HEADQUARTERS_NOT_EMPTY",
            f"{', '.join(under)} still stand under headquarters {command.headquarters_id}: "
            "close them first",
            headquarters_id=command.headquarters_id,
            under=",".join(under),
        )
    return [
        HeadquartersClosed(
            incident_id=command.incident_id,
            adcode=adcode,
            headquarters_id=command.headquarters_id,
            name=known.established.name,
            reason=command.reason,
            occurred_at=command.occurred_at,
            effective_at=moment,
        )
    ]


def assign(
    table: PostTable, command: AssignRole, adcode: str, organisation: Organisation, moment: datetime
) -> list[Event]:
    """Put somebody in a role.  A new head follows the old one at the same instant."""
    role = _role(table, command, organisation)
    holders = [
        held.subject
        for held in organisation.filling(command.headquarters_id, command.role)
        if held.until is None
    ]
    if command.subject in holders:
        return []
    assigned = RoleAssigned(
        incident_id=command.incident_id,
        adcode=adcode,
        headquarters_id=command.headquarters_id,
        role=command.role,
        title=role.name,
        subject=command.subject,
        occurred_at=command.occurred_at,
        effective_at=moment,
    )
    if not role.single or not holders:
        return [assigned]
    if not table.is_head(command.role):
        raise Rejection(
            "ROLE_HELD",
            f"{holders[0]} is {role.name}, which one person holds: relieve them first",
            incident_id=command.incident_id,
            role=command.role,
            holder=holders[0],
        )
    relieved = RoleRelieved(
        incident_id=command.incident_id,
        adcode=adcode,
        headquarters_id=command.headquarters_id,
        role=command.role,
        title=role.name,
        subject=holders[0],
        reason=SUCCEEDED,
        occurred_at=command.occurred_at,
        effective_at=moment,
    )
    return [relieved, assigned]


def relieve(
    table: PostTable,
    command: RelieveRole,
    adcode: str,
    organisation: Organisation,
    moment: datetime,
) -> list[RoleRelieved]:
    role = _role(table, command, organisation)
    held = [
        holding
        for holding in organisation.filling(command.headquarters_id, command.role)
        if holding.subject == command.subject
    ]
    if not held:
        raise NotFound(
            "ROLE_NOT_HELD",
            f"{command.subject} never was {role.name} there",
            incident_id=command.incident_id,
            role=command.role,
            subject=command.subject,
        )
    if held[-1].until is not None:
        return []
    if table.is_head(command.role):
        raise Rejection(
            "HEAD_REQUIRED",
            f"headquarters {command.headquarters_id} needs its {role.name}: assign another, "
            "or close it",
            incident_id=command.incident_id,
            headquarters_id=command.headquarters_id,
            role=command.role,
        )
    return [
        RoleRelieved(
            incident_id=command.incident_id,
            adcode=adcode,
            headquarters_id=command.headquarters_id,
            role=command.role,
            title=role.name,
            subject=command.subject,
            reason=command.reason,
            occurred_at=command.occurred_at,
            effective_at=moment,
        )
    ]


def join(
    command: JoinUnifiedCommand, adcode: str, organisation: Organisation, moment: datetime
) -> list[UnifiedCommandJoined]:
    """Let an agency share in command through one member; one commander still speaks for all."""
    speaking = [
        held.subject
        for held in organisation.filling("", MEMBER)
        if held.agency == command.agency and held.until is None
    ]
    if command.member in speaking:
        return []
    if speaking:
        raise Rejection(
            "AGENCY_REPRESENTED",
            f"{speaking[0]} is the member of {command.agency}: let them leave first",
            incident_id=command.incident_id,
            agency=command.agency,
            member=speaking[0],
        )
    return [
        UnifiedCommandJoined(
            incident_id=command.incident_id,
            adcode=adcode,
            agency=command.agency,
            member=command.member,
            occurred_at=command.occurred_at,
            effective_at=moment,
        )
    ]


def leave(
    command: LeaveUnifiedCommand, adcode: str, organisation: Organisation, moment: datetime
) -> list[UnifiedCommandLeft]:
    members = [held for held in organisation.filling("", MEMBER) if held.agency == command.agency]
    if not members:
        raise NotFound(
            "AGENCY_NOT_JOINED",
            f"{command.agency} never joined the unified command of {command.incident_id}",
            incident_id=command.incident_id,
            agency=command.agency,
        )
    if members[-1].until is not None:
        return []
    return [
        UnifiedCommandLeft(
            incident_id=command.incident_id,
            adcode=adcode,
            agency=command.agency,
            member=members[-1].subject,
            reason=command.reason,
            occurred_at=command.occurred_at,
            effective_at=moment,
        )
    ]


def _is_wanted(known: Headquarters, command: EstablishHeadquarters) -> bool:
    said = known.established
    return not known.closed and (
        said.kind,
        said.name,
        said.place,
        said.parent_id,
        said.head,
    ) == (command.kind, command.name, command.place, command.parent_id, command.head)


def _known(organisation: Organisation, headquarters_id: str) -> Headquarters:
    known = organisation.found(headquarters_id)
    if known is None:
        raise NotFound(
            "NO_SUCH_HEADQUARTERS",
            f"this incident has no headquarters {headquarters_id}",
            headquarters_id=headquarters_id,
        )
    return known


def _standing(organisation: Organisation, headquarters_id: str) -> Headquarters:
    known = _known(organisation, headquarters_id)
    if known.closed:
        raise Rejection(
            "HEADQUARTERS_CLOSED",
            f"headquarters {headquarters_id} ({known.established.name}) is closed",
            headquarters_id=headquarters_id,
        )
    return known


def _check_alone(
    rule: HeadquartersRule, command: EstablishHeadquarters, organisation: Organisation
) -> None:
    if not rule.single:
        return
    for one in organisation.headquarters:
        if one.established.kind is command.kind and not one.closed:
            raise Rejection(
                "HEADQUARTERS_STANDS",
                f"{one.established.name} is the incident's {rule.name}; there is only one",
                incident_id=command.incident_id,
                headquarters_id=one.established.headquarters_id,
            )


def _check_above(
    rule: HeadquartersRule, command: EstablishHeadquarters, above: Headquarters
) -> None:
    kind = above.established.kind
    if kind not in rule.under:
        raise Rejection(
            "HEADQUARTERS_NOT_ABOVE",
            f"a {command.kind} headquarters stands under "
            f"{' or '.join(rule.under) or 'none'}, not under a {kind} one",
            headquarters_id=command.parent_id,
            kind=kind,
            allowed=",".join(rule.under),
        )


def _role(table: PostTable, command: AssignRole | RelieveRole, organisation: Organisation) -> Role:
    """Return the role that the command names.  Raises Invalid for one that is not held there."""
    where = Kind.POST
    if command.headquarters_id:
        where = _standing(organisation, command.headquarters_id).established.kind
    role = table.roles.get(command.role)
    if role is None or where not in role.at:
        raise Invalid(
            "ROLE_UNKNOWN",
            field="role",
            got=command.role,
            allowed=", ".join(id_ for id_, known in table.roles.items() if where in known.at),
        )
    return role
