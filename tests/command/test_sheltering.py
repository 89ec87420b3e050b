"""What a shelter needs its incident asks for, once, wherever that has gone, until it is over."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from anlan.events.v1 import shelter_events_pb2 as pb
from services.command.domain.incident import lifecycle, needs
from services.command.domain.incident.needs import NeedState
from services.command.policies.sheltering import NotRaisedYet, id_of
from services.runtime import broker
from services.runtime.actor import Actor
from services.runtime.published import Publication, headers
from services.runtime.recorded import Recorded
from tests.command.incidents import LI, NOW, PLACE
from tests.command.shelters import Shelters, cause
from tests.service import Service

WARDEN = Actor(subject="warden.anjiang", roles=("warden",), jurisdiction="431281102")
RAISED = NOW + timedelta(hours=1)


def told(message: Any, exercise: str = "") -> Recorded:
    return Recorded(
        id=uuid4(),
        type=message.DESCRIPTOR.full_name,
        stream=f"shelter-{message.shelter_id}",
        revision=3,
        position=30,
        created_at=datetime.now(UTC),
        data=message.SerializeToString(),
        metadata={
            "actor": WARDEN.subject,
            "role": "warden",
            "jurisdiction": WARDEN.jurisdiction,
            "exercise": exercise,
            "command_id": str(uuid4()),
        },
    )


def raised(incident_id: str, **changed: Any) -> pb.ShelterNeedRaised:
    message = pb.ShelterNeedRaised(
        shelter_id="hall",
        need_id="milk",
        incident_id=incident_id,
        item="婴儿奶粉",
        quantity=2,
        unit="罐",
        note="一段",
        opening=1,
        shelter_name="江市文化站",
    )
    message.place.adcode = PLACE.adcode
    message.occur_time.FromDatetime(RAISED)
    message.MergeFrom(pb.ShelterNeedRaised(**changed))
    return message


def ended(incident_id: str, *, met: bool, **changed: Any) -> pb.ShelterNeedEnded:
    message = pb.ShelterNeedEnded(
        shelter_id="hall",
        need_id="milk",
        incident_id=incident_id,
        met=met,
        outcome="镇仓送到2罐" if met else "误报",
        opening=1,
    )
    message.occur_time.FromDatetime(RAISED + timedelta(minutes=30))
    message.MergeFrom(pb.ShelterNeedEnded(**changed))
    return message


MILK = id_of("hall", "milk", 1)


async def test_an_incident_asks_for_what_its_shelter_needs_and_once(shelters: Shelters) -> None:
    incident_id = await shelters.incident()
    event = told(raised(incident_id))

    await shelters.sheltering.react(event)
    await shelters.sheltering.react(event)

    [need] = (await shelters.needs(incident_id)).values()
    asked = need.asked
    assert (asked.need_id, asked.item, asked.quantity, asked.unit) == (MILK, "婴儿奶粉", 2, "罐")
    assert (asked.category, asked.place.adcode) == (needs.Category.SUPPLIES, PLACE.adcode)
    assert (asked.note, asked.raised_by) == ("江市文化站：一段", WARDEN.subject)
    assert asked.occurred_at == RAISED


@pytest.mark.parametrize("state", [NeedState.MET, NeedState.CANCELLED])
async def test_it_asks_no_longer_when_the_shelter_says_so(
    shelters: Shelters, state: NeedState
) -> None:
    met = state is NeedState.MET
    incident_id = await shelters.incident()
    over = told(ended(incident_id, met=met))
    await shelters.sheltering.react(told(raised(incident_id)))

    await shelters.sheltering.react(over)
    await shelters.sheltering.react(over)

    need = (await shelters.needs(incident_id))[MILK]
    assert need.state is state
    if met:
        [part] = need.fulfilments.values()
        assert (part.source.reference, part.source.provider) == ("hall", "镇仓送到2罐")


async def test_what_came_before_counts_and_the_rest_is_met(shelters: Shelters) -> None:
    incident_id = await shelters.incident()
    await shelters.sheltering.react(told(raised(incident_id)))
    one = needs.FulfilNeed(
        by=LI,
        incident_id=incident_id,
        need_id=MILK,
        fulfilment_id="f1",
        commitment_id="",
        quantity=1,
        source=needs.Source(kind=needs.SourceKind.OTHER, reference="", provider="邻村"),
        occurred_at=RAISED,
    )
    await shelters.incidents.handle(incident_id, one, cause(incident_id))

    await shelters.sheltering.react(told(ended(incident_id, met=True)))

    need = (await shelters.needs(incident_id))[MILK]
    assert [part.quantity for part in need.fulfilments.values()] == [1, 1]
    assert need.state is NeedState.MET


async def test_it_follows_an_incident_that_was_merged(shelters: Shelters) -> None:
    here, there = await shelters.incident(), await shelters.incident()
    await shelters.sheltering.react(told(raised(here)))
    await shelters.merge(here, there)

    await shelters.sheltering.react(told(raised(here, need_id="rice")))
    await shelters.sheltering.react(told(ended(here, met=True)))

    states = {key: need.state for key, need in (await shelters.needs(there)).items()}
    assert states == {MILK: NeedState.MET, id_of("hall", "rice", 1): NeedState.OPEN}


async def test_another_opening_asks_anew_under_the_same_name(shelters: Shelters) -> None:
    incident_id = await shelters.incident()
    await shelters.sheltering.react(told(raised(incident_id)))
    await shelters.sheltering.react(told(ended(incident_id, met=True)))

    await shelters.sheltering.react(told(raised(incident_id, opening=2)))

    found = await shelters.needs(incident_id)
    assert found[MILK].state is NeedState.MET
    assert found[id_of("hall", "milk", 2)].state is NeedState.OPEN


async def test_an_end_that_overtakes_waits_for_what_it_ends(shelters: Shelters) -> None:
    incident_id = await shelters.incident()
    with pytest.raises(NotRaisedYet):
        await shelters.sheltering.react(told(ended(incident_id, met=True)))


async def test_an_incident_that_is_over_or_of_another_drill_asks_for_nothing(
    shelters: Shelters,
) -> None:
    over, drill = await shelters.incident(), await shelters.incident("drill-1")
    close = lifecycle.CloseIncident(by=LI, incident_id=over, summary="结束", occurred_at=NOW)
    await shelters.incidents.handle(over, close, cause(over))

    for incident_id in (over, drill, str(uuid4())):
        await shelters.sheltering.react(told(raised(incident_id)))
        if incident_id != drill:
            await shelters.sheltering.react(told(ended(incident_id, met=True)))

    assert await shelters.needs(over) == {}
    assert await shelters.needs(drill) == {}


async def test_what_is_older_than_this_is_left_where_it_was(shelters: Shelters) -> None:
    incident_id = await shelters.incident()
    old = raised(incident_id)
    old.ClearField("place")

    await shelters.sheltering.react(told(old))
    await shelters.sheltering.react(told(ended("", met=True)))

    assert await shelters.needs(incident_id) == {}


async def test_it_is_heard_through_the_broker(shelters: Shelters, command: Service) -> None:
    incident_id = await shelters.incident()
    event = told(raised(incident_id))
    client = await broker.connect(command.environment["ANLAN_NATS_URL"], "test")
    try:
        js = client.jetstream()
        await broker.ensure_stream(js, "ANLAN_RESOURCES", ["anlan.*.shelter.>"])
        publication = Publication(
            "anlan.431281102.shelter.ShelterNeedRaised.hall", event.type, event.data
        )
        await js.publish(
            publication.subject,
            publication.payload,
            headers=headers(event, publication, "/anlan/resources"),
        )
        async with asyncio.timeout(20):
            while True:
                if MILK in await shelters.needs(incident_id):
                    break
                await asyncio.sleep(0.05)
    finally:
        await client.close()
