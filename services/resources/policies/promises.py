"""What follows by itself from a depot's promise: it is set aside there, and let go when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from anlan.events.v1 import supply_request_events_pb2 as pb
from services.resources.domain import supply_request
from services.resources.domain.stock import holder
from services.resources.domain.stock_commands import ReleaseStock, ReserveStock
from services.resources.policies.shipping import Requests, Stocks, stock_key
from services.runtime.cause import Cause
from services.runtime.rejection import Rejection, Unavailable
from services.runtime.settlement import Delivered
from services.runtime.times import from_proto

SET_ASIDE, LET_GO = "resources.set_aside", "resources.let_go"
TAKE_BACK = "resources.take_back_promise"
SUBJECTS = [
    "anlan.*.supply_request.SuppliesCommitted.>",
    "anlan.*.supply_request.SupplyCommitmentWithdrawn.>",
    "anlan.*.supply_request.SupplyRequestCompleted.>",
    "anlan.*.supply_request.SupplyRequestCancelled.>",
]
Ended = pb.SupplyCommitmentWithdrawn | pb.SupplyRequestCompleted | pb.SupplyRequestCancelled
ENDED: dict[str, type[Ended]] = {
    "SupplyCommitmentWithdrawn": pb.SupplyCommitmentWithdrawn,
    "SupplyRequestCompleted": pb.SupplyRequestCompleted,
    "SupplyRequestCancelled": pb.SupplyRequestCancelled,
}


@dataclass(frozen=True, slots=True)
class Promises:
    requests: Requests
    stocks: Stocks

    async def set_aside(self, supply_request_id: str, commitment_id: str, cause: Cause) -> int:
        """Set aside what was promised and has not left; return the position.

        A promise that the depot cannot keep is withdrawn, and the refusal is raised.
        """
        state = await self.requests.state(supply_request_id)
        promise = state.commitments.get(commitment_id) if state else None
        if promise is None:
            return 0
        made = promise.made
        key = stock_key(made.depot_id, made.item)
        step = cause.step(f"{SET_ASIDE}.{commitment_id}")
        if first := await self.stocks.obeyed(key, step):
            return first.position
        if not promise.open:
            return 0
        reserve = ReserveStock(
            depot_id=made.depot_id,
            item=made.item,
            quantity=promise.open,
            incident_id=made.incident_id,
            supply_request_id=supply_request_id,
            occurred_at=made.occurred_at,
        )
        step = cause.step(f"{SET_ASIDE}.{commitment_id}")
        try:
            key = stock_key(made.depot_id, made.item)
            kept = await self.stocks.handle(key, reserve, step)
        except Unavailable:
            raise
        except Rejection as refusal:
            withdraw = supply_request.WithdrawCommitment(
                supply_request_id=supply_request_id,
                commitment_id=commitment_id,
                reason=refusal.message,
                occurred_at=made.occurred_at,
            )
            await self.requests.handle(supply_request_id, withdraw, cause.step(TAKE_BACK))
            raise
        # What ended the promise since it was looked at may have found nothing to let go yet.
        return max(kept.position, await self.let_go(supply_request_id, made.occurred_at, cause))

    async def let_go(self, supply_request_id: str, at: datetime, cause: Cause) -> int:
        """Release what depots still hold for promises that have ended; return the position."""
        state = await self.requests.state(supply_request_id)
        if state is None:
            return 0
        position = 0
        places = {(one.made.depot_id, one.made.item) for one in state.commitments.values()}
        for depot_id, item in sorted(places):
            key, step = stock_key(depot_id, item), cause.step(f"{LET_GO}.{depot_id}")
            if first := await self.stocks.obeyed(key, step):
                position = max(position, first.position)
                continue
            held = (await self.stocks.state(key)).reserved.get(holder("", supply_request_id), 0)
            promised = sum(
                one.open for one in state.commitments.values() if one.made.depot_id == depot_id
            )
            if held <= promised:
                continue
            release = ReleaseStock(
                depot_id=depot_id,
                item=item,
                quantity=held - promised,
                incident_id=state.requested.incident_id,
                supply_request_id=supply_request_id,
                reason="promise ended",
                occurred_at=at,
            )
            written = await self.stocks.handle(key, release, step)
            position = max(position, written.position)
        return position

    async def react(self, delivered: Delivered) -> None:
        """Complete what a crash may have left half done."""
        event = delivered.event
        cause = Cause.resumed(event)
        name = event.type.rpartition(".")[2]
        if name in ENDED:
            ended = ENDED[name].FromString(event.data)
            await self.let_go(event.key, from_proto(ended.occur_time), cause)
        else:
            committed = pb.SuppliesCommitted.FromString(event.data)
            await self.set_aside(event.key, committed.commitment_id, cause)
