"""Who is in a shelter, and whether there is a bed for the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.resources.domain.shelter import (
    INITIAL,
    AdmitPeople,
    CloseShelter,
    DischargePeople,
    OpenShelter,
    PeopleAdmitted,
    PeopleDischarged,
    RegisterShelter,
    ShelterClosed,
    ShelterOpened,
    ShelterRegistered,
    decide,
    evolve,
)
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import AlreadyExists, Forbidden, Rejection
from tests.spec import spec

given = spec(decide, evolve, INITIAL)

NOW = datetime(2026, 6, 1, 4, 15, tzinfo=UTC)
HE = Actor(subject="warden.he", roles=("warden",), jurisdiction="431281102")
HERE: dict[str, Any] = {"shelter_id": "school", "adcode": "431281102", "occurred_at": NOW}
ASKED: dict[str, Any] = {"by": HE, "shelter_id": "school", "occurred_at": NOW}
SCHOOL: dict[str, Any] = {"name": "安江一中", "place": Place(adcode="431281102"), "capacity": 10}

register = RegisterShelter(**ASKED, **SCHOOL)
registered = ShelterRegistered(shelter_id="school", occurred_at=NOW, **SCHOOL)
open_it = OpenShelter(**ASKED, incident_id="flood", warden="warden.he")
opened = ShelterOpened(**HERE, incident_id="flood", warden="warden.he", capacity=10)
admit = AdmitPeople(**ASKED, group_id="household-1", people=4, from_adcode="431281102")
admitted = PeopleAdmitted(
    **HERE, group_id="household-1", people=4, from_adcode="431281102", occupancy=4
)
discharge = DischargePeople(**ASKED, group_id="household-1", people=4, destination="亲友家")
discharged = PeopleDischarged(
    **HERE, group_id="household-1", people=4, destination="亲友家", occupancy=0
)
close = CloseShelter(**ASKED)
closed = ShelterClosed(**HERE)


def test_a_shelter_is_registered_once() -> None:
    given().when(register).then(registered)
    given(registered, opened).when(register).then()
    with pytest.raises(AlreadyExists):
        given(registered).when(replace(register, capacity=11)).outcome()


def test_a_shelter_opens_for_an_incident() -> None:
    given(registered).when(open_it).then(opened)
    given(registered, opened).when(open_it).then()
    given(registered, opened, closed).when(replace(open_it, incident_id="fire")).then(
        replace(opened, incident_id="fire")
    )


def test_an_open_shelter_is_not_opened_for_another_incident() -> None:
    with pytest.raises(Rejection) as refusal:
        given(registered, opened).when(replace(open_it, incident_id="fire")).outcome()

    assert refusal.value.reason == "SHELTER_OPEN"
    assert refusal.value.context["incident_id"] == "flood"


@pytest.mark.parametrize("command", [admit, discharge])
def test_nobody_enters_or_leaves_a_shelter_that_is_not_open(command: AdmitPeople) -> None:
    given(registered).when(command).then_refused("SHELTER_NOT_OPEN")
    given(registered, opened, closed).when(command).then_refused("SHELTER_NOT_OPEN")


@pytest.mark.parametrize("command", [open_it, admit, discharge, close])
def test_a_shelter_must_be_registered_and_of_the_callers_region(command: AdmitPeople) -> None:
    elsewhere = replace(HE, jurisdiction="431281101")

    given().when(command).then_refused("NO_SUCH_SHELTER")
    with pytest.raises(Forbidden):
        given(registered, opened).when(replace(command, by=elsewhere)).outcome()


def test_a_household_may_come_in_parts() -> None:
    given(registered, opened).when(admit).then(admitted)
    given(registered, opened, admitted).when(replace(admit, people=6)).then(
        replace(admitted, people=6, occupancy=10)
    )


def test_a_full_shelter_says_how_full() -> None:
    with pytest.raises(Rejection) as refusal:
        given(registered, opened, admitted).when(replace(admit, people=7)).outcome()

    assert refusal.value.reason == "SHELTER_FULL"
    assert refusal.value.context == {
        "shelter_id": "school",
        "capacity": "10",
        "occupancy": "4",
        "asked": "7",
    }


def test_only_those_inside_leave() -> None:
    given(registered, opened, admitted).when(discharge).then(discharged)
    for too_many in (replace(discharge, people=5), replace(discharge, group_id="household-2")):
        given(registered, opened, admitted).when(too_many).then_refused("GROUP_EXCEEDED")


def test_a_shelter_closes_when_it_is_empty() -> None:
    with pytest.raises(Rejection) as refusal:
        given(registered, opened, admitted).when(close).outcome()

    assert refusal.value.reason == "SHELTER_NOT_EMPTY"
    assert refusal.value.context["occupancy"] == "4"
    given(registered, opened, admitted, discharged).when(close).then(closed)
    given(registered, opened, closed).when(close).then()
