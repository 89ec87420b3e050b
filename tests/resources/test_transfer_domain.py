"""On the road all is counted where it changes hands, and goes where it is sent last."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.resources.domain import transfer_rules
from services.resources.domain.lots import Portion, Portions
from services.resources.domain.route import Leg, Stop, straight
from services.resources.domain.transfer import (
    INITIAL,
    DepartTransfer,
    DivertTransfer,
    HandOverTransfer,
    ReceiveTransfer,
    TransferDeparted,
    TransferDiverted,
    TransferHandedOver,
    TransferReceived,
    TransferStarted,
    TransferTurnedBack,
    TurnBackTransfer,
)
from services.runtime.rejection import Rejection
from tests.spec import spec

given = spec(transfer_rules.decide, transfer_rules.evolve, INITIAL)

NOW = datetime(2026, 6, 1, 4, 15, tzinfo=UTC)
AT: dict[str, Any] = {"transfer_id": "t1", "occurred_at": NOW}
JUNE, JULY = date(2026, 6, 28), date(2026, 7, 28)
LORRY = Leg(stop=Stop(name="渡口"), carrier="湘N12345")
BOAT = Leg(stop=Stop(depot_id="tuokou"), carrier="冲锋舟")


def lots(june: int, july: int = 0) -> Portions:
    both = (
        Portion(lot_id="june", quantity=june, expires_on=JUNE),
        Portion(lot_id="july", quantity=july, expires_on=JULY),
    )
    return tuple(lot for lot in both if lot.quantity)


started = TransferStarted(
    **AT,
    item="water",
    quantity=100,
    lots=lots(60, 40),
    from_depot_id="city",
    to_depot_id="tuokou",
    incident_id="flood",
    supply_request_id="s1",
    waybill="w1",
    legs=(LORRY, BOAT),
)
hand_over = HandOverTransfer(
    **AT, leg=1, counted=95, lost=3, damaged=2, reason="翻车", handed_by="王", taken_by="qi"
)
handed_over = TransferHandedOver(
    **AT,
    item="water",
    from_depot_id="city",
    supply_request_id="s1",
    leg=1,
    counted=95,
    lost=3,
    damaged=2,
    gone=(Portion(lot_id="july", quantity=5, expires_on=JULY),),
    reason="翻车",
    handed_by="王",
    taken_by="qi",
)
depart = DepartTransfer(**AT, leg=2, carrier="", expected_at=None)
departed = TransferDeparted(**AT, leg=2, carrier="冲锋舟", expected_at=None)
divert = DivertTransfer(
    **AT,
    to_depot_id="anjiang",
    incident_id="fire",
    supply_request_id="",
    legs=(),
    reason="桥断",
    diverted_by="zhao",
)
diverted = TransferDiverted(
    **AT,
    item="water",
    quantity=95,
    was_to_depot_id="tuokou",
    was_for_incident_id="flood",
    was_for_supply_request_id="s1",
    to_depot_id="anjiang",
    incident_id="fire",
    supply_request_id="",
    legs=(LORRY, Leg(stop=Stop(depot_id="anjiang"), carrier="冲锋舟")),
    reason="桥断",
    diverted_by="zhao",
)
receive = ReceiveTransfer(
    **AT, received=95, lost=0, damaged=0, reason="", said_by="qi", receipt_number="r1"
)


def test_what_changes_hands_is_counted_to_the_last() -> None:
    given(started).when(hand_over).then(handed_over)
    with pytest.raises(Rejection) as refusal:
        given(started).when(replace(hand_over, counted=94)).outcome()
    assert refusal.value.reason == "COUNT_OPEN"
    assert refusal.value.context["outstanding"] == "100"
    given(started).when(replace(hand_over, reason="")).then_refused("REASON_REQUIRED")


def test_a_leg_is_handed_over_once_whoever_enters_it() -> None:
    given(started, handed_over).when(replace(hand_over, taken_by="he")).then()
    given(started, handed_over).when(replace(hand_over, counted=94, lost=4)).then_refused(
        "LEG_HANDED_OVER"
    )


def test_the_last_leg_ends_with_a_receipt() -> None:
    given(started, handed_over, departed).when(
        replace(hand_over, leg=2, counted=95, lost=0, damaged=0)
    ).then_refused("LAST_LEG")
    given(started).when(replace(hand_over, leg=3)).then_refused("NO_SUCH_LEG")


def test_it_leaves_on_the_next_leg_with_whom_was_planned_or_another() -> None:
    given(started, handed_over).when(depart).then(departed)
    given(started, handed_over).when(replace(depart, carrier="橡皮艇")).then(
        replace(departed, carrier="橡皮艇")
    )
    given(started, handed_over, departed).when(depart).then()
    given(started, handed_over, departed).when(replace(depart, carrier="橡皮艇")).then_refused(
        "LEG_DEPARTED"
    )


def test_a_departure_that_nobody_entered_holds_nothing_up() -> None:
    given(started).when(replace(receive, received=100)).then(
        TransferReceived(
            **AT,
            item="water",
            from_depot_id="city",
            to_depot_id="tuokou",
            incident_id="flood",
            supply_request_id="s1",
            number=1,
            receipt_number="r1",
            received=100,
            lots=lots(60, 40),
            lost=0,
            damaged=0,
            gone=(),
            reason="",
            said_by="qi",
        )
    )


def test_what_is_on_the_road_is_sent_elsewhere_and_arrives_there() -> None:
    state = (started, handed_over, departed)

    given(*state).when(divert).then(diverted)
    given(*state, diverted).when(divert).then()
    [received] = given(*state, diverted).when(receive).outcome()
    assert isinstance(received, TransferReceived)
    assert (received.to_depot_id, received.incident_id) == ("anjiang", "fire")
    assert (received.supply_request_id, received.lots) == ("", lots(60, 35))


def test_another_depot_for_the_same_incident_still_counts_for_its_request() -> None:
    [event] = given(started).when(replace(divert, incident_id="")).outcome()
    assert isinstance(event, TransferDiverted)
    assert (event.incident_id, event.supply_request_id) == ("flood", "s1")
    assert event.legs == straight("anjiang", "湘N12345"), "the lorry turns at once"


def test_it_goes_home() -> None:
    turned = TransferTurnedBack(
        **AT,
        item="water",
        quantity=100,
        was_to_depot_id="tuokou",
        was_for_incident_id="flood",
        was_for_supply_request_id="s1",
        to_depot_id="city",
        legs=straight("city", "湘N12345"),
        reason="路断",
        turned_by="zhao",
    )
    back = TurnBackTransfer(**AT, reason="路断", turned_by="zhao")

    given(started).when(back).then(turned)
    given(started, turned).when(back).then()


def test_what_is_all_accounted_for_goes_nowhere() -> None:
    [received] = given(started).when(replace(receive, received=100)).outcome()

    for command in (divert, depart, TurnBackTransfer(**AT, reason="路断", turned_by="zhao")):
        given(started, received).when(command).then_refused("TRANSFER_CLOSED")


@pytest.mark.parametrize("command", [hand_over, depart, divert, receive])
def test_what_never_left_is_not_on_the_road(command: Any) -> None:
    given().when(command).then_refused("NO_SUCH_TRANSFER")
