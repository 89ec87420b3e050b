"""指挥部: who commands an incident, who helps, and what each may do there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, assert_never

from services.command.domain.incident import (
    organisation,
    organisation_rules,
    transfer,
    transfer_rules,
)
from services.command.domain.incident.organisation import Organisation
from services.command.domain.incident.roles import COMMANDER, PostTable
from services.command.domain.incident.succession import (
    Standing,
    Succession,
    Tenure,
    not_established,
)
from services.command.domain.incident.transfer import Handover
from services.runtime.actor import Actor, region_prefix
from services.runtime.rejection import Forbidden, Invalid, Rejection

APPOINT_HEAD = "AppointHead"
"""What assigning or relieving the role that leads a headquarters counts as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EstablishCommand:
    """``jurisdiction`` is the region at whose level command is held; empty is the caller's own."""

    by: Actor
    incident_id: str
    commander: str
    command_post: str
    jurisdiction: str
    occurred_at: datetime


Command = EstablishCommand | transfer.Command | organisation.Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEstablished:
    incident_id: str
    adcode: str
    commander: str
    command_post: str
    jurisdiction: str
    occurred_at: datetime
    effective_at: datetime


Event = CommandEstablished | transfer.Event | organisation.Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """``acted_at`` is the latest instant at which something was done under the command then held.

    What is decided later rules from there on at the earliest: no instant before it turns out to
    have been another's.
    """

    succession: Succession = field(default_factory=Succession)
    command_post: str = ""
    handover: Handover = field(default_factory=Handover)
    organisation: Organisation = field(default_factory=Organisation)
    acted_at: datetime | None = None

    @property
    def commander(self) -> str | None:
        """Who commanded when something was last done; None until command is established."""
        held = None if self.acted_at is None else self.succession.at(self.acted_at)
        return held.commander if held is not None else None

    def moment(self, occurred_at: datetime) -> datetime:
        """Return from when on an act can rule that is said to have happened at ``occurred_at``."""
        return occurred_at if self.acted_at is None else max(occurred_at, self.acted_at)

    def roles_of(self, subject: str, moment: datetime) -> frozenset[str]:
        """Return the roles that somebody holds at an instant, the commander's among them."""
        held = self.succession.at(moment)
        commands = held is not None and held.commander == subject
        return self.organisation.roles_of(subject, moment) | ({COMMANDER} if commands else set())


class Act(Protocol):
    """What every act on an incident says."""

    @property
    def by(self) -> Actor: ...
    @property
    def incident_id(self) -> str: ...
    @property
    def occurred_at(self) -> datetime: ...


def require(table: PostTable, command: Act, post: Post) -> None:
    """Raise the refusal of an act that its actor's roles in the post do not allow.

    Before command is established the capability that the RPC needs is enough; so it is for an act
    that the catalogue does not name.
    """
    needed = table.commands.get(_name(table, command))
    if not post.succession.tenures or needed is None or not needed.capability:
        return
    by, moment = command.by, post.moment(command.occurred_at)
    if not {*table.exempt, *needed.exempt}.isdisjoint(by.roles):
        return
    if needed.capability in table.granted(post.roles_of(by.subject, moment)):
        return
    if needed.superior and _is_superior(table, by, post, moment):
        return
    if needed.on_record:
        then = command.occurred_at
        nobody_commanded = post.succession.at(then) is None
        if nobody_commanded or needed.capability in table.granted(post.roles_of(by.subject, then)):
            return
    raise _role_required(table, command, needed.capability, post)


def decide(table: PostTable, command: Command, adcode: str, post: Post) -> list[Event]:
    moment = post.moment(command.occurred_at)
    match command:
        case EstablishCommand():
            return establish(command, adcode, post)
        case (
            transfer.ProposeTransfer()
            | transfer.AcknowledgeBriefing()
            | transfer.AcceptTransfer()
            | transfer.DeclineTransfer()
            | transfer.WithdrawTransfer()
            | transfer.TakeCommand()
        ):
            standing = Standing(
                moment=moment,
                holder=post.succession.at(moment),
                coming=post.succession.after(moment),
                superior=_is_superior(table, command.by, post, moment),
                concerned=_concerned(post, moment),
            )
            return [*transfer_rules.decide(table, command, adcode, post.handover, standing)]
        case (
            organisation.EstablishHeadquarters()
            | organisation.CloseHeadquarters()
            | organisation.AssignRole()
            | organisation.RelieveRole()
            | organisation.JoinUnifiedCommand()
            | organisation.LeaveUnifiedCommand()
        ):
            if not post.succession.tenures and not _has_headquarters(command):
                raise not_established(command.incident_id)
            return [*organisation_rules.decide(table, command, adcode, post.organisation, moment)]
        case _:
            assert_never(command)


