"""The shelter API over real gRPC: forty-three households, and beds left at each door."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import grpc
import pytest

from anlan.resources.v1 import relief_service_pb2 as relief_pb
from anlan.resources.v1 import shelter_service_pb2 as pb
from anlan.resources.v1.relief_service_pb2_grpc import ReliefServiceStub
from anlan.type.v1 import place_pb2, read_pb2
from services.runtime.store import EventStore
from tests.resources.conftest import Api
from tests.service import Service, Tokens, refusal, request_id


def admission(shelter_id: str, group_id: str, people: int) -> pb.AdmitPeopleRequest:
    return pb.AdmitPeopleRequest(
        request_id=request_id(),
        shelter_id=shelter_id,
        group_id=group_id,
        people=people,
        from_adcode="431281102",
    )


@pytest.fixture
async def school(api: Api) -> str:
    """Return the id of a shelter for 100, open."""
    shelter_id = f"school-{uuid4().hex[:8]}"
    await api.shelters.RegisterShelter(
        pb.RegisterShelterRequest(
            request_id=request_id(),
            shelter_id=shelter_id,
            name="安江一中",
            place=place_pb2.Place(adcode="431281102"),
            capacity=100,
        ),
        metadata=api.warden.metadata,
    )
    await api.shelters.OpenShelter(
        pb.OpenShelterRequest(
            request_id=request_id(),
            shelter_id=shelter_id,
            incident_id="flood",
            warden="warden.he",
        ),
        metadata=api.warden.metadata,
    )
    return shelter_id


async def get(api: Api, shelter_id: str, **read: Any) -> pb.Shelter:
    request = pb.GetShelterRequest(shelter_id=shelter_id, read=read_pb2.ReadOptions(**read))
    found: pb.Shelter = (
        await api.shelters.GetShelter(request, metadata=api.warden.metadata)
    ).shelter
    return found


async def test_a_household_comes_in_and_leaves(api: Api, school: str, store: EventStore) -> None:
    request = admission(school, "household-1", 4)
    admitted = await api.shelters.AdmitPeople(request, metadata=api.warden.metadata)
    again = await api.shelters.AdmitPeople(request, metadata=api.warden.metadata)
    left = await api.shelters.DischargePeople(
        pb.DischargePeopleRequest(
            request_id=request_id(),
            shelter_id=school,
            group_id="household-1",
            people=4,
            destination="亲友家",
        ),
        metadata=api.warden.metadata,
    )
    closed = await api.shelters.CloseShelter(
        pb.CloseShelterRequest(request_id=request_id(), shelter_id=school),
        metadata=api.warden.metadata,
    )

    assert again == admitted
    assert (admitted.vacancies, left.vacancies) == (96, 100)
    then = await get(api, school, as_of_position=admitted.position)
    assert (then.state, then.occupancy) == (pb.SHELTER_STATE_OPEN, 4)
    assert (then.incident_id, then.warden) == ("flood", "warden.he")
    now = await get(api, school, min_position=closed.position)
    assert (now.state, now.occupancy) == (pb.SHELTER_STATE_STANDBY, 0)
    assert (now.incident_id, now.etag) == ("", closed.etag)
    written = await store.read(f"shelter-{school}")
    assert {event.metadata["$correlationId"] for event in written[1:]} == {"flood"}


async def test_no_bed_is_given_twice(api: Api, school: str) -> None:
    outcomes = await asyncio.gather(
        *(
            api.shelters.AdmitPeople(
                admission(school, f"{school}-household-{n}", 4), metadata=api.warden.metadata
            )
            for n in range(43)
        ),
        return_exceptions=True,
    )
    full = await refusal(
        api.shelters.AdmitPeople(admission(school, "last", 1), metadata=api.warden.metadata)
    )

    inside = [answer for answer in outcomes if isinstance(answer, pb.AdmitPeopleResponse)]
    assert len(inside) == 25
    assert full.code is grpc.StatusCode.FAILED_PRECONDITION
    assert full.reason == "SHELTER_FULL"
    assert full.metadata == {
        "shelter_id": school,
        "capacity": "100",
        "occupancy": "100",
        "vacancies": "0",
        "asked": "1",
        "nearest": "",
    }
    closing = await refusal(
        api.shelters.CloseShelter(
            pb.CloseShelterRequest(request_id=request_id(), shelter_id=school),
            metadata=api.warden.metadata,
        )
    )
    assert closing.reason == "SHELTER_NOT_EMPTY"


async def test_a_township_keeps_its_own_shelters_only(
    api: Api, school: str, tokens: Tokens
) -> None:
    neighbour = tokens.caller("warden.lu", "warden", "431281101")

    refused = await refusal(
        api.shelters.AdmitPeople(admission(school, "h", 1), metadata=neighbour.metadata)
    )

    assert refused.code is grpc.StatusCode.PERMISSION_DENIED
    assert refused.reason == "OUTSIDE_JURISDICTION"


async def test_shelters_are_listed_by_region_and_state(api: Api, school: str) -> None:
    admitted = await api.shelters.AdmitPeople(
        admission(school, "h", 1), metadata=api.warden.metadata
    )
    read = read_pb2.ReadOptions(min_position=admitted.position)

    async def listed(**fields: Any) -> set[str]:
        request = pb.ListSheltersRequest(page_size=1, read=read, **fields)
        found: set[str] = set()
        while True:
            page = await api.shelters.ListShelters(request, metadata=api.warden.metadata)
            found |= {shelter.shelter_id for shelter in page.shelters}
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    assert school in await listed()
    assert school in await listed(adcode="431281", state=pb.SHELTER_STATE_OPEN)
    assert school not in await listed(state=pb.SHELTER_STATE_STANDBY)
    assert school not in await listed(adcode="431281101")


@pytest.fixture
async def gym(api: Api) -> str:
    """Return the id of a shelter for 6, open, with its point."""
    shelter_id = f"gym-{uuid4().hex[:8]}"
    await api.shelters.RegisterShelter(
        pb.RegisterShelterRequest(
            request_id=request_id(),
            shelter_id=shelter_id,
            name="体育馆",
            place=place_pb2.Place(
                adcode="431281102", point=place_pb2.Point(latitude=27.32, longitude=110.10)
            ),
            capacity=6,
        ),
        metadata=api.warden.metadata,
    )
    await api.shelters.OpenShelter(
        pb.OpenShelterRequest(
            request_id=request_id(), shelter_id=shelter_id, incident_id="flood", warden="he"
        ),
        metadata=api.warden.metadata,
    )
    return shelter_id


def move(shelter_id: str, to: str, group_id: str) -> pb.MovePeopleRequest:
    return pb.MovePeopleRequest(
        request_id=request_id(), shelter_id=shelter_id, to_shelter_id=to, group_id=group_id
    )


async def households(api: Api, position: int, **fields: Any) -> dict[str, tuple[str, int]]:
    request = pb.ListHouseholdsRequest(read=read_pb2.ReadOptions(min_position=position), **fields)
    found = await api.shelters.ListHouseholds(request, metadata=api.warden.metadata)
    return {one.group_id: (one.shelter_id, one.people) for one in found.households}


async def test_a_repeated_admission_gets_its_first_answer(api: Api, school: str) -> None:
    first = admission(school, f"h-{uuid4().hex[:6]}", 4)
    answer = await api.shelters.AdmitPeople(first, metadata=api.warden.metadata)
    await api.shelters.AdmitPeople(
        admission(school, f"h-{uuid4().hex[:6]}", 6), metadata=api.warden.metadata
    )

    again = await api.shelters.AdmitPeople(first, metadata=api.warden.metadata)

    assert again == answer
    assert again.vacancies == 96


async def test_a_household_moves_and_both_counts_follow(api: Api, school: str, gym: str) -> None:
    group = f"h-{uuid4().hex[:6]}"
    await api.shelters.AdmitPeople(admission(school, group, 4), metadata=api.warden.metadata)
    request = move(school, gym, group)

    moved = await api.shelters.MovePeople(request, metadata=api.warden.metadata)
    again = await api.shelters.MovePeople(request, metadata=api.warden.metadata)
    elsewhere = await refusal(
        api.shelters.AdmitPeople(admission(school, group, 4), metadata=api.warden.metadata)
    )

    assert again == moved
    assert (moved.vacancies, moved.to_vacancies) == (100, 2)
    assert await households(api, moved.position, group_id=group) == {group: (gym, 4)}
    assert (elsewhere.reason, elsewhere.metadata["elsewhere"]) == ("HOUSEHOLD_ELSEWHERE", gym)
    left, there = await get(api, school), await get(api, gym)
    assert (left.occupancy, left.households, there.occupancy, there.households) == (0, 0, 4, 1)


async def test_who_finds_no_bed_stays_and_is_told_where_there_is_room(
    api: Api, school: str, gym: str
) -> None:
    group = f"h-{uuid4().hex[:6]}"
    await api.shelters.AdmitPeople(admission(school, group, 7), metadata=api.warden.metadata)
    request = move(school, gym, group)

    full = await refusal(api.shelters.MovePeople(request, metadata=api.warden.metadata))
    again = await refusal(api.shelters.MovePeople(request, metadata=api.warden.metadata))

    assert (full.reason, full.metadata["asked"]) == ("SHELTER_FULL", "7")
    assert again.reason == full.reason
    later = await api.shelters.RecordShelterInspection(
        pb.RecordShelterInspectionRequest(
            request_id=request_id(),
            shelter_id=school,
            result=pb.INSPECTION_RESULT_FIT,
            inspector="镇应急办",
        ),
        metadata=api.warden.metadata,
    )
    found = await households(api, later.position, group_id=group)
    assert found == {group: (school, 7)}
    near = await api.shelters.FindNearestShelters(
        pb.FindNearestSheltersRequest(
            point=place_pb2.Point(latitude=27.32, longitude=110.10), beds=6, limit=1
        ),
        metadata=api.warden.metadata,
    )
    assert [one.distance_m for one in near.candidates] == [0.0]


async def test_a_need_of_a_shelter_is_listed_until_it_ends(api: Api, gym: str) -> None:
    raised = await api.shelters.RaiseShelterNeed(
        pb.RaiseShelterNeedRequest(
            request_id=request_id(),
            shelter_id=gym,
            need_id="milk",
            item="婴儿奶粉",
            quantity=6,
            unit="罐",
        ),
        metadata=api.warden.metadata,
    )
    listing = pb.ListShelterNeedsRequest(
        shelter_id=gym, read=read_pb2.ReadOptions(min_position=raised.position)
    )
    [asked] = (await api.shelters.ListShelterNeeds(listing, metadata=api.warden.metadata)).needs
    ended = await api.shelters.EndShelterNeed(
        pb.EndShelterNeedRequest(
            request_id=request_id(), shelter_id=gym, need_id="milk", met=True, outcome="送到"
        ),
        metadata=api.warden.metadata,
    )
    listing.read.min_position = ended.position

    assert (asked.item, asked.quantity, asked.incident_id) == ("婴儿奶粉", 6, "flood")
    assert not (await api.shelters.ListShelterNeeds(listing, metadata=api.warden.metadata)).needs


async def test_admissions_stop_the_relief_clock_of_their_village(
    api: Api, school: str, resources: Service
) -> None:
    group, people = f"h-{uuid4().hex[:6]}", 4
    village: dict[str, Any] = {
        "incident_id": "flood",
        "adcode": "431281102218",
    }
    async with resources.channel() as channel:
        reliefs = ReliefServiceStub(channel)
        affected = await reliefs.RecordVillageAffected(
            relief_pb.RecordVillageAffectedRequest(
                request_id=request_id(),
                **village,
                people=people,
                needs=[relief_pb.RecordVillageAffectedRequest.Need(need=relief_pb.RELIEF_NEED_BED)],
                source="安江镇",
            ),
            metadata=api.warden.metadata,
        )
        request = admission(school, group, people)
        request.from_adcode = village["adcode"]
        await api.shelters.AdmitPeople(request, metadata=api.warden.metadata)
        watching = reliefs.WatchReliefClocks(
            relief_pb.WatchReliefClocksRequest(resume_position=affected.position - 1, **village),
            metadata=api.warden.metadata,
            timeout=60,
        )
        async for change in watching:
            if change.clock.state == relief_pb.RELIEF_STATE_MET:
                break
        watching.cancel()
        got = await reliefs.GetReliefClock(
            relief_pb.GetReliefClockRequest(**village), metadata=api.warden.metadata
        )

    assert affected.due_time.seconds - got.clock.start_time.seconds == 10 * 60 * 60
    [owed] = got.clock.owed
    assert owed.served >= owed.people == people
    assert (group, "admission", school) in {
        (fact.reference, fact.basis, fact.source) for fact in got.facts
    }
