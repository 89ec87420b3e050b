"""A request is asked, approved, promised and delivered; to accept it is to promise nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.resources.domain.supply_request import (
    INITIAL,
    AcceptSupplyRequest,
    AddressSupplyRequest,
    ApproveSupplyRequest,
    CancelSupplyRequest,
    CommitSupplies,
    CompleteSupplyRequest,
    DeclineSupplyRequest,
    NeedServed,
    NoteDelivery,
    NoteDiversion,
    NoteShipment,
    SubmitSupplyRequest,
    SuppliesCommitted,
    SupplyCommitmentWithdrawn,
    SupplyDeliveryNoted,
    SupplyDiversionNoted,
    SupplyRequest,
    SupplyRequestAccepted,
    SupplyRequestApproved,
    SupplyRequestCancelled,
    SupplyRequestCompleted,
    SupplyRequested,
    SupplyShipmentNoted,
    WithdrawCommitment,
)
from services.resources.domain.supply_request_notes import evolve
from services.resources.domain.supply_request_rules import decide
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import Forbidden
from tests.spec import spec

given = spec(decide, evolve, INITIAL)

NOW = datetime(2026, 6, 1, 4, 15, tzinfo=UTC)
HE = Actor(subject="warden.he", roles=("warden",), jurisdiction="431281103")
LI = Actor(subject="commander.li", roles=("commander",), jurisdiction="431281")
ABOUT: dict[str, Any] = {"supply_request_id": "s1", "occurred_at": NOW}
WANTED: dict[str, Any] = {
    **ABOUT,
    "item": "water",
    "quantity": 500,
    "unit": "箱",
    "item_class": "1020101",
    "incident_id": "flood",
    "need_id": "",
    "place": Place(adcode="431281103"),
    "to_depot_id": "tuokou",
    "needed_by": None,
    "note": "断水",
}
submit = SubmitSupplyRequest(**WANTED, by=HE)
requested = SupplyRequested(**WANTED, requested_by="warden.he")
approve = ApproveSupplyRequest(**ABOUT, by=LI, quantity=400, reason="留够储备")
approved = SupplyRequestApproved(
    **ABOUT, asked=500, quantity=400, reason="留够储备", approved_by="commander.li"
)
commit = CommitSupplies(
    **ABOUT, by=LI, commitment_id="c1", depot_id="city", quantity=300, expected_at=None
)
committed = SuppliesCommitted(
    **ABOUT,
    commitment_id="c1",
    depot_id="city",
    item="water",
    quantity=300,
    incident_id="flood",
    expected_at=None,
    committed_by="commander.li",
)
withdrawn = SupplyCommitmentWithdrawn(
    **ABOUT,
    commitment_id="c1",
    depot_id="city",
    item="water",
    quantity=300,
    incident_id="flood",
    reason="进水",
)
leave = NoteShipment(**ABOUT, transfer_id="t1", depot_id="city", quantity=200)
left = SupplyShipmentNoted(**ABOUT, transfer_id="t1", depot_id="city", quantity=200)
promised = (requested, approved, committed)


def test_a_part_is_approved_with_a_reason_by_one_in_whose_region_it_is() -> None:
    given(requested).when(approve).then(approved)
    given(requested, approved).when(approve).then()
    given(requested).when(replace(approve, quantity=0)).then(replace(approved, quantity=500))
    given(requested).when(replace(approve, reason="")).then_refused("REASON_REQUIRED")
    given(requested).when(replace(approve, quantity=501)).then_refused("APPROVAL_EXCEEDS_REQUEST")
    elsewhere = replace(LI, jurisdiction="431202")
    with pytest.raises(Forbidden):
        given(requested).when(replace(approve, by=elsewhere)).outcome()


def test_nothing_is_promised_before_it_is_approved_or_beyond_it() -> None:
    given(requested).when(commit).then_refused("SUPPLY_REQUEST_NOT_APPROVED")
    given(requested, approved).when(commit).then(committed)
    given(*promised).when(commit).then()
    given(*promised).when(replace(commit, quantity=1)).then_refused("COMMITMENT_EXISTS")
    given(*promised).when(replace(commit, commitment_id="c2", quantity=101)).then_refused(
        "COMMITMENT_EXCEEDED"
    )


def test_to_accept_is_not_to_commit() -> None:
    accept = AcceptSupplyRequest(**ABOUT, by=LI, depot_id="city", note="")
    accepted = SupplyRequestAccepted(**ABOUT, depot_id="city", note="", accepted_by="commander.li")

    given(requested, approved).when(accept).then(accepted)
    state = given(requested, approved, accepted).state
    assert isinstance(state, SupplyRequest)
    assert (state.promised, state.uncovered) == (0, 400)


def test_what_left_is_promised_no_more_and_can_be_withdrawn_no_more() -> None:
    given(*promised).when(leave).then(left)
    given(*promised, left).when(leave).then()
    given(*promised, left).when(
        WithdrawCommitment(**ABOUT, commitment_id="c1", reason="进水")
    ).then(replace(withdrawn, quantity=100))


def test_no_more_is_shipped_than_was_approved() -> None:
    ship = AddressSupplyRequest(
        supply_request_id="s1", item="water", quantity=201, transfer_id="t2"
    )

    given(*promised, left).when(ship).then_refused("SUPPLY_REQUEST_EXCEEDED")
    given(*promised, left).when(replace(ship, quantity=200)).then()
    given(*promised, left).when(replace(ship, transfer_id="t1")).then()
    given(*promised).when(replace(ship, item="tent")).then_refused("ITEM_DIFFERS")


def test_what_is_lost_or_diverted_is_wanted_again() -> None:
    lost = SupplyDeliveryNoted(**ABOUT, transfer_id="t1", count="leg 1", received=0, lost=10)
    away = SupplyDiversionNoted(**ABOUT, transfer_id="t1", quantity=190)

    given(*promised, left).when(
        NoteDelivery(**ABOUT, transfer_id="t1", count="leg 1", received=0, lost=10)
    ).then(lost)
    given(*promised, left, lost).when(
        NoteDelivery(**ABOUT, transfer_id="t1", count="leg 1", received=0, lost=10)
    ).then()
    given(*promised, left, lost).when(NoteDiversion(**ABOUT, transfer_id="t1", quantity=190)).then(
        away
    )
    state = given(*promised, left, lost, away).state
    assert isinstance(state, SupplyRequest)
    assert (state.promised, state.moving, state.uncovered) == (100, 0, 300)


def test_it_ends_by_itself_when_all_has_come_and_lets_go_of_the_rest() -> None:
    all_left = replace(left, quantity=400)
    came = SupplyDeliveryNoted(**ABOUT, transfer_id="t1", count="receipt 1", received=400, lost=0)
    from_elsewhere = replace(all_left, depot_id="other")

    given(*promised, from_elsewhere).when(
        NoteDelivery(**ABOUT, transfer_id="t1", count="receipt 1", received=400, lost=0)
    ).then(
        came,
        replace(withdrawn, reason="all came"),
        SupplyRequestCompleted(**ABOUT, received=400, missing=0, reason="all came"),
    )


def test_it_is_ended_short_or_called_off_and_depots_are_free_again() -> None:
    given(*promised).when(CompleteSupplyRequest(**ABOUT, by=HE, reason="够了")).then(
        replace(withdrawn, reason="request completed"),
        SupplyRequestCompleted(**ABOUT, received=0, missing=400, reason="够了"),
    )
    cancelled = SupplyRequestCancelled(**ABOUT, reason="退水", cancelled_by="warden.he")
    cancel = CancelSupplyRequest(**ABOUT, by=HE, reason="退水")
    given(*promised).when(cancel).then(replace(withdrawn, reason="request cancelled"), cancelled)
    given(requested, cancelled).when(cancel).then()
    given(requested, cancelled).when(approve).then_refused("SUPPLY_REQUEST_CANCELLED")


def test_a_request_is_made_once_and_what_is_unknown_is_said_so() -> None:
    given().when(submit).then(requested)
    given(requested).when(submit).then()
    given(requested).when(replace(submit, quantity=1)).then_refused("SUPPLY_REQUEST_EXISTS")
    for command in (approve, commit, DeclineSupplyRequest(**ABOUT, by=LI, reason="")):
        given().when(command).then_refused("NO_SUCH_SUPPLY_REQUEST")


def test_the_need_that_it_serves_is_told_how_it_stands_whenever_that_changes() -> None:
    for_need = replace(requested, need_id="n1")
    had = (for_need, approved, committed)
    served = NeedServed(
        **ABOUT,
        incident_id="flood",
        need_id="n1",
        adcode="431281103",
        unit="箱",
        depots=("city",),
        outstanding=300,
        received=0,
    )
    come = NoteDelivery(**ABOUT, transfer_id="t1", count="receipt 1", received=180, lost=20)
    counted = SupplyDeliveryNoted(
        **ABOUT, transfer_id="t1", count="receipt 1", received=180, lost=20
    )

    given(for_need).when(approve).then(approved)
    given(for_need, approved).when(commit).then(committed, served)
    given(*had, served).when(leave).then(left)
    given(*had, served, left).when(come).then(
        counted, replace(served, outstanding=100, received=180)
    )
    given(*had, served).when(WithdrawCommitment(**ABOUT, commitment_id="c1", reason="进水")).then(
        withdrawn, replace(served, outstanding=0)
    )
