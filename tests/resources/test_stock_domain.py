"""Supplies are counted: none appear, none vanish, none are handed out twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.resources.domain import depot, transfer, transfer_rules
from services.resources.domain.lots import Portion, Portions
from services.resources.domain.route import straight
from services.resources.domain.stock import (
    INITIAL,
    LotExpired,
    MinimumStockSet,
    ShipmentUndone,
    StockArrived,
    StockConsumed,
    StockFellBelowMinimum,
    StockReceived,
    StockRecovered,
    StockReleased,
    StockReserved,
    StockReturned,
    StockShipped,
    StockWrittenOff,
)
from services.resources.domain.stock_commands import (
    ConsumeStock,
    ExpireLots,
    ReceiveStock,
    ReleaseStock,
    ReserveStock,
    ReturnStock,
    SetMinimumStock,
    ShipStock,
    TakeInShipment,
    UndoShipment,
    WriteOffStock,
)
from services.resources.domain.stock_fold import evolve
from services.resources.domain.stock_rules import decide
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import AlreadyExists, Forbidden, Invalid, NotFound, Rejection
from tests.spec import spec

given = spec(decide, evolve, INITIAL)
given_transfer = spec(transfer_rules.decide, transfer_rules.evolve, transfer.INITIAL)
given_depot = spec(depot.decide, depot.evolve, depot.INITIAL)

NOW = datetime(2026, 6, 1, 4, 15, tzinfo=UTC)
BAGS: dict[str, Any] = {"depot_id": "qiancheng", "item": "sandbag", "occurred_at": NOW}


def unmarked(quantity: int) -> Portions:
    return (Portion(lot_id="", quantity=quantity),)


def received_of(quantity: int, lot_id: str = "", expires_on: date | None = None) -> StockReceived:
    return StockReceived(
        **BAGS,
        quantity=quantity,
        lot_id=lot_id,
        expires_on=expires_on,
        origin="省厅",
        waybill="",
        counted_by="sun",
    )


received = received_of(100)
FROM = Portion(lot_id="", quantity=1, origin="省厅")


def of_lot(quantity: int) -> Portions:
    return (replace(FROM, quantity=quantity),)


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
        lots=of_lot(quantity),
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
    legs=straight("anjiang", "湘N12345"),
)
shipped = StockShipped(
    **BAGS,
    quantity=80,
    lots=of_lot(80),
    from_reserved=60,
    to_depot_id="anjiang",
    transfer_id="t1",
    incident_id="flood",
    supply_request_id="",
    waybill="",
    legs=straight("anjiang", "湘N12345"),
    expired_reason="",
)
LOAD: dict[str, Any] = {
    "transfer_id": "t1",
    "item": "sandbag",
    "quantity": 80,
    "lots": of_lot(80),
    "from_depot_id": "qiancheng",
    "to_depot_id": "anjiang",
    "incident_id": "flood",
    "supply_request_id": "",
    "waybill": "",
    "legs": straight("anjiang", "湘N12345"),
    "occurred_at": NOW,
}
started = transfer.TransferStarted(**LOAD)
receive = transfer.ReceiveTransfer(
    transfer_id="t1",
    received=70,
    lost=2,
    damaged=1,
    reason="落水",
    said_by="qi",
    receipt_number="r1",
    occurred_at=NOW,
)
receipt = transfer.TransferReceived(
    transfer_id="t1",
    item="sandbag",
    from_depot_id="qiancheng",
    to_depot_id="anjiang",
    incident_id="flood",
    supply_request_id="",
    number=1,
    receipt_number="r1",
    received=70,
    lots=of_lot(70),
    lost=2,
    damaged=1,
    gone=of_lot(3),
    reason="落水",
    said_by="qi",
    occurred_at=NOW,
)


def test_supplies_from_outside_are_taken_in() -> None:
    given().when(ReceiveStock(**BAGS, quantity=100, origin="省厅", counted_by="sun")).then(received)


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
        "unusable": "0",
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
        **BAGS,
        quantity=80,
        lots=of_lot(80),
        from_reserved=60,
        transfer_id="t1",
        incident_id="flood",
        supply_request_id="",
    )

    given(received, reserved, shipped).when(undo).then(undone)
    given(received, reserved, shipped, undone).when(undo).then()
    given(received, reserved, shipped, undone).when(ship).then(shipped)


def test_what_arrives_is_on_hand_once_and_what_was_lost_is_not() -> None:
    come: dict[str, Any] = {
        **BAGS,
        "from_depot_id": "anjiang",
        "transfer_id": "t9",
        "receipt": 1,
        "received": 5,
        "lots": unmarked(5),
        "lost": 2,
        "damaged": 1,
        "reason": "落水",
    }
    arrived = StockArrived(**come)

    given().when(TakeInShipment(**come)).then(arrived)
    given(arrived).when(TakeInShipment(**come)).then()
    given(arrived).when(
        ConsumeStock(**BAGS, quantity=6, incident_id="", purpose="堵口")
    ).then_refused("INSUFFICIENT_STOCK")


def test_what_is_spoilt_is_gone_whoever_it_was_for() -> None:
    given(received, reserved).when(WriteOffStock(**BAGS, quantity=50, reason="霉变")).then(
        StockReleased(**BAGS, quantity=10, incident_id="flood", reason="written off"),
        StockWrittenOff(**BAGS, quantity=50, lots=of_lot(50), reason="霉变", written_off_by=""),
    )
    given(received, reserved).when(WriteOffStock(**BAGS, quantity=101, reason="霉变")).then_refused(
        "INSUFFICIENT_STOCK"
    )


def test_the_youngest_reservation_gives_way_first() -> None:
    younger = StockReserved(**BAGS, quantity=40, incident_id="fire")

    given(received, reserved, younger).when(WriteOffStock(**BAGS, quantity=50, reason="霉变")).then(
        StockReleased(**BAGS, quantity=40, incident_id="fire", reason="written off"),
        StockReleased(**BAGS, quantity=10, incident_id="flood", reason="written off"),
        StockWrittenOff(**BAGS, quantity=50, lots=of_lot(50), reason="霉变", written_off_by=""),
    )


def test_no_more_comes_back_than_was_handed_out() -> None:
    back = ReturnStock(**BAGS, quantity=30, incident_id="flood")
    returned = StockReturned(**BAGS, quantity=30, lots=of_lot(30), incident_id="flood")

    given(received, reserved, consumed).when(back).then(returned)
    given(received, reserved, consumed, returned).when(back).then_refused("RETURN_EXCEEDED")
    given(received, reserved, consumed).when(replace(back, quantity=31)).then_refused(
        "RETURN_EXCEEDED"
    )
    given(received, reserved, consumed).when(replace(back, incident_id="fire")).then_refused(
        "RETURN_EXCEEDED"
    )


def test_what_comes_back_without_an_incident_counts_against_any() -> None:
    nameless = StockReturned(**BAGS, quantity=20, lots=of_lot(20), incident_id="")

    given(received, reserved, consumed).when(ReturnStock(**BAGS, quantity=20, incident_id="")).then(
        nameless
    )
    given(received, reserved, consumed, nameless).when(
        ReturnStock(**BAGS, quantity=11, incident_id="flood")
    ).then_refused("RETURN_EXCEEDED")


def test_a_transfer_starts_once() -> None:
    start = transfer.StartTransfer(**LOAD)

    given_transfer().when(start).then(started)
    given_transfer(started).when(start).then()
    given_transfer(started).when(replace(start, quantity=81)).then_refused("TRANSFER_EXISTS")


def test_a_shipment_is_taken_in_by_parts() -> None:
    rest = replace(receive, received=7, lost=0, damaged=0, receipt_number="r2")

    given_transfer(started).when(receive).then(receipt)
    given_transfer(started, receipt).when(rest).then(
        replace(
            receipt,
            number=2,
            receipt_number="r2",
            received=7,
            lots=of_lot(7),
            lost=0,
            damaged=0,
            gone=(),
        )
    )


def test_the_same_receipt_counts_once_whoever_enters_it() -> None:
    again = replace(receive, said_by="he", occurred_at=NOW + timedelta(hours=1))

    given_transfer(started, receipt).when(again).then()
    given_transfer(started, receipt).when(replace(again, received=71)).then_refused(
        "RECEIPT_ENTERED"
    )


def test_no_more_is_taken_in_than_is_on_the_road() -> None:
    with pytest.raises(Rejection) as refusal:
        given_transfer(started, receipt).when(replace(receive, receipt_number="r2")).outcome()

    assert refusal.value.reason == "TRANSFER_EXCEEDED"
    assert refusal.value.context["outstanding"] == "7"


def test_a_loss_has_a_reason_and_a_receipt_has_a_figure() -> None:
    given_transfer(started).when(replace(receive, reason="")).then_refused("REASON_REQUIRED")
    given_transfer(started).when(replace(receive, received=0, lost=0, damaged=0)).then_refused(
        "NOTHING_RECEIVED"
    )
    given_transfer().when(receive).then_refused("NO_SUCH_TRANSFER")


MAY, JUNE, JULY = (date(2026, month, 28) for month in (5, 6, 7))
old, young = received_of(10, "old", JUNE), received_of(10, "young", JULY)
bad = received_of(10, "bad", MAY)


def lot(lot_id: str, quantity: int, day: date) -> Portion:
    return Portion(lot_id=lot_id, quantity=quantity, expires_on=day, origin="省厅")


def test_what_expires_first_goes_first() -> None:
    use = ConsumeStock(**USED, quantity=12, incident_id="")

    given(young, old, bad).when(use).then(
        replace(consumed_of(12, 0, ""), lots=(lot("old", 10, JUNE), lot("young", 2, JULY)))
    )
    given(young, old, bad).when(replace(use, lot_ids=("young",), quantity=9)).then(
        replace(consumed_of(9, 0, ""), lots=(lot("young", 9, JULY),))
    )
    given(young, old).when(replace(use, lot_ids=("bad",))).then_refused("LOT_NOT_HERE")


def test_what_has_expired_is_not_there_unless_it_is_named_with_a_reason() -> None:
    named = replace(ship, quantity=5, incident_id="", lot_ids=("bad",))

    given(bad, old).when(replace(ship, quantity=11, incident_id="")).then_refused(
        "INSUFFICIENT_STOCK"
    )
    given(bad, old).when(named).then_refused("LOT_EXPIRED")
    given(bad, old).when(replace(named, expired_reason="作饲料")).then(
        replace(
            shipped,
            quantity=5,
            lots=(lot("bad", 5, MAY),),
            from_reserved=0,
            incident_id="",
            expired_reason="作饲料",
        )
    )


def test_the_last_day_is_still_a_good_one() -> None:
    late = datetime(2026, 6, 28, 15, 59, tzinfo=UTC)
    use = ConsumeStock(**{**USED, "occurred_at": late}, quantity=1, incident_id="")

    given(old).when(use).then(
        replace(consumed_of(1, 0, ""), lots=(lot("old", 1, JUNE),), occurred_at=late)
    )
    given(old).when(replace(use, occurred_at=late + timedelta(minutes=1))).then_refused(
        "INSUFFICIENT_STOCK"
    )


def test_what_is_set_aside_is_there_for_its_incident_though_other_lots_expired() -> None:
    most = StockReserved(**BAGS, quantity=15, incident_id="flood")

    given(bad, old, most).when(ConsumeStock(**USED, quantity=10, incident_id="flood")).then(
        replace(consumed_of(10, 10), lots=(lot("old", 10, JUNE),))
    )
    given(bad, old, most).when(ConsumeStock(**USED, quantity=1, incident_id="fire")).then_refused(
        "INSUFFICIENT_STOCK"
    )


def test_one_lot_has_one_day_and_one_waybill_is_taken_in_once() -> None:
    come = ReceiveStock(
        **BAGS, quantity=10, origin="省厅", lot_id="old", expires_on=JUNE, waybill="w1"
    )
    entered = replace(old, waybill="w1", counted_by="")

    given(old).when(replace(come, expires_on=JULY)).then_refused("LOT_DIFFERS")
    given().when(come).then(entered)
    given(entered).when(replace(come, counted_by="he")).then()
    given(entered).when(replace(come, quantity=11)).then_refused("WAYBILL_ENTERED")


def test_an_alarm_is_told_once_per_crossing() -> None:
    minimum = MinimumStockSet(**BAGS, minimum=90, set_by="sun")
    fell = StockFellBelowMinimum(**BAGS, usable=70, minimum=90)
    half = consumed_of(30, 0)

    given(received).when(SetMinimumStock(**BAGS, minimum=90, set_by="sun")).then(minimum)
    given(received, minimum).when(ConsumeStock(**USED, quantity=30, incident_id="flood")).then(
        half, fell
    )
    given(received, minimum, half, fell).when(
        ConsumeStock(**USED, quantity=30, incident_id="flood")
    ).then(half)
    given(received, minimum, half, fell).when(
        ReceiveStock(**BAGS, quantity=20, origin="省厅", counted_by="sun")
    ).then(received_of(20), StockRecovered(**BAGS, usable=90, minimum=90))
    given(received, minimum, half, fell).when(
        SetMinimumStock(**BAGS, minimum=0, set_by="sun")
    ).then(replace(minimum, minimum=0), StockRecovered(**BAGS, usable=70, minimum=0))


def test_a_lot_whose_day_has_passed_counts_no_longer() -> None:
    minimum = MinimumStockSet(**BAGS, minimum=15, set_by="sun")
    pass_may = ExpireLots(**BAGS, day=date(2026, 6, 1))
    expired = LotExpired(**BAGS, lot=lot("bad", 10, MAY))

    given(bad, old, minimum).when(pass_may).then(
        expired, StockFellBelowMinimum(**BAGS, usable=10, minimum=15)
    )
    given(bad, old, expired).when(pass_may).then()


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
        level=depot.Level.TOWNSHIP,
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
    given_depot(replace(registered, level=None)).when(register).then()
    for command in (enter, address):
        with pytest.raises(NotFound):
            given_depot().when(command).outcome()
