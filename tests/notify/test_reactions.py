"""Public events become notifications: for whom, once, and never across the fence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import grpc
import pytest

from anlan.dispatch.v1 import assignment_service_pb2 as pb
from anlan.events.v1 import assignment_events_pb2 as assignment_pb
from anlan.events.v1 import incident_events_pb2 as incident_pb
from anlan.type.v1 import place_pb2
from services.notify.domain.contact import Channel
from services.notify.reactions import notification_id
from services.runtime import peer
from services.runtime.recorded import Recorded
from services.runtime.rejection import Unavailable
from services.runtime.times import to_proto
from tests.notify.bench import LATER, Bench, now
from tests.notify.board import CLEARED, assignment
from tests.notify.facts import desk, mayor
from tests.notify.receivers import Hook

SUBJECT = "anlan.431281102.assignment.UnitDispatched.a1"
INCIDENT = "anlan.431281102.incident.{}.i1"


def dispatched(bench: Bench, unit: str = "boat-3") -> assignment_pb.UnitDispatched:
    return assignment_pb.UnitDispatched(
        assignment_id="a1",
        incident_id=bench.incident,
        unit_id=f"{unit}-{bench.name}",
        destination=place_pb2.Place(adcode="431281102", address="下坪村"),
        order="转移群众",
        occur_time=to_proto(now()),
    )


async def crew(bench: Bench, **changed: Any) -> str:
    contact = await bench.register(unit_id=f"boat-3-{bench.name}", **changed)
    return contact.contact_id


async def told(bench: Bench) -> dict[str, str]:
    """Return the states of this bench's notifications, by contact."""
    await bench.model.caught_up.wait()
    rows = await bench.until(lambda _: True)
    return {row.contact_id.removesuffix(f"-{bench.name}"): row.state for row in rows}


async def settled(bench: Bench, *ids: str) -> dict[str, str]:
    wanted = {id_.removesuffix(f"-{bench.name}") for id_ in ids}
    await bench.until(lambda rows: len(rows) >= len(wanted))
    return await told(bench)


async def test_a_dispatch_is_told_to_the_crew_and_to_the_duty_officers_above(bench: Bench) -> None:
    await crew(bench)
    await bench.register(desk)
    await bench.register(desk, contact_id="anjiang", adcode="431281102")
    await bench.register(desk, contact_id="qiancheng", adcode="431281101")
    await bench.register(contact_id="other-crew", unit_id="boat-4")
    await bench.happened(dispatched(bench), SUBJECT)
    rows = await bench.until(lambda rows: len(rows) >= 3)
    assert {row.contact_id.removesuffix(f"-{bench.name}") for row in rows} == {
        "boat-3-phone",
        "desk",
        "anjiang",
    }


async def test_a_contact_registered_the_instant_before_is_told(bench: Bench) -> None:
    """The rows follow the store; the reaction waits for them."""
    for number in range(10):
        contact_id = await crew(bench, contact_id=f"c{number}")
        event_id = await bench.happened(dispatched(bench), SUBJECT)
        assert await bench.history(notification_id(event_id, contact_id))


async def test_a_redelivered_event_writes_nothing_twice(bench: Bench) -> None:
    contact_id = await crew(bench)
    message, event_id = dispatched(bench), uuid4()
    for _ in range(3):
        await bench.happened(message, SUBJECT, id_=event_id)
    second = await bench.another()
    await second.happened(message, SUBJECT, id_=event_id)
    key = notification_id(event_id, contact_id)
    assert await bench.history(key) == ["NotificationRequested.v1"]


async def test_a_redelivery_writes_what_a_crash_had_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [await crew(bench), await crew(bench, contact_id="relief-phone")]
    handle, reached = bench.notifications.handle, []

    async def die_at_the_second(key: str, command: Any, cause: Any, *, etag: str = "") -> Any:
        reached.append(key)
        if len(reached) == 2:
            raise Unavailable("STORE_UNAVAILABLE", "gone")
        return await handle(key, command, cause, etag=etag)

    monkeypatch.setattr(bench.notifications, "handle", die_at_the_second)
    message, event_id, position = dispatched(bench), uuid4(), next(LATER)
    with pytest.raises(Unavailable):
        await bench.happened(message, SUBJECT, id_=event_id, position=position)
    await bench.happened(message, SUBJECT, id_=event_id, position=position)
    for contact_id in ids:
        assert await bench.history(notification_id(event_id, contact_id)) == [
            "NotificationRequested.v1"
        ]


