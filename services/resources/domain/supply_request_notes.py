"""What happens to a supply request on the road, and how its facts add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from services.resources.domain.supply_request import (
    CancelSupplyRequest,
    Commitment,
    CompleteSupplyRequest,
    Event,
    NeedServed,
    NoteDelivery,
    NoteDiversion,
    NoteShipment,
    Stage,
    State,
    SuppliesCommitted,
    SupplyCommitmentWithdrawn,
    SupplyDeliveryNoted,
    SupplyDiversionNoted,
    SupplyRequest,
    SupplyRequestAccepted,
    SupplyRequestApproved,
    SupplyRequestCancelled,
    SupplyRequestCompleted,
    SupplyRequestDeclined,
    SupplyRequested,
    SupplyShipmentNoted,
)

ALL_CAME = "all came"


def note(command: NoteShipment | NoteDelivery | NoteDiversion, state: SupplyRequest) -> list[Event]:
    """Take down what happened, each thing once.  It did, so it is never refused."""
    match command:
        case NoteShipment():
            if command.transfer_id in state.left:
                return []
            return [
                SupplyShipmentNoted(
                    supply_request_id=command.supply_request_id,
                    transfer_id=command.transfer_id,
                    depot_id=command.depot_id,
                    quantity=command.quantity,
                    occurred_at=command.occurred_at,
                )
            ]
        case NoteDelivery():
            return _delivered(command, state)
        case NoteDiversion():
            quantity = min(command.quantity, state.on_the_way.get(command.transfer_id, 0))
            if not quantity:
                return []
            return [
                SupplyDiversionNoted(
                    supply_request_id=command.supply_request_id,
                    transfer_id=command.transfer_id,
                    quantity=quantity,
                    occurred_at=command.occurred_at,
                )
            ]
        case _:
            assert_never(command)


def _delivered(command: NoteDelivery, state: SupplyRequest) -> list[Event]:
    if (command.transfer_id, command.count) in state.counted:
        return []
    events: list[Event] = [
        SupplyDeliveryNoted(
            supply_request_id=command.supply_request_id,
            transfer_id=command.transfer_id,
            count=command.count,
            received=command.received,
            lost=command.lost,
            occurred_at=command.occurred_at,
        )
    ]
    received = state.received + command.received
    if state.stage is Stage.APPROVED and received >= state.approved:
        events += let_go(command, state, ALL_CAME)
        events.append(
            SupplyRequestCompleted(
                supply_request_id=command.supply_request_id,
                received=received,
                missing=0,
                reason=ALL_CAME,
                occurred_at=command.occurred_at,
            )
        )
    return events


def let_go(
    command: CompleteSupplyRequest | CancelSupplyRequest | NoteDelivery,
    state: SupplyRequest,
    reason: str,
) -> list[Event]:
    """Withdraw what depots still hold for it."""
    return [
        SupplyCommitmentWithdrawn(
            supply_request_id=command.supply_request_id,
            commitment_id=commitment_id,
            depot_id=commitment.made.depot_id,
            item=commitment.made.item,
            quantity=commitment.open,
            incident_id=commitment.made.incident_id,
            reason=reason,
            occurred_at=command.occurred_at,
        )
        for commitment_id, commitment in state.commitments.items()
        if commitment.open
    ]


def served(before: SupplyRequest, events: Sequence[Event]) -> list[Event]:
    """Return what command shall know of the need, where that is other than before."""
    now: State = before
    for event in events:
        now = evolve(now, event)
    asked = before.requested
    if not events or now is None or not asked.need_id:
        return []
    if (now.outstanding, now.received) == (before.outstanding, before.received):
        return []
    return [
        NeedServed(
            supply_request_id=asked.supply_request_id,
            incident_id=asked.incident_id,
            need_id=asked.need_id,
            adcode=asked.place.adcode,
            unit=asked.unit,
            depots=tuple(sorted({one.made.depot_id for one in now.commitments.values()})),
            outstanding=now.outstanding,
            received=now.received,
            occurred_at=events[-1].occurred_at,
        )
    ]


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    if isinstance(event, SupplyRequested):
        return SupplyRequest(event)
    if state is None:
        return None
    match event:
        case SupplyRequestApproved(quantity=quantity):
            return replace(state, stage=Stage.APPROVED, approved=quantity)
        case SupplyRequestDeclined():
            return replace(state, stage=Stage.DECLINED)
        case SupplyRequestAccepted():
            return state
        case SuppliesCommitted(commitment_id=commitment_id, quantity=quantity):
            made = Commitment(event, quantity)
            return replace(state, commitments={**state.commitments, commitment_id: made})
        case SupplyCommitmentWithdrawn(commitment_id=commitment_id):
            withdrawn = replace(state.commitments[commitment_id], open=0)
            return replace(state, commitments={**state.commitments, commitment_id: withdrawn})
        case SupplyShipmentNoted(transfer_id=transfer_id, quantity=quantity):
            return replace(
                state,
                commitments=_kept(state.commitments, event.depot_id, quantity),
                on_the_way={**state.on_the_way, transfer_id: quantity},
                left=state.left | {transfer_id},
            )
        case SupplyDeliveryNoted(transfer_id=transfer_id):
            less = event.received + event.lost
            return replace(
                state,
                on_the_way=_less(state.on_the_way, transfer_id, less),
                counted=state.counted | {(transfer_id, event.count)},
                received=state.received + event.received,
            )
        case SupplyDiversionNoted(transfer_id=transfer_id, quantity=quantity):
            return replace(state, on_the_way=_less(state.on_the_way, transfer_id, quantity))
        case SupplyRequestCompleted():
            return replace(state, stage=Stage.COMPLETED)
        case SupplyRequestCancelled():
            return replace(state, stage=Stage.CANCELLED)
        case NeedServed():
            return state
        case _:
            assert_never(event)


def _kept(
    commitments: Mapping[str, Commitment], depot_id: str, quantity: int
) -> Mapping[str, Commitment]:
    """Take what left a depot off what it had promised, its oldest promise first."""
    kept = dict(commitments)
    for commitment_id, commitment in commitments.items():
        if commitment.made.depot_id == depot_id:
            part = min(quantity, commitment.open)
            kept[commitment_id] = replace(commitment, open=commitment.open - part)
            quantity -= part
    return kept


def _less(on_the_way: Mapping[str, int], transfer_id: str, quantity: int) -> Mapping[str, int]:
    left = {**on_the_way, transfer_id: on_the_way.get(transfer_id, 0) - quantity}
    return {key: count for key, count in left.items() if count > 0}
