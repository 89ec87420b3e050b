"""How a supply request may go: the rules of `supply_request`."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from services.resources.domain import region, supply_request_notes
from services.resources.domain.supply_request import (
    AcceptSupplyRequest,
    Act,
    AddressSupplyRequest,
    ApproveSupplyRequest,
    CancelSupplyRequest,
    Command,
    CommitSupplies,
    CompleteSupplyRequest,
    DeclineSupplyRequest,
    Event,
    NoteDelivery,
    NoteDiversion,
    NoteShipment,
    Stage,
    State,
    SubmitSupplyRequest,
    SuppliesCommitted,
    SupplyCommitmentWithdrawn,
    SupplyRequest,
    SupplyRequestAccepted,
    SupplyRequestApproved,
    SupplyRequestCancelled,
    SupplyRequestCompleted,
    SupplyRequestDeclined,
    SupplyRequested,
    WithdrawCommitment,
)
from services.runtime.rejection import AlreadyExists, Invalid, NotFound, Rejection

COMPLETED, CANCELLED = "request completed", "request cancelled"


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    if isinstance(command, SubmitSupplyRequest):
        return submit(command, state)
    if state is None:
        raise NotFound(
            "NO_SUCH_SUPPLY_REQUEST",
            f"there is no supply request {command.supply_request_id}",
            supply_request_id=command.supply_request_id,
        )
    events = act(command, state)
    return [*events, *supply_request_notes.served(state, events)]


def act(command: Act, state: SupplyRequest) -> list[Event]:
    """Decide about a request that there is."""
    match command:
        case ApproveSupplyRequest():
            return approve(command, state)
        case DeclineSupplyRequest():
            return decline(command, state)
        case AcceptSupplyRequest():
            return accept(command, state)
        case CommitSupplies():
            return commit(command, state)
        case WithdrawCommitment():
            return withdraw(command, state)
        case CompleteSupplyRequest():
            return complete(command, state)
        case CancelSupplyRequest():
            return cancel(command, state)
        case AddressSupplyRequest():
            return address(command, state)
        case NoteShipment() | NoteDelivery() | NoteDiversion():
            return supply_request_notes.note(command, state)
        case _:
            assert_never(command)


def submit(command: SubmitSupplyRequest, state: State) -> list[Event]:
    region.require(command.by, command.place.adcode)
    requested = SupplyRequested(
        supply_request_id=command.supply_request_id,
        item=command.item,
        quantity=command.quantity,
        unit=command.unit,
        item_class=command.item_class,
        incident_id=command.incident_id,
        need_id=command.need_id,
        place=command.place,
        to_depot_id=command.to_depot_id,
        needed_by=command.needed_by,
        note=command.note,
        requested_by=command.by.subject,
        occurred_at=command.occurred_at,
    )
    if state is None:
        return [requested]
    before = state.requested
    if replace(requested, occurred_at=before.occurred_at) == before:
        return []
    raise AlreadyExists(
        "SUPPLY_REQUEST_EXISTS",
        f"{command.supply_request_id} asks for {before.quantity} {before.item} already",
        supply_request_id=command.supply_request_id,
        item=before.item,
        quantity=str(before.quantity),
        requested_by=before.requested_by,
    )


def approve(command: ApproveSupplyRequest, state: SupplyRequest) -> list[Event]:
    asked = state.requested.quantity
    region.require(command.by, state.requested.place.adcode)
    quantity = command.quantity or asked
    if state.stage is Stage.APPROVED and state.approved == quantity:
        return []
    _require(state, Stage.SUBMITTED)
    if quantity > asked:
        raise Invalid(
            "APPROVAL_EXCEEDS_REQUEST",
            field="quantity",
            got=str(quantity),
            allowed=f"at most {asked}, which is what was asked",
        )
    if quantity < asked and not command.reason:
        raise Invalid(
            "REASON_REQUIRED",
            field="reason",
            got="nothing",
            allowed=f"why {quantity} of {asked} are approved",
        )
    return [
        SupplyRequestApproved(
            supply_request_id=command.supply_request_id,
            asked=asked,
            quantity=quantity,
            reason=command.reason,
            approved_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def decline(command: DeclineSupplyRequest, state: SupplyRequest) -> list[Event]:
    region.require(command.by, state.requested.place.adcode)
    if state.stage is Stage.DECLINED:
        return []
    _require(state, Stage.SUBMITTED)
    return [
        SupplyRequestDeclined(
            supply_request_id=command.supply_request_id,
            reason=command.reason,
            declined_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def accept(command: AcceptSupplyRequest, state: SupplyRequest) -> list[Event]:
    _require(state, Stage.SUBMITTED, Stage.APPROVED)
    return [
        SupplyRequestAccepted(
            supply_request_id=command.supply_request_id,
            depot_id=command.depot_id,
            note=command.note,
            accepted_by=command.by.subject,
            occurred_at=command.occurred_at,
        )
    ]


def commit(command: CommitSupplies, state: SupplyRequest) -> list[Event]:
    committed = SuppliesCommitted(
        supply_request_id=command.supply_request_id,
        commitment_id=command.commitment_id,
        depot_id=command.depot_id,
        item=state.requested.item,
        quantity=command.quantity,
        incident_id=state.requested.incident_id,
        expected_at=command.expected_at,
        committed_by=command.by.subject,
        occurred_at=command.occurred_at,
    )
    before = state.commitments.get(command.commitment_id)
    if before is not None:
        made = before.made
        if (made.depot_id, made.quantity) == (committed.depot_id, committed.quantity):
            return []
        raise AlreadyExists(
            "COMMITMENT_EXISTS",
            f"{command.commitment_id} promises {made.quantity} from {made.depot_id} already",
            commitment_id=command.commitment_id,
            depot_id=made.depot_id,
            quantity=str(made.quantity),
        )
    _require(state, Stage.APPROVED)
    if command.quantity > state.uncovered:
        raise Rejection(
            "COMMITMENT_EXCEEDED",
            f"of {state.approved} approved {state.promised} are promised, {state.moving} on their "
            f"way and {state.received} there: {command.quantity} more are not wanted",
            supply_request_id=command.supply_request_id,
            approved=str(state.approved),
            uncovered=str(state.uncovered),
            asked=str(command.quantity),
        )
    return [committed]


def withdraw(command: WithdrawCommitment, state: SupplyRequest) -> list[Event]:
    commitment = state.commitments.get(command.commitment_id)
    if commitment is None:
        raise NotFound(
            "NO_SUCH_COMMITMENT",
            f"{command.supply_request_id} has no commitment {command.commitment_id}",
            supply_request_id=command.supply_request_id,
            commitment_id=command.commitment_id,
        )
    if not commitment.open:
        return []
    return [
        SupplyCommitmentWithdrawn(
            supply_request_id=command.supply_request_id,
            commitment_id=command.commitment_id,
            depot_id=commitment.made.depot_id,
            item=commitment.made.item,
            quantity=commitment.open,
            incident_id=commitment.made.incident_id,
            reason=command.reason,
            occurred_at=command.occurred_at,
        )
    ]


def complete(command: CompleteSupplyRequest, state: SupplyRequest) -> list[Event]:
    region.require(command.by, state.requested.place.adcode)
    if state.stage is Stage.COMPLETED:
        return []
    _require(state, Stage.APPROVED)
    return [
        *supply_request_notes.let_go(command, state, COMPLETED),
        SupplyRequestCompleted(
            supply_request_id=command.supply_request_id,
            received=state.received,
            missing=max(0, state.approved - state.received),
            reason=command.reason,
            occurred_at=command.occurred_at,
        ),
    ]


def cancel(command: CancelSupplyRequest, state: SupplyRequest) -> list[Event]:
    region.require(command.by, state.requested.place.adcode)
    if state.stage is Stage.CANCELLED:
        return []
    _require(state, Stage.SUBMITTED, Stage.APPROVED)
    return [
        *supply_request_notes.let_go(command, state, CANCELLED),
        SupplyRequestCancelled(
            supply_request_id=command.supply_request_id,
            reason=command.reason,
            cancelled_by=command.by.subject,
            occurred_at=command.occurred_at,
        ),
    ]


def address(command: AddressSupplyRequest, state: SupplyRequest) -> list[Event]:
    if command.transfer_id in state.left:
        return []
    if command.item != state.requested.item:
        raise Invalid("ITEM_DIFFERS", field="item", got=command.item, allowed=state.requested.item)
    _require(state, Stage.APPROVED)
    wanted = state.approved - state.moving - state.received
    if command.quantity > wanted:
        raise Rejection(
            "SUPPLY_REQUEST_EXCEEDED",
            f"of {state.approved} approved {state.moving} are on their way and {state.received} "
            f"there: {command.quantity} more are not wanted",
            supply_request_id=command.supply_request_id,
            approved=str(state.approved),
            wanted=str(wanted),
            asked=str(command.quantity),
        )
    return []


def _require(state: SupplyRequest, *stages: Stage) -> None:
    if state.stage not in stages:
        raise Rejection(
            f"SUPPLY_REQUEST_{state.stage.name}"
            if state.stage is not Stage.SUBMITTED
            else "SUPPLY_REQUEST_NOT_APPROVED",
            f"{state.requested.supply_request_id} is {state.stage}, not {' or '.join(stages)}",
            supply_request_id=state.requested.supply_request_id,
            stage=state.stage,
        )
