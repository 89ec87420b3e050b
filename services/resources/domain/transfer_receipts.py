"""What is counted on the way of a transfer, and at its end."""

from __future__ import annotations

from dataclasses import replace

from services.resources.domain.lots import Portions, draw, first_expired, minus
from services.resources.domain.transfer import (
    DepartTransfer,
    Event,
    HandOverTransfer,
    ReceiveTransfer,
    Transfer,
    TransferHandedOver,
    TransferReceived,
)
from services.runtime.rejection import AlreadyExists, Invalid, Rejection


def hand_over(command: HandOverTransfer, state: Transfer) -> list[Event]:
    require_leg(command, state)
    if command.leg == len(state.legs):
        raise Rejection(
            "LAST_LEG",
            f"leg {command.leg} ends at {state.to_depot_id}: take it in there (ReceiveTransfer)",
            transfer_id=command.transfer_id,
            leg=str(command.leg),
            to_depot_id=state.to_depot_id,
        )
    _require_reason(command)
    handed_over = TransferHandedOver(
        transfer_id=command.transfer_id,
        item=state.started.item,
        from_depot_id=state.started.from_depot_id,
        supply_request_id=state.supply_request_id,
        leg=command.leg,
        counted=command.counted,
        lost=command.lost,
        damaged=command.damaged,
        gone=(),
        reason=command.reason,
        handed_by=command.handed_by,
        taken_by=command.taken_by,
        occurred_at=command.occurred_at,
    )
    before = next((one for one in state.handovers if one.leg == command.leg), None)
    if before is not None:
        if (before.counted, before.lost, before.damaged) == (
            command.counted,
            command.lost,
            command.damaged,
        ):
            return []
        raise AlreadyExists(
            "LEG_HANDED_OVER",
            f"leg {command.leg} of {command.transfer_id} was handed over already: "
            f"{before.counted} counted by {before.taken_by}, {before.lost} lost, "
            f"{before.damaged} damaged",
            transfer_id=command.transfer_id,
            leg=str(command.leg),
            counted=str(before.counted),
            taken_by=before.taken_by,
        )
    if command.leg <= state.handed_over:
        raise Rejection(
            "LEG_PASSED",
            f"leg {state.handed_over} of {command.transfer_id} was handed over already: "
            "what was missing before is said where it is counted next",
            transfer_id=command.transfer_id,
            leg=str(command.leg),
            handed_over=str(state.handed_over),
        )
    if command.counted + command.lost + command.damaged != state.outstanding:
        raise Rejection(
            "COUNT_OPEN",
            f"{state.outstanding} {state.started.item} are on the road: {command.counted} counted, "
            f"{command.lost} lost and {command.damaged} damaged do not make that",
            transfer_id=command.transfer_id,
            outstanding=str(state.outstanding),
            counted=str(command.counted),
            lost=str(command.lost),
            damaged=str(command.damaged),
        )
    _, gone = _share(state, command.counted, command.lost + command.damaged)
    return [replace(handed_over, gone=gone)]


def receive(command: ReceiveTransfer, state: Transfer) -> list[Event]:
    if not command.received and not command.lost and not command.damaged:
        raise Invalid(
            "NOTHING_RECEIVED", field="received", got="0", allowed="at least 1, or lost or damaged"
        )
    _require_reason(command)
    if _entered(command, state):
        return []
    if command.received + command.lost + command.damaged > state.outstanding:
        raise Rejection(
            "TRANSFER_EXCEEDED",
            f"{command.transfer_id} has {state.outstanding} {state.started.item} on the road, "
            f"not {command.received}, {command.lost} lost and {command.damaged} damaged",
            transfer_id=command.transfer_id,
            outstanding=str(state.outstanding),
            received=str(command.received),
            lost=str(command.lost),
            damaged=str(command.damaged),
        )
    lots, gone = _share(state, command.received, command.lost + command.damaged)
    return [
        TransferReceived(
            transfer_id=command.transfer_id,
            item=state.started.item,
            from_depot_id=state.started.from_depot_id,
            to_depot_id=state.to_depot_id,
            incident_id=state.incident_id,
            supply_request_id=state.supply_request_id,
            number=len(state.receipts) + 1,
            receipt_number=command.receipt_number,
            received=command.received,
            lots=lots,
            lost=command.lost,
            damaged=command.damaged,
            gone=gone,
            reason=command.reason,
            said_by=command.said_by,
            occurred_at=command.occurred_at,
        )
    ]


def receipt(state: Transfer, receipt_number: str) -> TransferReceived | None:
    """Return the receipt that was entered under a number."""
    if not receipt_number:
        return None
    return next((one for one in state.receipts if one.receipt_number == receipt_number), None)


def _entered(command: ReceiveTransfer, state: Transfer) -> bool:
    before = receipt(state, command.receipt_number)
    if before is None:
        return False
    if (before.received, before.lost, before.damaged) == (
        command.received,
        command.lost,
        command.damaged,
    ):
        return True
    raise AlreadyExists(
        "RECEIPT_ENTERED",
        f"receipt {command.receipt_number} of {command.transfer_id} was entered already: "
        f"{before.received} received, {before.lost} lost, {before.damaged} damaged, "
        f"said {before.said_by or 'somebody'}",
        transfer_id=command.transfer_id,
        receipt_number=command.receipt_number,
        received=str(before.received),
        lost=str(before.lost),
        damaged=str(before.damaged),
        said_by=before.said_by,
    )


def require_leg(command: HandOverTransfer | DepartTransfer, state: Transfer) -> None:
    if command.leg > len(state.legs):
        raise Rejection(
            "NO_SUCH_LEG",
            f"{command.transfer_id} has {len(state.legs)} legs, not {command.leg}",
            transfer_id=command.transfer_id,
            legs=str(len(state.legs)),
            leg=str(command.leg),
        )


def _require_reason(command: HandOverTransfer | ReceiveTransfer) -> None:
    if (command.lost or command.damaged) and not command.reason:
        raise Invalid(
            "REASON_REQUIRED",
            field="reason",
            got="nothing",
            allowed="why it was lost or damaged, and who said so",
        )


def _share(state: Transfer, there: int, gone: int) -> tuple[Portions, Portions]:
    """Say which lots are there and which are gone: those that expire first are counted first."""
    road = first_expired(state.road)
    found = draw(road, there)
    rest = minus({lot.lot_id: lot for lot in road}, found)
    return found, draw(first_expired(rest.values()), gone)
