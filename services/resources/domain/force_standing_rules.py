"""What a force is, who leads it, and whether it is recognised and insured."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from services.resources.domain import moments, region
from services.resources.domain.force import (
    AppointForceLead,
    Event,
    Force,
    ForceInsured,
    ForceLeadAppointed,
    ForceRecognised,
    ForceRecognitionWithdrawn,
    ForceRegistered,
    InsureForce,
    RecogniseForce,
    RegisterForce,
    State,
    WithdrawRecognition,
)
from services.runtime.rejection import AlreadyExists


def register(command: RegisterForce, state: State) -> list[Event]:
    region.require(command.by, command.adcode)
    command.rules.of(command.force_class)
    registered = ForceRegistered(
        force_id=command.force_id,
        name=command.name,
        force_class=command.force_class,
        adcode=command.adcode,
        responsible=command.responsible,
        contact=command.contact,
        occurred_at=command.occurred_at,
    )
    match state:
        case None:
            return [registered]
        case Force(registered=before):
            if replace(registered, occurred_at=before.occurred_at) == before:
                return []
            raise AlreadyExists(
                "FORCE_EXISTS",
                f"{command.force_id} is registered already, as {before.name}",
                force_id=command.force_id,
                name=before.name,
            )
        case _:
            assert_never(state)


def appoint(command: AppointForceLead, force: Force) -> list[Event]:
    before = force.registered
    if (command.responsible, command.contact) == (before.responsible, before.contact):
        return []
    return [
        ForceLeadAppointed(
            force_id=command.force_id,
            adcode=before.adcode,
            responsible=command.responsible,
            contact=command.contact,
            previous=before.responsible,
            occurred_at=command.occurred_at,
        )
    ]


def recognise(command: RecogniseForce, force: Force) -> list[Event]:
    moments.require_after(
        command.occurred_at, command.valid_until, "ENDS_TOO_EARLY", field="valid_until_time"
    )
    recognised = ForceRecognised(
        force_id=command.force_id,
        adcode=force.registered.adcode,
        authority=command.authority,
        level=command.level,
        branches=command.branches,
        document=command.document,
        valid_until=command.valid_until,
        occurred_at=command.occurred_at,
    )
    before = force.recognised
    if before is not None and replace(recognised, occurred_at=before.occurred_at) == before:
        return []
    return [recognised]


def withdraw_recognition(command: WithdrawRecognition, force: Force) -> list[Event]:
    if force.recognised is None:
        return []
    return [
        ForceRecognitionWithdrawn(
            force_id=command.force_id,
            adcode=force.registered.adcode,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def insure(command: InsureForce, force: Force) -> list[Event]:
    moments.require_after(
        command.occurred_at, command.valid_until, "ENDS_TOO_EARLY", field="valid_until_time"
    )
    insured = ForceInsured(
        force_id=command.force_id,
        adcode=force.registered.adcode,
        insurer=command.insurer,
        policy=command.policy,
        people=command.people,
        valid_until=command.valid_until,
        occurred_at=command.occurred_at,
    )
    before = force.insured
    if before is not None and replace(insured, occurred_at=before.occurred_at) == before:
        return []
    return [insured]
