"""指挥部: who commands an incident at every instant after its command is established."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.runtime.actor import Actor
from services.runtime.rejection import Forbidden, Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class EstablishCommand:
    by: Actor
    incident_id: str
    commander: str
    command_post: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeTransfer:
    by: Actor
    incident_id: str
    to: str
    briefing: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptTransfer:
    by: Actor
    incident_id: str
    occurred_at: datetime


Command = EstablishCommand | ProposeTransfer | AcceptTransfer


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEstablished:
    incident_id: str
    adcode: str
    commander: str
    command_post: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferProposed:
    incident_id: str
    adcode: str
    outgoing: str
    incoming: str
    briefing: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTransferred:
    incident_id: str
    adcode: str
    outgoing: str
    incoming: str
    occurred_at: datetime


Event = CommandEstablished | TransferProposed | CommandTransferred


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """``proposed_to`` is a transfer's taker."""

    commander: str | None = None
    command_post: str = ""
    proposed_to: str | None = None
    briefing: str = ""


def decide(command: Command, adcode: str, post: Post) -> list[Event]:
    match command:
        case EstablishCommand():
            return establish(command, adcode, post)
        case ProposeTransfer():
            return propose(command, adcode, post)
        case AcceptTransfer():
            return accept(command, adcode, post)
        case _:
            assert_never(command)


def establish(command: EstablishCommand, adcode: str, post: Post) -> list[Event]:
    if post.commander is None:
        return [
            CommandEstablished(
                incident_id=command.incident_id,
                adcode=adcode,
                commander=command.commander,
                command_post=command.command_post,
                occurred_at=command.occurred_at,
            )
        ]
    if (post.commander, post.command_post) == (command.commander, command.command_post):
        return []
    raise Rejection(
        "COMMAND_ESTABLISHED",
        f"{post.commander} commands: propose a transfer instead",
        incident_id=command.incident_id,
        commander=post.commander,
    )


def propose(command: ProposeTransfer, adcode: str, post: Post) -> list[Event]:
    """Only who holds command may offer it; to nobody else is it theirs to give."""
    if post.commander is None:
        raise _no_command(command.incident_id)
    if post.commander != command.by.subject:
        raise _not_commander(command, post.commander)
    if command.to == post.commander:
        return []
    if (command.to, command.briefing) == (post.proposed_to, post.briefing):
        return []
    return [
        TransferProposed(
            incident_id=command.incident_id,
            adcode=adcode,
            outgoing=post.commander,
            incoming=command.to,
            briefing=command.briefing,
            occurred_at=command.occurred_at,
        )
    ]


def accept(command: AcceptTransfer, adcode: str, post: Post) -> list[Event]:
    if post.commander is None:
        raise _no_command(command.incident_id)
    if post.commander == command.by.subject:
        return []
    if post.proposed_to != command.by.subject:
        raise Rejection(
            "NO_TRANSFER_PROPOSED",
            f"nobody has proposed to hand command to {command.by.subject}",
            incident_id=command.incident_id,
            commander=post.commander,
            subject=command.by.subject,
        )
    return [
        CommandTransferred(
            incident_id=command.incident_id,
            adcode=adcode,
            outgoing=post.commander,
            incoming=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(post: Post, event: Event) -> Post:
    match event:
        case CommandEstablished():
            return replace(
                post,
                commander=event.commander,
                command_post=event.command_post,
                proposed_to=None,
            )
        case TransferProposed(incoming=incoming, briefing=briefing):
            return replace(post, proposed_to=incoming, briefing=briefing)
        case CommandTransferred(incoming=incoming):
            return replace(post, commander=incoming, proposed_to=None)
        case _:
            assert_never(event)


def _no_command(incident_id: str) -> Rejection:
    return Rejection(
        "COMMAND_NOT_ESTABLISHED",
        f"nobody commands incident {incident_id} yet",
        incident_id=incident_id,
    )


def _not_commander(command: ProposeTransfer, commander: str) -> Forbidden:
    return Forbidden(
        "NOT_INCIDENT_COMMANDER",
        f"{commander} commands incident {command.incident_id}; only the commander may hand it over",
        incident_id=command.incident_id,
        commander=commander,
        subject=command.by.subject,
    )
