"""What follows by itself: a shipment's second stream.

A shipment touches two streams.  The RPC that moved the first also moves the second at once; the
same command, known by the same id, comes again with the public event, so that a crash in between
is made good and nothing is counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from anlan.events.v1 import stock_events_pb2 as pb
from services.resources.domain import stock, transfer
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.settlement import Delivered

START, UNDO = "resources.start_transfer", "resources.undo_shipment"
TAKE_IN = "resources.take_in_shipment"
SUBJECTS = ["anlan.*.stock.StockShipped.>", "anlan.*.transfer.TransferReceived.>"]

Stocks = CommandHandler[stock.Command, stock.State, stock.Event]
Transfers = CommandHandler[transfer.Command, transfer.State, transfer.Event]


def stock_key(depot_id: str, item: str) -> str:
    return f"{depot_id}.{item}"


@dataclass(frozen=True, slots=True)
class Shipping:
    """Keeps the two streams of a shipment together."""

    stocks: Stocks
    transfers: Transfers

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
            from_depot_id=shipped.depot_id,
            to_depot_id=shipped.to_depot_id,
            incident_id=shipped.incident_id,
            occurred_at=shipped.occurred_at,
        )
        try:
            written = await self.transfers.handle(transfer_id, start, cause.step(START))
        except Unavailable:
            raise
        except Rejection:
            undo = stock.UndoShipment(
                depot_id=shipped.depot_id,
                item=shipped.item,
                transfer_id=transfer_id,
                occurred_at=shipped.occurred_at,
            )
            await self.stocks.handle(key, undo, cause.step(UNDO))
            raise
        return written.position

    async def arrive(self, transfer_id: str, receipt: int, cause: Cause) -> int:
        """Count what the ``receipt``-th event of a transfer took in; return the position."""
        state = await self.transfers.state(transfer_id)
        if state is None:
            return 0
        taken = state.receipts[receipt - 1]  # the transfer's first event is its start
        command = stock.TakeInShipment(
            depot_id=taken.to_depot_id,
            item=taken.item,
            from_depot_id=taken.from_depot_id,
            transfer_id=transfer_id,
            receipt=receipt,
            received=taken.received,
            lost=taken.lost,
            reason=taken.reason,
            occurred_at=taken.occurred_at,
        )
        key = stock_key(taken.to_depot_id, taken.item)
        return (await self.stocks.handle(key, command, cause.step(TAKE_IN))).position

    async def react(self, delivered: Delivered) -> None:
        """Complete what a crash may have left half done."""
        event = delivered.event
        cause = Cause.resumed(event)
        match event.category:
            case "stock":
                shipped = pb.StockShipped.FromString(event.data)
                await self.depart(event.key, shipped.transfer_id, cause)
            case "transfer":
                await self.arrive(event.key, event.revision, cause)
