"""What follows by itself from supplies that leave, are counted on their way, and arrive.

A shipment touches the stock that it leaves, its own stream, the stock that takes it in and the
request that it was sent for.  The RPC that moved the first also moves the others at once; the same
commands, known by the same ids, come again with the public event, so that a crash in between is
made good and nothing is counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from anlan.events.v1 import stock_events_pb2 as pb
from services.resources.domain import stock, stock_commands, supply_request, transfer
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.settlement import Delivered
from services.runtime.times import from_proto

START, UNDO = "resources.start_transfer", "resources.undo_shipment"
TAKE_IN, NOTE = "resources.take_in_shipment", "resources.note_on_request"
NOTE_LEFT, NOTE_TURNED = "resources.note_left", "resources.note_turned_away"
SUBJECTS = [
    "anlan.*.stock.StockShipped.>",
    "anlan.*.transfer.TransferReceived.>",
    "anlan.*.transfer.TransferHandedOver.>",
    "anlan.*.transfer.TransferDiverted.>",
]

Stocks = CommandHandler[stock_commands.Command, stock.State, stock.Event]
Transfers = CommandHandler[transfer.Command, transfer.State, transfer.Event]
Requests = CommandHandler[supply_request.Command, supply_request.State, supply_request.Event]


def stock_key(depot_id: str, item: str) -> str:
    return f"{depot_id}.{item}"


@dataclass(frozen=True, slots=True)
class Shipping:
    """Keeps the streams of a shipment together."""

    stocks: Stocks
    transfers: Transfers
    requests: Requests

    async def depart(self, key: str, transfer_id: str, cause: Cause) -> int:
        """Put on the road what ``cause`` took out of stock ``key``; return the position.

        Where another shipment took the same id first it goes back, and the refusal is raised.
        """
        shipped = (await self.stocks.state(key)).shipped.get(transfer_id)
        if shipped is None:
            return 0
        start = transfer.StartTransfer(
            transfer_id=transfer_id,
            item=shipped.item,
            quantity=shipped.quantity,
            lots=shipped.lots,
            from_depot_id=shipped.depot_id,
            to_depot_id=shipped.to_depot_id,
            incident_id=shipped.incident_id,
            supply_request_id=shipped.supply_request_id,
            waybill=shipped.waybill,
            legs=shipped.legs,
            occurred_at=shipped.occurred_at,
        )
        try:
            written = await self.transfers.handle(transfer_id, start, cause.step(START))
        except Unavailable:
            raise
        except Rejection:
            undo = stock_commands.UndoShipment(
                depot_id=shipped.depot_id,
                item=shipped.item,
                transfer_id=transfer_id,
                occurred_at=shipped.occurred_at,
            )
            await self.stocks.handle(key, undo, cause.step(UNDO))
            raise
        if not shipped.supply_request_id:
            return written.position
        left = supply_request.NoteShipment(
            supply_request_id=shipped.supply_request_id,
            transfer_id=transfer_id,
            depot_id=shipped.depot_id,
            quantity=shipped.quantity,
            occurred_at=shipped.occurred_at,
        )
        return max(written.position, await self._note(left, cause, NOTE))

    async def arrive(self, transfer_id: str, number: int, cause: Cause) -> int:
        """Count what the ``number``-th receipt of a transfer took in; return the position."""
        state = await self.transfers.state(transfer_id)
        if state is None:
            return 0
        taken = state.receipts[number - 1]
        command = stock_commands.TakeInShipment(
            depot_id=taken.to_depot_id,
            item=taken.item,
            from_depot_id=taken.from_depot_id,
            transfer_id=transfer_id,
            receipt=number,
            received=taken.received,
            lots=taken.lots,
            lost=taken.lost,
            damaged=taken.damaged,
            reason=taken.reason,
            occurred_at=taken.occurred_at,
        )
        key = stock_key(taken.to_depot_id, taken.item)
        written = await self.stocks.handle(key, command, cause.step(TAKE_IN))
        if not taken.supply_request_id:
            return written.position
        came = supply_request.NoteDelivery(
            supply_request_id=taken.supply_request_id,
            transfer_id=transfer_id,
            count=f"receipt {number}",
            received=taken.received,
            lost=taken.lost + taken.damaged,
            occurred_at=taken.occurred_at,
        )
        return max(written.position, await self._note(came, cause, NOTE))

    async def handed_over(self, transfer_id: str, leg: int, cause: Cause) -> int:
        """Tell the request what was missing at the end of a leg; return the position."""
        state = await self.transfers.state(transfer_id)
        found = next((one for one in state.handovers if one.leg == leg), None) if state else None
        if found is None or not found.supply_request_id or not found.gone:
            return 0
        missing = supply_request.NoteDelivery(
            supply_request_id=found.supply_request_id,
            transfer_id=transfer_id,
            count=f"leg {leg}",
            received=0,
            lost=found.lost + found.damaged,
            occurred_at=found.occurred_at,
        )
        return await self._note(missing, cause, NOTE)

    async def diverted(
        self,
        event: transfer.TransferDiverted | transfer.TransferTurnedBack,
        cause: Cause,
    ) -> int:
        """Tell the request that has lost a transfer, and the one that has it now."""
        was = event.was_for_supply_request_id
        now = event.supply_request_id if isinstance(event, transfer.TransferDiverted) else ""
        position = 0
        if was and was != now:
            away = supply_request.NoteDiversion(
                supply_request_id=was,
                transfer_id=event.transfer_id,
                quantity=event.quantity,
                occurred_at=event.occurred_at,
            )
            position = await self._note(away, cause, NOTE_TURNED)
        if now and now != was:
            gained = supply_request.NoteShipment(
                supply_request_id=now,
                transfer_id=event.transfer_id,
                depot_id="",
                quantity=event.quantity,
                occurred_at=event.occurred_at,
            )
            position = max(position, await self._note(gained, cause, NOTE_LEFT))
        return position

    async def _note(
        self,
        command: supply_request.NoteShipment
        | supply_request.NoteDelivery
        | supply_request.NoteDiversion,
        cause: Cause,
        step: str,
    ) -> int:
        written = await self.requests.handle(command.supply_request_id, command, cause.step(step))
        return written.position

    async def react(self, delivered: Delivered) -> None:
        """Complete what a crash may have left half done."""
        event = delivered.event
        cause = Cause.resumed(event)
        match event.type.rpartition(".")[2]:
            case "StockShipped":
                shipped = pb.StockShipped.FromString(event.data)
                await self.depart(event.key, shipped.transfer_id, cause)
            case "TransferReceived":
                received = pb.TransferReceived.FromString(event.data)
                # Before receipts were numbered, nothing else followed a transfer's start.
                await self.arrive(event.key, received.number or event.revision, cause)
            case "TransferHandedOver":
                handed_over = pb.TransferHandedOver.FromString(event.data)
                await self.handed_over(event.key, handed_over.leg, cause)
            case "TransferDiverted":
                await self.diverted(_diverted(pb.TransferDiverted.FromString(event.data)), cause)


def _diverted(message: pb.TransferDiverted) -> transfer.TransferDiverted:
    """Return what requests need to know of a diversion or of a turning back."""
    return transfer.TransferDiverted(
        transfer_id=message.transfer_id,
        item=message.item,
        quantity=message.quantity,
        was_to_depot_id=message.was_to_depot_id,
        was_for_incident_id=message.was_for_incident_id,
        was_for_supply_request_id=message.was_for_supply_request_id,
        to_depot_id=message.to_depot_id,
        incident_id=message.incident_id,
        supply_request_id=message.supply_request_id,
        legs=(),
        reason=message.reason,
        diverted_by="",
        occurred_at=from_proto(message.occur_time),
    )
