"""A transfer (调拨): supplies on the road between depots, until all are accounted for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.runtime.rejection import AlreadyExists, Invalid, NotFound, Rejection

# Commands.


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTransfer:
    """Follows from supplies having left their depot."""

    transfer_id: str
    item: str
    quantity: int
    from_depot_id: str
    to_depot_id: str
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveTransfer:
    """What is neither received nor lost stays on the road."""

    transfer_id: str
    received: int
    lost: int
    reason: str
    occurred_at: datetime


Command = StartTransfer | ReceiveTransfer


# Events.


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferStarted:
    transfer_id: str
    item: str
    quantity: int
    from_depot_id: str
    to_depot_id: str
    incident_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReceived:
    """What one receipt adds.  Carries all that the depots' counts need to follow from it."""

    transfer_id: str
    item: str
    from_depot_id: str
    to_depot_id: str
    received: int
    lost: int
    reason: str
    occurred_at: datetime


Event = TransferStarted | TransferReceived


# State.


@dataclass(frozen=True, slots=True)
class Transfer:
    started: TransferStarted
    receipts: tuple[TransferReceived, ...] = ()

    @property
    def outstanding(self) -> int:
        counted = sum(receipt.received + receipt.lost for receipt in self.receipts)
        return self.started.quantity - counted


State = Transfer | None
INITIAL: State = None


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    match command:
        case StartTransfer():
            return start(command, state)
        case ReceiveTransfer():
            return receive(command, state)
        case _:
            assert_never(command)


def start(command: StartTransfer, state: State) -> list[Event]:
    started = TransferStarted(
        transfer_id=command.transfer_id,
        item=command.item,
        quantity=command.quantity,
        from_depot_id=command.from_depot_id,
        to_depot_id=command.to_depot_id,
        incident_id=command.incident_id,
        occurred_at=command.occurred_at,
    )
    match state:
        case None:
            return [started]
        case Transfer(started=before):
            if replace(started, occurred_at=before.occurred_at) == before:
                return []
            raise AlreadyExists(
                "TRANSFER_EXISTS",
                f"{command.transfer_id} carries {before.quantity} {before.item} "
                f"from {before.from_depot_id} to {before.to_depot_id} already",
                transfer_id=command.transfer_id,
                item=before.item,
                quantity=str(before.quantity),
                from_depot_id=before.from_depot_id,
                to_depot_id=before.to_depot_id,
            )
        case _:
            assert_never(state)


def receive(command: ReceiveTransfer, state: State) -> list[Event]:
    if command.received == 0 and command.lost == 0:
        raise Invalid("NOTHING_RECEIVED", field="received", got="0", allowed="at least 1, or lost")
    if command.lost and not command.reason:
        raise Invalid("REASON_REQUIRED", field="reason", got="nothing", allowed="why it was lost")
    match state:
        case None:
            raise NotFound(
                "NO_SUCH_TRANSFER",
                f"there is no transfer {command.transfer_id}",
                transfer_id=command.transfer_id,
            )
        case Transfer(started, outstanding=outstanding):
            if command.received + command.lost > outstanding:
                raise Rejection(
                    "TRANSFER_EXCEEDED",
                    f"{command.transfer_id} has {outstanding} {started.item} on the road, "
                    f"not {command.received} and {command.lost} lost",
                    transfer_id=command.transfer_id,
                    outstanding=str(outstanding),
                    received=str(command.received),
                    lost=str(command.lost),
                )
            return [
                TransferReceived(
                    transfer_id=command.transfer_id,
                    item=started.item,
                    from_depot_id=started.from_depot_id,
                    to_depot_id=started.to_depot_id,
                    received=command.received,
                    lost=command.lost,
                    reason=command.reason,
                    occurred_at=command.occurred_at,
                )
            ]
        case _:
            assert_never(state)


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    match event:
        case TransferStarted():
            return Transfer(event)
        case TransferReceived():
            if state is None:
                return None
            return replace(state, receipts=(*state.receipts, event))
        case _:
            assert_never(event)
