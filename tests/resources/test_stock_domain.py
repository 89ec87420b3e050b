"""Supplies are counted: none appear, none vanish, none are handed out twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.resources.domain import depot, transfer
from services.resources.domain.lots import Portion
from services.resources.domain.stock import (
    INITIAL,
    ConsumeStock,
    ReceiveStock,
    ReleaseStock,
    ReserveStock,
    ReturnStock,
    ShipmentUndone,
    ShipStock,
    StockArrived,
    StockConsumed,
    StockReceived,
    StockReleased,
    StockReserved,
    StockReturned,
    StockShipped,
    StockWrittenOff,
    TakeInShipment,
    UndoShipment,
    WriteOffStock,
)
from services.resources.domain.stock_rules import decide, evolve
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import AlreadyExists, Forbidden, Invalid, NotFound, Rejection
from tests.spec import spec

given = spec(decide, evolve, INITIAL)
given_transfer = spec(transfer.decide, transfer.evolve, transfer.INITIAL)
given_depot = spec(depot.decide, depot.evolve, depot.INITIAL)

NOW = datetime(2026, 6, 1, 4, 15, tzinfo=UTC)
BAGS: dict[str, Any] = {"depot_id": "qiancheng", "item": "sandbag", "occurred_at": NOW}

received = StockReceived(**BAGS, quantity=100, origin="省厅")
reserved = StockReserved(**BAGS, quantity=60, incident_id="flood")
USED: dict[str, Any] = {
    **BAGS,
    "purpose": "堵口",
    "adcode": "431281102218",
    "group_id": "竹滩一组",
    "item_class": "3010101",
    "unit": "条",
    "relief": "",
    "items_version": "1",
}


def consumed_of(quantity: int, from_reserved: int, incident_id: str = "flood") -> StockConsumed:
    return StockConsumed(
        **USED,
        quantity=quantity,
        lots=(Portion(lot_id="", quantity=quantity),),
        from_reserved=from_reserved,
        incident_id=incident_id,
    )


consumed = consumed_of(30, 30)
ship = ShipStock(
    **BAGS,
    quantity=80,
    to_depot_id="anjiang",
    transfer_id="t1",
    incident_id="flood",
    carrier="湘N12345",
)
shipped = StockShipped(
    **BAGS,
    quantity=80,
    from_reserved=60,
    to_depot_id="anjiang",
    transfer_id="t1",
    incident_id="flood",
    carrier="湘N12345",
)
started = transfer.TransferStarted(
    transfer_id="t1",
    item="sandbag",
    quantity=80,
    from_depot_id="qiancheng",
    to_depot_id="anjiang",
    incident_id="flood",
    occurred_at=NOW,
)
receive = transfer.ReceiveTransfer(
    transfer_id="t1", received=70, lost=3, reason="落水", occurred_at=NOW
)
receipt = transfer.TransferReceived(
    transfer_id="t1",
    item="sandbag",
    from_depot_id="qiancheng",
    to_depot_id="anjiang",
    received=70,
    lost=3,
    reason="落水",
    occurred_at=NOW,
)


def test_supplies_from_outside_are_taken_in() -> None:
    given().when(ReceiveStock(**BAGS, quantity=100, origin="省厅")).then(received)


def test_what_is_on_hand_can_be_set_aside() -> None:
    given(received).when(ReserveStock(**BAGS, quantity=60, incident_id="flood")).then(reserved)


def test_what_is_set_aside_for_one_incident_is_not_there_for_another() -> None:
    with pytest.raises(Rejection) as refusal:
        given(received, reserved).when(
            ConsumeStock(**BAGS, quantity=41, incident_id="fire", purpose="")
        ).outcome()

    assert refusal.value.reason == "INSUFFICIENT_STOCK"
    assert refusal.value.context == {
        "depot_id": "qiancheng",
        "item": "sandbag",
        "on_hand": "100",
        "reserved": "60",
        "asked": "41",
    }


def test_nothing_can_be_set_aside_twice() -> None:
    given(received, reserved).when(
        ReserveStock(**BAGS, quantity=41, incident_id="flood")
    ).then_refused("INSUFFICIENT_STOCK")


def test_an_incident_uses_its_own_reservation_first() -> None:
    given(received, reserved).when(ConsumeStock(**USED, quantity=100, incident_id="flood")).then(
        consumed_of(100, 60)
    )


def test_no_more_is_freed_than_was_set_aside() -> None:
    freed = ReleaseStock(**BAGS, quantity=60, incident_id="flood", reason="雨停")

    given(received, reserved).when(freed).then(
        StockReleased(**BAGS, quantity=60, incident_id="flood", reason="雨停")
    )
    given(received, reserved).when(replace(freed, quantity=61)).then_refused("RESERVATION_EXCEEDED")
    given(received, reserved).when(replace(freed, incident_id="fire")).then_refused(
        "RESERVATION_EXCEEDED"
    )


def test_what_leaves_was_on_hand() -> None:
    given(received, reserved).when(ship).then(shipped)
    given(received, reserved).when(replace(ship, quantity=101)).then_refused("INSUFFICIENT_STOCK")
    given(received, reserved, shipped).when(replace(ship, transfer_id="t2")).then_refused(
        "INSUFFICIENT_STOCK"
    )


def test_a_shipment_leaves_once() -> None:
    given(received, reserved, shipped).when(ship).then()


def test_another_shipment_cannot_have_its_id() -> None:
    with pytest.raises(AlreadyExists):
        given(received, shipped).when(replace(ship, quantity=1)).outcome()


def test_a_depot_does_not_ship_to_itself() -> None:
    with pytest.raises(Invalid):
        given(received).when(replace(ship, to_depot_id="qiancheng")).outcome()


def test_a_shipment_that_never_started_goes_back_where_it_was() -> None:
    undo = UndoShipment(**BAGS, transfer_id="t1")
    undone = ShipmentUndone(
        **BAGS, quantity=80, from_reserved=60, transfer_id="t1", incident_id="flood"
    )

    given(received, reserved, shipped).when(undo).then(undone)
    given(received, reserved, shipped, undone).when(undo).then()
    given(received, reserved, shipped, undone).when(ship).then(shipped)


def test_what_arrives_is_on_hand_and_what_was_lost_is_not() -> None:
    come: dict[str, Any] = {**BAGS, "from_depot_id": "anjiang", "transfer_id": "t9", "receipt": 1}
    arrived = StockArrived(**come, received=5, lost=2, reason="落水")

    given().when(TakeInShipment(**come, received=5, lost=2, reason="落水")).then(arrived)
    given(arrived).when(
        ConsumeStock(**BAGS, quantity=6, incident_id="", purpose="堵口")
    ).then_refused("INSUFFICIENT_STOCK")


def test_what_is_spoilt_is_gone_whoever_it_was_for() -> None:
    given(received, reserved).when(WriteOffStock(**BAGS, quantity=50, reason="霉变")).then(
        StockReleased(**BAGS, quantity=10, incident_id="flood", reason="written off"),
        StockWrittenOff(**BAGS, quantity=50, reason="霉变"),
    )
    given(received, reserved).when(WriteOffStock(**BAGS, quantity=101, reason="霉变")).then_refused(
        "INSUFFICIENT_STOCK"
    )


def test_the_youngest_reservation_gives_way_first() -> None:
    younger = StockReserved(**BAGS, quantity=40, incident_id="fire")

    given(received, reserved, younger).when(WriteOffStock(**BAGS, quantity=50, reason="霉变")).then(
        StockReleased(**BAGS, quantity=40, incident_id="fire", reason="written off"),
        StockReleased(**BAGS, quantity=10, incident_id="flood", reason="written off"),
        StockWrittenOff(**BAGS, quantity=50, reason="霉变"),
    )


def test_no_more_comes_back_than_was_handed_out() -> None:
    back = ReturnStock(**BAGS, quantity=30, incident_id="flood")
    returned = StockReturned(**BAGS, quantity=30, incident_id="flood")

    given(received, reserved, consumed).when(back).then(returned)
    given(received, reserved, consumed, returned).when(back).then_refused("RETURN_EXCEEDED")
    given(received, reserved, consumed).when(replace(back, quantity=31)).then_refused(
        "RETURN_EXCEEDED"
    )
    given(received, reserved, consumed).when(replace(back, incident_id="fire")).then_refused(
        "RETURN_EXCEEDED"
    )


def test_what_comes_back_without_an_incident_counts_against_any() -> None:
    nameless = StockReturned(**BAGS, quantity=20, incident_id="")

    given(received, reserved, consumed).when(ReturnStock(**BAGS, quantity=20, incident_id="")).then(
        nameless
    )
    given(received, reserved, consumed, nameless).when(
        ReturnStock(**BAGS, quantity=11, incident_id="flood")
    ).then_refused("RETURN_EXCEEDED")


def test_a_transfer_starts_once() -> None:
    start = transfer.StartTransfer(
        transfer_id="t1",
        item="sandbag",
        quantity=80,
        from_depot_id="qiancheng",
        to_depot_id="anjiang",
        incident_id="flood",
        occurred_at=NOW,
    )

    given_transfer().when(start).then(started)
    given_transfer(started).when(start).then()
    given_transfer(started).when(replace(start, quantity=81)).then_refused("TRANSFER_EXISTS")


def test_a_shipment_is_taken_in_by_parts() -> None:
    given_transfer(started).when(receive).then(receipt)
    given_transfer(started, receipt).when(replace(receive, received=7, lost=0)).then(
        replace(receipt, received=7, lost=0)
    )


def test_no_more_is_taken_in_than_is_on_the_road() -> None:
    with pytest.raises(Rejection) as refusal:
        given_transfer(started, receipt).when(receive).outcome()

    assert refusal.value.reason == "TRANSFER_EXCEEDED"
    assert refusal.value.context["outstanding"] == "7"


def test_a_loss_has_a_reason_and_a_receipt_has_a_figure() -> None:
    given_transfer(started).when(replace(receive, reason="")).then_refused("REASON_REQUIRED")
    given_transfer(started).when(replace(receive, received=0, lost=0)).then_refused(
        "NOTHING_RECEIVED"
    )
    given_transfer().when(receive).then_refused("NO_SUCH_TRANSFER")


def test_a_depot_is_there_for_its_own_region_and_can_be_sent_to_by_all() -> None:
    here = Actor(subject="storekeeper.sun", roles=("storekeeper",), jurisdiction="431281")
    elsewhere = replace(here, jurisdiction="431202")
    register = depot.RegisterDepot(
        by=here,
        depot_id="qiancheng",
        name="黔城库",
        place=Place(adcode="431281101"),
        keeper="storekeeper.sun",
        occurred_at=NOW,
    )
    registered = depot.DepotRegistered(
        depot_id="qiancheng",
        name="黔城库",
        place=Place(adcode="431281101"),
        keeper="storekeeper.sun",
        occurred_at=NOW,
    )
    enter = depot.EnterDepot(by=here, depot_id="qiancheng")
    address = depot.AddressDepot(depot_id="qiancheng")

    given_depot().when(register).then(registered)
    given_depot(registered).when(register).then()
    given_depot(registered).when(replace(register, name="别的库")).then_refused("DEPOT_EXISTS")
    given_depot(registered).when(enter).then()
    given_depot(registered).when(address).then()
    with pytest.raises(Forbidden):
        given_depot(registered).when(replace(enter, by=elsewhere)).outcome()
    for command in (enter, address):
        with pytest.raises(NotFound):
            given_depot().when(command).outcome()
