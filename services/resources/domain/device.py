"""A device (定位终端) that speaks for a unit: a phone or a tracker, until it is revoked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.resources.domain import region
from services.runtime.actor import Actor
from services.runtime.rejection import AlreadyExists, NotFound

# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterDevice:
    """``adcode`` is the unit's home; of the secret only a digest is ever known here."""

    by: Actor
    device_id: str
    unit_id: str
    adcode: str
    secret_digest: str
    description: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeDevice:
    by: Actor
    device_id: str
    reason: str
    occurred_at: datetime


Command = RegisterDevice | RevokeDevice


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRegistered:
    device_id: str
    unit_id: str
    adcode: str
    secret_digest: str
    description: str
    registered_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRevoked:
    device_id: str
    unit_id: str
    adcode: str
    reason: str
    revoked_by: str
    occurred_at: datetime


Event = DeviceRegistered | DeviceRevoked


# State.


@dataclass(frozen=True, slots=True)
class Trusted:
    registered: DeviceRegistered


@dataclass(frozen=True, slots=True)
class Revoked:
    registered: DeviceRegistered


State = None | Trusted | Revoked
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case RegisterDevice():
            return register(command, state)
        case RevokeDevice():
            return revoke(command, state)
        case _:
            assert_never(command)


def register(command: RegisterDevice, state: State) -> list[Event]:
    """Trust a device, also one that was revoked: a phone goes to another unit."""
    region.require(command.by, command.adcode)
    registered = DeviceRegistered(
        device_id=command.device_id,
        unit_id=command.unit_id,
        adcode=command.adcode,
        secret_digest=command.secret_digest,
        description=command.description,
        registered_by=command.by.subject,
        occurred_at=command.occurred_at,
    )
    match state:
        case None:
            return [registered]
        case Revoked(registered=before):
            region.require(command.by, before.adcode)
            return [registered]
        case Trusted(registered=before):
            same = replace(
                registered, occurred_at=before.occurred_at, registered_by=before.registered_by
            )
            if same == before:
                return []
            raise AlreadyExists(
                "DEVICE_EXISTS",
                f"{command.device_id} speaks for {before.unit_id}: revoke it first",
                device_id=command.device_id,
                unit_id=before.unit_id,
            )
        case _:
            assert_never(state)


def revoke(command: RevokeDevice, state: State) -> list[Event]:
    match state:
        case None:
            raise NotFound(
                "NO_SUCH_DEVICE",
                f"no device {command.device_id} is registered",
                device_id=command.device_id,
            )
        case Trusted(registered=registered) | Revoked(registered=registered):
            region.require(command.by, registered.adcode)
            if isinstance(state, Revoked):
                return []
            return [
                DeviceRevoked(
                    device_id=command.device_id,
                    unit_id=registered.unit_id,
                    adcode=registered.adcode,
                    reason=command.reason,
                    revoked_by=command.by.subject,
                    occurred_at=command.occurred_at,
                )
            ]
        case _:
            assert_never(state)


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case DeviceRegistered():
            return Trusted(event)
        case DeviceRevoked():
            return None if state is None else Revoked(state.registered)
        case _:
            assert_never(event)
