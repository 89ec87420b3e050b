"""How a transfer may go: the rules of `transfer`."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from services.resources.domain import transfer_receipts
from services.resources.domain.lots import Portions, minus
from services.resources.domain.route import Leg, straight
from services.resources.domain.transfer import (
    Command,
    DepartTransfer,
    DivertTransfer,
    Event,
    HandOverTransfer,
    ReceiveTransfer,
    StartTransfer,
    State,
    Transfer,
    TransferDeparted,
    TransferDiverted,
    TransferHandedOver,
    TransferReceived,
    TransferStarted,
    TransferTurnedBack,
    TurnBackTransfer,
)
from services.runtime.rejection import AlreadyExists, NotFound, Rejection


def decide(command: Command, state: State) -> list[Event]:
    """Return the facts a command adds, or raise the rule it breaks."""
    if isinstance(command, StartTransfer):
        return start(command, state)
    if state is None:
        raise NotFound(
            "NO_SUCH_TRANSFER",
            f"there is no transfer {command.transfer_id}",
            transfer_id=command.transfer_id,
        )
    match command:
        case HandOverTransfer():
            return transfer_receipts.hand_over(command, state)
        case DepartTransfer():
            return depart(command, state)
        case DivertTransfer():
            return divert(command, state)
        case TurnBackTransfer():
            return turn_back(command, state)
        case ReceiveTransfer():
            return transfer_receipts.receive(command, state)
        case _:
            assert_never(command)


def start(command: StartTransfer, state: State) -> list[Event]:
    started = TransferStarted(
        transfer_id=command.transfer_id,
        item=command.item,
        quantity=command.quantity,
        lots=command.lots,
        from_depot_id=command.from_depot_id,
        to_depot_id=command.to_depot_id,
        incident_id=command.incident_id,
        supply_request_id=command.supply_request_id,
        waybill=command.waybill,
        legs=command.legs,
        occurred_at=command.occurred_at,
    )
    match state:
        case None:
            return [started]
        case Transfer(started=before):
            if _load(started) == _load(before):
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


def _load(started: TransferStarted) -> tuple[str, int, str, str, str]:
    return (
        started.item,
        started.quantity,
        started.from_depot_id,
        started.to_depot_id,
        started.incident_id,
    )


def depart(command: DepartTransfer, state: Transfer) -> list[Event]:
    transfer_receipts.require_leg(command, state)
    departed = TransferDeparted(
        transfer_id=command.transfer_id,
        leg=command.leg,
        carrier=command.carrier or state.legs[command.leg - 1].carrier,
        expected_at=command.expected_at or state.legs[command.leg - 1].expected_at,
        occurred_at=command.occurred_at,
    )
    if command.leg <= state.departed:
        carrier = state.legs[command.leg - 1].carrier
        if departed.carrier == carrier:
            return []
        raise AlreadyExists(
            "LEG_DEPARTED",
            f"leg {command.leg} of {command.transfer_id} left already, with {carrier}",
            transfer_id=command.transfer_id,
            leg=str(command.leg),
            carrier=carrier,
        )
    require_on_the_road(command, state)
    return [departed]


def divert(command: DivertTransfer, state: Transfer) -> list[Event]:
    where = command.to_depot_id or state.to_depot_id
    for_whom = command.incident_id or state.incident_id
    if (where, for_whom) == (state.to_depot_id, state.incident_id):
        return []
    require_on_the_road(command, state)
    kept = state.supply_request_id if for_whom == state.incident_id else ""
    return [
        TransferDiverted(
            transfer_id=command.transfer_id,
            item=state.started.item,
            quantity=state.outstanding,
            was_to_depot_id=state.to_depot_id,
            was_for_incident_id=state.incident_id,
            was_for_supply_request_id=state.supply_request_id,
            to_depot_id=where,
            incident_id=for_whom,
            supply_request_id=command.supply_request_id or kept,
            legs=_onward(state, where, command.legs),
            reason=command.reason,
            diverted_by=command.diverted_by,
            occurred_at=command.occurred_at,
        )
    ]


def turn_back(command: TurnBackTransfer, state: Transfer) -> list[Event]:
    home = state.started.from_depot_id
    if state.to_depot_id == home:
        return []
    require_on_the_road(command, state)
    return [
        TransferTurnedBack(
            transfer_id=command.transfer_id,
            item=state.started.item,
            quantity=state.outstanding,
            was_to_depot_id=state.to_depot_id,
            was_for_incident_id=state.incident_id,
            was_for_supply_request_id=state.supply_request_id,
            to_depot_id=home,
            legs=_onward(state, home, ()),
            reason=command.reason,
            turned_by=command.turned_by,
            occurred_at=command.occurred_at,
        )
    ]


def _onward(state: Transfer, to_depot_id: str, legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    """Return the legs travelled, and the new ones: a carrier under way turns to the first."""
    travelled = max(state.departed - 1, state.handed_over)
    carrier = state.legs[state.departed - 1].carrier
    return (*state.legs[:travelled], *(legs or straight(to_depot_id, carrier)))


def require_on_the_road(
    command: DepartTransfer | DivertTransfer | TurnBackTransfer, state: Transfer
) -> None:
    if not state.outstanding:
        raise Rejection(
            "TRANSFER_CLOSED",
            f"all of {command.transfer_id} is accounted for: nothing is on the road",
            transfer_id=command.transfer_id,
        )


def evolve(state: State, event: Event) -> State:
    """Fold one fact into the state.  Total: it may neither raise nor read a clock."""
    if isinstance(event, TransferStarted):
        return Transfer(
            started=event,
            to_depot_id=event.to_depot_id,
            incident_id=event.incident_id,
            supply_request_id=event.supply_request_id,
            legs=event.legs,
            road=event.lots,
        )
    if state is None:
        return None
    match event:
        case TransferHandedOver(leg=leg, gone=gone):
            return replace(
                state,
                departed=max(state.departed, leg),
                handed_over=leg,
                handovers=(*state.handovers, event),
                road=_less(state, gone),
            )
        case TransferDeparted(leg=leg):
            number = leg - 1
            begun = replace(
                state.legs[number], carrier=event.carrier, expected_at=event.expected_at
            )
            return replace(
                state,
                departed=leg,
                departures=(*state.departures, event),
                legs=(*state.legs[:number], begun, *state.legs[leg:]),
            )
        case TransferDiverted():
            return replace(
                state,
                to_depot_id=event.to_depot_id,
                incident_id=event.incident_id,
                supply_request_id=event.supply_request_id,
                legs=event.legs,
            )
        case TransferTurnedBack():
            return replace(
                state,
                to_depot_id=event.to_depot_id,
                incident_id="",
                supply_request_id="",
                legs=event.legs,
            )
        case TransferReceived(lots=lots, gone=gone):
            return replace(
                state,
                receipts=(*state.receipts, event),
                road=_less(state, (*lots, *gone)),
            )
        case _:
            assert_never(event)


def _less(state: Transfer, portions: Portions) -> Portions:
    return tuple(minus({lot.lot_id: lot for lot in state.road}, portions).values())
