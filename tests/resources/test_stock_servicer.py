"""The stock API over real gRPC: the count always closes, whatever is repeated or cut in half."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest

from anlan.resources.v1 import stock_service_pb2 as pb
from anlan.type.v1 import place_pb2, read_pb2
from services.resources.codec import STOCK, SUPPLY_REQUEST, TRANSFER
from services.resources.domain import stock_commands as stock
from services.resources.domain import transfer
from services.resources.domain.route import straight
from services.resources.policies.shipping import START, TAKE_IN, Shipping
from services.runtime.actor import Actor
from services.runtime.cause import COMMAND, Cause
from services.runtime.handle import CommandHandler
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection
from services.runtime.store import EventStore
from tests.resources.conftest import Api
from tests.resources.world import START as MORNING
from tests.service import Tokens, refusal, request_id

SUN = Actor(subject="storekeeper.sun", roles=("storekeeper",), jurisdiction="431281")


@dataclass(frozen=True)
class Road:
    """Two depots, and 2,000 sandbags in the first."""

    api: Api
    here: str
    there: str
    item: str = "sandbag"

    async def call(self, method: str, request: Any) -> Any:
        return await getattr(self.api.stocks, method)(
            request, metadata=self.api.storekeeper.metadata
        )

    async def ship(self, quantity: int = 600, **more: Any) -> Any:
        request: dict[str, Any] = {
            "request_id": request_id(),
            "depot_id": self.here,
            "item": self.item,
            "quantity": quantity,
            "to_depot_id": self.there,
            "incident_id": "flood",
            "carrier": "湘N12345",
            **more,
        }
        return await self.call("ShipStock", pb.ShipStockRequest(**request))

    async def take_in(self, transfer_id: str, received: int, lost: int = 0, **more: Any) -> Any:
        request: dict[str, Any] = {
            "request_id": request_id(),
            "transfer_id": transfer_id,
            "received": received,
            "lost": lost,
            "reason": "落水" if lost else "",
            **more,
        }
        return await self.call("ReceiveTransfer", pb.ReceiveTransferRequest(**request))

    async def stock(self, depot_id: str, position: int) -> pb.Stock:
        response = await self.call(
            "ListStock",
            pb.ListStockRequest(
                depot_id=depot_id,
                item=self.item,
                read=read_pb2.ReadOptions(min_position=position),
            ),
        )
        found: pb.Stock = response.stocks[0]
        return found

    async def transfer(self, transfer_id: str, position: int) -> pb.Transfer:
        request = pb.GetTransferRequest(
            transfer_id=transfer_id, read=read_pb2.ReadOptions(min_position=position)
        )
        found: pb.Transfer = (await self.call("GetTransfer", request)).transfer
        return found


async def a_depot(api: Api) -> str:
    depot_id = f"depot-{uuid4().hex[:8]}"
    await api.stocks.RegisterDepot(
        pb.RegisterDepotRequest(
            request_id=request_id(),
            depot_id=depot_id,
            name="储备库",
            place=place_pb2.Place(adcode="431281101"),
            keeper="storekeeper.sun",
        ),
        metadata=api.storekeeper.metadata,
    )
    return depot_id


@pytest.fixture
async def road(api: Api) -> Road:
    road = Road(api, await a_depot(api), await a_depot(api))
    await road.call(
        "ReceiveStock",
        pb.ReceiveStockRequest(
            request_id=request_id(),
            depot_id=road.here,
            item=road.item,
            quantity=2000,
            origin="省厅调拨",
        ),
    )
    return road


async def test_two_thousand_leave_and_the_count_closes(road: Road) -> None:
    shipped = await road.ship(2000)
    on_the_road = await road.stock(road.here, shipped.position)
    first = await road.take_in(shipped.transfer_id, 1500)
    part = await road.transfer(shipped.transfer_id, first.position)
    last = await road.take_in(shipped.transfer_id, 440, 60)
    whole = await road.transfer(shipped.transfer_id, last.position)
    here = await road.stock(road.here, last.position)
    there = await road.stock(road.there, last.position)

    assert (on_the_road.on_hand, on_the_road.in_transit) == (0, 2000)
    assert (part.state, part.received) == (pb.TRANSFER_STATE_IN_TRANSIT, 1500)
    assert (whole.state, whole.received, whole.lost) == (pb.TRANSFER_STATE_CLOSED, 1940, 60)
    assert (here.received, here.on_hand, here.in_transit, here.lost) == (2000, 0, 0, 60)
    assert (there.received, there.on_hand) == (0, 1940)


async def test_a_receipt_entered_twice_counts_once(road: Road, store: EventStore) -> None:
    shipped = await road.ship(600)
    same = request_id()
    first = await road.take_in(shipped.transfer_id, 400, request_id=same)
    again = await road.take_in(shipped.transfer_id, 400, request_id=same)
    anew = await refusal(road.take_in(shipped.transfer_id, 400))

    assert again == first
    assert anew.code is grpc.StatusCode.FAILED_PRECONDITION
    assert anew.reason == "TRANSFER_EXCEEDED"
    assert anew.metadata["outstanding"] == "200"
    there = await road.stock(road.there, first.position)
    assert there.on_hand == 400
    assert len(await store.read(f"transfer-{shipped.transfer_id}")) == 2
    assert len(await store.read(f"stock-{road.there}.{road.item}")) == 1


async def test_a_shipment_asked_for_twice_leaves_once(road: Road) -> None:
    same = request_id()
    first = await road.ship(600, request_id=same)
    again = await road.ship(600, request_id=same)
    named = await road.ship(600, transfer_id=first.transfer_id)

    assert again == first
    here = await road.stock(road.here, named.position)
    assert (here.on_hand, here.in_transit) == (1400, 600)


async def test_a_taken_transfer_id_stops_a_shipment_before_it_leaves(
    road: Road, store: EventStore
) -> None:
    first = await road.ship(600)
    refused = await refusal(road.ship(1, transfer_id=first.transfer_id))

    assert refused.code is grpc.StatusCode.ALREADY_EXISTS
    assert refused.reason == "TRANSFER_EXISTS"
    assert len(await store.read(f"stock-{road.here}.{road.item}")) == 2


async def test_what_is_not_there_cannot_leave(road: Road) -> None:
    refused = await refusal(road.ship(2001))

    assert refused.reason == "INSUFFICIENT_STOCK"
    assert refused.metadata["on_hand"] == "2000"
    assert refused.metadata["asked"] == "2001"


async def test_both_depots_of_a_shipment_must_be_there(road: Road) -> None:
    for fields in ({"to_depot_id": "nowhere"}, {"depot_id": "nowhere"}):
        refused = await refusal(road.ship(1, **fields))
        assert refused.code is grpc.StatusCode.NOT_FOUND
        assert refused.metadata == {"depot_id": "nowhere"}


async def test_only_the_depots_own_county_moves_what_is_in_it(road: Road, tokens: Tokens) -> None:
    shipped = await road.ship(600)
    elsewhere = tokens.caller("storekeeper.xu", "storekeeper", "431202").metadata

    receiving = await refusal(
        road.api.stocks.ReceiveTransfer(
            pb.ReceiveTransferRequest(
                request_id=request_id(), transfer_id=shipped.transfer_id, received=1
            ),
            metadata=elsewhere,
        )
    )
    consuming = await refusal(
        road.api.stocks.ConsumeStock(
            pb.ConsumeStockRequest(
                request_id=request_id(),
                depot_id=road.here,
                item=road.item,
                quantity=1,
                purpose="堵口",
            ),
            metadata=elsewhere,
        )
    )

    assert receiving.reason == consuming.reason == "OUTSIDE_JURISDICTION"


async def test_every_movement_within_a_depot_is_counted(road: Road) -> None:
    of = {"depot_id": road.here, "item": road.item}

    def made(request: type, **fields: Any) -> Any:
        return request(request_id=request_id(), **of, **fields)

    await road.call("ReserveStock", made(pb.ReserveStockRequest, quantity=300, incident_id="flood"))
    await road.call(
        "ReleaseStock",
        made(pb.ReleaseStockRequest, quantity=100, incident_id="flood", reason="够了"),
    )
    await road.call(
        "ConsumeStock",
        made(pb.ConsumeStockRequest, quantity=250, incident_id="flood", purpose="堵口"),
    )
    await road.call("ReturnStock", made(pb.ReturnStockRequest, quantity=50, incident_id="flood"))
    last = await road.call(
        "WriteOffStock", made(pb.WriteOffStockRequest, quantity=10, reason="霉变")
    )
    too_much = await refusal(
        road.call("ReturnStock", made(pb.ReturnStockRequest, quantity=201, incident_id="flood"))
    )

    counted = await road.stock(road.here, last.position)
    assert (counted.received, counted.on_hand, counted.reserved) == (2000, 1790, 0)
    assert (counted.consumed, counted.lost, counted.in_transit) == (200, 10, 0)
    assert counted.etag == last.etag
    assert too_much.reason == "RETURN_EXCEEDED"


async def test_twenty_five_storekeepers_cannot_hand_out_more_than_there_is(road: Road) -> None:
    request: dict[str, Any] = {
        "depot_id": road.here,
        "item": road.item,
        "quantity": 100,
        "purpose": "堵口",
    }
    outcomes = await asyncio.gather(
        *(
            road.call("ConsumeStock", pb.ConsumeStockRequest(request_id=request_id(), **request))
            for _ in range(25)
        ),
        return_exceptions=True,
    )

    done = [answer for answer in outcomes if isinstance(answer, pb.ConsumeStockResponse)]
    assert len(done) == 20
    counted = await road.stock(road.here, max(answer.position for answer in done))
    assert (counted.on_hand, counted.consumed) == (0, 2000)


def cause(command_id: UUID) -> Cause:
    return Cause(
        command_id=command_id,
        causation_id=str(command_id),
        correlation_id="flood",
        actor=SUN,
    )


async def test_a_shipment_cut_after_its_first_half_is_completed(
    road: Road, store: EventStore
) -> None:
    """Writes what an RPC that died after its first append has written; nobody calls again."""
    stocks = CommandHandler(store, STOCK)
    transfer_id = str(uuid4())
    command = stock.ShipStock(
        depot_id=road.here,
        item=road.item,
        quantity=600,
        to_depot_id=road.there,
        transfer_id=transfer_id,
        incident_id="flood",
        legs=straight(road.there, ""),
        occurred_at=MORNING,
    )
    died = cause(uuid4())
    await stocks.handle(f"{road.here}.{road.item}", command, died)

    started = await appeared(store, f"transfer-{transfer_id}")
    assert started.metadata[COMMAND] == str(died.step(START).command_id)
    assert started.metadata["actor"] == "storekeeper.sun"

    transfers = CommandHandler(store, TRANSFER)
    received = transfer.ReceiveTransfer(
        transfer_id=transfer_id,
        received=590,
        lost=6,
        damaged=4,
        reason="落水",
        said_by="qi",
        receipt_number="",
        occurred_at=MORNING,
    )
    died = cause(uuid4())
    await transfers.handle(transfer_id, received, died)

    arrived = await appeared(store, f"stock-{road.there}.{road.item}")
    assert arrived.metadata[COMMAND] == str(died.step(TAKE_IN).command_id)
    here = await road.stock(road.here, arrived.position)
    there = await road.stock(road.there, arrived.position)
    assert (here.on_hand, here.in_transit, here.lost) == (1400, 0, 10)
    assert there.on_hand == 590


async def appeared(store: EventStore, stream: str) -> Recorded:
    """Return the first event of a stream as soon as it is there."""
    async with asyncio.timeout(10):
        async for event in store.subscribe([stream.partition("-")[0]]):
            if isinstance(event, Recorded) and event.stream == stream:
                return event
    raise AssertionError(stream)


async def test_of_two_shipments_under_one_id_the_later_goes_back(store: EventStore) -> None:
    stocks, transfers = CommandHandler(store, STOCK), CommandHandler(store, TRANSFER)
    shipping = Shipping(stocks, transfers, CommandHandler(store, SUPPLY_REQUEST))
    transfer_id, depots = str(uuid4()), [f"depot-{uuid4().hex[:8]}" for _ in range(2)]
    for depot_id in depots:
        of: dict[str, Any] = {"depot_id": depot_id, "item": "tent", "occurred_at": MORNING}
        key = f"{depot_id}.tent"
        await stocks.handle(key, stock.ReceiveStock(**of, quantity=5, origin="省"), cause(uuid4()))
    for depot_id in depots:
        ship = stock.ShipStock(
            depot_id=depot_id,
            item="tent",
            quantity=5,
            to_depot_id="far",
            transfer_id=transfer_id,
            incident_id="",
            legs=straight("far", ""),
            occurred_at=MORNING,
        )
        asked = cause(uuid4())
        key = f"{depot_id}.tent"
        await stocks.handle(key, ship, asked)
        if depot_id == depots[0]:
            await shipping.depart(key, transfer_id, asked)
        else:
            with pytest.raises(Rejection, match="already"):
                await shipping.depart(key, transfer_id, asked)
            await shipping.depart(key, transfer_id, asked)

    assert (await stocks.state(f"{depots[0]}.tent")).on_hand == 0
    assert (await stocks.state(f"{depots[1]}.tent")).on_hand == 5
    state = await transfers.state(transfer_id)
    assert state is not None
    assert state.started.from_depot_id == depots[0]


async def test_depots_stock_and_shipments_are_listed_page_by_page(road: Road) -> None:
    ids = [(await road.ship(10 + n)).transfer_id for n in range(3)]
    last = await road.take_in(ids[0], 10)
    read = read_pb2.ReadOptions(min_position=last.position)

    def listing(method: str, request: Any, field: str) -> Any:
        async def pages() -> list[Any]:
            found: list[Any] = []
            while True:
                page = await road.call(method, request)
                found += getattr(page, field)
                if not page.next_page_token:
                    return found
                request.page_token = page.next_page_token

        return pages()

    depots = await listing(
        "ListDepots", pb.ListDepotsRequest(page_size=1, adcode="431281101", read=read), "depots"
    )
    stocks = await listing(
        "ListStock", pb.ListStockRequest(page_size=1, item=road.item, read=read), "stocks"
    )
    on_the_road = pb.ListTransfersRequest(
        page_size=1, state=pb.TRANSFER_STATE_IN_TRANSIT, incident_id="flood", read=read
    )
    transfers = [t.transfer_id for t in await listing("ListTransfers", on_the_road, "transfers")]

    assert {road.here, road.there} <= {depot.depot_id for depot in depots}
    assert len({depot.depot_id for depot in depots}) == len(depots)
    assert {road.here, road.there} <= {found.depot_id for found in stocks}
    assert transfers[:2] == [ids[2], ids[1]]
    assert ids[0] not in transfers
    token = await refusal(road.call("ListStock", pb.ListStockRequest(page_token="bm9uc2Vuc2U")))
    assert token.reason == "PAGE_TOKEN_INVALID"
