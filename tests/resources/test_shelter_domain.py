"""Who is in a shelter, and whether there is a bed for the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.resources.domain.shelter import (
    INITIAL,
    NO_CARE,
    AdmitPeople,
    Care,
    CloseShelter,
    CompleteMove,
    DischargePeople,
    EndShelterNeed,
    InspectShelter,
    Kind,
    MoveCompleted,
    MoveRefused,
    OpenShelter,
    PeopleAdmitted,
    PeopleDischarged,
    PeopleSentOn,
    PeopleTakenOver,
    PeopleTurnedBack,
    RaiseShelterNeed,
    RegisterShelter,
    Result,
    SendPeopleOn,
    ShelterClosed,
    ShelterInspected,
    ShelterNeedEnded,
    ShelterNeedRaised,
    ShelterOpened,
    ShelterRegistered,
    TakePeopleOver,
    TurnPeopleBack,
    evolve,
)
from services.resources.domain.shelter_rules import CLOSED_WITH_SHELTER, decide
from services.runtime.actor import Actor
from services.runtime.place import Place
from services.runtime.rejection import AlreadyExists, Forbidden, Rejection
from tests.spec import spec

given = spec(decide, evolve, INITIAL)

NOW = datetime(2026, 6, 1, 4, 15, tzinfo=UTC)
HE = Actor(subject="warden.he", roles=("warden",), jurisdiction="431281102")
HERE: dict[str, Any] = {"shelter_id": "school", "adcode": "431281102", "occurred_at": NOW}
ASKED: dict[str, Any] = {"by": HE, "shelter_id": "school", "occurred_at": NOW}
SCHOOL: dict[str, Any] = {
    "name": "安江一中",
    "place": Place(adcode="431281102"),
    "capacity": 10,
    "kind": Kind.SCHOOL,
    "day_capacity": 25,
}

register = RegisterShelter(**ASKED, **SCHOOL)
registered = ShelterRegistered(shelter_id="school", occurred_at=NOW, **SCHOOL)
open_it = OpenShelter(**ASKED, incident_id="flood", warden="warden.he")
opened = ShelterOpened(
    **HERE, incident_id="flood", warden="warden.he", contact="", reason="", capacity=10
)
CARE = Care(children=1, elderly=2)
GROUP: dict[str, Any] = {
    "group_id": "household-1",
    "people": 4,
    "from_adcode": "431281102",
    "head": "向某",
    "care": CARE,
}
admit = AdmitPeople(**ASKED, **GROUP)
admitted = PeopleAdmitted(**HERE, **GROUP, incident_id="flood", inside=4, occupancy=4, vacancies=6)
discharge = DischargePeople(**ASKED, group_id="household-1", people=4, destination="亲友家")
discharged = PeopleDischarged(
    **HERE,
    group_id="household-1",
    people=4,
    care=CARE,
    destination="亲友家",
    occupancy=0,
    vacancies=10,
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


def test_a_household_that_comes_twice_counts_once() -> None:
    given(registered, opened).when(admit).then(admitted)
    given(registered, opened, admitted).when(admit).then()
    given(registered, opened, admitted).when(replace(admit, people=5)).then_refused(
        "HOUSEHOLD_INSIDE"
    )
    given(registered, opened, admitted).when(
        replace(admit, people=6, care=NO_CARE, head="", additional=True)
    ).then(replace(admitted, people=6, care=NO_CARE, head="", inside=10, occupancy=10, vacancies=0))


def test_a_household_that_is_elsewhere_is_moved_not_admitted() -> None:
    elsewhere = replace(admit, elsewhere="gym")
    given(registered, opened).when(elsewhere).then_refused("HOUSEHOLD_ELSEWHERE")
    given(registered, opened).when(replace(elsewhere, additional=True)).then(admitted)


def test_nobody_needs_care_who_is_not_there() -> None:
    many = replace(admit, care=Care(ill=5))
    given(registered, opened).when(many).then_refused("CARE_EXCEEDS_PEOPLE")


def test_a_full_shelter_says_how_full() -> None:
    with pytest.raises(Rejection) as refusal:
        given(registered, opened, admitted).when(
            replace(admit, people=7, group_id="household-2")
        ).outcome()

    assert refusal.value.reason == "SHELTER_FULL"
    assert refusal.value.context == {
        "shelter_id": "school",
        "capacity": "10",
        "occupancy": "4",
        "vacancies": "6",
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


send = SendPeopleOn(
    **ASKED,
    move_id="m1",
    to_shelter_id="gym",
    group_id="household-1",
    people=0,
    care=NO_CARE,
    reason="停电",
)
sent = PeopleSentOn(
    **HERE,
    **GROUP,
    incident_id="flood",
    move_id="m1",
    to_shelter_id="gym",
    reason="停电",
    occupancy=0,
    vacancies=10,
)
gym_registered = replace(registered, shelter_id="gym")
gym_opened = replace(opened, shelter_id="gym", incident_id="fire")
take = TakePeopleOver(shelter_id="gym", sent=sent)
taken = PeopleTakenOver(
    **{**HERE, "shelter_id": "gym"},
    **GROUP,
    incident_id="flood",
    move_id="m1",
    from_shelter_id="school",
    occupancy=4,
    vacancies=6,
)
refused = MoveRefused(
    **{**HERE, "shelter_id": "gym"},
    move_id="m1",
    from_shelter_id="school",
    group_id="household-1",
    people=4,
    reason="SHELTER_NOT_OPEN",
)
completed = MoveCompleted(
    **HERE, move_id="m1", to_shelter_id="gym", group_id="household-1", people=4
)
turned_back = PeopleTurnedBack(
    **HERE,
    move_id="m1",
    group_id="household-1",
    people=4,
    head="向某",
    care=CARE,
    reason="SHELTER_NOT_OPEN",
    occupancy=4,
)


def test_a_household_moves_with_everybody_who_needs_care() -> None:
    given(registered, opened, admitted).when(send).then(sent)
    given(gym_registered, gym_opened).when(take).then(taken)
    given(gym_registered, gym_opened, taken).when(take).then()
    given(registered, opened, admitted, sent).when(
        CompleteMove(shelter_id="school", move_id="m1", occurred_at=NOW)
    ).then(completed)


def test_the_beds_of_those_on_their_way_are_kept() -> None:
    others = replace(admit, group_id="household-2", people=7)
    given(registered, opened, admitted, sent).when(others).then_refused("SHELTER_FULL")
    given(registered, opened, admitted, sent).when(close).then_refused("SHELTER_NOT_EMPTY")
    given(registered, opened, admitted, sent, completed).when(close).then(closed)


def test_a_shelter_decides_a_move_once() -> None:
    given(gym_registered).when(take).then(refused)
    given(gym_registered, refused, gym_opened).when(take).then()


def test_who_is_refused_there_stays_here() -> None:
    back = TurnPeopleBack(
        shelter_id="school", move_id="m1", reason="SHELTER_NOT_OPEN", occurred_at=NOW
    )
    given(registered, opened, admitted, sent).when(back).then(turned_back)
    given(registered, opened, admitted, sent, turned_back).when(back).then()
    given(registered, opened, admitted, sent, turned_back).when(discharge).then(discharged)


def test_nobody_is_moved_to_where_they_are() -> None:
    here = replace(send, to_shelter_id="school")
    given(registered, opened, admitted).when(here).then_refused("SAME_SHELTER")


inspect = InspectShelter(**ASKED, result=Result.UNFIT, inspector="镇应急办", findings="墙裂")
inspected = ShelterInspected(**HERE, result=Result.UNFIT, inspector="镇应急办", findings="墙裂")


def test_an_unfit_shelter_is_not_opened_before_it_is_inspected_anew() -> None:
    given(registered).when(inspect).then(inspected)
    given(registered, inspected).when(open_it).then_refused("SHELTER_UNFIT")
    given(registered, inspected, replace(inspected, result=Result.DEFECTS)).when(open_it).then(
        opened
    )


need = RaiseShelterNeed(
    **ASKED, need_id="n1", item="奶粉", quantity=6, unit="罐", note="", needed_by=None
)
raised = ShelterNeedRaised(
    **HERE,
    incident_id="flood",
    need_id="n1",
    item="奶粉",
    quantity=6,
    unit="罐",
    note="",
    needed_by=None,
    opening=1,
    name=registered.name,
    place=registered.place,
)
end = EndShelterNeed(**ASKED, need_id="n1", met=True, outcome="镇仓送到")
ended = ShelterNeedEnded(
    **HERE,
    need_id="n1",
    item="奶粉",
    met=True,
    outcome="镇仓送到",
    incident_id="flood",
    opening=1,
)


def test_a_need_is_raised_once_and_ends_once() -> None:
    given(registered, opened).when(need).then(raised)
    given(registered, opened, raised).when(need).then()
    given(registered, opened, raised, ended).when(need).then_refused("SHELTER_NEED_EXISTS")
    given(registered, opened, raised).when(end).then(ended)
    given(registered, opened, raised, ended).when(end).then()
    given(registered, opened).when(end).then_refused("NO_SUCH_SHELTER_NEED")


def test_each_opening_counts_its_needs_anew() -> None:
    again = replace(opened, occurred_at=closed.occurred_at)
    given(registered, opened, raised, ended, closed, again).when(need).then(
        replace(raised, opening=2)
    )


def test_needs_end_with_their_shelter() -> None:
    over = replace(ended, met=False, outcome=CLOSED_WITH_SHELTER)
    given(registered, opened, raised).when(close).then(over, closed)
