"""Nothing is told after it is over, nothing that is stale; the most urgent is told first."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from anlan.events.v1 import assignment_events_pb2 as assignment_pb
from anlan.events.v1 import incident_events_pb2 as incident_pb
from anlan.events.v1 import stock_events_pb2 as stock_pb
from services.notify.domain import briefing, matter
from services.notify.domain import notification as n
from services.notify.reactions import notification_id
from services.runtime.times import to_proto
from tests.notify.bench import LATER, Bench, now
from tests.notify.facts import NOW, desk, mayor
from tests.notify.receivers import Hook

MAYDAY = "anlan.431281.assignment.{}.a1"


def mayday(bench: Bench) -> assignment_pb.MaydayDeclared:
    return assignment_pb.MaydayDeclared(
        assignment_id=f"a-{bench.name}",
        incident_id=bench.incident,
        unit_id=f"boat-3-{bench.name}",
        situation="船翻",
        occur_time=to_proto(now()),
    )


def resolved(bench: Bench) -> assignment_pb.MaydayResolved:
    return assignment_pb.MaydayResolved(
        assignment_id=f"a-{bench.name}",
        incident_id=bench.incident,
        unit_id=f"boat-3-{bench.name}",
        outcome="上岸",
        occur_time=to_proto(now()),
    )


@pytest.mark.parametrize("in_order", [True, False])
async def test_a_mayday_that_is_over_is_told_no_more_in_whichever_order_the_news_comes(
    bench: Bench,
    in_order: bool,  # noqa: FBT001
) -> None:
    async with Hook() as hook:
        await bench.register(desk, channel="webhook", address=hook.url)
        first, second = next(LATER), next(LATER)
        told = [
            (mayday(bench), MAYDAY.format("MaydayDeclared"), first),
            (resolved(bench), MAYDAY.format("MaydayResolved"), second),
        ]
        for message, subject, position in told if in_order else reversed(told):
            await bench.happened(message, subject, position=position)
        bench.deliver()
        rows = await bench.until(
            lambda rows: sorted(row.state for row in rows) == ["sent", "suppressed"]
        )
        await hook.got(1)
        assert [post.body["subject"][:4] for post in hook.posts] == ["求救解除"]
    [held] = [row for row in rows if row.state == "suppressed"]
    assert held.last_error == n.SETTLED


async def test_a_second_mayday_of_the_same_crew_is_told(bench: Bench) -> None:
    async with Hook() as hook:
        await bench.register(desk, channel="webhook", address=hook.url)
        bench.deliver()
        await bench.happened(mayday(bench), MAYDAY.format("MaydayDeclared"))
        await hook.got(1)
        await bench.happened(resolved(bench), MAYDAY.format("MaydayResolved"))
        await hook.got(2)
        await bench.happened(mayday(bench), MAYDAY.format("MaydayDeclared"))
        await hook.got(3)
    assert [post.body["urgency"] for post in hook.posts] == ["flash", "immediate", "flash"]


async def test_what_is_most_urgent_overtakes_a_queue_and_waits_for_no_slot(bench: Bench) -> None:
    async with Hook(lambda _: Hook.HANG) as hook:
        contact = await bench.register(desk, channel="webhook", address=hook.url)
        for _ in range(30):
            await bench.request(contact)
        bench.deliver()
        await hook.got(8)  # all the slots of the address hang
        await bench.request(contact, urgency=n.Urgency.IMMEDIATE)
        await bench.request(contact, urgency=n.Urgency.FLASH)
        await hook.got(9)
        assert [post.body["urgency"] for post in hook.posts] == ["routine"] * 8 + ["flash"]


async def test_the_most_urgent_of_a_backlog_goes_first(bench: Bench) -> None:
    async with Hook(lambda _: Hook.HANG) as hook:
        contact = await bench.register(desk, channel="webhook", address=hook.url)
        for urgency in 9 * [n.Urgency.ROUTINE] + [n.Urgency.IMMEDIATE, n.Urgency.FLASH]:
            await bench.request(contact, urgency=urgency)
        await bench.until(lambda rows: len(rows) == 11)
        bench.deliver()
        await hook.got(8)
        urgencies = sorted(post.body["urgency"] for post in hook.posts)
        assert urgencies == ["flash", "immediate", *(6 * ["routine"])]


async def test_the_commander_of_the_hour_hears_a_mayday(bench: Bench) -> None:
    for name in ("chen", "zhou"):
        await bench.register(mayor, contact_id=name, person=f"{name}-{bench.name}")
    subject = "anlan.431281.incident.{}.i1"
    await bench.happened(
        incident_pb.CommandEstablished(
            incident_id=bench.incident, commander=f"chen-{bench.name}", occur_time=to_proto(now())
        ),
        subject.format("CommandEstablished"),
    )
    await bench.happened(
        incident_pb.CommandTransferred(
            incident_id=bench.incident,
            outgoing=f"chen-{bench.name}",
            incoming=f"zhou-{bench.name}",
            effective_time=to_proto(now() + timedelta(hours=1)),
            occur_time=to_proto(now()),
        ),
        subject.format("CommandTransferred"),
    )
    event_id = await bench.happened(mayday(bench), MAYDAY.format("MaydayDeclared"))
    rows = await bench.until(lambda rows: any(row.event_id == str(event_id) for row in rows))
    told = {row.contact_id for row in rows if row.event_id == str(event_id)}
    assert told == {f"chen-{bench.name}"}  # zhou commands from one o'clock on


async def test_an_alarm_of_no_incident_is_told_once(bench: Bench) -> None:
    contact = await bench.register(desk)
    fell = stock_pb.StockFellBelowMinimum(
        depot_id=f"city-{bench.name}",
        item="sandbag",
        usable=4,
        minimum=5,
        occur_time=to_proto(now()),
    )
    event_id, position = uuid4(), next(LATER)
    for _ in range(2):
        await bench.happened(
            fell,
            "anlan.431281.stock.StockFellBelowMinimum.city",
            id_=event_id,
            position=position,
        )
        key = notification_id(event_id, contact.contact_id)
        assert await bench.history(key) == ["NotificationRequested.v1"]


def noted(commander: str, effective_at: datetime, position: int) -> briefing.CommanderNoted:
    return briefing.CommanderNoted(
        incident_id="i1",
        commander=commander,
        effective_at=effective_at,
        position=position,
        occurred_at=NOW,
    )


@pytest.mark.parametrize("backwards", [False, True])
def test_who_takes_command_takes_it_from_whoever_was_to_have_it_later(
    backwards: bool,  # noqa: FBT001
) -> None:
    hour = timedelta(hours=1)
    said = [
        noted("chen", NOW, 1),
        noted("zhou", NOW + 2 * hour, 2),
        noted("prefect", NOW + hour, 3),
    ]
    state = briefing.INITIAL
    for event in reversed(said) if backwards else said:
        state = briefing.evolve(state, event)
    assert state.commander(NOW - hour) == ""
    assert state.commander(NOW) == "chen"
    assert state.commander(NOW + hour) == "prefect"
    assert state.commander(NOW + 3 * hour) == "prefect"


def test_what_was_settled_later_stays_settled() -> None:
    command = matter.SettleMatter(matter="mayday.a1", event_type="x", position=7)
    [event] = matter.decide(command, matter.INITIAL)
    assert matter.evolve(matter.INITIAL, event) == 7
    assert matter.decide(command, 7) == []
    assert matter.decide(command, 8) == []
    assert matter.evolve(9, event) == 9