async def transferred(bench: Bench, position: int | None = None) -> None:
    """Tell everybody on the incident of a new commander."""
    await bench.happened(
        incident_pb.CommandTransferred(
            incident_id=bench.incident, outgoing="chen", incoming="zhou", occur_time=to_proto(now())
        ),
        INCIDENT.format("CommandTransferred"),
        position=position,
    )


async def test_the_incoming_commander_hears_of_the_proposal(bench: Bench) -> None:
    await bench.register(desk)
    await bench.register(mayor, person=f"mayor.zhang-{bench.name}")
    await bench.register(mayor, contact_id="other", person=f"chen-{bench.name}")
    event_id = await bench.happened(
        incident_pb.TransferProposed(
            incident_id=bench.incident,
            transfer_id="x1",
            outgoing=f"li-{bench.name}",
            incoming=f"mayor.zhang-{bench.name}",
            proposed_by=f"li-{bench.name}",
            briefing="两人被困",
            occur_time=to_proto(now()),
        ),
        INCIDENT.format("TransferProposed"),
    )
    rows = await bench.until(lambda rows: len(rows) >= 2)

    told = {row.contact_id.removesuffix(f"-{bench.name}"): row.subject for row in rows}
    assert set(told) == {"desk", "mayor-phone"}
    assert told["mayor-phone"].startswith("请接任指挥长")
    assert await bench.history(notification_id(event_id, f"mayor-phone-{bench.name}"))


async def test_everybody_with_a_part_in_the_post_hears_of_the_transfer(bench: Bench) -> None:
    for name in ("li", "zhang", "wu"):
        await bench.register(mayor, contact_id=name, person=f"{name}-{bench.name}")
    await bench.happened(
        incident_pb.CommandTransferred(
            incident_id=bench.incident,
            outgoing=f"li-{bench.name}",
            incoming=f"zhang-{bench.name}",
            concerned=[f"{name}-{bench.name}" for name in ("li", "zhang", "wu")],
            occur_time=to_proto(now()),
        ),
        INCIDENT.format("CommandTransferred"),
    )

    assert set(await settled(bench, "li", "zhang", "wu")) == {"li", "zhang", "wu"}


def sent(bench: Bench, unit: str, **said: Any) -> None:
    bench.board.assignments.append(assignment(f"{unit}-{bench.name}", bench.incident, **said))


async def test_everybody_on_the_incident_is_told_who_commands(bench: Bench) -> None:
    """Whether or not we have heard yet that they were sent there."""
    await crew(bench)
    await bench.register(contact_id="other-crew", unit_id=f"boat-4-{bench.name}")
    await bench.happened(
        incident_pb.IncidentOpened(
            incident_id=bench.incident,
            title="沅水堤防管涌",
            place=place_pb2.Place(adcode="431281102", address="下坪村三组"),
            occur_time=to_proto(now()),
        ),
        INCIDENT.format("IncidentOpened"),
    )
    sent(bench, "boat-3")
    await transferred(bench)
    [row] = await bench.until(lambda rows: len(rows) >= 1)
    assert row.contact_id == f"boat-3-phone-{bench.name}"
    assert "改为 zhou" in row.text
    assert "沅水堤防管涌" in row.subject


async def test_who_was_on_the_incident_is_known_as_of_the_news(bench: Bench) -> None:
    for unit in ("boat-3", "freed-before", "freed-after", "sent-after", "asked-for"):
        await bench.register(contact_id=unit, unit_id=f"{unit}-{bench.name}")
    now_ = await bench.logged("incident")
    sent(bench, "freed-before", state=CLEARED, open_position=1, position=now_ - 1)
    sent(bench, "sent-after", open_position=now_ + 1, position=now_ + 2)
    sent(bench, "freed-after", state=CLEARED, open_position=1, position=now_ + 2)
    sent(bench, "asked-for", state=pb.ASSIGNMENT_STATE_REQUESTED, dispatched=False)
    sent(bench, "boat-3")
    await transferred(bench, now_)
    assert set(await settled(bench, "boat-3", "freed-after")) == {"boat-3", "freed-after"}
    assert [request.page_token for request in bench.board.asked] == ["", "2", "4"]