def establish(command: EstablishCommand, adcode: str, post: Post) -> list[Event]:
    level = command.jurisdiction or command.by.jurisdiction
    commander = post.commander
    if commander is None:
        if not command.by.covers(level) or not adcode.startswith(region_prefix(level)):
            raise Invalid(
                "JURISDICTION_OUT_OF_RANGE",
                field="jurisdiction",
                got=level,
                allowed=f"a region that {adcode} lies in, inside {command.by.jurisdiction}",
            )
        return [
            CommandEstablished(
                incident_id=command.incident_id,
                adcode=adcode,
                commander=command.commander,
                command_post=command.command_post,
                jurisdiction=level,
                occurred_at=command.occurred_at,
                effective_at=post.moment(command.occurred_at),
            )
        ]
    if (commander, post.command_post) == (command.commander, command.command_post):
        return []
    raise Rejection(
        "COMMAND_ESTABLISHED",
        f"{commander} commands: propose a transfer instead",
        incident_id=command.incident_id,
        commander=commander,
    )


def evolve(post: Post, event: Event) -> Post:
    return acted(_folded(post, event), event.occurred_at)


def acted(post: Post, occurred_at: datetime) -> Post:
    """Note that something was done under the command then held."""
    return replace(post, acted_at=post.moment(occurred_at))


def _folded(post: Post, event: Event) -> Post:
    match event:
        case CommandEstablished():
            return replace(
                post,
                succession=_passed(post, event.commander, event.jurisdiction, event.effective_at),
                command_post=event.command_post,
            )
        case transfer.CommandTransferred() | transfer.CommandTaken():
            return replace(
                post,
                succession=_passed(post, event.incoming, event.jurisdiction, event.effective_at),
                handover=transfer.evolve(post.handover, event),
            )
        case (
            transfer.TransferProposed()
            | transfer.BriefingAcknowledged()
            | transfer.TransferDeclined()
            | transfer.TransferWithdrawn()
        ):
            return replace(post, handover=transfer.evolve(post.handover, event))
        case (
            organisation.HeadquartersEstablished()
            | organisation.HeadquartersClosed()
            | organisation.RoleAssigned()
            | organisation.RoleRelieved()
            | organisation.UnifiedCommandJoined()
            | organisation.UnifiedCommandLeft()
        ):
            return replace(post, organisation=organisation.evolve(post.organisation, event))
        case _:
            assert_never(event)


def _passed(post: Post, to: str, jurisdiction: str, since: datetime) -> Succession:
    tenure = Tenure(commander=to, jurisdiction=jurisdiction, since=since)
    return post.succession.passed_to(tenure)


def _name(table: PostTable, command: Act) -> str:
    match command:
        case organisation.AssignRole(role=role) | organisation.RelieveRole(role=role) if (
            table.is_head(role)
        ):
            return APPOINT_HEAD
        case _:
            return type(command).__name__


def _has_headquarters(command: organisation.Command) -> bool:
    match command:
        case organisation.JoinUnifiedCommand() | organisation.LeaveUnifiedCommand():
            return False
        case _:
            return bool(command.headquarters_id)


def _is_superior(table: PostTable, by: Actor, post: Post, moment: datetime) -> bool:
    """Whether ``by`` stands above who commands, and above who is to command next."""
    above = region_prefix(by.jurisdiction)
    levels = [
        tenure.jurisdiction
        for tenure in (post.succession.at(moment), post.succession.after(moment))
        if tenure is not None
    ]
    if not levels or not all(level.startswith(above) for level in levels):
        return False
    if table.superiors.higher_jurisdiction and all(
        region_prefix(level) != above for level in levels
    ):
        return True
    held = post.organisation.roles_of(by.subject, moment)
    return not held.isdisjoint(table.superiors.roles)


def _concerned(post: Post, moment: datetime) -> tuple[str, ...]:
    tenures = (post.succession.at(moment), post.succession.after(moment))
    commanders = [tenure.commander for tenure in tenures if tenure is not None]
    return tuple(dict.fromkeys((*commanders, *post.organisation.people())))


def _role_required(table: PostTable, command: Act, capability: str, post: Post) -> Forbidden:
    roles = table.granting(capability)
    names = "、".join(table.roles[role].name for role in roles)
    return Forbidden(
        "ROLE_REQUIRED",
        f"{command.by.subject} holds no role on incident {command.incident_id} that may "
        f"{capability}; it takes one of {names}; {post.commander} commands",
        incident_id=command.incident_id,
        subject=command.by.subject,
        capability=capability,
        roles=",".join(roles),
        commander=post.commander or "",
    )
