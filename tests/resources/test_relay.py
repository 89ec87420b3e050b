"""What is told of each private fact, and where; and that nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from anlan.events.v1 import shelter_events_pb2, stock_events_pb2, unit_events_pb2
from services.resources.relay import SUBJECTS, public
from services.runtime.published import Publication
from tests.resources import history
from tests.resources.world import World


@pytest.fixture
def told() -> Iterator[list[Publication]]:
    world = World()
    for act in (
        *history.of_units(),
        *history.of_stocks(),
        *history.of_requests(),
        *history.of_shelters(),
        *history.of_relief(),
        *history.of_sites(),
        *history.of_landing_points(),
        *history.of_experts(),
    ):
        world.obey(*act)
    yield [publication for event in world.log if (publication := public(event))]
    world.close()


def one(told: list[Publication], message: type[Any], subject: str) -> Any:
    publication = next(p for p in told if p.subject == subject)
    assert publication.type == message.DESCRIPTOR.full_name
    return message.FromString(publication.payload)


def test_each_unit_is_told_of_in_its_own_township(told: list[Publication]) -> None:
    reserved = one(told, unit_events_pb2.UnitReserved, "anlan.431281102.unit.UnitReserved.boat-0")

    assert (reserved.holder, reserved.incident_id) == ("a0", "flood")
    assert reserved.expire_time.seconds - reserved.occur_time.seconds == 60


def test_a_hold_that_ran_out_is_a_release(told: list[Publication]) -> None:
    released = one(told, unit_events_pb2.UnitReleased, "anlan.431281102.unit.UnitReleased.boat-1")

    assert (released.holder, released.reason) == ("a1", "expired")


def test_a_receipt_says_what_it_adds(told: list[Publication]) -> None:
    received = one(
        told, stock_events_pb2.TransferReceived, "anlan.431281.transfer.TransferReceived.t1"
    )

    assert (received.received, received.lost, received.damaged) == (30, 1, 1)
    assert (received.number, received.said_by, received.reason) == (1, "qi", "落水")
    assert (received.depot_id, received.to_depot_id) == ("north", "south")


def test_what_was_handed_out_is_told_of_where_it_went(told: list[Publication]) -> None:
    consumed = one(
        told, stock_events_pb2.StockConsumed, "anlan.431281102218.stock.StockConsumed.north.bag"
    )

    assert (consumed.quantity, consumed.unit, consumed.relief) == (10, "箱", "water")
    assert (consumed.adcode, consumed.group_id) == ("431281102218", "竹滩一组")


def test_a_shelter_says_how_many_are_in_it(told: list[Publication]) -> None:
    admitted = one(
        told, shelter_events_pb2.PeopleAdmitted, "anlan.431281102.shelter.PeopleAdmitted.school"
    )

    assert (admitted.people, admitted.occupancy) == (4, 4)
    assert admitted.HasField("vacancies")


def test_only_public_facts_leave_the_house(told: list[Publication]) -> None:
    names = {publication.type.rpartition(".")[2] for publication in told}

    assert names == {
        "UnitRegistered",
        "UnitPutInService",
        "LotExpired",
        "UnitPutOutOfService",
        "UnitReserved",
        "UnitReleased",
        "UnitClassified",
        "UnitAttached",
        "UnitShiftStarted",
        "UnitStatusSet",
        "UnitRestStarted",
        "StockShipped",
        "StockConsumed",
        "StockFellBelowMinimum",
        "StockRecovered",
        "TransferReceived",
        "TransferHandedOver",
        "TransferDiverted",
        "SupplyRequested",
        "SupplyRequestApproved",
        "SupplyRequestDeclined",
        "SuppliesCommitted",
        "SupplyCommitmentWithdrawn",
        "SupplyRequestCompleted",
        "SupplyRequestCancelled",
        "NeedServed",
        "ShelterOpened",
        "PeopleAdmitted",
        "PeopleDischarged",
        "PeopleSentOn",
        "PeopleTakenOver",
        "ShelterNeedRaised",
        "ShelterNeedEnded",
        "ShelterClosed",
        "RiskSitePatrolled",
        "LandingPointClosed",
        "LandingPointOpened",
        "ExpertCalledUp",
        "ExpertArrived",
        "ExpertCallUpMoved",
        "ExpertReleased",
        "VillageAffected",
        "ReliefWarned",
        "ReliefMissed",
        "VillageRelieved",
    }


def test_no_subject_is_bound_twice() -> None:
    assert len(SUBJECTS) == len(set(SUBJECTS))