async def test_dispatch_is_asked_for_rows_that_know_every_order_before_the_news(
    bench: Bench,
) -> None:
    await crew(bench)
    order = await bench.logged()
    news = await bench.logged("incident")
    await bench.logged()
    await transferred(bench, news)
    [asked] = bench.board.asked
    assert asked.read.min_position == order


@pytest.mark.parametrize(
    "refusal", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED]
)
async def test_while_dispatch_does_not_answer_nobody_is_left_out(
    bench: Bench, refusal: grpc.StatusCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "GIVE_UP_AFTER_S", 0.0)
    await crew(bench)
    await bench.register(desk)
    sent(bench, "boat-3")
    bench.board.refusal = refusal
    with pytest.raises(Unavailable):  # the inbox tries again later
        await transferred(bench)
    assert await told(bench) == {}
    bench.board.refusal = None
    await transferred(bench)
    assert set(await settled(bench, "boat-3-phone", "desk")) == {"boat-3-phone", "desk"}


async def test_one_look_at_the_store_serves_every_event_before_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact_id = await crew(bench)
    first, second = await bench.logged(), await bench.logged()
    asked = []
    last_before = bench.store.last_before

    async def counted(categories: Sequence[str], position: int | None) -> int:
        asked.append(position)
        return await last_before(categories, position)

    monkeypatch.setattr(bench.store, "last_before", counted)
    for position in (second, first, second):
        event_id = await bench.happened(dispatched(bench), SUBJECT, position=position)
        assert await bench.history(notification_id(event_id, contact_id))
    assert asked in ([], [None])  # none where the rows are past it


async def test_with_nobody_to_tell_no_stream_is_read_and_nobody_asked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forbidden(stream: str, **_: int) -> list[Recorded]:
        raise AssertionError(stream)

    await bench.model.caught_up.wait()
    monkeypatch.setattr(bench.store, "read", forbidden)
    called_off = assignment_pb.AssignmentCancelled(
        assignment_id="a1", incident_id=bench.incident, unit_id=f"boat-3-{bench.name}"
    )
    await bench.happened(called_off, SUBJECT)
    assert await told(bench) == {}
    assert bench.board.asked == []


async def test_a_drill_reaches_no_live_contact(bench: Bench) -> None:
    async with Hook() as live, Hook() as drill:
        await crew(bench, address=live.url)
        await crew(bench, contact_id="sim", address=drill.url, exercise_only=True)
        bench.deliver()
        await bench.happened(dispatched(bench), SUBJECT, exercise="drill-7")
        await drill.got(1)
        rows = await bench.until(lambda rows: {row.state for row in rows} == {"sent", "suppressed"})
        assert live.posts == []
        assert drill.posts[0].body["exercise"] == "drill-7"
        assert drill.posts[0].body["text"].startswith("【演练】")
    held = [row for row in rows if row.state == "suppressed"]
    assert [row.contact_id for row in held] == [f"boat-3-phone-{bench.name}"]


async def test_earnest_reaches_no_contact_for_drills(bench: Bench) -> None:
    await crew(bench)
    await crew(bench, contact_id="sim", exercise_only=True)
    await bench.happened(dispatched(bench), SUBJECT)
    assert await settled(bench, "boat-3-phone") == {"boat-3-phone": "pending"}


async def test_one_drills_contacts_have_no_part_in_another(bench: Bench) -> None:
    await crew(bench, contact_id="sim-8", exercise_only=True, registered_in="drill-8")
    await crew(bench, contact_id="sim-7", exercise_only=True, registered_in="drill-7")
    await bench.happened(dispatched(bench), SUBJECT, exercise="drill-7")
    assert await settled(bench, "sim-7") == {"sim-7": "pending"}


async def test_a_removed_contact_is_not_told(bench: Bench) -> None:
    contact = await bench.register(unit_id=f"boat-3-{bench.name}")
    await crew(bench, contact_id="relief-phone")
    await bench.remove(contact)
    await bench.happened(dispatched(bench), SUBJECT)
    assert await settled(bench, "relief-phone") == {"relief-phone": "pending"}


async def test_a_crew_with_two_ways_is_told_on_both(bench: Bench) -> None:
    await crew(bench)
    await crew(bench, contact_id="mail", channel=Channel.EMAIL, address="boat3@hongjiang.example")
    await bench.happened(dispatched(bench), SUBJECT)
    assert await settled(bench, "boat-3-phone", "mail") == {
        "boat-3-phone": "pending",
        "mail": "pending",
    }
