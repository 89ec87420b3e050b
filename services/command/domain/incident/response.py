"""响应: the level at which the authorities respond, from activation to termination."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.command.domain.levels import Level
from services.runtime.actor import Actor
from services.runtime.rejection import Rejection

__all__ = [
    "ActivateResponse",
    "ChangeResponseLevel",
    "Command",
    "Event",
    "Level",
    "Response",
    "ResponseActivated",
    "ResponseLevelChanged",
    "ResponseTerminated",
    "TerminateResponse",
    "decide",
    "evolve",
    "require_none",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateResponse:
    by: Actor
    incident_id: str
    level: Level
    plan: str
    approver: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeResponseLevel:
    by: Actor
    incident_id: str
    level: Level
    approver: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateResponse:
    by: Actor
    incident_id: str
    approver: str
    reason: str
    occurred_at: datetime


Command = ActivateResponse | ChangeResponseLevel | TerminateResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseActivated:
    incident_id: str
    adcode: str
    level: Level
    plan: str
    approver: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseLevelChanged:
    incident_id: str
    adcode: str
    previous_level: Level
    level: Level
    approver: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseTerminated:
    incident_id: str
    adcode: str
    approver: str
    reason: str
    occurred_at: datetime


Event = ResponseActivated | ResponseLevelChanged | ResponseTerminated


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """``level`` is None while no response is active."""

    level: Level | None = None


def decide(command: Command, adcode: str, response: Response) -> list[Event]:
    match command:
        case ActivateResponse():
            return activate(command, adcode, response)
        case ChangeResponseLevel():
            return change_level(command, adcode, response)
        case TerminateResponse():
            return terminate(command, adcode, response)
        case _:
            assert_never(command)


def activate(command: ActivateResponse, adcode: str, response: Response) -> list[Event]:
    if response.level is command.level:
        return []
    if response.level is not None:
        raise Rejection(
            "RESPONSE_ACTIVE",
            f"a level {response.level} response is active: change its level instead",
            incident_id=command.incident_id,
            level=response.level,
        )
    return [
        ResponseActivated(
            incident_id=command.incident_id,
            adcode=adcode,
            level=command.level,
            plan=command.plan,
            approver=command.approver,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def change_level(command: ChangeResponseLevel, adcode: str, response: Response) -> list[Event]:
    if response.level is None:
        raise _no_response(command.incident_id)
    if response.level is command.level:
        return []
    return [
        ResponseLevelChanged(
            incident_id=command.incident_id,
            adcode=adcode,
            previous_level=response.level,
            level=command.level,
            approver=command.approver,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def terminate(command: TerminateResponse, adcode: str, response: Response) -> list[Event]:
    if response.level is None:
        raise _no_response(command.incident_id)
    return [
        ResponseTerminated(
            incident_id=command.incident_id,
            adcode=adcode,
            approver=command.approver,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def evolve(response: Response, event: Event) -> Response:
    match event:
        case ResponseActivated(level=level) | ResponseLevelChanged(level=level):
            return replace(response, level=level)
        case ResponseTerminated():
            return replace(response, level=None)
        case _:
            assert_never(event)


def require_none(incident_id: str, response: Response) -> None:
    """Raise the refusal of what needs that no response is active."""
    if response.level is not None:
        raise Rejection(
            "RESPONSE_ACTIVE",
            f"a level {response.level} response is active: terminate it first",
            incident_id=incident_id,
            level=response.level,
        )


def _no_response(incident_id: str) -> Rejection:
    return Rejection(
        "NO_RESPONSE_ACTIVE",
        f"no response is active on incident {incident_id}: activate one",
        incident_id=incident_id,
    )
