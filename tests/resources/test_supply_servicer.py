"""Requests, lots and legs over real gRPC: from asking to the count, through crashes and slips."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
import pytest

from anlan.resources.v1 import stock_service_pb2 as pb
from anlan.resources.v1 import supply_request_service_pb2 as request_pb
from anlan.resources.v1 import transfer_service_pb2 as transfer_pb
from anlan.resources.v1.stock_service_pb2_grpc import StockServiceStub
from anlan.resources.v1.supply_request_service_pb2_grpc import SupplyRequestServiceStub
from anlan.resources.v1.transfer_service_pb2_grpc import TransferServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from services.resources.codec import SUPPLY_REQUEST
from services.resources.domain import supply_request
from services.resources.policies.promises import SET_ASIDE
from services.runtime.actor import Actor
from services.runtime.cause import COMMAND, Cause
from services.runtime.handle import CommandHandler
from services.runtime.recorded import Recorded
from services.runtime.store import EventStore
from tests.resources.world import START
from tests.service import Caller, Service, Tokens, refusal, request_id

SUN = Actor(subject="storekeeper.sun", roles=("storekeeper",), jurisdiction="431281")
ITEM = "instant_noodle"


@dataclass(frozen=True)
class Supply:
    """A city's depot with 1,000 in two lots, and two townships' depots with nothing."""

    stub: dict[str, Any]
    callers: dict[str, Caller]
    city: str
    town: str
    other: str
    request: str

    async def call(self, method: str, who: str = "sun", **fields: Any) -> Any:
        for module, stub in self.stub.items():
            if hasattr(stub, method):
                made = getattr(MODULES[module], f"{method}Request")
                if "request_id" in made.DESCRIPTOR.fields_by_name:
                    fields.setdefault("request_id", request_id())
                return await getattr(stub, method)(
                    made(**fields), metadata=self.callers[who].metadata
                )
        raise AssertionError(method)

    async def stock(self, depot_id: str, position: int = 0) -> pb.Stock:
        read = read_pb2.ReadOptions(min_position=position)
        answer = await self.call("ListStock", depot_id=depot_id, item=ITEM, read=read)
        found: pb.Stock = answer.stocks[0]
        return found

    async def asked(self, position: int = 0) -> request_pb.SupplyRequest:
        read = read_pb2.ReadOptions(min_position=position)
        answer = await self.call("GetSupplyRequest", supply_request_id=self.request, read=read)
        found: request_pb.SupplyRequest = answer.supply_request
        return found

    async def approve(self) -> Any:
        place = place_pb2.Place(adcode="431281103")
        await self.call(
            "SubmitSupplyRequest",
            "warden",
            supply_request_id=self.request,
            item=ITEM,
            quantity=500,
            incident_id="flood",
            place=place,
        )
        return await self.call(
            "ApproveSupplyRequest",
            "li",
            supply_request_id=self.request,
            quantity=400,
            reason="留够储备",
        )

    async def ship(self, quantity: int, **more: Any) -> Any:
        fields: dict[str, Any] = {
            "depot_id": self.city,
            "item": ITEM,
            "quantity": quantity,
            "to_depot_id": self.town,
            "incident_id": "flood",
            **more,
        }
        return await self.call("ShipStock", **fields)


MODULES: dict[str, Any] = {"stock": pb, "transfer": transfer_pb, "request": request_pb}


@pytest.fixture
async def supply(resources: Service, tokens: Tokens) -> AsyncIterator[Supply]:
    async with resources.channel() as channel:
        name = uuid4().hex[:8]
        supply = Supply(
            stub={
                "stock": StockServiceStub(channel),
                "transfer": TransferServiceStub(channel),
                "request": SupplyRequestServiceStub(channel),
            },
            callers={
                "sun": tokens.caller("storekeeper.sun", "storekeeper"),
                "qi": tokens.caller("storekeeper.qi", "storekeeper", "431281103"),
                "warden": tokens.caller("warden.he", "warden", "431281103"),
                "li": tokens.caller("commander.li", "commander"),
            },
            city=f"city-{name}",
            town=f"town-{name}",
            other=f"other-{name}",
            request=f"s-{name}",
        )
        for depot_id, adcode in (
            (supply.city, "431281"),
            (supply.town, "431281103"),
            (supply.other, "431281102"),
        ):
            await supply.call(
                "RegisterDepot",
                depot_id=depot_id,
                name="储备点",
                place=place_pb2.Place(adcode=adcode),
                keeper="sun",
            )
        for lot_id, day in (("late", "2099-12-31"), ("early", "2098-12-31")):
            await supply.call(
                "ReceiveStock",
                depot_id=supply.city,
                item=ITEM,
                quantity=500,
                origin="省厅",
                lot_id=lot_id,
                expire_date=day,
            )
        yield supply


async def test_a_request_goes_from_asking_to_the_end(supply: Supply) -> None:
    approved = await supply.approve()
    asked = await supply.asked(approved.position)
    assert (asked.state, asked.approved) == (request_pb.SUPPLY_REQUEST_STATE_APPROVED, 400)
    of = {"supply_request_id": supply.request, "depot_id": supply.city}

    await supply.call("AcceptSupplyRequest", **of)
    committed = await supply.call("CommitSupplies", **of, quantity=400)
    held = await supply.stock(supply.city, committed.position)
    assert held.reserved == 400
    assert (await supply.asked(committed.position)).commit_progress == (
        request_pb.SUPPLY_PROGRESS_COMPLETE
    )

    shipped = await supply.ship(400, supply_request_id=supply.request)
    moving = await supply.asked(shipped.position)
    assert (moving.transit_progress, moving.promised, moving.on_the_way) == (
        request_pb.SUPPLY_PROGRESS_COMPLETE,
        0,
        400,
    )
    assert (await supply.stock(supply.city, shipped.position)).reserved == 0

    received = await supply.call(
        "ReceiveTransfer", "qi", transfer_id=shipped.transfer_id, received=400
    )
    ended = await supply.asked(received.position)
    assert ended.state == request_pb.SUPPLY_REQUEST_STATE_COMPLETED
    assert (ended.fulfil_progress, ended.received) == (request_pb.SUPPLY_PROGRESS_COMPLETE, 400)
    then = read_pb2.ReadOptions(as_of_position=shipped.position)
    before = await supply.call("GetSupplyRequest", supply_request_id=supply.request, read=then)
    assert before.supply_request.received == 0


async def test_a_promise_that_a_depot_cannot_keep_is_none(supply: Supply) -> None:
    await supply.call(
        "ReserveStock", depot_id=supply.city, item=ITEM, quantity=900, incident_id="fire"
    )
    await supply.approve()
    refused = await refusal(
        supply.call(
            "CommitSupplies",
            supply_request_id=supply.request,
            depot_id=supply.city,
            quantity=101,
        )
    )
    kept = await supply.call(
        "CommitSupplies", supply_request_id=supply.request, depot_id=supply.city, quantity=100
    )

    assert refused.reason == "INSUFFICIENT_STOCK"
    asked = await supply.asked(kept.position)
    assert [(one.quantity, one.withdrawn) for one in asked.commitments] == [
        (101, True),
        (100, False),
    ]


async def test_what_is_promised_is_free_when_the_request_is_called_off(supply: Supply) -> None:
    await supply.approve()
    of = {"supply_request_id": supply.request}
    await supply.call("CommitSupplies", **of, depot_id=supply.city, quantity=300)
    cancelled = await supply.call("CancelSupplyRequest", "warden", **of, reason="退水")

    assert (await supply.stock(supply.city, cancelled.position)).reserved == 0


async def test_who_may_not_approve_and_whose_depot_it_is_not(supply: Supply) -> None:
    await supply.approve()
    of = {"supply_request_id": supply.request}
    warden = await refusal(supply.call("ApproveSupplyRequest", "warden", **of))
    elsewhere = await refusal(
        supply.call("CommitSupplies", "qi", **of, depot_id=supply.city, quantity=1)
    )

    assert warden.code is elsewhere.code is grpc.StatusCode.PERMISSION_DENIED
    assert elsewhere.reason == "OUTSIDE_JURISDICTION"


async def test_a_promise_cut_before_it_is_set_aside_is_completed(
    supply: Supply, store: EventStore
) -> None:
    """Writes what an RPC that died after its first append has written; nobody calls again."""
    await supply.approve()
    died_id = uuid4()
    died = Cause(command_id=died_id, causation_id=str(died_id), correlation_id="flood", actor=SUN)
    command = supply_request.CommitSupplies(
        by=SUN,
        supply_request_id=supply.request,
        commitment_id="c1",
        depot_id=supply.city,
        quantity=250,
        expected_at=None,
        occurred_at=START,
    )
    await CommandHandler(store, SUPPLY_REQUEST).handle(supply.request, command, died)

    step = str(died.step(f"{SET_ASIDE}.c1").command_id)
    reserved = await written_by(store, "stock", step)
    assert (await supply.stock(supply.city, reserved.position)).reserved == 250


async def written_by(store: EventStore, category: str, command_id: str) -> Recorded:
    """Return the first event of a command as soon as it is there."""
    async with asyncio.timeout(20):
        async for event in store.subscribe([category]):
            if isinstance(event, Recorded) and event.metadata.get(COMMAND) == command_id:
                return event
    raise AssertionError(command_id)


async def test_two_legs_a_loss_and_a_second_desk_and_the_count_closes(supply: Supply) -> None:
    legs = [
        pb.Leg(stop=pb.Stop(name="洗马渡口"), carrier="湘N12345"),
        pb.Leg(stop=pb.Stop(depot_id=supply.town), carrier="冲锋舟"),
    ]
    await supply.approve()
    shipped = await supply.ship(400, legs=legs, supply_request_id=supply.request)
    of = {"transfer_id": shipped.transfer_id}
    await supply.call(
        "HandOverTransfer", **of, leg=1, counted=395, lost=3, damaged=2, reason="翻车"
    )
    await supply.call("DepartTransfer", **of, leg=2)
    receipt = {**of, "received": 390, "lost": 5, "reason": "落水", "receipt_number": "r1"}
    first = await supply.call("ReceiveTransfer", "qi", **receipt)
    again = await supply.call("ReceiveTransfer", "sun", **receipt)
    differing = await refusal(supply.call("ReceiveTransfer", **{**receipt, "received": 391}))

    here = await supply.stock(supply.city, again.position)
    there = await supply.stock(supply.town, again.position)
    assert (here.on_hand, here.in_transit, here.lost) == (600, 0, 10)
    assert there.on_hand == 390
    assert [(lot.lot_id, lot.quantity) for lot in there.lots] == [("early", 390)]
    assert again.etag == first.etag
    assert differing.reason == "RECEIPT_ENTERED"
    assert differing.metadata["said_by"] == "storekeeper.qi"
    asked = await supply.asked(again.position)
    assert (asked.received, asked.lost, asked.on_the_way) == (390, 10, 0)
    read = read_pb2.ReadOptions(min_position=again.position)
    balances = (await supply.call("ListItemBalances", item=ITEM, read=read)).balances
    assert [balance.difference for balance in balances] == [0]
    found = (await supply.call("GetTransfer", **of, read=read)).transfer
    assert [(leg.counted, leg.lost, leg.damaged) for leg in found.legs] == [(395, 3, 2), (0, 0, 0)]
    assert all(leg.HasField("arrive_time") for leg in found.legs)


async def test_a_lorry_that_is_diverted_is_lost_to_its_request_and_found_again(
    supply: Supply,
) -> None:
    await supply.approve()
    shipped = await supply.ship(100, supply_request_id=supply.request)
    of = {"transfer_id": shipped.transfer_id}
    nowhere = await refusal(
        supply.call("DivertTransfer", **of, to_depot_id="nowhere", reason="桥断")
    )
    unasked = await refusal(
        supply.call(
            "DivertTransfer",
            **of,
            to_depot_id=supply.other,
            incident_id="fire",
            supply_request_id="unheard-of",
            reason="桥断",
        )
    )
    diverted = await supply.call(
        "DivertTransfer", **of, to_depot_id=supply.other, incident_id="fire", reason="桥断"
    )
    asked = await supply.asked(diverted.position)
    theirs = await refusal(supply.call("ReceiveTransfer", "qi", **of, received=100))
    received = await supply.call("ReceiveTransfer", **of, received=100)

    assert nowhere.code is unasked.code is grpc.StatusCode.NOT_FOUND
    assert (asked.on_the_way, asked.transit_progress) == (0, request_pb.SUPPLY_PROGRESS_NONE)
    assert theirs.reason == "OUTSIDE_JURISDICTION"
    assert (await supply.stock(supply.other, received.position)).on_hand == 100


async def test_a_way_must_lead_where_the_shipment_goes(supply: Supply) -> None:
    stray = await refusal(supply.ship(1, legs=[pb.Leg(stop=pb.Stop(depot_id=supply.other))]))
    blank = await refusal(supply.ship(1, legs=[pb.Leg(stop=pb.Stop())]))

    assert (stray.reason, blank.reason) == ("LEGS_END_ELSEWHERE", "STOP_REQUIRED")


async def test_watchers_see_stock_shipments_requests_and_alarms_change(supply: Supply) -> None:
    await supply.approve()
    minimum = await supply.call("SetMinimumStock", depot_id=supply.city, item=ITEM, minimum=950)
    await supply.ship(100, supply_request_id=supply.request)
    since = minimum.position - 1
    metadata = supply.callers["li"].metadata

    async def first(module: str, method: str, wanted: Callable[[Any], bool], **fields: Any) -> Any:
        request = getattr(MODULES[module], f"{method}Request")(resume_position=since, **fields)
        stream = getattr(supply.stub[module], method)(request, metadata=metadata, timeout=20)
        async for answer in stream:
            if wanted(answer):
                stream.cancel()
                return answer
        raise AssertionError(method)

    stock = await first(
        "stock", "WatchStock", lambda seen: seen.stock.below_minimum, depot_id=supply.city
    )
    alarm = await first(
        "stock", "WatchStockAlarms", lambda seen: seen.alarm.active, depot_id=supply.city
    )
    transfer = await first("transfer", "WatchTransfers", lambda _: True, depot_id=supply.city)
    asked = await first("request", "WatchSupplyRequests", lambda _: True, incident_id="flood")

    assert stock.stock.minimum == 950
    assert (alarm.alarm.usable, alarm.alarm.minimum, alarm.alarm.active) == (900, 950, True)
    assert transfer.transfer.to_depot_id == supply.town
    assert asked.supply_request.item == ITEM
    listed = await supply.call("ListStockAlarms", depot_id=supply.city)
    assert [one.depot_id for one in listed.alarms] == [supply.city]


async def test_a_stocktake_closes_with_two_names(supply: Supply) -> None:
    of = {"depot_id": supply.city, "item": ITEM, "stocktake_id": "k1"}
    lots = [
        pb.RecordStocktakeRequest.Count(lot_id="early", counted=490),
        pb.RecordStocktakeRequest.Count(lot_id="late", counted=503),
    ]
    silent = await refusal(supply.call("RecordStocktake", **of, lots=lots, witnessed_by="qi"))
    alone = await refusal(
        supply.call(
            "RecordStocktake", **of, lots=lots, reason="错发", witnessed_by="storekeeper.sun"
        )
    )
    done: dict[str, Any] = {**of, "lots": lots, "reason": "错发", "witnessed_by": "qi"}
    await supply.call("RecordStocktake", **done)
    again = await supply.call("RecordStocktake", **done)

    assert (silent.reason, alone.reason) == ("REASON_REQUIRED", "WITNESS_REQUIRED")
    stock = await supply.stock(supply.city, again.position)
    assert (stock.on_hand, stock.gained, stock.lost, stock.received) == (993, 3, 10, 1000)


async def test_what_expires_is_listed_and_then_no_longer_usable(
    supply: Supply, store: EventStore
) -> None:
    of = {"depot_id": supply.town, "item": ITEM}
    await supply.call("SetMinimumStock", "qi", **of, minimum=5)
    come = await supply.call(
        "ReceiveStock", "qi", **of, quantity=10, origin="旧", expire_date="2020-01-31"
    )
    dated = await supply.call(
        "ReceiveStock", "qi", **of, quantity=10, origin="新", produce_date="2099-01-31"
    )
    read = read_pb2.ReadOptions(min_position=dated.position)
    expiring = await supply.call("ListExpiring", depot_id=supply.town, read=read)
    far = await supply.call(
        "ListExpiring", depot_id=supply.city, within_days=3650, adcode="431281", read=read
    )
    refused = await refusal(supply.call("ConsumeStock", "qi", **of, quantity=11, purpose="安置点"))

    assert [(one.lot_id, one.expired) for one in expiring.lots] == [("2020-01-31", True)]
    assert not far.lots
    assert (refused.reason, refused.metadata["unusable"]) == ("INSUFFICIENT_STOCK", "10")
    noted = await on_record(store, f"stock-{supply.town}.{ITEM}", "LotExpired.v1")
    assert noted.position > come.position
    assert noted.metadata["actor"] == "resources"


async def on_record(store: EventStore, stream: str, type_: str) -> Recorded:
    async with asyncio.timeout(20):
        async for event in store.subscribe(["stock"]):
            if isinstance(event, Recorded) and (event.stream, event.type) == (stream, type_):
                return event
    raise AssertionError(type_)


async def test_only_what_is_on_the_list_is_taken_in(supply: Supply) -> None:
    of: dict[str, Any] = {"depot_id": supply.city, "quantity": 1, "origin": "省厅"}
    unknown = await refusal(supply.call("ReceiveStock", **of, item="sandbags"))
    no_day = await refusal(supply.call("ReceiveStock", **of, item=ITEM, expire_date="2026-02-30"))
    listed = await supply.call("ListItems", class_code="101", page_size=2)
    rest = await supply.call(
        "ListItems", class_code="101", page_size=500, page_token=listed.next_page_token
    )

    assert unknown.reason == "ITEM_UNKNOWN"
    assert "sandbag" in unknown.metadata["allowed"]
    assert no_day.reason == "DATE_INVALID"
    names = [item.item for item in (*listed.items, *rest.items)]
    assert names == sorted(names)
    assert ITEM in names
    assert listed.items[0].class_names[0] == "基本生活保障物资"
