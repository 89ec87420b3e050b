"""What may be done about a need, and what it becomes: never does more come than was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from services.command.domain.incident import due, objectives
from services.command.domain.incident.needs import (
    ENDED,
    CancelNeed,
    Command,
    Commitment,
    CommitToNeed,
    Event,
    FulfilNeed,
    Need,
    NeedCancelled,
    NeedCommitmentWithdrawn,
    NeedCommitted,
    NeedFulfilled,
    NeedRaised,
    Needs,
    NeedState,
    OfOne,
    RaiseNeed,
    WithdrawCommitment,
)
from services.runtime.rejection import AlreadyExists, Forbidden, NotFound, Rejection


def decide(
    command: Command, adcode: str, needs: Needs, aims: objectives.Objectives
) -> Sequence[Event]:
    if isinstance(command, RaiseNeed):
        return raise_(command, adcode, needs, aims)
    need = _known(command, needs)
    match command:
        case CommitToNeed():
            return commit(command, adcode, need)
        case WithdrawCommitment():
            return withdraw(command, adcode, need)
        case FulfilNeed():
            return fulfil(command, adcode, need)
        case CancelNeed():
            return cancel(command, adcode, need)
        case _:
            assert_never(command)


def raise_(
    command: RaiseNeed, adcode: str, needs: Needs, aims: objectives.Objectives
) -> list[NeedRaised]:
    due.require_ahead("needed_by_time", command.needed_by, command.occurred_at)
    asked = NeedRaised(
        incident_id=command.incident_id,
        adcode=adcode,
        need_id=command.need_id,
        category=command.category,
        item=command.item,
        quantity=command.quantity,
        unit=command.unit,
        place=command.place,
        needed_by=command.needed_by,
        objective_id=command.objective_id,
        note=command.note,
        raised_by=command.by.subject,
        occurred_at=command.occurred_at,
    )
    known = needs.needs.get(command.need_id)
    if known is None:
        objectives.require_open(command.incident_id, command.objective_id, aims)
        return [asked]
    if replace(known.asked, raised_by=asked.raised_by, occurred_at=asked.occurred_at) == asked:
        return []
    raise AlreadyExists(
        "NEED_EXISTS",
        f"need {command.need_id} is there already: "
        f"{known.asked.quantity} {known.asked.unit} {known.asked.item}",
        need_id=command.need_id,
    )


def commit(command: CommitToNeed, adcode: str, need: Need) -> list[Event]:
    """Nobody promises what others have promised already."""
    known = need.commitments.get(command.commitment_id)
    if known is not None:
        said = (command.quantity, command.source, command.expected_at)
        if said == (known.quantity, known.source, known.expected_at):
            return []
        raise AlreadyExists(
            "COMMITMENT_EXISTS",
            f"commitment {command.commitment_id} is {known.source.provider}'s "
            f"of {known.quantity}; withdraw it and promise anew",
            commitment_id=command.commitment_id,
        )
    _require_open(command, need)
    _require_at_most(command, need, need.remaining - need.committed, "nobody has promised")
    return [
        NeedCommitted(
            incident_id=command.incident_id,
            adcode=adcode,
            need_id=command.need_id,
            category=need.asked.category,
            commitment_id=command.commitment_id,
            quantity=command.quantity,
            source=command.source,
            expected_at=command.expected_at,
            committed=need.committed + command.quantity,
            remaining=need.remaining,
            committed_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def withdraw(command: WithdrawCommitment, adcode: str, need: Need) -> list[Event]:
    known = _promise(command.commitment_id, need)
    if known.withdrawn:
        return []
    _require_open(command, need)
    return [
        NeedCommitmentWithdrawn(
            incident_id=command.incident_id,
            adcode=adcode,
            need_id=command.need_id,
            category=need.asked.category,
            commitment_id=command.commitment_id,
            reason=command.reason,
            committed=need.committed - known.outstanding,
            remaining=need.remaining,
            withdrawn_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def fulfil(command: FulfilNeed, adcode: str, need: Need) -> list[Event]:
    """Count a part once, however often its receipt is entered."""
    known = need.fulfilments.get(command.fulfilment_id)
    if known is not None:
        if (command.quantity, command.source) == (known.quantity, known.source):
            return []
        raise AlreadyExists(
            "FULFILMENT_EXISTS",
            f"fulfilment {command.fulfilment_id} was entered with {known.quantity}",
            fulfilment_id=command.fulfilment_id,
        )
    _require_open(command, need)
    _require_at_most(command, need, need.remaining, "has not come")
    kept = 0
    if command.commitment_id:
        kept = min(command.quantity, _promise(command.commitment_id, need).outstanding)
    return [
        NeedFulfilled(
            incident_id=command.incident_id,
            adcode=adcode,
            need_id=command.need_id,
            category=need.asked.category,
            fulfilment_id=command.fulfilment_id,
            commitment_id=command.commitment_id,
            quantity=command.quantity,
            source=command.source,
            committed=need.committed - kept,
            remaining=need.remaining - command.quantity,
            fulfilled_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def cancel(command: CancelNeed, adcode: str, need: Need) -> list[Event]:
    if not command.in_charge and command.by.subject != need.asked.raised_by:
        raise Forbidden(
            "NOT_RAISER",
            f"{need.asked.raised_by} raised need {command.need_id}; "
            f"{command.by.subject} may not cancel it",
            need_id=command.need_id,
            raised_by=need.asked.raised_by,
            subject=command.by.subject,
        )
    if need.state is NeedState.CANCELLED:
        return []
    _require_open(command, need)
    return [_cancelled(need, adcode, command.reason, command.by.subject, command.occurred_at)]


def call_off(
    needs: Needs, *, adcode: str, reason: str, by: str, occurred_at: datetime
) -> list[Event]:
    """Cancel whatever has not come, so that nobody sends it to an incident that is over."""
    return [_cancelled(need, adcode, reason, by, occurred_at) for need in needs.open()]


def _cancelled(need: Need, adcode: str, reason: str, by: str, at: datetime) -> NeedCancelled:
    return NeedCancelled(
        incident_id=need.asked.incident_id,
        adcode=adcode,
        need_id=need.asked.need_id,
        category=need.asked.category,
        reason=reason,
        cancelled_by=by,
        occurred_at=at,
    )


def evolve(needs: Needs, event: Event) -> Needs:
    if isinstance(event, NeedRaised):
        now = Need(asked=event)
    elif event.need_id in needs.needs:
        now = _advance(needs.needs[event.need_id], event)
    else:
        return needs
    return replace(needs, needs={**needs.needs, event.need_id: now})


def _advance(
    need: Need, event: NeedCommitted | NeedCommitmentWithdrawn | NeedFulfilled | NeedCancelled
) -> Need:
    match event:
        case NeedCommitted():
            promise = Commitment(
                quantity=event.quantity,
                source=event.source,
                expected_at=event.expected_at,
                outstanding=event.quantity,
            )
            return _promised(need, event.commitment_id, promise)
        case NeedCommitmentWithdrawn():
            known = need.commitments.get(event.commitment_id)
            if known is None:
                return need
            return _promised(
                need, event.commitment_id, replace(known, outstanding=0, withdrawn=True)
            )
        case NeedFulfilled():
            come = replace(need, fulfilments={**need.fulfilments, event.fulfilment_id: event})
            known = need.commitments.get(event.commitment_id)
            if known is None:
                return come
            left = max(0, known.outstanding - event.quantity)
            return _promised(come, event.commitment_id, replace(known, outstanding=left))
        case NeedCancelled():
            return replace(need, cancelled=True)
        case _:
            assert_never(event)


def _promised(need: Need, commitment_id: str, promise: Commitment) -> Need:
    return replace(need, commitments={**need.commitments, commitment_id: promise})


def _known(command: OfOne, needs: Needs) -> Need:
    need = needs.needs.get(command.need_id)
    if need is None:
        raise NotFound(
            "NO_SUCH_NEED",
            f"incident {command.incident_id} has no need {command.need_id}",
            incident_id=command.incident_id,
            need_id=command.need_id,
        )
    return need


def _promise(commitment_id: str, need: Need) -> Commitment:
    known = need.commitments.get(commitment_id)
    if known is None:
        raise NotFound(
            "NO_SUCH_COMMITMENT",
            f"nobody made commitment {commitment_id} to need {need.asked.need_id}",
            need_id=need.asked.need_id,
            commitment_id=commitment_id,
        )
    return known


def _require_open(command: OfOne, need: Need) -> None:
    if need.state in ENDED:
        raise Rejection(
            "NEED_ENDED",
            f"need {command.need_id} is {need.state}: raise a new one",
            need_id=command.need_id,
            state=need.state,
        )


def _require_at_most(command: CommitToNeed | FulfilNeed, need: Need, left: int, what: str) -> None:
    if command.quantity > left:
        raise Rejection(
            "NEED_EXCEEDED",
            f"got {command.quantity} {need.asked.unit}, "
            f"but only {left} of {need.asked.quantity} {what}",
            need_id=command.need_id,
            got=str(command.quantity),
            allowed=str(left),
        )
