"""指挥权移交: offered with a briefing, understood, accepted, and ruling from one instant on.

The steps are ICS's transfer of command (FEMA IS-200): assess together, brief, choose the time,
tell everybody, reassign who leaves.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from services.command.domain.incident.roles import PostTable
from services.command.domain.incident.succession import Standing, Tenure
from services.command.domain.incident.transfer import (
    AcceptTransfer,
    AcknowledgeBriefing,
    BriefingAcknowledged,
    Command,
    CommandTaken,
    CommandTransferred,
    DeclineTransfer,
    Event,
    Handover,
    Outcome,
    ProposeTransfer,
    TakeCommand,
    TransferDeclined,
    TransferProposed,
    TransferWithdrawn,
    WithdrawTransfer,
)
from services.runtime.rejection import AlreadyExists, Forbidden, Invalid, NotFound, Rejection


def decide(
    table: PostTable, command: Command, adcode: str, handover: Handover, standing: Standing
) -> list[Event]:
    match command:
        case ProposeTransfer():
            return propose(table, command, adcode, handover, standing)
        case AcknowledgeBriefing():
            return acknowledge(command, adcode, handover)
        case AcceptTransfer():
            return accept(command, adcode, handover, standing)
        case DeclineTransfer():
            return decline(command, adcode, handover)
        case WithdrawTransfer():
            return withdraw(command, adcode, handover)
        case TakeCommand():
            return take(command, adcode, standing)
        case _:
            assert_never(command)


def propose(
    table: PostTable,
    command: ProposeTransfer,
    adcode: str,
    handover: Handover,
    standing: Standing,
) -> list[Event]:
    """Only who holds command may offer it, or a superior who says why."""
    holder = standing.require_holder(command.incident_id).commander
    if holder != command.by.subject:
        if not standing.superior:
            raise _not_commander(command, holder)
        if not command.reason:
            raise Invalid(
                "REASON_REQUIRED",
                field="reason",
                got="nothing",
                allowed=f"why command shall pass from {holder}, who does not propose it",
            )
    if standing.coming is not None:
        raise _scheduled(command.incident_id, standing.coming)
    if command.to == holder:
        return []
    _check_instant(table, command, standing.moment)
    proposed = TransferProposed(
        incident_id=command.incident_id,
        adcode=adcode,
        transfer_id=command.transfer_id,
        outgoing=holder,
        incoming=command.to,
        briefing=command.briefing,
        details=command.details,
        effective_at=command.effective_at,
        proposed_by=command.by.subject,
        reason=command.reason,
        occurred_at=command.occurred_at,
    )
    pending = handover.pending
    if pending is not None and _says_the_same(pending, proposed):
        return []
    if command.transfer_id in handover.outcomes:
        raise AlreadyExists(
            "TRANSFER_EXISTS",
            f"transfer {command.transfer_id} was proposed in other words: choose another id",
            transfer_id=command.transfer_id,
        )
    if pending is not None and holder == command.by.subject != pending.proposed_by:
        raise Rejection(
            "TRANSFER_ORDERED",
            f"{pending.proposed_by}, a superior, has proposed to hand command to "
            f"{pending.incoming}; only they may withdraw that",
            incident_id=command.incident_id,
            transfer_id=pending.transfer_id,
            proposed_by=pending.proposed_by,
        )
    return [proposed]


def acknowledge(command: AcknowledgeBriefing, adcode: str, handover: Handover) -> list[Event]:
    if handover.outcomes.get(command.transfer_id) is Outcome.ACCEPTED:
        return []
    pending = _pending(command, handover)
    _require_incoming(command, pending)
    if handover.acknowledged:
        return []
    return [
        BriefingAcknowledged(
            incident_id=command.incident_id,
            adcode=adcode,
            transfer_id=pending.transfer_id,
            incoming=pending.incoming,
            occurred_at=command.occurred_at,
        )
    ]


def accept(
    command: AcceptTransfer, adcode: str, handover: Handover, standing: Standing
) -> list[Event]:
    """Command passes at the instant that was proposed, or on acceptance where that is later."""
    holder = standing.require_holder(command.incident_id)
    last = standing.coming or holder
    if last.commander == command.by.subject:
        return []
    if command.transfer_id:
        pending = _pending(command, handover)
        _require_incoming(command, pending)
    elif handover.pending is not None and handover.pending.incoming == command.by.subject:
        pending = handover.pending
    else:
        raise _none_proposed(command, last.commander)
    if not handover.acknowledged:
        raise Rejection(
            "BRIEFING_NOT_ACKNOWLEDGED",
            f"{pending.incoming} has not acknowledged the briefing of transfer "
            f"{pending.transfer_id}: acknowledge it first",
            incident_id=command.incident_id,
            transfer_id=pending.transfer_id,
        )
    return [
        CommandTransferred(
            incident_id=command.incident_id,
            adcode=adcode,
            transfer_id=pending.transfer_id,
            outgoing=holder.commander,
            incoming=pending.incoming,
            jurisdiction=command.by.jurisdiction,
            concerned=_with(standing.concerned, pending.incoming, pending.proposed_by),
            occurred_at=command.occurred_at,
            effective_at=max(standing.moment, pending.effective_at or standing.moment),
        )
    ]


def decline(command: DeclineTransfer, adcode: str, handover: Handover) -> list[Event]:
    if handover.outcomes.get(command.transfer_id) is Outcome.DECLINED:
        return []
    pending = _pending(command, handover)
    _require_incoming(command, pending)
    return [
        TransferDeclined(
            incident_id=command.incident_id,
            adcode=adcode,
            transfer_id=pending.transfer_id,
            outgoing=pending.outgoing,
            incoming=pending.incoming,
            proposed_by=pending.proposed_by,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def withdraw(command: WithdrawTransfer, adcode: str, handover: Handover) -> list[Event]:
    if handover.outcomes.get(command.transfer_id) is Outcome.WITHDRAWN:
        return []
    pending = _pending(command, handover)
    if pending.proposed_by != command.by.subject:
        raise Forbidden(
            "NOT_PROPOSER",
            f"{pending.proposed_by} has proposed transfer {pending.transfer_id}; "
            "nobody else may withdraw it",
            incident_id=command.incident_id,
            transfer_id=pending.transfer_id,
            proposed_by=pending.proposed_by,
            subject=command.by.subject,
        )
    return [
        TransferWithdrawn(
            incident_id=command.incident_id,
            adcode=adcode,
            transfer_id=pending.transfer_id,
            outgoing=pending.outgoing,
            incoming=pending.incoming,
            proposed_by=pending.proposed_by,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def take(command: TakeCommand, adcode: str, standing: Standing) -> list[Event]:
    """Let a superior command from now on; nobody has to agree, and everybody is told why."""
    holder, coming = standing.require_holder(command.incident_id), standing.coming
    if holder.commander == command.by.subject:
        return []
    if not standing.superior:
        above = coming or holder
        raise Forbidden(
            "NOT_SUPERIOR",
            f"{above.commander} commands incident {command.incident_id} for {above.jurisdiction}; "
            f"only a superior may take command, not {command.by.subject} "
            f"of {command.by.jurisdiction}",
            incident_id=command.incident_id,
            commander=above.commander,
            held_for=above.jurisdiction,
            subject=command.by.subject,
            jurisdiction=command.by.jurisdiction,
        )
    instead_of = coming.commander if coming is not None else ""
    return [
        CommandTaken(
            incident_id=command.incident_id,
            adcode=adcode,
            outgoing=holder.commander,
            incoming=command.by.subject,
            instead_of="" if instead_of == command.by.subject else instead_of,
            jurisdiction=command.by.jurisdiction,
            reason=command.reason,
            concerned=_with(standing.concerned, command.by.subject),
            occurred_at=command.occurred_at,
            effective_at=standing.moment,
        )
    ]


def _says_the_same(pending: TransferProposed, proposed: TransferProposed) -> bool:
    return (
        replace(pending, transfer_id=proposed.transfer_id, occurred_at=proposed.occurred_at)
        == proposed
    )


def _check_instant(table: PostTable, command: ProposeTransfer, moment: datetime) -> None:
    latest = moment + timedelta(hours=table.longest_notice_hours)
    if command.effective_at is not None and not moment <= command.effective_at <= latest:
        raise Invalid(
            "TIME_OUT_OF_RANGE",
            field="effective_time",
            got=command.effective_at.isoformat(),
            allowed=f"{moment.isoformat()} to {latest.isoformat()}",
        )


def _pending(
    command: AcknowledgeBriefing | AcceptTransfer | DeclineTransfer | WithdrawTransfer,
    handover: Handover,
) -> TransferProposed:
    """Return the proposal that the command names.  Raises the refusal of one that does not wait."""
    if handover.pending is not None and handover.pending.transfer_id == command.transfer_id:
        return handover.pending
    outcome = handover.outcomes.get(command.transfer_id)
    if outcome is None:
        raise NotFound(
            "NO_SUCH_TRANSFER",
            f"no transfer {command.transfer_id} was proposed on incident {command.incident_id}",
            incident_id=command.incident_id,
            transfer_id=command.transfer_id,
        )
    raise Rejection(
        "TRANSFER_NOT_PENDING",
        f"transfer {command.transfer_id} waits no more: it was {outcome}",
        incident_id=command.incident_id,
        transfer_id=command.transfer_id,
        outcome=outcome,
    )


def _require_incoming(
    command: AcknowledgeBriefing | AcceptTransfer | DeclineTransfer, pending: TransferProposed
) -> None:
    if pending.incoming != command.by.subject:
        raise _none_proposed(command, pending.outgoing)


def _none_proposed(
    command: AcknowledgeBriefing | AcceptTransfer | DeclineTransfer, commander: str
) -> Rejection:
    return Rejection(
        "NO_TRANSFER_PROPOSED",
        f"nobody has proposed to hand command to {command.by.subject}",
        incident_id=command.incident_id,
        commander=commander,
        subject=command.by.subject,
    )


def _scheduled(incident_id: str, coming: Tenure) -> Rejection:
    return Rejection(
        "TRANSFER_SCHEDULED",
        f"command passes to {coming.commander} at {coming.since.isoformat()}, who has accepted it; "
        "until then only a superior may take it",
        incident_id=incident_id,
        incoming=coming.commander,
        effective_at=coming.since.isoformat(),
    )


def _not_commander(command: ProposeTransfer, commander: str) -> Forbidden:
    return Forbidden(
        "NOT_INCIDENT_COMMANDER",
        f"{commander} commands incident {command.incident_id}; "
        "only the commander may hand it over, or a superior",
        incident_id=command.incident_id,
        commander=commander,
        subject=command.by.subject,
    )


def _with(concerned: tuple[str, ...], *more: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*concerned, *more)))
