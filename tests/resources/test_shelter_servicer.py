"""The shelter API over real gRPC: forty-three households, and beds left at each door."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import grpc
import pytest

from anlan.resources.v1 import shelter_service_pb2 as pb
from anlan.type.v1 import place_pb2, read_pb2
from services.runtime.store import EventStore
from tests.resources.conftest import Api
from tests.service import Tokens, refusal, request_id


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
                admission(school, f"household-{n}", 4), metadata=api.warden.metadata
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
        "asked": "1",
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
